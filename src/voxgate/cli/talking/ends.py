"""The caller's end of a line: where the microphone audio comes from, and where the agent's voice goes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from voxgate.audio.resample import Resampler
from voxgate.audio.wav_reader import WavReader
from voxgate.client.workbuddy import FRAME_BYTES, FRAME_S, RATE_HZ
from voxgate.clock import Clock
from voxgate.errors import InvalidRequest

_READ_BYTES = 1 << 20


class End(Protocol):
    """Speaks and listens: s16le mono PCM, 16,000 Hz."""

    @property
    def done(self) -> bool:
        """Whether all was said; somebody at a microphone never is done."""
        ...

    def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield what the microphone hears, 20 ms each, at real time, silence included; does not end."""
        ...

    def begin(self) -> None:
        """It is the caller's turn, for the first time."""
        ...

    def play(self, pcm: bytes) -> None:
        """Let the agent be heard."""
        ...

    def hush(self) -> None:
        """Forget what was not heard yet."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Recorded:
    """Is silent, speaks from a recording once it is its turn, and is silent again.

    Args:
        pcm: what is said.
        clock: to speak by.
    """

    def __init__(self, pcm: bytes, clock: Clock) -> None:
        self.done = False
        self._pcm = memoryview(pcm)
        self._clock = clock
        self._begun = False

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the recording, with silence before and after it."""
        began_s, sent = self._clock.now_s(), 0
        while True:
            frame = b""
            if self._begun:
                frame, self._pcm = bytes(self._pcm[:FRAME_BYTES]), self._pcm[FRAME_BYTES:]
            yield frame.ljust(FRAME_BYTES, b"\0")
            sent += 1
            self.done = not self._pcm
            # Counted from the beginning, or each wait that ends late would add up.
            await self._clock.sleep(max(0.0, began_s + sent * FRAME_S - self._clock.now_s()))

    def begin(self) -> None:
        """Begin to speak, with the next frame."""
        self._begun = True

    def play(self, pcm: bytes) -> None:
        """Nobody listens."""

    def hush(self) -> None:
        """Likewise."""

    def close(self) -> None:
        """Likewise."""


def read_wav(path: Path) -> bytes:
    """Read a WAV file, and bring it to what agents hear: s16le mono PCM, 16,000 Hz.

    Raises:
        InvalidRequest: it cannot be read, is no WAV file, or has no sound in it.
    """
    reader = WavReader()
    resampler: Resampler | None = None
    pieces = []
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                pcm = reader.feed(data)
                if pcm:
                    resampler = resampler or Resampler(reader.rate_hz, RATE_HZ)
                    pieces.append(resampler.feed(pcm))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", field="recording") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error.message}", field="recording") from None
    if resampler is None:
        raise InvalidRequest(f"{path} is no WAV file, or has no sound in it", field="recording")
    return b"".join([*pieces, resampler.flush()])
