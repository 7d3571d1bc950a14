"""Onboards machines from a CSV file: one revision for all of them, or every mistake at once.

    python onboard.py acme.toml machines.csv new.toml

The table has the columns `name`, `groups` (with `;` between several), `network` and, if wanted, `owner`. The document is written only
if every row fits; what it means is printed first.
"""

import csv
import sys
from pathlib import Path

import nanami


def onboard(workspace: nanami.Workspace, table: str) -> nanami.Workspace:
    with workspace.draft() as draft, open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups = [group.strip() for group in row["groups"].split(";") if group.strip()]
            owner = row.get("owner") or None
            draft.add(nanami.Peer(row["name"], groups=groups, networks=[row["network"]], owner=owner))
    return workspace.apply(draft.changes.with_reason(f"onboarding from {table}"))


def main(document: str, table: str, output: str) -> int:
    workspace = nanami.Workspace.read(document)
    try:
        after = onboard(workspace, table)
    except (nanami.DocumentErrors, nanami.ChangeRefused, ValueError) as error:
        print(f"{table} does not fit: {error}", file=sys.stderr)
        return 1
    plan = after.plan(since=workspace)
    print(plan)
    if not plan.holds:
        return 3
    Path(output).write_text(after.to_toml(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
