"""Rime's emulator, v1, against Rime's own messages: protobuf and AsyncAPI of the package rime-api."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import yaml
from google.protobuf import json_format
from rime_api import text_to_speech_pb2 as proto

from voxgate.audio.decoder import decode
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.rime import RimeEmulator
from voxgate.testing.scripted import read_back

pytestmark = pytest.mark.virtual_time

PCM = proto.AudioParameters(audio_format="audio/pcm", sampling_rate=24_000)


@pytest.fixture
async def rime() -> AsyncIterator[RimeEmulator]:
    async with RimeEmulator() as emulator:
        yield emulator


@pytest.fixture
async def http(rime: RimeEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {rime.key}"}) as session:
        yield session


class V1:
    """A client of v1 in protobuf: what it sends and gets are Rime's messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, context_id: str = "", **payload: Any) -> None:
        envelope = proto.WebSocketRequest(context_id=context_id, **payload)
        await self.socket.send_bytes(envelope.SerializeToString())

    async def get(self) -> proto.WebSocketResponse:
        message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return proto.WebSocketResponse.FromString(message.data)

    async def until_terminal(self, context_id: str) -> list[proto.WebSocketResponse]:
        events: list[proto.WebSocketResponse] = []
        while not events or events[-1].WhichOneof("payload") not in ("done", "cancelled", "error"):
            event = await self.get()
            assert event.context_id == context_id
            events.append(event)
        return events


@asynccontextmanager
async def v1(http: aiohttp.ClientSession, rime: RimeEmulator, model: str = "coda") -> AsyncIterator[V1]:
    async with http.ws_connect(f"{rime.ws_url}/{model}/ws", protocols=["rime.v1.binary"]) as socket:
        assert socket.protocol == "rime.v1.binary"
        client = V1(socket)
        ready = await client.get()
        assert ready.context_id == ""
        assert ready.ready.protocol == 1
        assert "en" in ready.ready.languages
        yield client


def start(text: str = "", **fields: Any) -> proto.SynthesisRequest:
    return proto.SynthesisRequest(
        **{"speaker": "astra", "language": "en", "text": text, "audio_parameters": PCM, **fields}
    )


def heard(events: list[proto.WebSocketResponse], **how: Any) -> str:
    return read_back(b"".join(event.audio for event in events), **how)


async def test_v1_speaks_one_shot(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with v1(http, rime) as client:
        await client.send("turn-1", start=start("All of it at once."))
        events = await client.until_terminal("turn-1")
    assert [events[0].WhichOneof("payload"), events[-1].WhichOneof("payload")] == ["started", "done"]
    assert events[0].started.request_id
    assert {event.WhichOneof("payload") for event in events[1:-1]} == {"audio"}
    assert heard(events) == "All of it at once."
    assert rime.asked[0].done
    assert (rime.asked[0].model, rime.asked[0].voice) == ("coda", "astra")


async def test_v1_speaks_sentences_as_they_come(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with v1(http, rime) as client:
        await client.send("a", start=start())
        assert (await client.get()).WhichOneof("payload") == "started"
        await client.send("a", text="First one. ")
        first = await client.get()
        await client.send("a", text="Then another.")
        await client.send("a", end=proto.WebSocketEnd())
        events = [first, *await client.until_terminal("a")]
        assert heard(events) == "First one. Then another."
        # The id is free again.
        await client.send("a", start=start("Again."))
        assert heard(await client.until_terminal("a")) == "Again."


async def test_v1_keeps_contexts_apart(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    spoken: dict[str, bytes] = {"a": b"", "b": b""}
    async with v1(http, rime) as client:
        for name in spoken:
            await client.send(name, start=start(f"This is {name}. " * 10))
        done = 0
        while done < 2:
            event = await client.get()
            spoken[event.context_id] += event.audio
            done += event.WhichOneof("payload") == "done"
    assert {name: read_back(pcm) for name, pcm in spoken.items()} == {
        "a": "This is a. " * 10,
        "b": "This is b. " * 10,
    }


async def test_v1_cancels_and_says_so(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(silent_after=4800)
    async with v1(http, rime) as client:
        await client.send("", start=start("Nobody wants to hear this."))
        assert (await client.get()).context_id == "default"
        assert (await client.get()).audio
        await client.send("", cancel=proto.WebSocketCancel())
        assert [event.WhichOneof("payload") for event in await client.until_terminal("default")] == [
            "cancelled"
        ]
        await client.send("never-there", cancel=proto.WebSocketCancel())
        assert (await client.get()).WhichOneof("payload") == "cancelled"
    assert rime.asked[0].cancelled
    assert not rime.asked[0].done


async def test_v1_takes_defaults_and_a_key_from_config(rime: RimeEmulator) -> None:
    async with aiohttp.ClientSession() as bare, v1(bare, rime) as client:
        await client.send(
            config=proto.WebSocketConfig(
                authorization=f"Api-Key {rime.key}", defaults=start("not looked at", speaker="luna")
            )
        )
        await client.send("c", start=proto.SynthesisRequest(text="By default."))
        assert heard(await client.until_terminal("c")) == "By default."
        await client.send("", config=proto.WebSocketConfig())
        assert (await client.get()).error.kind == "invalid_input"
    assert rime.asked[0].voice == "luna"


@pytest.mark.parametrize("key", ["", "Api-Key wrong"])
async def test_v1_closes_on_who_brings_no_key(rime: RimeEmulator, key: str) -> None:
    async with aiohttp.ClientSession() as bare, v1(bare, rime) as client:
        if key:
            await client.send(config=proto.WebSocketConfig(authorization=key))
        else:
            await client.send("c", start=start("Hello."))
        refused = await client.get()
        assert (refused.context_id, refused.error.kind) == ("", "unauthenticated")
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_v1_refuses_a_wrong_key_before_the_upgrade(rime: RimeEmulator) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer wrong"}) as stranger:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stranger.ws_connect(f"{rime.ws_url}/coda/ws")
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("asks", "kind"),
    [
        (start("Hi.", speaker="nobody"), "not_found"),
        (proto.SynthesisRequest(text="Hi."), "invalid_input"),
        (start("Hi.", language="fi"), "invalid_input"),
        (start("x" * 1001), "invalid_input"),
        (start("Hi.", audio_parameters=proto.AudioParameters(audio_format="audio/aiff")), "invalid_input"),
        (start("Hi.", audio_parameters=proto.AudioParameters(sampling_rate=12_345)), "invalid_input"),
    ],
)
async def test_v1_refuses(
    http: aiohttp.ClientSession, rime: RimeEmulator, asks: proto.SynthesisRequest, kind: str
) -> None:
    async with v1(http, rime) as client:
        await client.send("x", start=asks)
        assert (await client.until_terminal("x"))[0].error.kind == kind
        await client.send("y", start=start("Still there."))
        assert heard(await client.until_terminal("y")) == "Still there."


async def test_v1_minds_the_order_of_messages(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with v1(http, rime) as client:
        await client.send("x", text="Too early.")
        assert (await client.get()).error.kind == "invalid_input"
        await client.send("x", start=start())
        await client.send("x", end=proto.WebSocketEnd())
        await client.until_terminal("x")
        await client.send("x", text="Too late.")
        assert (await client.get()).error.kind == "invalid_input"
        await client.send("y" * 129, start=start("Hi."))
        assert (await client.get()).context_id == ""
        await client.socket.send_bytes(b"\xff\xff\xff")
        assert (await client.get()).error.kind == "invalid_input"
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("audio_format", ["audio/wav", "audio/mpeg", "audio/ogg;codecs=opus"])
async def test_v1_codes_a_context_as_one_stream(
    http: aiohttp.ClientSession, rime: RimeEmulator, audio_format: str
) -> None:
    audio = proto.AudioParameters(audio_format=audio_format, sampling_rate=24_000)
    async with v1(http, rime) as client:
        await client.send("m", start=start(audio_parameters=audio))
        await client.send("m", text="Two sentences. ")
        await client.send("m", text="One file.")
        await client.send("m", end=proto.WebSocketEnd())
        file = b"".join(event.audio for event in await client.until_terminal("m"))
    decoded = decode(file, rate_hz=24_000)
    if audio_format == "audio/wav":
        assert read_back(decoded.pcm) == "Two sentences. One file."
    else:
        assert len(decoded.pcm) >= 24 * 960 * 2


async def test_v1_scales_time_and_times_words(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    slow = proto.AudioParameters(audio_format="audio/pcm", sampling_rate=24_000, time_scale_factor=2.0)
    asks = start("Two words", audio_parameters=slow, timestamps=proto.TimestampOptions(enable=True))
    async with v1(http, rime, "mistv3") as client:
        await client.send("s", start=asks)
        events = await client.until_terminal("s")
        spans = events[-1].done.timestamps.spans
        assert heard(events, speed=0.5) == "Two words"
        assert [span.text for span in spans] == ["Two", "words"]
        assert spans[1].start.ToMilliseconds() == 160
        await client.send("f", start=start("Deux mots", language="fr", timestamps=asks.timestamps))
        status = (await client.until_terminal("f"))[-1].done.timestamps.status
        assert status.code == 3


def schemas() -> Mapping[str, Any]:
    document = yaml.safe_load(files("rime_api").joinpath("schema/text_to_speech.asyncapi.yaml").read_text())
    return {
        name: {**message["payload"], "components": document["components"]}
        for name, message in document["components"]["messages"].items()
    }


@pytest.mark.parametrize("protocols", [["rime.v1.json"], []])
async def test_v1_in_json_is_what_the_asyncapi_says(
    http: aiohttp.ClientSession, rime: RimeEmulator, protocols: list[str]
) -> None:
    known, events = schemas(), []
    async with http.ws_connect(f"{rime.ws_url}/coda/ws", protocols=protocols) as socket:
        assert socket.protocol == (protocols[0] if protocols else None)
        events.append(await socket.receive_json())
        timestamps = proto.TimestampOptions(enable=True)
        for asks in (
            proto.WebSocketRequest(context_id="j", start=start("In JSON.", timestamps=timestamps)),
            proto.WebSocketRequest(context_id="k", start=start("x", speaker="nobody")),
            proto.WebSocketRequest(context_id="l", cancel=proto.WebSocketCancel()),
        ):
            await socket.send_str(json_format.MessageToJson(asks))
        while {"done", "error", "cancelled"} - {name for event in events for name in event}:
            events.append(await socket.receive_json())
        await socket.send_str('{"contextId": "j", "begin": {}}')
        events.append(await socket.receive_json())
    for event in events:
        (name,) = event.keys() - {"contextId"}
        jsonschema_rs.validate(known[name], event)
    assert read_back(b"".join(b64decode(event.get("audio", "")) for event in events)) == "In JSON."


async def test_faults_reach_v1(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(error_after=4800)
    async with v1(http, rime) as client:
        await client.send("e", start=start("Fails midway."))
        failed = (await client.until_terminal("e"))[-1].error
        assert (failed.kind, bool(failed.request_id)) == ("internal", True)
    rime.faults = Faults(reset_after=4800)
    async with v1(http, rime) as client:
        await client.send("r", start=start("Is cut off."))
        await client.get()
        await client.get()
        assert (await client.socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    rime.faults = Faults(audio_after_end=True)
    async with v1(http, rime) as client:
        await client.send("l", start=start("Late."))
        await client.until_terminal("l")
        assert (await client.get()).audio


async def test_a_client_that_goes_away_is_noticed(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(silent_after=4800)
    async with v1(http, rime) as client:
        await client.send("g", start=start("Goodbye."))
        await client.get()
    await asyncio.sleep(1)
    assert rime.asked[0].cancelled
    assert rime.connections == 0
