"""What only xAI's adapter does, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.subjects import Heard, House, Subject, settings, squeezed
from voxgate.errors import ProviderDenied, ProviderRejected
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import NO_FAULTS, Faults
from voxgate.testing.emulators.xai import XaiEmulator
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("xai", "websocket")
HTTP = Subject("xai", "http", {"transport": "http"})
TEXT = "Hello there, how are you? Very well, sir."


def words_of(text: str, heard: Heard) -> list[tuple[str, float]]:
    return [
        (text[word.text_start :][: word.text_length], round(word.at_s, 3))
        for chunk in heard.chunks
        for word in chunk.words
    ]


def truth(text: str, spoken: str | None = None) -> list[tuple[str, float]]:
    spoken = spoken or text
    words, at = [], 0
    for word in text.split():
        at = spoken.index(word, at)
        words.append((word, round(at * CHARACTER_MS / 1000, 3)))
        at += len(word)
    return words


@asynccontextmanager
async def opened(faults: Faults = NO_FAULTS, *, session_times: bool = False) -> AsyncIterator[House]:
    async with SOCKET.open(faults) as house:
        assert isinstance(house.emulator, XaiEmulator)
        house.emulator.session_times = session_times
        yield house


@pytest.mark.parametrize("session_times", [False, True])
async def test_words_are_where_the_tones_say(session_times: bool) -> None:
    """In the first utterance of a socket and in later ones, whatever the vendor counts from."""
    async with opened(session_times=session_times) as house:
        for _ in range(3):
            heard = await house.speak(TEXT)
            assert heard.error is None
            assert words_of(TEXT, heard) == truth(TEXT)
        assert house.emulator.connections == 1


@pytest.mark.parametrize("session_times", [False, True])
async def test_words_of_text_in_pieces_with_flushes(session_times: bool) -> None:
    pieces = ("Hel", "lo there, how", "", " are you?", " Very", " well, ", "", "sir.")
    async with opened(session_times=session_times) as house:
        assert (await house.speak("Something before that is rather long.")).error is None
        heard = await house.speak_pieces(*pieces)
        assert heard.error is None
        assert heard.text == squeezed(TEXT)
        assert words_of(TEXT, heard) == truth(TEXT)
        assert [asked.text for asked in house.emulator.asked[1:]] == [
            "Hello there, how",
            " are you? Very well, ",
            "sir.",
        ]


async def test_a_flush_is_heard_before_anything_else_is_written() -> None:
    async with opened() as house:
        heard = await house.speak_pieces("No sentence", "", " at all", "", "", " yet")
        assert heard.error is None
        assert heard.text == "Nosentenceatallyet"


async def test_words_can_be_left_out() -> None:
    async with SOCKET.open(word_times=False) as house:
        heard = await house.speak(TEXT)
        assert heard.error is None
        assert not words_of(TEXT, heard)


@pytest.mark.parametrize("stale", [False, True])
async def test_a_cancelled_utterances_socket_serves_the_next(stale: bool) -> None:
    """Even where audio, and an end mark, come late."""
    async with opened(Faults(piece_s=0.1, audio_after_end=stale)) as house:
        for number in range(5):
            stream = house.speaker.speak(house.utterance(TEXT))
            await anext(stream)
            stream.cancel()
            await stream.receipt
            await asyncio.sleep(0.5)
            heard = await house.speak(f"Number {number}.")
            assert heard.error is None
            assert heard.text == f"Number{number}."
        assert house.emulator.peak_connections == 1
        assert [asked.cancelled for asked in house.emulator.asked] == [True, False] * 5


async def test_one_that_was_cancelled_before_its_first_word() -> None:
    async with opened(Faults(late_s=3.0)) as house:
        stream = house.speaker.speak(house.utterance(TEXT))
        waiting = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(1)
        stream.cancel()
        assert await waiting is None
        await asyncio.sleep(0.5)
        assert (await house.speak("Next.")).text == "Next."
        assert house.emulator.peak_connections == 1


async def test_what_a_socket_is_bound_to() -> None:
    async with SOCKET.open() as house:
        for changes in (
            {},
            {"voice": VoiceName.parse("xAI.rex")},
            {"language": "de-AT"},
            {"settings": settings(speed=1.25)},
            {},
        ):
            assert (await house.speak("Hello.", **changes)).error is None
        asked = house.emulator.asked
        assert [each.voice for each in asked] == ["eve", "rex", "eve", "eve", "eve"]
        assert [each.settings["language"] for each in asked] == ["auto", "auto", "de", "auto", "auto"]
        assert house.emulator.connections == 4


@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=lambda subject: subject.id)
async def test_what_a_400_means(subject: Subject) -> None:
    """It is xAI's answer to a wrong key and to a wrong field alike."""
    async with subject.open() as house:
        heard = await house.speak("Hello.", language="not a language")
        assert isinstance(heard.error, ProviderRejected)
        house.emulator.key = "another"
        house.forgive()
        heard = await house.speak("Hello.")
        assert isinstance(heard.error, ProviderDenied)


@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=lambda subject: subject.id)
async def test_a_tenants_own_key(subject: Subject) -> None:
    async with subject.open(tenants={"other": {"api_key": "theirs"}}) as house:
        house.emulator.key = "theirs"
        assert (await house.speak("Hello.", tenant="other")).error is None
        assert isinstance((await house.speak("Hello.")).error, ProviderDenied)


async def test_the_socket_and_http_say_the_same() -> None:
    said = []
    for subject in (SOCKET, HTTP):
        async with subject.open() as house:
            heard = await house.speak("Señor, hello.", settings=settings(speed=1.25), language="pt-PT")
            said.append((heard.text, heard.duration_s, house.emulator.asked[0].settings))
    assert {key: str(value).lower() for key, value in said[0][2].items()} == {
        key: str(value).lower() for key, value in said[1][2].items()
    }
    assert said[0][:2] == said[1][:2]


async def test_the_catalogue_takes_the_voices() -> None:
    async with SOCKET.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    catalogue = Catalogue.shipped()
    catalogue.relist("xAI", voices)
    assert catalogue.find(VoiceName("xai", "", "REX")).name == VoiceName("xAI", "", "rex")
