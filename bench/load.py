"""Clients: they speak the wire and note what arrived when."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import orjson
import pybase64
from websockets.asyncio.client import ClientConnection, connect

from bench.voice import CHUNK_MS, RATE_HZ, stamp_of
from voxgate.testing.scripted import CHARACTER_MS

PREBUFFER_MS = 60
"""What a player holds back before it begins to play."""


@dataclass
class Heard:
    """What all streams of a run heard."""

    first_added_ms: list[float] = field(default_factory=list)
    underruns: int = 0
    chunks: int = 0


@dataclass(frozen=True)
class Talk:
    """How a client talks: sentences of so many seconds, one begun every so many."""

    sentence_s: float = 2.0
    every_s: float = 2.5

    @property
    def text(self) -> str:
        return "x" * (round(self.sentence_s * 1000) // CHARACTER_MS - 1) + "."


def speech_url(base: str, voice: str, **query: str | int) -> str:
    """The address of a Telnyx-style socket for raw PCM."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    return (
        f"{base}/v2/text-to-speech/speech?voice={voice}&audio_format=linear16&sample_rate={RATE_HZ}"
        f"&disable_cache=true{extra}"
    )


async def open_socket(url: str, key: str) -> ClientConnection:
    """Connect and send the first frame."""
    socket = await connect(
        url,
        additional_headers={"Authorization": f"Bearer {key}"},
        compression=None,
        max_size=None,
        ping_interval=None,
    )
    await socket.send('{"text":" "}')
    return socket


def pcm_of(message: str | bytes) -> bytes:
    """The PCM of a frame, empty if it has none."""
    audio = orjson.loads(message).get("audio")
    return pybase64.b64decode(audio, validate=True) if audio else b""


async def real_time_stream(url: str, key: str, seconds: float, talk: Talk, heard: Heard) -> None:
    """Say a sentence at fixed times, whether or not the last one came through (open loop)."""
    socket = await open_socket(url, key)
    frame = orjson.dumps({"text": talk.text, "flush": True}).decode()

    async def say() -> None:
        end_s = time.monotonic() + seconds
        next_s = time.monotonic() + random.random() * talk.every_s
        while next_s < end_s:
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            await socket.send(frame)
            next_s += talk.every_s
        await asyncio.sleep(talk.every_s)
        await socket.send('{"text":""}')

    saying = asyncio.create_task(say())
    playing_since_ms = played = 0.0
    async for message in socket:
        pcm = pcm_of(message)
        if not pcm:
            continue
        now_ms = time.monotonic_ns() / 1e6
        heard.chunks += 1
        if "timeToFirstAudioFrameMs" in str(message[-200:]):
            heard.first_added_ms.append(now_ms - stamp_of(pcm) / 1e6)
            playing_since_ms, played = now_ms + PREBUFFER_MS, 0
        elif now_ms > playing_since_ms + played * CHUNK_MS:
            heard.underruns += 1
        played += 1
    await saying


async def many_streams(base: str, key: str, count: int, seconds: float, talk: Talk) -> Heard:
    """Run ``count`` real-time streams at once."""
    heard, url = Heard(), speech_url(base, "Local.Test.paced")
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(real_time_stream(url, key, seconds, talk, heard))
    return heard


async def first_audio_ms(sockets: list[ClientConnection], text: str) -> list[float]:
    """Say ``text`` on all sockets at once; how long each took from its frame to its first audio.

    What comes after is read when all have heard something, or this process's own work would be measured.
    """
    all_heard = asyncio.Barrier(len(sockets))

    async def one(socket: ClientConnection) -> float:
        began_s = time.monotonic()
        await socket.send(orjson.dumps({"text": text, "flush": True}).decode())
        while not pcm_of(await socket.recv()):
            pass
        took_ms = (time.monotonic() - began_s) * 1000
        await all_heard.wait()
        while orjson.loads(await socket.recv()).get("text") is None:
            pass
        return took_ms

    return list(await asyncio.gather(*(one(socket) for socket in sockets)))


async def stale_bytes_ms(url: str, key: str, text: str, after_s: float) -> float:
    """Interrupt a running sentence; how long after it the last of its audio arrived."""
    socket = await open_socket(url, key)
    await socket.send(orjson.dumps({"text": text, "flush": True}).decode())
    last_s = 0.0

    async def listen() -> None:
        nonlocal last_s
        async for message in socket:
            if pcm_of(message):
                last_s = time.monotonic()

    listening = asyncio.create_task(listen())
    await asyncio.sleep(after_s)
    forced_s = time.monotonic()
    await socket.send('{"force":true}')
    await asyncio.sleep(0.3)
    await socket.send('{"text":" "}')  # tells the probe that this interruption is over
    await socket.close()
    await listening
    return max(0.0, (last_s - forced_s) * 1000)
