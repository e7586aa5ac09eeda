"""Rows about voice-agent sessions."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.process import KEY, Measured
from bench.report import Report, Row, spread
from voxgate.audio.resample import Resampler
from voxgate.clock import LoopClock
from voxgate.providers.contract import Abort
from voxgate.providers.espeak import EspeakProvider
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import tones

FRAME_BYTES, FRAME_S = 640, 0.02
GAP_S = 0.15
"""Silence of the agent that counts as having stopped."""


@dataclass
class Line:
    """One caller: a microphone in real time, and the times at which the agent's frames came."""

    socket: ClientConnection
    frames_s: list[float] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    late: int = 0
    _speech: bytearray = field(default_factory=bytearray)
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        with suppress(ConnectionClosed):
            while True:
                frame = bytes(self._speech[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
                del self._speech[:FRAME_BYTES]
                await self.socket.send(frame)
                if not self._speech:
                    self._done.set()
                next_s += FRAME_S
                await asyncio.sleep(max(0.0, next_s - loop.time()))

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionClosed):
            async for message in self.socket:
                if isinstance(message, bytes):
                    now_s = loop.time()
                    self.frames_s.append(now_s)
                elif (data := json.loads(message))["type"] == "turn_latency":
                    self.stages.append(data)

    async def say(self, pcm: bytes) -> float:
        """Speak; return when the last of it was sent."""
        self._done.clear()
        self._speech += pcm
        await self._done.wait()
        return asyncio.get_running_loop().time()

    async def answered_after(self, moment_s: float) -> float:
        """Milliseconds from a moment to the agent's next byte."""
        async with asyncio.timeout(15):
            while not self.frames_s or self.frames_s[-1] < moment_s:  # noqa: ASYNC110 - filled by `listen`
                await asyncio.sleep(0.002)
        return (next(at_s for at_s in self.frames_s if at_s >= moment_s) - moment_s) * 1000

    async def quiet(self) -> None:
        """Wait until the agent has said what it had to say."""
        loop = asyncio.get_running_loop()
        while self.frames_s and loop.time() - self.frames_s[-1] < 0.5:  # noqa: ASYNC110 - filled by `listen`
            await asyncio.sleep(0.02)

    def fell_silent_ms(self, moment_s: float) -> float:
        """From a moment to the last byte before the agent's next pause."""
        last_s = moment_s
        for at_s in self.frames_s:
            if at_s > moment_s:
                if at_s - last_s > GAP_S:
                    break
                last_s = at_s
        return (last_s - moment_s) * 1000


async def open_line(server: Measured) -> tuple[Line, list[asyncio.Task[None]]]:
    def ask() -> dict[str, str]:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{server.http}/api/v1/sdk/token", method="POST", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
            token: dict[str, str] = json.load(answer)
            return token

    token = await asyncio.to_thread(ask)
    socket = await connect(token["ws_url"], compression=None, ping_interval=None)
    await socket.send(json.dumps({"token": token["token"], "events": True}))
    while json.loads(await socket.recv())["type"] != "agent_ready":
        pass
    line = Line(socket)
    return line, [asyncio.create_task(line.talk()), asyncio.create_task(line.listen())]


async def converse(
    server: Measured, count: int, turns: int, question: bytes, interruption: bytes
) -> tuple[list[float], list[float], list[dict[str, Any]]]:
    """Hold ``count`` conversations at once; return answers' and interruptions' times, and the stages."""
    opened = [await open_line(server) for _ in range(count)]
    answers: list[float] = []
    stops: list[float] = []

    async def one(line: Line, number: int) -> None:
        await asyncio.sleep(0.3 + number * 0.13)
        await line.quiet()
        for _ in range(turns):
            answers.append(await line.answered_after(await line.say(question)))
            await asyncio.sleep(1.0)
            began_s = asyncio.get_running_loop().time()
            await line.say(interruption)
            await asyncio.sleep(1.2)
            stops.append(line.fell_silent_ms(began_s))
            await line.quiet()

    async with asyncio.TaskGroup() as group:
        for number, (line, _) in enumerate(opened):
            group.create_task(one(line, number))
    stages = [stage for line, _ in opened for stage in line.stages]
    for line, tasks in opened:
        await line.socket.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers, stops, stages


async def spoken(text: str) -> bytes:
    """A question in the local voice, at the microphone's rate."""
    provider = EspeakProvider(LoopClock(), min_workers=1, max_workers=1)
    await provider.start()
    resampler, pieces = None, []
    try:
        utterance = Utterance(text, VoiceName("Local", "Espeak", "en-us"), "bench")
        async for chunk in provider.synthesize(utterance, Abort()):
            resampler = resampler or Resampler(chunk.rate_hz, 16_000)
            pieces.append(resampler.feed(chunk.pcm))
    finally:
        await provider.aclose()
    return b"".join(pieces)


def _measure(
    report: Report,
    name: str,
    counts: Mapping[int, float | None],
    turns: int,
    sounds: Callable[[], Awaitable[tuple[bytes, bytes]]],
    **environment: str,
) -> None:
    for count, p50 in counts.items():
        with Measured("bench.server", core=0 if environment else None, **environment) as server:

            async def run(server: Measured = server, count: int = count) -> tuple[Any, ...]:
                question, interruption = await sounds()
                await converse(server, 1, 1, question, interruption)  # engines are started by the first
                cpu_s, memory_kib, children = server.cpu_s(), server.memory_kib(), server.children()
                loop = asyncio.get_running_loop()
                began_s = loop.time()
                found = await converse(server, count, turns, question, interruption)
                took_s = loop.time() - began_s
                await asyncio.sleep(1.0)
                return (
                    *found,
                    (server.cpu_s() - cpu_s) / took_s / count * 100,
                    server.memory_kib() - memory_kib,
                    server.children() - children,
                )

            answers, stops, stages, cpu, left_kib, left = asyncio.run(run())
        title = f"conversation, {name}, {count} at once"
        report.add(*spread(f"{title}: end of speech to first agent byte", answers, "ms", p50, None))
        for stage in ("transcript_ms", "turn_closed_ms", "first_text_ms", "first_audio_ms"):
            values = sorted(found[stage] for found in stages if stage in found)
            if values:
                report.add(
                    Row(f"{title}: … of which by {stage[:-3]}, median", values[len(values) // 2], "ms")
                )
        ordered = sorted(stops)
        p90 = ordered[int(0.9 * (len(ordered) - 1))]
        report.add(Row(f"{title}: speaks up to last agent byte, p90", p90, "ms", 350, note=f"n={len(stops)}"))
        report.add(Row(f"{title}: CPU of the server a session", cpu, "% of a core"))
        # Recognizers that were started under load are kept for a minute.
        report.add(Row(f"{title}: memory left after hang-up", left_kib / count, "KiB a session"))
        report.add(Row(f"{title}: processes left after hang-up", left, "", 0 if environment else None))


async def _tones() -> tuple[bytes, bytes]:
    return tones("~" * 25, rate_hz=16_000), tones("~" * 15, rate_hz=16_000)


async def _words() -> tuple[bytes, bytes]:
    return await spoken("tell me a long story"), await spoken("what time is it")


def run(report: Report, *, quick: bool) -> None:
    """All rows of this page."""
    scripted = {1: 300.0, 10: 300.0, 25: 450.0}
    _measure(report, "scripted", scripted, 2 if quick else 6, _tones, BENCH_SCRIPTED_AGENTS="1")
    _measure(report, "local recognizer", {1: None, 4: None}, 2 if quick else 5, _words)
