"""A microphone and loudspeakers, through the package sounddevice and the system's PortAudio.

Nobody cancels the echo: without headphones the agent may hear itself, and take it for the caller.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from voxgate.client.workbuddy import FRAME_BYTES, RATE_HZ
from voxgate.errors import ConfigurationError

WAITING_FRAMES = 50
"""Of the microphone that may wait to be sent, a second; of more the oldest are dropped."""
MAX_AHEAD_BYTES = RATE_HZ * 2 * 30
"""Of the agent's voice that may wait to be heard, half a minute; it comes at most 60 ms ahead."""


class SoundCard:
    """An `End` at which somebody sits.

    Raises:
        ConfigurationError: sounddevice or PortAudio is missing, or there is no microphone or loudspeaker.
    """

    done = False

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError:
            raise ConfigurationError(
                "--microphone needs the package sounddevice; install it with: pip install 'voxgate[play]'"
            ) from None
        except OSError:
            raise ConfigurationError(
                "--microphone needs PortAudio; on Debian or Ubuntu: apt-get install libportaudio2"
            ) from None
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(WAITING_FRAMES)
        self._ahead = bytearray()
        self._lock = threading.Lock()
        try:
            self._stream = sounddevice.RawStream(
                samplerate=RATE_HZ,
                channels=1,
                dtype="int16",
                blocksize=FRAME_BYTES // 2,
                callback=self._exchange,
            )
            self._stream.start()
        except sounddevice.PortAudioError:
            raise ConfigurationError(
                "--microphone found no sound device that records and plays at 16,000 Hz"
            ) from None

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield what the microphone hears."""
        while True:
            yield await self._frames.get()

    def begin(self) -> None:
        """Whoever sits there speaks when they like."""

    def play(self, pcm: bytes) -> None:
        """Play after what waits to be played."""
        with self._lock:
            self._ahead += pcm
            del self._ahead[:-MAX_AHEAD_BYTES]

    def hush(self) -> None:
        """Be silent at once."""
        with self._lock:
            self._ahead.clear()

    def close(self) -> None:
        """Let go of the device."""
        self._stream.abort()
        self._stream.close()

    def _exchange(self, recorded: Any, played: Any, frames: int, time: Any, status: Any) -> None:
        """Called by PortAudio, in a thread of its own, for each 20 ms."""
        with self._lock:
            sound = bytes(self._ahead[: len(played)])
            del self._ahead[: len(played)]
        played[:] = sound.ljust(len(played), b"\0")
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._keep, bytes(recorded))

    def _keep(self, frame: bytes) -> None:
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)
