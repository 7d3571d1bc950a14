"""The parts of answers: who reaches what, which way, by what, and what a change does to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ._changes import ChangeSet
from ._decode import Range
from ._listed import Listed

State = Literal["planned", "matching", "behind", "altered", "foreign", "unknown"]
Stage = Literal["tighten", "prepare", "move", "retire", "open"]


@dataclass(frozen=True, slots=True)
class End:
    """What is reached: a peer, a route or an address."""

    kind: Literal["peer", "route", "address"]
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Way:
    """Which way packets go; ``gateways`` has the one in use first, then the standbys."""

    path: Literal["direct", "gateway", "none"]
    gateways: tuple[str, ...]
    near: str | None = None
    """The gateway before those, which hands on to them; ``None`` unless two gateways are on the way."""


@dataclass(frozen=True, slots=True)
class InUse:
    """How many of many are known to be used, and how long ago the latest was."""

    count: int
    last: timedelta


@dataclass(frozen=True, slots=True)
class Used:
    """How much something was used; ``None`` is unknown."""

    open_flows: int | None
    last_used: timedelta | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody who reaches something: by which services, which way, by which policies."""

    from_: str
    to: End
    services: tuple[str, ...]
    way: Way
    policies: tuple[str, ...]
    part: Range | None = None
    """Of a route: the range that this is about, if it is not what the route has to itself."""
    way_before: Way | None = None
    """Of something rerouted: the way until now."""
    disturbed_by: str | None = None
    """Why open connections may stall while the change is made."""
    usage: Used | None = None
    """``None`` is unknown."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose peers gain or lose reach."""

    user: str
    passages: int


@dataclass(frozen=True, slots=True)
class Reachability:
    """What is gained, lost, rerouted, disturbed and kept."""

    gained: Listed[Passage]
    lost: Listed[Passage]
    rerouted: Listed[Passage]
    disturbed: Listed[Passage]
    kept: int
    people: Listed[Person]


@dataclass(frozen=True, slots=True)
class Approval:
    """A group that must approve, and who can for it."""

    group: str
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One object that comes, goes or becomes another; ``says`` is the line of it in a text, cell by cell."""

    change: Literal["add", "update", "remove"]
    kind: str
    name: str
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """An assertion that does not hold, and what breaks it."""

    assertion: str
    cause: str
    others: int
    """How many more things break it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many assertions hold, and the others."""

    total: int
    held: int
    broken: tuple[Broken, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a step waits for: that a peer acknowledged a stage."""

    peer: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Step:
    """What one peer does in one stage, and why."""

    stage: Stage
    peer: str
    does: Listed[str]
    because: str
    waits_for: Listed[Gate]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The steps of a plan; ``peers`` of the workspace's ``of`` take part."""

    peers: int
    of: int
    steps: Listed[Step]


@dataclass(frozen=True, slots=True)
class Flow:
    """Who asks for what, on which service."""

    from_: str
    to: End
    service: str


@dataclass(frozen=True, slots=True)
class Ground:
    """One link of a proof: it passes, it fails, or it was seen beside the verdict."""

    topic: str
    verdict: Literal["pass", "fail", "seen"]
    text: str


@dataclass(frozen=True, slots=True)
class Hop:
    """One machine on the way, what it should run, what it runs, and what it does."""

    name: str
    address: str
    desired: int | None
    applied: int | None
    handshake: timedelta | None
    rtt: timedelta | None
    does: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A smallest change that opens a flow; ``changes`` is what :meth:`Workspace.apply` takes."""

    change: str
    document: str | None
    """What the document would say, as TOML."""
    opens_others: int
    """How many pairs it opens besides the one that was asked about."""
    breaks: tuple[str, ...]
    reachability: Reachability
    approvals: tuple[Approval, ...]
    changes: ChangeSet = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Who:
    """Whose reach was asked for."""

    kind: Literal["from", "to", "user"]
    name: str

    @classmethod
    def _read(cls, told: dict[str, Any]) -> Who:
        (kind, name), = told.items()
        return cls(kind, name["name"] if isinstance(name, dict) else name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Flows:
    """So many pairs of a peer and what it reaches, by their fate."""

    lost: int
    needs_control: int
    fails_over: int
    unaffected: int
    without_standby: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a passage when something dies; ``by`` carries it then."""

    to: End
    from_: Listed[str]
    way: Way
    fate: Literal["unaffected", "local_failover", "needs_control", "lost"]
    by: str | None
    slower: timedelta | None
    why: str
    lost_its_last_standby: bool


@dataclass(frozen=True, slots=True)
class Crowded:
    """A gateway that more clients would come to than it has room for."""

    gateway: str
    clients_before: int
    clients_after: int
    capacity: int


@dataclass(frozen=True, slots=True)
class TooMany:
    """A gateway that more clients would come to than it has room for."""

    gateway: str
    clients_after: int


@dataclass(frozen=True, slots=True)
class Toll:
    """What is lost, waits or moves without one gateway, counted in pairs."""

    without: str
    lost: int
    needs_control: int
    fails_over: int
    unaffected: int
    without_standby: int
    crowded: tuple[TooMany, ...]


@dataclass(frozen=True, slots=True)
class Altered:
    """One entry of a peer's map that somebody changed on the machine."""

    peer: str
    part: str
    how: Literal["missing", "altered", "foreign"]
    entry: str
    is_: str | None
    should_be: str | None
    seen_at: datetime
    applied_at: datetime | None
    """When the map was applied; ``None`` if the peer does not say."""
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something legal that does less than it says, with what to do about it."""

    code: str
    subject: str
    field: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Status:
    """How what one peer reports relates to what is desired of it; ages count to the moment of the overview."""

    name: str
    state: State
    desired: int | None
    applied: int | None
    reported: timedelta | None
    links_up: int | None
    links: int | None
    altered: tuple[str, ...]
    """Which parts of its map somebody changed on the machine."""
    altered_since: timedelta | None = field(metadata={"json": "altered_ms"})
    entries: Listed[Altered]
    """What was changed there, entry by entry, as far as the peer names it."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """So many pairs by their way, and by whether they were used in the last hour."""

    direct: int
    via_gateway: int
    used: int
    idle: int
