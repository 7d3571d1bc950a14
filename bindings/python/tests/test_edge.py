"""The edge: hostile input is an error of ours, and no panic crosses."""

import sys
import threading
from collections.abc import Callable

import pytest

import nanami
from nanami import _nanami

HOSTILE = ["", "\0", "{", "[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "=", "[workspace", "\ufeff", "é" * 1000, '"\\ud800"', "9" * 400]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_that_is_no_document_is_an_error(text: str) -> None:
    for read in (nanami.Workspace.from_toml, nanami.Workspace.from_json):
        with pytest.raises(nanami.DocumentErrors) as caught:
            read(text)
        assert caught.value.errors and all(error.code and error.remedy for error in caught.value.errors)


def test_a_recording_that_is_none_is_an_error() -> None:
    for text in ('{"recording": 1}', '{"recording": "x', '{"recording":1,"intent":{}}'):
        with pytest.raises(nanami.RecordingRefused, match="is no recording"):
            nanami.Workspace.from_json(text)


def test_lone_surrogates_are_an_error_of_python(acme: nanami.Workspace) -> None:
    with pytest.raises(UnicodeEncodeError):
        acme.explain("\ud800", "db-cluster", "tcp/5432")


def test_a_panic_is_an_internal_error_and_the_next_call_works(acme: nanami.Workspace) -> None:
    with pytest.raises(nanami.InternalError, match="it broke") as caught:
        _nanami._panics("it broke")
    assert isinstance(caught.value, Exception) and caught.value.fault == "ours"
    assert acme.check().holds


@pytest.mark.parametrize("name", ["", "\0", "x" * 10_000, "Ä", "peer:", "route:", "10.42.0.300", "1.2.3.4/8", "a b", "../etc"])
def test_names_that_are_nobodys_are_errors(acme: nanami.Workspace, name: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: acme.explain(name, "db-cluster", "tcp/5432"),
        lambda: acme.reach(to=name),
        lambda: acme.reach(from_=name),
        lambda: acme.reach(user=name),
        lambda: acme.impact(name),
        lambda: acme.impact(regions=[name]),
        lambda: acme.impact(hosts=[name]),
        lambda: acme.export(name),
        lambda: acme.plan(by=name),
        lambda: acme.peers[name],
        lambda: acme.policies[name],
    ]
    for ask in asked:
        with pytest.raises(nanami.UnknownName) as caught:
            ask()
        assert caught.value.code == "name.unknown" and caught.value.remedy
    for service in (name, "tcp/0", "tcp/99999999999999999999"):
        with pytest.raises(nanami.ValueRefused):
            acme.explain("ci-runner", "db-cluster", service)
    with pytest.raises(nanami.ValueRefused):
        nanami.Workspace(name or "Ä", owner="a")


def test_work_runs_without_the_interpreters_lock(acme: nanami.Workspace) -> None:
    ran: list[int] = []
    go = threading.Lock()
    go.acquire()

    def other() -> None:
        with go:
            ran.append(1)

    thread, before = threading.Thread(target=other), sys.getswitchinterval()
    thread.start()
    # From here on nobody is interrupted: the other thread runs only while this one has let go of the lock.
    sys.setswitchinterval(1_000_000)
    try:
        go.release()
        tries = next((n for n in range(10_000) if ran or acme.board().to_svg() is None), None)
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert tries is not None, "the other thread never ran"
