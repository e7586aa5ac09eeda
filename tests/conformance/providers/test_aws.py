"""What only Amazon Polly's adapter does, against the emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.emulated import deserted
from tests.support.subjects import Subject, settings
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import Markup, Pronunciation
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.aws import AwsEmulator
from voxgate.testing.emulators.base import Faults
from voxgate.testing.scripted import CHARACTER_MS

pytestmark = pytest.mark.virtual_time

HTTP = Subject("aws", "http")
MARKS = Subject("aws", "marks", {"word_times": True})


async def words_of(text: str, **changes: Any) -> list[tuple[str, int, float]]:
    """Speak, and return each word that was told: itself, where it stands, and when it begins."""
    async with MARKS.open() as house:
        heard = await house.speak(text, **changes)
        assert heard.error is None
        words = [word for chunk in heard.chunks for word in chunk.words]
    return [
        (text[word.text_start :][: word.text_length], word.text_start, round(word.at_s, 3)) for word in words
    ]


def at_s(spoken: str, word: str) -> float:
    return round(spoken.index(word) * CHARACTER_MS / 1000, 3)


async def test_words_are_where_the_tones_say() -> None:
    text = "Señor & Señora, hello."
    assert await words_of(text) == [
        (word, text.index(word), at_s(text, word)) for word in ("Señor", "Señora", "hello")
    ]


async def test_words_of_a_text_that_needs_markup() -> None:
    text = "Fish & tomato."
    words = await words_of(
        text, settings=settings(speed=2.0), pronunciations=(Pronunciation(7, 6, "təmeitoʊ"),)
    )
    assert words == [("Fish", 0, 0.0), ("tomato", 7, at_s(text, "tomato") / 2)]


async def test_words_of_a_clients_document() -> None:
    text = "<speak>Say <sub alias='hello'>hi</sub>, <s>señor</s></speak>"
    assert await words_of(text, markup=Markup.SSML) == [
        ("Say", text.index("Say"), 0.0),
        ("señor", text.index("señor"), at_s("Say hello, señor", "señor")),
    ]


async def test_the_generative_engine_is_not_asked_for_marks() -> None:
    async with MARKS.open() as house:
        heard = await house.speak("Hello there.", voice=VoiceName("AWS", "Polly", "Ruth-Generative"))
        assert heard.error is None
        assert heard.text == "Hellothere."
        assert isinstance(house.emulator, AwsEmulator)
        assert not house.emulator.marked


async def test_marks_that_do_not_come_cost_no_audio() -> None:
    async with MARKS.open(Faults(slice_bytes=100)) as house:
        assert isinstance(house.emulator, AwsEmulator)
        house.emulator.refuse_marks = True
        heard = await house.speak("Hello there.")
        assert heard.error is None
        assert heard.text == "Hellothere."
        assert not any(chunk.words for chunk in heard.chunks)


async def test_cancelling_takes_the_marks_back_too() -> None:
    async with MARKS.open(Faults(silent_after=0)) as house:
        assert isinstance(house.emulator, AwsEmulator)
        stream = house.speaker.speak(house.utterance("Hello there."))
        await asyncio.sleep(1)
        stream.cancel()
        await stream.receipt
        await deserted(house.emulator)
        assert house.emulator.asked[0].cancelled
        assert house.emulator.marked[0].cancelled


@pytest.mark.parametrize("voice", ["Joanna", "Joanna-Neural"])
async def test_vorbis_is_decoded(voice: str) -> None:
    async with HTTP.open(upstream_format="ogg_vorbis") as house:
        heard = await house.speak("Table for two.", voice=VoiceName("AWS", "Polly", voice))
        assert heard.error is None
        assert heard.text == "Tablefortwo."
        assert heard.rate_hz == (24_000 if voice == "Joanna-Neural" else 22_050)
        assert house.emulator.asked[0].format == "ogg_vorbis"


async def test_the_receipt_has_pollys_count_and_id() -> None:
    async with HTTP.open() as house:
        heard = await house.speak("<speak>Hello <break/>there.</speak>", markup=Markup.SSML)
        assert heard.error is None
        assert heard.receipt.characters_billed == len("Hello there.")
        assert heard.receipt.provider_request_id


async def test_the_standard_engine_is_told_the_pitch() -> None:
    async with HTTP.open() as house:
        voice = VoiceName("AWS", "Polly", "Joanna")
        heard = await house.speak("Hello.", voice=voice, settings=settings(pitch_semitones=2.0))
        assert heard.error is None
        assert house.emulator.asked[0].settings == {"pitch": "+12.2%"}


async def test_a_tenants_own_account_speaks_for_it() -> None:
    theirs = {"acme": {"api_key": "their-key", "access_key_id": "AKIDEMULATED"}}
    async with HTTP.open(tenants=theirs) as house:
        assert (await house.speak("Hello.")).error is None
        house.emulator.key = "their-key"
        assert (await house.speak("Hello.", tenant="acme")).error is None
        assert (await house.speak("Hello.")).error is not None
        assert house.provider.account("acme") == "acme"
        assert house.provider.account("other") == ""


async def test_voices_are_listed_with_their_engines() -> None:
    async with HTTP.open() as house:
        voices = await house.provider.list_voices()
    assert voices is not None
    found = {voice.name.voice_id: voice for voice in voices}
    assert {"Joanna", "Joanna-Neural", "Ruth-longform", "Ruth-Generative", "Aditi"} <= set(found)
    assert len(found) == len(voices) > 25
    assert found["Aditi"].languages == ("en-IN", "hi-IN")
    assert found["Matthew-Neural"].gender is Gender.MALE
    catalogue = Catalogue.shipped()
    assert all(catalogue.find(voice.name).name == voice.name for voice in voices)
