"""Speech to listen to: made by the server's own local voice, at the rate microphones use here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voxgate.audio.resample import Resampler
from voxgate.clock import LoopClock
from voxgate.providers.contract import Abort
from voxgate.providers.espeak import EspeakProvider
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName


@asynccontextmanager
async def local_voice() -> AsyncIterator[EspeakProvider]:
    """Run the espeak provider with one worker."""
    provider = EspeakProvider(LoopClock(), min_workers=1, max_workers=2)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.aclose()


async def say(provider: EspeakProvider, text: str, rate_hz: int = 16_000) -> bytes:
    """Return ``text`` as s16le mono PCM."""
    utterance = Utterance(text, VoiceName("Local", "Espeak", "en-us"), "test")
    resampler, pieces = None, []
    async for chunk in provider.synthesize(utterance, Abort()):
        resampler = resampler or Resampler(chunk.rate_hz, rate_hz)
        pieces.append(resampler.feed(chunk.pcm))
    return b"".join(pieces) + (resampler.flush() if resampler else b"")
