"""The client against servers that do exactly what a test says."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from voxgate.client import telnyx
from voxgate.client.retry import NEVER, Retry
from voxgate.client.telnyx import Audio, Event, Final, SpeechOptions
from voxgate.errors import (
    ConfigurationError,
    IncompleteAudio,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    SynthesisError,
    VoxgateError,
)

KEY = "vg_a-key"
Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server_that(script: Script, **options: Any) -> AsyncIterator[str]:
    async def handle(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await script(socket)

    async with serve(handle, "127.0.0.1", 0, **options) as server:
        (listening,) = server.sockets
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def received(socket: ServerConnection) -> Any:
    return json.loads(await socket.recv())


async def send(socket: ServerConnection, **frame: object) -> None:
    await socket.send(json.dumps(frame))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


FINAL: dict[str, object] = {"audio": None, "text": "", "isFinal": True}


async def everything(
    server: str, *texts: str, options: SpeechOptions | None = None, retry: Retry | None = None
) -> list[Event]:
    async with telnyx.connect(server, KEY, options, retry=retry) as speech:
        for text in texts:
            await speech.send(text)
        await speech.end()
        return [event async for event in speech]


async def test_a_session_asks_for_what_it_was_told_and_gives_what_comes() -> None:
    asked: list[Any] = []

    async def script(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(parse_qs(urlsplit(socket.request.path).query))
        asked.append(socket.request.headers["Authorization"])
        asked.extend([await received(socket) for _ in range(3)])
        await send(socket, audio=encoded(b"abc"), text=None, isFinal=False, cached=False)
        await send(socket, audio=None, text="Hi.", isFinal=False, cached=True, timeToFirstAudioFrameMs=7)
        await send(socket, something="new")
        await send(socket, **FINAL)
        await socket.close()

    options = SpeechOptions(
        voice="Local.Espeak.en-us+f2",
        rate_hz=8000,
        language="en",
        ssml=True,
        disable_cache=True,
        inactivity_timeout_s=60,
        voice_settings={"speed": 1.5},
    )
    async with server_that(script) as server:
        events = await everything(server, "Hi.", options=options)
    assert events == [Audio(b"abc"), Audio(b"", "Hi.", cached=True, first_audio_ms=7), Final()]
    query, authorization, *frames = asked
    assert query == {
        "voice": ["Local.Espeak.en-us+f2"],
        "audio_format": ["linear16"],
        "sample_rate": ["8000"],
        "language": ["en"],
        "text_type": ["ssml"],
        "disable_cache": ["true"],
        "inactivity_timeout": ["60"],
    }
    assert authorization == f"Bearer {KEY}"
    assert frames == [{"text": " ", "voice_settings": {"speed": 1.5}}, {"text": "Hi."}, {"text": ""}]


async def test_flush_interrupt_and_end_on_the_wire() -> None:
    frames: list[Any] = []

    async def script(socket: ServerConnection) -> None:
        frames.extend([await received(socket) for _ in range(6)])
        await send(socket, **FINAL)

    async with server_that(script) as server, telnyx.connect(server, KEY) as speech:
        await speech.send("One")
        await speech.send("", flush=True)
        await speech.send("")
        await speech.interrupt()
        await speech.interrupt("Two.")
        await speech.end()
        await speech.end()
        assert [event async for event in speech] == [Final()]
        with pytest.raises(InvalidRequest, match="ended"):
            await speech.send("Three.")
    assert frames[1:] == [
        {"text": "One"},
        {"text": " ", "flush": True},
        {"force": True},
        {"force": True, "text": "Two."},
        {"text": ""},
    ]


async def test_who_stands_in_is_told() -> None:
    def with_header(socket: ServerConnection, request: Request, response: Response) -> None:
        response.headers["X-Voxgate-Voice"] = "Local.Espeak.ur+f1"

    async def script(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with server_that(script, process_response=with_header) as server:
        async with telnyx.connect(server, KEY) as speech:
            assert speech.spoken_by == "Local.Espeak.ur+f1"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, NotAuthenticated),
        (HTTPStatus.BAD_REQUEST, InvalidRequest),
        (HTTPStatus.TOO_MANY_REQUESTS, RateLimited),
        (HTTPStatus.SERVICE_UNAVAILABLE, Overloaded),
        (HTTPStatus.BAD_GATEWAY, ProviderUnavailable),
    ],
)
async def test_an_upgrade_that_is_refused_raises_what_it_means(
    status: HTTPStatus, kind: type[VoxgateError]
) -> None:
    body = json.dumps({"errors": [{"code": "1", "title": "t", "detail": "Because."}]}).encode()
    headers = Headers({"Content-Length": str(len(body)), "Retry-After": "3"})

    def refuse(socket: ServerConnection, request: Request) -> Response:
        return Response(status, status.phrase, headers, body)

    async with server_that(lambda socket: socket.close(), process_request=refuse) as server:
        with pytest.raises(kind, match="Because"):
            await everything(server, "Hi.")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, SynthesisError),
        (1008, ProviderRejected),
        (1011, ProviderUnavailable),
        (1013, Overloaded),
    ],
)
async def test_an_error_frame_raises_what_its_close_code_means(code: int, kind: type[VoxgateError]) -> None:
    async def script(socket: ServerConnection) -> None:
        await send(socket, audio=encoded(b"some"), text=None)
        await send(socket, error="It went wrong")
        await socket.close(code)

    heard = []
    async with server_that(script) as server, telnyx.connect(server, KEY) as speech:
        await speech.send("Hi.")
        with pytest.raises(kind, match="It went wrong"):  # noqa: PT012 - what came before counts as well
            async for event in speech:
                heard.append(event)
    assert heard == [Audio(b"some")]


async def test_a_server_that_leaves_in_the_middle_is_found_out() -> None:
    async def script(socket: ServerConnection) -> None:
        for _ in range(3):
            await received(socket)
        await send(socket, audio=encoded(b"some"), text=None)
        await socket.close()

    async with server_that(script) as server:
        with pytest.raises(IncompleteAudio):
            await everything(server, "Hi.")


async def test_a_connection_that_breaks_is_found_out() -> None:
    async def script(socket: ServerConnection) -> None:
        await received(socket)
        socket.transport.abort()

    async with server_that(script) as server:
        with pytest.raises(ProviderUnavailable, match="broke"):
            await everything(server, "Hi.", retry=NEVER)


async def test_a_session_that_was_answered_may_be_closed_by_the_server() -> None:
    async def script(socket: ServerConnection) -> None:
        for _ in range(2):
            await received(socket)
        await send(socket, audio=encoded(b"all"), text=None)
        await send(socket, **FINAL)
        await socket.close(1001)

    async with server_that(script) as server, telnyx.connect(server, KEY) as speech:
        await speech.send("Hi.")
        assert [event async for event in speech] == [Audio(b"all"), Final()]
        await speech.send("Anybody there?")  # nothing happens


@pytest.mark.parametrize("message", ["no JSON", "[]", '{"audio": "not base64!"}', b"\x00\x01"])
async def test_what_is_no_frame_ends_the_session(message: str | bytes) -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.send(message)
        await socket.wait_closed()

    async with server_that(script) as server:
        with pytest.raises(SynthesisError, match="no frame"):
            await everything(server, "Hi.")


async def test_after_cancel_nothing_comes_and_the_server_is_told() -> None:
    gone = asyncio.Event()

    async def script(socket: ServerConnection) -> None:
        try:
            while True:
                await send(socket, audio=encoded(b"x" * 1000), text=None)
        finally:
            gone.set()

    async with server_that(script) as server, telnyx.connect(server, KEY) as speech:
        await speech.send("Hi.")
        heard = 0
        async for _ in speech:
            heard += 1
            if heard == 3:
                speech.cancel()
        assert heard == 3
        await gone.wait()


async def test_a_client_that_does_not_read_makes_the_server_wait() -> None:
    sent = 0

    async def script(socket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await send(socket, audio=encoded(bytes(90_000)), text=None)
            sent += 1

    async with server_that(script) as server, telnyx.connect(server, KEY) as speech:
        await speech.send("Hi.")
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 200
        speech.cancel()


async def test_nobody_there_is_told() -> None:
    async with server_that(lambda socket: socket.close()) as server:
        pass
    with pytest.raises(ProviderUnavailable, match=f"Cannot reach {server}: Connection refused"):
        await everything(server, "Hi.")


async def test_something_else_there_is_told() -> None:
    async def speak_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 smtp.example.com ready\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(speak_nonsense, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ProviderUnavailable, match="speaks no WebSocket"):
            await everything(f"http://127.0.0.1:{port}", "Hi.")


async def test_a_server_that_never_answers_is_given_up() -> None:
    over = asyncio.Event()

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(be_silent, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ProviderTimeout, match=r"within 0\.1 seconds"):
            async with telnyx.connect(f"http://127.0.0.1:{port}", KEY, timeout_s=0.1):
                pass
        await over.wait()


@pytest.mark.parametrize("key", ["vg_\n", "ключ"])
async def test_what_cannot_be_a_key_is_not_sent(key: str) -> None:
    with pytest.raises(NotAuthenticated):
        async with telnyx.connect("http://127.0.0.1:9", key):
            pass


async def test_what_is_no_address_is_told() -> None:
    with pytest.raises(ConfigurationError):
        await everything("127.0.0.1", "Hi.")


async def test_a_server_that_does_not_close_after_an_error_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telnyx, "CLOSE_TIMEOUT_S", 0.05)

    async def script(socket: ServerConnection) -> None:
        await send(socket, error="It went wrong")
        await socket.wait_closed()

    async with server_that(script) as server:
        with pytest.raises(SynthesisError, match="It went wrong"):
            await everything(server, "Hi.")
