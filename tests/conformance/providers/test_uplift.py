"""What only Uplift's adapter does, against the emulator."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.support.emulated import deserted
from tests.support.server import RunningServer
from tests.support.subjects import House, Subject
from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import InvalidVoice, ProviderTimeout
from voxgate.providers.contract import Abort
from voxgate.providers.uplift import Uplift, UpliftSettings
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.uplift import UpliftEmulator
from voxgate.testing.scripted import read_back

virtual = pytest.mark.virtual_time

SOCKET = Subject("uplift", "websocket")
HTTP = Subject("uplift", "http", {"transport": "http"})
MULAW = AudioFormat(Codec.MULAW, 8000)


async def several(house: House, *texts: str) -> None:
    heard = await asyncio.gather(*(house.speak(text) for text in texts))
    assert [each.text for each in heard] == list(texts)


@virtual
async def test_utterances_share_a_socket() -> None:
    async with SOCKET.open() as house:
        await several(house, *(f"Number{number}." for number in range(16)))
        assert house.emulator.peak_connections == 1
        await several(house, *(f"Number{number}." for number in range(17)))
        assert house.emulator.peak_connections == 2


@virtual
async def test_cancelling_one_leaves_its_neighbour_alone() -> None:
    async with SOCKET.open(Faults(piece_s=0.1)) as house:
        stream = house.speaker.speak(house.utterance("A text that goes on for a while."))
        neighbour = asyncio.create_task(house.speak("Neighbour."))
        await anext(stream)
        stream.cancel()
        assert (await neighbour).text == "Neighbour."
        assert [asked.cancelled for asked in house.emulator.asked] == [True, False]
        assert house.emulator.peak_connections == 1


@virtual
async def test_more_than_a_connection_takes_in_a_minute() -> None:
    async with SOCKET.open() as house:
        for number in range(130):
            assert (await house.speak(f"{number}.")).text == f"{number}."
        assert house.emulator.peak_connections <= 2


@virtual
@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=["websocket", "http"])
async def test_files_pass_through(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak("Hello.", passthrough=MULAW)
        assert {chunk.coded for chunk in heard.chunks if chunk.pcm} == {MULAW}
        assert len(heard.pcm) == len("Hello.") * 40 * 8
        assert house.emulator.asked[0].format == "ULAW_8000_8"


@virtual
@pytest.mark.parametrize("subject", [SOCKET, HTTP], ids=["websocket", "http"])
async def test_an_unknown_voice_is_found_here_since_the_service_may_say_nothing(subject: Subject) -> None:
    async with subject.open() as house:
        assert isinstance(house.emulator, UpliftEmulator)
        house.emulator.silent = True
        assert isinstance((await house.speak("Hello.", voice=house.bad_voice)).error, InvalidVoice)
        assert house.emulator.asked == []


@virtual
async def test_silence_about_a_voice_of_another_server_is_given_up() -> None:
    async with SOCKET.open(kind="uplift") as house:
        assert isinstance(house.emulator, UpliftEmulator)
        house.emulator.silent = True
        voice = VoiceName("uplift", "", "v_nobody00")
        assert isinstance((await house.speak("Hello.", voice=voice)).error, ProviderTimeout)
        assert (await house.speak("Hello.", voice=VoiceName("uplift", "", "v_meklc281"))).text == "Hello."


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_another_voxgate_as_an_upstream(shared_server: RunningServer, transport: str) -> None:
    chosen = UpliftSettings.model_validate(
        {
            "kind": "uplift",
            "api_key": shared_server.key,
            "base_url": shared_server.url,
            "transport": transport,
        }
    )
    provider = Uplift.make("far", chosen, LoopClock())
    await provider.start()
    try:
        voice = VoiceName.parse("far.Local.Test.rate-22050")
        pcm = b""
        async with aclosing(
            provider.synthesize(Utterance("Hello there.", voice, "tenant"), Abort())
        ) as chunks:
            async for chunk in chunks:
                pcm += chunk.pcm
        assert read_back(pcm, rate_hz=22_050) == "Hello there."
    finally:
        await provider.aclose()


@virtual
async def test_rest_takes_shorter_texts() -> None:
    async with HTTP.open() as house:
        text = "It goes on. " * 300
        assert (await house.speak(text)).error is None
        lengths = [len(asked.text) for asked in house.emulator.asked]
        assert max(lengths) <= 2500
        assert len(lengths) > 1


@virtual
async def test_a_request_over_http_ends_when_nobody_listens() -> None:
    async with HTTP.open(Faults(piece_s=1.0)) as house:
        stream = house.speaker.speak(house.utterance("A text that goes on for a while."))
        await anext(stream)
        stream.cancel()
        await deserted(house.emulator)
        assert house.emulator.asked[0].cancelled
