"""Where a Telnyx session stands: its phase, and what is known of an utterance that is being synthesized."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from voxgate.errors import VoxgateError


class Phase(Enum):
    """Of a session, see `voxgate.protocols.telnyx.stream`."""

    WAITING = auto()
    OPEN = auto()
    ENDING = auto()
    CLOSED = auto()


@dataclass(slots=True)
class RunningUtterance:
    """An utterance that is being synthesized.

    Attributes:
        number: from 1.
        text: all of it, as far as it is known.
        open: more text may follow.
        heard: there was audio.
        first_audio_ms: until it was told, how long the first audio took.
        cached: the cache speaks.
        over: all its audio has come, or none will.
        failure: why none will.
        audio: not sent yet; in concatenated delivery only.
        text_sent: the client has its text.
    """

    number: int
    text: str
    open: bool = False
    heard: bool = False
    first_audio_ms: int | None = None
    cached: bool = False
    over: bool = False
    failure: VoxgateError | None = None
    audio: bytearray = field(default_factory=bytearray)
    text_sent: bool = False

    def take_first(self) -> int | None:
        """Return ``first_audio_ms`` for the first frame, None for every other."""
        first, self.first_audio_ms = self.first_audio_ms, None
        return first
