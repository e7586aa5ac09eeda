"""Loads a neural voice and has it speak a sample."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from voxgate.audio.format import AudioFormat, Codec, Container, pcm_duration_s
from voxgate.cli.saying.outputs import FileOutput
from voxgate.clock import LoopClock
from voxgate.config.neural import NeuralSettings
from voxgate.providers.contract import Abort
from voxgate.providers.neural import open_neural
from voxgate.speech.language import primary_language
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Voice

SAMPLES: Mapping[str, str] = {
    "de": "Guten Tag! Das ist eine Probe dieser Stimme.",
    "en": "Hello! This is a sample of this voice.",
    "es": "¡Hola! Esta es una muestra de esta voz.",
    "fr": "Bonjour ! Voici un extrait de cette voix.",
    "hi": "नमस्ते! यह इस आवाज़ का एक नमूना है।",
    "it": "Ciao! Questo è un esempio di questa voce.",
    "pt": "Olá! Esta é uma amostra desta voz.",
    "ur": "السلام علیکم! یہ اس آواز کا ایک نمونہ ہے۔",  # noqa: RUF001 - Urdu's full stop
}
"""By language; English where there is none."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of it.

    Attributes:
        voices: of the model; the first has spoken.
        duration_s: of the sample.
    """

    voices: tuple[Voice, ...]
    duration_s: float


async def speak_sample(name: str, settings: NeuralSettings, text: str | None, path: Path) -> Sample:
    """Load a model and write what its first voice says to a WAV file.

    Args:
        name: of the model.
        settings: its files.
        text: what to say; None for a sentence in the voice's language.
        path: of the file.

    Raises:
        ConfigurationError: the model cannot be loaded.
        SynthesisError: it does not speak.
        InvalidRequest: the file cannot be written.
    """
    (provider,) = open_neural({name: settings}, LoopClock(), spare=False)
    try:
        await provider.start()
        voices = tuple(provider.voices())
        voice = voices[0]
        words = text or SAMPLES.get(primary_language(voice.languages[0]), SAMPLES["en"])
        output = FileOutput(path, AudioFormat(Codec.PCM_S16LE, voice.rate_hz, Container.WAV))
        made_s = 0.0
        try:
            async with aclosing(
                provider.synthesize(Utterance(words, voice.name, "local"), Abort())
            ) as chunks:
                async for chunk in chunks:
                    made_s += pcm_duration_s(len(chunk.pcm), chunk.rate_hz)
                    await output.write(chunk.pcm)
            await output.finish()
        finally:
            output.close()
        return Sample(voices, made_s)
    finally:
        await provider.aclose()
