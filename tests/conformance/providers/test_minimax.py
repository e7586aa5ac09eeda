"""What only MiniMax's adapter does, against the emulator."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.subjects import Subject, settings
from voxgate.audio.format import AudioFormat, Codec
from voxgate.errors import InvalidVoice, ProviderDenied, ProviderUnavailable
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import Faults

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("minimax", "websocket")
HTTP = Subject("minimax", "http", {"transport": "http"})
MP3 = AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=64)

both = pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=["websocket", "http"])


async def test_one_socket_for_each_way_of_speaking() -> None:
    async with SOCKET.open() as house:
        for text in ("One.", "Two.", "Three."):
            assert (await house.speak(text)).text == text
        assert house.emulator.peak_connections == 1
        assert (await house.speak("Four.", settings=settings(pitch_semitones=3))).error is None
        assert house.emulator.connections == 2
        assert house.emulator.asked[-1].settings["pitch"] == 3


@both
async def test_settings_arrive(subject: Subject) -> None:
    async with subject.open() as house:
        chosen = settings(speed=1.5, volume=0.5, pitch_semitones=-2.2, extra=(("emotion", "happy"),))
        await house.speak("Hello.", settings=chosen, language="en-GB")
        told = {"speed": 1.5, "vol": 0.5, "pitch": -2, "emotion": "happy", "language_boost": "English"}
        assert house.emulator.asked[0].settings == told


@both
async def test_the_vendors_id_and_count_are_told(subject: Subject) -> None:
    async with subject.open() as house:
        receipt = (await house.speak("Hello there. And again.")).receipt
        assert receipt.provider_request_id
        assert receipt.characters_billed == len("Hello there. And again.")


async def test_cancelling_keeps_the_socket() -> None:
    async with SOCKET.open(Faults(piece_s=0.2)) as house:
        for _ in range(3):
            stream = house.speaker.speak(house.utterance("A text that goes on for a while."))
            await anext(stream)
            stream.cancel()
            await asyncio.sleep(0.5)
        assert [asked.cancelled for asked in house.emulator.asked] == [True] * 3
        assert house.emulator.peak_connections == 1


async def test_text_is_spoken_in_sentences_while_it_is_written() -> None:
    async with SOCKET.open() as house:
        heard = await house.speak_pieces("First sentence. Sec", "ond one", "", " after a flush.")
        assert heard.text == "Firstsentence.Secondoneafteraflush."


async def test_files_come_over_http() -> None:
    async with SOCKET.open() as house:
        heard = await house.speak("Hello.", passthrough=MP3)
        assert heard.error is None
        assert {chunk.coded for chunk in heard.chunks if chunk.pcm} == {MP3}
        assert (house.emulator.asked[0].format, house.emulator.connections) == ("mp3", 0)


@both
async def test_clones(subject: Subject) -> None:
    async with subject.open() as house:
        own = VoiceName("MiniMax", "speech-2.8-turbo", "my-own-voice-01")
        assert (await house.speak("Hello.", voice=own)).text == "Hello."
        foreign = VoiceName("MiniMax", "speech-2.8-turbo", "somebody-elses-voice-01")
        assert isinstance((await house.speak("Hello.", voice=foreign)).error, InvalidVoice)
        voices = await house.provider.list_voices()
        assert voices is not None
        listed = {str(voice.name): voice for voice in voices}
        assert "MiniMax.speech-2.8-turbo.my-own-voice-01" in listed
        warm = listed["MiniMax.speech-2.8-turbo.Chinese (Mandarin)_Warm_Girl"]
        assert (warm.label, warm.languages) == ("Warm Girl", ("zh",))


@both
async def test_a_wrong_key_is_told_with_success(subject: Subject) -> None:
    async with subject.open() as house:
        house.emulator.key = "another"
        error = (await house.speak("Hello.")).error
        assert isinstance(error, ProviderDenied)
        assert error.provider_request_id
        with pytest.raises(ProviderDenied):
            await house.provider.list_voices()


@both
async def test_a_failure_in_mid_speech_is_told_with_its_id(subject: Subject) -> None:
    async with subject.open(Faults(error_after=9600)) as house:
        heard = await house.speak("A text of some length.")
        assert isinstance(heard.error, ProviderUnavailable)
        assert heard.error.provider_request_id


async def test_an_idle_socket_is_closed_before_the_vendor_does() -> None:
    async with SOCKET.open() as house:
        await house.speak("Hello.")
        await asyncio.sleep(99)
        assert house.emulator.connections == 1
        await asyncio.sleep(5)
        assert house.emulator.connections == 0
