"""Clients that stop reading, on bare sockets: what the server holds for them, and who suffers from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import RunningServer
from tests.support.uplift_clients import Open, python_socketio, websocket
from tests.support.uplift_raw import RAW_DOORS, Gone, RawDoor, RawPlain, RawSocketIo, messages, stuck
from voxgate.testing.scripted import tones

KIB = 1024
ESPEAK = "Local.Espeak.en-us"
LONG_TEXT = ("This goes on and on, and nobody listens to a word of it. " * 175)[:9_900]
"""Ten minutes of speech: 27 MB of PCM."""
STREAM_KIB, CONNECTION_KIB = 256, 1024
"""What may wait for a reader: of one request, and of one connection."""
UPKEEP_KIB = 192
"""What a connection takes besides: itself, when idle, up to 70 KiB; a request's text several times over (as
it came, in pieces, on its way to the engine); and what Python's objects and allocator add to 1 MiB of audio
in pieces of 2.6 KiB. Nothing to the 27 MB of each request that come when they are not held back."""
CLIENTS = 6
UNLIMITED = {"VOXGATE_LIMITS__REQUESTS_PER_MINUTE": "0"}
"""So that the server may be asked often how it is."""

every_door = pytest.mark.parametrize("door", RAW_DOORS.values(), ids=RAW_DOORS.keys())


@pytest.fixture(scope="module")
def patient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Waits for its readers as long as these tests take, and keeps no cache, which is not theirs."""
    environment = {"VOXGATE_UPLIFT__STUCK_TIMEOUT_S": "300", "VOXGATE_CACHE__MEMORY_MIB": "0", **UNLIMITED}
    with RunningServer(tmp_path_factory.mktemp("patient"), environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Gives a reader up after a second."""
    environment = {"VOXGATE_UPLIFT__STUCK_TIMEOUT_S": "1", **UNLIMITED}
    with RunningServer(tmp_path_factory.mktemp("strict"), environment=environment) as server:
        yield server


def memory_kib(server: RunningServer) -> float:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4


def live(server: RunningServer) -> dict[str, Any]:
    answer = httpx.get(
        f"{server.url}/v1/figures", headers={"Authorization": f"Bearer {server.key}"}, timeout=20
    )
    figures: dict[str, Any] = answer.raise_for_status().json()
    return {**figures["live"], "utterances": figures["utterances"]}


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s, "it does not come to pass"
        time.sleep(0.02)


def until_still(server: RunningServer) -> None:
    """Wait until nothing is made any more, through many turns of the server's loop."""
    seen: list[object] = []

    def is_still() -> bool:
        seen.append((live(server)["utterances"], memory_kib(server) // 256))
        return len(seen) > 40 and len(set(seen[-40:])) == 1

    until(is_still)


@every_door
@pytest.mark.parametrize(
    ("requests", "most_kib"), [(1, STREAM_KIB), (8, CONNECTION_KIB)], ids=["one stream", "eight streams"]
)
def test_readers_that_stop_make_the_server_hold_no_more_than_it_may(
    patient_server: RunningServer, door: RawDoor, requests: int, most_kib: int
) -> None:
    texts = [f"{number}. {LONG_TEXT}" for number in range(requests)]
    with stuck(patient_server, door, 2, texts, voiceId=ESPEAK):
        until_still(patient_server)  # all the workers there will be, all code loaded
    until(lambda: live(patient_server)["connections"] == 0)
    before_kib = memory_kib(patient_server)
    with stuck(patient_server, door, CLIENTS, texts, voiceId=ESPEAK) as clients:
        until_still(patient_server)
        figures = live(patient_server)
        assert figures["connections"] == CLIENTS
        assert figures["streams"] >= CLIENTS * requests
        held_kib = (memory_kib(patient_server) - before_kib) / CLIENTS
        assert held_kib <= most_kib + UPKEEP_KIB

        # Synthesis has only waited: who reads again gets far more than was held, without a gap.
        client, numbers, characters = clients[0], dict.fromkeys(map(str, range(requests)), 0), 0
        while characters < 3 * CONNECTION_KIB * KIB:
            message = client.next()
            if message["type"] == "audio":
                assert message["sequence"] == numbers[message["requestId"]]
                numbers[message["requestId"]] += 1
                characters += len(message["audio"])
        assert memory_kib(patient_server) - before_kib <= CLIENTS * (most_kib + UPKEEP_KIB)
    until(lambda: live(patient_server)["connections"] == 0)


@every_door
def test_a_reader_that_stays_stuck_is_cut_off_and_its_speech_stops(
    strict_server: RunningServer, door: RawDoor
) -> None:
    with stuck(strict_server, door, 3, [LONG_TEXT, LONG_TEXT], voiceId=ESPEAK) as clients:
        until(lambda: live(strict_server)["connections"] == 0)
        until(lambda: live(strict_server)["streams"] == 0)
        assert "uplift client does not read" in strict_server.log()
        for client in clients:
            told = list(messages(client))  # what the kernel holds; it comes to an end
            assert {message["type"] for message in told} <= {"audio_start", "audio"}
            with pytest.raises(Gone):
                client.next()
    assert '"error"' not in strict_server.log()


@every_door
def test_one_that_reads_slowly_is_not_cut_off(strict_server: RunningServer, door: RawDoor) -> None:
    text = "It takes its time over this one, but it does read on."
    with stuck(strict_server, door, 1, [text], voiceId="Local.Test.plain") as (client,):
        kinds: list[str] = []
        while not kinds or kinds[-1] != "audio_end":
            kinds.append(client.next()["type"])
            time.sleep(0.02)
    assert kinds[0] == "audio_start"
    assert set(kinds[1:-1]) == {"audio"}


@every_door
@pytest.mark.parametrize("neighbour", [websocket, python_socketio], ids=["websocket", "socket.io"])
async def test_neighbours_do_not_notice(
    patient_server: RunningServer, door: RawDoor, neighbour: Open
) -> None:
    texts = [f"{number}. {LONG_TEXT}" for number in range(8)]
    text = "The neighbour speaks on, as if nothing were the matter."
    with stuck(patient_server, door, 6, texts, voiceId=ESPEAK):
        async with neighbour(patient_server) as client:
            for name in "ab":
                # More streams hang than there are workers of the voice.
                spoken = await client.ask(name, f"{name}: {text}", voiceId=ESPEAK)
                assert spoken.error is None
                assert len(spoken.audio) > 100 * KIB
                exact = await client.ask(f"{name}2", text, voiceId="Local.Test.rate-22050+paced+chunk-100")
                assert exact.audio == tones(text, rate_hz=22_050)
        assert live(patient_server)["connections"] == 6
    until(lambda: live(patient_server)["connections"] == 0)


def sing_for_ever(client: RawPlain | RawSocketIo) -> None:
    while True:
        client.emit("sing", {"requestId": "x" * 250})


@every_door
def test_answers_that_nobody_reads_are_bounded_too(patient_server: RunningServer, door: RawDoor) -> None:
    """Each message is answered with an error that names its id; then no more messages are taken."""
    before_kib = memory_kib(patient_server)
    client: RawPlain | RawSocketIo = door(patient_server)
    client.settimeout(0.5)
    try:
        with pytest.raises(TimeoutError):
            sing_for_ever(client)
        assert memory_kib(patient_server) - before_kib <= CONNECTION_KIB
    finally:
        client.close()
    until(lambda: live(patient_server)["connections"] == 0)
