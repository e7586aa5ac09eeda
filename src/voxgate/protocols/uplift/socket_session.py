"""Carries out what the machine in `voxgate.protocols.uplift.connection` says, for either door.

Whoever reads from the client tells the session of every message the moment it is read, so that a cancel
stops speech in that very turn of the loop. The writer, one task, alone writes: the messages that wait
first, and when there are none, the next piece of audio of one request after another, in turn. So hardly
more than one piece waits here, and a client that stops reading stops its own synthesis: the writer waits
for room, and the streams that it would take from fill up. After ``stuck_timeout_s`` without progress the
client is given up.

A message that waits for room is not on its way yet: when its request is stopped, it is taken back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from voxgate.access.browser_tokens import Grant
from voxgate.access.streams import StreamPass
from voxgate.errors import VoxgateError
from voxgate.protocols.uplift.connection import ConnectionSettings, UpliftConnection
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
from voxgate.protocols.uplift.messages import ClientMessage, Synthesize, encode
from voxgate.protocols.uplift.socket_admission import Admission, Judge
from voxgate.protocols.uplift.socket_speech import HeldAudio, RequestSpeech
from voxgate.services import Services

MAX_OUTBOX = 64
"""Messages that wait to be written; then nothing is read from the client until there is room."""

log = structlog.get_logger()


class Disconnected(Exception):
    """The client is not there any more."""


class Link(Protocol):
    """A connection to one client."""

    async def send(self, text: str, request: int | None) -> None:
        """Write one message, after waiting for room. May be cancelled as long as it waits.

        Args:
            text: of the message.
            request: whose it is; see `recall`.

        Raises:
            Disconnected: the client has gone.
        """
        ...

    def recall(self, request: int) -> None:
        """Take back what `send` has taken and not written of a request."""
        ...

    def progress(self) -> object:
        """Return something that is different once the client has read on."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close after what was sent."""
        ...

    def abort(self) -> None:
        """Drop the connection: the client does not read, and would not read a goodbye."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    """What is being done for one request."""

    judging: asyncio.Task[None] | None = None
    admission: Admission | None = None
    place: StreamPass | None = None
    speech: RequestSpeech | None = None


class Session:
    """One connection that has been admitted.

    Args:
        services: what the server has.
        grant: what the client may do.
        link: to the client.
    """

    def __init__(self, services: Services, grant: Grant, link: Link) -> None:
        uplift = services.settings.uplift
        self._services = services
        self._grant = grant
        self._link = link
        self._judge = Judge(services, grant)
        self._machine = UpliftConnection(
            ConnectionSettings(
                uplift.max_running,
                uplift.synthesize_per_minute,
                uplift.cancel_per_minute,
                uplift.max_characters,
                uplift.max_waiting_characters,
            )
        )
        self._jobs: dict[int, _Job] = {}
        self._judging: set[asyncio.Task[None]] = set()
        # Lists, which an idle connection has for a tenth of what an empty deque takes; they stay short.
        self._turns: list[int] = []
        self._held = HeldAudio()
        self._outbox: list[Send | Close] = []
        self._wake = asyncio.Event()
        self._no_room: asyncio.Event | None = None
        self._over = False
        self._writer: asyncio.Task[None] | None = None
        self._sending: int | None = None
        self._recalled = False
        self._stuck_timeout_s = uplift.stuck_timeout_s

    # What whoever owns the connection calls.

    async def run(self) -> None:
        """Greet the client and write until the connection is over; nothing goes on afterwards."""
        self._writer = asyncio.current_task()
        self._tell(Opened(f"session_{secrets.token_hex(12)}"))
        try:
            with suppress(Disconnected):
                await self._write()
        finally:
            self.end()
            await asyncio.gather(*self._judging, return_exceptions=True)
            log.info("uplift session over", requests=self._machine.accepted)

    def receive(self, message: ClientMessage) -> None:
        """Take a message from the client; carried out before this returns."""
        self._tell(Received(self._services.clock.now_s(), message))

    async def room(self) -> None:
        """Wait, before more is read from the client, until there is room for answers."""
        if self._no_room is not None:
            await self._no_room.wait()

    def finish(self) -> None:
        """Speak what was accepted, then close: the server is about to stop."""
        self._tell(ServerClosing())

    def leave(self) -> None:
        """Close at once: the server cannot wait any longer."""
        self._tell(ServerClosed())

    def end(self) -> None:
        """Stop everything: the client has gone."""
        self._over = True
        self._tell(ClientGone())
        self._outbox.clear()
        self._make_room()
        self._wake.set()
        self._take_back_sending()

    def _make_room(self) -> None:
        if self._no_room is not None:
            self._no_room.set()
            self._no_room = None

    # The writer.

    async def _write(self) -> None:
        while not self._over:
            self._wake.clear()
            while self._outbox:
                effect = self._outbox.pop(0)
                if len(self._outbox) < MAX_OUTBOX:
                    self._make_room()
                if isinstance(effect, Close):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._stuck_timeout_s):
                            await self._link.close(effect.code, effect.reason)
                    return
                if not await self._deliver(effect):
                    return
            if self._take():
                await asyncio.sleep(0)  # the turn of every other connection
            else:
                await self._wake.wait()

    async def _deliver(self, effect: Send) -> bool:
        """Write one message, unless it is taken back; False when the client is stuck."""
        text = encode(effect.message, round(self._services.clock.wall_s() * 1000))
        self._sending = effect.request or 0
        try:
            while not self._over:
                before = self._link.progress()
                try:
                    async with asyncio.timeout(self._stuck_timeout_s):
                        await self._link.send(text, effect.request)
                    return True
                except TimeoutError:
                    if self._link.progress() == before:
                        log.info("uplift client does not read", key_id=self._grant.key.key_id)
                        self._link.abort()
                        return False
        except asyncio.CancelledError:
            if not self._recalled or (self._writer is not None and self._writer.uncancel() > 0):
                raise
        finally:
            self._sending, self._recalled = None, False
        return True

    def _take_back_sending(self) -> None:
        """Cancel the send that waits for room, if one does."""
        if self._sending is not None and not self._recalled and self._writer is not None:
            self._recalled = True
            self._writer.cancel()

    def _take(self) -> bool:
        """Take a piece of audio from the next request that has one, and tell the machine."""
        for _ in range(len(self._turns)):
            number = self._turns.pop(0)
            self._turns.append(number)
            if self._take_from(number):
                return True
        return False

    def _take_from(self, number: int) -> bool:
        speech = self._jobs[number].speech
        assert speech is not None  # noqa: S101 - only those that speak have their turns
        audio = speech.take()
        if speech.over:
            if speech.error is not None:
                self._tell(Failed(number, speech.error))
            else:
                self._tell(Ended(number, audio or b""))
            self._forget(number)
        elif audio is not None:
            self._tell(Made(number, audio))
        return audio is not None or speech.over

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
                if len(self._outbox) >= MAX_OUTBOX and self._no_room is None:
                    self._no_room = asyncio.Event()
                self._wake.set()
            case Admit(number, message):
                return self._admit(number, message)
            case Speak(number):
                job = self._jobs[number]
                job.place = self._services.stream_gate.enter(self._grant.key, partial(self._speak, number))
            case Stop(number):
                self._stop(number)
            case Refund(number):
                job = self._jobs[number]
                if job.admission is not None:
                    job.admission.refund()
        return None

    def _admit(self, number: int, message: Synthesize) -> Event | None:
        job = self._jobs[number] = _Job()
        try:
            job.admission = self._judge.judge_now(message)
        except VoxgateError as error:
            del self._jobs[number]
            return Refused(number, error)
        if job.admission is not None:
            return Admitted(number)
        job.judging = asyncio.create_task(self._judge_slowly(number, job, message), name="uplift-judge")
        self._judging.add(job.judging)
        job.judging.add_done_callback(self._judging.discard)
        return None

    async def _judge_slowly(self, number: int, job: _Job, message: Synthesize) -> None:
        try:
            job.admission = await self._judge.judge(message)
        except VoxgateError as error:
            self._tell(Refused(number, error))
            self._jobs.pop(number, None)
        else:
            job.judging = None
            self._tell(Admitted(number))

    def _speak(self, number: int) -> None:
        job = self._jobs[number]
        assert job.admission is not None  # noqa: S101 - who speaks was admitted
        job.speech = RequestSpeech(self._services.speaker, job.admission.plan, self._wake.set, self._held)
        self._turns.append(number)
        self._wake.set()

    def _stop(self, number: int) -> None:
        """Stop what is done for a request, and forget what was not written of it."""
        job = self._jobs[number]
        if job.judging is not None:
            job.judging.cancel()
        if job.speech is not None:
            job.speech.cancel()
        self._outbox = [each for each in self._outbox if isinstance(each, Close) or each.request != number]
        self._link.recall(number)
        if self._sending == number:
            self._take_back_sending()
        self._forget(number)

    def _forget(self, number: int) -> None:
        job = self._jobs.pop(number)
        if job.speech is not None:
            self._turns.remove(number)
        if job.place is not None:
            job.place.leave()
