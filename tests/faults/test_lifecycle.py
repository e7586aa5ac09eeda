"""The server's life and its edges, from outside: a real process, real sockets, real signals."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.doors import CANARY, DOORS, GOODBYE, SLOW_BEGAN
from tests.support.server import RunningServer


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(
        tmp_path, program=DOORS, environment={"VOXGATE_SERVER__DRAIN_DEADLINE_S": "0.5"}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def shared_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("doors"), program=DOORS) as running:
        yield running


def get(server: RunningServer, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.headers["content-type"] == "application/json"
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


async def upgrade_refused(server: RunningServer, path: str) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.ws_url + path):
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/json"
    return response.status_code, json.loads(response.body or b"")


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    await asyncio.wait_for(socket.wait_closed(), 20)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


def wait_until_draining(server: RunningServer) -> None:
    while get(server, "/readyz")[0] == 200:
        time.sleep(0.01)


def mistakes(server: RunningServer) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [event for event in events if event["level"] in ("warning", "error")]


def test_health_and_version(shared_doors: RunningServer) -> None:
    assert get(shared_doors, "/healthz") == (200, {"alive": True})
    assert get(shared_doors, "/readyz") == (200, {"ready": True, "reasons": []})
    status, version = get(shared_doors, "/version")
    assert status == 200
    assert version["name"] == "voxgate"


async def test_an_unknown_path_is_404_with_json_for_requests_and_sockets(shared_doors: RunningServer) -> None:
    status, body = get(shared_doors, "/no/such/path")
    assert (status, body["errors"][0]["code"]) == (404, "not_found")
    status, body = await upgrade_refused(shared_doors, "/no/such/path")
    assert (status, body["errors"][0]["code"]) == (404, "not_found")


def test_a_wrong_method_is_405_with_json(shared_doors: RunningServer) -> None:
    status, body = get(shared_doors, "/healthz", "POST")
    assert (status, body["errors"][0]["code"]) == (405, "method_not_allowed")


async def test_a_refused_upgrade_says_why_and_leaves_no_error_in_the_log(shared_doors: RunningServer) -> None:
    before = mistakes(shared_doors)
    status, body = await upgrade_refused(shared_doors, "/refuse?api_key=canary-in-a-query")
    assert (status, body) == (401, {"errors": [{"code": "10009"}]})
    assert mistakes(shared_doors) == before
    assert "canary-in-a-query" not in shared_doors.log()


async def test_an_oversized_message_closes_with_1009(shared_doors: RunningServer) -> None:
    async with connect(shared_doors.ws_url + "/echo", compression=None, max_size=None) as socket:
        await socket.send("x" * 262_144)
        assert await socket.recv() == "262144"
        await socket.send("x" * 262_145)
        assert (await close_of(socket))[0] == 1009


async def test_a_far_larger_message_still_learns_of_1009(shared_doors: RunningServer) -> None:
    async with connect(shared_doors.ws_url + "/echo", compression=None, max_size=None) as socket:
        sending = asyncio.create_task(socket.send("x" * 3_000_000))
        assert (await close_of(socket))[0] == 1009
        await asyncio.wait([sending])
        sending.exception()


async def test_an_oversized_message_in_fragments_closes_with_1009(shared_doors: RunningServer) -> None:
    async with connect(shared_doors.ws_url + "/echo", compression=None) as socket:
        with suppress(ConnectionClosed):
            await socket.send(["x" * 10_000] * 30)
        assert (await close_of(socket))[0] == 1009


async def test_endless_empty_fragments_close_with_1009(shared_doors: RunningServer) -> None:
    async with connect(shared_doors.ws_url + "/echo", compression=None) as socket:
        with suppress(ConnectionClosed):
            await socket.send([""] * 5_000)
        assert (await close_of(socket))[0] == 1009


async def test_text_that_is_not_utf8_closes_with_1007_and_leaves_no_traceback(
    shared_doors: RunningServer,
) -> None:
    before = mistakes(shared_doors)
    async with connect(shared_doors.ws_url + "/echo", compression=None) as socket:
        await socket.send(b"\xff\xfe", text=True)
        assert (await close_of(socket))[0] == 1007
    assert mistakes(shared_doors) == before


async def test_an_error_is_told_as_500_or_1011_and_logged_without_its_text(
    shared_doors: RunningServer,
) -> None:
    status, body = get(shared_doors, "/broken")
    assert (status, body["errors"][0]["code"]) == (500, "internal_error")
    assert (await upgrade_refused(shared_doors, "/broken"))[0] == 500
    async with connect(shared_doors.ws_url + "/broken?after") as socket:
        assert (await close_of(socket))[0] == 1011
    told = [event for event in mistakes(shared_doors) if event.get("error_type") == "RuntimeError"]
    assert len(told) == 3
    assert CANARY not in shared_doors.log()


async def test_sigterm_lets_sockets_say_goodbye_and_ends_with_0(doors: RunningServer) -> None:
    async with connect(doors.ws_url + "/echo") as socket:
        doors.signal()
        assert await close_of(socket) == (GOODBYE, "goodbye")
    assert await asyncio.to_thread(doors.wait) == 0


async def test_after_the_deadline_sockets_are_told_to_leave(doors: RunningServer) -> None:
    async with connect(doors.ws_url + "/stay") as socket:
        doors.signal()
        assert await close_of(socket) == (GOODBYE, "goodbye")
    assert await asyncio.to_thread(doors.wait) == 0


async def test_who_does_not_leave_is_closed_with_1012(doors: RunningServer) -> None:
    async with connect(doors.ws_url + "/deaf") as socket:
        doors.signal()
        assert (await close_of(socket))[0] == 1012
    assert await asyncio.to_thread(doors.wait) == 0
    assert not mistakes(doors)


async def test_while_draining_new_connections_get_503_and_health_tells_why(tmp_path: Path) -> None:
    long_drain = {"VOXGATE_SERVER__DRAIN_DEADLINE_S": "60"}
    with RunningServer(tmp_path, program=DOORS, environment=long_drain) as doors:
        async with connect(doors.ws_url + "/stay") as socket:
            doors.signal()
            await asyncio.to_thread(wait_until_draining, doors)
            assert get(doors, "/readyz") == (503, {"ready": False, "reasons": ["draining"]})
            assert get(doors, "/healthz")[0] == 200
            status, body = await upgrade_refused(doors, "/echo")
            assert (status, body["errors"][0]["code"]) == (503, "unavailable")
            assert get(doors, "/slow")[0] == 503
            await socket.send("still served")
            assert await socket.recv() == "12"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once(tmp_path: Path, number: int) -> None:
    long_drain = {"VOXGATE_SERVER__DRAIN_DEADLINE_S": "60"}
    with RunningServer(tmp_path, program=DOORS, environment=long_drain) as doors:
        async with connect(doors.ws_url + "/deaf") as socket:
            doors.signal()
            await asyncio.to_thread(wait_until_draining, doors)
            doors.signal(number)
            assert await asyncio.to_thread(doors.wait) == 0
            assert (await close_of(socket))[0] == 1012
        assert not mistakes(doors)


async def test_a_request_under_way_is_answered_before_the_end(doors: RunningServer) -> None:
    answer = asyncio.create_task(asyncio.to_thread(get, doors, "/slow"))
    while SLOW_BEGAN not in doors.log():  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(0.01)
    doors.signal()
    assert await answer == (200, {"slow": True})
    assert await asyncio.to_thread(doors.wait) == 0
