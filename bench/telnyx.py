"""Rows about the Telnyx-style WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request

from bench.load import Talk, first_audio_ms, many_streams, open_socket, speech_url, stale_bytes_ms
from bench.process import KEY, Measured
from bench.report import Report, Row, spread
from bench.voice import CHUNK_MS

STREAMS = {1: (1.0, 10.0), 16: (None, None), 64: (None, 10.0), 100: (None, 20.0), 200: (None, 25.0)}
"""Streams at once, with the targets for p50 and p99 of the added time to first audio."""


def added_first_audio(report: Report, seconds: float) -> None:
    """Client's first byte minus provider's first byte, open loop, beside the floor; and what it costs."""
    for module, name in (("bench.floor", "floor"), ("bench.server", "voxgate")):
        with Measured(module, core=0) as server:
            for count, (p50, p99) in STREAMS.items():
                talk = Talk(0.3, 0.4) if count == 1 else Talk()
                cpu_s = server.cpu_s()
                heard = asyncio.run(many_streams(server.ws, KEY, count, seconds, talk))
                cpu_s, audio_s = server.cpu_s() - cpu_s, heard.chunks * CHUNK_MS / 1000
                own = module == "bench.server"
                title = f"{name}: added first audio, {count} streams"
                report.add(
                    *spread(title, heard.first_added_ms, "ms", p50 if own else None, p99 if own else None)
                )
                if count >= 100:
                    report.add(
                        Row(
                            f"{name}: CPU a second of audio, {count} streams",
                            cpu_s / audio_s * 1000,
                            "ms",
                            6 if own else None,
                            note="frames of 20 ms",
                        ),
                        Row(f"{name}: underruns, {count} streams", heard.underruns, "", 0 if own else None),
                    )


def espeak_first_audio(report: Report, rounds: int) -> None:
    """Text frame to first audio frame with the local voice, warm: one at a time, and eight at once."""
    with Measured("bench.server") as server:

        async def run() -> None:
            url = speech_url(server.ws, "Local.Espeak.en-us")
            sockets = [await open_socket(url, KEY) for _ in range(8)]
            for _ in range(3):
                await first_audio_ms(sockets, "Warming up.")
            for count in (1, 8):
                took = [
                    ms
                    for number in range(rounds)
                    for ms in await first_audio_ms(sockets[:count], f"This is sentence number {number}.")
                ]
                report.add(*spread(f"espeak: text to first audio, {count} at once", took, "ms", 5, 20))
            for socket in sockets:
                await socket.close()
            cached = speech_url(server.ws, "Local.Espeak.en-us").replace("disable_cache=true", "x=1")
            (socket,) = [await open_socket(cached, KEY)]
            hits = [(await first_audio_ms([socket], "The same again."))[0] for _ in range(rounds + 1)][1:]
            report.add(*spread("cache hit to first audio", hits, "ms", 2, None))
            await socket.close()

        asyncio.run(run())


def interruption(report: Report, rounds: int) -> None:
    """``force`` read to last stale frame written, and sent to last stale byte received."""
    with Measured("bench.server") as server:
        text = "x" * 1500 + "."
        for voice in ("Local.Test.paced", "Local.Test.plain", "Local.Espeak.en-us"):
            url = speech_url(server.ws, voice)
            said = "and so on and on " * 200 if "Espeak" in voice else text

            async def run(url: str = url, said: str = said) -> list[float]:
                return [await stale_bytes_ms(url, KEY, said, 0.03 + n % 7 * 0.01) for n in range(rounds)]

            received = asyncio.run(run())
            with urllib.request.urlopen(f"{server.http}/bench/stale") as answer:  # noqa: S310 - our own
                written = json.load(answer)
            report.add(*spread(f"force to last stale frame written, {voice}", written, "ms", None, 20))
            report.add(*spread(f"force to last stale byte received, {voice}", received, "ms", None, 50))


def memory(report: Report, sockets: int) -> None:
    """An idle socket, and a client that stops reading."""
    with Measured("bench.server") as server:

        async def idle() -> float:
            url = speech_url(server.ws, "Local.Test.plain")
            warm = [await open_socket(url, KEY) for _ in range(50)]
            await asyncio.sleep(0.5)
            before = server.memory_kib()
            opened = [await open_socket(url, KEY) for _ in range(sockets)]
            await asyncio.sleep(1.0)
            after = server.memory_kib()
            for socket in (*warm, *opened):
                await socket.close()
            return (after - before) / sockets

        report.add(Row("memory an idle socket", asyncio.run(idle()), "KiB", 40, note=f"n={sockets}"))

    with Measured("bench.server") as server:

        async def stuck(count: int) -> float:
            url = speech_url(server.ws, "Local.Espeak.en-us")
            before = server.memory_kib()
            opened = []
            for _ in range(count):
                socket = await open_socket(url, KEY)
                socket.transport.pause_reading()
                # Far more audio than anything between the two may hold.
                await socket.send(json.dumps({"text": ("and so on " * 40 + ". ") * 40, "flush": True}))
                opened.append(socket)
            await asyncio.sleep(3.0)
            after = server.memory_kib()
            for socket in opened:
                socket.transport.abort()
            return (after - before) / count

        held = asyncio.run(stuck(20))
        # Such a client holds two streams: the sentence it does not read and the one after.
        report.add(Row("memory a stream whose client stopped reading", held / 2, "KiB", 256, note="n=40"))


def start(report: Report, rounds: int) -> None:
    """From the command to ready."""
    took = []
    for _ in range(rounds):
        with Measured("bench.server") as server:
            took.append(server.start_s)
    report.add(Row("start to ready, median", sorted(took)[len(took) // 2], "s", 1.5, note=f"n={rounds}"))


def run(report: Report, *, quick: bool) -> None:
    """All rows of this page."""
    began_s = time.monotonic()
    start(report, 3 if quick else 5)
    espeak_first_audio(report, 20 if quick else 100)
    interruption(report, 10 if quick else 60)
    memory(report, 200 if quick else 1000)
    added_first_audio(report, 5 if quick else 20)
    print(f"  (took {time.monotonic() - began_s:.0f} s)")
