"""Errors: by cause, with everything that somebody needs to act."""

import traceback

import pytest

import nanami

from conftest import ACME

TWO = ACME.read_text().replace('owner = "delivery"', 'owner = "delivry"').replace("tcp/6443", "tcp/66443")


def test_every_mistake_of_a_document_is_one_group_for_loops_and_except_star() -> None:
    try:
        nanami.Workspace.from_toml(TWO)
    except* nanami.DocumentError as group:
        errors = group.exceptions
    assert len(errors) == 3
    with pytest.raises(nanami.DocumentErrors) as caught:
        nanami.Workspace.from_toml(TWO)
    first = caught.value.errors[0]
    assert (first.code, first.fault, first.nearest) == ("document.dangling", "caller", ("delivery",))
    assert str(first.place).count(":") == 1 and first.place.path == "networks.build.owner"
    dangling, others = caught.value.split(lambda error: isinstance(error, nanami.DocumentError) and bool(error.nearest))
    assert isinstance(dangling, nanami.DocumentErrors) and isinstance(others, nanami.DocumentErrors)
    assert (len(dangling.errors), len(others.errors), others.code) == (1, 2, caught.value.code)


def test_a_traceback_shows_message_place_and_remedy() -> None:
    try:
        nanami.Workspace.from_toml(TWO)
    except nanami.DocumentErrors as error:
        text = "".join(traceback.format_exception(error))
    assert 'there is no group "delivry" [document.dangling]' in text
    assert "help: did you mean delivery?" in text


def test_a_file_stands_before_each_place(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "acme.toml"
    file.write_text(TWO)
    with pytest.raises(nanami.DocumentErrors, match="acme.toml has 3 mistakes") as caught:
        nanami.Workspace.read(file)
    assert all(str(error).startswith(f"{file}:") for error in caught.value.errors)
    assert f"\n{file}:" in str(caught.value)


def test_what_a_program_built_has_paths_and_no_lines(acme: nanami.Workspace) -> None:
    with pytest.raises(nanami.DocumentErrors) as caught, acme.draft() as draft:
        draft.add(nanami.Peer("new", networks=["prd"]))
    place = caught.value.errors[0].place
    assert (str(place), place.line, place.column) == ("peers.new.networks[0]", None, None)
    assert "did you mean prod?" in str(caught.value)


def test_a_misspelt_name_offers_the_near_ones(acme: nanami.Workspace) -> None:
    for ask in (lambda: acme.peers["ci-runer"], lambda: acme.draft().peers["ci-runer"], lambda: acme.explain("ci-runer", "vpc", "any")):
        with pytest.raises(nanami.UnknownName, match="did you mean ci-runner") as caught:
            ask()
        assert caught.value.nearest == ("ci-runner",) and caught.value.code == "name.unknown"
    assert acme.peers.get("ci-runer") is None and "ci-runer" not in acme.peers
    with pytest.raises(nanami.UnknownName):
        del acme.draft().policies["nobodys"]


def test_a_refused_change_has_every_reason(acme: nanami.Workspace) -> None:
    with acme.draft() as draft:
        draft.add(nanami.Policy("open", "ci-runner", "db-cluster", allow=["any"]))
        draft.update(draft.users["auditor"], role="owner")
    with pytest.raises(nanami.ChangeRefused) as caught:
        acme.apply(draft.changes, by="auditor")
    assert len(caught.value.violations) >= 2
    assert {violation.code for violation in caught.value.violations} >= {"change.forbidden"}
    assert all(violation.remedy for violation in caught.value.violations)


def test_mass_removal_is_asked_for_by_name(acme: nanami.Workspace) -> None:
    changes = acme.changes_to(nanami.Workspace("acme", owner="netops"))
    with pytest.raises(nanami.ChangeRefused) as caught:
        acme.apply(changes)
    assert "change.mass_removal" in {violation.code for violation in caught.value.violations}
    assert len(acme.apply(changes.danger_allow_mass_removal()).peers) == 0
