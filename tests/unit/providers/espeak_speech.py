"""Speaking with espeak in tests, and measuring what came out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxgate.clock import LoopClock
from voxgate.providers.contract import Abort, WordTime
from voxgate.providers.espeak import RATE_HZ, EspeakProvider
from voxgate.speech.utterance import Markup, SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

SENTENCE = "Hello there, how are you today? I am fine, thank you for asking."
VOICED = "We are all in our own room and we roam along a narrow lane."


@dataclass(frozen=True, slots=True)
class Speech:
    """One utterance's audio and words."""

    samples: NDArray[np.float64]
    words: tuple[WordTime, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ

    @property
    def rms(self) -> float:
        return float(np.sqrt(np.mean(self.samples**2)))

    def fundamental_hz(self) -> float:
        """Median over voiced windows of the strongest period between 45 and 600 Hz."""
        size, found = 2048, []
        low, high = RATE_HZ // 600, RATE_HZ // 45
        for start in range(0, len(self.samples) - size, size // 2):
            window = self.samples[start : start + size]
            if window.std() < 600:
                continue
            spectrum = np.fft.rfft((window - window.mean()) * np.hanning(size), 2 * size)
            correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:size]
            correlation = correlation / correlation[0] / (1.001 - np.arange(size) / size)
            period = low + int(np.argmax(correlation[low:high]))
            if correlation[period] > 0.6:
                found.append(RATE_HZ / period)
        return float(np.median(found))


def utterance(
    text: str,
    voice: str = "en-us",
    *,
    markup: Markup = Markup.TEXT,
    settings: SpeechSettings | None = None,
) -> Utterance:
    return Utterance(
        text,
        VoiceName("Local", "Espeak", voice),
        "tests",
        settings=settings or SpeechSettings(),
        markup=markup,
    )


@asynccontextmanager
async def espeak(min_workers: int = 1, max_workers: int = 1) -> AsyncIterator[EspeakProvider]:
    provider = EspeakProvider(LoopClock(), min_workers=min_workers, max_workers=max_workers)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.aclose()


async def speech(
    provider: EspeakProvider,
    text: str,
    voice: str = "en-us",
    *,
    markup: Markup = Markup.TEXT,
    speed: float = 1.0,
    pitch_semitones: float = 0.0,
    volume: float = 1.0,
) -> Speech:
    settings = SpeechSettings(speed=speed, pitch_semitones=pitch_semitones, volume=volume)
    pcm = bytearray()
    words: list[WordTime] = []
    async for chunk in provider.synthesize(utterance(text, voice, markup=markup, settings=settings), Abort()):
        assert chunk.rate_hz == RATE_HZ
        assert len(chunk.pcm) % 2 == 0
        pcm += chunk.pcm
        words += chunk.words
    return Speech(np.frombuffer(bytes(pcm), "<i2").astype(np.float64), tuple(words))
