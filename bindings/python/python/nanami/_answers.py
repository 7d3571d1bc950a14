"""The answers: one class for what each verb of the command prints."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from . import _nanami
from ._answer import Answer
from ._board import Board
from ._changes import ChangeSet
from ._listed import Listed
from ._results import (
    Altered,
    Approval,
    Broken,
    Crowded,
    Edit,
    Fix,
    Flow,
    Flows,
    Ground,
    Hop,
    InUse,
    Judged,
    Notice,
    Outcome,
    Passage,
    Person,
    Reachability,
    Reachable,
    Rollout,
    Status,
    Toll,
    Way,
    Who,
)


@dataclass(frozen=True, repr=False)
class Effect(Answer):
    """What a change gains, loses, reroutes and disturbs, and who must approve it."""

    gained: Listed[Passage]
    lost: Listed[Passage]
    rerouted: Listed[Passage]
    disturbed: Listed[Passage]
    kept: int
    people: Listed[Person]
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, repr=False)
class Plan(Answer):
    """Ordered steps from what runs to what is wanted, with what they mean. A notebook shows it below the board it leads to."""

    id: str
    workspace: str
    from_revision: int | None
    """``None`` if the plan begins with nothing."""
    to_revision: int
    author: str | None
    changes: Listed[Edit]
    reachability: Reachability
    lost_in_use: InUse | None
    """How much of all that is lost was used, listed or not; ``None`` if of none it is known."""
    assertions: Judged
    approvals: tuple[Approval, ...]
    rollout: Rollout
    guarantees: tuple[Literal["G1", "G2"], ...]
    until_then: Listed[str]
    elsewhere: Listed[str]
    stale_files: Listed[str]
    altered: Listed[Altered]
    """What somebody changed on machines that the plan starts from."""
    notices: Listed[Notice]
    """What the change makes suspicious."""
    _board: Board = field(kw_only=True, compare=False)

    @classmethod
    def _with(cls, native: _nanami.Answer, board: Board) -> Self:
        return cls._told(native, cls._json(native), _board=board)

    @property
    def effect(self) -> Effect:
        """What is gained, lost, rerouted and disturbed, with a text of its own."""
        effect = self._native.effect()
        assert effect is not None, "a plan has an effect"
        return Effect._of(effect)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self._native.empty() is True

    @property
    def holds(self) -> bool:
        """Whether every assertion holds."""
        return not self.assertions.broken

    def _repr_html_(self) -> str:
        return f"{self._board._small_svg()}<pre>{html.escape(str(self))}</pre>"


@dataclass(frozen=True, repr=False)
class Comparison(Answer):
    """What differs between two workspaces, and what that means for who reaches what."""

    workspace: str
    changes: Listed[Edit]
    reachability: Reachability
    approvals: tuple[Approval, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return self._native.empty() is True

    @property
    def effect(self) -> Effect:
        """What is gained, lost, rerouted and disturbed, with a text of its own."""
        effect = self._native.effect()
        assert effect is not None, "a comparison has an effect"
        return Effect._of(effect)


@dataclass(frozen=True, repr=False)
class Allowed(Answer):
    """Why a flow passes: every link of the chain, and every machine on the way."""

    revision: int
    flow: Flow
    way: Way
    chosen: str | None
    """Why this gateway carries it; ``None`` if it goes direct."""
    standbys: tuple[str, ...]
    chain: tuple[Ground, ...]
    hops: tuple[Hop, ...]
    chosen_near: str | None = None
    """Why the gateway before that one is on the way; ``None`` unless there is one."""


@dataclass(frozen=True, repr=False)
class Denied(Answer):
    """Everything that stops a flow, and the smallest changes that would open it."""

    revision: int
    flow: Flow
    chain: tuple[Ground, ...]
    fixes: tuple[Fix, ...]
    """What would open it, by how much else it opens."""
    rejected: tuple[Fix, ...]
    """What would open it and breaks an assertion."""

    @classmethod
    def _told(cls, native: _nanami.Answer, told: Mapping[str, Any], **others: Any) -> Self:
        for fixes, changes in ((told["fixes"], native.fixes()), (told["rejected"], native.rejected())):
            for fix, change in zip(fixes, changes, strict=True):
                fix["changes"] = ChangeSet._of(change)
        return super(Denied, cls)._told(native, told, **others)

    @property
    def blockers(self) -> tuple[Ground, ...]:
        """All that stands in the way, not the first thing alone."""
        return tuple(ground for ground in self.chain if ground.verdict == "fail")


Explanation = Allowed | Denied


def explanation_of(native: _nanami.Answer) -> Explanation:
    """The one of the two that it is."""
    told = Answer._json(native)
    return Allowed._told(native, told) if told["verdict"] == "allowed" else Denied._told(native, told)


@dataclass(frozen=True, repr=False)
class Reach(Answer):
    """Who reaches something, what a peer reaches, or what a user's peers reach."""

    revision: int
    who: Who
    passages: Listed[Passage]
    people: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Impact(Answer):
    """What stops, moves or waits when something dies."""

    revision: int
    without: str
    flows: Flows
    direct: int
    """How many flows go directly between two peers that live: they go on."""
    outcomes: Listed[Outcome]
    crowded: tuple[Crowded, ...]


@dataclass(frozen=True, repr=False)
class Sweep(Answer):
    """Each gateway dies alone, one after the other; the worst first."""

    revision: int
    direct: int
    """How many flows go directly, whichever gateway dies."""
    gateways: Listed[Toll]


@dataclass(frozen=True, repr=False)
class Judgement(Answer):
    """Which assertions hold, and what breaks the others."""

    workspace: str
    total: int
    held: int
    broken: tuple[Broken, ...]

    @property
    def holds(self) -> bool:
        """Whether every assertion holds."""
        return not self.broken


@dataclass(frozen=True, repr=False)
class Overview(Answer):
    """Which peers match, are behind, were altered or are silent, and since when."""

    workspace: str
    revision: int
    at: datetime
    peers: Listed[Status]
    reachable: Reachable
    failovers: tuple[str, ...]
    notices: Listed[Notice]
    """What is legal and still suspicious, also by what is reported."""


@dataclass(frozen=True)
class Asked:
    """What one workspace of a row says of a flow."""

    file: str
    """What the workspace is called."""
    verdict: Literal["allowed", "denied", "unknown"]
    """``unknown`` where an end of the flow is not there."""


@dataclass(frozen=True)
class Culprit:
    """The fewest changes that turn the verdict by themselves, and what they mean."""

    workspace: str
    changes: Listed[Edit]
    reachability: Reachability
    approvals: tuple[Approval, ...]


@dataclass(frozen=True)
class Turn:
    """Between which two workspaces the verdict turned last, and by what."""

    before: str
    after: str
    culprit: Culprit


@dataclass(frozen=True, repr=False)
class Bisected(Answer):
    """What a row of workspaces says of one flow, and which change turned that last."""

    flow: str
    last: Literal["allowed", "denied", "unknown"]
    """What the newest says."""
    turn: Turn | None
    """``None`` if all say the same."""
    documents: tuple[Asked, ...]
