"""What only Murf's adapter does, against the emulator."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.emulated import deserted
from tests.support.subjects import House, Subject, settings
from voxgate.errors import InvalidVoice, Overloaded, ProviderRejected, ProviderUnavailable
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.murfai import MurfEmulator

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("murfai", "websocket")
HTTP = Subject("murfai", "http", {"transport": "http"})
LONG = "One sentence is spoken. A second sentence waits. And then there comes a third one, too."


def murf(house: House) -> MurfEmulator:
    assert isinstance(house.emulator, MurfEmulator)
    return house.emulator


async def test_all_voices_and_settings_share_a_socket() -> None:
    async with SOCKET.open() as house:
        ruby = VoiceName("MurfAI", "FALCON", "en-UK-ruby")
        for voice, speed in ((house.voice, 1.0), (ruby, 1.0), (ruby, 1.25)):
            heard = await house.speak("Hello there.", voice=voice, settings=settings(speed=speed))
            assert heard.error is None
        assert [asked.voice for asked in house.emulator.asked] == [
            "en-US-natalie",
            "en-UK-ruby",
            "en-UK-ruby",
        ]
        assert house.emulator.asked[2].settings == {"rate": 25}
        assert murf(house).sockets == 1


async def test_models_do_not() -> None:
    async with SOCKET.open() as house:
        for model in ("FALCON", "GEN2"):
            heard = await house.speak("Hello.", voice=VoiceName("MurfAI", model, "en-US-natalie"))
            assert heard.error is None
        assert [asked.model for asked in house.emulator.asked] == ["FALCON", "GEN2"]
        assert murf(house).sockets == 2


async def test_a_cancelled_utterance_keeps_its_socket_to_itself_until_it_is_over() -> None:
    async with SOCKET.open(Faults(piece_s=0.1)) as house:
        stream = house.speaker.speak(house.utterance(LONG))
        await anext(stream)
        stream.cancel()
        await stream.receipt
        heard = await house.speak("Afterwards.")
        assert heard.text == "Afterwards."
        assert murf(house).sockets == 2
        assert murf(house).asked[0].cancelled
        await asyncio.sleep(1)
        assert murf(house).sockets == 2  # the first was ended in time: both are kept
        for _ in range(2):
            assert (await house.speak("Again.")).text == "Again."
        assert murf(house).sockets == 2


async def test_a_socket_on_which_a_cancelled_utterance_does_not_end_is_closed() -> None:
    async with SOCKET.open(Faults(silent_after=9600)) as house:
        stream = house.speaker.speak(house.utterance(LONG))
        await anext(stream)
        stream.cancel()
        await stream.receipt
        assert murf(house).sockets == 1
        await asyncio.sleep(4)
        await deserted(house.emulator)


async def test_no_more_speak_at_once_than_the_plan_allows() -> None:
    async with SOCKET.open() as house, asyncio.TaskGroup() as group:
        tasks = [group.create_task(house.speak(f"Number {number}.")) for number in range(12)]
        assert all([(await task).error is None for task in tasks])
        assert murf(house).sockets == house.emulator.peak_connections == 5


async def test_the_vendors_limit_is_no_fault_of_the_voice() -> None:
    """Its error is prose, so it is not known as what it is; but nobody is told that the voice is wrong."""
    async with SOCKET.open() as house:
        murf(house).places.most = 0
        heard = await house.speak("Hello.")
        assert isinstance(heard.error, ProviderUnavailable | Overloaded)


@pytest.mark.parametrize(
    ("voice", "kind"),
    [
        ("MurfAI.FALCON.en-US-nobody", InvalidVoice),
        ("MurfAI.GEN2.en-US-gordon", InvalidVoice),
        ("MurfAI.NOVEL.en-US-natalie", ProviderRejected),
    ],
)
async def test_what_is_wrong_with_a_voice(voice: str, kind: type[Exception]) -> None:
    async with SOCKET.open() as house:
        heard = await house.speak("Hello.", voice=VoiceName.parse(voice))
        assert isinstance(heard.error, kind)
        house.forgive()
        assert (await house.speak("Hello.")).error is None


async def test_a_failure_of_its_own() -> None:
    async with SOCKET.open(Faults(error_after=0)) as house:
        assert isinstance((await house.speak("Hello.")).error, ProviderUnavailable)


async def test_the_socket_and_http_say_the_same() -> None:
    said = []
    for subject in (SOCKET, HTTP):
        async with subject.open() as house:
            heard = await house.speak("Señor, hello.", settings=settings(speed=1.25, pitch_semitones=2))
            said.append((heard.text, heard.duration_s, house.emulator.asked[0].settings))
    assert said[0] == said[1]


@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=lambda subject: subject.id)
async def test_a_tenants_own_key(subject: Subject) -> None:
    async with subject.open(tenants={"other": {"api_key": "theirs"}}) as house:
        house.emulator.key = "theirs"
        assert (await house.speak("Hello.", tenant="other")).error is None
        assert (await house.speak("Hello.")).error is not None


async def test_the_catalogue_takes_the_voices() -> None:
    async with SOCKET.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    assert {voice.name.model for voice in voices} == {"FALCON", "GEN2"}
    catalogue = Catalogue.shipped()
    catalogue.relist("MurfAI", voices)
    natalie = catalogue.find(VoiceName("murfai", "gen2", "en-us-natalie"))
    assert natalie.name == VoiceName("MurfAI", "GEN2", "en-US-natalie")
    assert (natalie.gender, natalie.languages) == (Gender.FEMALE, ("en-US", "es-MX"))
