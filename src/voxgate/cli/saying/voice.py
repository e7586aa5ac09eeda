"""Who speaks, as ``voxgate say`` sees it: `voxgate.cli.saying.local` or `voxgate.cli.saying.remote`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from voxgate.providers.contract import AudioChunk


@dataclass(frozen=True, slots=True)
class Wish:
    """How the text is to be spoken.

    Attributes:
        voice: compound name; None for the default.
        language: BCP-47 tag, if it matters.
        speed: ratio to the voice's normal pace.
    """

    voice: str | None = None
    language: str | None = None
    speed: float = 1.0


class Voice(Protocol):
    """Speaks."""

    @property
    def asked(self) -> str | None:
        """The voice asked for; None when that was left to the server."""
        ...

    @property
    def spoken_by(self) -> str | None:
        """The voice that stands in for it; None when none does, or before that is known."""
        ...

    @property
    def stretch(self) -> float:
        """Ratio of speeds by which the audio is still to be stretched."""
        ...

    def speak(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[AudioChunk, None]:
        """Speak texts as they come, and yield the audio as it is made.

        Raises:
            VoxgateError: it cannot be spoken, or the text cannot be read.
        """
        ...
