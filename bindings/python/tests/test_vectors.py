"""The vectors that every language runs (``docs/vectors``): answers word for word, errors with code, place and remedy."""

import json
from typing import Any

import pytest

import nanami

from conftest import ROOT

VECTORS = ROOT / "docs" / "vectors"
DOCUMENTS = VECTORS / "documents"
Vector = dict[str, Any]


def vectors(name: str) -> list[Any]:
    read: list[Vector] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [pytest.param(each, id=" ".join(f"{key}={str(it)[:24]}" for key, it in each["ask"].items() if key != "text")) for each in read]


def asked(ask: Vector) -> nanami.Answer | str:
    """The question in the words of Python."""
    if ask["verb"] == "bisect":
        documents = {file: nanami.Workspace.read(DOCUMENTS / file) for file in ask["files"]}
        return nanami.bisect(ask["from"], ask["to"], ask["service"], documents)
    workspace = nanami.Workspace.read(DOCUMENTS / ask["file"])
    since = nanami.Workspace.read(DOCUMENTS / ask["since"]) if "since" in ask else None
    match ask["verb"]:
        case "plan":
            return workspace.plan(since=since)
        case "diff":
            assert since is not None
            return workspace.compare(since)
        case "check":
            return workspace.check(since=since)
        case "explain":
            return workspace.explain(ask["from"], ask["to"], ask["service"])
        case "reach":
            return workspace.reach(to=ask.get("to"), from_=ask.get("from"), user=ask.get("user"))
        case "impact":
            dead = {"regions": ask.get("regions", ()), "without_control": ask.get("without_control", False)}
            return workspace.impact(*ask["gateways"], **dead)
        case "sweep":
            return workspace.sweep()
        case "status":
            return workspace.status()
        case "export":
            return workspace.export(ask["peer"], endpoint=ask["endpoint"])
        case verb:
            raise AssertionError(verb)


@pytest.mark.parametrize("vector", vectors("answers.json"))
def test_an_answer_is_the_commands_word_for_word(vector: Vector) -> None:
    answer = asked(vector["ask"])
    assert str(answer).rstrip("\n") == vector["text"]
    if isinstance(answer, nanami.Answer):
        assert f"{answer:#}".rstrip("\n") == vector["all"]
        assert answer.to_markdown() == vector["markdown"]
        assert json.loads(answer.to_json()) == vector["json"]


def fails(ask: Vector) -> nanami.NanamiError:
    with pytest.raises(nanami.NanamiError) as caught:
        match ask["verb"]:
            case "read" if ask["syntax"] == "toml":
                nanami.Workspace.from_toml(ask["text"])
            case "read":
                nanami.Workspace.from_json(ask["text"])
            case "apply":
                workspace = nanami.Workspace.read(DOCUMENTS / ask["file"])
                workspace.apply(workspace.changes_to(nanami.Workspace.from_toml(ask["wanted"])), by=ask["by"])
            case _:
                asked(ask)
    return caught.value


def said(error: nanami.NanamiError) -> Vector:
    return {
        "code": error.code,
        "message": error.message,
        "fault": error.fault,
        "retryable": error.retryable,
        "remedy": error.remedy,
    }


@pytest.mark.parametrize("vector", vectors("errors.json"))
def test_an_error_has_the_code_place_and_remedy_of_the_vector(vector: Vector) -> None:
    error, wanted = fails(vector["ask"]), vector["error"]
    parts: list[Vector] = []
    match error:
        case nanami.DocumentErrors():
            for part in error.errors:
                place = {"line": part.place.line, "column": part.place.column, "path": part.place.path}
                parts.append(said(part) | {"place": place})
            n = len(error.errors)
            heading = f"the document has {n} mistake{'s' if n > 1 else ''}\n\n"
            assert error.message == heading + wanted["message"]
            assert said(error) | {"message": wanted["message"], "parts": parts} == wanted
        case nanami.ChangeRefused():
            assert said(error) | {"parts": [said(part) for part in error.violations]} == wanted
        case nanami.UnknownName():
            assert said(error) | {"nearest": list(error.nearest)} == wanted
            assert isinstance(error, KeyError)
        case other:
            raise AssertionError(other)
