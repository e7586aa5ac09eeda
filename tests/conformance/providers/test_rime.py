"""Rime's adapter against its emulator: what the suite for all does not cover."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.subjects import Subject
from voxgate.clock import LoopClock
from voxgate.providers import _rime_messages as messages
from voxgate.providers.contract import Abort, AudioChunk
from voxgate.providers.rime import Rime, RimeSettings
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.rime import RimeEmulator
from voxgate.testing.scripted import CHARACTER_MS, read_back

pytestmark = pytest.mark.virtual_time

WS3 = Subject("rime", "ws3", {"transport": "ws3"})
V1 = Subject("rime", "websocket")


class RimeInJson(Rime):
    """As where the package rime-api is not installed."""

    coding = messages.Json()


@asynccontextmanager
async def speaking(emulator: RimeEmulator, kind: type[Rime] = Rime, **settings: Any) -> AsyncIterator[Rime]:
    vendor = kind(RimeSettings.model_validate({**emulator.settings(), **settings}), LoopClock())
    await vendor.start()
    yield vendor
    await vendor.aclose()


async def speak(vendor: Rime, text: str, voice: str = "Rime.Coda.astra", **changes: Any) -> list[AudioChunk]:
    utterance = Utterance(text, VoiceName.parse(voice), changes.pop("tenant", "tenant"), **changes)
    return [chunk async for chunk in vendor.synthesize(utterance, Abort())]


def heard(chunks: list[AudioChunk]) -> str:
    return read_back(b"".join(chunk.pcm for chunk in chunks))


async def test_v1_in_json_says_the_same() -> None:
    async with RimeEmulator() as emulator, speaking(emulator, RimeInJson) as vendor:
        for text in ("One. Two. Three.", "Again."):
            assert heard(await speak(vendor, text)) == text
        assert emulator.peak_connections == 1


async def test_the_request_id_is_told() -> None:
    async with V1.open() as house:
        said = await house.speak("Hello.")
        assert said.receipt.provider_request_id


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_model_that_v1_has_not_goes_over_http(streamed: bool) -> None:
    async with V1.open() as house:
        voice = VoiceName.parse("Rime.mistv2.abbie")
        said = (
            await house.speak_pieces("Over", " HTTP. Yes.", voice=voice)
            if streamed
            else await house.speak("Over HTTP. Yes.", voice=voice)
        )
        assert said.text == "OverHTTP.Yes."
        assert {asked.model for asked in house.emulator.asked} == {"mistv2"}
        assert {asked.format for asked in house.emulator.asked} == {"audio/L16"}


async def test_arcana_is_coda() -> None:
    async with V1.open() as house:
        await house.speak("Hello.", voice=VoiceName.parse("Rime.ArcanaV3.luna"))
        assert house.emulator.asked[0].model == "coda"


async def test_a_spanish_speaker_is_asked_in_spanish() -> None:
    async with V1.open() as house:
        await house.speak("Hola.", voice=VoiceName.parse("Rime.ArcanaV3.celestino"))
        assert house.emulator.asked[0].settings["language"] == "spa"


async def test_ws3_times_words_across_its_syntheses() -> None:
    pieces = ["One two. ", "Three four. ", "Five"]
    async with WS3.open() as house:
        said = await house.speak_pieces(*pieces)
        words = [word for chunk in said.chunks for word in chunk.words]
    text = "".join(pieces)
    assert [text[word.text_start :][: word.text_length] for word in words] == text.split()
    for word in words:
        # Spaces at the ends of a synthesis sound, too.
        assert word.at_s == pytest.approx(word.text_start * CHARACTER_MS / 1000)


async def test_ws3_closes_a_socket_that_talks_on_after_a_cancel() -> None:
    async with WS3.open() as house:
        house.emulator.faults = Faults(piece_s=1.0)
        stream = house.speaker.speak(house.utterance("It goes on for a while."))
        await anext(stream)
        stream.cancel()
        await stream.receipt
        house.forgive()
        assert (await house.speak("Next.")).text == "Next."


async def test_a_tenant_speaks_with_its_own_key() -> None:
    async with RimeEmulator() as ours, RimeEmulator(key="theirs") as theirs:
        account = {"api_key": "theirs", "base_url": theirs.base_url}
        for transport in ("websocket", "ws3", "http"):
            async with speaking(ours, transport=transport, tenants={"acme": account}) as vendor:
                assert heard(await speak(vendor, "Ours.")) == "Ours."
                assert heard(await speak(vendor, "Theirs.", tenant="acme")) == "Theirs."
        assert {asked.text for asked in theirs.asked} == {"Theirs."}
        assert len(theirs.asked) == 3


async def test_the_list_of_voices() -> None:
    async with RimeEmulator() as emulator, speaking(emulator) as vendor:
        voices = {str(voice.name): voice for voice in await vendor.list_voices()}
    assert voices["Rime.Coda.astra"].languages == ("en-US",)
    assert voices["Rime.Coda.astra"].gender is Gender.FEMALE
    assert voices["Rime.Coda.aurelio"].languages[0].startswith("es")
    assert voices["Rime.ArcanaV3.luna"].label == "Luna"
    assert "Rime.mistv3.cove" in voices
