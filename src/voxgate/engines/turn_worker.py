"""Judge by its sound whether a caller has finished, with an ONNX model of the user's, over pipes.

A stand-alone program: ``python -I turn_worker.py MODEL``. It imports onnxruntime, numpy and the standard
library, and nothing of voxgate.

The model has one float input, which is filled with the last seconds of what the caller said, silence before
it if it is shorter: either samples between -1 and 1 at 16 kHz, of shape (1, N), or Whisper's log-mel
features, of shape (1, 80, T) with 10 ms a frame. An open N or T means eight seconds. Its first output is a
probability, or a logit, that the turn is over.

Frames (layout: one byte of kind, request id and payload length as big-endian 32-bit numbers, payload)::

    in   1 JOB     {"do": "judge"}
         2 INPUT   s16le mono PCM at 16 kHz, all of it
         3 CANCEL
    out 16 READY   {"engine": "turn"}
        19 DONE    {"finished": 0.0 to 1.0}
        20 FAILED  {"code": "engine"}

The end of standard input means that nobody is listening any more: the program ends at once.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import struct
import sys
import threading
from typing import Any

JOB, INPUT, CANCEL = 1, 2, 3
READY, DONE, FAILED = 16, 19, 20
HEADER = struct.Struct(">BII")
RATE_HZ, OPEN_S = 16_000, 8
MELS, WINDOW, HOP = 80, 400, 160


class Model:
    """The user's model."""

    def __init__(self, path: str) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: it reports to its maker otherwise
        import numpy
        import onnxruntime

        self._numpy: Any = numpy
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (wanted,) = self._session.get_inputs()
        shape = wanted.shape
        if (
            wanted.type != "tensor(float)"
            or len(shape) not in (2, 3)
            or (len(shape) == 3 and shape[1] != MELS)
        ):
            raise ValueError(f"the model wants {wanted.type} of shape {shape}")
        self._name, self._features = wanted.name, len(shape) == 3
        open_length = OPEN_S * RATE_HZ // (HOP if self._features else 1)
        self._length = shape[-1] if isinstance(shape[-1], int) else open_length

    def finished(self, pcm: bytes) -> float:
        """Return how likely the turn is over."""
        np = self._numpy
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        count = self._length * (HOP if self._features else 1)
        samples = np.pad(samples[-count:], (max(0, count - len(samples)), 0))
        given = self._log_mel(samples) if self._features else samples
        (answer, *_) = self._session.run(None, {self._name: given[None].astype(np.float32)})
        value = float(np.ravel(answer)[-1])
        return value if 0 <= value <= 1 else 1 / (1 + math.exp(-value))

    def _log_mel(self, samples: Any) -> Any:
        """Whisper's features: mel bands of a short-time spectrum, logarithmic, scaled (shape (80, T))."""
        np = self._numpy
        padded = np.pad(samples, WINDOW // 2, mode="reflect")
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: self._length]
        power = np.abs(np.fft.rfft(frames * hann)) ** 2
        logs = np.log10(np.maximum(mel_bands(np) @ power.T, 1e-10))
        return (np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0


def mel_bands(np: Any) -> Any:
    """Triangular bands, even on Slaney's mel scale up to 8 kHz, each of unit area (shape (80, 201))."""

    def to_hz(mel: Any) -> Any:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * math.log(6.4) / 27))

    top = 15 + 27 * math.log(8) / math.log(6.4)
    edges = to_hz(np.linspace(0, top, MELS + 2))
    bins = np.linspace(0, RATE_HZ / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


class Pipe:
    """The parent: frames come in through a thread, which notices when it is gone."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)  # what a library prints must not get among the frames
        self.frames: queue.SimpleQueue[tuple[int, int, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        held = bytearray()
        while data := os.read(0, 65536):
            held += data
            while len(held) >= HEADER.size:
                kind, request_id, length = HEADER.unpack_from(held)
                if len(held) < HEADER.size + length:
                    break
                self.frames.put((kind, request_id, bytes(held[HEADER.size : HEADER.size + length])))
                del held[: HEADER.size + length]
        os._exit(0)

    def send_json(self, kind: int, request_id: int, answer: dict[str, Any]) -> None:
        """Write a frame with a JSON object."""
        payload = json.dumps(answer).encode()
        os.write(self._out, HEADER.pack(kind, request_id, len(payload)) + payload)


def main() -> None:
    """Judge until standard input ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    pipe = Pipe()
    try:
        model = Model(sys.argv[1])
        model.finished(b"")  # the first run is slow, and shows whether it runs at all
    except Exception as error:  # whatever a stranger's file makes the library raise
        pipe.send_json(FAILED, 0, {"code": "engine", "reason": repr(error)[:500]})
        return
    pipe.send_json(READY, 0, {"engine": "turn"})
    while True:
        kind, request_id, payload = pipe.frames.get()
        if kind == CANCEL:
            pipe.send_json(DONE, request_id, {"finished": 0.0})
        elif kind == INPUT:
            pipe.send_json(DONE, request_id, {"finished": model.finished(payload)})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
