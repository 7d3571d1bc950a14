"""A proposed workspace from ``wg-quick`` files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from dataclasses import dataclass
from typing import Literal, cast, final

from . import _nanami
from ._errors import NanamiError
from ._workspace import Workspace, _text


class NoFiles(NanamiError):
    """A folder without a ``.conf`` file."""


@dataclass(frozen=True)
class Guess:
    """Something that no file says, but that files let one suppose; ``file`` and ``line`` say where it was seen, if in one place."""

    what: str
    why: str
    certainty: Literal["doubtful", "likely", "certain"]
    file: str | None
    line: int | None


@dataclass(frozen=True)
class Dropped:
    """Something that a file says and the workspace does not, and what takes its place."""

    what: str
    why: str
    file: str
    line: int


@final
@dataclass(frozen=True, repr=False)
class Imported:
    """What files say together. ``str()`` is the report: what was found, guessed, and left behind."""

    workspace: Workspace
    guesses: tuple[Guess, ...]
    """What was supposed, the most doubtful first."""
    dropped: tuple[Dropped, ...]
    report: str

    def __str__(self) -> str:
        return self.report

    def __repr__(self) -> str:
        return f"<Imported: {self.workspace!r}, {len(self.guesses)} guesses, {len(self.dropped)} dropped>"


def import_wg_quick(folder: str | PathLike[str], *, name: str = "imported", owner: str = "owner") -> Imported:
    """Reads every ``.conf`` file below a folder and proposes a workspace that says the same.

    Raises :class:`DocumentErrors` with every mistake of every file, :class:`ChangeRefused` if they make no workspace together,
    :class:`NoFiles`, or ``OSError``.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*.conf") if path.is_file())
    if not paths:
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        raise _no_files(folder)
    files = [(str(path.relative_to(folder)), _text(path)) for path in paths]
    core, report, guessed, left = _nanami.import_wg_quick(files, name, owner)
    guesses = tuple(
        Guess(what, why, cast("Literal['doubtful', 'likely', 'certain']", sure), *(at or (None, None)))
        for what, why, sure, at in guessed
    )
    dropped = tuple(Dropped(what, why, *at) for what, why, _, at in left if at is not None)
    return Imported(Workspace._of(core), guesses, dropped, report)


def _no_files(folder: Path) -> NoFiles:
    error = NoFiles(f"{folder} has no .conf file")
    error.code, error.fault = "import.no_files", "caller"
    error.remedy = "name the folder that holds the wg-quick files, such as /etc/wireguard"
    error.add_note(f"  help: {error.remedy}")
    return error
