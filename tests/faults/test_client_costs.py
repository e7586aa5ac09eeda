"""What one client can cost: however fast it writes, however slowly it reads, whatever it sends."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.doors import DOORS
from tests.support.server import RunningServer

OFFERED_BYTES = 48_000_000
MAY_GROW_BYTES = 6_000_000
"""Far above what one connection costs, far below what was offered."""
UPGRADE = (
    "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, PING = 1, 9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("costs"), program=DOORS) as running:
        yield running


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    size = len(data)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BQ", 0x80 | 127, size)
    return struct.pack("!B", (0x80 if fin else 0) | opcode) + length + bytes(4) + data


def tcp(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def upgraded(server: RunningServer, path: str) -> socket.socket:
    connection = tcp(server)
    connection.sendall(f"GET {path} HTTP/1.1\r\n{UPGRADE}".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return connection


def offer(connection: socket.socket, data: bytes) -> None:
    """Write until the server takes no more, or has been offered enough."""
    connection.settimeout(0.5)
    offered = 0
    with suppress(OSError):
        while offered < OFFERED_BYTES:
            offered += connection.send(data)


def answer_to(server: RunningServer, request: bytes) -> bytes:
    with closing(tcp(server)) as connection:
        with suppress(OSError):
            connection.sendall(request)
        answer = b""
        with suppress(OSError):
            while piece := connection.recv(65_536):
                answer += piece
        return answer


def memory(server: RunningServer) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(
    ("path", "data"),
    [
        pytest.param("/deaf", frame(TEXT, b"x") * 10_000, id="tiny messages to an app that takes none"),
        pytest.param("/deaf", frame(TEXT, b"x" * 200_000), id="large messages to an app that takes none"),
        pytest.param("/deaf", frame(PING, b"x" * 125) * 1_000, id="pings, their answers never read"),
        pytest.param("/echo", frame(TEXT, b"x") * 10_000, id="messages, their answers never read"),
    ],
)
def test_a_client_that_writes_and_never_reads(server: RunningServer, path: str, data: bytes) -> None:
    with closing(upgraded(server, path)) as connection:
        before = memory(server)
        offer(connection, data)
        assert memory(server) - before < MAY_GROW_BYTES


def test_a_client_that_never_reads_what_an_app_keeps_sending(server: RunningServer) -> None:
    before = memory(server)
    with closing(upgraded(server, "/flood")):
        time.sleep(1)
        assert memory(server) - before < MAY_GROW_BYTES


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, b"GET /" + b"a" * 1_000_000, b"X" * 1_000_000],
    ids=["a header", "a path", "a method"],
)
def test_a_head_without_an_end_is_refused(server: RunningServer, head: bytes) -> None:
    assert answer_to(server, head)[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")
    assert answer_to(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )


@pytest.mark.parametrize(
    "request_line",
    [b"GET /" + b"a" * 9_000 + b" HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"GET /echo HTTP/1.1\r\nX: \x00"],
    ids=["a path longer than the parser takes", "a path that is not ASCII", "a header with a zero byte"],
)
def test_a_handshake_that_cannot_be_read_is_400_without_an_error_in_the_log(
    server: RunningServer, request_line: bytes
) -> None:
    assert answer_to(server, request_line + b"\r\n" + UPGRADE.encode()).startswith(b"HTTP/1.1 400")
    assert '"error"' not in server.log()


def test_too_many_headers_for_a_handshake_are_400(server: RunningServer) -> None:
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(200))
    answer = answer_to(server, b"GET /echo HTTP/1.1\r\n" + many + UPGRADE.encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"errors"' in answer
    assert '"error"' not in server.log()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(3), 1002),
        (b"\x81\x01x", 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(0, b"x"), 1002),
        (frame(8, b"\x03"), 1002),
        (frame(8, struct.pack("!H", 1000) + b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
    ],
    ids=["reserved opcode", "unmasked", "interleaved", "stray continuation", "close of one byte",
         "reason not UTF-8", "a surrogate"],
)  # fmt: skip
def test_what_breaks_the_protocol_closes_with_its_code(server: RunningServer, data: bytes, code: int) -> None:
    with closing(upgraded(server, "/echo")) as connection:
        connection.sendall(data)
        answer = connection.recv(1000)
        assert answer[0] == 0x88
        assert struct.unpack("!H", answer[2:4])[0] == code
    assert '"error"' not in server.log()


def test_messages_cut_anywhere_arrive_whole(server: RunningServer) -> None:
    stream = b"".join(frame(TEXT, b"x" * size) for size in (0, 1, 125, 126, 60_000)) + frame(PING, b"?")
    for step in (1, 7, 997):
        with closing(upgraded(server, "/echo")) as connection:
            for begin in range(0, len(stream), step):
                connection.sendall(stream[begin : begin + step])
                if step == 1 and begin > 700:
                    connection.sendall(stream[begin + step :])
                    break
            expected = b"".join(b"\x81" + bytes([len(n)]) + n for n in (b"0", b"1", b"125", b"126", b"60000"))
            answer = b""
            while len(answer) < len(expected) + 3:
                answer += connection.recv(1000)
            assert answer.replace(b"\x8a\x01?", b"") == expected
