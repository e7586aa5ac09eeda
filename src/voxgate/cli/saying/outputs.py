"""Where the audio goes: a file, standard output, loudspeakers. Each takes s16le mono PCM at its own rate."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from voxgate.audio import flac, wav
from voxgate.audio.encoder import open_encoder
from voxgate.audio.format import BYTES_PER_SAMPLE, AudioFormat, Container
from voxgate.cli.saying.taker import Taker
from voxgate.errors import ConfigurationError, InvalidRequest

PIPE_PIECES = 64
"""Pieces that may wait for whoever reads standard output; then the voice waits."""
PLAYED_PIECE_MS = 100
PLAYED_PIECES = 600
"""Pieces, together a minute of audio, that may wait to be played; then the voice waits."""

_FLAC_HEADER_BYTES = 42  # the magic word and STREAMINFO (source: RFC 9639, section 8)
_SILENCE_S = 1.0
"""For a piece that is being played to end."""


class Output(Protocol):
    """Takes audio."""

    async def write(self, pcm: bytes) -> None:
        """Take the next audio, waiting for room.

        Raises:
            VoxgateError: it cannot be taken.
            BrokenPipeError: whoever read it has gone.
        """
        ...

    async def finish(self) -> None:
        """There is no more: wait until all has arrived. Raises as `write` does."""
        ...

    def close(self) -> None:
        """Let go at once, finished or not. A file keeps what it has, as a whole file."""
        ...


class FileOutput:
    """A file; made when there is something to write, in the place of one of that name.

    Args:
        path: of the file.
        target: what it is to hold.
    """

    def __init__(self, path: Path, target: AudioFormat) -> None:
        self._path = path
        self._target = target
        self._encoder = open_encoder(target, target.rate_hz)
        self._samples = 0
        self._file: BinaryIO | None = None

    async def write(self, pcm: bytes) -> None:
        """Encode and write."""
        if not pcm:
            return
        self._samples += len(pcm) // BYTES_PER_SAMPLE
        try:
            if self._file is None:
                self._file = self._path.open("wb+")
            self._file.write(self._encoder.feed(pcm))
        except OSError as error:
            file, self._file = self._file, None
            with suppress(OSError):
                if file is not None:
                    file.close()
            raise self._refused(error) from None

    async def finish(self) -> None:
        """Complete the file."""
        self.close()

    def close(self) -> None:
        """Complete the file: write what the encoder holds, and the lengths in the header."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with file:
                file.write(self._encoder.finish())
                if file.seekable():
                    self._complete_header(file)
        except OSError as error:
            raise self._refused(error) from None

    def _complete_header(self, file: BinaryIO) -> None:
        match self._target.container:
            case Container.WAV:
                data_bytes = file.tell() - wav.HEADER_BYTES
                bits = 8 * data_bytes // self._samples
                header = wav.header(self._target.rate_hz, bits, data_bytes)
            case Container.FLAC:
                file.seek(0)
                header = flac.with_exact_length(file.read(_FLAC_HEADER_BYTES), self._samples)
            case _:
                return
        file.seek(0)
        file.write(header)

    def _refused(self, error: OSError) -> InvalidRequest:
        return InvalidRequest(f"{self._path} cannot be written: {error.strerror}", field="output")


class PipeOutput:
    """Standard output.

    Args:
        target: what it is to get.
    """

    def __init__(self, target: AudioFormat) -> None:
        if sys.stdout.isatty():
            raise InvalidRequest(
                "Standard output is a terminal: send it on (… -o - | aplay) or name a file", field="output"
            )
        self._encoder = open_encoder(target, target.rate_hz)
        self._taker = Taker(_write_all, PIPE_PIECES)

    async def write(self, pcm: bytes) -> None:
        """Encode and write."""
        await self._taker.put(self._encoder.feed(pcm))

    async def finish(self) -> None:
        """Wait until the reader has all of it."""
        await self._taker.put(self._encoder.finish())
        await self._taker.finish()

    def close(self) -> None:
        """Write no more."""
        self._taker.stop()


class Loudspeakers:
    """Plays; needs the package sounddevice and the system's PortAudio.

    Args:
        rate_hz: of the audio.

    Raises:
        ConfigurationError: either is missing, or there is nothing to play on.
    """

    def __init__(self, rate_hz: int) -> None:
        try:
            import sounddevice
        except ImportError:
            raise ConfigurationError(
                "--play needs the package sounddevice; install it with: pip install 'voxgate[play]'"
            ) from None
        except OSError:
            raise ConfigurationError(
                "--play needs PortAudio; on Debian or Ubuntu: apt-get install libportaudio2"
            ) from None
        try:
            self._stream = sounddevice.RawOutputStream(samplerate=rate_hz, channels=1, dtype="int16")
            self._stream.start()
        except sounddevice.PortAudioError:
            raise ConfigurationError("--play found no sound device that plays at this rate") from None
        self._failure: type[Exception] = sounddevice.PortAudioError
        self._piece_bytes = rate_hz * PLAYED_PIECE_MS // 1000 * BYTES_PER_SAMPLE
        self._taker = Taker(self._stream.write, PLAYED_PIECES, failures=(self._failure,))

    async def write(self, pcm: bytes) -> None:
        """Play, after what waits to be played."""
        with self._explained():
            for begin in range(0, len(pcm), self._piece_bytes):
                await self._taker.put(pcm[begin : begin + self._piece_bytes])

    async def finish(self) -> None:
        """Wait until all of it was heard."""
        with self._explained():
            await self._taker.finish()
            self._stream.stop()

    def close(self) -> None:
        """Be silent at once."""
        if self._taker.stop(_SILENCE_S):  # else the thread is stuck in the stream, which must be left alone
            self._stream.abort()
            self._stream.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._failure:
            raise ConfigurationError("--play: the sound device does not play any more") from None


def _write_all(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
