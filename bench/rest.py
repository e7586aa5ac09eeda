"""Rows about speech over plain HTTP, and about encoders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import aiohttp
import numpy as np

from bench.load import first_audio_ms, open_socket, speech_url
from bench.process import KEY, Measured
from bench.report import Report, Row, spread
from voxgate.audio.encoder import open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.scripted import CHARACTER_MS

HEADERS = {"Authorization": f"Bearer {KEY}"}
ONE_SECOND = "x" * (1000 // CHARACTER_MS - 1) + "."


async def _post(session: aiohttp.ClientSession, body: Mapping[str, object]) -> tuple[float, int]:
    """Ask for speech; return milliseconds to the first byte, and how many bytes came."""
    began_s = time.monotonic()
    async with session.post("/v1/audio/speech", json={"model": "tts-1", **body}) as response:
        assert response.status == 200, await response.text()
        first = await response.content.readany()
        first_ms = (time.monotonic() - began_s) * 1000
        return first_ms, len(first) + len(await response.read())


def first_byte(report: Report, rounds: int) -> None:
    """REST first byte beside WebSocket first frame, espeak."""
    with Measured("bench.server") as server:

        async def run() -> tuple[list[float], list[float]]:
            async with aiohttp.ClientSession(server.http, headers=HEADERS) as session:
                rest = []
                for number in range(rounds + 5):
                    text = f"This is sentence number {number}."
                    body = {"voice": "Local.Espeak.en-us", "input": text, "response_format": "pcm"}
                    rest.append((await _post(session, body))[0])
            socket = await open_socket(speech_url(server.ws, "Local.Espeak.en-us"), KEY)
            frames = [
                (await first_audio_ms([socket], f"This is sentence number {number}."))[0]
                for number in range(rounds + 5)
            ]
            await socket.close()
            return rest[5:], frames[5:]

        rest, frames = asyncio.run(run())
    report.add(*spread("REST: request to first byte, espeak, PCM", rest, "ms", None, None))
    report.add(*spread("WebSocket: text to first frame, espeak, PCM", frames, "ms", None, None))


def throughput(report: Report, requests: int) -> None:
    """Clips of one second a second, sixteen clients at once, on one core."""
    with Measured("bench.server", core=0) as server:
        for response_format in ("pcm", "mp3", "opus"):

            async def run(response_format: str = response_format) -> float:
                async with aiohttp.ClientSession(server.http, headers=HEADERS) as session:
                    todo = iter(range(requests))

                    async def client() -> None:
                        for number in todo:
                            text = f"{number:04d}{ONE_SECOND[4:]}"
                            body = {
                                "voice": "Local.Test.plain",
                                "input": text,
                                "response_format": response_format,
                            }
                            await _post(session, body)

                    began_s = time.monotonic()
                    await asyncio.gather(*(client() for _ in range(16)))
                    return requests / (time.monotonic() - began_s)

            rate = asyncio.run(run())
            report.add(Row(f"REST: clips of 1 s, {response_format}", rate, "a second", note=f"n={requests}"))


ENCODERS = (
    AudioFormat(Codec.PCM_S16LE, 24_000),
    AudioFormat(Codec.MULAW, 8000),
    AudioFormat(Codec.MP3, 24_000),
    AudioFormat(Codec.OPUS, 24_000, Container.OGG),
    AudioFormat(Codec.VORBIS, 24_000, Container.OGG),
    AudioFormat(Codec.FLAC, 24_000, Container.FLAC),
    AudioFormat(Codec.AAC, 24_000, Container.ADTS),
)


def encoders(report: Report) -> None:
    """Cost of each codec for a second of audio from espeak's rate, in pieces of 100 ms; best of five."""
    seconds, source_hz = 20, 22_050
    at = np.arange(seconds * source_hz) / source_hz
    voice = sum(np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 15))
    pcm = (3000 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at))).astype("<i2").tobytes()
    for target in ENCODERS:
        best_s = float("inf")
        for _ in range(5):
            encoder, began_s = open_encoder(target, source_hz), time.process_time()
            for begin in range(0, len(pcm), source_hz // 5):
                encoder.feed(pcm[begin : begin + source_hz // 5])
            encoder.finish()
            best_s = min(best_s, time.process_time() - began_s)
        name = f"encoding to {target.codec} at {target.rate_hz} Hz"
        report.add(Row(f"{name}, a second of audio", best_s / seconds * 1000, "ms"))


def run(report: Report, *, quick: bool) -> None:
    """All rows of this page."""
    first_byte(report, 30 if quick else 200)
    throughput(report, 200 if quick else 1000)
    encoders(report)
