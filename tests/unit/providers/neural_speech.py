"""Speaking with tiny neural voices in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voxgate.clock import LoopClock
from voxgate.config.neural import NeuralSettings
from voxgate.providers.contract import Abort
from voxgate.providers.neural import NeuralProvider, open_neural
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

SENTENCE = "Hello there."
ENDLESS = "Hello there. And this is longer than what a slow model can do, so that it never comes to its end."
"""Its second sentence has more than `SLOW_OVER` phonemes."""
SLOW_OVER = 45


@asynccontextmanager
async def neural(**models: NeuralSettings) -> AsyncIterator[NeuralProvider]:
    """Start the provider of some models of one engine."""
    (provider,) = open_neural(models, LoopClock())
    try:
        await provider.start()
        yield provider
    finally:
        await provider.aclose()


def utterance(provider: NeuralProvider, text: str, voice: str, speed: float = 1.0) -> Utterance:
    name = VoiceName.parse(f"{provider.name}.{voice}")
    return Utterance(text, name, "tests", settings=SpeechSettings(speed=speed))


async def pcm_of(provider: NeuralProvider, text: str, voice: str, speed: float = 1.0) -> bytes:
    asked = utterance(provider, text, voice, speed)
    return b"".join([chunk.pcm async for chunk in provider.synthesize(asked, Abort())])
