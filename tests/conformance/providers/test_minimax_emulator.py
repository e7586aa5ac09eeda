"""The emulator of MiniMax, by a client written from the vendor's pages.

No independent client of the bidirectional WebSocket can be installed: that part was checked against its
documents and, by hand, against clients that others published. See the emulator's module.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.emulated import deserted
from tests.support.listening import seconds
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.minimax import MiniMaxEmulator
from voxgate.testing.scripted import read_back, tones

pytestmark = pytest.mark.virtual_time

TEXT = "The first sentence is here. The second comes after it."
VOICE = {"voice_id": "English_expressive_narrator", "speed": 1.0, "vol": 1.0, "pitch": 0}
ORDER = {
    "model": "speech-2.8-turbo",
    "voice_setting": VOICE,
    "audio_setting": {"sample_rate": 24_000, "format": "pcm", "channel": 1},
}
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "pcm": "audio/pcm",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "opus": "audio/ogg",
}


class Client:
    """One WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, event: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"event": event, **fields}))

    async def next(self) -> dict[str, Any]:
        frame = await self.socket.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        message: dict[str, Any] = json.loads(frame.data)
        assert message.keys() >= {"session_id", "trace_id", "base_resp"}
        assert message["base_resp"].keys() == {"status_code", "status_msg"}
        return message

    async def until(self, event: str) -> tuple[list[dict[str, Any]], bytes]:
        """Return messages up to an event, and the audio in them."""
        messages = [await self.next()]
        while messages[-1].get("event") != event:
            messages.append(await self.next())
        return messages, b"".join(bytes.fromhex(each.get("data", {}).get("audio", "")) for each in messages)

    async def start(self, **fields: Any) -> None:
        assert (await self.next())["event"] == "connected_success"
        await self.send("task_start", **{**ORDER, **fields})
        assert (await self.next())["event"] == "task_started"

    async def code(self) -> int:
        """Return the code of the next message."""
        code: int = (await self.next())["base_resp"]["status_code"]
        return code

    async def closed(self) -> None:
        assert (await self.socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


@asynccontextmanager
async def connected(
    path: str = "/ws/v1/t2a_v2_bidi", faults: Faults | None = None, key: str = "emulated-key", **options: Any
) -> AsyncIterator[tuple[MiniMaxEmulator, Client]]:
    async with (
        MiniMaxEmulator(faults=faults or Faults()) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http,
        http.ws_connect(emulator.ws_url + path, **options) as socket,
    ):
        yield emulator, Client(socket)


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """Return the events without repetition; a frame without one is told apart by ``is_final``."""
    names = [each.get("event", "final" if each.get("is_final") else "audio") for each in messages]
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before]


async def test_sentences_are_put_together_from_single_characters() -> None:
    async with connected() as (emulator, client):
        await client.start(session_id="mine")
        for character in TEXT:
            await client.send("task_continue", text=character)
        sentence = ["sentence_start", "task_continued", "final", "sentence_end"]
        first, audio = await client.until("sentence_end")
        assert (kinds(first), read_back(audio)) == (sentence, "The first sentence is here.")
        second, audio = await client.until("sentence_end")
        assert (kinds(second), audio) == (sentence, tones(" The second comes after it."))
        assert {message["session_id"] for message in first} == {"mine"}
        (final,) = [message for message in second if message.get("is_final")]
        assert final["extra_info"]["usage_characters"] == len(" The second comes after it.")
        await client.send("task_flush")
        assert kinds((await client.until("task_flushed"))[0]) == ["task_flushed"]
        (asked,) = emulator.asked
        assert (asked.text, asked.voice, asked.model, asked.done) == (
            TEXT,
            VOICE["voice_id"],
            ORDER["model"],
            True,
        )


async def test_a_fragment_waits_for_the_flush_and_the_session_goes_on() -> None:
    async with connected() as (emulator, client):
        await client.start()
        for text in ("No end", "Nor here"):
            await client.send("task_continue", text=text)
            await asyncio.sleep(10)
            await client.send("task_flush")
            assert (await client.until("task_flushed"))[1] == tones(text)
        assert [asked.text for asked in emulator.asked] == ["No end", "Nor here"]


async def test_cancelling_drops_everything_and_the_session_goes_on() -> None:
    async with connected(faults=Faults(piece_s=1.0)) as (emulator, client):
        await client.start()
        await client.send("task_continue", text=TEXT + " And")
        await client.until("task_continued")
        await client.send("task_cancel")
        messages, _ = await client.until("task_canceled")
        assert len(messages) <= 2
        emulator.faults = Faults()
        await client.send("task_continue", text="Anew.")
        await client.send("task_flush")
        assert (await client.until("task_flushed"))[1] == tones("Anew.")
        assert [asked.cancelled for asked in emulator.asked] == [True, False]


async def test_finishing_speaks_the_rest_and_closes() -> None:
    async with connected() as (_, client):
        await client.start()
        await client.send("task_continue", text="One. Two")
        await client.send("task_finish")
        assert (await client.until("task_finished"))[1] == tones("One.") + tones(" Two")
        await client.closed()


@pytest.mark.parametrize(("key", "code"), [("wrong", 2049), ("", 1004)])
async def test_a_wrong_key_opens_and_fails(key: str, code: int) -> None:
    async with connected(key=key) as (_, client):
        message = await client.next()
        assert (message["event"], message["base_resp"]["status_code"]) == ("task_failed", code)
        await client.closed()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "speech-9"}, 2013),
        ({"voice_setting": {}}, 2013),
        ({"voice_setting": {**VOICE, "voice_id": "Nobody"}}, 20132),
        ({"voice_setting": {**VOICE, "voice_id": "somebody-elses-voice-01"}}, 2042),
        ({"voice_setting": {**VOICE, "speed": 2.1}}, 2013),
        ({"voice_setting": {**VOICE, "vol": 0}}, 2013),
        ({"voice_setting": {**VOICE, "pitch": 0.5}}, 2013),
        ({"voice_setting": {**VOICE, "emotion": "neutral"}}, 2013),
        ({"voice_setting": {**VOICE, "emotion": "fluent"}}, 2013),
        ({"audio_setting": {"sample_rate": 48_000}}, 2013),
        ({"audio_setting": {"format": "wav"}}, 2013),
        ({"audio_setting": {"format": "opus", "sample_rate": 44_100}}, 2013),
        ({"audio_setting": {"bitrate": 96_000}}, 2013),
        ({"language_boost": "Klingon"}, 2013),
        ({"voice_modify": {"pitch": 101}}, 2013),
    ],
)
async def test_a_task_that_is_refused(fields: dict[str, Any], code: int) -> None:
    async with connected() as (emulator, client):
        await client.next()
        await client.send("task_start", **{**ORDER, **fields})
        message = await client.next()
        assert (message["event"], message["base_resp"]["status_code"]) == ("task_failed", code)
        await client.closed()
        assert emulator.asked == []


async def test_soft_errors_leave_the_session() -> None:
    async with connected() as (_, client):
        await client.next()
        await client.send("task_continue", text="Too soon.")
        assert await client.code() == 2202
        await client.send("task_start", **ORDER)
        assert await client.code() == 0
        await client.send("task_dance")
        assert await client.code() == 2202
        await client.socket.send_str("no JSON")
        assert await client.code() == 2202
        await client.send("task_continue", text="x" * 10_000)
        assert await client.code() == 2204
        await client.send("task_continue", text="   ")
        await client.send("task_continue", text="Fine.")
        await client.send("task_flush")
        assert read_back((await client.until("task_flushed"))[1]).strip() == "Fine."


async def test_too_much_waiting_text_is_told_and_skipped() -> None:
    async with connected(faults=Faults(late_s=5.0)) as (_, client):
        await client.start()
        for _ in range(7):
            await client.send("task_continue", text="x" * 9000 + ".")
        assert [await client.code(), await client.code()] == [0, 2205]  # the first is a sentence_start


async def test_characters_that_cannot_be_spoken_end_the_task() -> None:
    async with connected() as (_, client):
        await client.start()
        await client.send("task_continue", text="\x01\x02 ok")
        message = await client.next()
        assert (message["event"], message["base_resp"]["status_code"]) == ("task_failed", 1042)
        await client.closed()


async def test_a_failure_in_mid_speech_ends_the_task() -> None:
    async with connected(faults=Faults(error_after=9600)) as (emulator, client):
        await client.start()
        await client.send("task_continue", text=TEXT)
        messages, audio = await client.until("task_failed")
        assert (messages[-1]["base_resp"]["status_code"], len(audio)) == (1000, 9600)
        await client.closed()
        assert not emulator.asked[0].done


async def test_two_idle_minutes_end_the_connection() -> None:
    async with connected() as (_, client):
        await client.start()
        began_s = asyncio.get_running_loop().time()
        message = await client.next()
        assert (message["event"], message["base_resp"]["status_code"]) == ("task_failed", 2201)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(120, abs=0.1)
        await client.closed()


async def test_pings_keep_the_connection() -> None:
    async with connected(heartbeat=60.0) as (_, client):
        await client.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000):
                await client.next()
        assert not client.socket.closed


async def test_a_client_that_leaves_is_noticed() -> None:
    async with connected(faults=Faults(piece_s=1.0)) as (emulator, client):
        await client.start()
        await client.send("task_continue", text=TEXT)
        await client.until("task_continued")
        await client.socket.close()
        await deserted(emulator)
        assert emulator.asked[0].cancelled


async def test_stale_audio_comes_behind_the_end_marks_where_the_faults_want_it() -> None:
    async with connected(faults=Faults(audio_after_end=True)) as (_, client):
        await client.start()
        await client.send("task_continue", text=TEXT)
        await client.send("task_flush")
        await client.until("task_flushed")
        assert (await client.next())["data"]["audio"]
        await client.send("task_cancel")
        await client.until("task_canceled")
        assert (await client.next())["data"]["audio"]


async def test_the_older_socket_speaks_every_piece_at_once_and_knows_no_flush() -> None:
    async with connected("/ws/v1/t2a_v2") as (emulator, client):
        await client.start()
        for text in ("One", "Two. Three."):
            await client.send("task_continue", text=text)
            audio = b""
            while not (message := await client.next())["is_final"]:
                assert message["event"] == "task_continued"
                audio += bytes.fromhex(message["data"]["audio"])
            assert audio == tones(text)
        for event in ("task_flush", "task_cancel"):
            await client.send(event)
            assert await client.code() == 2202
        await client.send("task_continue", text=" ")
        assert await client.code() == 2203
        await client.send("task_finish")
        await client.until("task_finished")
        await client.closed()
        assert [asked.text for asked in emulator.asked] == ["One", "Two. Three."]


async def post(
    emulator: MiniMaxEmulator, path: str, fields: Any, key: str = "emulated-key"
) -> tuple[Any, bytes]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(emulator.base_url + path, json=fields) as answer,
    ):
        return answer, await answer.read()


def events_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data:")) for line in body.decode().splitlines() if line]


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(bytes.fromhex(event["data"]["audio"]) for event in events)


async def test_sse() -> None:
    fields = {**ORDER, "text": TEXT, "stream": True, "stream_options": {"exclude_aggregated_audio": True}}
    async with MiniMaxEmulator() as emulator:
        answer, body = await post(emulator, "/v1/t2a_v2", fields)
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Trace-Id"]
        assert answer.headers["Minimax-Request-Id"]
    *pieces, last = events_of(body)
    assert {piece["data"]["status"] for piece in pieces} == {1}
    assert audio_of(pieces) == tones(TEXT)
    assert (last["data"], last["base_resp"]["status_code"]) == ({"audio": "", "status": 2}, 0)
    assert last["extra_info"]["audio_size"] == len(tones(TEXT))
    assert last["trace_id"] == answer.headers["Trace-Id"]


async def test_sse_repeats_everything_at_its_end_unless_told_not_to() -> None:
    async with MiniMaxEmulator() as emulator:
        _, body = await post(emulator, "/v1/t2a_v2", {**ORDER, "text": TEXT, "stream": True})
    *pieces, last = events_of(body)
    whole = bytes.fromhex(last["data"]["audio"])
    assert whole.startswith(audio_of(pieces))
    assert len(whole) > len(audio_of(pieces))


async def test_sse_says_that_it_failed() -> None:
    async with MiniMaxEmulator(faults=Faults(error_after=9600)) as emulator:
        _, body = await post(emulator, "/v1/t2a_v2", {**ORDER, "text": TEXT, "stream": True})
    assert [event["base_resp"]["status_code"] for event in events_of(body)] == [0, 0, 1000]


@pytest.mark.parametrize("coding", MEDIA_TYPES)
async def test_whole_replies_in_every_format(coding: str) -> None:
    fields = {**ORDER, "text": TEXT, "audio_setting": {"format": coding, "sample_rate": 24_000}}
    async with MiniMaxEmulator() as emulator:
        _, body = await post(emulator, "/v1/t2a_v2", fields)
    answer = json.loads(body)
    assert answer["data"]["status"] == 2
    audio = bytes.fromhex(answer["data"]["audio"])
    assert seconds(audio, MEDIA_TYPES[coding]) == pytest.approx(len(TEXT) * 0.04, rel=0.05)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, 2013),
        ({"text": "x" * 10_000}, 2013),
        ({"model": None}, 2013),
        ({"voice_setting": {"voice_id": "Nobody"}}, 20132),
        ({"voice_modify": {"pitch": 5}}, 2013),
    ],
)
async def test_http_refuses_with_200(fields: dict[str, Any], code: int) -> None:
    async with MiniMaxEmulator() as emulator:
        answer, body = await post(emulator, "/v1/t2a_v2", {**ORDER, "text": TEXT, "stream": True, **fields})
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(body)["base_resp"]["status_code"] == code


async def test_http_refuses_a_wrong_key_and_what_is_no_object() -> None:
    async with MiniMaxEmulator() as emulator:
        _, body = await post(emulator, "/v1/t2a_v2", ORDER, key="wrong")
        assert json.loads(body)["base_resp"]["status_code"] == 2049
        _, body = await post(emulator, "/v1/t2a_v2", [])
        assert json.loads(body)["base_resp"]["status_code"] == 2013


async def test_voices() -> None:
    async with MiniMaxEmulator() as emulator:
        _, every = await post(emulator, "/v1/get_voice", {"voice_type": "all"})
        _, system = await post(emulator, "/v1/get_voice", {"voice_type": "system"})
        _, wrong = await post(emulator, "/v1/get_voice", {"voice_type": "none"})
    assert json.loads(every).keys() == {"system_voice", "voice_cloning", "voice_generation", "base_resp"}
    assert json.loads(system).keys() == {"system_voice", "base_resp"}
    assert json.loads(system)["system_voice"][0].keys() == {"voice_id", "voice_name", "description"}
    assert json.loads(wrong)["base_resp"]["status_code"] == 2013


async def test_the_gateway_refuses_upgrades_and_requests() -> None:
    async with MiniMaxEmulator(faults=Faults(refuse_status=429)) as emulator:
        answer, body = await post(emulator, "/v1/t2a_v2", {})
        assert (answer.status, json.loads(body)["base_resp"]["status_code"]) == (429, 1002)
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(f"{emulator.ws_url}/ws/v1/t2a_v2_bidi")
