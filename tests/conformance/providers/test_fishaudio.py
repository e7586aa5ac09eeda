"""What only Fish Audio's adapter does, against the emulator."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.emulated import deserted
from tests.support.subjects import Heard, House, Subject, settings, squeezed
from voxgate.errors import InvalidVoice, Overloaded, ProviderDenied, ProviderUnavailable
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.fishaudio import FishAudioEmulator
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("fishaudio", "websocket")
TIMED = Subject("fishaudio", "timestamps", {"transport": "timestamps"})
HTTP = Subject("fishaudio", "http", {"transport": "http"})
EACH = pytest.mark.parametrize("subject", [SOCKET, TIMED, HTTP], ids=lambda subject: subject.id)
TEXT = "Hello there, how are you? Very well, sir."


def fish(house: House) -> FishAudioEmulator:
    assert isinstance(house.emulator, FishAudioEmulator)
    return house.emulator


def words_of(text: str, heard: Heard) -> list[tuple[str, float]]:
    return [
        (text[word.text_start :][: word.text_length].strip(",.?"), round(word.at_s, 3))
        for chunk in heard.chunks
        for word in chunk.words
    ]


def truth(text: str) -> list[tuple[str, float]]:
    return [(word.strip(",.?"), round(text.index(word) * CHARACTER_MS / 1000, 3)) for word in text.split()]


async def test_words_are_where_the_tones_say() -> None:
    async with TIMED.open() as house:
        for _ in range(2):
            heard = await house.speak(TEXT)
            assert heard.error is None
            assert words_of(TEXT, heard) == truth(TEXT)
        assert house.emulator.peak_connections == 1


async def test_words_of_text_in_pieces_with_flushes() -> None:
    async with TIMED.open() as house:
        heard = await house.speak_pieces("Hel", "lo there, how", "", " are you?", " Very", " well, ", "sir.")
        assert heard.error is None
        assert heard.text == squeezed(TEXT)
        assert words_of(TEXT, heard) == truth(TEXT)


@pytest.mark.parametrize("subject", [SOCKET, TIMED], ids=lambda subject: subject.id)
async def test_text_reaches_the_vendor_as_it_is_written(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak_pieces("One sentence. ", "No sentence", "", " at all")
        assert heard.error is None
        assert heard.text == "Onesentence.Nosentenceatall"
        assert len(house.emulator.asked) == 1


async def test_each_utterance_has_a_socket_and_the_next_ones_is_opened_ahead() -> None:
    async with SOCKET.open() as house:
        for _ in range(3):
            assert (await house.speak("Hello.")).error is None
            await asyncio.sleep(2)
            assert house.emulator.connections == 1
        await asyncio.sleep(50)
        assert house.emulator.connections == 1
        await asyncio.sleep(10)
        assert house.emulator.connections == 0


async def test_no_socket_is_opened_ahead_where_all_are_taken() -> None:
    async with SOCKET.open(max_connections=1) as house:
        for number in range(3):
            heard = await house.speak(f"Number {number}.")
            assert heard.error is None
        assert house.emulator.peak_connections == 1
        await deserted(house.emulator)


async def test_a_socket_that_was_opened_ahead_and_lost_is_replaced() -> None:
    async with SOCKET.open() as house:
        assert (await house.speak("Before.")).error is None
        await asyncio.sleep(1)
        await house.emulator.__aexit__(None, None, None)
        await house.emulator.__aenter__()
        assert (await house.speak("After.")).text == "After."


@pytest.mark.parametrize("subject", [SOCKET, TIMED], ids=lambda subject: subject.id)
async def test_a_cancelled_utterance_ends_with_its_socket(subject: Subject) -> None:
    async with subject.open(Faults(piece_s=0.1)) as house:
        stream = house.speaker.speak(house.utterance(TEXT))
        await anext(stream)
        stream.cancel()
        await stream.receipt
        await asyncio.sleep(1)
        assert house.emulator.connections == (subject is SOCKET)  # the next one's
        assert house.emulator.asked[0].cancelled
        assert fish(house).places.taken == 0
        assert (await house.speak("Next.")).text == "Next."


async def test_what_two_voices_share() -> None:
    async with TIMED.open() as house:
        other = VoiceName("FishAudio", "s2.1-pro", "bf322df2096a46f18c579d0baa36f41d")
        older = VoiceName("FishAudio", "s1", house.voice.voice_id)
        for voice in (house.voice, other, older):
            assert (await house.speak("Hello.", voice=voice)).error is None
        assert [asked.model for asked in house.emulator.asked] == ["s2.1-pro", "s2.1-pro", "s1"]
        assert house.emulator.connections == 2


@EACH
async def test_too_much_at_once(subject: Subject) -> None:
    async with subject.open() as house:
        fish(house).places.most = 0
        assert isinstance((await house.speak("Hello.")).error, Overloaded)
        fish(house).places.most = 1
        house.forgive()
        assert (await house.speak("Hello.")).error is None


async def test_no_more_speak_at_once_than_the_account_allows() -> None:
    async with SOCKET.open() as house, asyncio.TaskGroup() as group:
        tasks = [group.create_task(house.speak(f"Number {number}.")) for number in range(12)]
        assert all([(await task).error is None for task in tasks])
        assert house.emulator.peak_connections == 5


@EACH
async def test_a_voice_that_is_not_there(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak("Hello.", voice=house.bad_voice)
        if subject is HTTP:
            assert heard.error is not None
        else:
            assert isinstance(heard.error, InvalidVoice)


@pytest.mark.parametrize("subject", [SOCKET, TIMED], ids=lambda subject: subject.id)
async def test_a_failure_of_its_own(subject: Subject) -> None:
    async with subject.open(Faults(error_after=0)) as house:
        heard = await house.speak("Hello.")
        assert type(heard.error) is not InvalidVoice
        assert isinstance(heard.error, ProviderUnavailable)


@EACH
async def test_a_tenants_own_key(subject: Subject) -> None:
    async with subject.open(tenants={"other": {"api_key": "theirs"}}) as house:
        house.emulator.key = "theirs"
        assert (await house.speak("Hello.", tenant="other")).error is None
        assert isinstance((await house.speak("Hello.")).error, ProviderDenied)


async def test_the_sockets_and_http_say_the_same() -> None:
    said = []
    for subject in (SOCKET, TIMED, HTTP):
        async with subject.open() as house:
            heard = await house.speak("Señor, hello.", settings=settings(speed=1.25))
            said.append((heard.text, heard.duration_s, house.emulator.asked[0].settings))
    assert said[0] == said[1] == said[2]


async def test_own_voices_come_first_and_the_catalogue_takes_them() -> None:
    async with SOCKET.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    assert [voice.label for voice in voices[:20]] == [f"Emulated {number}" for number in range(1, 21)]
    assert len({voice.name for voice in voices}) == len(voices) > 20
    catalogue = Catalogue.shipped()
    catalogue.relist("FishAudio", voices)
    assert catalogue.find(VoiceName("fishaudio", "S2.1-pro", f"{1:032x}")).languages == ("fr",)
