"""Rime's emulator: ``/ws3``, HTTP and the lists of voices, as Rime's documents have them."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from voxgate.audio.decoder import decode
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.rime import RimeEmulator
from voxgate.testing.scripted import read_back

pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def rime() -> AsyncIterator[RimeEmulator]:
    async with RimeEmulator() as emulator:
        yield emulator


@pytest.fixture
async def http(rime: RimeEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {rime.key}"}) as session:
        yield session


UNKNOWN_LANGUAGE = "Language fi is not supported for model mistv3"
QUERY = {"speaker": "astra", "modelId": "coda", "audioFormat": "pcm", "samplingRate": "24000"}


async def batch(socket: aiohttp.ClientWebSocketResponse) -> tuple[str, list[dict[str, Any]]]:
    """Receive up to the next ``done``: what is heard, and all other events."""
    pcm, others = b"", []
    while True:
        event = await socket.receive_json()
        if event["type"] == "chunk":
            pcm += b64decode(event["data"])
        else:
            others.append(event)
        if event["type"] == "done":
            return read_back(pcm), others


async def test_ws3_waits_for_a_flush(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(f"{rime.ws_url}/ws3", params={**QUERY, "segment": "never"}) as socket:
        for text in ("Never before. ", "It was ", "told to."):
            await socket.send_json({"text": text, "contextId": "c-1"})
        await socket.send_json({"operation": "flush"})
        text, (timestamps, done) = await batch(socket)
        assert text == "Never before. It was told to."
        assert done == {"type": "done", "contextId": "c-1"}
        assert timestamps["word_timestamps"]["words"] == text.split()
        assert timestamps["word_timestamps"]["start"][1] == pytest.approx(0.24)
        # Times begin anew with each synthesis.
        await socket.send_json({"text": "Again.", "contextId": None})
        await socket.send_json({"operation": "eos"})
        _, (timestamps, _) = await batch(socket)
        assert timestamps["word_timestamps"]["start"] == [0.0]
        assert (await socket.receive()).data == 1000


async def test_ws3_speaks_by_sentence(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(f"{rime.ws_url}/ws3", params=QUERY) as socket:
        for text in ("By its", "elf. And", " the rest"):
            await socket.send_json({"text": text})
        first = await socket.receive_json()
        assert first["type"] == "chunk"
        # A sentence's end is not told while there is more text.
        await socket.send_json({"operation": "flush"})
        text, _ = await batch(socket)
        assert text.endswith("elf. And the rest")


async def test_ws3_speaks_at_once(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(piece_s=1.0)
    async with http.ws_connect(f"{rime.ws_url}/ws3", params={**QUERY, "segment": "immediate"}) as socket:
        for text in ("a phrase", "another", "third"):
            await socket.send_json({"text": text})
        assert (await batch(socket))[0] == "a phraseanotherthird"
    assert [asked.text for asked in rime.asked] == ["a phrase", "anotherthird"]


async def test_ws3_is_done_before_it_closes(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(f"{rime.ws_url}/ws3", params=QUERY) as socket:
        await socket.send_json({"operation": "eos"})
        assert (await batch(socket))[0] == ""
        assert (await socket.receive()).data == 1000


async def test_ws3_clears_only_what_is_not_under_way(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(piece_s=1.0)
    async with http.ws_connect(f"{rime.ws_url}/ws3", params={**QUERY, "segment": "never"}) as socket:
        for said in ({"text": "Under way."}, {"operation": "flush"}):
            await socket.send_json(said)
        await socket.receive()
        for said in ({"text": "Queued."}, {"operation": "flush"}, {"text": "Open"}, {"operation": "clear"}):
            await socket.send_json(said)
        await socket.send_json({"operation": "eos"})
        rest, _ = await batch(socket)
        assert rest.endswith("way.")
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert len(rime.asked) == 1


async def test_ws3_answers_nonsense_and_goes_on(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(f"{rime.ws_url}/ws3", params={**QUERY, "lang": "fr"}) as socket:
        for nonsense in ("{", "[]", '{"operation": "dance"}', '{"text": 1}'):
            await socket.send_str(nonsense)
            assert (await socket.receive_json())["type"] == "error"
        await socket.send_json({"text": "Bien."})
        text, others = await batch(socket)
        assert text == "Bien."
        assert [event["type"] for event in others] == ["done"]  # no timestamps in French


async def test_ws3_closes_on_too_much_text(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(f"{rime.ws_url}/ws3", params=QUERY) as socket:
        await socket.send_json({"text": "x" * 1001})
        await socket.send_json({"operation": "flush"})
        closed = await socket.receive()
        assert (closed.type, closed.data, closed.extra) == (
            aiohttp.WSMsgType.CLOSE,
            1011,
            "400: text is too long",
        )


@pytest.mark.parametrize(
    ("query", "status"),
    [({"speaker": ""}, 400), ({"audioFormat": "aiff"}, 400), ({"samplingRate": "12345"}, 400),
     ({"segment": "often"}, 400), ({"temperature": "2"}, 400), ({"lang": "fi"}, 400)],
)  # fmt: skip
async def test_ws3_refuses_at_the_upgrade(
    http: aiohttp.ClientSession, rime: RimeEmulator, query: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{rime.ws_url}/ws3", params={**QUERY, **query})
    assert refused.value.status == status


async def test_ws3_without_a_model_is_mist(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    async with http.ws_connect(
        f"{rime.ws_url}/ws3", params={**QUERY, "modelId": "codda", "speaker": "albion"}
    ) as socket:
        closed = await socket.receive()
    assert (closed.data, closed.extra) == (1011, "400: Speaker not found")


@pytest.mark.parametrize("accept", ["audio/L16", "audio/pcm", "audio/wav", "audio/mpeg", "audio/PCMU"])
async def test_http_speaks_as_accept_says(
    http: aiohttp.ClientSession, rime: RimeEmulator, accept: str
) -> None:
    asks = {"speaker": "astra", "text": "Over HTTP.", "modelId": "coda", "samplingRate": 24_000}
    async with http.post(f"{rime.base_url}/v1/rime-tts", json=asks, headers={"Accept": accept}) as response:
        body = await response.read()
        assert response.headers["Content-Type"] == accept
    if accept in ("audio/L16", "audio/pcm"):
        assert read_back(body) == "Over HTTP."
    elif accept == "audio/wav":
        assert read_back(decode(body).pcm) == "Over HTTP."
    else:
        assert len(body) > 1000
    assert rime.asked[0].done


async def test_http_answers_an_unknown_accept_in_json(
    http: aiohttp.ClientSession, rime: RimeEmulator
) -> None:
    asks = {"speaker": "astra", "text": "Which format?", "modelId": "coda"}
    async with http.post(f"{rime.base_url}/v1/rime-tts", json=asks) as response:
        file = b64decode((await response.json())["audioContent"])
    assert read_back(decode(file, rate_hz=24_000).pcm)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "request body is required"),
        ("[]", "payload must be an object"),
        ('{"speaker": "astra"}', "text is required"),
        ('{"speaker": "astra", "text": 1}', "text must be a string"),
        ('{"speaker": "astra", "text": ""}', "text must not be empty"),
        (json.dumps({"speaker": "astra", "text": "x" * 1001}), "text is too long"),
        ('{"text": "Hi."}', "speaker is required"),
        ('{"text": "Hi.", "speaker": "astra", "lang": 1}', "lang must be a string"),
        (
            '{"text": "Hi.", "speaker": "astra", "lang": "fi"}',
            "Language fi is not supported for model mistv3",
        ),
        ('{"text": "Hi.", "speaker": "nobody"}', "Speaker not found"),
    ],
)
async def test_http_refuses_in_plain_text(
    http: aiohttp.ClientSession, rime: RimeEmulator, body: str, message: str
) -> None:
    async with http.post(f"{rime.base_url}/v1/rime-tts", data=body) as response:
        assert response.status == 400
        assert await response.text() == message


@pytest.mark.parametrize(
    ("headers", "message"),
    [({}, "Missing Authorization header"), ({"Authorization": "Bearer "}, "empty apikey"),
     ({"Authorization": "Bearer wrong"}, "invalid api key")],
)  # fmt: skip
async def test_http_refuses_a_key(rime: RimeEmulator, headers: dict[str, str], message: str) -> None:
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.post(f"{rime.base_url}/v1/rime-tts", json={}, headers=headers) as response,
    ):
        assert (response.status, await response.text()) == (401, message)


async def test_voices_are_listed_without_a_key(rime: RimeEmulator) -> None:
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(f"{rime.base_url}/data/voices/all-v2.json") as response:
            names = await response.json()
        async with stranger.get(f"{rime.base_url}/data/voices/voice_details.json") as response:
            details = await response.json()
    assert "astra" in names["coda"]["eng"]
    listed = {(voice["modelId"], voice["lang"], voice["speaker"]) for voice in details}
    assert listed == {(model, lang, name) for model in names for lang in names[model]
                      for name in names[model][lang]}  # fmt: skip


async def test_faults_reach_the_older_interfaces(http: aiohttp.ClientSession, rime: RimeEmulator) -> None:
    rime.faults = Faults(error_after=4800)
    async with http.ws_connect(f"{rime.ws_url}/ws3", params=QUERY) as socket:
        await socket.send_json({"text": "Fails."})
        assert (await socket.receive_json())["type"] == "chunk"
        assert (await socket.receive()).extra == "500: internal error"
    rime.faults = Faults(refuse_status=429)
    async with http.get(f"{rime.base_url}/data/voices/all-v2.json") as response:
        assert (response.status, await response.text()) == (429, "Currently at websocket limit")
