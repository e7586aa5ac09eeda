"""What clients of every protocol tell: audio, its end, and that a connection had to be made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of audio, with the text that was spoken, or with both.

    Attributes:
        data: in the format that was asked for; may end in the middle of a sample or a codec's frame.
        text: what was spoken, where the protocol tells it (only Telnyx's does).
        cached: the server had it already.
        first_audio_ms: how long the server took to the first audio; on one piece of a synthesis only.
    """

    data: bytes
    text: str | None = None
    cached: bool = False
    first_audio_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """All that was asked for so far has been spoken. In a Telnyx session more may follow."""


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection was lost before any audio was handed out, and what was asked for was asked for again.

    Attributes:
        failures: in a row, before this worked.
    """

    failures: int


Event = Audio | Final | Reconnected


class Speaking(Protocol):
    """Speech that is being made: every protocol's client gives something that can do this.

    It is its own iterator, for one reader. Iterating ends after the last event, which is a `Final`, or raises
    what went wrong; after `cancel` it ends, without a `Final`.
    """

    def __aiter__(self) -> AsyncIterator[Event]:
        """Give out events in order, once."""
        ...

    def cancel(self) -> None:
        """Stop: the server is told, and nothing more is given out."""
        ...
