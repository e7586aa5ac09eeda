"""Clients of the Uplift-style connection on bare TCP, so that nothing is read unless the test reads it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.server import RunningServer
from tests.support.uplift_clients import NAMESPACE, PATH

RECEIVE_BUFFER_BYTES = 4096
"""As little as the kernel may take for a client that does not read."""
TEXT, CLOSE = 1, 8
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
)


class Gone(Exception):
    """The server has closed the connection."""


class RawClient:
    """One WebSocket.

    Args:
        server: to connect to.
        path: of the upgrade.
        headers: further ones, each with its line's end.
    """

    def __init__(self, server: RunningServer, path: str, headers: str = "") -> None:
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._tcp.settimeout(20)
        self._tcp.connect(("127.0.0.1", server.port))
        self._tcp.sendall(_UPGRADE.format(path=path, headers=headers).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._take(1)
        assert answer.startswith(b"HTTP/1.1 101"), answer

    def close(self) -> None:
        """Drop the connection."""
        self._tcp.close()

    def settimeout(self, timeout_s: float) -> None:
        """Say how long to wait for the server at most."""
        self._tcp.settimeout(timeout_s)

    def write(self, text: str) -> None:
        """Send a text message; its mask is zero."""
        data = text.encode()
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | TEXT, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | TEXT, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | TEXT, 0x80 | 127, size)
        self._tcp.sendall(head + bytes(4) + data)

    def read(self) -> str:
        """Wait for a text message; raises `Gone` when the connection ends instead."""
        while True:
            first, second = self._take(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8))
            data = self._take(size)
            if first & 15 == CLOSE:
                raise Gone
            if first & 15 == TEXT:
                return data.decode()

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                piece = self._tcp.recv(count - len(data))
            except ConnectionError:
                raise Gone from None
            if not piece:
                raise Gone
            data += piece
        return data


class RawPlain(RawClient):
    """The plain WebSocket door, past ``ready``."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(server, PATH, f"Authorization: Bearer {server.key}\r\n")
        assert self.next()["type"] == "ready"

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Send a message."""
        self.write(json.dumps({"type": kind, **fields}))

    def next(self) -> dict[str, Any]:
        """Wait for the next message."""
        message: dict[str, Any] = json.loads(self.read())
        return message


class RawSocketIo(RawClient):
    """The Socket.IO door, by WebSocket, past ``ready``."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(server, "/socket.io/?EIO=4&transport=websocket")
        assert self.read().startswith("0{")
        self.write(f"40{NAMESPACE},{json.dumps({'token': server.key})}")
        assert self.read().startswith(f"40{NAMESPACE},")
        assert self.next()["type"] == "ready"

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Send an event."""
        self.write(f"42{NAMESPACE},{json.dumps([kind, fields])}")

    def next(self) -> dict[str, Any]:
        """Wait for the next event; pings are answered."""
        while not (text := self.read()).startswith("42"):
            if text == "2":
                self.write("3")
        name, message = json.loads(text.removeprefix(f"42{NAMESPACE},"))
        assert name == "message"
        return dict(message)


RawDoor = type[RawPlain] | type[RawSocketIo]
RAW_DOORS: dict[str, RawDoor] = {"websocket": RawPlain, "socket.io": RawSocketIo}


def messages(client: RawPlain | RawSocketIo) -> Iterator[dict[str, Any]]:
    """Read until the connection ends."""
    while True:
        try:
            yield client.next()
        except Gone:
            return


@contextmanager
def stuck(
    server: RunningServer, door: RawDoor, connections: int, texts: list[str], **fields: Any
) -> Iterator[list[RawPlain | RawSocketIo]]:
    """Clients that ask for every text and read nothing of it; closed at the block's end."""
    clients: list[RawPlain | RawSocketIo] = []
    try:
        for number in range(connections):
            client = door(server)
            clients.append(client)
            for name, text in enumerate(texts):
                client.emit("synthesize", {"requestId": str(name), "text": f"{number}. {text}", **fields})
        yield clients
    finally:
        for client in clients:
            client.close()
