"""Reports drift from a saved observation: what a control plane recorded.

    python drift.py acme.recording

One line for each peer that does not run what is desired of it, and which flows that touches. Exit code 2 if there is one.
"""

import sys

import nanami


def report(workspace: nanami.Workspace) -> int:
    overview = workspace.status()
    amiss = [status for status in overview.peers if status.state not in ("planned", "matching")]
    print(f"{overview.workspace} at {overview.at:%Y-%m-%d %H:%M} UTC: {len(amiss)} of {len(overview.peers)} peers amiss")
    for status in amiss:
        seen = "never reported" if status.reported is None else f"reported {status.reported} before"
        print(f"\n{status.name}: {status.state}, {seen}")
        match status.state:
            case "behind":
                print(f"  runs {status.applied}, should run {status.desired}")
            case "altered":
                print(f"  changed on the machine: {', '.join(status.altered)}, for {status.altered_since}")
        for passage in workspace.reach(to=status.name).passages:
            print(f"  reached by {passage.from_} on {', '.join(passage.services)}")
    return 2 if amiss else 0


if __name__ == "__main__":
    sys.exit(report(nanami.Workspace.read(sys.argv[1])))
