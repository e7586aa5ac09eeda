"""Puts together what speaks, for the server and for ``voxgate say``: providers, router, Speaker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from voxgate.clock import Clock
from voxgate.config import Settings
from voxgate.config.registered import registered
from voxgate.providers.contract import Provider
from voxgate.providers.espeak import EspeakProvider
from voxgate.providers.espeak_voices import nearest_voice
from voxgate.providers.neural import NeuralProvider, open_neural
from voxgate.providers.registry import ProviderRegistry, open_vendors
from voxgate.speech.cache import SpeechCache
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.fallbacks import Fallbacks
from voxgate.speech.language import normal_tag
from voxgate.speech.prices import Prices
from voxgate.speech.receipt import ReceiptSink
from voxgate.speech.routing import Router, StandInVoice
from voxgate.speech.speaker import Speaker
from voxgate.speech.standin import stand_in
from voxgate.speech.voice import Voice, VoiceName
from voxgate.speech.voice_lists import VoiceLists
from voxgate.testing.scripted import ScriptedProvider

VOICES_FOLDER = "voices"
"""In the data folder: vendors' lists of their voices, as they were given last."""
_MIB, _KIB = 1 << 20, 1 << 10


@asynccontextmanager
async def open_speech(
    settings: Settings,
    clock: Clock,
    sinks: Iterable[ReceiptSink] = (),
    *,
    ask_vendors: bool = False,
    lean: bool = False,
) -> AsyncIterator[tuple[Router, Speaker]]:
    """Start the engines, and end them at the block's end.

    Args:
        settings: which providers there are, and how speech is made.
        clock: time.
        sinks: each takes every Receipt.
        ask_vendors: keep asking vendors which voices they have; else what they said last is in force.
        lean: load each neural voice once only, for one who speaks alone.

    Raises:
        ConfigurationError: an engine is not installed, or a neural voice cannot be loaded.
        EngineCrashed: an engine does not start.
    """
    async with AsyncExitStack() as stack:
        registry = ProviderRegistry(_providers(settings, clock, lean=lean))
        stack.push_async_callback(registry.aclose)  # before the start, which may fail half-way
        try:
            await registry.start()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first tells enough; most likely there is but one
        catalogue = Catalogue.shipped(lambda name: registry.find(name) is not None)
        for provider in registry:
            if isinstance(provider, EspeakProvider):
                catalogue.add(_listed(provider))
            elif isinstance(provider, NeuralProvider):
                catalogue.add(provider.voices())
        vendors = [provider for provider in registry if provider.guarded]
        for vendor in vendors:
            catalogue.add_provider(vendor.name)
        lists = VoiceLists(catalogue, clock, settings.data_dir / VOICES_FOLDER)
        stack.push_async_callback(lists.aclose)
        lists.begin(vendors, ask=ask_vendors)
        stand_ins = settings.speech.stand_ins and settings.espeak.enabled
        fallbacks = Fallbacks(settings.routing.fallbacks, settings.routing.voices)
        router = Router(catalogue, registry, _find_stand_in if stand_ins else None, fallbacks)
        speaker = Speaker(
            router.candidates,
            SpeechCache(settings.cache.memory_mib * _MIB, settings.cache.max_entry_kib * _KIB),
            clock,
            sinks,
            first_audio_timeout_s=settings.speech.first_audio_timeout_s,
            stall_timeout_s=settings.speech.stall_timeout_s,
            hedge_after_s=settings.routing.hedge_after_ms / 1000,
            prices=Prices(settings.prices),
        )
        stack.push_async_callback(speaker.aclose)
        yield router, speaker


def _providers(settings: Settings, clock: Clock, *, lean: bool) -> Iterator[Provider]:
    if settings.espeak.enabled:
        yield EspeakProvider(
            clock,
            min_workers=settings.espeak.min_workers,
            max_workers=settings.espeak.max_workers,
            max_wait_s=settings.espeak.max_wait_s,
        )
    if settings.local_test_voices:
        yield ScriptedProvider(clock)
    yield from open_neural({**registered(settings.data_dir), **settings.neural}, clock, spare=not lean)
    yield from open_vendors(settings.providers, clock)


def _listed(provider: EspeakProvider) -> Iterator[Voice]:
    """List an engine's languages and accents as voices; variants go with any of them and are not listed."""
    for voice in provider.voices():
        name = VoiceName("Local", "Espeak", voice.short_name.lower())
        yield Voice(name, voice.name, tuple(map(normal_tag, voice.languages)), voice.gender)


def _find_stand_in(voice: Voice, language: str | None) -> StandInVoice:
    """Name the stand-in as the voice of the engine that speaks it."""
    other = stand_in(voice, language)
    name = other.name(nearest_voice(other.language).voice_id)
    return StandInVoice(name, other.pitch_semitones, other.speed)
