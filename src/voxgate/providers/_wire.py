"""What one vendor says on one socket: the pure part of a provider that speaks over WebSockets.

A `Wire` turns what is wanted (begin, text, flush, end, cancel) into the vendor's frames, and the vendor's
frames into `Heard`. It does no I/O and knows no time; one lives as long as its socket and may remember what
the vendor's protocol makes it remember.

Several utterances may share a socket, each a *context* with a name of ours; a vendor without context ids has
one at a time, and its wire remembers which. Audio of a context that was cancelled is dropped by its name,
whatever the vendor does: late audio arrives even after a cancel that was confirmed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from voxgate.errors import VoxgateError
from voxgate.providers.contract import UpstreamFacts, WordTime
from voxgate.speech.utterance import Utterance

Frame: TypeAlias = str | bytes
"""A text or a binary message."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a socket leads and all that it binds: utterances that differ in any of it cannot share one.

    Attributes:
        url: whole, query included.
        headers: of the upgrade, credentials among them.
        protocols: subprotocols to offer.
        binds: what a first message settles for as long as the socket lives, such as the voice.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    protocols: tuple[str, ...] = ()
    binds: str = ""

    def __repr__(self) -> str:
        return "Address(...)"  # the query and the headers hold secrets


@dataclass(frozen=True, slots=True)
class Heard:
    """What a frame of the vendor's says.

    Attributes:
        context: whom it is about; None for the connection as a whole.
        audio: coded bytes, cut anywhere.
        words: that begin in this or nearby audio, counted from the utterance's begin.
        facts: what the vendor told about the request.
        ended: the vendor's end mark of this context: nothing more comes. It ends a cancelled one too.
        error: this context failed; without a context, all of them, and the socket is given up.
        ready: the socket may be used from now on, for a wire that ``waits_for_ready``.
        send: to be answered at once.
    """

    context: str | None = None
    audio: bytes = b""
    words: tuple[WordTime, ...] = ()
    facts: UpstreamFacts | None = None
    ended: bool = False
    error: VoxgateError | None = None
    ready: bool = False
    send: tuple[Frame, ...] = ()


class Wire(ABC):
    """One vendor's messages on one socket.

    Attributes:
        contexts: how many utterances may share a socket at a time, those being cancelled included.
        reusable: a socket serves a further utterance after one has ended.
        outlives_cancel: a socket serves a further utterance after one was cancelled, once the vendor has
            ended that. If not, cancelling closes the socket.
        waits_for_ready: nothing may be begun before a `Heard` with ``ready``.
    """

    contexts: ClassVar[int] = 1
    reusable: bool = True
    outlives_cancel: ClassVar[bool] = False
    waits_for_ready: ClassVar[bool] = False

    def hello(self) -> Iterable[Frame]:
        """What to send when the socket is open."""
        return ()

    @abstractmethod
    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Begin an utterance; its text is not looked at."""

    @abstractmethod
    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Hand over the next piece of text: all of it, unless the vendor takes text in streams."""

    def flush(self, context: str) -> Iterable[Frame]:
        """Ask that all text so far be spoken now."""
        return ()

    @abstractmethod
    def end(self, context: str) -> Iterable[Frame]:
        """Say that the text is complete."""

    def cancel(self, context: str) -> Iterable[Frame]:
        """Take an utterance back."""
        return ()

    def complete(self, context: str) -> bool:
        """Say, right after `end` or `cancel`, that the vendor has nothing more to say about a context.

        For a vendor that ends each piece of text by itself: the last may have been spoken before the text was
        known to be complete, and then no end mark follows.
        """
        return False

    def keep_alive(self) -> Iterable[Frame]:
        """Keep a socket that nobody uses from being closed."""
        return ()

    def bye(self) -> Iterable[Frame]:
        """What to send before the socket is closed."""
        return ()

    @abstractmethod
    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame.

        ``ValueError``, ``LookupError``, ``TypeError`` and ``AttributeError`` say that it is not the vendor's
        protocol.
        """

    def parting(self, code: int) -> Iterable[Heard]:
        """Say what a closing of the socket by the vendor ends, where that is its end mark."""
        return ()

    def closed(self, code: int, reason: str) -> VoxgateError | None:
        """Say what a closing of the socket by the vendor means; None for no more than that it is closed."""
        return None


@dataclass(frozen=True, slots=True)
class Habits:
    """How long a vendor's sockets live.

    Attributes:
        idle_s: unused for longer, a socket is closed, before the vendor does.
        max_age_s: no utterance begins on an older one.
        keep_alive_s: between two `Wire.keep_alive` while unused; 0 for never.
        ping_s: between two pings; 0 for never.
        drain_s: how long a vendor has to end a cancelled utterance before its socket is closed.
    """

    idle_s: float = 60.0
    max_age_s: float = 300.0
    keep_alive_s: float = 0.0
    ping_s: float = 20.0
    drain_s: float = 1.0
