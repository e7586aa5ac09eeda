"""Inworld's emulator against Inworld's own package over HTTP; its socket as its documents have it."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from inworld_tts import ApiError, InworldTTS

from voxgate.audio import g711
from voxgate.audio.decoder import decode
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.inworld import InworldEmulator
from voxgate.testing.scripted import read_back

CREATE = {
    "voiceId": "Ashley",
    "modelId": "inworld-tts-1.5-mini",
    "audioConfig": {"audioEncoding": "PCM", "sampleRateHertz": 24_000},
}


@pytest.fixture
async def emulator() -> AsyncIterator[InworldEmulator]:
    async with InworldEmulator() as running:
        yield running


@asynccontextmanager
async def inworld(emulator: InworldEmulator, key: str) -> AsyncIterator[Any]:
    """Inworld's package; what it does it does in threads, which hold its sockets until they end."""
    with InworldTTS(api_key=key, base_url=emulator.base_url) as client:
        yield client
    await asyncio.get_running_loop().shutdown_default_executor()


@pytest.fixture
async def package(emulator: InworldEmulator) -> AsyncIterator[Any]:
    async with inworld(emulator, emulator.key) as client:
        yield client


class Client:
    """A client of the socket that keeps what each context got."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, context: str | None, **action: object) -> None:
        await self.socket.send_json(action if context is None else {"contextId": context, **action})

    async def get(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json()
        result: dict[str, Any] = message["result"]
        return result

    async def until(self, what: str) -> list[dict[str, Any]]:
        """Receive up to a result that has this in it, or an error."""
        results = [await self.get()]
        while what not in results[-1] and not results[-1]["status"]["code"]:
            results.append(await self.get())
        return results


def heard(results: list[dict[str, Any]]) -> str:
    return read_back(
        b"".join(b64decode(result.get("audioChunk", {}).get("audioContent", "")) for result in results)
    )


@asynccontextmanager
async def connected(emulator: InworldEmulator) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Basic {emulator.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{emulator.ws_url}/tts/v1/voice:streamBidirectional") as socket,
    ):
        yield Client(socket)


async def test_the_package_generates(emulator: InworldEmulator, package: Any) -> None:
    audio = await asyncio.to_thread(
        package.generate, "In one answer.", voice="Ashley", encoding="WAV", sample_rate=24_000
    )
    assert read_back(decode(audio).pcm) == "In one answer."
    timed = await asyncio.to_thread(
        package.generate_with_timestamps,
        "Two words",
        timestamp_type="WORD",
        voice="Ashley",
        encoding="LINEAR16",
        sample_rate=24_000,
        speaking_rate=0.5,
    )
    assert read_back(decode(timed["audio"]).pcm, speed=0.5) == "Two words"
    assert timed["timestamps"]["wordAlignment"]["words"] == ["Two", "words"]
    assert timed["timestamps"]["wordAlignment"]["wordStartTimeSeconds"] == [0, 0.32]
    assert emulator.asked[0].model == "inworld-tts-1.5-max"


@pytest.mark.parametrize("encoding", ["PCM", "LINEAR16", "WAV", "MP3", "OGG_OPUS", "FLAC", "ALAW", "MULAW"])
async def test_the_package_streams(emulator: InworldEmulator, package: Any, encoding: str) -> None:
    chunks = [
        chunk
        async for chunk in package.stream(
            "Line by line.", voice="Ashley", encoding=encoding, sample_rate=24_000
        )
    ]
    match encoding:
        case "PCM":
            assert read_back(b"".join(chunks)) == "Line by line."
        case "LINEAR16":  # each chunk is a file of its own
            assert read_back(b"".join(decode(chunk).pcm for chunk in chunks)) == "Line by line."
        case "ALAW":
            assert read_back(g711.decode_alaw(b"".join(chunks))) == "Line by line."
        case "MULAW":
            assert read_back(g711.decode_mulaw(b"".join(chunks))) == "Line by line."
        case "WAV" | "FLAC":
            assert read_back(decode(b"".join(chunks)).pcm) == "Line by line."
        case _:
            assert len(decode(b"".join(chunks), rate_hz=24_000).pcm) >= 13 * 960 * 2
    assert emulator.asked[0].done


async def test_the_package_streams_with_timestamps(emulator: InworldEmulator, package: Any) -> None:
    parts = [
        part
        async for part in package.stream_with_timestamps(
            "Hi you", timestamp_type="CHARACTER", voice="Alex", encoding="PCM", sample_rate=24_000
        )
    ]
    alignment = parts[0]["timestamps"]["characterAlignment"]
    assert alignment["characters"] == list("Hi you")
    assert alignment["characterStartTimeSeconds"][3] == pytest.approx(0.12)


async def test_the_package_lists_voices(package: Any) -> None:
    everybody = await asyncio.to_thread(package.list_voices)
    german = await asyncio.to_thread(package.list_voices, lang=["DE_DE"])
    assert {"voiceId", "displayName", "langCode", "source", "tags"} <= everybody[0].keys()
    assert [voice["voiceId"] for voice in german] == ["Josef"]
    assert len(everybody) == 6


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"voice": "Nobody"}, 404),
        ({"model": "inworld-tts-9"}, 400),
        ({"encoding": "AIFF"}, 400),
        ({"sample_rate": 7000}, 400),
        ({"delivery_mode": "CREATIVE"}, 400),  # not with this model
    ],
)
async def test_the_package_is_told_what_is_wrong(package: Any, how: dict[str, Any], status: int) -> None:
    with pytest.raises(ApiError) as refused:
        await asyncio.to_thread(package.generate, "Hello.", **{"voice": "Ashley", **how})
    assert refused.value.code == status
    assert refused.value.details["code"] == {404: 5, 400: 3}[status]


async def test_the_package_with_a_wrong_key(emulator: InworldEmulator) -> None:
    async with inworld(emulator, "wrong") as stranger:
        with pytest.raises(ApiError) as refused:
            await asyncio.to_thread(stranger.generate, "Hello.", voice="Ashley")
    assert (refused.value.code, refused.value.details["code"]) == (401, 16)


@pytest.mark.virtual_time
async def test_voices_come_in_pages_too(emulator: InworldEmulator) -> None:
    found, token = [], "1-0"
    headers = {"Authorization": f"Basic {emulator.key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        while token:
            query = {"pageSize": "4", "pageToken": token}
            async with http.get(f"{emulator.base_url}/voices/v1/voices", params=query) as response:
                page = await response.json()
            found += [voice["voiceId"] for voice in page["voices"]]
            token = page["nextPageToken"]
        assert len(found) == page["totalSize"] == 6
        async with http.get(
            f"{emulator.base_url}/tts/v1/voices", params={"filter": "language=fr"}
        ) as response:
            (voice,) = (await response.json())["voices"]
    assert (voice["voiceId"], voice["languages"], voice["isCustom"]) == ("Hélène", ["fr"], False)


@pytest.mark.virtual_time
async def test_a_context_from_beginning_to_end(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        # In snake case and in camel case, and without waiting: messages are taken in order.
        await client.send("c", create={"voice_id": "Ashley", "model_id": "inworld-tts-1.5-mini",
                                       "audio_config": CREATE["audioConfig"]})  # fmt: skip
        await client.send("c", send_text={"text": "First. ", "flush_context": {}})
        await client.send("c", sendText={"text": "Second."})
        await client.send("c", closeContext={})
        results = await client.until("contextClosed")
    assert "contextCreated" in results[0]
    assert {result["contextId"] for result in results} == {"c"}
    assert heard(results) == "First. Second."
    assert sum("flushCompleted" in result for result in results) == 2
    usages = [result["audioChunk"]["usage"] for result in results if "audioChunk" in result]
    assert {usage["processedCharactersCount"] for usage in usages} == {7}
    assert (emulator.asked[0].text, emulator.asked[0].done) == ("First. Second.", True)


@pytest.mark.virtual_time
async def test_five_contexts_and_no_more(emulator: InworldEmulator) -> None:
    emulator.faults = Faults(piece_s=1.0)
    async with connected(emulator) as client:
        for number in range(6):
            await client.send(f"c{number}", create=CREATE)
        created = [await client.get() for _ in range(6)]
        assert [result["status"]["code"] for result in created] == [0, 0, 0, 0, 0, 8]
        # A context that is being closed still counts, until it is closed.
        await client.send("c0", send_text={"text": "Long enough."})
        await client.send("c0", close_context={})
        await client.send("c5", create=CREATE)
        results = await client.until("contextClosed")
        assert results[-1]["contextId"] == "c5"
        assert results[-1]["status"]["code"] == 8
        await client.until("contextClosed")
        await client.send("c5", create=CREATE)
        assert "contextCreated" in await client.get()


@pytest.mark.virtual_time
async def test_contexts_speak_side_by_side(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        for name in ("a", "b"):
            await client.send(name, create=CREATE)
            await client.send(name, send_text={"text": f"This is {name}. " * 5})
            await client.send(name, close_context={})
        results = [*await client.until("contextClosed"), *await client.until("contextClosed")]
    for name in ("a", "b"):
        assert heard([result for result in results if result["contextId"] == name]) == f"This is {name}. " * 5


@pytest.mark.virtual_time
async def test_what_starts_synthesis(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        await client.send("t", create={**CREATE, "bufferCharThreshold": 10})
        await client.get()
        await client.send("t", send_text={"text": "Short"})
        await client.send("t", send_text={"text": " and long"})
        assert heard(await client.until("flushCompleted")) == "Short and long"
        await client.send("d", create={**CREATE, "maxBufferDelayMs": 3000})
        await client.get()
        await client.send("d", send_text={"text": "Waits."})
        begun_s = asyncio.get_running_loop().time()
        assert heard(await client.until("flushCompleted")) == "Waits."
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(3, abs=0.1)
        await client.send("a", create={**CREATE, "autoMode": True})
        await client.get()
        await client.send("a", send_text={"text": "A sentence. And"})
        assert heard(await client.until("flushCompleted")) == "A sentence. And"
        smart = {**CREATE, "autoMode": True, "autoModeStrategy": "SENTENCE_BOUNDARY"}
        await client.send("s", create=smart)
        assert (await client.get())["status"]["code"] == 3  # not with this model
        await client.send("s", create={**smart, "modelId": "inworld-tts-2"})
        await client.get()
        for token in ("It costs 2.", "5 euros", ". And", " more."):
            await client.send("s", send_text={"text": token})
        assert heard(await client.until("flushCompleted")) == "It costs 2.5 euros."
        await client.send("s", close_context={})
        assert heard(await client.until("contextClosed")) == " And more."


@pytest.mark.virtual_time
@pytest.mark.parametrize("strategy", ["SYNC", "ASYNC"])
async def test_times_of_words_begin_anew_with_each_flush(emulator: InworldEmulator, strategy: str) -> None:
    async with connected(emulator) as client:
        await client.send(
            "w", create={**CREATE, "timestampType": "WORD", "timestampTransportStrategy": strategy}
        )
        await client.get()
        for _ in range(2):
            await client.send("w", send_text={"text": "One two", "flush_context": {}})
            results = await client.until("flushCompleted")
            timed = [number for number, result in enumerate(results)
                     if "timestampInfo" in result.get("audioChunk", {})]  # fmt: skip
            assert timed == [0 if strategy == "SYNC" else len(results) - 2]
            words = results[timed[0]]["audioChunk"]["timestampInfo"]["wordAlignment"]
            assert words["wordStartTimeSeconds"] == [0, 0.16]


@pytest.mark.virtual_time
async def test_a_cancelled_context_says_no_more(emulator: InworldEmulator) -> None:
    emulator.faults = Faults(piece_s=1.0)
    async with connected(emulator) as client:
        await client.send("x", create=CREATE)
        await client.send("x", send_text={"text": "Nobody wants to hear this.", "flush_context": {}})
        await client.get()
        await client.get()
        await client.send("x", cancel_context={})
        assert "contextClosed" in await client.get()
        await client.send("x", create=CREATE)
        assert "contextCreated" in await client.get()
    assert emulator.asked[0].cancelled


@pytest.mark.virtual_time
async def test_a_context_that_is_being_closed_can_be_cancelled(emulator: InworldEmulator) -> None:
    emulator.faults = Faults(piece_s=1.0)
    async with connected(emulator) as client:
        await client.send("x", create=CREATE)
        await client.send("x", send_text={"text": "Nobody wants to hear this."})
        await client.send("x", close_context={})
        await client.get()
        await client.get()
        await client.send("x", send_text={"text": "Too late."})
        assert (await client.get())["status"]["code"] == 5
        await client.send("x", cancel_context={})
        assert "contextClosed" in await client.get()
    assert emulator.asked[0].cancelled


@pytest.mark.virtual_time
async def test_settings_change_but_not_the_model(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        await client.send("u", create=CREATE)
        await client.get()
        await client.send("u", send_text={"text": "Slow."})
        await client.send("u", update_config={"modelId": "inworld-tts-2"})
        assert (await client.get())["status"]["code"] == 3
        faster = {**CREATE["audioConfig"], "speakingRate": 1.5}  # type: ignore[dict-item]
        await client.send("u", update_config={"audioConfig": faster})
        assert "contextUpdated" in await client.get()
        assert heard(await client.until("flushCompleted")) == "Slow."
        await client.send("u", send_text={"text": "Fast.", "flush_context": {}})
        pcm = b"".join(
            b64decode(result["audioChunk"]["audioContent"])
            for result in await client.until("flushCompleted") if "audioChunk" in result
        )  # fmt: skip
        assert read_back(pcm, speed=1.5) == "Fast."


@pytest.mark.virtual_time
async def test_wrong_messages_are_answered_and_nothing_else_happens(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        for nonsense in ("{", "[]", '{"dance": {}}', '{"create": {}, "closeContext": {}}'):
            await client.socket.send_str(nonsense)
            assert (await client.socket.receive_json())["error"]["code"] == 3
        # A keep-alive of nothing, to nothing, is an error too.
        await client.send(None, send_text={"text": ""})
        assert (await client.get())["status"]["code"] == 5
        for create, code in (
            ({}, 3),
            ({**CREATE, "voiceId": "Nobody"}, 5),
            ({**CREATE, "temperature": 2.1}, 3),
            ({**CREATE, "audioConfig": {"speakingRate": 1.6}}, 3),
            ({**CREATE, "audioConfig": {"pitch": 1}}, 3),
            ({**CREATE, "deliveryMode": "STABLE"}, 3),
            ({**CREATE, "bufferCharThreshold": "ten"}, 3),
        ):
            await client.send("e", create=create)
            assert (await client.get())["status"]["code"] == code
        await client.send(None, create=CREATE)
        assert (await client.get())["contextId"]
        await client.send(None, send_text={"text": "x" * 1001})
        assert (await client.get())["status"]["code"] == 3
        await client.send(None, send_text={"text": "The only one.", "flush_context": {}})
        assert heard(await client.until("flushCompleted")) == "The only one."


@pytest.mark.virtual_time
async def test_ten_idle_minutes_end_a_connection(emulator: InworldEmulator) -> None:
    async with connected(emulator) as client:
        await client.send("c", create=CREATE)
        await client.get()
        await asyncio.sleep(590)
        await client.send("c", send_text={"text": ""})
        begun_s = asyncio.get_running_loop().time()
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(600, abs=1)


@pytest.mark.virtual_time
async def test_keys_and_the_number_of_connections(emulator: InworldEmulator) -> None:
    url = f"{emulator.ws_url}/tts/v1/voice:streamBidirectional"
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url, headers={"Authorization": "Basic d3Jvbmc="})
        assert refused.value.status == 401
        query = {"authorization": f"Basic {emulator.key}"}
        sockets = [await http.ws_connect(url, params=query) for _ in range(20)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url, params=query)
        assert refused.value.status == 429
        for socket in sockets:
            await socket.close()


@pytest.mark.virtual_time
async def test_faults(emulator: InworldEmulator) -> None:
    emulator.faults = Faults(error_after=9600)
    headers = {"Authorization": f"Basic {emulator.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(
            f"{emulator.base_url}/tts/v1/voice:stream", json={**CREATE, "text": "Fails midway."}
        ) as response,
    ):
        lines = [line async for line in response.content]
    assert len(lines) == 3
    assert b'"error": {"code": 13' in lines[-1]
    async with connected(emulator) as client:
        await client.send("f", create=CREATE)
        await client.send("f", send_text={"text": "Fails midway.", "flush_context": {}})
        assert (await client.until("flushCompleted"))[-1]["status"]["code"] == 13
        await client.send("f", close_context={})
        assert (await client.get())["status"]["code"] == 5
        emulator.faults = Faults(audio_after_end=True)
        await client.send("l", create=CREATE)
        await client.send("l", close_context={})
        await client.until("contextClosed")
        assert "audioChunk" in await client.get()
        emulator.faults = Faults(close_after=0)
        await client.send("z", create=CREATE)
        await client.send("z", send_text={"text": "No.", "flush_context": {}})
        await client.get()
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE
