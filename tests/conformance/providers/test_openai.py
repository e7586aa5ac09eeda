"""What only the adapter of OpenAI's endpoint does, against the emulator of each dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.support.emulated import deserted
from tests.support.subjects import House, Subject, settings
from voxgate.clock import LoopClock
from voxgate.errors import IncompleteAudio, InvalidVoice, ProviderDenied
from voxgate.providers.openai import OpenAI, OpenAISettings
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.openai import Dialect, OpenAIEmulator

pytestmark = pytest.mark.virtual_time

PLAIN = Subject("openai", "openai")
KOKORO = Subject("openai", "kokoro", {"dialect": "kokoro"})
LOCALAI = Subject("openai", "localai", {"dialect": "localai"})
SOCKET = Subject("openai", "vllm-websocket", {"dialect": "vllm", "transport": "websocket"})


def server(house: House) -> OpenAIEmulator:
    assert isinstance(house.emulator, OpenAIEmulator)
    return house.emulator


async def test_the_vendors_id_of_a_request_is_told() -> None:
    async with PLAIN.open() as house:
        assert (await house.speak("Hello.")).receipt.provider_request_id == "req_emulated"
        heard = await house.speak("Hello.", voice=house.bad_voice)
        assert heard.error is not None
        assert heard.error.provider_request_id == "req_emulated"


async def test_instructions_and_speed_arrive() -> None:
    async with PLAIN.open() as house:
        await house.speak("Hello.", settings=settings(speed=1.5, extra=(("instructions", "Whisper."),)))
        assert house.emulator.asked[0].settings == {"speed": 1.5, "instructions": "Whisper."}


async def test_fields_of_the_section_arrive() -> None:
    async with PLAIN.open(fields={"instructions": "Shout."}) as house:
        await house.speak("Hello.")
        assert house.emulator.asked[0].settings == {"instructions": "Shout."}


async def test_a_tenant_speaks_with_its_own_key_and_nobody_elses() -> None:
    async with PLAIN.open(
        tenants={"rich": {"api_key": "rich-key"}, "poor": {"api_key": "poor-key"}}
    ) as house:
        house.emulator.key = "rich-key"
        assert (await house.speak("Hello.", tenant="rich")).error is None
        assert isinstance((await house.speak("Hello.", tenant="poor")).error, ProviderDenied)
        assert isinstance((await house.speak("Hello.")).error, ProviderDenied)


async def test_the_header_of_a_wav_tells_the_rate() -> None:
    async with LOCALAI.open() as house:
        heard = await house.speak("Hello.")
        assert (heard.text, heard.rate_hz) == ("Hello.", 22_050)


@asynccontextmanager
async def section(name: str, dialect: Dialect) -> AsyncIterator[tuple[OpenAI, OpenAIEmulator]]:
    """Open the provider of a section of another name, without a key."""
    async with OpenAIEmulator(dialect=dialect, key="") as emulator:
        chosen = OpenAISettings(kind="openai", dialect=dialect, base_url=f"{emulator.base_url}/v1")  # type: ignore[arg-type]
        provider = OpenAI.make(name, chosen, LoopClock())
        assert isinstance(provider, OpenAI)
        await provider.start()
        try:
            yield provider, emulator
        finally:
            await provider.aclose()


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        (Dialect.KOKORO, "home.kokoro.af_sky"),
        (Dialect.SPEACHES, "home.speaches-ai/Kokoro-82M-v1.0-ONNX.af_sky"),
        (Dialect.VLLM, "home.Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice.vivian"),
    ],
)
async def test_a_section_lists_the_voices_of_its_server_under_its_own_name(
    dialect: Dialect, name: str
) -> None:
    async with section("home", dialect) as (provider, _):
        voices = await provider.list_voices()
        assert voices is not None
        assert name in {str(voice.name) for voice in voices}


@pytest.mark.parametrize("dialect", [Dialect.OPENAI, Dialect.LOCALAI])
async def test_two_servers_have_no_list(dialect: Dialect) -> None:
    async with section("home", dialect) as (provider, _):
        assert await provider.list_voices() is None


async def test_mixed_voices() -> None:
    async with KOKORO.open() as house:
        mix = VoiceName("OpenAI", "kokoro", "af_sky(2)+af_bella")
        assert (await house.speak("Hello.", voice=mix)).text == "Hello."
        assert house.emulator.asked[0].voice == "af_sky(2)+af_bella"


async def test_a_socket_serves_one_utterance_after_the_other() -> None:
    async with SOCKET.open() as house:
        for text in ("One.", "Two.", "Three."):
            assert (await house.speak(text)).text == text
        assert house.emulator.peak_connections == 1


async def test_sentences_are_heard_while_more_is_written() -> None:
    async with SOCKET.open() as house:
        heard = await house.speak_pieces("First sentence. Sec", "ond one", "", " after a flush.")
        assert heard.text == "Firstsentence.Secondoneafteraflush."
        assert len(house.emulator.asked) == 2  # a flush ends what the server calls an utterance


async def test_cancelling_closes_the_socket_and_stops_the_engine() -> None:
    async with SOCKET.open(Faults(piece_s=1.0)) as house:
        stream = house.speaker.speak(house.utterance("A text that goes on for a while."))
        await anext(stream)
        stream.cancel()
        await deserted(house.emulator)
        assert house.emulator.asked[0].cancelled


async def test_a_voice_that_the_socket_does_not_know_is_found_before() -> None:
    async with SOCKET.open() as house:
        heard = await house.speak("Hello.", voice=VoiceName("OpenAI", "tts-9", "alloy"))
        assert isinstance(heard.error, InvalidVoice)
        assert house.emulator.asked == []


async def test_a_socket_that_makes_another_rate_than_the_section_says() -> None:
    async with SOCKET.open(rate_hz=16_000) as house:
        assert isinstance((await house.speak("Hello.")).error, IncompleteAudio)


class _WithoutLists(OpenAIEmulator):
    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/audio/speech/stream", self._refusing(self._stream))


async def test_a_server_without_lists_is_spoken_with_all_the_same() -> None:
    async with (
        _WithoutLists(dialect=Dialect.VLLM) as emulator,
        SOCKET.open(base_url=emulator.base_url) as house,
    ):
        assert (await house.speak("Hello.")).text == "Hello."
        assert len(emulator.asked) == 1
