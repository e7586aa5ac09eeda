from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.audio.wav import HEADER_BYTES, header
from voxgate.clock import LoopClock
from voxgate.errors import NotFound, Overloaded, ProviderUnavailable
from voxgate.providers.contract import Provider
from voxgate.speech.audio_store import AudioStore, StoredAudio
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.delivery import Delivery
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import ScriptedProvider, tones

PCM = AudioFormat(Codec.PCM_S16LE, 24_000)
WAV = AudioFormat(Codec.PCM_S16LE, 24_000, Container.WAV)
TTL_S = 60.0

pytestmark = pytest.mark.virtual_time


class Shop:
    """A store, and what is put into it."""

    def __init__(self, max_bytes: int, max_running: int) -> None:
        clock = LoopClock()
        self.receipts: list[Receipt] = []
        provider: Provider = ScriptedProvider(clock)
        self.speaker = Speaker(
            lambda utterance: (Candidate(provider, utterance, stand_in=False),),
            SpeechCache(0, 0),
            clock,
            [self.receipts.append],
        )
        self.store = AudioStore(clock, max_bytes=max_bytes, ttl_s=TTL_S, max_running=max_running)

    def make(
        self, text: str, script: str = "plain", target: AudioFormat = PCM, tenant: str = "ours"
    ) -> StoredAudio:
        voice = VoiceName("Local", "Test", script)
        audio = StoredAudio(tenant, target, str(voice))
        self.store.make(Delivery(self.speaker, [Utterance(text, voice, tenant)], target), audio)
        return audio


@asynccontextmanager
async def shop(max_bytes: int = 1 << 20, max_running: int = 8) -> AsyncIterator[Shop]:
    made = Shop(max_bytes, max_running)
    yield made
    await made.speaker.aclose()
    await made.store.wait()


async def read(audio: StoredAudio) -> bytes:
    await audio.begin()
    return b"".join([part async for part in audio.chunks()])


async def test_audio_is_found_by_its_id_at_once_and_given_whole() -> None:
    async with shop() as made:
        audio = made.make("Hello.")
        assert made.store.find(audio.audio_id, "ours") is audio
        assert await read(audio) == tones("Hello.")
        assert await read(audio) == tones("Hello.")
        assert audio.spoken_by == "Local.Test.plain"
        assert audio.size_bytes == made.store.held_bytes == len(tones("Hello."))


async def test_readers_get_audio_while_it_is_made() -> None:
    async with shop() as made:
        audio = made.make("A text that lasts.", "paced")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await audio.begin()
        first_s = loop.time() - began_s
        assert audio.size_bytes is None
        files = await asyncio.gather(read(audio), read(audio))
        assert list(files) == [tones("A text that lasts.")] * 2
        assert first_s < 0.1 < 0.6 < loop.time() - began_s


async def test_audio_is_made_though_nobody_fetches_it() -> None:
    async with shop() as made:
        made.make("Hello.", "paced")
        await made.store.wait()
        assert [receipt.outcome for receipt in made.receipts] == [Outcome.COMPLETED]


async def test_another_tenant_finds_nothing() -> None:
    async with shop() as made:
        audio = made.make("Hello.", tenant="theirs")
        with pytest.raises(NotFound):
            made.store.find(audio.audio_id, "ours")


async def test_audio_is_kept_for_its_time_and_no_longer() -> None:
    async with shop() as made:
        audio = made.make("Hello.", "paced")
        await made.store.wait()
        await asyncio.sleep(TTL_S - 1)
        assert made.store.find(audio.audio_id, "ours") is audio
        await asyncio.sleep(1)
        with pytest.raises(NotFound):
            made.store.find(audio.audio_id, "ours")
        assert made.store.held_bytes == 0


async def test_the_oldest_goes_when_there_is_no_room() -> None:
    size = len(tones("Hello."))
    async with shop(max_bytes=2 * size) as made:
        oldest, older = made.make("Hello."), made.make("Hallo.")
        await made.store.wait()
        newest = made.make("Howdy.")
        assert await read(newest) == tones("Howdy.")
        assert made.store.held_bytes == 2 * size
        assert made.store.find(older.audio_id, "ours") is older
        with pytest.raises(NotFound):
            made.store.find(oldest.audio_id, "ours")


async def test_audio_larger_than_the_store_ends_short_and_stops_being_made() -> None:
    async with shop(max_bytes=len(tones("Hel"))) as made:
        audio = made.make("Hello there, this is too long.", "paced")
        await audio.begin()
        with pytest.raises(Overloaded):
            await read(audio)
        await made.store.wait()
        assert [receipt.outcome for receipt in made.receipts] == [Outcome.CANCELLED]
        assert made.store.held_bytes <= len(tones("Hel"))
        assert await read(made.make("Hi.")) == tones("Hi."), "what failed makes room"


async def test_only_so_much_is_made_at_a_time() -> None:
    async with shop(max_running=2) as made:
        made.make("Hello.", "paced")
        made.make("Hello.", "paced")
        with pytest.raises(Overloaded):
            made.make("Hello.", "paced")
        await made.store.wait()
        made.make("Hello.")


async def test_a_failure_before_audio_is_told_to_whoever_asks() -> None:
    async with shop() as made:
        audio = made.make("Hello.", "fail-0")
        for _ in range(2):
            with pytest.raises(ProviderUnavailable):
                await audio.begin()
        assert audio.size_bytes is None


async def test_a_failure_in_mid_speech_is_told_at_the_end_of_what_there_is() -> None:
    async with shop() as made:
        audio = made.make("Hello there.", "fail-5")
        await audio.begin()
        await made.store.wait()
        parts = audio.chunks()
        assert await anext(parts) + await anext(parts) == tones("Hello there.")[: 5 * 24 * 20 * 2]
        with pytest.raises(ProviderUnavailable):
            await anext(parts)


async def test_wav_has_its_true_sizes_once_they_are_known() -> None:
    async with shop() as made:
        audio = made.make("Hello.", "paced", WAV)
        early = await read(audio)
        late = await read(audio)
        assert early[:HEADER_BYTES] == header(24_000, 16)
        assert late[:HEADER_BYTES] == header(24_000, 16, len(tones("Hello.")))
        assert early[HEADER_BYTES:] == late[HEADER_BYTES:] == tones("Hello.")
        assert len(late) == audio.size_bytes


async def test_a_reader_that_leaves_does_not_stop_the_others() -> None:
    async with shop() as made:
        audio = made.make("Hello.", "paced")
        await audio.begin()
        audio.cancel()
        assert await read(audio) == tones("Hello.")
