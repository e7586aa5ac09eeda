"""Inworld's adapter against its emulator: what the suite for all does not cover."""

import asyncio

import pytest
from aiohttp import web

from tests.support.subjects import Subject
from voxgate.audio.decoder import decode
from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import ProviderRejected
from voxgate.providers.inworld import Inworld, InworldSettings
from voxgate.speech.utterance import SpeechSettings
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.inworld import InworldEmulator
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("inworld", "websocket")
HTTP = Subject("inworld", "http", {"transport": "http"})
both = pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=["websocket", "http"])


async def test_four_share_a_socket_and_a_cancelled_one_leaves_the_others_be() -> None:
    texts = [f"This is speaker {number}. " * 8 for number in range(8)]
    async with SOCKET.open(Faults(piece_s=0.05)) as house:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(house.speak(text)) for text in texts]
            unwanted = house.speaker.speak(house.utterance("Nobody wants to hear this one. " * 5))
            await anext(unwanted)
            unwanted.cancel()
        for task, text in zip(tasks, texts, strict=True):
            assert task.result().text == text.replace(" ", "")
        assert house.emulator.peak_connections <= 3
        assert [asked.cancelled for asked in house.emulator.asked].count(True) == 1


async def test_streamed_text_has_a_socket_for_itself() -> None:
    async with SOCKET.open(Faults(piece_s=0.05)) as house:
        async with asyncio.TaskGroup() as group:
            pieces = ["It is ", "written ", "slowly. ", "Very."]
            streamed = group.create_task(house.speak_pieces(*pieces))
            whole = [group.create_task(house.speak(f"Whole {number}.")) for number in range(3)]
        assert streamed.result().text == "Itiswrittenslowly.Very."
        assert all(task.result().error is None for task in whole)
        assert house.emulator.peak_connections == 2


@both
async def test_words_and_characters_are_told(subject: Subject) -> None:
    text = "One two. Three four. Five."
    async with subject.open() as house:
        said = await house.speak(text)
    words = [word for chunk in said.chunks for word in chunk.words]
    assert [text[word.text_start :][: word.text_length] for word in words] == text.split()
    for word in words:
        assert word.at_s == pytest.approx(word.text_start * CHARACTER_MS / 1000, abs=0.001)
    assert said.receipt.characters_billed == len(text)


async def test_times_of_words_in_streamed_text() -> None:
    pieces = ["One two. ", "Three four. ", "Five"]
    text = "".join(pieces)
    async with SOCKET.open() as house:
        said = await house.speak_pieces(*pieces)
    words = [word for chunk in said.chunks for word in chunk.words]
    assert [text[word.text_start :][: word.text_length] for word in words] == text.split()
    assert words[-1].at_s == pytest.approx(21 * CHARACTER_MS / 1000, abs=0.001)


@both
async def test_settings_reach_the_vendor(subject: Subject) -> None:
    async with subject.open() as house:
        how = SpeechSettings(speed=1.25, extra=(("delivery_mode", "STABLE"),))
        said = await house.speak(
            "Hello.", voice=VoiceName.parse("Inworld.TTS2.Ashley"), settings=how, language="en"
        )
        assert said.error is None
        (asked,) = house.emulator.asked
    assert asked.model == "inworld-tts-2"
    assert asked.settings["deliveryMode"] == "STABLE"
    assert asked.settings["language"] == "en"
    assert said.duration_s == pytest.approx(6 * CHARACTER_MS / 1000 / 1.25, rel=0.01)


async def test_files_pass_through_over_http_whatever_the_transport() -> None:
    wanted = AudioFormat(Codec.MP3, 24_000)
    async with SOCKET.open() as house:
        said = await house.speak("As a file.", passthrough=wanted)
        assert {chunk.coded for chunk in said.chunks if chunk.pcm} == {wanted}
        assert decode(said.pcm).rate_hz == 24_000
        assert house.emulator.asked[0].format == "MP3"


async def test_ten_idle_minutes_cost_nobody_an_utterance() -> None:
    async with SOCKET.open() as house:
        for _ in range(3):
            assert (await house.speak("Hello.")).error is None
            await asyncio.sleep(590)


async def test_more_voices_than_a_page_holds() -> None:
    async with SOCKET.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    known = {str(voice.name): voice for voice in voices}
    assert len(known) == 18
    assert known["Inworld.TTS2.Hélène"].languages == ("fr-FR",)
    assert known["Inworld.Mini.Josef"].gender is Gender.MALE


class OlderInworld(InworldEmulator):
    """As before the list of voices moved."""

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/tts/v1/voices", self._older_voices)


async def test_the_list_of_voices_where_it_was() -> None:
    async with OlderInworld() as emulator:
        vendor = Inworld(InworldSettings.model_validate(emulator.settings()), LoopClock())
        await vendor.start()
        voices = {str(voice.name): voice.languages for voice in await vendor.list_voices()}
        await vendor.aclose()
    assert voices["Inworld.Max.Josef"] == ("de",)


async def test_a_model_that_does_not_know_what_is_asked() -> None:
    async with SOCKET.open() as house:
        said = await house.speak("Hello.", voice=VoiceName.parse("Inworld.inworld-tts-9.Ashley"))
        assert isinstance(said.error, ProviderRejected)
        assert (await house.speak("Hello.")).error is None
