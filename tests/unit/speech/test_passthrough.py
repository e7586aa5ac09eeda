"""A provider's own file in exactly the wanted format is handed on untouched; everything else is made here."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from voxgate.audio.encoder import open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import ProviderUnavailable
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider
from voxgate.providers.registry import ProviderRegistry
from voxgate.speech.cache import SpeechCache
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.delivery import Delivery
from voxgate.speech.fallbacks import Fallbacks
from voxgate.speech.receipt import Receipt
from voxgate.speech.routing import Router
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Markup, SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

pytestmark = pytest.mark.virtual_time

MP3 = AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=48)
BETTER_MP3 = AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=160)
PCM = AudioFormat(Codec.PCM_S16LE, 24_000)
VOICE = VoiceName("OpenAI", "tts-1", "alloy")


def file_of(text: str, made: AudioFormat) -> bytes:
    encoder = open_encoder(made, 24_000)
    return encoder.feed(tones(text)) + encoder.finish()


class Maker(Provider):
    """Makes MP3 files, and PCM where it is not asked for one."""

    name = "OpenAI"
    capabilities = Capabilities(formats=(MP3, BETTER_MP3), max_characters=1000)

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked: list[Utterance] = []

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        self.asked.append(utterance)
        if self.fails:
            raise ProviderUnavailable("down")
        made = utterance.passthrough
        if made is None:
            yield AudioChunk(tones(utterance.text), 24_000)
            return
        file = file_of(utterance.text, made)
        for begin in range(0, len(file), 1000):
            yield AudioChunk(file[begin : begin + 1000], made.rate_hz, coded=made)


class House:
    def __init__(self, maker: Maker, *fallbacks: str) -> None:
        registry = ProviderRegistry([maker, ScriptedProvider(LoopClock())])
        self.router = Router(Catalogue.shipped(), registry, None, Fallbacks(fallbacks))
        self.receipts: list[Receipt] = []
        cache = SpeechCache(1 << 20, 1 << 20)
        self.speaker = Speaker(self.router.candidates, cache, LoopClock(), [self.receipts.append])

    async def file(self, text: str, target: AudioFormat, **changes: object) -> bytes:
        utterance = Utterance(text, VOICE, "tenant", **changes)  # type: ignore[arg-type]
        delivery = Delivery(self.speaker, self.router.parts(utterance, target, "en"), target)
        await delivery.begin()
        file = b"".join([chunk async for chunk in delivery.chunks()])
        self.audio_s = delivery.audio_s
        return file


async def test_the_very_bytes_come_through() -> None:
    house = House(Maker())
    assert await house.file("Hello there.", MP3) == file_of("Hello there.", MP3)
    assert house.audio_s == pytest.approx(12 * 0.04, rel=0.3)
    assert house.receipts[0].audio_made_s == pytest.approx(house.audio_s)


async def test_any_bit_rate_will_do_where_none_is_asked_for_and_the_best_is_taken() -> None:
    house = House(Maker())
    assert await house.file("Hello.", AudioFormat(Codec.MP3, 24_000)) == file_of("Hello.", BETTER_MP3)


@pytest.mark.parametrize(
    "target",
    [
        PCM,
        AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=64),
        AudioFormat(Codec.MP3, 44_100),
        AudioFormat(Codec.PCM_S16LE, 24_000, Container.WAV),
    ],
)
async def test_another_format_is_made_here(target: AudioFormat) -> None:
    maker = Maker()
    house = House(maker)
    assert await house.file("Hello.", target)
    assert [asked.passthrough for asked in maker.asked] == [None]


async def test_a_file_is_cached_for_whoever_asks_for_that_file_only() -> None:
    maker = Maker()
    house = House(maker)
    first = await house.file("Hello.", MP3)
    assert await house.file("Hello.", MP3) == first
    assert len(maker.asked) == 1
    assert read_back(await house.file("Hello.", PCM)) == "Hello."
    assert len(maker.asked) == 2
    assert read_back(await house.file("Hello.", PCM)) == "Hello."
    assert len(maker.asked) == 2
    assert [receipt.cached for receipt in house.receipts] == [False, True, False, True]


async def test_who_steps_in_makes_pcm_and_the_file_is_made_here() -> None:
    house = House(Maker(fails=True), "Local.Test.plain")
    file = await house.file("Hello.", MP3)
    assert file == file_of("Hello.", MP3)  # the same encoder, here


async def test_what_has_to_be_shaped_cannot_pass() -> None:
    maker = Maker()
    await House(maker).file("Hello.", MP3, settings=SpeechSettings(speed=2.0))
    assert [asked.passthrough for asked in maker.asked] == [None]


async def test_a_text_beyond_the_provider_s_limit_is_cut() -> None:
    maker = Maker()
    await House(maker).file("This is a sentence. " * 60, MP3)
    assert len(maker.asked) > 1
    assert {asked.passthrough for asked in maker.asked} == {None}


async def test_markup_is_never_cut() -> None:
    maker = Maker()
    text = f"<speak>{'This is a sentence. ' * 60}</speak>"
    await House(maker).file(text, PCM, markup=Markup.SSML)
    assert [asked.text for asked in maker.asked] == [text]
