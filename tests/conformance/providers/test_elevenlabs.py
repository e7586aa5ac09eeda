"""ElevenLabs' adapter against its emulator: what the suite for all vendors does not ask for."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.subjects import House, Subject, squeezed
from voxgate.errors import ProviderDenied, ProviderUnavailable
from voxgate.speech.text_source import TextSource
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.elevenlabs import ElevenLabs
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

TEXT = "Every word of this, and there are some, begins when its first letter does."
SOCKET = Subject("elevenlabs", "websocket", {"transport": "websocket"})
HTTP = Subject("elevenlabs", "http", {"transport": "http"})
AUTO = Subject("elevenlabs")


def emulator_of(house: House) -> ElevenLabs:
    assert isinstance(house.emulator, ElevenLabs)
    return house.emulator


@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=str)
@pytest.mark.parametrize("slice_bytes", [0, 777])
async def test_words_begin_when_they_are_heard(subject: Subject, slice_bytes: int) -> None:
    async with subject.open(Faults(slice_bytes=slice_bytes)) as house:
        heard = await house.speak(TEXT)
        words = [word for chunk in heard.chunks for word in chunk.words]
        assert [TEXT[word.text_start :][: word.text_length] for word in words] == TEXT.split()
        for word in words:
            assert word.at_s == pytest.approx(word.text_start * CHARACTER_MS / 1000, abs=0.002)


async def test_whole_texts_go_over_http_and_written_ones_over_a_socket() -> None:
    async with AUTO.open() as house:
        heard = await house.speak("Whole.")
        assert heard.receipt.provider_request_id
        assert heard.receipt.characters_billed == 3  # half a credit for each of six
        heard = await house.speak_pieces("Being ", "written. ", "And ", "more.")
        assert heard.text == squeezed("Being written. And more.")
        assert heard.receipt.provider_request_id is None
        assert [asked.text for asked in house.emulator.asked] == ["Whole.", "Being written. And more."]


async def test_a_socket_serves_one_utterance_after_the_other() -> None:
    async with SOCKET.open() as house:
        for number in range(7):
            assert (await house.speak(f"Number {number}.")).error is None
        assert house.emulator.peak_connections == 1


async def test_who_stops_in_mid_text_takes_back_what_was_not_flushed() -> None:
    async with SOCKET.open(Faults(piece_s=0.05)) as house:
        source = TextSource()
        stream = house.speaker.speak(house.utterance(""), source)
        source.write(f"{TEXT} And more")
        while not (await anext(stream)).pcm:
            pass
        stream.cancel()
        await stream.receipt
        await asyncio.sleep(0.1)
        [asked] = house.emulator.asked
        assert asked.cancelled
        # The vendor has ended it, so the same socket speaks again.
        assert (await house.speak("Afterwards.")).text == "Afterwards."
        assert house.emulator.peak_connections == 1


async def test_what_was_flushed_is_spoken_to_nobody_and_costs_the_socket() -> None:
    async with SOCKET.open(Faults(piece_s=0.5)) as house:
        stream = house.speaker.speak(house.utterance(TEXT))
        while not (await anext(stream)).pcm:
            pass
        stream.cancel()
        await stream.receipt
        await asyncio.sleep(5)
        assert house.emulator.asked[0].cancelled
        assert house.emulator.connections == 0
        house.emulator.faults = Faults()
        assert (await house.speak("Afterwards.")).text == "Afterwards."


async def test_a_text_that_pauses_for_too_long_fails() -> None:
    async with SOCKET.open() as house:
        source = TextSource()
        stream = house.speaker.speak(house.utterance(""), source)
        source.write("One sentence. And")
        await anext(stream)
        await asyncio.sleep(300)
        with pytest.raises(ProviderUnavailable):
            _ = [chunk async for chunk in stream]
        assert (await house.speak("Afterwards.")).text == "Afterwards."


async def test_version_3_is_asked_over_http_sentence_by_sentence() -> None:
    voice = VoiceName.parse("ElevenLabs.v3.JBFqnCBsd6RMkjVDRZzb")
    for subject in (SOCKET, AUTO):
        async with subject.open() as house:
            heard = await house.speak_pieces("One here. ", "Two here.", voice=voice)
            assert heard.text == "Onehere.Twohere."
            assert [asked.model for asked in house.emulator.asked] == ["eleven_v3", "eleven_v3"]


async def test_all_pages_of_voices_are_read() -> None:
    async with HTTP.open() as house:
        voices = await house.provider.list_voices()
        assert voices is not None
        found = {voice.name.voice_id: voice for voice in voices}
        assert len(found) == len(voices) == 13
        george = found["JBFqnCBsd6RMkjVDRZzb"]
        assert (george.label, george.gender, george.accent) == ("George", Gender.MALE, "British")
        assert george.languages == ("en-GB",)
        house.emulator.key = "another"
        with pytest.raises(ProviderDenied):
            await house.provider.list_voices()


@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=str)
async def test_a_tenant_speaks_with_a_key_of_its_own(subject: Subject) -> None:
    async with subject.open(tenants={"guest": {"api_key": "guest-key"}}) as house:
        house.emulator.key = "guest-key"
        assert (await house.speak("Guest.", tenant="guest")).error is None
        assert isinstance((await house.speak("Host.")).error, ProviderDenied)


async def test_a_full_account_is_told_as_such() -> None:
    async with AUTO.open() as house:
        emulator_of(house).max_at_once = 0
        heard = await house.speak("No room.")
        assert heard.receipt.error_code == "overloaded"
        heard = await house.speak_pieces("No room ", "either.")
        assert heard.receipt.error_code == "overloaded"
