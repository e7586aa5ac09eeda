"""Speaks with a server, over its WebSocket.

The server is asked for plain PCM, whatever the output is to be: it is encoded here, so every format can be
had from every voice, and played.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from voxgate.cli.saying.voice import Wish
from voxgate.client import telnyx
from voxgate.errors import IncompleteAudio, InvalidVoice
from voxgate.protocols.telnyx.field_rules import Number
from voxgate.protocols.telnyx.voice_settings import Effect
from voxgate.protocols.telnyx.voice_settings_table import rows_of
from voxgate.providers.contract import AudioChunk
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.model import NOTHING_KNOWN, ModelFacts
from voxgate.speech.voice import VoiceName

WAITING_CHARACTERS = 20_000
"""Text that the server has and has not spoken; the rest waits here until it has."""
SILENCE_S = 10.0
"""After which a silent server is taken to have spoken all that it has: not every character is spoken."""
INACTIVITY_S = 86_400
"""For which the server is asked to wait for the next words: whoever writes them may think in between."""


@asynccontextmanager
async def server_voice(server: str, key: str | None, wish: Wish) -> AsyncIterator[ServerVoice]:
    """Connect to a server, and hang up at the block's end.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    facts = _facts(wish.voice)
    voice_settings, stretch = speed_fields(facts, wish.speed)
    options = telnyx.SpeechOptions(
        voice=wish.voice,
        rate_hz=facts.default_rate_hz,
        language=wish.language,
        inactivity_timeout_s=INACTIVITY_S,
        voice_settings=voice_settings,
    )
    async with telnyx.connect(server, key, options) as speech:
        yield ServerVoice(speech, wish.voice, facts.default_rate_hz, stretch)


class ServerVoice:
    """A `voxgate.cli.saying.voice.Voice`. Made by `server_voice`."""

    def __init__(self, speech: telnyx.Speech, asked: str | None, rate_hz: int, stretch: float) -> None:
        self.asked = asked
        self.spoken_by = speech.spoken_by
        self.stretch = stretch
        self._speech = speech
        self._rate_hz = rate_hz
        self._waiting_characters = 0
        self._spoke = asyncio.Event()

    async def speak(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[AudioChunk, None]:
        """Send texts and yield what comes back, each at its own pace."""
        sending = asyncio.create_task(self._send_all(texts))
        try:
            async for event in self._speech:
                if isinstance(event, telnyx.Audio):
                    self._note(event.text)
                    if event.data:
                        yield AudioChunk(event.data, self._rate_hz)
            if not sending.done():
                raise IncompleteAudio("The server left before it had all of the text")
            await sending  # raises what went wrong with the text
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send_all(self, texts: AsyncGenerator[str, None]) -> None:
        try:
            async for text in texts:
                await self._wait_for_room()
                await self._speech.send(text)
                self._waiting_characters += len(text)
            await self._speech.end()
        except BaseException:
            self._speech.cancel()  # ends the events too
            raise

    def _note(self, spoken: str | None) -> None:
        """Count what the server has spoken; what it strips from a text it never names."""
        self._waiting_characters = max(0, self._waiting_characters - len(spoken or ""))
        self._spoke.set()

    async def _wait_for_room(self) -> None:
        while self._waiting_characters >= WAITING_CHARACTERS:
            self._spoke.clear()
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self._spoke.wait()
            except TimeoutError:
                self._waiting_characters = 0


def speed_fields(facts: ModelFacts, speed: float) -> tuple[Mapping[str, float], float]:
    """Split a speed into what the voice is asked for, in its provider's words, and what is left to stretch.

    Returns:
        Fields of ``voice_settings``, and the ratio of speeds to stretch by.
    """
    if speed == 1.0:
        return {}, 1.0
    for row in rows_of(facts.provider, facts.model).values():
        if row.effect is Effect.SPEED and isinstance(row.rule, Number):
            spoken = min(max(speed, row.rule.low), row.rule.high)
            return {row.field: spoken}, speed / spoken
    return {}, speed


def _facts(voice: str | None) -> ModelFacts:
    """Tell what is known about a voice here; the server may well know more, and is the one to judge."""
    try:
        return Catalogue.shipped().facts(VoiceName.parse(voice)) if voice else NOTHING_KNOWN
    except InvalidVoice:
        return NOTHING_KNOWN
