"""What a call costs: medians of 15 rounds, in microseconds.

    python benches/calls.py ../../examples/acme.toml
"""

import sys
import timeit
from collections.abc import Callable
from statistics import median

import nanami


def microseconds(call: Callable[[], object], times: int) -> float:
    return median(timeit.repeat(call, number=times, repeat=15)) / times * 1e6


def main(document: str) -> None:
    workspace = nanami.Workspace.read(document)
    name = next(iter(workspace.peers))
    core = workspace._core
    plan = workspace.plan()
    calls: list[tuple[str, Callable[[], object], int]] = [
        ("workspace.revision", lambda: workspace.revision, 20_000),
        ("len(workspace.peers)", lambda: len(workspace.peers), 20_000),
        ("workspace.peers[name]", lambda: workspace.peers[name], 5_000),
        ("a native call without work, with the lock let go", lambda: core.known("peers", name), 20_000),
        ("len(plan.reachability.gained)", lambda: len(plan.reachability.gained), 20_000),
        ("str(plan)", lambda: str(plan), 200),
        ("workspace.plan()", lambda: workspace.plan(), 50),
        ("workspace.explain(…)", lambda: workspace.explain(name, name, "tcp/443"), 200),
    ]
    for what, call, times in calls:
        print(f"{microseconds(call, times):12.2f} us  {what}")


if __name__ == "__main__":
    main(sys.argv[1])
