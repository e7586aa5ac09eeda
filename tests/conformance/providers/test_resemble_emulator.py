"""Resemble's emulator against Resemble's own package, and the WebSocket as its documents have it."""

import asyncio
import io
import json
import wave
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from resemble import Resemble

from voxgate.audio import g711
from voxgate.audio.decoder import decode
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.resemble import ResembleEmulator
from voxgate.testing.scripted import read_back

VOICE = "55592656"
PCM = {"voice_uuid": VOICE, "precision": "PCM_16", "no_audio_header": True, "sample_rate": 44_100}


@pytest.fixture
async def emulator() -> AsyncIterator[ResembleEmulator]:
    async with ResembleEmulator() as running:
        yield running


@pytest.fixture
async def package(emulator: ResembleEmulator) -> AsyncIterator[Any]:
    """Resemble's package, which keeps its addresses in its one class; it is synchronous."""
    Resemble.api_key(emulator.key)
    Resemble.base_url(f"{emulator.base_url}/api/")
    Resemble.syn_server_url(emulator.base_url)
    Resemble.direct_syn_server_url(f"{emulator.base_url}/synthesize")
    yield Resemble.v2
    await asyncio.get_running_loop().shutdown_default_executor()


@asynccontextmanager
async def connected(
    emulator: ResembleEmulator, key: str = ""
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"Authorization": f"Bearer {key or emulator.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{emulator.ws_url}/stream") as socket,
    ):
        yield socket


async def reply(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Receive up to the next ``audio_end`` or error."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in ("audio_end", "error"):
        events.append(await socket.receive_json())
    return events


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b64decode(event["audio_content"]) for event in events if event["type"] == "audio")


async def test_the_package_lists_voices_page_by_page(emulator: ResembleEmulator, package: Any) -> None:
    first = await asyncio.to_thread(package.voices.all, 1, 3)
    second = await asyncio.to_thread(package.voices.all, 2, 3)
    assert first["success"]
    assert first["num_pages"] == 2
    voices = [*first["items"], *second["items"]]
    assert [voice["uuid"] for voice in voices[:3]] == [VOICE, "7213a9ea", "fb2d2858"]
    assert {"uuid", "name", "status", "default_language", "api_support", "voice_type"} <= voices[0].keys()
    fit = [voice for voice in voices if voice["api_support"]["streaming"] and voice["status"] == "finished"]
    assert len(fit) == 3


async def test_the_package_speaks_at_once(emulator: ResembleEmulator, package: Any) -> None:
    clip = await asyncio.to_thread(
        package.clips.create_direct, "", VOICE, "<speak>In one go.</speak>", None, "PCM_16", "wav", 22_050
    )
    assert clip["success"]
    with wave.open(io.BytesIO(b64decode(clip["audio_content"]))) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (22_050, 2, 1)
        assert read_back(file.readframes(file.getnframes()), rate_hz=22_050) == "In one go."
    assert emulator.asked[0].text == "In one go."


async def test_the_package_streams(emulator: ResembleEmulator, package: Any) -> None:
    def stream() -> bytes:
        return b"".join(
            package.clips.stream("", VOICE, "Streamed.", 4096, ignore_wav_header=False, sample_rate=22_050)
        )

    file = await asyncio.to_thread(stream)
    with wave.open(io.BytesIO(file)) as reader:
        pcm = reader.readframes(reader.getnframes())
    assert read_back(pcm, rate_hz=22_050) == "Streamed."
    # Who cuts off 44 bytes, as the package does unless told otherwise, plays the header as sound.
    assert len(file) - len(pcm) > 44
    assert file.index(b"data") > 44


async def test_an_older_model_does_not_know_the_size(package: Any, emulator: ResembleEmulator) -> None:
    emulator.known_sizes = False

    def stream() -> bytes:
        return b"".join(package.clips.stream("", VOICE, "Endless.", ignore_wav_header=False))

    file = await asyncio.to_thread(stream)
    assert file[4:8] == b"\xff\xff\xff\xff"
    assert read_back(decode(file).pcm, rate_hz=48_000) == "Endless."


@pytest.mark.virtual_time
async def test_requests_are_answered_in_their_order(emulator: ResembleEmulator) -> None:
    async with connected(emulator) as socket:
        for number, text in ((7, "One. " * 10), (8, "Two.")):
            await socket.send_json({**PCM, "data": text, "request_id": number})
        await socket.send_json({**PCM, "data": "Three."})
        heard = [await reply(socket) for _ in range(3)]
    assert [{event["request_id"] for event in events} for events in heard] == [{7}, {8}, {9}]
    texts = [read_back(audio_of(events), rate_hz=44_100) for events in heard]
    assert texts == ["One. " * 10, "Two.", "Three."]
    characters = [
        character
        for event in heard[0][:-1]
        for character in zip(
            event["audio_timestamps"]["graph_chars"], event["audio_timestamps"]["graph_times"], strict=True
        )
    ]
    assert "".join(character for character, _ in characters) == "One. " * 10
    assert characters[5][1] == pytest.approx([0.2, 0.24])


@pytest.mark.virtual_time
@pytest.mark.parametrize("precision", ["PCM_32", "PCM_24", "PCM_16", "MULAW"])
async def test_every_precision(emulator: ResembleEmulator, precision: str) -> None:
    async with connected(emulator) as socket:
        asks = {"voice_uuid": VOICE, "data": "Precise.", "precision": precision, "sample_rate": 8000}
        await socket.send_json(asks)
        file = audio_of(await reply(socket))
        await socket.send_json({**asks, "no_audio_header": True})
        bare = audio_of(await reply(socket))
    assert read_back(decode(file).pcm, rate_hz=8000) == "Precise."
    assert file.endswith(bare)
    assert not bare.startswith(b"RIFF")
    if precision == "MULAW":
        assert read_back(g711.decode_mulaw(bare), rate_hz=8000) == "Precise."


@pytest.mark.virtual_time
async def test_the_default_precision_is_noise_to_who_reads_16_bits(emulator: ResembleEmulator) -> None:
    async with connected(emulator) as socket:
        await socket.send_json({"voice_uuid": VOICE, "data": "Oops.", "no_audio_header": True})
        assert read_back(audio_of(await reply(socket)), rate_hz=22_050) != "Oops."


@pytest.mark.virtual_time
async def test_mp3_and_binary_frames(emulator: ResembleEmulator) -> None:
    async with connected(emulator) as socket:
        asks = {**PCM, "data": "In bytes.", "output_format": "mp3", "binary_response": True}
        await socket.send_json(asks)
        frames = []
        while (message := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
            frames.append(message.data)
        assert json.loads(message.data) == {"type": "audio_end", "request_id": 0}
    assert len(decode(b"".join(frames)).pcm) >= 9 * 44_100 // 25 * 2


@pytest.mark.virtual_time
async def test_a_wrong_key_is_told_and_closed_upon(emulator: ResembleEmulator) -> None:
    async with connected(emulator, "wrong") as socket:
        told = await socket.receive_json()
        closed = await socket.receive()
    assert (told["type"], told["success"], told["error_name"], told["status_code"]) == (
        "error", False, "ConnectionFailure", 401,
    )  # fmt: skip
    assert closed.type is aiohttp.WSMsgType.CLOSE


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("message", "name", "status"),
    [
        ("{", "BadJSON", 400),
        ("[]", "BadJSON", 400),
        ({"data": "x"}, "InvalidRequest", 400),
        ({"voice_uuid": VOICE}, "InvalidRequest", 400),
        ({**PCM, "data": "x" * 3001}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "request_id": "one"}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "sample_rate": 24_000}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "precision": "PCM_8"}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "output_format": "ogg"}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "model": "parrot"}, "InvalidRequest", 400),
        ({**PCM, "data": "x", "voice_uuid": "deadbeef"}, "VoiceNotFound", 404),
    ],
)
async def test_a_wrong_request_leaves_the_socket_open(
    emulator: ResembleEmulator, message: str | dict[str, object], name: str, status: int
) -> None:
    async with connected(emulator) as socket:
        await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        (told,) = await reply(socket)
        assert (told["error_name"], told["status_code"], told["success"]) == (name, status, False)
        # Tags do not count, and are not spoken.
        await socket.send_json({**PCM, "data": f"<speak>{'<break/>' * 500}Fine.</speak>"})
        assert read_back(audio_of(await reply(socket)), rate_hz=44_100) == "Fine."


@pytest.mark.virtual_time
async def test_twenty_connections_and_no_more(emulator: ResembleEmulator) -> None:
    headers = {"Authorization": f"Bearer {emulator.key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        sockets = [await http.ws_connect(f"{emulator.ws_url}/stream") for _ in range(21)]
        told = await sockets[-1].receive_json()
        assert (told["error_name"], told["status_code"]) == ("ConnectionFailure", 429)
        for socket in sockets:
            await socket.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("stream", {"data": "x"}, 400),
        ("stream", {"voice_uuid": VOICE, "data": "x" * 2001}, 400),
        ("stream", {"voice_uuid": VOICE, "data": "x", "sample_rate": 24_000}, 400),
        ("stream", {"voice_uuid": "deadbeef", "data": "x"}, 404),
        ("synthesize", {"voice_uuid": VOICE}, 400),
    ],
)
async def test_http_refuses(
    emulator: ResembleEmulator, path: str, fields: dict[str, object], status: int
) -> None:
    headers = {"Authorization": f"Bearer {emulator.key}"}
    async with aiohttp.ClientSession() as http:
        url = f"{emulator.base_url}/{path}"
        async with http.post(url, json=fields, headers=headers) as response:
            assert response.status == status
            assert not (await response.json())["success"]
        async with http.post(url, json=fields) as response:
            assert response.status == 401
        async with http.get(f"{emulator.base_url}/api/v2/voices", headers=headers) as response:
            assert response.status == 400  # the page is missing


@pytest.mark.virtual_time
async def test_faults(emulator: ResembleEmulator) -> None:
    emulator.faults = Faults(error_after=9600)
    async with connected(emulator) as socket:
        await socket.send_json({**PCM, "data": "Fails midway.", "request_id": 5})
        events = await reply(socket)
        assert len(events) == 3
        assert (events[-1]["status_code"], events[-1]["request_id"]) == (500, 5)
        emulator.faults = Faults(audio_after_end=True)
        await socket.send_json({**PCM, "data": "Late."})
        await reply(socket)
        assert (await socket.receive_json())["type"] == "audio"
        emulator.faults = Faults(silent_after=0)
        await socket.send_json({**PCM, "data": "Never said."})
    await asyncio.sleep(1)
    assert emulator.asked[-1].cancelled
