"""Changes that are made together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from . import _nanami


@final
class ChangeSet:
    """The changes from one revision to another, as sentences; :meth:`Workspace.apply` makes them."""

    __slots__ = ("_native", "_sentences")

    def __init__(self) -> None:
        raise TypeError("a change set comes of a draft, of changes_to() or of a fix")

    @classmethod
    def _of(cls, native: _nanami.Changes) -> ChangeSet:
        made = object.__new__(cls)
        made._native = native
        made._sentences = None
        return made

    _native: _nanami.Changes
    _sentences: tuple[str, ...] | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each change does, in words."""
        if self._sentences is None:
            self._sentences = tuple(self._native.sentences())
        return self._sentences

    @property
    def reason(self) -> str | None:
        """Why the changes are made; ``None`` if nobody said."""
        return self._native.reason()

    def with_reason(self, text: str) -> ChangeSet:
        """The same changes, with why they are made."""
        return self._of(self._native.with_reason(text))

    def danger_allow_mass_removal(self) -> ChangeSet:
        """Says that it is meant to take away more than half of the peers, or of everything; else that is refused."""
        return self._of(self._native.danger_allow_mass_removal())

    def __len__(self) -> int:
        return len(self._native)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sentences)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return f"<ChangeSet: {len(self)} change{'' if len(self) == 1 else 's'}>"

    @staticmethod
    def _read(handle: ChangeSet) -> ChangeSet:
        """A change set is no JSON: whoever reads an answer has put the handle in its place before."""
        return handle

