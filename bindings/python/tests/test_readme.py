"""The Python of the pages runs as it stands there."""

import re
from pathlib import Path

import pytest

from conftest import ACME, ROOT

PAGES = [ROOT / "README.md", ROOT / "bindings" / "python" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    (tmp_path / "acme.toml").write_bytes(ACME.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)  # noqa: S102 - it is our own page
    assert "reaches db-cluster, at revision 1" in capsys.readouterr().out
