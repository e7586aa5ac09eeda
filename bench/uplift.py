"""Rows about the Uplift-style doors: plain WebSocket and Socket.IO."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import pybase64
import socketio
from websockets.asyncio.client import ClientConnection, connect

from bench.process import KEY, Measured
from bench.report import Report, Row, percentile, spread
from voxgate.testing.scripted import CHARACTER_MS

NAMESPACE = "/text-to-speech/multi-stream"
RATE_HZ = 22_050


class Client(Protocol):
    """One connection, whichever door."""

    on_message: Callable[[dict[str, Any]], None]

    async def send(self, kind: str, message: dict[str, Any]) -> None: ...

    async def aclose(self) -> None: ...


class Plain:
    """A plain WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.on_message: Callable[[dict[str, Any]], None] = lambda message: None
        self._task = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, server: Measured) -> Plain:
        url = f"{server.ws}/v1/text-to-speech/multi-stream"
        headers = {"Authorization": f"Bearer {KEY}"}
        return cls(await connect(url, additional_headers=headers, compression=None, ping_interval=None))

    async def _listen(self) -> None:
        async for message in self._socket:
            self.on_message(orjson.loads(message))

    async def send(self, kind: str, message: dict[str, Any]) -> None:
        await self._socket.send(orjson.dumps({"type": kind, **message}).decode())

    async def aclose(self) -> None:
        await self._socket.close()
        await asyncio.gather(self._task, return_exceptions=True)


class OverSocketIo:
    """Socket.IO over WebSocket."""

    def __init__(self) -> None:
        self._client = socketio.AsyncClient(reconnection=False)
        self.on_message: Callable[[dict[str, Any]], None] = lambda message: None
        self._client.on("message", self._take, namespace=NAMESPACE)

    async def _take(self, message: dict[str, Any]) -> None:
        self.on_message(message)

    @classmethod
    async def open(cls, server: Measured) -> OverSocketIo:
        made = cls()
        await made._client.connect(
            server.http, auth={"token": KEY}, namespaces=[NAMESPACE], transports=["websocket"]
        )
        return made

    async def send(self, kind: str, message: dict[str, Any]) -> None:
        await self._client.emit(kind, message, namespace=NAMESPACE)

    async def aclose(self) -> None:
        await self._client.disconnect()


DOORS = {"plain WebSocket": Plain.open, "Socket.IO": OverSocketIo.open}


@dataclass
class Stream:
    """One request: what came of it, and when."""

    bytes: int = 0
    times_s: list[float] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Requests:
    """Sorts a connection's messages by request."""

    def __init__(self, client: Client) -> None:
        self._client, self.streams = client, dict[str, Stream]()
        client.on_message = self._take

    def _take(self, message: dict[str, Any]) -> None:
        stream = self.streams.get(message.get("requestId", ""))
        if stream is None:
            return
        if message["type"] == "audio":
            stream.bytes += len(pybase64.b64decode(message["audio"]))
            stream.times_s.append(time.monotonic())
        elif message["type"] in ("audio_end", "error"):
            stream.ended.set()

    async def synthesize(self, text: str, voice: str) -> tuple[str, Stream]:
        request = uuid.uuid4().hex
        stream = self.streams[request] = Stream()
        body = {"requestId": request, "text": text, "voiceId": voice, "outputFormat": "PCM_22050_16"}
        await self._client.send("synthesize", body)
        return request, stream

    async def cancel(self, request: str) -> None:
        await self._client.send("cancel", {"requestId": request})


def _text(seconds: float, mark: object) -> str:
    return f"{mark} ".ljust(round(seconds * 1000) // CHARACTER_MS - 1, "x") + "."


async def _streams(server: Measured, opening: Any, count: int, seconds: float) -> tuple[float, int]:
    """Real-time streams, one a connection; return seconds of audio heard and how many came late."""
    clients = [await opening(server) for _ in range(count)]
    requests = [Requests(client) for client in clients]
    started = [
        (await one.synthesize(_text(seconds, number), "Local.Test.paced"))[1]
        for number, one in enumerate(requests)
    ]
    async with asyncio.timeout(seconds * 3 + 10):
        await asyncio.gather(*(stream.ended.wait() for stream in started))
    late = sum(
        later - sooner > 0.3
        for stream in started
        for sooner, later in zip(stream.times_s, stream.times_s[1:], strict=False)
    )
    for client in clients:
        await client.aclose()
    return sum(stream.bytes for stream in started) / 2 / RATE_HZ, late


def streams(report: Report, count: int, seconds: float) -> None:
    """Real-time streams on one core."""
    for name, opening in DOORS.items():
        with Measured("bench.server", core=0) as server:
            before_s = server.cpu_s()
            began_s = time.monotonic()
            audio_s, late = asyncio.run(_streams(server, opening, count, seconds))
            took_s, cpu_s = time.monotonic() - began_s, server.cpu_s() - before_s
        report.add(
            Row(f"{name}: {count} streams, CPU", cpu_s / took_s * 100, "% of a core", 80),
            Row(
                f"{name}: CPU a second of audio", cpu_s / audio_s * 1000, "ms", note="resampled to 22,050 Hz"
            ),
            Row(f"{name}: gaps over 0.3 s", late, "", 0),
        )


def cancelling(report: Report, rounds: int) -> None:
    """Cancel sent to last stale byte received."""
    for name, opening in DOORS.items():
        with Measured("bench.server") as server:

            async def run(server: Measured = server, opening: Any = opening) -> list[float]:
                found = []
                client = await opening(server)
                requests = Requests(client)
                for number in range(rounds):
                    request, stream = await requests.synthesize(_text(40, number), "Local.Test.plain")
                    await asyncio.sleep(0.05 + number % 5 * 0.01)
                    sent_s = time.monotonic()
                    await requests.cancel(request)
                    await asyncio.sleep(1.1)  # sixty requests a minute are allowed
                    last_s = stream.times_s[-1] if stream.times_s else 0.0
                    found.append(max(0.0, (last_s - sent_s) * 1000))
                await client.aclose()
                return found

            report.add(*spread(f"{name}: cancel to last stale byte", asyncio.run(run()), "ms", None, 50))


def memory(report: Report, count: int) -> None:
    """An idle client."""
    for name, opening in DOORS.items():
        with Measured("bench.server") as server:

            async def run(server: Measured = server, opening: Any = opening) -> float:
                warm = [await opening(server) for _ in range(20)]
                await asyncio.sleep(0.5)
                before = server.memory_kib()
                clients = [await opening(server) for _ in range(count)]
                await asyncio.sleep(1.0)
                after = server.memory_kib()
                for client in (*warm, *clients):
                    await client.aclose()
                return (after - before) / count

            limit = 60 if name == "Socket.IO" else 40
            report.add(
                Row(f"{name}: memory an idle client", asyncio.run(run()), "KiB", limit, note=f"n={count}")
            )


def fairness(report: Report) -> None:
    """Five requests on one connection, of which one's provider stalls: do the others share evenly?"""
    with Measured("bench.server") as server:

        async def run() -> tuple[float, float]:
            client = await Plain.open(server)
            requests = Requests(client)
            await requests.synthesize(_text(8, "s"), "Local.Test.paced")
            four = [(await requests.synthesize(_text(20, n), "Local.Test.plain"))[1] for n in range(4)]
            # Half-way, before the first of them is through.
            while max(stream.bytes for stream in four) < 10 * RATE_HZ * 2:  # noqa: ASYNC110 - numbers
                await asyncio.sleep(0.001)
            shares = [stream.bytes for stream in four]
            gaps = [
                (later - sooner) * 1000
                for stream in four
                for sooner, later in zip(stream.times_s, stream.times_s[1:], strict=False)
            ]
            await client.aclose()
            return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)), percentile(
                gaps, 0.99
            )

        index, gap_ms = asyncio.run(run())
    report.add(
        Row("fairness of four streams beside one that stalls, Jain's index", index, "", 0.95, at_least=True)
    )
    report.add(Row("gap between chunks of the four, p99", gap_ms, "ms"))


def run(report: Report, *, quick: bool) -> None:
    """All rows of this page."""
    memory(report, 100 if quick else 500)
    cancelling(report, 5 if quick else 40)
    fairness(report)
    streams(report, 60 if quick else 150, 5 if quick else 15)
