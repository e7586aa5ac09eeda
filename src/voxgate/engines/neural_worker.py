"""Speak text with a neural voice of the user's, one utterance at a time, over pipes.

A stand-alone program: ``python -I neural_worker.py ENGINE OPTIONS``. ENGINE is ``piper``, ``kokoro`` or
``sherpa``, OPTIONS a JSON object with the paths of the model's files and ``threads``. It imports that engine
and the standard library, and nothing of voxgate, which starts it as a separate process and talks to it only
through its standard input and output. Piper is licensed GPL-3.0-or-later, and Kokoro's package loads
libespeak-ng, which is so too; this file's own licence, Apache-2.0, is compatible with that.

Frames (layout: one byte of kind, request id and payload length as big-endian 32-bit numbers, payload)::

    in   1 JOB     {"pieces": ["text", ...], "speed": 1.0, "speaker": null, "language": "en-us"}
    in   3 CANCEL
    out 16 READY   {"engine": "piper", "rate_hz": 22050, "speakers": ["name", ...]}
    out 17 AUDIO   s16le mono PCM, at most 100 ms
    out 19 DONE    {"cancelled": ..., "samples": ..., "rate_hz": ...}
    out 20 FAILED  {"code": "unknown_voice" | "engine"}; under request id 0, instead of READY, with a
                   "reason": the model cannot be loaded

A cancel is seen between two pieces, and between two sentences of one where the engine says when one is done.
Of Piper and Kokoro it also ends a running model, at the next of its steps. sherpa-onnx cannot be stopped in
the middle of a sentence; then, or when a step takes long, the parent ends this process and starts another.

No engine is to look anything up: what it needs is on the disk, or it fails.

The end of standard input means that nobody is listening any more: the program ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import metadata
from typing import Any

JOB, CANCEL = 1, 3
READY, AUDIO, DONE, FAILED = 16, 17, 19, 20
HEADER = struct.Struct(">BII")
FRAME_MS = 100
MODULES = {"piper": "piper", "kokoro": "kokoro_onnx", "sherpa": "sherpa_onnx"}
LOOK_UPS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
PAUSES_S = {".": 0.25, "!": 0.25, "?": 0.25, "…": 0.25, ",": 0.1, ";": 0.1, ":": 0.1}
"""Behind a piece of Kokoro's, by its last character: its package trims the silence that the model made, and
puts these between pieces of its own cutting."""


class Failure(Exception):
    """A job that cannot be done; the worker stays sound."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Pipe:
    """The parent: jobs come in through a thread, frames go out and block when the parent does not read."""

    def __init__(self) -> None:
        # The engines print; what they print must not get among the frames.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self.jobs: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self.request_id = 0
        self.running: Any = None
        self._cancelled_id = -1
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def cancelled(self) -> bool:
        """Whether the parent has taken the job back."""
        return self._cancelled_id == self.request_id

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
                if kind == JOB:
                    self.jobs.put((request_id, payload))
                elif kind == CANCEL:
                    self._cancel(request_id)
        os._exit(0)

    def _cancel(self, request_id: int) -> None:
        self._cancelled_id = request_id
        running = self.running
        if running is not None and self.cancelled:
            running.terminate = True

    def send(self, kind: int, request_id: int, payload: bytes) -> None:
        """Write a frame."""
        rest = memoryview(HEADER.pack(kind, request_id, len(payload)) + payload)
        while rest:
            rest = rest[os.write(self._out, rest) :]

    def tell(self, kind: int, request_id: int, answer: dict[str, Any]) -> None:
        """Write a frame with a JSON object."""
        self.send(kind, request_id, json.dumps(answer).encode())


class Session:
    """An ONNX model, on a given number of threads: left alone, the runtime takes every core.

    The packages take it for a session of the runtime's own; a run of it ends when the parent cancels.
    """

    def __init__(self, path: str, threads: int, pipe: Pipe) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._options = onnxruntime.RunOptions
        self._pipe = pipe

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Any, inputs: Any) -> Any:
        """Run the model."""
        self._pipe.running = options = self._options()
        try:
            if self._pipe.cancelled:  # looked at once more, now that a cancel finds what to end
                raise Failure("cancelled")
            return self._session.run(names, inputs, options)
        finally:
            self._pipe.running = None


def to_pcm(samples: Any) -> bytes:
    """Bring samples between -1 and 1 to s16le."""
    import numpy

    clean = numpy.nan_to_num(numpy.asarray(samples, dtype=numpy.float32).ravel())
    clipped = numpy.clip(clean, -1.0, 1.0)
    pcm: bytes = (clipped * 32767).round().astype("<i2").tobytes()
    return pcm


class Piper:
    """Piper voices: an ONNX file and its JSON."""

    def __init__(self, options: dict[str, Any], pipe: Pipe) -> None:
        from piper import PiperVoice
        from piper.config import PiperConfig, SynthesisConfig

        with open(options.get("config") or f"{options['model']}.json", encoding="utf-8") as file:
            config = PiperConfig.from_dict(json.load(file))
        self._settings = SynthesisConfig
        self._voice = PiperVoice(config=config, session=Session(options["model"], options["threads"], pipe))
        self._names: dict[str, int] = dict(config.speaker_id_map or {})
        self._count = config.num_speakers
        self._length_scale = config.length_scale
        self.rate_hz = config.sample_rate
        self.speakers = list(self._names) or [str(number) for number in range(self._count)]

    def speak(self, text: str, speed: float, speaker: str | None, language: str) -> Iterator[bytes]:
        """Speak a piece; yields at sentence ends."""
        settings = self._settings(
            speaker_id=None if speaker is None else self._speaker(speaker),
            length_scale=self._length_scale / speed,
        )
        for chunk in self._voice.synthesize(text, settings):
            yield to_pcm(chunk.audio_float_array)

    def _speaker(self, name: str) -> int:
        number = self._names.get(name, int(name) if name.isdecimal() else self._count)
        if not 0 <= number < self._count:
            raise Failure("unknown_voice")
        return number


class Kokoro:
    """Kokoro: an ONNX file and a file of voices."""

    rate_hz = 24_000

    def __init__(self, options: dict[str, Any], pipe: Pipe) -> None:
        from kokoro_onnx import Kokoro

        model = Session(options["model"], options["threads"], pipe)
        self._kokoro = Kokoro.from_session(model, options["voices"], vocab_config=options.get("config"))
        self._backends: dict[str, Any] = {}
        self.speakers = sorted(self._kokoro.voices)

    def speak(self, text: str, speed: float, speaker: str | None, language: str) -> Iterator[bytes]:
        """Speak a piece."""
        name = speaker or self.speakers[0]
        if name not in self.speakers:
            raise Failure("unknown_voice")
        phonemes = self._phonemes(text, language)
        if phonemes:
            speed = min(2.0, max(0.5, speed))
            samples, _ = self._kokoro.create(phonemes, name, speed=speed, is_phonemes=True)
            pause_s = PAUSES_S.get(phonemes[-1], 0.0) / speed
            yield to_pcm(samples) + bytes(2 * int(self.rate_hz * pause_s))

    def _phonemes(self, text: str, language: str) -> str:
        """Give the phonemes that the model knows.

        The package would have espeak loaded anew for each text, from a copy that is left behind when this
        process is killed. Here it is loaded once for a language, and the copy goes at once.
        """
        backend = self._backends.get(language)
        if backend is None:
            from phonemizer.backend import EspeakBackend

            with tempfile.TemporaryDirectory() as folder:
                tempfile.tempdir = folder
                backend = EspeakBackend(language, preserve_punctuation=True, with_stress=True)
                tempfile.tempdir = None
            self._backends[language] = backend
        known = self._kokoro.tokenizer.vocab
        spoken = " ".join(backend.phonemize(text.split("\n")))
        return "".join(phoneme for phoneme in spoken if phoneme in known).strip()


class Sherpa:
    """What sherpa-onnx loads: VITS models (Piper's, MMS, ...), Kokoro and Matcha."""

    def __init__(self, options: dict[str, Any], pipe: Pipe) -> None:
        import sherpa_onnx

        tokens, data = options["tokens"], options.get("data_dir") or ""
        lexicon, model = options.get("lexicon") or "", options["model"]
        version = metadata.version("sherpa-onnx")
        if data and not lexicon and int(version.partition(".")[0]) >= 2:
            # It would load such a model, and say nothing.
            raise ValueError(
                f"sherpa-onnx {version} has no espeak-ng any more: it needs a lexicon for this model. "
                "Piper's and Kokoro's models have engines of their own here"
            )
        kind: dict[str, Any]
        if options.get("voices"):
            kind = {
                "kokoro": sherpa_onnx.OfflineTtsKokoroModelConfig(
                    model=model, voices=options["voices"], tokens=tokens, data_dir=data, lexicon=lexicon
                )
            }
        elif options.get("vocoder"):
            kind = {
                "matcha": sherpa_onnx.OfflineTtsMatchaModelConfig(
                    acoustic_model=model,
                    vocoder=options["vocoder"],
                    tokens=tokens,
                    data_dir=data,
                    lexicon=lexicon,
                )
            }
        else:
            kind = {
                "vits": sherpa_onnx.OfflineTtsVitsModelConfig(
                    model=model, tokens=tokens, data_dir=data, lexicon=lexicon
                )
            }
        config = sherpa_onnx.OfflineTtsConfig(
            model=sherpa_onnx.OfflineTtsModelConfig(
                num_threads=options["threads"], provider="cpu", debug=False, **kind
            ),
            max_num_sentences=1,
        )
        if not config.validate():
            raise ValueError("sherpa-onnx does not accept these files")
        self._speech = sherpa_onnx.OfflineTts(config)
        self.rate_hz = self._speech.sample_rate
        self.speakers = [str(number) for number in range(max(1, self._speech.num_speakers))]

    def speak(self, text: str, speed: float, speaker: str | None, language: str) -> Iterator[bytes]:
        """Speak a piece."""
        if speaker is not None and speaker not in self.speakers:
            raise Failure("unknown_voice")
        yield to_pcm(self._speech.generate(text, sid=int(speaker or 0), speed=speed).samples)


ENGINES: dict[str, Any] = {"piper": Piper, "kokoro": Kokoro, "sherpa": Sherpa}


def work(pipe: Pipe, engine: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Do a job, and say how it ended."""
    samples, step = 0, engine.rate_hz * FRAME_MS // 1000 * 2
    try:
        for piece in job["pieces"]:
            for pcm in engine.speak(piece, job["speed"], job.get("speaker"), job.get("language") or "en-us"):
                for begin in range(0, len(pcm), step):
                    if pipe.cancelled:
                        raise Failure("cancelled")
                    frame = pcm[begin : begin + step]
                    pipe.send(AUDIO, pipe.request_id, frame)
                    samples += len(frame) // 2
            if pipe.cancelled:
                raise Failure("cancelled")
    except Exception:  # a model that was ended says so in its own way
        if not pipe.cancelled:
            raise
    return {"cancelled": pipe.cancelled, "samples": samples, "rate_hz": engine.rate_hz}


def refuse_look_ups(event: str, _: Any) -> None:
    """Let nothing reach for the network; an audit hook."""
    if event in LOOK_UPS:
        raise OSError("a voice looks nothing up: its files must be there")


def explain(error: Exception, engine: str) -> str:
    """Say in a line why an engine cannot be loaded."""
    if isinstance(error, ModuleNotFoundError):
        if error.name == MODULES[engine]:
            return f"its package is not installed: pip install 'voxgate[{engine}]'"
        return f"the package {error.name} is not installed"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def main() -> None:
    """Load the model, then do one job after the other until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump of the memory would hold what was said
    sys.addaudithook(refuse_look_ups)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before any import: it reports to its maker otherwise
    os.environ["HF_HUB_OFFLINE"] = "1"
    pipe = Pipe()
    name, options = sys.argv[1], json.loads(sys.argv[2])
    try:
        engine = ENGINES[name](options, pipe)
        list(
            engine.speak("Hello.", 1.0, None, "en-us")
        )  # the first run of a model takes far longer than the next
    except Exception as error:  # whatever an engine raises: the parent is told, and this process ends
        pipe.tell(FAILED, 0, {"code": "engine", "reason": explain(error, name)})
        return
    pipe.tell(READY, 0, {"engine": name, "rate_hz": engine.rate_hz, "speakers": engine.speakers[:2000]})
    while True:
        pipe.request_id, payload = pipe.jobs.get()
        try:
            pipe.tell(DONE, pipe.request_id, work(pipe, engine, json.loads(payload)))
        except Failure as failure:
            pipe.tell(FAILED, pipe.request_id, {"code": failure.code})
        except Exception:  # likewise, of one text; its words stay out of logs
            pipe.tell(FAILED, pipe.request_id, {"code": "engine"})


if __name__ == "__main__":
    main()
