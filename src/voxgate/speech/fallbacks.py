"""The table of who speaks when a voice's own provider does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from voxgate.speech.voice import VoiceName

STAND_IN = "stand-in"
"""How a table calls the local stand-in."""


class Fallbacks:
    """Says who speaks for whom.

    Args:
        everybody: for every voice, in order.
        voices: for voices whose compound name matches a pattern (``ElevenLabs.*``), without regard to case;
            the first pattern that matches takes the place of ``everybody``.
    """

    def __init__(
        self, everybody: Sequence[str] = (), voices: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._everybody = tuple(everybody)
        self._voices = [(pattern.lower(), tuple(names)) for pattern, names in (voices or {}).items()]

    def of(self, voice: VoiceName) -> Sequence[str]:
        """List who speaks for a voice: voices, vendors, or `STAND_IN`; best first."""
        if not self._voices:
            return self._everybody
        name = str(voice).lower()
        return next((names for pattern, names in self._voices if fnmatchcase(name, pattern)), self._everybody)

    def names(self) -> set[str]:
        """All that are named, for whomever."""
        return {*self._everybody, *(name for _, names in self._voices for name in names)}


NO_FALLBACKS = Fallbacks()
