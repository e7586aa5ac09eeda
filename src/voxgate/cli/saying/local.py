"""Speaks with the engine in this process: no server needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from voxgate.cli.saying.voice import Wish
from voxgate.clock import LoopClock
from voxgate.config import Settings
from voxgate.protocols.telnyx.handshake import plan_speech, read_query
from voxgate.protocols.telnyx.intake import TextIntake
from voxgate.providers.contract import AudioChunk
from voxgate.server.speech import open_speech
from voxgate.speech.delivery import split_speed
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import SpeechStream
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Voice, VoiceName

RUNNING = 2
"""Sentences that are being made at a time: the one that is heard, and the next."""
QUIET_S = 0.15
"""After which a full stop that may not end a sentence is taken to end one."""


@asynccontextmanager
async def local_voice(settings: Settings, wish: Wish) -> AsyncIterator[LocalVoice]:
    """Start the engine, and end it at the block's end. The wish is judged as a server would.

    Raises:
        InvalidRequest: there is no such voice, or it does not speak this language.
        VoxgateError: the engine does not start.
    """
    asked = {"voice": wish.voice, "language": wish.language}
    request = read_query(
        {name: value for name, value in asked.items() if value is not None},
        default_voice=VoiceName.parse(settings.telnyx.default_voice),
    )
    async with open_speech(settings, LoopClock(), lean=True) as (router, speaker):
        voice = router.admit(request.voice, identity_verified=True)
        language = plan_speech(replace(request, audio_format="linear16"), voice).language
        yield LocalVoice(speaker, voice, language, wish.speed)


class LocalVoice:
    """A `voxgate.cli.saying.voice.Voice`. Made by `local_voice`."""

    def __init__(self, speaker: Speaker, voice: Voice, language: str | None, speed: float) -> None:
        self.asked = str(voice.name)
        self.spoken_by: str | None = None
        speed, self.stretch = split_speed(speed)
        self._speaker = speaker
        self._voice = voice
        self._settings = SpeechSettings(speed=speed)
        self._language = language

    async def speak(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[AudioChunk, None]:
        """Speak sentence by sentence; while one is being heard the next is made."""
        streams: asyncio.Queue[SpeechStream | None] = asyncio.Queue()  # no longer than there is room
        room = asyncio.Semaphore(RUNNING)
        beginning = asyncio.create_task(self._begin_all(texts, streams, room))
        stream: SpeechStream | None = None
        try:
            while (stream := await streams.get()) is not None:
                async for chunk in stream:
                    if stream.spoken_by != self.asked:
                        self.spoken_by = stream.spoken_by
                    yield chunk
                room.release()
            await beginning  # raises what went wrong with the text
        finally:
            beginning.cancel()
            await asyncio.wait([beginning])
            for left in (stream, *(streams.get_nowait() for _ in range(streams.qsize()))):
                if left is not None:
                    left.cancel()

    async def _begin_all(
        self,
        texts: AsyncGenerator[str, None],
        streams: asyncio.Queue[SpeechStream | None],
        room: asyncio.Semaphore,
    ) -> None:
        try:
            async with aclosing(self._sentences(texts)) as sentences:
                async for sentence in sentences:
                    await room.acquire()
                    streams.put_nowait(self._speaker.speak(self._utterance(sentence)))
        finally:
            streams.put_nowait(None)

    async def _sentences(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Cut as the server does."""
        intake = TextIntake(self._language or self._voice.languages[0])
        while True:
            coming = asyncio.ensure_future(anext(texts, None))
            try:
                if intake.waiting_for_quiet:
                    came, _ = await asyncio.wait([coming], timeout=QUIET_S)
                    for sentence in () if came else intake.quiet():
                        yield sentence
                text = await coming
            finally:
                if coming.cancel():
                    await asyncio.wait([coming])
            if text is None:
                break
            for sentence in intake.feed(text):
                yield sentence
        for sentence in intake.flush():
            yield sentence

    def _utterance(self, text: str) -> Utterance:
        return Utterance(
            text, self._voice.name, "local", settings=self._settings, language=self._language, cacheable=False
        )
