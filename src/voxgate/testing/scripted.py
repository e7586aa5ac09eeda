"""A voice that does exactly what it is told: ``Local.Test.<script>``.

The same text gives the same bytes and the same timing every time, with no engine and no network. Each
character becomes a tone of its own, so `read_back` turns audio into text again: a test can see which
words were heard, in which order, and that none was doubled.

A script is a list of directions joined by ``+``; ``Local.Test.plain`` has none.

==============  ====================================================================================
``plain``       all audio at once
``late-N``      the first audio comes after N milliseconds
``paced``       chunks come in real time, each when the one before has been played
``chunk-N``     chunks of N milliseconds (20 by default)
``rate-N``      N samples a second (24000 by default)
``fail-N``      fails with a retryable error after N chunks
``refuse``      fails at once, as a provider does that does not know the voice
``deny``        fails at once, as a provider does that does not accept the key
``full``        fails at once, as a provider does that has too much to do
``hang-N``      falls silent for ever after N chunks
``empty``       reports success and makes no audio
==============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from voxgate.clock import Clock
from voxgate.errors import (
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    SynthesisError,
    VoxgateError,
)
from voxgate.providers.contract import Abort, AudioChunk, CancelSupport, Capabilities, Provider, WordTime
from voxgate.speech.utterance import Utterance

CHARACTER_MS = 40
"""How long one character sounds at normal speed."""
_STEP_HZ, _LOWEST_HZ, _ALPHABET = 25.0, 300.0, 96
_AMPLITUDE = 12_000


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted voice does. See the module's table."""

    late_ms: int = 0
    chunk_ms: int = 20
    rate_hz: int = 24_000
    paced: bool = False
    fail_after: int | None = None
    hang_after: int | None = None
    refusal: str = ""
    empty: bool = False

    @classmethod
    def parse(cls, voice_id: str) -> Script:
        """Read the directions in a voice id; raises `InvalidVoice` for one that is not in the table."""
        options: dict[str, int | bool | str] = {}
        for direction in voice_id.split("+"):
            word, _, number = direction.partition("-")
            match word, number.isdecimal():
                case "plain", False:
                    pass
                case (("paced" | "empty"), False):
                    options[word] = True
                case (("refuse" | "deny" | "full"), False):
                    options["refusal"] = word
                case (("late" | "chunk"), True):
                    options[f"{word}_ms"] = int(number)
                case "rate", True:
                    options["rate_hz"] = int(number)
                case (("fail" | "hang"), True):
                    options[f"{word}_after"] = int(number)
                case _:
                    raise InvalidVoice(f"A scripted voice knows no direction {direction!r}", field="voice")
        return cls(**options)  # type: ignore[arg-type]


class ScriptedProvider(Provider):
    """Speaks in tones, as its voices' scripts say.

    Args:
        clock: for ``late``, ``paced`` and ``hang``.
    """

    name = "Local.Test"
    capabilities = Capabilities(
        ssml=True, speed=True, volume=True, word_times=True, cancel=CancelSupport.HARD
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.spoken: list[str] = []
        """Texts asked for, in order."""
        self.aborted = 0
        """How many syntheses were told to stop."""

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Yield the tones of the text."""
        script = Script.parse(utterance.voice.voice_id)
        self.spoken.append(utterance.text)
        abort.on_abort(self._count_abort)
        if script.late_ms:
            await self._clock.sleep(script.late_ms / 1000)
        _raise_refusal(script)
        if script.empty:
            return
        began_s, made_s = self._clock.now_s(), 0.0
        pcm = tones(
            utterance.text,
            rate_hz=script.rate_hz,
            speed=utterance.settings.speed,
            volume=utterance.settings.volume,
        )
        step = script.rate_hz * script.chunk_ms // 1000 * 2
        words = _word_times(utterance.text, utterance.settings.speed)
        for number, begin in enumerate(range(0, len(pcm), step)):
            if number == script.fail_after:
                raise ProviderUnavailable("The script says to fail here")
            if number == script.hang_after:
                await self._clock.sleep(10**9)
            if script.paced and (wait_s := began_s + made_s - self._clock.now_s()) > 0:
                await self._clock.sleep(wait_s)
            piece = pcm[begin : begin + step]
            yield AudioChunk(piece, script.rate_hz, words if number == 0 else ())
            made_s += len(piece) / 2 / script.rate_hz
        if script.fail_after is not None:
            raise ProviderUnavailable("The script says to fail here")

    def _count_abort(self) -> None:
        self.aborted += 1


def _raise_refusal(script: Script) -> None:
    refusals: dict[str, VoxgateError] = {
        "refuse": ProviderRejected("The script says to refuse the voice"),
        "deny": ProviderDenied("The script says to refuse the key"),
        "full": Overloaded("The script says to be full", retry_after_s=1.0),
    }
    if script.refusal:
        raise refusals.get(script.refusal, SynthesisError("The script says to fail"))


def _word_times(text: str, speed: float) -> tuple[WordTime, ...]:
    times, position = [], 0
    for word in text.split():
        position = text.index(word, position)
        times.append(WordTime(position, len(word), position * CHARACTER_MS / 1000 / speed))
        position += len(word)
    return tuple(times)


def _tone_index(character: str) -> int:
    return ord(character) - 32 if 32 <= ord(character) < 128 else ord(character) % _ALPHABET


@lru_cache(maxsize=1024)
def _tone(index: int, samples: int, rate_hz: int, amplitude: int) -> bytes:
    frequency_hz = _LOWEST_HZ + _STEP_HZ * index
    phase = 2 * np.pi * frequency_hz * np.arange(samples) / rate_hz
    wave: bytes = np.rint(amplitude * np.sin(phase)).astype("<i2").tobytes()
    return wave


def tones(text: str, *, rate_hz: int = 24_000, speed: float = 1.0, volume: float = 1.0) -> bytes:
    """Return the exact PCM (s16le mono) that a scripted voice makes of ``text``."""
    samples = max(1, round(rate_hz * CHARACTER_MS / 1000 / speed))
    amplitude = min(32_767, round(_AMPLITUDE * volume))
    return b"".join(_tone(_tone_index(character), samples, rate_hz, amplitude) for character in text)


def read_back(pcm: bytes, *, rate_hz: int = 24_000, speed: float = 1.0) -> str:
    """Tell the printable ASCII text whose `tones` these are; ``?`` stands for what is no tone of ours.

    Works on audio that was resampled or went through a codec too, as long as it begins at the first
    sample, give or take a quarter of a character.
    """
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    width = round(rate_hz * CHARACTER_MS / 1000 / speed)
    characters = []
    for begin in range(0, len(samples) - width // 2, width):
        piece = samples[begin + width // 4 : begin + width]
        if not len(piece) or np.abs(piece).max() < 50:
            continue
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 16))
        peak_hz = float(spectrum.argmax()) * rate_hz / (1 << 16)
        index = round((peak_hz - _LOWEST_HZ) / _STEP_HZ)
        characters.append(chr(index + 32) if 0 <= index < _ALPHABET else "?")
    return "".join(characters)
