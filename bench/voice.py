"""A voice whose audio carries the time at which it was made.

Both processes read the same monotonic clock, so the difference between a chunk's stamp and its arrival is
exactly what the gateway, the network stack and the client added.
"""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncGenerator

from voxgate.clock import Clock
from voxgate.providers.contract import Abort, AudioChunk, CancelSupport, Capabilities, Provider
from voxgate.speech.utterance import Utterance
from voxgate.testing.scripted import CHARACTER_MS

RATE_HZ = 24_000
CHUNK_MS = 20
_STAMP = struct.Struct("<q")
_SILENCE = bytes(RATE_HZ * CHUNK_MS // 1000 * 2 - _STAMP.size)


def stamped_chunk() -> bytes:
    """Make 20 ms of PCM that begins with the monotonic time in nanoseconds."""
    return _STAMP.pack(time.monotonic_ns()) + _SILENCE


def stamp_of(pcm: bytes) -> int:
    """Read the time back."""
    stamp: int = _STAMP.unpack_from(pcm)[0]
    return stamp


class StampedVoice(Provider):
    """``Local.Test.paced`` speaks in real time, ``Local.Test.plain`` as fast as it is taken."""

    name = "Local.Test"
    capabilities = Capabilities(cancel=CancelSupport.HARD)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        began_s = self._clock.now_s()
        paced = utterance.voice.voice_id == "paced"
        for number in range(max(1, len(utterance.text) * CHARACTER_MS // CHUNK_MS)):
            if paced and (wait_s := began_s + number * CHUNK_MS / 1000 - self._clock.now_s()) > 0:
                await self._clock.sleep(wait_s)
            yield AudioChunk(stamped_chunk(), RATE_HZ)
