"""Who turns a segment of speech into text: local workers, a remote server, or a script.

A recognizer is given a `Segment`, which can be read while it is still being spoken, and again from the
top when a first attempt failed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp

import voxgate.engines
from voxgate.audio import wav
from voxgate.clock import Clock
from voxgate.conversation.microphone import BYTES_PER_MS, RATE_HZ
from voxgate.engines.pipe import FrameKind
from voxgate.engines.pool import PoolLimits, WorkerPool
from voxgate.engines.process import WorkerCommand
from voxgate.errors import (
    ConfigurationError,
    EngineCrashed,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
)

MAX_SEGMENT_MS = 30_000
"""Nobody speaks longer without a pause; whoever does is recognized in pieces of this length."""


class Segment:
    """Speech of a caller from onset to offset, as it comes; holds at most ``MAX_SEGMENT_MS``.

    Attributes:
        number: unique within the session.
        full: whether it takes no more.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.full = False
        self._pieces: list[bytes] = []
        self._held_ms = 0.0
        self._ended = False
        self._changed = asyncio.Event()

    def add(self, pcm: bytes) -> None:
        """Add s16le mono PCM at 16 kHz."""
        if self._ended or self.full:
            return
        self._pieces.append(pcm)
        self._held_ms += len(pcm) / BYTES_PER_MS
        self.full = self._held_ms >= MAX_SEGMENT_MS
        self._changed.set()

    def end(self) -> None:
        """Say that it is over."""
        self._ended = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it from the top, waiting for what is still to come."""
        read = 0
        while True:
            while read < len(self._pieces):
                yield self._pieces[read]
                read += 1
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()


class Recognizer(Protocol):
    """Turns segments into text."""

    async def recognize(self, segment: Segment) -> str:
        """Return the text of a segment, empty when it is none; waits for its end.

        Raises:
            VoxgateError: it failed; ``retryable`` says whether it may pass.
        """
        ...


def listen_command(engine: str, folder: Path | None = None) -> WorkerCommand:
    """Return how to start a listening worker; ``folder`` holds the user's model, where there is one.

    Raises:
        ConfigurationError: the folder is missing.
    """
    program = Path(voxgate.engines.__path__[0]) / "listen_worker.py"
    arguments = [sys.executable, "-I", str(program), engine]
    if engine != "pocketsphinx":
        if folder is None or not folder.is_dir():
            raise ConfigurationError(f"The recognizer {engine} needs its model's folder; {folder} is none")
        arguments.append(str(folder.resolve()))
    return WorkerCommand(engine, tuple(arguments))


def listen_pool(command: WorkerCommand, clock: Clock, *, workers: int) -> WorkerPool:
    """Make a pool of listening workers. A worker that hears a long segment is rightly silent meanwhile."""
    limits = PoolLimits(
        min_workers=1,
        max_workers=workers,
        max_waiting=64,
        max_wait_s=5.0,
        cancel_timeout_s=1.0,
        stall_timeout_s=None,
    )
    return WorkerPool(command, clock, limits)


class LocalRecognizer:
    """Recognizes one caller in worker processes, leased for a segment each.

    What a worker learned of the caller's sound goes along to the next segment, whichever worker hears it.

    Args:
        pool: of listening workers.
        grammar: JSGF, for pocketsphinx; None takes any English words.
        timeout_s: from the end of a segment to its text.
    """

    def __init__(self, pool: WorkerPool, grammar: str | None, timeout_s: float = 5.0) -> None:
        self._pool, self._timeout_s = pool, timeout_s
        self._grammar = grammar
        self._mean: str | None = None

    async def recognize(self, segment: Segment) -> str:
        """Feed a worker as the caller speaks."""
        async with self._pool.lease() as job:
            work = {"do": "listen", "grammar": self._grammar, "mean": self._mean}
            job.send(FrameKind.JOB, json.dumps(work).encode())
            async for piece in segment:
                job.send(FrameKind.INPUT, piece)
            job.send(FrameKind.INPUT, b"")
            try:
                async with asyncio.timeout(self._timeout_s):
                    async for frame in job:
                        if frame.kind == FrameKind.DONE:
                            heard = json.loads(frame.payload)
                            if heard["text"]:
                                self._mean = heard["mean"]
                            return str(heard["text"])
                        if frame.kind == FrameKind.FAILED:
                            raise ConfigurationError("The recognizer refused the agent's grammar")
            except TimeoutError:
                raise EngineCrashed("The recognizer did not answer in time") from None
        raise EngineCrashed("The recognizer ended without an answer")


class RemoteRecognizer:
    """Recognizes by an OpenAI-compatible server: ``POST {url}/audio/transcriptions``.

    Args:
        session: the HTTP session to use; it follows no redirects here.
        url: what comes before ``/audio/transcriptions``.
        model: its name there.
        api_key: sent as a bearer token when not empty.
        language: sent when given, in two letters.
        timeout_s: from the end of a segment to its text.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        model: str,
        api_key: str = "",
        *,
        language: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._session, self._url = session, f"{url.rstrip('/')}/audio/transcriptions"
        self._model, self._language, self._timeout_s = model, language, timeout_s
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def recognize(self, segment: Segment) -> str:
        """Send the whole segment when it is over."""
        pcm = b"".join([piece async for piece in segment])
        form = aiohttp.FormData()
        form.add_field("model", self._model)
        form.add_field("response_format", "json")
        if self._language:
            form.add_field("language", self._language.partition("-")[0])
        file = wav.header(RATE_HZ, 16, len(pcm)) + pcm
        form.add_field("file", file, filename="speech.wav", content_type="audio/wav")
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.post(
                    self._url, data=form, headers=self._headers, allow_redirects=False
                ) as response,
            ):
                _check_status(response.status)
                return str((await response.json(content_type=None)).get("text", "")).strip()
        except TimeoutError:
            raise ProviderUnavailable("The transcription server did not answer in time") from None
        except (aiohttp.ClientError, ValueError, AttributeError):
            raise ProviderUnavailable("The transcription server did not answer as it should") from None


def _check_status(status: int) -> None:
    if status in (401, 403):
        raise ProviderDenied("The transcription server refused our key")
    if status == 429:
        raise Overloaded("The transcription server has too much to do")
    if 400 <= status < 500:
        raise ProviderRejected(f"The transcription server answered {status}")
    if status != 200:
        raise ProviderUnavailable(f"The transcription server answered {status}")


class ScriptedRecognizer:
    """Hears what it is told to, in order, the last for ever: for tests and measurements.

    Args:
        texts: one for each segment; an exception is raised instead.
        clock: for the delay.
        delay_ms: from the end of a segment to its text.
    """

    def __init__(self, texts: Sequence[str | Exception], clock: Clock, delay_ms: float = 0) -> None:
        self._texts, self._clock, self._delay_ms = list(texts), clock, delay_ms
        self.heard_ms: list[float] = []
        """How long each segment was."""

    async def recognize(self, segment: Segment) -> str:
        """Wait for the segment's end and return the next text."""
        length = sum([len(piece) async for piece in segment])
        self.heard_ms.append(length / BYTES_PER_MS)
        await self._clock.sleep(self._delay_ms / 1000)
        text = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        if isinstance(text, Exception):
            raise text
        return text
