"""Clients of the Uplift-style connection behind one face: WebSocket, python-socketio, socket.io-client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest
import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.server import RunningServer

NAMESPACE = "/text-to-speech/multi-stream"
PATH = "/v1/text-to-speech/multi-stream"
NODE = Path(__file__).parents[1] / "conformance" / "clients" / "node"
WAIT_S = 20.0
"""More than anything takes, so that a test fails instead of hanging."""


class Refused(Exception):
    """The connection was refused.

    Attributes:
        message: what was said.
        code: where there was one; the HTTP status of an upgrade.
    """

    def __init__(self, message: str, code: object) -> None:
        super().__init__(message, code)
        self.message, self.code = message, code


@dataclass
class Answer:
    """What came back for one request."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """Types, in order."""
        return [message["type"] for message in self.messages]

    @property
    def pieces(self) -> list[bytes]:
        """The audio of each message; numbered from 0 without a gap, or the test fails."""
        pieces = [message for message in self.messages if message["type"] == "audio"]
        assert [piece["sequence"] for piece in pieces] == list(range(len(pieces)))
        return [base64.b64decode(piece["audio"], validate=True) for piece in pieces]

    @property
    def audio(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    @property
    def error(self) -> tuple[str, str] | None:
        """Code and message, when it failed."""
        last = self.messages[-1]
        return (last["code"], last["message"]) if last["type"] == "error" else None


class Client:
    """One connection.

    Args:
        emit: sends an event with one argument.
    """

    def __init__(self, emit: Callable[[str, Any], Any]) -> None:
        self.emit = emit
        self.inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        """Messages, and None when the connection is over."""
        self.facts: dict[str, Any] = {}

    async def synthesize(self, request_id: str, text: str, **fields: Any) -> None:
        """Ask for speech."""
        await self.emit("synthesize", {"requestId": request_id, "text": text, **fields})

    async def cancel(self, request_id: str) -> None:
        """Stop a request."""
        await self.emit("cancel", {"requestId": request_id})

    async def next(self) -> dict[str, Any]:
        """Wait for the next message."""
        async with asyncio.timeout(WAIT_S):
            message = await self.inbox.get()
        assert message is not None, "the connection is over"
        return message

    async def collect(self, *request_ids: str) -> list[Answer]:
        """Wait until each of these has ended; everything else that comes is passed over."""
        answers = {request_id: Answer() for request_id in request_ids}
        left = set(request_ids)
        while left:
            message = await self.next()
            request_id = str(message.get("requestId"))
            if request_id in left:
                answers[request_id].messages.append(message)
                if message["type"] in ("audio_end", "error"):
                    left.discard(request_id)
        return list(answers.values())

    async def ask(self, request_id: str, text: str, **fields: Any) -> Answer:
        """Ask for speech and wait for all of it."""
        await self.synthesize(request_id, text, **fields)
        (answer,) = await self.collect(request_id)
        return answer

    async def over(self) -> None:
        """Wait for the end of the connection."""
        async with asyncio.timeout(WAIT_S):
            while await self.inbox.get() is not None:
                pass


@asynccontextmanager
async def websocket(server: RunningServer, key: str | None = None) -> AsyncIterator[Client]:
    """The plain WebSocket."""
    headers = {"Authorization": f"Bearer {server.key if key is None else key}"}
    try:
        socket = await connect(f"{server.ws_url}{PATH}", additional_headers=headers, max_size=None)
    except InvalidStatus as refused:
        body = json.loads(refused.response.body or b"{}")
        raise Refused(body["message"], refused.response.status_code) from None

    async def emit(kind: str, fields: Any) -> None:
        await socket.send(json.dumps({"type": kind, **fields} if isinstance(fields, dict) else fields))

    client = Client(emit)

    async def listen() -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                client.inbox.put_nowait(json.loads(message))
        client.facts["close_code"] = socket.close_code
        client.inbox.put_nowait(None)

    listening = asyncio.create_task(listen())
    try:
        yield client
    finally:
        await socket.close()
        await listening


@asynccontextmanager
async def python_socketio(
    server: RunningServer, key: str | None = None, *, transports: tuple[str, ...] = ("websocket",)
) -> AsyncIterator[Client]:
    """python-socketio's client."""
    before = asyncio.all_tasks()
    library = socketio.AsyncClient(reconnection=False)
    client = Client(partial(library.emit, namespace=NAMESPACE))
    refusals: list[Any] = []
    library.on("message", client.inbox.put_nowait, namespace=NAMESPACE)
    library.on("connect_error", refusals.append, namespace=NAMESPACE)
    library.on("disconnect", lambda reason: client.inbox.put_nowait(None), namespace=NAMESPACE)
    auth = {"token": server.key if key is None else key}
    try:
        await library.connect(
            server.url, auth=auth, namespaces=[NAMESPACE], transports=list(transports), wait_timeout=10
        )
        client.facts["transport"] = library.transport()
        yield client
    except socketio.exceptions.ConnectionError:
        # The library has closed by itself, or the server has.
        assert library.eio.state == "disconnected"
        raise Refused(refusals[0]["message"], refusals[0]["data"]["code"]) from None
    finally:
        await library.shutdown()
        # When both sides close at once, the library's tasks wait on for most of a minute.
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if library.eio.http is not None:
            await library.eio.http.close()


@asynccontextmanager
async def node(
    server: RunningServer, key: str | None = None, *, transports: tuple[str, ...] | None = None
) -> AsyncIterator[Client]:
    """socket.io-client from npm; without ``transports`` it polls first and upgrades, as by itself."""
    options: dict[str, Any] = {"auth": {"token": server.key if key is None else key}}
    if transports is not None:
        options["transports"] = transports
    process = await asyncio.create_subprocess_exec(
        "node",
        "bridge.mjs",
        f"{server.url}{NAMESPACE}",
        json.dumps(options),
        cwd=await asyncio.to_thread(node_folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def emit(kind: str, fields: Any) -> None:
        stdin.write(json.dumps({"emit": [kind, fields]}).encode() + b"\n")
        await stdin.drain()

    client = Client(emit)
    first: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def listen() -> None:
        async for line in stdout:
            told = json.loads(line)
            match told["event"]:
                case "message":
                    client.inbox.put_nowait(told["data"])
                case "connect" | "connect_error" if not first.done():
                    first.set_result(told)
                case "upgrade":
                    client.facts["transport"] = told["data"]["transport"]
                case "disconnect" | "close" as ending:
                    client.facts[ending] = told["data"]["reason"]
                    client.inbox.put_nowait(None)

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(WAIT_S):
            told = await first
        if told["event"] == "connect_error":
            raise Refused(told["data"]["message"], told["data"]["data"]["code"])
        client.facts.setdefault("transport", told["data"]["transport"])
        yield client
    finally:
        stdin.close()
        async with asyncio.timeout(WAIT_S):
            await process.wait()
            await listening
        # Else the transport lives until it is collected, by then without a loop.
        process._transport.close()  # type: ignore[attr-defined]


@lru_cache
def node_folder() -> Path:
    """Install what ``package-lock.json`` says, once, outside the repository; return the folder."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _cannot("no node and npm here; on Debian or Ubuntu: apt-get install nodejs npm")
    lock = (NODE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "voxgate-tests"
    folder = cache / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NODE / name, fresh)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            done = subprocess.run(command, cwd=fresh, capture_output=True, text=True)
            if done.returncode != 0:
                _cannot(f"npm cannot install the clients to test with: {done.stderr.strip()[-500:]}")
            with suppress(OSError):  # another process was faster
                Path(fresh).rename(folder)
            Path(fresh).mkdir(exist_ok=True)  # for the block's end to remove
    shutil.copy(NODE / "bridge.mjs", folder)
    return folder


def _cannot(message: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


Open = Callable[..., AbstractAsyncContextManager[Client]]

DOORS: dict[str, Open] = {
    "websocket": websocket,
    "python-socketio over WebSocket": partial(python_socketio, transports=("websocket",)),
    "python-socketio polling": partial(python_socketio, transports=("polling",)),
    "python-socketio with upgrade": partial(python_socketio, transports=("polling", "websocket")),
    "socket.io-client over WebSocket": partial(node, transports=("websocket",)),
    "socket.io-client polling": partial(node, transports=("polling",)),
    "socket.io-client with upgrade": node,
}
"""Every way in."""
