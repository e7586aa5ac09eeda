"""Carries out on a socket what the machine in `voxgate.protocols.telnyx.stream` says.

Two coroutines share a session. The reader tells the machine of every message the moment it is read, so that
an interruption cancels speech in that very turn of the loop. The writer alone writes: it sends the frames
that wait, and only when none is left takes the next audio of the head, at most 100 ms, and encodes it. So
hardly more than that much audio waits here, and a client that stops reading stops its own synthesis: the
writer waits in a send, and the stream that it would take from fills up.

A frame that waits in a send is not on its way yet. When the machine drops the run, that send is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxgate.access.browser_tokens import Budget
from voxgate.audio.format import BYTES_PER_SAMPLE, pcm_duration_s
from voxgate.errors import NotPermitted
from voxgate.protocols.telnyx import frames
from voxgate.protocols.telnyx.events import (
    Audio,
    Begin,
    Cancel,
    ClientGone,
    Close,
    Denied,
    DropRun,
    Effect,
    Ended,
    EndRun,
    EndText,
    Event,
    Failed,
    Received,
    RunEnded,
    Send,
    ServerClosed,
    ServerClosing,
    Speak,
    Tick,
    WakeAt,
    Write,
)
from voxgate.protocols.telnyx.frames import AudioFrame, ClientFrame, Malformed, ServerFrame
from voxgate.protocols.telnyx.handshake import SpeechPlan
from voxgate.protocols.telnyx.stream import TelnyxStream
from voxgate.providers.contract import AudioChunk
from voxgate.services import Services
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.run import MAX_PIECE_MS, RunEncoder
from voxgate.speech.stream import SpeechStream
from voxgate.speech.text_source import TextSource
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

_MESSAGES_A_TURN = 8
"""Messages of one client that are handled before every other stream has had its turn."""

_HOLD_BYTES = 96 * 1024
"""Of PCM that an utterance may have waiting for a client that does not read. A session has two of them."""

_ENOUGH_S, _STEP_BACK_S = 0.2, 0.002
"""Audio ahead of real time with which a client can wait for the first audio of others, and how long it does
before it goes on: a hundred times real time is left to it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is the same for all utterances of a session.

    Attributes:
        tenant: whose session it is.
        voice: asked for.
        cacheable: whether the cache may answer.
        lexicon: of words to be replaced, if any.
        budget: characters that may be sent.
    """

    tenant: str
    voice: VoiceName
    cacheable: bool
    lexicon: Lexicon | None = None
    budget: Budget = field(default_factory=Budget)


class Session:
    """One accepted connection.

    Args:
        services: what the server has.
        websocket: accepted.
        machine: new.
        facts: for its utterances.
    """

    def __init__(
        self, services: Services, websocket: WebSocket, machine: TelnyxStream, facts: SessionFacts
    ) -> None:
        self._services = services
        self._websocket = websocket
        self._machine = machine
        self._facts = facts
        self._plan: SpeechPlan | None = None
        self._encoder: RunEncoder | None = None
        self._streams: dict[int, SpeechStream] = {}
        self._sources: dict[int, TextSource] = {}  # of utterances whose text is still being written
        self._watched: SpeechStream | None = None
        # Bounded by what one event can give and a tail, a final or an error behind it: audio is taken only
        # when this is empty.
        self._outbox: deque[Send | Close] = deque()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._sending = self._recalled = False
        self._sent = 0
        self._type_field = services.settings.telnyx.type_field
        max_ahead_ms = services.settings.telnyx.max_ahead_ms
        self._piece_ms = min(MAX_PIECE_MS, max_ahead_ms) if max_ahead_ms else MAX_PIECE_MS

    async def run(self) -> None:
        """Serve until the connection is over."""
        guest = self._services.drain.guest(self._on_server_closing, self._on_server_closed)
        with guest:
            async with asyncio.TaskGroup() as tasks:
                self._writer = tasks.create_task(self._write(), name="telnyx-writer")
                try:
                    self._on_timer()
                    await self._read()
                finally:
                    self._tell(ClientGone(self._now_s()))
                    self._stop_timer()
                    self._writer.cancel()
        log.info("telnyx session over", utterances=self._machine.utterances, frames=self._sent)

    # The reader.

    async def _read(self) -> None:
        for number in count(1):
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            frame = frames.decode(text) if text is not None else Malformed()
            try:
                self._facts.budget.spend(_characters(frame))
            except NotPermitted as error:
                self._tell(Denied(self._now_s(), error))
            else:
                self._tell(Received(self._now_s(), frame))
            if number % _MESSAGES_A_TURN == 0:
                await asyncio.sleep(0)

    # The writer.

    async def _write(self) -> None:
        with suppress(WebSocketDisconnect):  # the reader learns of it too
            while True:
                self._wake.clear()
                while self._outbox:
                    effect = self._outbox.popleft()
                    if isinstance(effect, Close):
                        await self._websocket.close(effect.code, effect.reason)
                        return
                    await self._deliver(effect.frame)
                if self._take():
                    await self._services.clock.sleep(self._step_back_s())  # the turn of every other stream
                else:
                    await self._wake.wait()

    def _step_back_s(self) -> float:
        """Let those go first who have heard nothing yet, if this client has enough to play meanwhile."""
        waits = self._services.speaker.somebody_waits
        return _STEP_BACK_S if waits and self._machine.ahead_s(self._now_s()) > _ENOUGH_S else 0

    async def _deliver(self, frame: ServerFrame) -> None:
        """Write one frame, unless it is recalled while it waits for room."""
        self._sending = True
        try:
            await self._websocket.send_text(frames.encode(frame, type_field=self._type_field))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._recalled or task is None or task.uncancel() > 0:
                raise
        else:
            self._sent += 1
            if self._encoder is not None and isinstance(frame, AudioFrame) and frame.audio:
                self._encoder.mark_sent()
        finally:
            self._sending = self._recalled = False

    def _take(self) -> bool:
        """Take what the head has, if anything, and tell the machine."""
        number = self._machine.head(self._now_s())
        if number is None or self._encoder is None:
            return False
        stream = self._streams[number]
        chunk = _next_piece(stream, self._piece_ms)
        if chunk is not None:
            data = self._encoder.encode(chunk)
            duration_s = pcm_duration_s(len(chunk.pcm), chunk.rate_hz)
            first_audio_ms = round(stream.first_audio_ms or 0)
            self._tell(Audio(self._now_s(), number, data, duration_s, first_audio_ms, stream.cached))
        elif stream.over:
            del self._streams[number]
            self._sources.pop(number, None)
            now_s, error = self._now_s(), stream.error
            self._tell(Failed(now_s, number, error) if error is not None else Ended(now_s, number))
        else:
            if stream is not self._watched:
                self._watched = stream
                stream.watch(self._wake.set)
            return False
        return True

    # The machine, and what it says.

    def _tell(self, event: Event) -> None:
        effects = deque(self._machine.handle(event))
        while effects:
            answer = self._carry_out(effects.popleft())
            if answer is not None:
                effects.extend(self._machine.handle(answer))

    def _carry_out(self, effect: Effect) -> Event | None:
        match effect:
            case Send() | Close():
                self._outbox.append(effect)
                self._wake.set()
            case Speak(number, text, more):
                source = TextSource() if more else None
                if source is not None:
                    self._sources[number] = source
                    source.write(text)
                self._streams[number] = self._speak(text, source)
                self._wake.set()
            case Write(number, text):
                self._sources[number].write(text)
            case EndText(number):
                self._sources.pop(number).end()
            case Cancel(number):
                self._sources.pop(number, None)
                self._streams.pop(number).cancel()
            case EndRun(run):
                assert self._encoder is not None  # noqa: S101 - a run needs audio, which needs an encoder
                return RunEnded(self._now_s(), run, self._encoder.finish())
            case DropRun():
                self._drop_run()
            case Begin(plan):
                self._plan, self._encoder = plan, RunEncoder(plan.audio_format)
            case WakeAt(at_s):
                self._stop_timer()
                delay_s = max(0.0, at_s - self._now_s())
                self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)
        return None

    def _speak(self, text: str, source: TextSource | None) -> SpeechStream:
        plan, facts = self._plan, self._facts
        assert plan is not None  # noqa: S101 - nothing is spoken before the session has begun
        return self._services.speaker.speak(
            Utterance(
                text,
                facts.voice,
                facts.tenant,
                settings=plan.settings,
                language=plan.language,
                markup=plan.markup,
                cacheable=facts.cacheable,
                lexicon=facts.lexicon,
                hold_bytes=_HOLD_BYTES,
            ),
            source,
        )

    def _drop_run(self) -> None:
        """Forget what was not written, a frame that waits in a send included."""
        self._outbox.clear()
        if self._encoder is not None:
            self._encoder.discard()
        if self._sending and not self._recalled and self._writer is not None:
            self._recalled = True
            self._writer.cancel()

    def _on_timer(self) -> None:
        self._tell(Tick(self._now_s()))
        self._wake.set()  # the head may be wanted again

    def _on_server_closing(self) -> None:
        self._tell(ServerClosing(self._now_s()))

    def _on_server_closed(self) -> None:
        self._tell(ServerClosed(self._now_s()))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now_s(self) -> float:
        return self._services.clock.now_s()


def _characters(frame: ClientFrame | Malformed) -> int:
    """How much text a frame brings; white space alone is a sign of life and costs nothing."""
    return len(frame.text) if isinstance(frame, ClientFrame) and frame.text and frame.text.strip() else 0


def _next_piece(stream: SpeechStream, limit_ms: int) -> AudioChunk | None:
    """Take up to ``limit_ms`` of what is there, in one piece: fewer frames where the client is behind."""
    chunk = stream.take(limit_ms)
    if chunk is None:
        return None
    pieces = [chunk.pcm]
    left_ms = limit_ms - _duration_ms(chunk)
    while left_ms > 0 and (more := stream.take(left_ms)) is not None:
        pieces.append(more.pcm)
        left_ms -= _duration_ms(more)
    return AudioChunk(b"".join(pieces), chunk.rate_hz) if len(pieces) > 1 else chunk


def _duration_ms(chunk: AudioChunk) -> int:
    """Whole milliseconds, at least one, so that taking comes to an end."""
    return max(1, len(chunk.pcm) * 1000 // (BYTES_PER_SAMPLE * chunk.rate_hz))
