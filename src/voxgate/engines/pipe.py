"""The wire between the server and a worker program.

Both directions of a worker's pipes carry frames::

    1 byte   kind
    4 bytes  request id, big-endian, unsigned
    4 bytes  length of the payload, big-endian, unsigned
    n bytes  payload

To the worker go `FrameKind.JOB`, `FrameKind.INPUT` and `FrameKind.CANCEL`. A worker says `FrameKind.READY`
once, under request id 0 (or `FrameKind.FAILED` with a ``reason``, when its engine cannot be loaded). It then
answers each job with any number of `FrameKind.AUDIO` and `FrameKind.EVENT` frames and ends it with exactly
one `FrameKind.DONE` or `FrameKind.FAILED`, a cancelled one too: that frame says that the worker is free
again. One job runs at a time.

Worker programs import nothing of voxgate and so hold a copy of the header's layout.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from voxgate.errors import EngineCrashed

MAX_PAYLOAD_BYTES = 1 << 20
"""A longer payload means that the two sides have lost step; 100,000 characters of text fit."""

HEADER = struct.Struct(">BII")


class FrameKind(IntEnum):
    """What a frame is."""

    JOB = 1
    """To the worker: a JSON object, the work to do."""
    INPUT = 2
    """To the worker: more input of a running job, in a form of the worker's own."""
    CANCEL = 3
    """To the worker: stop this job. For one that is over it means nothing."""
    READY = 16
    """From the worker: a JSON object about itself."""
    AUDIO = 17
    """From the worker: whole samples of s16le mono PCM."""
    EVENT = 18
    """From the worker: a JSON object."""
    DONE = 19
    """From the worker: a JSON object; the job is over and the worker free."""
    FAILED = 20
    """From the worker: a JSON object with ``code``; the job was refused and the worker is free."""


ENDINGS = frozenset({FrameKind.DONE, FrameKind.FAILED})
"""The frames that end a job."""


class Frame(NamedTuple):
    """One frame.

    Attributes:
        kind: see `FrameKind`; a number that is none of them is the receiver's to ignore.
        request_id: the job it belongs to, 0 for none.
        payload: as the kind says.
    """

    kind: int
    request_id: int
    payload: bytes = b""


def encode_frame(kind: int, request_id: int, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame; raises `ValueError` for a payload over `MAX_PAYLOAD_BYTES`."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(payload)} bytes does not fit into a frame")
    return HEADER.pack(kind, request_id, len(payload)) + payload


class FrameParser:
    """Cuts a stream of bytes, however sliced, into frames. Holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that ``data`` completes; raises `EngineCrashed` when it cannot be a frame."""
        held = self._held
        held += data
        frames: list[Frame] = []
        start = 0
        while len(held) - start >= HEADER.size:
            kind, request_id, length = HEADER.unpack_from(held, start)
            if length > MAX_PAYLOAD_BYTES:
                raise EngineCrashed("A worker sent bytes that are not a frame")
            end = start + HEADER.size + length
            if len(held) < end:
                break
            frames.append(Frame(kind, request_id, bytes(held[start + HEADER.size : end])))
            start = end
        del held[:start]
        return frames
