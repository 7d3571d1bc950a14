"""Changes being collected, in the words of the document."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, final

from . import _nanami
from ._changes import ChangeSet
from ._document import entity_of, entry_of, read_routing, written
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
from ._errors import UnknownName

if TYPE_CHECKING:
    from ._workspace import Workspace

E = TypeVar("E", bound=Entity)

Document = dict[str, Any]


@final
class Section(Mapping[str, E], Generic[E]):
    """One section of a workspace, by name. A name that is nobody's is an :class:`UnknownName` with those that are near."""

    __slots__ = ("_cls", "_core", "_entries", "_made")

    def __init__(self, cls: type[E], entries: Mapping[str, Any], core: _nanami.Core) -> None:
        self._cls, self._entries, self._core = cls, entries, core
        self._made: dict[str, E] = {}

    def __getitem__(self, name: str) -> E:
        made = self._made.get(name)
        if made is not None:
            return made
        entry = self._entries.get(name)
        if entry is None:
            raise unknown(self._core, self._cls, name)
        return self._made.setdefault(name, entity_of(self._cls, name, entry))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __repr__(self) -> str:
        return f"<{self._cls.SECTION}: {', '.join(self._entries) or 'none'}>"


def unknown(core: _nanami.Core, cls: type[Entity], name: str) -> UnknownName:
    """The error for a name that a section does not have."""
    try:
        core.known(cls.SECTION, name)
    except UnknownName as near:
        return near.with_traceback(None)
    error = UnknownName(f"{name} is not in {cls.SECTION}")
    error.code, error.fault, error.remedy = "name.unknown", "caller", f"name what is in {cls.SECTION}"
    return error


@final
class DraftSection(MutableMapping[str, E], Generic[E]):
    """One section of a draft: assign, replace and delete by name."""

    __slots__ = ("_cls", "_core", "_document")

    def __init__(self, cls: type[E], document: Document, core: _nanami.Core) -> None:
        self._cls, self._document, self._core = cls, document, core

    @property
    def _entries(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._document.get(self._cls.SECTION, {}))

    def __getitem__(self, name: str) -> E:
        entry = self._entries.get(name)
        if entry is None:
            raise unknown(self._core, self._cls, name)
        return entity_of(self._cls, name, entry)

    def __setitem__(self, name: str, entity: E) -> None:
        if not isinstance(entity, self._cls):
            raise TypeError(f"{self._cls.SECTION} hold {self._cls.__name__}, not {type(entity).__name__}")
        if entity.name != name:
            raise ValueError(f"{entity.name} cannot stand under the name {name}")
        self._document.setdefault(self._cls.SECTION, {})[name] = entry_of(entity)

    def __delitem__(self, name: str) -> None:
        if name not in self._entries:
            raise unknown(self._core, self._cls, name)
        del self._entries[name]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __repr__(self) -> str:
        return f"<draft of {self._cls.SECTION}: {', '.join(self._entries) or 'none'}>"


@final
class Draft:
    """Changes being collected. As a block it checks them at its end; :attr:`changes` are then what :meth:`Workspace.apply` takes."""

    def __init__(self, base: Workspace) -> None:
        self._base = base
        self._core = base._core
        self._document: Document = copy.deepcopy(base._document)

    @property
    def users(self) -> DraftSection[User]:
        """The users."""
        return self._section(User)

    @property
    def groups(self) -> DraftSection[Group]:
        """The groups."""
        return self._section(Group)

    @property
    def networks(self) -> DraftSection[Network]:
        """The networks."""
        return self._section(Network)

    @property
    def gateways(self) -> DraftSection[Gateway]:
        """The gateways."""
        return self._section(Gateway)

    @property
    def peers(self) -> DraftSection[Peer]:
        """The peers, without those that are declared as gateways."""
        return self._section(Peer)

    @property
    def routes(self) -> DraftSection[Route]:
        """The routes."""
        return self._section(Route)

    @property
    def policies(self) -> DraftSection[Policy]:
        """The policies."""
        return self._section(Policy)

    @property
    def join_keys(self) -> DraftSection[JoinKey]:
        """The join keys."""
        return self._section(JoinKey)

    @property
    def assertions(self) -> DraftSection[Assertion]:
        """The assertions."""
        return self._section(Assertion)

    @property
    def routing(self) -> Routing:
        """The layers of path intent."""
        return read_routing(self._document.get("routing", {}))

    @routing.setter
    def routing(self, routing: Routing) -> None:
        self._document["routing"] = written(routing)

    @property
    def revoked_keys(self) -> tuple[str, ...]:
        """Public keys that nobody may join with again."""
        return tuple(self._document["workspace"].get("revoked_keys", ()))

    @revoked_keys.setter
    def revoked_keys(self, keys: Iterable[str]) -> None:
        self._document["workspace"]["revoked_keys"] = list(keys)

    def add(self, *entities: Entity) -> None:
        """Adds what is not there yet; a name that its section has already is a ``ValueError``."""
        for entity in entities:
            if entity.name in self._section(type(entity)):
                raise ValueError(f"{entity.SECTION}.{entity.name} is there already: use put() to replace it")
            self.put(entity)

    def put(self, *entities: Entity) -> None:
        """Adds each, in the place of what bears its name in its section."""
        for entity in entities:
            self._section(type(entity))[entity.name] = entity

    def update(self, entity: E, **fields: Any) -> E:
        """Replaces fields of what is there, as ``dataclasses.replace`` does, and says what it is now."""
        held: Any = self._section(type(entity))[entity.name]
        made = cast(E, replace(held, **fields))
        self.put(made)
        return made

    def remove(self, *entities: Entity) -> None:
        """Takes each out. What others refer to cannot go: the changes are refused with the list."""
        for entity in entities:
            del self._section(type(entity))[entity.name]

    def remove_with_dependents(self, *entities: Entity) -> tuple[str, ...]:
        """Takes each out with all that cannot be without it, and says what else goes, as ``policy ci-to-vpc``.

        What can do without it stays and no longer names it. What was drafted until then has to be without mistakes.
        """
        others: list[str] = []
        for entity in entities:
            core = _nanami.Core.read(json.dumps(self._document), "objects")
            bereft, gone = core.without_object(entity.SECTION, entity.name)
            _follow(self._document, json.loads(core.to_json()), json.loads(bereft.to_json()))
            others += gone
        return tuple(others)

    def _section(self, cls: type[E]) -> DraftSection[E]:
        return DraftSection(cls, self._document, self._core)

    @property
    def changes(self) -> ChangeSet:
        """What was collected.

        Raises :class:`DocumentErrors` with every mistake at once: names that dangle, values that are none, rules that break.
        """
        wanted = _nanami.Core.read(json.dumps(self._document), "objects")
        return ChangeSet._of(self._core.changes_to(wanted))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.changes  # noqa: B018 - it raises what is wrong, at the end of the block


def _follow(document: Document, before: Document, after: Document) -> None:
    """Makes the changes between two documents in a third one, which may say more."""
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        held = document.get(key)
        if isinstance(held, dict) and isinstance(was, dict) and isinstance(now, dict):
            _follow(held, was, now)
        elif key in after:
            document[key] = now
        else:
            document.pop(key, None)
