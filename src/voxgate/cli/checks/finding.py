"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Grade(Enum):
    """How bad it is."""

    GOOD = "ok"
    NOTE = "note"
    BROKEN = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        grade: how bad it is; a note is worth knowing, and breaks nothing.
        subject: what was looked at, in a word.
        told: what was found.
        mend: what to do about it; empty when nothing is to be done.
    """

    grade: Grade
    subject: str
    told: str
    mend: str = ""


def nearest_folder(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
