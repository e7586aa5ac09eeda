"""Telnyx's own client against the emulator of its server, over the socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel, ConfigDict
from telnyx.resources.text_to_speech import AsyncTextToSpeechResourceConnection as Connection
from telnyx.types import StreamClientEvent
from telnyx.types.stream_server_event import AudioChunkFrame, ErrorFrame, FinalFrameEvent
from websockets.exceptions import ConnectionClosed, InvalidStatus

import telnyx
from tests.support.listening import decode, seconds
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.telnyx import Telnyx
from voxgate.testing.scripted import CHARACTER_MS, read_back, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
PCM = {"voice": "Telnyx.NaturalHD.astra", "audio_format": "linear16"}
INIT = StreamClientEvent(text=" ")
END = StreamClientEvent(text="")


@pytest.fixture
async def server() -> AsyncIterator[Telnyx]:
    async with Telnyx() as running:
        yield running


@asynccontextmanager
async def client_of(server: Telnyx, key: str | None = None) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with telnyx.AsyncTelnyx(
        api_key=key or server.key, base_url=f"{server.base_url}/v2", max_retries=0
    ) as client:
        yield client


@asynccontextmanager
async def talk(server: Telnyx, key: str | None = None, **query: str) -> AsyncIterator[Connection]:
    async with client_of(server, key) as client:
        async with client.text_to_speech.stream(extra_query=PCM | query) as connection:
            yield connection


class Audio(AudioChunkFrame):
    model_config = ConfigDict(extra="forbid", strict=True)


class Final(FinalFrameEvent):
    model_config = ConfigDict(extra="forbid", strict=True)


class Error(ErrorFrame):
    model_config = ConfigDict(extra="forbid", strict=True)


Frame = Audio | Final | Error


async def read(connection: Connection) -> Frame:
    """Read a frame as the client's own types have it, with nothing unknown in it.

    The client itself tells frames apart by ``type``, which the live service does not send.
    """
    fields = json.loads(await connection.recv_bytes())
    kind: type[Frame] = Error if "error" in fields else Final if fields["isFinal"] else Audio
    return kind.model_validate(fields)


async def read_all(connection: Connection) -> tuple[list[Frame], int]:
    """Read until the socket is closed; return the frames and the close code."""
    frames: list[Frame] = []
    while True:
        try:
            frames.append(await read(connection))
        except ConnectionClosed as closed:
            return frames, closed.rcvd.code if closed.rcvd else 1006


def audio_of(frames: list[Frame]) -> bytes:
    return b"".join(base64.b64decode(f.audio) for f in frames if isinstance(f, Audio) and f.audio)


def texts_of(frames: list[Frame]) -> list[str]:
    return [frame.text for frame in frames if isinstance(frame, Audio) and frame.text]


def error_of(frames: list[Frame]) -> str | None:
    return next((frame.error for frame in frames if isinstance(frame, Error)), None)


async def say(server: Telnyx, *texts: str, **query: str) -> tuple[list[Frame], int]:
    async with talk(server, **query) as connection:
        for event in (INIT, *(StreamClientEvent(text=text) for text in texts), END):
            await connection.send(event)
        return await read_all(connection)


async def test_sentences_are_spoken_and_the_socket_is_closed(server: Telnyx) -> None:
    frames, code = await say(server, "Hello there. How", " are you?", " Fine")
    assert code == 1000
    assert audio_of(frames) == tones("Hello there. How are you? Fine")
    assert texts_of(frames) == ["Hello there.", "How are you?", "Fine"]
    assert [isinstance(frame, Final) for frame in frames] == [False] * (len(frames) - 1) + [True]
    [asked] = server.asked
    assert (asked.text, asked.voice, asked.model) == ("Hello there. How are you? Fine", "astra", "NaturalHD")
    assert asked.done


async def test_frames_have_no_type_as_the_live_service_sends_them(server: Telnyx) -> None:
    async with talk(server) as connection:
        for event in (INIT, StreamClientEvent(text="Hi."), END):
            await connection.send(event)
        raw = [json.loads(await connection.recv_bytes())]
        while not raw[-1]["isFinal"]:
            raw.append(json.loads(await connection.recv_bytes()))
    *streamed, told, final = raw
    assert all(set(f) <= {"audio", "text", "isFinal", "cached", "timeToFirstAudioFrameMs"} for f in streamed)
    assert all(frame["text"] is None and frame["audio"] for frame in streamed)
    assert told == {"audio": None, "text": "Hi.", "isFinal": False, "cached": False}
    assert final == {"audio": None, "text": "", "isFinal": True}


async def test_the_clients_events_when_frames_have_a_type(server: Telnyx) -> None:
    server.typed = True
    async with talk(server) as connection:
        for event in (INIT, StreamClientEvent(text="Hi."), END):
            await connection.send(event)
        events = [event async for event in connection]
    *chunks, final = events
    assert isinstance(final, FinalFrameEvent)
    assert all(isinstance(chunk, AudioChunkFrame) for chunk in chunks)
    audio = [chunk.audio for chunk in chunks if isinstance(chunk, AudioChunkFrame)]
    assert b"".join(base64.b64decode(each) for each in audio if each) == tones("Hi.")


async def test_the_first_chunk_tells_how_long_it_took(server: Telnyx) -> None:
    server.faults = Faults(late_s=0.25)
    frames, _ = await say(server, "Hello.")
    took = [frame.time_to_first_audio_frame_ms for frame in frames if isinstance(frame, Audio)]
    assert took[0] == pytest.approx(250, abs=5)
    assert set(took[1:]) == {None}


async def test_text_waits_for_an_end_of_sentence_or_a_flush(server: Telnyx) -> None:
    async with talk(server) as connection:
        await connection.send(INIT)
        await connection.send(StreamClientEvent(text="no end"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await read(connection)
        await connection.send_raw('{"text": " here", "flush": true}')
        frames: list[Frame] = []
        while not texts_of(frames):
            frames.append(await read(connection))
    assert audio_of(frames) == tones("no end here")


async def test_some_saw_nothing_spoken_before_a_flush(server: Telnyx) -> None:
    server.eager = False
    async with talk(server) as connection:
        await connection.send(INIT)
        await connection.send(StreamClientEvent(text="Hello."))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await read(connection)
        await connection.send(END)
        frames, _ = await read_all(connection)
    assert audio_of(frames) == tones("Hello.")


async def test_finals_between_inputs_as_documented(server: Telnyx) -> None:
    server.finals_between = True
    async with talk(server) as connection:
        await connection.send(INIT)
        for text in ("First.", "Second."):
            await connection.send(StreamClientEvent(text=text))
            frames = [await read(connection)]
            while not isinstance(frames[-1], Final):
                frames.append(await read(connection))
            assert audio_of(frames) == tones(text)
        await connection.send(END)
        frames, code = await read_all(connection)
    assert [type(frame) for frame in frames] == [Final]
    assert code == 1000


async def test_force_drops_everything_and_needs_no_new_init(server: Telnyx) -> None:
    server.faults = Faults(pause_after=4_800, pause_s=5)
    async with talk(server) as connection:
        await connection.send(StreamClientEvent(text=" ", voice_settings={"voice_speed": 2.0}))
        await connection.send(StreamClientEvent(text="These words are cut off. These never begin."))
        await read(connection)
        await connection.send_raw('{"force": true}')
        server.faults = Faults()
        await connection.send(StreamClientEvent(text="New words."))
        await connection.send(END)
        frames, _ = await read_all(connection)
    assert audio_of(frames) == tones("New words.", speed=2.0)
    assert [(asked.text, asked.cancelled, asked.done) for asked in server.asked] == [
        ("These words are cut off. These never begin.", True, False),
        ("New words.", False, True),
    ]


async def test_a_silent_socket_is_closed(server: Telnyx) -> None:
    async with talk(server, inactivity_timeout="7") as connection:
        await connection.send(INIT)
        began_s = asyncio.get_running_loop().time()
        assert await read_all(connection) == ([], 1000)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(7, abs=0.1)


async def test_speaking_is_not_silence(server: Telnyx) -> None:
    server.faults = Faults(pause_after=4_800, pause_s=100)
    frames, code = await say(server, "Hello.")
    assert (audio_of(frames), code) == (tones("Hello."), 1000)


async def test_what_was_said_before_comes_from_the_cache(server: Telnyx) -> None:
    async def cached(**query: str) -> list[bool | None]:
        frames, _ = await say(server, "Hello.", **query)
        return [frame.cached for frame in frames if isinstance(frame, Audio) and frame.text]

    assert await cached() == [False]
    assert await cached() == [True]
    assert await cached(disable_cache="true") == [False]
    assert await cached(sample_rate="16000") == [False]


async def test_old_servers_sent_the_audio_twice(server: Telnyx) -> None:
    server.repeats_audio = True
    frames, _ = await say(server, "Hello.")
    assert audio_of(frames) == 2 * tones("Hello.")


async def test_azure_sends_a_sentence_in_one_frame(server: Telnyx) -> None:
    frames, _ = await say(server, TEXT, TEXT, voice="azure.en-US-AvaMultilingualNeural")
    *chunks, _ = frames
    assert [frame.text for frame in chunks if isinstance(frame, Audio)] == [TEXT, TEXT]
    assert audio_of(frames) == 2 * tones(TEXT)


async def test_each_sentence_of_mp3_is_a_file_with_a_tag(server: Telnyx) -> None:
    frames, _ = await say(server, "One here. ", "Two here.", audio_format="mp3")
    files: list[bytes] = []
    for frame in frames:
        piece = base64.b64decode(frame.audio) if isinstance(frame, Audio) and frame.audio else b""
        if piece.startswith(b"ID3"):
            files.append(b"")
        files[-1] += piece
    heard = [read_back(decode(file, "audio/mpeg", to_hz=24_000)) for file in files]
    assert len(heard) == 2
    assert "ne here" in heard[0]
    assert "wo here" in heard[1]


async def test_kokoro_sends_mp3_whatever_was_asked(server: Telnyx) -> None:
    frames, _ = await say(server, TEXT, voice="telnyx.KokoroTTS.af_heart", sample_rate="8000")
    length_s = seconds(audio_of(frames), "audio/mpeg")
    assert length_s == pytest.approx(len(TEXT) * CHARACTER_MS / 1000, rel=0.05)


@pytest.mark.parametrize(
    ("query", "media_type", "rate_hz"),
    [
        ({"sample_rate": "8000"}, "audio/pcm", 8_000),
        ({"audio_format": "PCM", "sample_rate": "48000"}, "audio/pcm", 48_000),
        ({"audio_format": "wav"}, "audio/wav", 0),
        ({"audio_format": "mp3", "sample_rate": "16000"}, "audio/mpeg", 0),
        ({"voice": "Telnyx.Bayan.Amanda"}, "audio/pcm", 16_000),
        ({"voice": "Telnyx.Bayan.Amanda", "sample_rate": "22050"}, "audio/pcm", 22_050),
        ({"voice": "Telnyx.Sukhan.urdu-professor"}, "audio/pcm", 22_050),
        (
            {"voice": "azure.en-US-Ava", "audio_format": "mulaw", "sample_rate": "8000"},
            "audio/x-mulaw",
            8_000,
        ),
    ],
)
async def test_formats_and_rates(
    server: Telnyx, query: dict[str, str], media_type: str, rate_hz: int
) -> None:
    frames, _ = await say(server, TEXT, **query)
    length_s = seconds(audio_of(frames), media_type, *([rate_hz] if rate_hz else []))
    assert length_s == pytest.approx(len(TEXT) * CHARACTER_MS / 1000, rel=0.05)


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ({"voice": "astra"}, 400, "10015", "voice"),
        ({"voice": "Telnyx.Nothing.astra"}, 400, "10032", "voice"),
        ({"voice": "nobody.NaturalHD.astra"}, 400, "10032", "voice"),
        ({"voice": "Telnyx.Ultra.01eaafa9-308a-4276-a017-6ab0cf061b1f"}, 403, "10038", "voice"),
        ({"voice": "Telnyx.Qwen3TTS.some-clone"}, 403, "10038", "voice"),
        ({"audio_format": "flac"}, 400, "10032", "audio_format"),
        ({"audio_format": "mulaw"}, 400, "10015", "audio_format"),
        ({"sample_rate": "fast"}, 400, "10015", "sample_rate"),
        ({"sample_rate": "11025"}, 400, "10015", "audio_format"),
        ({"voice": "Telnyx.Bayan.Ahmed", "audio_format": "mp3", "sample_rate": "24000"}, 400, "10015", ""),
        ({"voice": "Telnyx.Sukhan.urdu-professor", "audio_format": "wav"}, 400, "10015", "audio_format"),
        ({"inactivity_timeout": "never"}, 400, "10015", "inactivity_timeout"),
        ({"key": "another"}, 401, "10009", ""),
    ],
)
async def test_addresses_are_judged_before_the_upgrade(
    server: Telnyx, query: dict[str, str], status: int, code: str, parameter: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(server, **query):
            pass
    assert refused.value.response.status_code == status
    [error] = json.loads(refused.value.response.body)["errors"]
    assert error["code"] == code
    assert error["title"]
    assert not parameter or error["source"] == {"parameter": parameter}


@pytest.mark.parametrize(
    ("frames", "query", "error", "code"),
    [
        (['{"text": "No init."}'], {}, "Invalid message", 1008),
        (["{"], {}, "Invalid message", 1008),
        (["[]"], {}, "Invalid message", 1008),
        (['{"text": " "}', '{"txt": "Hi."}'], {}, "Invalid message", 1008),
        (['{"text": " "}', '{"text": 5}'], {}, "Invalid message", 1008),
        (['{"text": " "}'], {"voice": "Telnyx.NaturalHD.nobody"}, "Invalid voice_id specified", 1008),
        (['{"text": " ", "voice_settings": {"voice_speed": 3}}'], {}, "Provider error message", 1008),
    ],
)
async def test_bad_frames(
    server: Telnyx, frames: list[str], query: dict[str, str], error: str, code: int
) -> None:
    async with talk(server, **query) as connection:
        for frame in frames:
            await connection.send_raw(frame)
        heard, closed = await read_all(connection)
    assert (error_of(heard), closed) == (error, code)


async def test_errors_in_mid_speech(server: Telnyx) -> None:
    server.faults = Faults(error_after=4_800)
    async with talk(server) as connection:
        await connection.send(INIT)
        await connection.send(StreamClientEvent(text="Hello there."))
        frames, code = await read_all(connection)
    assert (error_of(frames), code) == ("Error in audio response", 1011)
    frames, code = await say(server, "Never complete")
    assert (error_of(frames), code) == ("Error in remaining audio response", 1011)


@pytest.mark.parametrize(
    ("faults", "code"), [(Faults(close_after=4_800), 1000), (Faults(reset_after=4_800), 1006)]
)
async def test_it_can_break_off(server: Telnyx, faults: Faults, code: int) -> None:
    server.faults = faults
    frames, closed = await say(server, TEXT)
    assert closed == code
    assert not any(isinstance(frame, Final | Error) for frame in frames)


async def test_who_leaves_is_noted(server: Telnyx) -> None:
    server.faults = Faults(silent_after=4_800)
    async with talk(server) as connection:
        await connection.send(INIT)
        await connection.send(StreamClientEvent(text=TEXT))
        await read(connection)
    await asyncio.sleep(1)
    assert server.asked[0].cancelled
    assert server.connections == 0


async def test_a_stale_piece_after_the_final(server: Telnyx) -> None:
    server.faults = Faults(audio_after_end=True)
    frames, _ = await say(server, "Hello.")
    assert isinstance(frames[-2], Final)
    assert isinstance(frames[-1], Audio)


def test_strict_types_are_strict() -> None:
    with pytest.raises(ValueError, match="unheard_of"):
        Audio.model_validate({"audio": None, "isFinal": False, "unheard_of": 1})
    assert issubclass(Audio, BaseModel)
