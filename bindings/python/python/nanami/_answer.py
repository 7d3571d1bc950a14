"""What all answers are: typed fields, and the text that the command prints."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from . import _nanami
from ._decode import record


@dataclass(frozen=True, repr=False)
class Answer:
    """The base of every answer. ``str()`` is what the command prints, ``f"{answer:#}"`` what it prints with ``--all``."""

    _native: _nanami.Answer = field(kw_only=True, repr=False, compare=False)

    @classmethod
    def _of(cls, native: _nanami.Answer) -> Self:
        return cls._told(native, cls._json(native))

    @staticmethod
    def _json(native: _nanami.Answer) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(native.json()))

    @classmethod
    def _told(cls, native: _nanami.Answer, told: Mapping[str, Any], **others: Any) -> Self:
        return cast(Self, record(cls)(told, _native=native, **others))

    def __str__(self) -> str:
        return self._native.text(False)

    def __format__(self, spec: str) -> str:
        return self._native.text(True) if spec == "#" else format(str(self), spec)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {' '.join(str(self).partition(chr(10))[0].split())}>"

    def to_markdown(self, *, all: bool = False) -> str:
        """What the command prints with ``--markdown``, for a review comment; ``all`` leaves nothing out."""
        return self._native.markdown(all)

    def to_json(self) -> str:
        """What the command prints with ``--json``."""
        return json.dumps(json.loads(self._native.json()), indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
