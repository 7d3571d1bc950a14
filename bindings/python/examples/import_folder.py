"""Imports a folder of wg-quick files: says what was guessed, and writes the document.

    python import_folder.py /etc/wireguard office.toml
"""

import sys
from pathlib import Path

import nanami


def main(folder: str, output: str) -> int:
    try:
        imported = nanami.import_wg_quick(folder, name="office", owner="me")
    except nanami.DocumentErrors as errors:
        for error in errors.errors:
            print(f"{error}\n  help: {error.remedy}", file=sys.stderr)
        return 1
    except nanami.NanamiError as error:
        print(f"error: {error}\n  help: {error.remedy}", file=sys.stderr)
        return 1
    print(imported)
    print(imported.workspace.plan())
    Path(output).write_text(imported.workspace.to_toml(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
