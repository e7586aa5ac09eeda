"""Whom the conformance suite puts through everything: adapters over each transport, found by their files.

With ``VOXGATE_LIVE_TESTS=1`` these are the vendors that the settings hold keys for (``voxgate.toml``, or
``VOXGATE_PROVIDERS__...``), asked themselves, in real time, and it costs what they charge. Cases that need an
emulator's faults or memory are skipped then. ``VOXGATE_LIVE_VOICE_<SECTION>`` names a voice of the account.
"""

from __future__ import annotations

import importlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.support import neural_models
from voxgate.clock import LoopClock
from voxgate.config import load_settings
from voxgate.errors import VoxgateError
from voxgate.providers._vendor import VendorSettings
from voxgate.providers.contract import AudioChunk, Provider
from voxgate.providers.espeak import EspeakProvider
from voxgate.providers.neural import open_neural
from voxgate.providers.registry import vendor_class, vendor_names
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.receipt import Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.text_source import TextSource
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import NO_FAULTS, Emulator, Faults
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

LIVE = os.environ.get("VOXGATE_LIVE_TESTS") == "1"
NEURAL = ("piper", "kokoro", "sherpa")
LOCAL = ("espeak", *NEURAL, "scripted")
FIRST_AUDIO_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Subject:
    """A provider over one transport.

    Attributes:
        name: of its module, or one of `LOCAL`.
        transport: as ``Vendor.transports`` calls it.
        extra: the settings that choose it.
    """

    name: str
    transport: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_vendor(self) -> bool:
        return self.name not in LOCAL

    @property
    def is_emulated(self) -> bool:
        return self.is_vendor and not LIVE

    @property
    def speaks_tones(self) -> bool:
        """Whether its audio can be read back."""
        return self.is_emulated or self.name == "scripted"

    @property
    def id(self) -> str:
        return f"{self.name}-{self.transport}" if self.transport else self.name

    @property
    def emulator(self) -> type[Emulator]:
        found: type[Emulator] = importlib.import_module(f"voxgate.testing.emulators.{self.name}").EMULATOR
        return found

    @asynccontextmanager
    async def open(self, faults: Faults = NO_FAULTS, **settings: object) -> AsyncIterator[House]:
        async with AsyncExitStack() as stack:
            emulator: Emulator | None = None
            provider: Provider
            if self.name == "espeak":
                provider, voice = (
                    EspeakProvider(LoopClock(), min_workers=2, max_workers=4),
                    "Local.Espeak.en-us",
                )
                bad_voice = "Local.Espeak.xx-nobody"
            elif self.name in NEURAL:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                models = {"tiny": neural_models.tiny(self.name, folder, min_workers=1)}
                (provider,) = open_neural(models, LoopClock())
                voice = f"{provider.name}.{'af_tiny' if self.name == 'kokoro' else 'tiny'}"
                bad_voice = f"{provider.name}.nobody"
            elif self.name == "scripted":
                provider, voice = ScriptedProvider(LoopClock()), "Local.Test.plain"
                bad_voice = "Local.Test.nobody"
            elif LIVE:
                if faults != NO_FAULTS:
                    pytest.skip("needs an emulator: a vendor does not fail on request")
                vendor = vendor_class(self.name)
                section = _live_sections()[self.name].model_copy(update={**self.extra, **settings})
                provider = vendor.make(self.name, section, LoopClock())
                voice = os.environ.get(f"VOXGATE_LIVE_VOICE_{self.name.upper()}", self.emulator.voice)
                bad_voice = self.emulator.bad_voice
            else:
                emulator = await stack.enter_async_context(self.emulator.suited(self.extra, faults))
                vendor = vendor_class(self.name)
                section = vendor.Settings.model_validate({**emulator.settings(), **self.extra, **settings})
                provider = vendor.make(self.name, section, LoopClock())
                voice, bad_voice = emulator.voice, emulator.bad_voice
            stack.push_async_callback(provider.aclose)
            await provider.start()
            house = House(self, provider, emulator, VoiceName.parse(voice), VoiceName.parse(bad_voice))
            stack.push_async_callback(house.speaker.aclose)
            yield house


class House:
    """A Speaker with the subject, and another who steps in if ``rescued`` is set."""

    def __init__(
        self,
        subject: Subject,
        provider: Provider,
        emulator: Emulator | None,
        voice: VoiceName,
        bad: VoiceName,
    ) -> None:
        self.subject = subject
        self.provider = provider
        self._emulator = emulator
        self.voice = voice
        self.bad_voice = bad
        self.rescued = False
        self.receipts: list[Receipt] = []
        self.speaker = Speaker(
            self._candidates,
            SpeechCache(0, 0),
            LoopClock(),
            [self.receipts.append],
            first_audio_timeout_s=FIRST_AUDIO_TIMEOUT_S,
            stall_timeout_s=STALL_TIMEOUT_S,
        )
        self._rescuer = ScriptedProvider(LoopClock())

    @property
    def emulator(self) -> Emulator:
        if self._emulator is None:
            pytest.skip("needs an emulator")
        return self._emulator

    def _candidates(self, utterance: Utterance) -> list[Candidate]:
        own = Candidate(self.provider, utterance, stand_in=False)
        if not self.rescued:
            return [own]
        voice = VoiceName("Local", "Test", "plain")
        return [own, Candidate(self._rescuer, Utterance(utterance.text, voice, utterance.tenant), True)]

    def forgive(self) -> None:
        """Let nothing go wrong any more, and the provider be asked again at once."""
        self.emulator.faults = NO_FAULTS
        self.speaker.breakers.succeeded((self.provider.name, ""))

    def utterance(self, text: str, **changes: Any) -> Utterance:
        return Utterance(text, **{"voice": self.voice, "tenant": "tenant", "cacheable": False, **changes})

    async def speak(self, text: str, **changes: Any) -> Heard:
        return await hear(self, self.utterance(text, **changes))

    async def speak_pieces(self, *pieces: str, **changes: Any) -> Heard:
        source = TextSource()
        for piece in pieces:
            source.write(piece) if piece else source.flush()
        source.end()
        return await hear(self, self.utterance("", **changes), source)


@dataclass
class Heard:
    """What came of an utterance.

    Attributes:
        chunks: all of them, in order.
        error: what it failed with.
        receipt: of it.
    """

    chunks: list[AudioChunk]
    error: VoxgateError | None
    receipt: Receipt

    @property
    def pcm(self) -> bytes:
        return b"".join(chunk.pcm for chunk in self.chunks)

    @property
    def rate_hz(self) -> int:
        return next((chunk.rate_hz for chunk in self.chunks if chunk.pcm), 24_000)

    @property
    def text(self) -> str:
        """The words that the tones say, without spaces: vendors may strip those at the ends."""
        return squeezed(read_back(self.pcm, rate_hz=self.rate_hz))

    @property
    def duration_s(self) -> float:
        return sum(chunk.duration_s for chunk in self.chunks)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


async def hear(house: House, utterance: Utterance, source: TextSource | None = None) -> Heard:
    stream = house.speaker.speak(utterance, source)
    chunks: list[AudioChunk] = []
    error = None
    try:
        async for chunk in stream:
            chunks.append(chunk)
    except VoxgateError as failure:
        error = failure
    return Heard(chunks, error, await stream.receipt)


def is_begin(heard: Heard, text: str, rate_hz: int) -> bool:
    """Whether what was heard is how the text's tones begin: nothing twice, nothing invented."""
    return tones(text, rate_hz=rate_hz).startswith(heard.pcm[: len(heard.pcm)])


def settings(**fields: Any) -> SpeechSettings:
    return SpeechSettings(**fields)


def _live_sections() -> Mapping[str, VendorSettings]:
    ours = [name for name in os.environ if name.startswith("VOXGATE_LIVE_")]
    with patch.dict(os.environ):
        for name in ours:  # they are no settings of the server
            del os.environ[name]
        sections = load_settings().providers
    return {name: section for name, section in sections.items() if section.kind is None}


def subjects() -> Iterator[Subject]:
    for name in _live_sections() if LIVE else vendor_names():
        for transport, extra in vendor_class(name).transports.items():
            yield Subject(name, transport, extra)


def vendors_param() -> list[Any]:
    """Vendors, on virtual time, since both ends of their sockets are on one loop; live ones on real time."""
    marks = () if LIVE else (pytest.mark.virtual_time,)
    return [pytest.param(each, id=each.id, marks=marks) for each in subjects()]


def everybody_param() -> list[Any]:
    """Vendors, and the local engines, whose processes know real time only."""
    return [*vendors_param(), *(pytest.param(Subject(name), id=name) for name in LOCAL)]
