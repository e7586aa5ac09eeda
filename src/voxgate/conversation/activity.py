"""Is somebody speaking? One worker process answers for all sessions.

Silero's model takes about a millisecond a window and holds Python's lock, so it runs outside. Before it
stands webrtcvad, which takes two microseconds: a window that even it calls silence, while nobody speaks,
is not sent at all.

When the worker dies it is started again, and what it had not yet answered counts as silence: a session
notices a hole of some milliseconds. When it cannot be started any more, every session is told.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
import webrtcvad

import voxgate.engines
from voxgate.clock import Clock
from voxgate.conversation.microphone import BYTES_PER_MS, RATE_HZ
from voxgate.engines.pipe import Frame, FrameKind
from voxgate.engines.process import WorkerCommand, WorkerProcess
from voxgate.errors import EngineCrashed

log = structlog.get_logger()

MAX_UNANSWERED = 160
"""Windows (five seconds) of one caller that may wait; then they all count as silence, unjudged."""
MAX_STARTS = 3
"""In a row without an answer; then it is given up."""
_GATE_BYTES = 30 * BYTES_PER_MS
_RESET = b'{"do": "reset"}'


def vad_command() -> WorkerCommand:
    """Return how to start the worker."""
    program = Path(voxgate.engines.__path__[0]) / "vad_worker.py"
    return WorkerCommand("silero", (sys.executable, "-I", str(program)))


OnProbability = Callable[[bytes, float], None]
OnFailure = Callable[[EngineCrashed], None]


class Judge(Protocol):
    """One caller's windows in, their probabilities of speech out, in order."""

    def feed(self, window: bytes, *, speaking: bool) -> None:
        """Judge the next window; ``speaking`` says that no silence may be taken for granted."""

    def close(self) -> None:
        """Leave; nothing more is passed on."""


class Judges(Protocol):
    """Makes a `Judge` for each caller."""

    def open(self, on_probability: OnProbability, on_failure: OnFailure) -> Judge:
        """Begin a caller; raises `EngineCrashed` when that cannot be."""
        ...


class ActivityStream:
    """One caller's windows in, their probabilities of speech out, in order. Made by `VoiceActivity.open`."""

    def __init__(
        self,
        service: VoiceActivity,
        number: int,
        on_probability: OnProbability,
        on_failure: OnFailure,
    ) -> None:
        self._service, self._number = service, number
        self._on_probability, self.on_failure = on_probability, on_failure
        self._gate = webrtcvad.Vad(2)
        # Windows not yet passed on: [samples, probability], None while it is awaited.
        self._windows: deque[tuple[bytes, list[float]]] = deque()
        self._asked: deque[list[float]] = deque()

    def feed(self, window: bytes, *, speaking: bool) -> None:
        """Judge the next window; ``speaking`` says that no silence may be taken for granted."""
        answer: list[float] = []
        self._windows.append((window, answer))
        if speaking or self._asked or self._gate.is_speech(window[:_GATE_BYTES], RATE_HZ):
            self._asked.append(answer)
            self._service.ask(self._number, window)
        else:
            answer.append(0.0)
        if len(self._asked) > MAX_UNANSWERED:
            # Under a new number, so that a late answer is not taken for the answer to a later window.
            self._number = self._service.renumber(self._number)
            self.forget()
        self._pass_on()

    def answered(self, probability: float) -> None:
        """Take the worker's next answer."""
        if self._asked:
            self._asked.popleft().append(probability)
            self._pass_on()

    def forget(self) -> None:
        """Count what the worker did not answer as silence."""
        while self._asked:
            self._asked.popleft().append(0.0)
        self._pass_on()

    def close(self) -> None:
        """Leave; nothing more is passed on."""
        self._windows.clear()
        self._asked.clear()
        self._service.close(self._number)

    def _pass_on(self) -> None:
        while self._windows and self._windows[0][1]:
            window, answer = self._windows.popleft()
            self._on_probability(window, answer[0])


class VoiceActivity:
    """The worker and its callers.

    Args:
        clock: for the worker's process.
        command: how to start it.
    """

    def __init__(self, clock: Clock, command: WorkerCommand | None = None) -> None:
        self._clock = clock
        self._command = command or vad_command()
        self._streams: dict[int, ActivityStream] = {}
        self._numbers = itertools.count(1)
        self._worker: WorkerProcess | None = None
        self._ready: asyncio.Future[None] | None = None
        self._starts = 0
        self._closing = False
        self._reaping: set[asyncio.Task[int]] = set()

    async def start(self, timeout_s: float = 10.0) -> None:
        """Start the worker and wait until it is ready.

        Raises:
            EngineCrashed: it is not.
        """
        self._ready = asyncio.get_running_loop().create_future()
        self._start_worker()
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready
        except TimeoutError:
            await self.aclose()
            raise EngineCrashed("The voice activity detector did not start") from None

    async def aclose(self) -> None:
        """End the worker."""
        self._closing = True
        if self._worker is not None:
            self._worker.kill()
        await asyncio.gather(*self._reaping)

    @property
    def up(self) -> bool:
        """Whether there is a worker to ask."""
        return self._worker is not None

    def open(self, on_probability: OnProbability, on_failure: OnFailure) -> ActivityStream:
        """Begin a caller.

        Args:
            on_probability: called with each window and its probability, in order, on the loop.
            on_failure: called when there is no worker any more.

        Raises:
            EngineCrashed: there is none now.
        """
        if self._worker is None:
            raise EngineCrashed("The voice activity detector is not running")
        stream = ActivityStream(self, next(self._numbers), on_probability, on_failure)
        self._streams[stream._number] = stream
        self._worker.send(FrameKind.JOB, stream._number, _RESET)
        return stream

    def ask(self, number: int, window: bytes) -> None:
        """Send a caller's window to the worker."""
        if self._worker is not None:
            self._worker.send(FrameKind.INPUT, number, window)

    def renumber(self, number: int) -> int:
        """Begin a caller anew and return its new number; what it asked before goes unanswered."""
        stream = self._streams[number]
        self.close(number)
        new = next(self._numbers)
        self._streams[new] = stream
        if self._worker is not None:
            self._worker.send(FrameKind.JOB, new, _RESET)
        return new

    def close(self, number: int) -> None:
        """Let a caller go."""
        if self._streams.pop(number, None) is not None and self._worker is not None:
            self._worker.send(FrameKind.CANCEL, number)

    def _start_worker(self) -> None:
        self._starts += 1
        self._worker = WorkerProcess(self._command, self._clock, self._on_frame, self._on_exit)
        for number in self._streams:
            self._worker.send(FrameKind.JOB, number, _RESET)

    def _on_frame(self, worker: WorkerProcess, frame: Frame) -> None:
        if frame.kind == FrameKind.READY and self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        elif frame.kind == FrameKind.EVENT and frame.request_id in self._streams:
            self._starts = 0
            self._streams[frame.request_id].answered(frame.payload[0] / 255)

    def _on_exit(self, worker: WorkerProcess) -> None:
        task = asyncio.get_running_loop().create_task(worker.reap(), name="reap")
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)
        self._worker = None
        if self._closing:
            return
        log.warning("voice_activity_worker_gone", pid=worker.pid)
        for stream in tuple(self._streams.values()):
            stream.forget()
        if self._starts < MAX_STARTS:
            with suppress(EngineCrashed):
                self._start_worker()
                return
        failure = EngineCrashed("The voice activity detector cannot be kept running")
        for stream in tuple(self._streams.values()):
            stream.on_failure(failure)
