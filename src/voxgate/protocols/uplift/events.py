"""What the machine in `voxgate.protocols.uplift.connection` is told, and what it says.

Requests are told apart by numbers of the machine's own, which are never used twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.errors import VoxgateError
from voxgate.protocols.uplift.messages import ClientMessage, ServerMessage, Synthesize

# Events.


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection stands."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the client.

    Attributes:
        now_s: when, on any monotonic clock.
        message: as it was read.
    """

    now_s: float
    message: ClientMessage


@dataclass(frozen=True, slots=True)
class Admitted:
    """The answer to `Admit`: the request may be spoken."""

    request: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The other answer to `Admit`."""

    request: int
    error: VoxgateError


@dataclass(frozen=True, slots=True)
class Made:
    """Audio of a request that runs, encoded; may be empty, when the encoder holds it back."""

    request: int
    audio: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """All audio of a request was made, and this is the last of it."""

    request: int
    audio: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """No more audio of a request will be made."""

    request: int
    error: VoxgateError


@dataclass(frozen=True, slots=True)
class ServerClosing:
    """The server is about to stop: finish what was accepted, and leave."""


@dataclass(frozen=True, slots=True)
class ServerClosed:
    """The time for that is over: leave at once."""


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client is not there any more."""


Event = (
    Opened | Received | Admitted | Refused | Made | Ended | Failed | ServerClosing | ServerClosed | ClientGone
)


# Effects.


@dataclass(frozen=True, slots=True)
class Admit:
    """Judge a request's voice and what its key may still use, and answer `Admitted` or `Refused`."""

    request: int
    message: Synthesize


@dataclass(frozen=True, slots=True)
class Speak:
    """Begin to make an admitted request's audio."""

    request: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop whatever is done for a request, and forget those of its messages that are not written yet.

    Nothing about that request follows.
    """

    request: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A request is over, and nothing of it was heard: it should cost nothing."""

    request: int


@dataclass(frozen=True, slots=True)
class Send:
    """Write a message, after those before it.

    Attributes:
        message: what to write.
        request: whose it is, when `Stop` is to take it back.
    """

    message: ServerMessage
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, after the messages before it."""

    code: int
    reason: str = ""


Effect = Admit | Speak | Stop | Refund | Send | Close
