"""The scripts that people copy, each run as they would run it."""

import subprocess
import sys
from pathlib import Path

import nanami

from conftest import ACME, ROOT

EXAMPLES = Path(__file__).parents[1] / "examples"
DOCUMENTS = ROOT / "docs" / "vectors" / "documents"
WG_QUICK = ROOT / "nanami-model" / "tests" / "wg_quick"


def run(script: str, *arguments: Path | str) -> tuple[int, str]:
    command = [sys.executable, EXAMPLES / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_every_script_is_run_here() -> None:
    text = Path(__file__).read_text()
    assert all(f'"{script.name}"' in text for script in EXAMPLES.glob("*.py"))


def test_machines_are_onboarded_from_a_table_all_or_none(tmp_path: Path) -> None:
    table, output = tmp_path / "machines.csv", tmp_path / "new.toml"
    table.write_text("name,groups,network,owner\nweb-1,platform,prod,netops\nweb-2,platform; data,prod,\n")
    code, text = run("onboard.py", ACME, table, output)
    assert code == 0 and "2 changes" in text
    after = nanami.Workspace.read(output)
    assert after.peers["web-1"].owner == "netops" and after.peers["web-2"].groups == ("platform", "data")
    output.unlink()
    table.write_text("name,groups,network\nweb-1,platfrm,prod\nweb 2,data,prd\n")
    code, text = run("onboard.py", ACME, table, output)
    assert code == 1 and not output.exists()
    assert "did you mean platform" in text and "did you mean prod" in text and "web 2" in text
    table.write_text("name,groups,network\nci-runner,delivery,build\n")
    assert run("onboard.py", ACME, table, output)[0] == 1


def test_a_review_refuses_what_breaks_a_promise() -> None:
    code, text = run("review.py", DOCUMENTS / "acme.recording", DOCUMENTS / "opened.toml")
    assert code == 3 and "breaks **ci-never-reaches-db**" in text
    assert "takes away ci-runner -> vpc tcp/443 (last used 21 days ago)" in text
    assert "platform must approve: platform-lead" in text
    assert run("review.py", ACME, ACME)[0] == 0
    assert run("review.py", ACME, DOCUMENTS / "phone.toml")[0] == 2


def test_a_table_says_what_breaks_if_a_gateway_dies() -> None:
    code, text = run("what_breaks.py", ACME)
    assert code == 0 and text.splitlines()[1].split() == ["ap-south", "1", "0", "0", "0"]
    code, text = run("what_breaks.py", ACME, "us-east")
    assert code == 0 and "goes to eu-west by itself" in text
    code, text = run("what_breaks.py", ACME, "us-est")
    assert code == 1 and "did you mean us-east?" in text


def test_drift_is_reported_from_a_recording() -> None:
    code, text = run("drift.py", DOCUMENTS / "acme.recording")
    assert code == 2 and "3 of 8 peers amiss" in text
    assert "db-cluster: behind" in text and "runs 39, should run 41" in text
    assert "reached by api-gateway on tcp/5432" in text
    assert run("drift.py", ACME)[0] == 0


def test_a_folder_of_wg_quick_files_becomes_a_document(tmp_path: Path) -> None:
    output = tmp_path / "office.toml"
    code, text = run("import_folder.py", WG_QUICK / "hub", output)
    assert code == 0 and "revision 0 -> 1" in text
    assert len(nanami.Workspace.read(output).peers) + len(nanami.Workspace.read(output).gateways) == 5
    imported = nanami.import_wg_quick(WG_QUICK / "hub", name="office", owner="me")
    assert imported.workspace.changes_to(nanami.Workspace.read(output)).sentences == ()
    assert imported.guesses[0].certainty == "doubtful" and {guess.certainty for guess in imported.guesses} >= {"likely"}
    assert all(dropped.file and dropped.line for dropped in imported.dropped)
    (tmp_path / "bad").mkdir()
    code, text = run("import_folder.py", tmp_path / "bad", output)
    assert code == 1 and "has no .conf file" in text
    (tmp_path / "bad" / "a.conf").write_text("[Interface]\nPrivateKey = x\n[Peer]\nEndpoint = y\n")
    code, text = run("import_folder.py", tmp_path / "bad", output)
    assert code == 1 and "a.conf:2" in text and "help:" in text
