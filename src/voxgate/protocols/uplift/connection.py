"""One Uplift multi-stream connection, as a pure machine. Both doors, Socket.IO and plain WebSocket, use it.

Events go in and effects come out, to be carried out in order. No event is ever an error: one that comes too
late changes nothing.

A request is
    JUDGED    from its message on: whoever carries out `Admit` looks at voice and quota, perhaps for a while;
    WAITING   in line, first come first served, for one of ``max_running`` places;
    RUNNING   and sends ``audio_start`` with its first audio, ``audio`` with ``sequence`` from 0, and
    over      after ``audio_end`` or ``error``, or, when it was cancelled, without another word.

Who is judged keeps the place in line that it came to.

Invariants, kept whatever comes in and in whatever order
    1. Of each request: ``audio_start`` once and first, then ``sequence`` 0, 1, 2 without a gap, then at
       most one ``audio_end``; an ``audio_end`` only after an ``audio_start``.
    2. Each accepted request comes to exactly one end: ``audio_end``, ``error``, a cancel, or the end of the
       connection. After it nothing of the request is sent.
    3. At most ``max_running`` requests run, and they begin in the order in which they came.
    4. In any 60 seconds at most ``synthesize_per_minute`` synthesize messages and ``cancel_per_minute``
       cancel messages are heeded, and exactly the others are answered ``rate_limit_exceeded``.
    5. An id is accepted once, as long as it is remembered: the last ``REMEMBERED_IDS`` are.
    6. Every `Admit` is followed by exactly one of: a refusal, audio sent, or a `Refund`.
    7. After `Close`, and after the client has gone, nothing comes out.

The answer to a message that is not taken bears that message's id, even when another request of that id is
running: it is the client's to keep ids apart (source: Uplift docs, ``duplicate_request``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from voxgate.errors import IncompleteAudio, VoxgateError
from voxgate.protocols.uplift.counting import RecentIds, SlidingMinute
from voxgate.protocols.uplift.events import (
    Admit,
    Admitted,
    ClientGone,
    Close,
    Effect,
    Ended,
    Event,
    Failed,
    Made,
    Opened,
    Received,
    Refund,
    Refused,
    Send,
    ServerClosed,
    ServerClosing,
    Speak,
    Stop,
)
from voxgate.protocols.uplift.messages import (
    Audio,
    AudioEnd,
    AudioStart,
    Cancel,
    Code,
    Error,
    Kind,
    Ready,
    Synthesize,
    Wrong,
    code_of,
)

REMEMBERED_IDS = 10_000
MAX_WAITING = 256
"""Requests in line, however little text they have; more are refused."""
CHUNK_BYTES = 4608
"""Of audio in one message at most. What is more is split evenly, and never within a sample of PCM."""
GOING_AWAY = 1001  # RFC 6455, 7.4.1


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What a connection is held to. 0 means no limit where it says a minute.

    Attributes:
        max_running: requests that run at a time.
        synthesize_per_minute: messages heeded in any 60 seconds.
        cancel_per_minute: likewise.
        max_characters: of one request's text.
        max_waiting_characters: of all texts in line.
    """

    max_running: int = 8
    synthesize_per_minute: int = 60
    cancel_per_minute: int = 100
    max_characters: int = 10_000
    max_waiting_characters: int = 100_000


class _Stage(Enum):
    JUDGED = auto()
    WAITING = auto()
    RUNNING = auto()


@dataclass(slots=True, eq=False)
class _Request:
    number: int
    request_id: str
    characters: int
    stage: _Stage = _Stage.JUDGED
    sent: int = 0  # audio messages, and so the next one's sequence


class UpliftConnection:
    """The machine. See the module."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._requests: dict[int, _Request] = {}
        self._by_id: dict[str, _Request] = {}
        self._line: list[_Request] = []  # JUDGED or WAITING, in the order in which they came
        self._waiting_characters = 0
        self._running = 0
        self._used = RecentIds(REMEMBERED_IDS)
        self._synthesize_minute = SlidingMinute(settings.synthesize_per_minute)
        self._cancel_minute = SlidingMinute(settings.cancel_per_minute)
        self._leaving = self._closed = False
        self.accepted = 0
        """How many requests there have been."""

    @property
    def running(self) -> int:
        """How many requests run."""
        return self._running

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return what is to be done, in order."""
        if self._closed:
            return []
        effects = list(self._effects_of(event))
        if self._leaving and not self._requests and not self._closed:
            effects.extend(self._close())
        return effects

    def _effects_of(self, event: Event) -> Iterator[Effect]:
        match event:
            case Received(now_s, message):
                yield from self._on_message(now_s, message)
            case Opened(session_id):
                yield Send(Ready(session_id))
            case ServerClosing():
                self._leaving = True
            case ServerClosed():
                yield from self._stop_all()
                yield from self._close()
            case ClientGone():
                yield from self._stop_all()
                self._closed = True
            case _:
                request = self._requests.get(event.request)
                if request is not None:
                    yield from self._on_progress(request, event)

    # What the client says.

    def _on_message(self, now_s: float, message: Synthesize | Cancel | Wrong) -> Iterator[Effect]:
        match message:
            case Synthesize() | Wrong(Kind.SYNTHESIZE):
                if not self._synthesize_minute.take(now_s):
                    limit = self._settings.synthesize_per_minute
                    yield _error(message, Code.RATE_LIMIT_EXCEEDED, f"At most {limit} requests a minute")
                    return
            case Cancel() | Wrong(Kind.CANCEL):
                if not self._cancel_minute.take(now_s):
                    limit = self._settings.cancel_per_minute
                    yield _error(message, Code.RATE_LIMIT_EXCEEDED, f"At most {limit} cancels a minute")
                    return
            case _:
                pass
        match message:
            case Synthesize():
                yield from self._accept(message)
            case Cancel(request_id):
                if (request := self._by_id.get(request_id)) is not None:
                    yield from self._cancel(request)
            case Wrong():
                yield _error(message, Code.SYNTHESIS_FAILED, message.reason)

    def _accept(self, message: Synthesize) -> Iterator[Effect]:
        objection = self._objection_to(message)
        if objection is not None:
            yield objection
            return
        self.accepted += 1
        request = _Request(self.accepted, message.request_id, len(message.text))
        self._used.add(request.request_id)
        self._requests[request.number] = self._by_id[request.request_id] = request
        self._line.append(request)
        self._waiting_characters += request.characters
        yield Admit(request.number, message)

    def _objection_to(self, message: Synthesize) -> Send | None:
        settings, characters = self._settings, len(message.text)
        if message.request_id in self._used or message.request_id in self._by_id:
            return _error(message, Code.DUPLICATE_REQUEST, "requestId was used before on this connection")
        if characters > settings.max_characters:
            most = f"A request's text has at most {settings.max_characters} characters"
            return _error(message, Code.TEXT_TOO_LONG, f"{most}; this one has {characters}")
        if self._leaving:
            return _error(message, Code.SYNTHESIS_FAILED, "The server is about to stop; connect again")
        waiting = self._waiting_characters + characters
        if len(self._line) >= MAX_WAITING or (self._line and waiting > settings.max_waiting_characters):
            return _error(message, Code.RATE_LIMIT_EXCEEDED, "Too much is waiting on this connection already")
        return None

    def _cancel(self, request: _Request) -> Iterator[Effect]:
        yield from self._end(request, stop=True)

    # What becomes of a request.

    def _on_progress(
        self, request: _Request, event: Admitted | Refused | Made | Ended | Failed
    ) -> Iterator[Effect]:
        match event, request.stage:
            case Admitted(), _Stage.JUDGED:
                request.stage = _Stage.WAITING
                yield from self._begin_next()
            case Refused(_, error), _Stage.JUDGED:
                self._used.discard(request.request_id)
                yield self._failure(request, error)
                yield from self._end(request, refund=False)
            case Made(_, audio), _Stage.RUNNING:
                yield from self._audio(request, audio)
            case Ended(_, audio), _Stage.RUNNING:
                yield from self._audio(request, audio)
                if request.sent:
                    yield Send(AudioEnd(request.request_id), request.number)
                else:
                    yield self._failure(request, IncompleteAudio("No audio was made"))
                yield from self._end(request)
            case Failed(_, error), _Stage.RUNNING:
                yield self._failure(request, error)
                yield from self._end(request)

    def _audio(self, request: _Request, audio: bytes) -> Iterator[Effect]:
        for piece in _split(audio):
            if not request.sent:
                yield Send(AudioStart(request.request_id), request.number)
            yield Send(Audio(request.request_id, piece, request.sent), request.number)
            request.sent += 1

    @staticmethod
    def _failure(request: _Request, error: VoxgateError) -> Send:
        return Send(Error(request.request_id, code_of(error), error.message), request.number)

    def _end(self, request: _Request, *, refund: bool = True, stop: bool = False) -> Iterator[Effect]:
        """Forget a request that has come to its end, and let the next one begin."""
        del self._requests[request.number]
        del self._by_id[request.request_id]
        if request.stage is _Stage.RUNNING:
            self._running -= 1
        else:
            self._line.remove(request)
            self._waiting_characters -= request.characters
        if refund and not request.sent:
            yield Refund(request.number)
        if stop:
            yield Stop(request.number)
        yield from self._begin_next()

    def _begin_next(self) -> Iterator[Effect]:
        while (
            self._running < self._settings.max_running
            and self._line
            and self._line[0].stage is _Stage.WAITING
        ):
            request = self._line.pop(0)
            request.stage = _Stage.RUNNING
            self._waiting_characters -= request.characters
            self._running += 1
            yield Speak(request.number)

    # The end of the connection.

    def _stop_all(self) -> Iterator[Effect]:
        requests = list(self._requests.values())
        self._line.clear()
        self._requests.clear()
        self._by_id.clear()
        for request in requests:
            if not request.sent:
                yield Refund(request.number)
            yield Stop(request.number)

    def _close(self) -> Iterator[Effect]:
        self._closed = True
        yield Close(GOING_AWAY, "The server is about to stop")


def _split(audio: bytes) -> Iterator[bytes]:
    """Cut audio into as few pieces as there can be, of about the same size."""
    count = math.ceil(len(audio) / CHUNK_BYTES)
    if count < 2:
        yield from (audio,) * count
        return
    size = 2 * math.ceil(len(audio) / count / 2)
    yield from (audio[begin : begin + size] for begin in range(0, len(audio), size))


def _error(message: Synthesize | Cancel | Wrong, code: Code, reason: str) -> Send:
    return Send(Error(message.request_id, code, reason))
