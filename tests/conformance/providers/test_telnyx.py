"""Telnyx's adapter against its emulator: what the suite for all vendors does not ask for."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.subjects import House, Subject, settings, squeezed
from voxgate.errors import ProviderDenied, ProviderRejected
from voxgate.speech.text_source import TextSource
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.telnyx import Telnyx
from voxgate.testing.scripted import CHARACTER_MS, read_back

pytestmark = pytest.mark.virtual_time

SOCKET = Subject("telnyx", "websocket", {"transport": "websocket"})
HTTP = Subject("telnyx", "http", {"transport": "http"})
AUTO = Subject("telnyx")
EITHER = pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=str)


def emulator_of(house: House) -> Telnyx:
    assert isinstance(house.emulator, Telnyx)
    return house.emulator


@EITHER
@pytest.mark.parametrize(
    ("voice", "rate_hz"),
    [
        ("Telnyx.Natural.abbie", 24_000),
        ("Telnyx.Qwen3TTS.Delta", 24_000),
        ("Telnyx.Bayan.Amanda", 16_000),
        ("Telnyx.Sukhan.urdu-professor", 22_050),
        ("Telnyx.Ultra.01eaafa9-308a-4276-a017-6ab0cf061b1f", 24_000),
    ],
)
async def test_every_model_speaks_at_its_own_rate(subject: Subject, voice: str, rate_hz: int) -> None:
    async with subject.open() as house:
        heard = await house.speak("A model of its own.", voice=VoiceName.parse(voice))
        assert (heard.text, heard.rate_hz) == ("Amodelofitsown.", rate_hz)


@EITHER
async def test_kokoro_is_mp3_in_files_with_tags(subject: Subject) -> None:
    voice = VoiceName.parse("Telnyx.KokoroTTS.af_heart")
    async with subject.open() as house:
        heard = await house.speak("This is coded. And this is, too.", voice=voice)
        assert heard.error is None
        assert heard.rate_hz == 22_050
        assert "his is cod" in read_back(heard.pcm, rate_hz=22_050)


async def test_whole_texts_go_over_rest_and_written_ones_over_a_socket() -> None:
    async with AUTO.open() as house:
        assert (await house.speak("Whole.")).receipt.provider_request_id
        heard = await house.speak_pieces("Being ", "written. ", "And ", "more.")
        assert heard.text == squeezed("Being written. And more.")
        assert heard.receipt.provider_request_id is None
        assert [asked.text for asked in house.emulator.asked] == ["Whole.", "Being written. And more."]


@pytest.mark.parametrize("reading", ["finals_between", "repeats_audio", "typed", "lazy"])
async def test_every_reading_of_the_docs_is_understood(reading: str) -> None:
    async with SOCKET.open() as house:
        emulator = emulator_of(house)
        match reading:
            case "lazy":
                emulator.eager = False
            case _:
                setattr(emulator, reading, True)
        assert (await house.speak("One here. Two here.")).text == "Onehere.Twohere."
        source = TextSource()
        stream = house.speaker.speak(house.utterance(""), source)
        source.write("One here. ")
        first = await anext(stream)
        await asyncio.sleep(1)  # a final comes meanwhile, where finals come between
        source.write("Two here.")
        source.end()
        pcm = first.pcm + b"".join([chunk.pcm async for chunk in stream])
        assert squeezed(read_back(pcm)) == "Onehere.Twohere."


async def test_sentences_that_come_whole_are_understood() -> None:
    async with SOCKET.open(vendor="azure", kind="telnyx") as house:
        voice = VoiceName.parse("telnyx.en-US-AvaMultilingualNeural")
        heard = await house.speak("One here. Two here.", voice=voice)
        assert heard.text == "Onehere.Twohere."
        assert house.emulator.asked[0].voice == "en-US-AvaMultilingualNeural"


@EITHER
async def test_somebody_elses_clone_is_refused(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak("Hello.", voice=VoiceName.parse("Telnyx.Qwen3TTS.some-clone"))
        assert isinstance(heard.error, ProviderDenied)


async def test_speed_is_the_models_or_ours() -> None:
    text = "Quickly, please, quickly."
    async with SOCKET.open() as house:
        for voice, native in (("Telnyx.NaturalHD.astra", True), ("Telnyx.Sukhan.urdu-professor", False)):
            heard = await house.speak(text, voice=VoiceName.parse(voice), settings=settings(speed=1.5))
            assert heard.duration_s == pytest.approx(len(text) * CHARACTER_MS / 1000 / 1.5, rel=0.1)
            assert ("voice_speed" in house.emulator.asked[-1].settings) is native


async def test_who_stops_is_seen_to_have_left() -> None:
    async with SOCKET.open(Faults(piece_s=0.2)) as house:
        stream = house.speaker.speak(house.utterance("A text that goes on for a while."))
        while not (await anext(stream)).pcm:
            pass
        stream.cancel()
        await stream.receipt
        await asyncio.sleep(0.5)
        assert house.emulator.asked[0].cancelled
        assert house.emulator.connections == 0


async def test_voices_are_listed_with_what_is_known() -> None:
    async with HTTP.open() as house:
        voices = {str(voice.name): voice for voice in await house.provider.list_voices() or ()}
        astra = voices["Telnyx.NaturalHD.astra"]
        assert (astra.label, astra.gender, astra.languages) == ("Astra", Gender.FEMALE, ("en-US",))
        assert "Telnyx.Qwen3TTS.Delta" in voices
        house.emulator.key = "another"
        with pytest.raises(ProviderDenied):
            await house.provider.list_voices()


async def test_a_voice_that_telnyx_does_not_have() -> None:
    async with HTTP.open() as house:
        heard = await house.speak("Hello.", voice=house.bad_voice)
        assert isinstance(heard.error, ProviderRejected)
