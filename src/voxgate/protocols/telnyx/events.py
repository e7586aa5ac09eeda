"""What the machine in `voxgate.protocols.telnyx.stream` is told, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.errors import NotPermitted, VoxgateError
from voxgate.protocols.telnyx.frames import ClientFrame, Malformed, ServerFrame
from voxgate.protocols.telnyx.handshake import SpeechPlan


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What a session is held to.

    Attributes:
        concatenated: an utterance's audio comes with its text, in one frame; else in frames of its own.
        relay: the voice takes text while it is being written; it is not cut into sentences.
        language: of text whose language nobody named.
        inactivity_timeout_s: without a frame from the client, and with nothing to be spoken.
        final_quiet_s: before a final in mid-session; 0 sends none.
        sentence_quiet_s: until a sentence end that is in doubt counts as one.
        idle_flush_s: with nothing to be spoken, until the run ends.
        max_buffered_characters: that may be waiting to be spoken.
        max_ahead_s: how far audio may be sent ahead of real time; 0 is any distance.
    """

    concatenated: bool = False
    relay: bool = False
    language: str | None = None
    inactivity_timeout_s: float = 20.0
    final_quiet_s: float = 0.4
    sentence_quiet_s: float = 0.15
    idle_flush_s: float = 0.1
    max_buffered_characters: int = 100_000
    max_ahead_s: float = 0.0


# Events. ``now_s`` is when it happened, on any monotonic clock.


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the client."""

    now_s: float
    frame: ClientFrame | Malformed


@dataclass(frozen=True, slots=True)
class Audio:
    """The next audio of the head, encoded.

    Attributes:
        now_s: when.
        utterance: whose it is.
        data: may be empty, when the encoder holds it back.
        duration_s: how long it plays.
        first_audio_ms: from the request to the utterance's first audio.
        cached: whether the cache speaks.
    """

    now_s: float
    utterance: int
    data: bytes
    duration_s: float
    first_audio_ms: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """All audio of the head has come."""

    now_s: float
    utterance: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No more audio of the head will come."""

    now_s: float
    utterance: int
    error: VoxgateError


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The answer to `EndRun`: what the encoder had held back."""

    now_s: float
    run: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by; the answer to `WakeAt`."""

    now_s: float


@dataclass(frozen=True, slots=True)
class ServerClosing:
    """The server is about to stop: finish and leave."""

    now_s: float


@dataclass(frozen=True, slots=True)
class ServerClosed:
    """The time for that is over: leave at once."""

    now_s: float


@dataclass(frozen=True, slots=True)
class Denied:
    """The client has sent more than its token allows."""

    now_s: float
    error: NotPermitted


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client is not there any more."""

    now_s: float


Event = (
    Received | Audio | Ended | Failed | RunEnded | Tick | ServerClosing | ServerClosed | Denied | ClientGone
)


# Effects.


@dataclass(frozen=True, slots=True)
class Begin:
    """The session is open; this is how it speaks."""

    plan: SpeechPlan


@dataclass(frozen=True, slots=True)
class Speak:
    """Begin to synthesize; ``open`` says that more text may follow, until `EndText`."""

    utterance: int
    text: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Go on with the text of an open utterance."""

    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class EndText:
    """The text of an open utterance is complete."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop synthesizing."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Send:
    """Write a frame, after those before it."""

    frame: ServerFrame


@dataclass(frozen=True, slots=True)
class EndRun:
    """Flush the run's encoder, and say what came of it with `RunEnded`."""

    run: int


@dataclass(frozen=True, slots=True)
class DropRun:
    """Throw away the run's encoder and every frame that is not written yet."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket, after the frames before it."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Give a `Tick` at this time; takes the place of the one before."""

    at_s: float


Effect = Begin | Speak | Write | EndText | Cancel | Send | EndRun | DropRun | Close | WakeAt
