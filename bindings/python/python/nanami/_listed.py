"""Lists of answers: their true length, and as many entries as an answer holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ._errors import ListCut

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Listed(Generic[T_co]):
    """A list with its true length and its first entries, which are all of them up to a thousand.

    ``len()`` is the true number. A loop over a longer list sees the first thousand and then raises :class:`ListCut`, so that no
    script takes a part for the whole; ``first`` never raises.
    """

    count: int
    first: tuple[T_co, ...]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[T_co]:
        yield from self.first
        if self.count > len(self.first):
            error = ListCut(f"the list has {self.count} entries, and the answer holds {len(self.first)}")
            error.code, error.fault, error.remedy = "answer.list_cut", "caller", "read `first`, or ask about less"
            error.add_note(f"  help: {error.remedy}")
            raise error

    def __getitem__(self, index: int) -> T_co:
        return self.first[index]
