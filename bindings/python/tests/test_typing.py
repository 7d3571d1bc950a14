"""The types are honest: mypy takes the examples and these tests strictly, and stubtest finds the module as it is typed."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_takes_package_examples_and_tests_strictly() -> None:
    run("mypy", "--strict", "python/nanami", "examples", "benches", "tests")


def test_stubtest_finds_what_the_types_say() -> None:
    run("mypy.stubtest", "nanami", "--allowlist", "tests/stubtest.allow")
