"""What breaks if this gateway dies? A table, worst first.

    python what_breaks.py acme.toml            each gateway alone
    python what_breaks.py acme.toml us-east    one of them, flow by flow
"""

import sys

import nanami


def each(workspace: nanami.Workspace) -> None:
    print(f"{'gateway':<16}{'lost':>6}{'needs control':>15}{'fails over':>12}{'without standby':>17}")
    for toll in workspace.sweep().gateways:
        print(f"{toll.without:<16}{toll.lost:>6}{toll.needs_control:>15}{toll.fails_over:>12}{toll.without_standby:>17}")


def one(workspace: nanami.Workspace, gateway: str) -> None:
    for outcome in workspace.impact(gateway).outcomes:
        for peer in outcome.from_:
            print(f"{peer:<16}-> {outcome.to.name:<16}{outcome.fate:<16}{outcome.by or '':<12}{outcome.why}")


def main(arguments: list[str]) -> int:
    try:
        workspace = nanami.Workspace.read(arguments[0])
        if arguments[1:]:
            one(workspace, arguments[1])
        else:
            each(workspace)
    except nanami.NanamiError as error:
        print(f"error: {error}\n  help: {error.remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
