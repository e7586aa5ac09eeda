"""``Local.Espeak.<voice>``: every language and variant of espeak-ng, with no key and no network.

A voice is a language or voice of espeak's, with an optional variant: ``en-us``, ``ur``, ``hi+f2``,
``en-gb-x-rp``. Speech is made in worker processes (`voxgate.engines.espeak_worker`); the library is never
loaded into this one.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import voxgate.engines
from voxgate.clock import Clock
from voxgate.engines.pipe import FrameKind
from voxgate.engines.pool import PoolLimits, WorkerPool
from voxgate.engines.process import WorkerCommand
from voxgate.errors import (
    ConfigurationError,
    EngineCrashed,
    IncompleteAudio,
    InvalidVoice,
    ProviderRejected,
    TextTooLong,
)
from voxgate.providers import espeak_markup
from voxgate.providers.contract import Abort, AudioChunk, CancelSupport, Capabilities, Provider, WordTime
from voxgate.providers.espeak_markup import EspeakMarkup
from voxgate.providers.espeak_phonemes import language_of, with_phonemes
from voxgate.providers.espeak_prosody import EspeakProsody
from voxgate.providers.espeak_voices import EspeakVoice, VoiceTable
from voxgate.providers.espeak_words import WordTimes
from voxgate.speech.stream import BUFFER_BYTES as STREAM_BYTES
from voxgate.speech.utterance import Markup, Utterance

RATE_HZ = 22050
MAX_CHARACTERS = 100_000
MAX_WRITTEN_CHARACTERS = 200_000
"""Of what a worker gets, with markup and phonemes written out; in one frame of its pipe."""
LONG_DOCUMENT_CHARACTERS = 20_000
"""Markup from here on is parsed in a thread: it can take 0.5 ms per 1,000 characters."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def espeak_command() -> WorkerCommand:
    """Return how to start a worker: this interpreter, isolated, on the worker's file.

    Raises:
        ConfigurationError: the wheel with the library is not installed.
    """
    # Found, not imported: importing is the worker's business.
    wheel = importlib.util.find_spec("espeakng_loader")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError("The voice Local.Espeak needs the package espeakng-loader")
    program = Path(voxgate.engines.__path__[0]) / "espeak_worker.py"
    folder = Path(wheel.origin).parent.parent
    return WorkerCommand("espeak", (sys.executable, "-I", "-S", str(program), str(folder)))


class EspeakProvider(Provider):
    """Speaks with espeak-ng.

    Args:
        clock: time.
        min_workers: processes kept warm, None for one a core.
        max_workers: processes at most, None for eight a core.
        max_wait_s: how long an utterance may wait for a process.

    Attributes:
        pool: the workers.
        table: what a voice id may be; empty until started.
    """

    name = "Local.Espeak"
    capabilities = Capabilities(
        ssml=True,
        speed=True,
        pitch=True,
        volume=True,
        word_times=True,
        phonemes=True,
        cancel=CancelSupport.HARD,
        max_characters=MAX_CHARACTERS,
    )

    def __init__(
        self,
        clock: Clock,
        *,
        min_workers: int | None = None,
        max_workers: int | None = None,
        max_wait_s: float = 5.0,
    ) -> None:
        limits = PoolLimits(min_workers=min_workers, max_workers=max_workers, max_wait_s=max_wait_s)
        self.pool = WorkerPool(espeak_command(), clock, limits)
        self.table = VoiceTable((), ())

    async def start(self) -> None:
        """Start the workers and learn the voices; returns when the first worker is ready."""
        await self.pool.start()
        listing = await self._ask({"do": "voices"})
        self.table = VoiceTable(listing["voices"], listing["variants"])

    async def aclose(self) -> None:
        """End all workers."""
        await self.pool.aclose()

    def voices(self) -> tuple[EspeakVoice, ...]:
        """Return the languages and voices, once started."""
        return self.table.voices

    def variants(self) -> tuple[EspeakVoice, ...]:
        """Return what may follow a ``+``, once started."""
        return self.table.variants

    async def phonemes(self, text: str, voice_id: str, *, ipa: bool = True) -> list[str]:
        """Return how a voice would pronounce plain text, a string for each clause."""
        voice = self.table.resolve(voice_id)
        answer = await self._ask(
            {"do": "phonemes", "text": _well_formed(text), "voice": voice, "ipa": ipa},
        )
        return [str(clause) for clause in answer["clauses"]]

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak.

        Raises:
            InvalidVoice: no such language, voice or variant.
            InvalidMarkup: see `voxgate.providers.espeak_markup.prepare`.
            TextTooLong: over `MAX_CHARACTERS`.
            Overloaded: no worker became free in time.
            EngineCrashed: the worker died.
        """
        prosody = EspeakProsody.of(utterance.settings)
        request, words = await self._request(utterance, prosody)
        async with self.pool.lease(utterance.hold_bytes - STREAM_BYTES) as job:
            abort.on_abort(job.cancel)
            job.send(FrameKind.JOB, request)
            made = 0
            begun: tuple[WordTime, ...] = ()
            async for frame in job:
                if frame.kind == FrameKind.AUDIO:
                    made += len(frame.payload) // 2
                    yield AudioChunk(prosody.apply_gain(frame.payload), RATE_HZ, begun)
                    begun = ()
                elif frame.kind == FrameKind.EVENT:
                    begun += words.take(json.loads(frame.payload)["words"])
                else:
                    answer = _answer(frame.kind, frame.payload)
                    if begun:
                        yield AudioChunk(b"", RATE_HZ, begun)
                    if made == 0 or made != answer["samples"]:
                        raise IncompleteAudio("espeak-ng made less audio than it said")

    async def _request(self, utterance: Utterance, prosody: EspeakProsody) -> tuple[bytes, WordTimes]:
        text = utterance.text
        if len(text) > MAX_CHARACTERS:
            raise TextTooLong(f"An utterance may have {MAX_CHARACTERS} characters", field="text")
        voice = self.table.resolve(utterance.voice.voice_id)
        language = language_of(utterance.voice.voice_id)
        ssml, phonemes = utterance.markup is Markup.SSML, bool(utterance.pronunciations)
        if ssml:
            markup = await _prepared(text, language)
            text, probe, phonemes = markup.text, markup.probe, markup.phonemes
            words = WordTimes(text, RATE_HZ, markup.place)
        else:
            text = _well_formed(text)
            probe = text.strip()[: espeak_markup.PROBE_CHARACTERS]
            words = WordTimes(text, RATE_HZ)
            if phonemes:
                phonemic = with_phonemes(text, utterance.pronunciations, language)
                text, words = phonemic.text, WordTimes(phonemic.text, RATE_HZ, phonemic.place)
        if len(text) > MAX_WRITTEN_CHARACTERS:
            raise TextTooLong("The text and its phonemes are too long for one utterance", field="text")
        request = {
            "do": "speak",
            "text": text,
            "voice": voice,
            "ssml": ssml,
            "phonemes": phonemes,
            "speed": prosody.speed,
            "probe": probe if prosody.speed is not None else None,
            "pitch": prosody.pitch,
            "range": prosody.pitch_range,
            "volume": prosody.volume,
        }
        return json.dumps(request, ensure_ascii=False).encode(), words

    async def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        async with self.pool.lease() as job:
            job.send(FrameKind.JOB, json.dumps(request, ensure_ascii=False).encode())
            async for frame in job:
                return _answer(frame.kind, frame.payload)
        raise EngineCrashed("A worker for espeak gave no answer")


def _answer(kind: int, payload: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(payload)
    if kind == FrameKind.DONE:
        return answer
    if answer.get("code") == "unknown_voice":
        raise InvalidVoice("espeak-ng has no such voice", field="voice")
    raise ProviderRejected("espeak-ng could not do this")


async def _prepared(document: str, language: str) -> EspeakMarkup:
    if len(document) < LONG_DOCUMENT_CHARACTERS:
        return espeak_markup.prepare(document, language)
    return await asyncio.to_thread(espeak_markup.prepare, document, language)


def _well_formed(text: str) -> str:
    """Replace surrogates, which have no encoding, one for one."""
    return _LONE_SURROGATE.sub("\ufffd", text)
