"""Reviews a proposed document in CI: prints what it means as a comment, and fails if it breaks a promise.

    python review.py live.toml proposed.toml

`live.toml` may be a recording of a control plane; then the review knows what was used. Exit codes are the command's: 0 nothing
changes, 2 something does, 3 refused.
"""

import sys

import nanami

# What this team asks of every change, beside the assertions that stand in the document.
OURS = [
    nanami.Assertion("ci-never-reaches-db", nanami.MustNotReach("ci-runner", "db-cluster", "tcp/5432")),
    nanami.Assertion("small-steps", nanami.RemovesAtMost(10)),
]


def comment(plan: nanami.Plan, judged: nanami.Judgement) -> str:
    lines = [f"**{'Refused' if judged.broken else 'Review'}**: {plan.changes.count} changes to {plan.workspace}", ""]
    lines += [f"- breaks **{broken.assertion}**: {broken.cause}" for broken in judged.broken]
    for passage in plan.reachability.lost:
        match passage.usage:
            case nanami.Used(flows, last) if last is not None:
                used = f"last used {last.days} days ago" + ("" if flows is None else f", {flows} open flows")
            case _:
                used = "use unknown"
        lines.append(f"- takes away {passage.from_} -> {passage.to} {', '.join(passage.services)} ({used})")
    for passage in plan.reachability.gained:
        lines.append(f"- opens {passage.from_} -> {passage.to} {', '.join(passage.services)}")
    for approval in plan.approvals:
        lines.append(f"- {approval.group} must approve: {', '.join(approval.approvers) or 'nobody can'}")
    return "\n".join([*lines, "", "```text", str(plan), "```"])


def main(live: str, proposed: str) -> int:
    try:
        running, wanted = nanami.Workspace.read(live), nanami.Workspace.read(proposed)
        what_if = running.what_if(running.changes_to(wanted))
    except nanami.NanamiError as error:
        print(error)
        return 1
    judged = what_if.check(OURS)
    print(comment(what_if.plan, judged))
    if judged.broken:
        return 3
    return 0 if what_if.plan.is_empty else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
