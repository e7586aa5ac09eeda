"""Frames that a customer has not read yet, in a file without a name instead of in memory.

For workers that are wanted elsewhere: what a slow customer is owed waits here, and the worker is free.
"""

from __future__ import annotations

import os
import tempfile

from voxgate.engines.pipe import HEADER, Frame, encode_frame

MOST_BYTES = 4 * 1024 * 1024
"""Of one job: a minute and a half at 22,050 Hz. What is longer goes on being made as it is read."""


class Overflow:
    """A queue of one job's frames on disk. The file is gone when it is closed, or the process ends.

    Raises:
        OSError: there can be no file, when made; the disk is full, from `put`.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)
        self._written = self._read = 0

    @property
    def unread_bytes(self) -> int:
        """Bytes of frames that were put and not taken."""
        return self._written - self._read

    def put(self, frame: Frame) -> None:
        """Add a frame behind the others."""
        data = encode_frame(*frame)
        while data:
            count = os.pwrite(self._file.fileno(), data, self._written)
            self._written += count
            data = data[count:]

    def take(self) -> Frame | None:
        """Take the first frame out, or None when there is none."""
        if not self.unread_bytes:
            return None
        head = os.pread(self._file.fileno(), HEADER.size, self._read)
        kind, request_id, length = HEADER.unpack(head)
        payload = os.pread(self._file.fileno(), length, self._read + HEADER.size)
        self._read += HEADER.size + length
        return Frame(kind, request_id, payload)

    def close(self) -> None:
        """Drop what is left."""
        self._file.close()
        self._read = self._written
