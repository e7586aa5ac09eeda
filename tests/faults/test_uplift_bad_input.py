"""What clients send that they should not: always an answer, never a traceback, and the connection stays."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing, suppress

import httpx
import pytest

from tests.support.server import RunningServer
from tests.support.uplift_clients import NAMESPACE
from tests.support.uplift_raw import Gone, RawClient, RawPlain, RawSocketIo
from voxgate.testing.scripted import read_back

EXACT = "Local.Test.rate-22050"
HALF = r"\ud83d"
"""Of an emoji: JavaScript writes it like this when a text was cut there."""
EVENT = f"42{NAMESPACE},"


@pytest.fixture(scope="module")
def hasty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    environment = {"VOXGATE_UPLIFT__JOIN_TIMEOUT_S": "0.5"}
    with RunningServer(tmp_path_factory.mktemp("hasty"), environment=environment) as server:
        yield server
        assert '"level":"error"' not in server.log()
        assert "Traceback" not in server.log()


def spoken(client: RawPlain | RawSocketIo) -> str:
    """Ask for a word, and read until all of it has come."""
    client.emit("synthesize", {"requestId": "after", "text": "Still here.", "voiceId": EXACT})
    pcm = b""
    while (message := client.next())["type"] != "audio_end" or message["requestId"] != "after":
        assert message["type"] != "error", message
        if message["requestId"] == "after":
            pcm += base64.b64decode(message.get("audio", ""))
    return read_back(pcm, rate_hz=22_050)


def rest(client: RawClient) -> list[str]:
    """Read until the connection has ended."""
    texts = []
    with suppress(Gone):
        while True:
            texts.append(client.read())
    return texts


NOT_MESSAGES = [
    "",
    "synthesize",
    "[",
    "[]",
    "1",
    "null",
    '"x"',
    "{}",
    '{"type": 5}',
    "[" * 50_000,
    '{"a": NaN}',
]


@pytest.mark.parametrize("sent", NOT_MESSAGES, ids=lambda sent: sent[:12] or "nothing")
def test_what_is_no_message_is_answered_without_an_id(hasty_server: RunningServer, sent: str) -> None:
    with closing(RawPlain(hasty_server)) as client:
        client.write(sent)
        told = client.next()
        assert told["type"] == "error"
        assert told["code"] == "synthesis_failed"
        assert "requestId" not in told
        assert spoken(client) == "Still here."


@pytest.mark.parametrize(
    "sent",
    ["[", "[]", "{}", "5", "", "[5, {}]", '["synthesize"]', '["synthesize", "x"]', '["synthesize", NaN]'],
)
def test_what_is_no_event_is_answered_without_an_id(hasty_server: RunningServer, sent: str) -> None:
    with closing(RawSocketIo(hasty_server)) as client:
        client.write(EVENT + sent)
        told = client.next()
        assert (told["type"], told["code"], "requestId" in told) == ("error", "synthesis_failed", False)
        assert spoken(client) == "Still here."


@pytest.mark.parametrize("door", [RawPlain, RawSocketIo])
def test_half_an_emoji_is_no_reason_to_say_nothing(
    hasty_server: RunningServer, door: type[RawPlain] | type[RawSocketIo]
) -> None:
    fields = f'{{"type": "synthesize", "requestId": "a", "text": "Hi{HALF}", "voiceId": "{EXACT}"}}'
    with closing(door(hasty_server)) as client:
        client.write(fields if door is RawPlain else f'{EVENT}["synthesize",{fields}]')
        told = client.next()
        assert (told["type"], told["requestId"]) == ("audio_start", "a")
        assert spoken(client) == "Still here."


@pytest.mark.parametrize("sent", ["", "xyz", "é", "9", "bAAAA"])
def test_what_is_no_packet_ends_the_connection(hasty_server: RunningServer, sent: str) -> None:
    with closing(RawSocketIo(hasty_server)) as client:
        client.write(sent)
        with pytest.raises(Gone):
            client.next()


@pytest.mark.parametrize(
    "sent",
    [
        f"40{NAMESPACE},",
        f'40{NAMESPACE},"a string"',
        f'40{NAMESPACE},{{"apiKey": "bootstrap-key-for-tests"}}',
        f'40{NAMESPACE},{{"token": 5}}',
        f'40{NAMESPACE},{{"token": "wrong"}}',
    ],
)
def test_a_connect_without_a_good_token_is_refused_and_closed(hasty_server: RunningServer, sent: str) -> None:
    with closing(RawClient(hasty_server, "/socket.io/?EIO=4&transport=websocket")) as client:
        client.read()
        client.write(sent)
        refusal = client.read()
        assert json.loads(refusal.removeprefix(f"44{NAMESPACE},")) == {
            "message": "Invalid API key",
            "data": {"code": "auth_failed"},
        }
        assert rest(client) == ["1"]  # Engine.IO's own goodbye


@pytest.mark.parametrize(
    "sent", [None, "40", "40/another,", f"40{NAMESPACE},{{", f'{EVENT}["synthesize",{{}}]', "4"]
)
def test_who_joins_no_namespace_is_closed(hasty_server: RunningServer, sent: str | None) -> None:
    with closing(RawClient(hasty_server, "/socket.io/?EIO=4&transport=websocket")) as client:
        client.read()
        if sent is not None:
            client.write(sent)
        assert not any(text.startswith("42") for text in rest(client))


def test_a_message_that_is_too_large_ends_the_connection(hasty_server: RunningServer) -> None:
    for client in (RawPlain(hasty_server), RawSocketIo(hasty_server)):
        with closing(client):
            client.emit("synthesize", {"requestId": "a", "text": "x" * 300_000})
            assert rest(client) in ([], ["1"])


def test_polling_with_what_is_none_is_400(hasty_server: RunningServer) -> None:
    address = f"{hasty_server.url}/socket.io/"
    good = {"EIO": "4", "transport": "polling"}
    for query in ({}, {**good, "EIO": "3"}, {**good, "transport": "pigeon"}, {**good, "sid": "nobody"}):
        assert httpx.get(address, params=query).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"xyz", 400),
        (b"\xff\xfe", 400),
        (b"\x1e".join([b"3"] * 201), 400),
        (b"4" + b"x" * 300_000, 413),
        (iter([b"4", *[b"x" * 100_000] * 3]), 413),
    ],
    ids=["nothing", "no packet", "no UTF-8", "too many packets", "too large", "too large, of unknown length"],
)
def test_a_post_that_is_none_is_refused_and_ends_the_connection(
    hasty_server: RunningServer, body: bytes | Iterator[bytes], status: int
) -> None:
    address, query = f"{hasty_server.url}/socket.io/", {"EIO": "4", "transport": "polling"}
    opened = httpx.get(address, params=query)
    assert opened.status_code == 200
    query["sid"] = json.loads(opened.text[1:])["sid"]
    answer = httpx.post(address, params=query, content=body)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status
    assert httpx.get(address, params=query).status_code == 400


def test_the_log_quotes_nobody(hasty_server: RunningServer) -> None:
    with closing(RawSocketIo(hasty_server)) as client:
        client.write(EVENT + '["canary of the log", {"requestId": "canary"')
        client.next()
    assert "canary" not in hasty_server.log()
    assert hasty_server.key not in hasty_server.log()
