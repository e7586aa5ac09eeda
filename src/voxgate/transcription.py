"""Whole recordings turned into text, by local workers or by a server of the settings.

The local recognizer understands English only, and not very well: it is what works with no model of one's
own. Speech longer than it hears at once is cut in its pauses, and the pieces are heard one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from voxgate.audio.pauses import cut_at_pauses
from voxgate.clock import Clock
from voxgate.config import TranscriptionSettings
from voxgate.conversation.microphone import RATE_HZ
from voxgate.conversation.recognizing import (
    MAX_SEGMENT_MS,
    LocalRecognizer,
    Recognizer,
    RemoteRecognizer,
    Segment,
    listen_command,
    listen_pool,
)
from voxgate.engines.pool import WorkerPool
from voxgate.errors import InvalidRequest, Overloaded, VoxgateError

MAX_WAITING = 32
"""Who may wait for their turn; one more is refused."""
MAX_WAIT_S = 30.0
_LONGEST_MS, _LEAST_MS = MAX_SEGMENT_MS - 2000, 15_000
_CHUNK_BYTES = RATE_HZ // 10 * 2


class Transcriber:
    """Transcribes recordings, a few at a time.

    What it needs is started when it is first asked for something, so that a server that only speaks carries
    no recognizer.

    Args:
        settings: who recognizes, and how many at a time.
        clock: time.
    """

    def __init__(self, settings: TranscriptionSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._turns = asyncio.Semaphore(settings.workers)
        self._waiting = 0
        self._starting = asyncio.Lock()
        self._pool: WorkerPool | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def rate_hz(self) -> int:
        """What `transcribe` wants to be given."""
        return RATE_HZ

    @property
    def language(self) -> str | None:
        """The one language that is understood; None when that is for the server of the settings to say."""
        return "en" if self._settings.url is None else None

    def check_language(self, language: str | None) -> None:
        """Raise `InvalidRequest` for a language that is not understood."""
        only = self.language
        if language and only and language.lower().partition("-")[0] not in (only, "english"):
            raise InvalidRequest(
                "This server understands English only; the setting transcription.url can name a server that "
                "understands other languages",
                field="language",
            )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Take one's turn; hold no audio in memory before it.

        Raises:
            Overloaded: too many wait already, or it took too long.
        """
        if self._turns.locked() and self._waiting >= MAX_WAITING:
            raise Overloaded("Too much is being transcribed already", retry_after_s=MAX_WAIT_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded("Too much is being transcribed already", retry_after_s=MAX_WAIT_S) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def transcribe(self, pcm: bytes, language: str | None = None) -> str:
        """Return the text of a recording, empty when there is none in it.

        Args:
            pcm: s16le mono at `rate_hz`.
            language: of the speech, as a tag; None when it is not known.

        Raises:
            VoxgateError: it failed; ``retryable`` says whether it may pass.
        """
        recognizer = await self._recognizer(language)
        texts = []
        for number, piece in enumerate(
            cut_at_pauses(pcm, RATE_HZ, longest_ms=_LONGEST_MS, least_ms=_LEAST_MS)
        ):
            segment = Segment(number)
            for at in range(0, len(piece), _CHUNK_BYTES):
                segment.add(piece[at : at + _CHUNK_BYTES])
            segment.end()
            texts.append(await _recognized(recognizer, segment))
        return " ".join(filter(None, texts))

    async def aclose(self) -> None:
        """Stop what was started."""
        async with self._starting:
            if self._pool is not None:
                await self._pool.aclose()
            if self._http is not None:
                await self._http.close()

    async def _recognizer(self, language: str | None) -> Recognizer:
        settings = self._settings
        async with self._starting:
            if settings.url is not None:
                self._http = self._http or aiohttp.ClientSession(trust_env=False)
                return RemoteRecognizer(
                    self._http,
                    str(settings.url),
                    settings.model,
                    settings.api_key.get_secret_value() if settings.api_key else "",
                    language=language,
                    timeout_s=settings.timeout_s,
                )
            if self._pool is None:
                pool = listen_pool(listen_command("pocketsphinx"), self._clock, workers=settings.workers)
                await pool.start()
                self._pool = pool
            return LocalRecognizer(self._pool, None, settings.timeout_s)


async def _recognized(recognizer: Recognizer, segment: Segment) -> str:
    """Recognize a segment, and try once more when the failure may pass."""
    try:
        return await recognizer.recognize(segment)
    except VoxgateError as error:
        if not error.retryable:
            raise
    return await recognizer.recognize(segment)
