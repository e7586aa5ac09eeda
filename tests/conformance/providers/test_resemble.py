"""Resemble's adapter against its emulator: what the suite for all does not cover."""

import asyncio

import pytest

from tests.support.subjects import Subject
from voxgate.errors import InvalidVoice, ProviderDenied
from voxgate.speech.text_source import TextSource
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.resemble import ResembleEmulator
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("resemble", "websocket")
HTTP = Subject("resemble", "http", {"transport": "http"})
both = pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=["websocket", "http"])


async def test_sentences_are_asked_for_as_they_are_written() -> None:
    text = "One two. Three four. Five"
    async with SOCKET.open() as house:
        said = await house.speak_pieces("One tw", "o. Three ", "four. Five")
        assert [asked.text for asked in house.emulator.asked] == ["One two. ", "Three four. ", "Five"]
        assert house.emulator.peak_connections == 1
    assert said.text == text.replace(" ", "")
    words = [word for chunk in said.chunks for word in chunk.words]
    assert [text[word.text_start :][: word.text_length] for word in words] == text.split()
    for word in words:
        assert word.at_s == pytest.approx(word.text_start * CHARACTER_MS / 1000, abs=0.001)


async def test_text_may_end_after_all_of_it_was_spoken() -> None:
    async with SOCKET.open() as house:
        source = TextSource()

        async def slowly() -> None:
            source.write("All of it.")
            await asyncio.sleep(5)
            source.end()

        stream = house.speaker.speak(house.utterance(""), source)
        async with asyncio.TaskGroup() as group:
            group.create_task(slowly())
            chunks = [chunk async for chunk in stream]
        assert sum(chunk.duration_s for chunk in chunks) == pytest.approx(0.4)
        assert (await house.speak("Next.")).text == "Next."
        assert house.emulator.peak_connections == 1


@both
async def test_a_name_is_looked_up_once(subject: Subject) -> None:
    async with subject.open() as house:
        for name, uuid in (
            ("Aaron_en-US", "55592656"),
            ("amelia", "7213a9ea"),
            ("7213a9ea", "7213a9ea"),
        ):
            said = await house.speak("Hello.", voice=VoiceName("Resemble", "Turbo", name))
            assert said.error is None
            assert house.emulator.asked[-1].voice == uuid
        for name in ("Nobody_en-US", "Aaron_fr-FR", "Not ready"):
            said = await house.speak("Hello.", voice=VoiceName("Resemble", "Turbo", name))
            assert isinstance(said.error, InvalidVoice)


async def test_the_list_of_voices_comes_in_pages() -> None:
    async with SOCKET.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    assert {(voice.name.model, voice.name.voice_id, voice.label) for voice in voices} == {
        (model, uuid, label)
        for model in ("Turbo", "Pro")
        for uuid, label in (("55592656", "Aaron"), ("7213a9ea", "Amelia"), ("fb2d2858", "Lucy"))
    }


async def test_the_three_hosts_may_be_three() -> None:
    async with ResembleEmulator() as other:
        async with SOCKET.open(websocket_url=other.ws_url, voices_url=other.base_url) as house:
            assert (await house.speak("Elsewhere.")).error is None
            assert await house.provider.list_voices()
            assert not house.emulator.asked
        assert [asked.text for asked in other.asked] == ["Elsewhere."]


async def test_a_socket_that_talks_on_after_a_cancel_is_closed() -> None:
    async with SOCKET.open(Faults(piece_s=1.0)) as house:
        stream = house.speaker.speak(house.utterance("It goes on for a while."))
        await anext(stream)
        stream.cancel()
        await stream.receipt
        house.forgive()
        assert (await house.speak("Next.")).text == "Next."
        await asyncio.sleep(2)
        assert house.emulator.asked[0].cancelled


async def test_a_plan_without_sockets_is_told() -> None:
    async with SOCKET.open() as house:
        house.emulator.key = "another"
        assert isinstance((await house.speak("Hello.")).error, ProviderDenied)


@pytest.mark.parametrize("known", [True, False])
async def test_the_header_may_not_know_how_much_follows(known: bool) -> None:
    async with HTTP.open() as house:
        assert isinstance(house.emulator, ResembleEmulator)
        house.emulator.known_sizes = known
        said = await house.speak("Behind a header with all the times of its characters.")
        assert said.text == "Behindaheaderwithallthetimesofitscharacters."
