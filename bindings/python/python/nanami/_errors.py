"""What goes wrong: one class per cause, each with a stable code, whose fault it is, and what to do.

The codes and the texts are those of the ``nanami`` command and of every other language.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar, cast

_E = TypeVar("_E", bound="NanamiError")

Fault = Literal["caller", "peer", "network", "storage", "host", "ours"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document something stands.

    ``line`` and ``column`` count from 1 and are ``None`` where a program made the document; ``path`` is the way from its root, such
    as ``policies.ci-deploys.to``.
    """

    file: str | None
    line: int | None
    column: int | None
    path: str

    def __str__(self) -> str:
        if self.line is None:
            return self.path
        at = f"{self.line}:{self.column}"
        return at if self.file is None else f"{self.file}:{at}"


class NanamiError(Exception):
    """The base of every error of this package. A traceback shows the remedy below the message."""

    code: str = "internal"
    """The stable code, such as ``name.unknown``: the same text in every language."""
    fault: Fault = "ours"
    """Who can repair it."""
    retryable: bool = False
    """Whether the same call may succeed later though its caller changes nothing."""
    remedy: str = ""
    """What to do about it."""
    nearest: tuple[str, ...] = ()
    """The names that are most like one that is nobody's; at most three."""

    @property
    def message(self) -> str:
        """What is wrong, without the remedy."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return self.message


class ValueRefused(NanamiError, ValueError):
    """A text that is no name, service or endpoint."""


class UnknownName(NanamiError, KeyError):
    """A name that is nobody's; ``nearest`` has those that are most like it."""


class DocumentError(NanamiError, ValueError):
    """One mistake in a document, with its ``place``."""

    place: Place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place.line is not None else self.message


class RecordingRefused(NanamiError, ValueError):
    """A text that begins as a recording does and is none."""


class Violation(NanamiError, ValueError):
    """One rule that a change breaks."""


class NoExport(NanamiError):
    """A peer that has no ``wg-quick`` file, or not yet."""


class ListCut(NanamiError):
    """A list of an answer is longer than what the answer holds; ``first`` has what it holds, ``len()`` the true number."""


class InternalError(NanamiError, RuntimeError):
    """A mistake of ours, which was caught."""


class DocumentErrors(NanamiError, ExceptionGroup[DocumentError]):
    """Every mistake of a document, in its order. ``except*`` and ``for`` see each one."""

    left_out: int = 0
    """How many more were found than are listed."""

    def __new__(cls, message: str, errors: Sequence[DocumentError]) -> Self:
        return super().__new__(cls, message, errors)

    def derive(self, excs: Sequence[DocumentError]) -> DocumentErrors:  # type: ignore[override]
        return _like(self, DocumentErrors(self.args[0], excs))

    @property
    def errors(self) -> tuple[DocumentError, ...]:
        """The mistakes."""
        return cast("tuple[DocumentError, ...]", self.exceptions)


class ChangeRefused(NanamiError, ExceptionGroup[Violation]):
    """A change that was not made, with every rule that it breaks."""

    left_out: int = 0

    def __new__(cls, message: str, violations: Sequence[Violation]) -> Self:
        return super().__new__(cls, message, violations)

    def derive(self, excs: Sequence[Violation]) -> ChangeRefused:  # type: ignore[override]
        return _like(self, ChangeRefused(self.args[0], excs))

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The rules that it breaks."""
        return cast("tuple[Violation, ...]", self.exceptions)


_Told = dict[str, Any]

_PLAIN: dict[str, type[NanamiError]] = {
    each.__name__: each
    for each in (ValueRefused, UnknownName, DocumentError, RecordingRefused, Violation, NoExport, InternalError)
}


def made(text: str) -> NanamiError:
    """The exception that the native half tells of."""
    return _made(json.loads(text))


def _made(told: _Told) -> NanamiError:
    error: NanamiError
    match told["class"]:
        case "DocumentErrors":
            error = DocumentErrors(told["message"], [_mistake(part) for part in told["parts"]])
            error.left_out = told["left_out"]
        case "ChangeRefused":
            error = ChangeRefused(told["message"], [_violation(part) for part in told["parts"]])
        case name:
            error = _PLAIN.get(name, InternalError)(told["message"])
    return _fill(error, told)


def _mistake(told: _Told) -> DocumentError:
    error = DocumentError(told["message"])
    error.place = Place(**told["place"])
    _fill(error, told)
    return error


def _violation(told: _Told) -> Violation:
    error = Violation(told["message"])
    _fill(error, told)
    return error


def _fill(error: NanamiError, told: _Told) -> NanamiError:
    error.code, error.fault, error.retryable = told["code"], told["fault"], told["retryable"]
    error.remedy, error.nearest = told["remedy"], tuple(told["nearest"])
    if not told["parts"]:
        error.add_note(f"  help: {error.remedy}")
    return error


def _like(one: NanamiError, other: _E) -> _E:
    other.code, other.fault, other.retryable, other.remedy = one.code, one.fault, one.retryable, one.remedy
    return other
