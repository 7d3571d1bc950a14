"""What the tests share: acme, the workspace that every page of the documentation uses."""

from pathlib import Path

import pytest

import nanami

ROOT = Path(__file__).parents[3]
ACME = ROOT / "examples" / "acme.toml"


@pytest.fixture
def acme() -> nanami.Workspace:
    return nanami.Workspace.read(ACME)
