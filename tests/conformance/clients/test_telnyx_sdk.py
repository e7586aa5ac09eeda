"""Telnyx's own client over the WebSocket, with nothing changed but the address."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from telnyx.resources.text_to_speech import AsyncTextToSpeechResourceConnection as Connection
from telnyx.types import StreamClientEvent, StreamServerEvent
from telnyx.types.stream_server_event import AudioChunkFrame, ErrorFrame, FinalFrameEvent
from websockets.exceptions import ConnectionClosedError, InvalidStatus

import telnyx
from tests.support.listening import decode
from tests.support.recognizer import PHRASES, understand
from tests.support.server import RunningServer
from voxgate.testing.scripted import read_back, tones

PCM = {"audio_format": "pcm", "voice": "Local.Test.plain"}
INIT = StreamClientEvent(text=" ")
END = StreamClientEvent(text="")


@pytest.fixture
async def client(shared_server: RunningServer) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with telnyx.AsyncTelnyx(
        api_key=shared_server.key, base_url=f"{shared_server.url}/v2", max_retries=0
    ) as made:
        yield made


async def read_all(connection: Connection) -> list[StreamServerEvent]:
    return [event async for event in connection]


async def read_until_final(connection: Connection) -> list[StreamServerEvent]:
    events = []
    async for event in connection:
        events.append(event)
        if isinstance(event, FinalFrameEvent):
            return events
    raise AssertionError("closed without a final")


def audio_of(events: list[StreamServerEvent]) -> bytes:
    chunks = [event.audio for event in events if isinstance(event, AudioChunkFrame)]
    return b"".join(base64.b64decode(audio) for audio in chunks if audio)


def texts_of(events: list[StreamServerEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, AudioChunkFrame) and event.text]


async def test_events_have_their_types(client: telnyx.AsyncTelnyx) -> None:
    async with client.text_to_speech.stream(extra_query=PCM) as connection:
        await connection.send(INIT)
        await connection.send({"text": "Hello there. How"})
        await connection.send({"text": " are you?"})
        await connection.send(END)
        events = await read_all(connection)
    *chunks, final = events
    assert isinstance(final, FinalFrameEvent)
    assert (final.type, final.is_final, final.audio, final.text) == ("final", True, None, "")
    assert all(isinstance(chunk, AudioChunkFrame) and chunk.type == "audio_chunk" for chunk in chunks)
    assert all(isinstance(chunk, AudioChunkFrame) and chunk.is_final is False for chunk in chunks)
    assert audio_of(events) == tones("Hello there.") + tones("How are you?")
    assert texts_of(events) == ["Hello there.", "How are you?"]


async def test_the_first_frame_of_each_synthesis_tells_how_long_it_took(client: telnyx.AsyncTelnyx) -> None:
    query = PCM | {"voice": "Local.Test.late-50"}
    async with client.text_to_speech.stream(extra_query=query) as connection:
        await connection.send(INIT)
        await connection.send({"text": "Hello there. How are you?"})
        await connection.send(END)
        events = await read_all(connection)
    at_first = True
    for event in events[:-1]:
        assert isinstance(event, AudioChunkFrame)
        took_ms = event.time_to_first_audio_frame_ms
        assert took_ms is not None and took_ms >= 50 if at_first else took_ms is None
        at_first = event.text is not None


async def test_handlers_are_called(client: telnyx.AsyncTelnyx) -> None:
    called: list[str] = []
    manager = client.text_to_speech.stream(extra_query=PCM)
    manager.on("audio_chunk", lambda event: called.append("audio_chunk"))
    manager.on("final", lambda event: called.append("final"))
    async with manager as connection:
        for event in (INIT, StreamClientEvent(text="Hi."), END):
            await connection.send(event)
        await connection.dispatch_events()
    assert called[0] == "audio_chunk"
    assert called[-1] == "final"
    assert called.count("final") == 1


async def test_an_error_reaches_its_handler_before_the_close(client: telnyx.AsyncTelnyx) -> None:
    async with client.text_to_speech.stream(extra_query=PCM) as connection:
        await connection.send({"text": "No init frame."})
        event = await connection.recv()
        assert isinstance(event, ErrorFrame)
        assert event.error == "Invalid message"
        with pytest.raises(ConnectionClosedError) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_flush_speaks_what_has_no_end_yet(client: telnyx.AsyncTelnyx) -> None:
    async with client.text_to_speech.stream(extra_query=PCM) as connection:
        await connection.send(INIT)
        await connection.send({"text": "no end"})
        await connection.send_raw('{"flush": true}')
        assert read_back(audio_of(await read_until_final(connection))) == "no end"
        await connection.send_raw('{"text": "nor here", "flush": true}')
        assert read_back(audio_of(await read_until_final(connection))) == "nor here"


async def test_force_leaves_nothing_of_what_was_before(client: telnyx.AsyncTelnyx) -> None:
    query = PCM | {"voice": "Local.Test.paced"}
    async with client.text_to_speech.stream(extra_query=query) as connection:
        await connection.send(INIT)
        await connection.send({"text": "These old words are long enough to be cut. And these never begin. "})
        for _ in range(3):
            await connection.recv()
        await connection.send({"text": "New words.", "force": True})
        events = await read_until_final(connection)
    # What was on its way when the interruption was read still arrives; then there are new words only.
    heard = read_back(audio_of(events))
    assert heard.endswith("New words.")
    assert len(heard) < len("New words.") + 20
    assert texts_of(events) == ["New words."]


async def test_force_alone_needs_no_new_init(client: telnyx.AsyncTelnyx) -> None:
    query = PCM | {"voice": "Local.Test.late-500"}
    async with client.text_to_speech.stream(extra_query=query) as connection:
        await connection.send(INIT)
        await connection.send({"text": "Never heard."})
        await connection.send_raw('{"force": true}')
        await connection.send({"text": "Heard."})
        await connection.send(END)
        events = await read_all(connection)
    assert audio_of(events) == tones("Heard.")
    assert sum(isinstance(event, FinalFrameEvent) for event in events) == 1


async def test_finals_come_between_inputs_and_the_socket_stays_open(client: telnyx.AsyncTelnyx) -> None:
    async with client.text_to_speech.stream(extra_query=PCM) as connection:
        await connection.send(INIT)
        for text in ("First.", "Second."):
            await connection.send({"text": text})
            assert read_back(audio_of(await read_until_final(connection))) == text
        await connection.send(END)
        assert [event.type for event in await read_all(connection)] == ["final"]


@pytest.mark.speech
async def test_the_vendors_defaults_give_speech(client: telnyx.AsyncTelnyx) -> None:
    """Neither voice nor format: NaturalHD astra as MP3, spoken by a stand-in."""
    async with client.text_to_speech.stream() as connection:
        await connection.send(INIT)
        await connection.send({"text": f"{PHRASES[0]}."})
        await connection.send(END)
        events = await read_all(connection)
    assert understand(decode(audio_of(events), "audio/mpeg")) == PHRASES[0]


async def test_a_wrong_key_is_refused_before_the_upgrade(shared_server: RunningServer) -> None:
    async with telnyx.AsyncTelnyx(api_key="wrong", base_url=f"{shared_server.url}/v2") as client:
        with pytest.raises(InvalidStatus) as refused:
            await client.text_to_speech.stream(extra_query=PCM).enter()
        assert refused.value.response.status_code == 401


@pytest.mark.speech
def test_the_blocking_client_is_understood(shared_server: RunningServer) -> None:
    with telnyx.Telnyx(api_key=shared_server.key, base_url=f"{shared_server.url}/v2") as client:
        query = {"voice": "Telnyx.KokoroTTS.am_adam", "audio_format": "pcm", "sample_rate": "16000"}
        with client.text_to_speech.stream(extra_query=query) as connection:
            for event in (INIT, StreamClientEvent(text=f"{PHRASES[6]}."), END):
                connection.send(event)
            events = list(connection)
    assert understand(audio_of(events)) == PHRASES[6]


async def test_many_at_once_each_get_their_own(client: telnyx.AsyncTelnyx) -> None:
    async def talk(number: int) -> str:
        async with client.text_to_speech.stream(extra_query=PCM) as connection:
            await connection.send(INIT)
            await connection.send({"text": f"I am number {number}."})
            await connection.send(END)
            return read_back(audio_of(await read_all(connection)))

    heard = await asyncio.gather(*map(talk, range(20)))
    assert heard == [f"I am number {number}." for number in range(20)]
