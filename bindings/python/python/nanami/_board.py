"""The board: a workspace as one picture, or as a page that filters and explains."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import final

from . import _nanami

_LARGEST_INLINE = 500
"""So many peers a notebook draws beside a plan. Chosen: a picture that one reads without scrolling far."""


@final
class Board:
    """Every peer with its state, every link with what was seen of it. Nothing is drawn before it is asked for."""

    def __init__(self) -> None:
        raise TypeError("a board comes of Workspace.board()")

    _core: _nanami.Core
    _peers: int
    _plan: _nanami.Core | None

    @classmethod
    def _of(cls, core: _nanami.Core, peers: int, plan: _nanami.Core | None = None) -> Board:
        made = object.__new__(cls)
        made._core, made._peers, made._plan = core, peers, plan
        return made

    def to_svg(self) -> str:
        """The picture, which stands alone: no script, nothing fetched."""
        return self._core.to_svg(self._plan)

    def to_html(self) -> str:
        """One self-contained page: it filters, and each link shows its explanation."""
        return self._core.to_html(self._plan)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the picture to a file that ends with ``.svg``, the page to any other."""
        path = Path(path)
        path.write_text(self.to_svg() if path.suffix == ".svg" else self.to_html(), encoding="utf-8")

    def __repr__(self) -> str:
        plan = "" if self._plan is None else ", under a plan"
        return f"<Board: {self._core.name} with {self._peers} peers{plan}>"

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _small_svg(self) -> str:
        return self.to_svg() if self._peers <= _LARGEST_INLINE else ""
