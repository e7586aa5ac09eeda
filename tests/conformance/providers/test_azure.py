"""What only Azure's adapter does, against the emulator."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.emulated import deserted
from tests.support.subjects import Heard, House, Subject, settings
from voxgate.errors import IncompleteAudio, InvalidVoice, ProviderRejected, SynthesisError
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import Markup, Pronunciation
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.azure import AzureEmulator
from voxgate.testing.emulators.base import Faults
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

AUTO = Subject("azure", "auto")
HTTP = Subject("azure", "http", {"transport": "http"})
SOCKET = Subject("azure", "websocket", {"transport": "websocket"})
AVA = VoiceName("Azure", "", "en-US-AvaMultilingualNeural")


def service(house: House) -> AzureEmulator:
    assert isinstance(house.emulator, AzureEmulator)
    return house.emulator


def told(heard: Heard, text: str) -> list[tuple[str, float]]:
    """Return each word that was told, and when it begins."""
    assert heard.error is None
    words = [word for chunk in heard.chunks for word in chunk.words]
    return [(text[word.text_start :][: word.text_length], round(word.at_s, 3)) for word in words]


def at_s(text: str, word: str) -> float:
    return round(text.index(word) * CHARACTER_MS / 1000, 3)


async def test_whole_texts_and_streamed_ones_go_different_ways() -> None:
    async with AUTO.open() as house:
        assert (await house.speak("Hello there.")).text == "Hellothere."
        assert service(house).sockets_opened == 0
        assert (await house.speak_pieces("Hello ", "there.")).text == "Hellothere."
        assert service(house).sockets_opened == 1
        assert "language" in house.emulator.asked[1].settings


async def test_a_flush_begins_another_turn_on_the_same_socket() -> None:
    pieces = ("Hello ", "", "", "there, ", "my ", "", " ", "", "friend.")
    async with SOCKET.open() as house:
        heard = await house.speak_pieces(*pieces)
        text = "".join(pieces)
        assert told(heard, text) == [
            (word, at_s(text.replace("my  ", "my "), word)) for word in ("Hello", "there", "my", "friend")
        ]
        assert [asked.text for asked in house.emulator.asked] == ["Hello ", "there, my ", "friend."]
        assert service(house).sockets_opened == 1


async def test_words_of_a_text_with_pronunciations() -> None:
    text = "Fish & tomato, don't."
    async with SOCKET.open() as house:
        heard = await house.speak(text, pronunciations=(Pronunciation(7, 6, "təmeitoʊ"),))
        assert told(heard, text) == [(word, at_s(text, word)) for word in ("Fish", "tomato", "don't")]


async def test_words_of_a_clients_document() -> None:
    text = "<speak>Say <emphasis level='strong'>voice</emphasis> &amp; level</speak>"
    async with SOCKET.open() as house:
        heard = await house.speak(text, markup=Markup.SSML)
        said = "Say voice & level"
        assert told(heard, text) == [(word, at_s(said, word)) for word in ("Say", "voice", "level")]


@pytest.mark.parametrize("subject", [AUTO, SOCKET], ids=lambda subject: subject.transport)
async def test_streamed_text_is_spoken_as_it_is_to_be(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak_pieces(
            "Hello ",
            "there.",
            voice=AVA,
            language="de-DE",
            settings=settings(speed=1.5, pitch_semitones=2.0, extra=(("style", "chat"),)),
        )
        assert heard.error is None
        asked = house.emulator.asked[0]
        assert asked.voice == AVA.voice_id
        assert asked.settings == {"language": "de-DE", "rate": "1.5", "pitch": "+2st", "style": "chat"}


async def test_an_effect_is_kept_though_text_is_streamed() -> None:
    async with AUTO.open() as house:
        heard = await house.speak_pieces("Hello. ", "You.", settings=settings(extra=(("effect", "eq_car"),)))
        assert heard.text == "Hello.You."
        assert [asked.settings for asked in house.emulator.asked] == [{"effect": "eq_car"}] * 2
        assert service(house).sockets_opened == 0


async def test_without_sockets_sentences_go_over_rest() -> None:
    async with AUTO.open() as house:
        service(house).socket_status = 404
        for _ in range(2):
            heard = await house.speak_pieces("Hello. ", "You ", "there.")
            assert heard.error is None
            assert heard.text == "Hello.Youthere."
        assert [asked.text.strip() for asked in house.emulator.asked] == ["Hello.", "You there."] * 2
        service(house).socket_status = 0
        assert (await house.speak_pieces("Soon.")).error is None
        assert service(house).sockets_opened == 0  # it is not tried again at once
        await asyncio.sleep(700)
        assert (await house.speak_pieces("Later.")).error is None
        assert service(house).sockets_opened == 1


async def test_who_wants_sockets_alone_is_told_that_there_are_none() -> None:
    async with SOCKET.open() as house:
        service(house).socket_status = 404
        assert isinstance((await house.speak("Hello.")).error, ProviderRejected)


async def test_a_socket_that_cannot_be_had_now_is_asked_for_again() -> None:
    async with AUTO.open() as house:
        service(house).socket_status = 503
        assert (await house.speak_pieces("Hello ", "there.")).text == "Hellothere."
        service(house).socket_status = 0
        assert (await house.speak_pieces("Hello ", "again.")).text == "Helloagain."
        assert service(house).sockets_opened == 1


async def test_a_socket_that_breaks_later_is_an_error() -> None:
    async with AUTO.open(Faults(reset_after=4800)) as house:
        heard = await house.speak_pieces("Hello ", "there.")
        assert isinstance(heard.error, SynthesisError)
        assert "Hellothere.".startswith(heard.text)
        assert len(house.emulator.asked) == 1


async def test_a_voice_that_is_not_there_is_called_that() -> None:
    async with SOCKET.open() as house:
        assert isinstance((await house.speak("Hello.", voice=house.bad_voice)).error, InvalidVoice)


async def test_cancelling_closes_the_socket_and_another_is_opened() -> None:
    async with SOCKET.open(Faults(piece_s=1)) as house:
        stream = house.speaker.speak(house.utterance("Hello there, all of you."))
        await anext(stream)
        stream.cancel()
        await deserted(house.emulator)
        assert house.emulator.asked[0].cancelled
        house.emulator.faults = Faults()
        assert (await house.speak("Again.")).text == "Again."
        assert service(house).sockets_opened == 2


async def test_speech_that_rest_cuts_is_an_error() -> None:
    # At this rate everything takes four times as long as it should.
    async with HTTP.open(Faults(wrong_rate_hz=96_000)) as house:
        heard = await house.speak("a" * 2_500, settings=settings(speed=0.5))
        assert isinstance(heard.error, IncompleteAudio)
        assert heard.duration_s == pytest.approx(600)


async def test_a_tenants_own_resource_speaks_for_it() -> None:
    async with SOCKET.open(tenants={"acme": {"api_key": "their-key"}}) as house:
        assert (await house.speak("Hello.")).error is None
        house.emulator.key = "their-key"
        assert (await house.speak("Hello.", tenant="acme")).error is None
        assert service(house).sockets_opened == 2  # tenants share no socket


async def test_voices_are_listed() -> None:
    async with HTTP.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    found = {voice.name.voice_id: voice for voice in voices}
    assert found["en-US-GuyNeural"].gender is Gender.MALE
    assert found["en-US-AvaMultilingualNeural"].languages[:2] == ("en-US", "de-DE")
    catalogue = Catalogue.shipped()
    assert all(catalogue.find(voice.name).name == voice.name for voice in voices)
