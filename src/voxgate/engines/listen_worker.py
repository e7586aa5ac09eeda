"""Turn speech into text, one segment at a time, over pipes.

A stand-alone program: ``python -I listen_worker.py ENGINE [MODEL]``. ENGINE is ``pocketsphinx`` (English,
its model is in the wheel), ``vosk`` or ``whisper`` (MODEL is a folder of the user's). It imports the engine
and the standard library, and nothing of voxgate. All these engines hold Python's lock while they work,
which is why they are never loaded into the server.

Frames (layout: one byte of kind, request id and payload length as big-endian 32-bit numbers, payload)::

    in   1 JOB     {"do": "listen", "grammar": "#JSGF ..." or null, "mean": "..." or null}
         2 INPUT   s16le mono PCM at 16 kHz; an empty one says that the segment is over
         3 CANCEL
    out 16 READY   {"engine": ...}
        19 DONE    {"text": ..., "cancelled": false, "mean": "..." or null}
        20 FAILED  {"code": "bad_grammar" | "bad_request"}

``mean`` is what the recognizer learned of a caller's sound; given back with that caller's next segment, it
hears better.

The end of standard input means that nobody is listening any more: the program ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
from collections import OrderedDict
from typing import Any, Protocol

JOB, INPUT, CANCEL = 1, 2, 3
READY, DONE, FAILED = 16, 19, 20
HEADER = struct.Struct(">BII")
RATE_HZ = 16_000
MAX_GRAMMARS = 16
LEADS = (0, 200, 400)
"""Samples of silence put before a phrase that was missed, one after the other."""


class Failure(Exception):
    """A job that cannot be done; the worker stays sound."""


class Recognizer(Protocol):
    """An engine, used for one segment after the other."""

    def begin(self, grammar: str | None, mean: str | None) -> None:
        """Begin a segment."""

    def feed(self, pcm: bytes) -> None:
        """Hear more of it."""

    def end(self) -> str:
        """End it and return its text."""

    def mean(self) -> str | None:
        """Return what it learned of the caller's sound."""


class Pocketsphinx:
    """Carnegie Mellon's small recognizer with its English model; the second pass is off for speed."""

    name = "pocketsphinx"

    def __init__(self) -> None:
        import pocketsphinx

        self._decoder = pocketsphinx.Decoder(
            samprate=RATE_HZ,
            loglevel="FATAL",
            bestpath=False,
            fwdflat=False,
            # A muted microphone sends zeros, of which the decoder makes nonsense; a fixed seed repeats.
            dither=True,
            seed=1,
        )
        self._dictation = self._decoder.current_search()
        self._mean = self._decoder.get_cmn(False)
        self._heard: bytearray | None = None
        self._streaming = True
        self._grammars: OrderedDict[str, str] = OrderedDict()
        self._count = 0

    def begin(self, grammar: str | None, mean: str | None) -> None:
        """Begin a segment, of any English words or of a JSGF grammar's phrases.

        The decoder normalizes by the mean of the sound before, which may have been somebody else's. So it
        is set to the caller's own, when that is known; a first segment of a grammar is so short that it is
        heard whole, by its own mean. What it holds for noise goes on from one segment to the next as well,
        until its front end is made anew.
        """
        self._decoder.reinit_feat()
        self._decoder.activate_search(self._dictation if grammar is None else self._search(grammar))
        self._heard = None if grammar is None else bytearray()
        self._streaming = grammar is None or mean is not None
        self._decoder.set_cmn(mean or self._mean)
        self._decoder.start_utt()

    def _search(self, grammar: str) -> str:
        """Return the name of a grammar's search, made the first time it is asked for."""
        if grammar in self._grammars:
            self._grammars.move_to_end(grammar)
            return self._grammars[grammar]
        self._count += 1
        name = f"grammar-{self._count}"
        try:
            self._decoder.add_jsgf_string(name, grammar)
        except (ValueError, RuntimeError) as error:
            raise Failure("bad_grammar") from error
        self._grammars[grammar] = name
        if len(self._grammars) > MAX_GRAMMARS:
            _, oldest = self._grammars.popitem(last=False)
            self._decoder.remove_search(oldest)
        return name

    def feed(self, pcm: bytes) -> None:
        """Hear more of it."""
        if self._streaming:
            self._decoder.process_raw(pcm)
        if self._heard is not None:
            self._heard += pcm

    def end(self) -> str:
        """End it and return its text."""
        text = ""
        if self._streaming:
            text = self._text()
        else:
            self._decoder.end_utt()
        if text or not self._heard:
            return text
        # A grammar's phrase that was missed is often caught at a second hearing, for 20 ms each: as a whole,
        # and then with the windows falling elsewhere.
        for lead in LEADS:
            self._decoder.start_utt()
            self._decoder.process_raw(bytes(2 * lead) + bytes(self._heard), full_utt=True)
            text = self._text()
            if text:
                break
        return text

    def _text(self) -> str:
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis is not None else ""

    def mean(self) -> str | None:
        """Return the caller's cepstral mean."""
        return str(self._decoder.get_cmn(True))


class Vosk:
    """A Vosk model from a folder."""

    name = "vosk"

    def __init__(self, folder: str) -> None:
        import vosk

        vosk.SetLogLevel(-1)
        self._make = vosk.KaldiRecognizer
        self._model = vosk.Model(model_path=folder)

    def begin(self, grammar: str | None, mean: str | None) -> None:
        """Begin a segment; Vosk takes no JSGF, so a grammar is not used."""
        self._recognizer = self._make(self._model, RATE_HZ)

    def feed(self, pcm: bytes) -> None:
        """Hear more of it."""
        self._recognizer.AcceptWaveform(pcm)

    def end(self) -> str:
        """End it and return its text."""
        return str(json.loads(self._recognizer.FinalResult()).get("text", ""))

    def mean(self) -> str | None:
        """Return nothing: Vosk keeps nothing from one segment to the next."""
        return None


class Whisper:
    """A CTranslate2 Whisper model from a folder; it works on whole segments."""

    name = "whisper"

    def __init__(self, folder: str) -> None:
        from faster_whisper import WhisperModel

        # A name that is no folder would be taken for a model to be fetched from a hub.
        self._model = WhisperModel(folder, device="cpu", cpu_threads=1, local_files_only=True)
        self._pcm = bytearray()

    def begin(self, grammar: str | None, mean: str | None) -> None:
        """Begin a segment; Whisper takes no grammar."""
        self._pcm.clear()

    def feed(self, pcm: bytes) -> None:
        """Hear more of it."""
        self._pcm += pcm

    def end(self) -> str:
        """End it and return its text."""
        import numpy

        samples = numpy.frombuffer(bytes(self._pcm), dtype="<i2").astype(numpy.float32) / 32768
        segments, _ = self._model.transcribe(samples, beam_size=1, condition_on_previous_text=False)
        return " ".join(segment.text.strip() for segment in segments)

    def mean(self) -> str | None:
        """Return nothing: Whisper keeps nothing from one segment to the next."""
        return None


class Pipe:
    """The parent: frames come in through a thread, so that a cancel is seen at once."""

    def __init__(self) -> None:
        # The library may print; what it prints must not get among the frames.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self.frames: queue.SimpleQueue[tuple[int, int, bytes]] = queue.SimpleQueue()
        self.cancelled_id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        held = bytearray()
        while data := os.read(0, 65536):
            held += data
            while len(held) >= HEADER.size:
                kind, request_id, length = HEADER.unpack_from(held)
                if len(held) < HEADER.size + length:
                    break
                payload = bytes(held[HEADER.size : HEADER.size + length])
                del held[: HEADER.size + length]
                if kind == CANCEL:
                    self.cancelled_id = request_id
                # A cancel is also the end of what the job waits for.
                self.frames.put((kind, request_id, payload))
        os._exit(0)

    def send_json(self, kind: int, request_id: int, answer: dict[str, Any]) -> None:
        """Write a frame with a JSON object."""
        payload = json.dumps(answer).encode()
        rest = memoryview(HEADER.pack(kind, request_id, len(payload)) + payload)
        while rest:
            rest = rest[os.write(self._out, rest) :]


def listen(recognizer: Recognizer, pipe: Pipe, request_id: int, job: dict[str, Any]) -> dict[str, Any]:
    """Hear one segment to its end."""
    recognizer.begin(job.get("grammar"), job.get("mean"))
    while True:
        kind, of_id, payload = pipe.frames.get()
        if of_id != request_id:
            continue  # left over from a job that was cancelled
        if kind == CANCEL or (kind == INPUT and not payload):
            break
        if kind == INPUT and pipe.cancelled_id != request_id:
            recognizer.feed(payload)
    text = recognizer.end()
    cancelled = pipe.cancelled_id == request_id
    return {"text": "" if cancelled else text.strip(), "cancelled": cancelled, "mean": recognizer.mean()}


def answer(recognizer: Recognizer, pipe: Pipe, request_id: int, payload: bytes) -> dict[str, Any]:
    """Do one job and return what its DONE frame says."""
    try:
        job = json.loads(payload)
        if job["do"] == "listen":
            return listen(recognizer, pipe, request_id, job)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure("bad_request") from error
    raise Failure("bad_request")


def load(engine: str, folder: str) -> Recognizer:
    """Load an engine; a folder that is not there is an error, never a name to look up elsewhere."""
    if engine == "pocketsphinx":
        return Pocketsphinx()
    if not os.path.isdir(folder):
        raise OSError(f"no such folder: {folder}")
    return Vosk(folder) if engine == "vosk" else Whisper(folder)


def main() -> None:
    """Answer jobs until standard input ends."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before anything may load onnxruntime, which else reports
    os.environ["HF_HUB_OFFLINE"] = "1"
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    pipe = Pipe()
    engine = sys.argv[1]
    try:
        recognizer = load(engine, sys.argv[2] if len(sys.argv) > 2 else "")
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        pipe.send_json(FAILED, 0, {"code": "engine", "reason": repr(error)})
        return
    pipe.send_json(READY, 0, {"engine": engine})
    while True:
        kind, request_id, payload = pipe.frames.get()
        if kind != JOB:
            continue
        try:
            pipe.send_json(DONE, request_id, answer(recognizer, pipe, request_id, payload))
        except Failure as failure:
            pipe.send_json(FAILED, request_id, {"code": str(failure)})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
