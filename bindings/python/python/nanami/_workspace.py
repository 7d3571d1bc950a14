"""A workspace at one revision, and every question about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, final

from . import _nanami
from ._answers import (
    Bisected,
    Allowed,
    Comparison,
    Denied,
    Effect,
    Explanation,
    Impact,
    Judgement,
    Overview,
    Plan,
    Reach,
    Sweep,
    explanation_of,
)
from ._board import Board
from ._changes import ChangeSet
from ._document import read_routing
from ._draft import Draft, Section
from ._entities import (
    Assertion,
    Entity,
    Gateway,
    Group,
    JoinKey,
    Network,
    Peer,
    Policy,
    Route,
    Routing,
    User,
)
from ._errors import DocumentError, DocumentErrors, Place

E = TypeVar("E", bound=Entity)


@final
class Workspace:
    """One revision of a workspace: an immutable value. A change makes another one (:meth:`draft`, :meth:`apply`).

    Each answer is what the ``nanami`` command answers, in the same words. Whatever may take long runs without the interpreter's lock.
    """

    def __init__(self, name: str, *, owner: str) -> None:
        """The empty workspace: nobody but its owner."""
        self._core = _nanami.Core.new(name, owner)

    _core: _nanami.Core

    @classmethod
    def _of(cls, core: _nanami.Core) -> Workspace:
        made = object.__new__(cls)
        made._core = core
        return made

    # Reading

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Workspace:
        """Reads a document, TOML or JSON, or what a control plane recorded.

        Raises :class:`DocumentErrors` with every mistake at once, :class:`RecordingRefused`, or ``OSError``.
        """
        syntax: dict[str, Literal["toml", "json"]] = {".toml": "toml", ".json": "json"}
        file = fspath(path)
        return cls._of(_nanami.Core.read(_text(path), syntax.get(Path(path).suffix), file))

    @classmethod
    def from_toml(cls, text: str) -> Workspace:
        """Reads a document. Raises :class:`DocumentErrors` with every mistake at once."""
        return cls._of(_nanami.Core.read(text, "toml"))

    @classmethod
    def from_json(cls, text: str) -> Workspace:
        """Reads a document or a recording. Raises :class:`DocumentErrors` or :class:`RecordingRefused`."""
        return cls._of(_nanami.Core.read(text, "json"))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Workspace:
        """Reads a document that is a dictionary already, such as one of ``tomllib``."""
        return cls._of(_nanami.Core.read(json.dumps(document), "objects"))

    # What it consists of

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self._core.name

    @property
    def revision(self) -> int:
        """Which revision this is."""
        return self._core.revision

    @property
    def recorded_at(self) -> datetime | None:
        """When a control plane recorded it; ``None`` if this comes of a document."""
        at = self._core.recorded_at
        return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc)

    @cached_property
    def _document(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self._core.to_json()))

    def _section(self, cls: type[E]) -> Section[E]:
        return Section(cls, self._document.get(cls.SECTION, {}), self._core)

    @cached_property
    def users(self) -> Section[User]:
        """The users."""
        return self._section(User)

    @cached_property
    def groups(self) -> Section[Group]:
        """The groups."""
        return self._section(Group)

    @cached_property
    def networks(self) -> Section[Network]:
        """The networks."""
        return self._section(Network)

    @cached_property
    def gateways(self) -> Section[Gateway]:
        """The gateways; each is a peer as well."""
        return self._section(Gateway)

    @cached_property
    def peers(self) -> Section[Peer]:
        """The peers, without those that are declared as gateways."""
        return self._section(Peer)

    @cached_property
    def routes(self) -> Section[Route]:
        """The routes."""
        return self._section(Route)

    @cached_property
    def policies(self) -> Section[Policy]:
        """The policies."""
        return self._section(Policy)

    @cached_property
    def join_keys(self) -> Section[JoinKey]:
        """The join keys."""
        return self._section(JoinKey)

    @cached_property
    def assertions(self) -> Section[Assertion]:
        """The assertions."""
        return self._section(Assertion)

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions."""
        declared = set(self._document.get("regions", {}))
        return tuple(sorted(declared | {gateway["region"] for gateway in self._document.get("gateways", {}).values()}))

    @property
    def routing(self) -> Routing:
        """The layers of path intent."""
        return read_routing(self._document.get("routing", {}))

    @property
    def revoked_keys(self) -> tuple[str, ...]:
        """Public keys that nobody may join with again."""
        return tuple(self._document["workspace"].get("revoked_keys", ()))

    def to_toml(self) -> str:
        """The document that says this."""
        return self._core.to_toml()

    def to_json(self) -> str:
        """The document that says this, as JSON."""
        return self._core.to_json()

    def to_dict(self) -> dict[str, Any]:
        """The document that says this, as a dictionary."""
        return cast("dict[str, Any]", json.loads(self._core.to_json()))

    # Changing it

    def draft(self) -> Draft:
        """Begins to collect changes to this revision."""
        return Draft(self)

    def changes_to(self, wanted: Workspace) -> ChangeSet:
        """The changes that turn this into the wanted one. Names are identity: what keeps its name stays what it is."""
        return ChangeSet._of(self._core.changes_to(wanted._core))

    def apply(self, changes: ChangeSet, *, by: str | None = None) -> Workspace:
        """The next revision: all changes or none. ``by`` is the user who makes them, else an owner.

        Raises :class:`ChangeRefused` with every rule that stands against it.
        """
        return self._of(self._core.apply(changes._native, by))

    # Asking

    def plan(self, *, since: Workspace | None = None, by: str | None = None) -> Plan:
        """What the workspace means, or what changes from what runs now (``since``); ``by`` proposes it."""
        native = self._core.plan(None if since is None else since._core, by)
        return Plan._with(native, self.board() if since is None else since.board(plan=self))

    def compare(self, since: Workspace) -> Comparison:
        """What differs from an older workspace, and what that means for who reaches what (the command's ``diff``)."""
        return Comparison._of(self._core.compare(since._core))

    def effect(self, since: Workspace) -> Effect:
        """What is gained, lost, rerouted and disturbed by the way from an older workspace to this one."""
        return self.compare(since).effect

    def explain(self, from_: str, to: str, service: str) -> Explanation:
        """Why a flow passes, or everything that stops it and the smallest repair.

        ``to`` is a peer, a route or an address. Raises :class:`UnknownName` with the near ones, :class:`ValueRefused`.
        """
        return explanation_of(self._core.explain(from_, to, service))

    def why(self, from_: str, to: str, service: str) -> Allowed | None:
        """Why a flow passes; ``None`` if it does not."""
        explanation = self.explain(from_, to, service)
        return explanation if isinstance(explanation, Allowed) else None

    def why_not(self, from_: str, to: str, service: str) -> Denied | None:
        """Everything that stops a flow, and what would open it; ``None`` if it passes."""
        explanation = self.explain(from_, to, service)
        return explanation if isinstance(explanation, Denied) else None

    def reach(self, *, to: str | None = None, from_: str | None = None, user: str | None = None) -> Reach:
        """Who reaches ``to``, what the peer ``from_`` reaches, or what the peers of a ``user``'s groups reach: one of the three."""
        match (to, from_, user):
            case (str(name), None, None):
                return Reach._of(self._core.reach("to", name))
            case (None, str(name), None):
                return Reach._of(self._core.reach("from", name))
            case (None, None, str(name)):
                return Reach._of(self._core.reach("user", name))
        raise TypeError("reach() takes one of to, from_ and user")

    def what_if(self, change: ChangeSet | Workspace) -> WhatIf:
        """What changes would mean, before anybody makes them. Raises :class:`ChangeRefused`."""
        return WhatIf(self, change if isinstance(change, Workspace) else self.apply(change))

    def impact(
        self,
        *gateways: str,
        regions: Iterable[str] = (),
        hosts: Iterable[str] = (),
        without_control: bool = False,
    ) -> Impact:
        """What stops, moves or waits when all of this dies at once."""
        return Impact._of(self._core.impact(list(gateways), _list(regions), _list(hosts), without_control))

    def sweep(self) -> Sweep:
        """What each gateway's death alone would stop."""
        return Sweep._of(self._core.sweep())

    def check(self, *, since: Workspace | None = None, extra: Iterable[Assertion] = ()) -> Judgement:
        """Whether all assertions hold: the workspace's own and ``extra`` ones, on this state and on the change since another."""
        core = self._core
        if extra := tuple(extra):
            draft = self.draft()
            draft.put(*extra)
            core = self.apply(draft.changes)._core
        return Judgement._of(core.check(None if since is None else since._core))

    def status(self) -> Overview:
        """Which peers match, are behind, were altered or are silent, by a recording; of a document everything is planned."""
        return Overview._of(self._core.status())

    def board(self, *, plan: Workspace | None = None) -> Board:
        """The workspace as a picture, drawn when it is looked at.

        With ``plan``, the workspace that it shall become: what that gains, loses, reroutes and disturbs lies over the picture.
        """
        return Board._of(self._core, len(self.peers) + len(self.gateways), None if plan is None else plan._core)

    def export(self, peer: str, *, endpoint: str | None = None) -> str:
        """The ``wg-quick`` file of a plain device, without its private key; ``endpoint`` is where its gateway is reached.

        Raises :class:`NoExport` for a peer that takes its map from control, and while its gateway has no key.
        """
        return self._core.export(peer, endpoint)

    def __repr__(self) -> str:
        return f"<Workspace {self.name}, revision {self.revision}>"

    def __str__(self) -> str:
        return self.to_toml()

    def _repr_svg_(self) -> str:
        return self.board().to_svg()


@final
class WhatIf:
    """What a change would mean: the workspace that it leads to, beside the one that it begins with."""

    def __init__(self, before: Workspace, after: Workspace) -> None:
        self.before, self.after = before, after

    @property
    def recipients(self) -> tuple[str, ...]:
        """The peers that would get another map, by name."""
        return tuple(self.after._core.recipients(self.before._core))

    @cached_property
    def plan(self) -> Plan:
        """The steps of it."""
        return self.after.plan(since=self.before)

    @cached_property
    def effect(self) -> Effect:
        """What is gained, lost, rerouted and disturbed."""
        return self.after.effect(self.before)

    def check(self, extra: Iterable[Assertion] = ()) -> Judgement:
        """Whether all assertions hold, and these."""
        return self.after.check(since=self.before, extra=extra)

    def __repr__(self) -> str:
        return f"<WhatIf: {self.before!r} to revision {self.after.revision}>"

    def __str__(self) -> str:
        return str(self.plan)

    def _repr_html_(self) -> str:
        return self.plan._repr_html_()


def bisect(from_: str, to: str, service: str, workspaces: Mapping[str, Workspace]) -> Bisected:
    """Which change broke a flow, or opened it: workspaces by what they are called, the oldest first.

    Raises :class:`UnknownName` if none has both ends, :class:`ChangeRefused` if one cannot follow the one before it.
    """
    if not workspaces:
        raise ValueError("no workspace was given to ask")
    documents = [(name, workspace._core) for name, workspace in workspaces.items()]
    return Bisected._of(_nanami.bisect(from_, to, service, documents))


def _list(names: Iterable[str]) -> list[str]:
    if isinstance(names, str):
        raise TypeError(f"a list of names is wanted, not the text {names!r}")
    return list(names)


def _text(path: str | PathLike[str]) -> str:
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_text(fspath(path), data, error.start) from None


def _no_text(file: str, data: bytes, at: int) -> DocumentErrors:
    before = data[:at].decode("utf-8")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    mistake = DocumentError(f"this is no UTF-8 text, from byte {at} on")
    mistake.place = Place(file, line, column, "")
    errors = DocumentErrors(f"{file} has 1 mistake\n\n{mistake}\n  help: save it as UTF-8", [mistake])
    for error in (mistake, errors):
        error.code, error.fault, error.remedy = "document.syntax", "caller", "save it as UTF-8"
    return errors
