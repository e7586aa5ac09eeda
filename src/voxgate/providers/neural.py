"""``Local.Piper.<name>``, ``Local.Kokoro.<voice>``, ``Local.Sherpa.<name>``: neural voices of the user's own.

Each model of the settings has a pool of worker processes (`voxgate.engines.neural_worker`) that hold it in
memory. A model with several speakers has a voice for each: ``<name>+<speaker>``; Kokoro's go by their own
names, unless another model's voice has that name already.

The text is cut into sentences and long sentences at commas, so that the first audio comes when the first
piece is done: these models give nothing before they have made all of a piece. One that does not stop in time
when it is cancelled in the middle of a piece is killed, and another takes its place; the pool keeps a spare
for that.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import voxgate.engines
from voxgate.clock import Clock
from voxgate.config.neural import NeuralSettings
from voxgate.engines.pipe import FrameKind
from voxgate.engines.pool import PoolLimits, WorkerPool
from voxgate.engines.process import WorkerCommand
from voxgate.errors import (
    ConfigurationError,
    EngineCrashed,
    IncompleteAudio,
    InvalidRequest,
    InvalidVoice,
    ProviderRejected,
    TextTooLong,
)
from voxgate.providers.contract import Abort, AudioChunk, CancelSupport, Capabilities, Provider
from voxgate.speech.language import normal_tag
from voxgate.speech.long_text import emergency_cut
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.stream import BUFFER_BYTES as STREAM_BYTES
from voxgate.speech.utterance import Markup, Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

PIECE_CHARACTERS = 120
"""A sentence longer than this is made in pieces."""
START_TIMEOUT_S = 60.0
"""A large model on a slow disk takes its time."""
STALL_TIMEOUT_S = 60.0
"""A piece may take long on a slow machine, and nothing comes before it is done."""
MAX_WAIT_S = 20.0
"""For a worker: longer than most models take to load."""
MAX_CHARACTERS = 100_000

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_NEEDED: Mapping[str, tuple[str, ...]] = {"piper": (), "kokoro": ("voices",), "sherpa": ("tokens",)}
_KOKORO_LANGUAGES: Mapping[str, tuple[str, str]] = {
    "a": ("en-US", "en-us"),
    "b": ("en-GB", "en-gb"),
    "e": ("es", "es"),
    "f": ("fr-FR", "fr-fr"),
    "h": ("hi", "hi"),
    "i": ("it", "it"),
    "j": ("ja", "ja"),
    "p": ("pt-BR", "pt-br"),
    "z": ("zh-CN", "cmn"),
}
"""What the first letter of a Kokoro voice's name says: a tag of ours, and espeak's name."""


class NeuralModel:
    """One model: its settings, and the workers that hold it.

    Args:
        name: of its section.
        settings: what it says.
        clock: time.
        spare: keep as many workers warm as the settings say; else one.

    Raises:
        ConfigurationError: a file is not named, or not there.
    """

    def __init__(self, name: str, settings: NeuralSettings, clock: Clock, *, spare: bool = True) -> None:
        self.name = name
        self.settings = settings
        check_files(name, settings)
        limits = PoolLimits(
            min_workers=settings.min_workers if spare else 1,
            max_workers=max(settings.min_workers, settings.max_workers),
            max_wait_s=MAX_WAIT_S,
            start_timeout_s=START_TIMEOUT_S,
            stall_timeout_s=STALL_TIMEOUT_S,
        )
        self.pool = WorkerPool(self._command(), clock, limits)

    @property
    def speakers(self) -> Sequence[str]:
        """Names of its speakers; known once started."""
        return [str(name) for name in self.pool.greeting.get("speakers", ())]

    @property
    def rate_hz(self) -> int:
        """Of its audio; known once started."""
        return int(self.pool.greeting["rate_hz"])

    async def start(self) -> None:
        """Load the model.

        Raises:
            ConfigurationError: it cannot be loaded; the message says why.
        """
        try:
            await self.pool.start()
        except EngineCrashed:
            reason = self.pool.reason or "it gave no reason; these may not be the files of one model"
            raise ConfigurationError(
                f"neural.{self.name}: {self.settings.engine} cannot load {self.settings.model}: {reason}"
            ) from None

    def _command(self) -> WorkerCommand:
        program = Path(voxgate.engines.__path__[0]) / "neural_worker.py"
        options = {name: str(path.absolute()) for name, path in self.settings.files().items()}
        told = json.dumps({**options, "threads": self.settings.threads})
        engine = self.settings.engine
        return WorkerCommand(engine, (sys.executable, "-I", str(program), engine, told))


def check_files(name: str, settings: NeuralSettings) -> None:
    """Look whether all files of a model are there.

    Raises:
        ConfigurationError: one is not named, or not there; the message says which.
    """
    files = settings.files()
    missing = [needed for needed in _NEEDED[settings.engine] if needed not in files]
    if missing:
        raise ConfigurationError(f"neural.{name}.{missing[0]} is needed for {settings.engine}")
    if settings.engine == "piper" and "config" not in files:
        files["config"] = Path(f"{files['model']}.json")
    for field, path in files.items():
        kind, there = ("folder", path.is_dir()) if field == "data_dir" else ("file", path.is_file())
        if not there:
            raise ConfigurationError(f"neural.{name}.{field}: there is no {kind} {path}")


class _Spoken(NamedTuple):
    """A voice, and who speaks it: a model, as one of its speakers."""

    voice: Voice
    model: NeuralModel
    speaker: str | None


class NeuralProvider(Provider):
    """The models of one engine.

    Args:
        engine: ``piper``, ``kokoro`` or ``sherpa``.
        models: all of them.
    """

    capabilities = Capabilities(
        speed=True, speeds=(0.5, 2.0), cancel=CancelSupport.HARD, max_characters=MAX_CHARACTERS
    )

    def __init__(self, engine: str, models: Sequence[NeuralModel]) -> None:
        self.name = f"Local.{engine.title()}"
        self.models = models
        self._by_voice: dict[str, _Spoken] = {}

    async def start(self) -> None:
        """Load every model, all at once.

        Raises:
            ConfigurationError: one cannot be loaded.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for model in self.models:
                    group.create_task(model.start())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first tells enough
        for model in self.models:
            for voice_id, speaker in _voices_of(model):
                taken = voice_id.lower() in self._by_voice
                self._add(f"{model.name}+{speaker}" if taken else voice_id, model, speaker)

    async def aclose(self) -> None:
        """End all workers."""
        for model in self.models:
            await model.pool.aclose()

    def voices(self) -> Iterator[Voice]:
        """List the voices, once started."""
        return (spoken.voice for spoken in self._by_voice.values())

    def _add(self, voice_id: str, model: NeuralModel, speaker: str | None) -> None:
        name = VoiceName("Local", self.name.partition(".")[2], voice_id)
        label, tag = voice_id, normal_tag(model.settings.language)
        gender = Gender(model.settings.gender)
        if model.settings.engine == "kokoro" and speaker is not None:
            tag = _KOKORO_LANGUAGES.get(speaker[:1], (tag, ""))[0]
            gender = {"f": Gender.FEMALE, "m": Gender.MALE}.get(speaker[1:2], gender)
            label = speaker.partition("_")[2] or speaker
        label = label.replace("_", " ").title()
        voice = Voice(name, label, (tag,), gender, hosted=True, rate_hz=model.rate_hz)
        self._by_voice[voice_id.lower()] = _Spoken(voice, model, speaker)

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak.

        Raises:
            InvalidVoice: no such model or speaker.
            InvalidRequest: there is nothing to say, or it is SSML.
            TextTooLong: over `MAX_CHARACTERS`.
            Overloaded: no worker became free in time.
            EngineCrashed: the worker died.
            ProviderRejected: the engine could not speak this text.
            IncompleteAudio: it made no audio, or less than it said.
        """
        found = self._by_voice.get(utterance.voice.voice_id.lower())
        if found is None:
            raise InvalidVoice(f"{self.name} has no voice {utterance.voice.voice_id}", field="voice")
        if utterance.markup is Markup.SSML:
            raise InvalidRequest(f"{self.name} takes no SSML", field="text_type")
        if not speakable(utterance.text):
            raise InvalidRequest("There is nothing to say in this text", field="text")
        if len(utterance.text) > MAX_CHARACTERS:
            raise TextTooLong(f"An utterance may have {MAX_CHARACTERS} characters", field="text")
        _, model, speaker = found
        job_text = {
            "pieces": list(pieces(_well_formed(utterance.text), utterance.language)),
            "speed": utterance.settings.speed,
            "speaker": speaker,
            "language": _espeak_language(speaker) if model.settings.engine == "kokoro" else None,
        }
        async with model.pool.lease(utterance.hold_bytes - STREAM_BYTES) as job:
            abort.on_abort(job.cancel)
            job.send(FrameKind.JOB, json.dumps(job_text, ensure_ascii=False).encode())
            made = 0
            async for frame in job:
                if frame.kind == FrameKind.AUDIO:
                    made += len(frame.payload) // 2
                    yield AudioChunk(frame.payload, model.rate_hz)
                elif frame.kind == FrameKind.FAILED:
                    raise ProviderRejected(f"{self.name} could not speak this")
                elif made == 0 or made != json.loads(frame.payload)["samples"]:
                    raise IncompleteAudio(f"{self.name} made less audio than it said")


def pieces(text: str, language: str | None) -> Iterator[str]:
    """Cut a text into what is made at a time: sentences, long ones at commas."""
    buffer = SentenceBuffer(language)
    for sentence in (*buffer.feed(text), *buffer.flush()):
        rest = sentence
        while len(rest) > PIECE_CHARACTERS:
            cut = emergency_cut(rest, PIECE_CHARACTERS)
            yield from filter(speakable, [rest[:cut]])
            rest = rest[cut:]
        yield from filter(speakable, [rest])


def open_neural(
    models: Mapping[str, NeuralSettings], clock: Clock, *, spare: bool = True
) -> Iterator[NeuralProvider]:
    """Make the providers of the models in the settings.

    Args:
        models: their sections, by name.
        clock: time.
        spare: as for `NeuralModel`.

    Raises:
        ConfigurationError: a file is not there, or two models of an engine have the same name.
    """
    engines: dict[str, dict[str, NeuralModel]] = {}
    for name, settings in models.items():
        own = engines.setdefault(settings.engine, {})
        if name.lower() in own:
            raise ConfigurationError(f"neural.{name}: {own[name.lower()].name} is the same name")
        own[name.lower()] = NeuralModel(name, settings, clock, spare=spare)
    for engine, named in engines.items():
        yield NeuralProvider(engine, list(named.values()))


def _voices_of(model: NeuralModel) -> Iterator[tuple[str, str | None]]:
    """Name a model's voices, and the speaker of each."""
    named = {speaker.replace(".", "_"): speaker for speaker in model.speakers}  # a dot parts a voice's name
    if model.settings.engine == "kokoro":
        yield from named.items()
        return
    yield model.name, None
    if len(named) > 1:
        yield from ((f"{model.name}+{name}", speaker) for name, speaker in named.items())


def _espeak_language(speaker: str | None) -> str:
    return _KOKORO_LANGUAGES.get((speaker or "a")[:1], ("", "en-us"))[1]


def _well_formed(text: str) -> str:
    """Replace what is half of a character: it cannot be told to another process."""
    return _LONE_SURROGATE.sub("\ufffd", text)
