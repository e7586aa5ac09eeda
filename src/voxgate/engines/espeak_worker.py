"""Speak text with espeak-ng, one utterance at a time, over pipes.

A stand-alone program: ``python -I -S espeak_worker.py FOLDER``, where FOLDER holds the package
``espeakng_loader`` (without ``-S`` it may be found as usual). It imports that and the standard library, and
nothing of voxgate, which starts it as a separate process and talks to it only through its standard input
and output. It loads libespeak-ng, which is licensed GPL-3.0-or-later; this file's own licence, Apache-2.0,
is compatible with that.

Frames (layout: one byte of kind, request id and payload length as big-endian 32-bit numbers, payload)::

    in   1 JOB     {"do": "speak", "text": ..., "voice": ..., "ssml": false, "phonemes": false,
                    "rate_wpm": 175, "speed": null, "probe": null, "pitch": 50, "range": 50, "volume": 100}
                   {"do": "voices"}
                   {"do": "phonemes", "text": ..., "voice": ..., "ipa": true}
    in   3 CANCEL
    out 16 READY   {"engine": version, "rate_hz": 22050}
    out 17 AUDIO   s16le mono PCM, 60 ms
    out 18 EVENT   {"words": [[first character, characters, first sample], ...]}
    out 19 DONE    {"cancelled": ..., "samples": ..., "rate_wpm": ...} or the answer asked for
    out 20 FAILED  {"code": "unknown_voice" | "bad_request" | "engine"}; under request id 0, instead of
                   READY, with a "reason": the engine cannot be loaded

``rate_wpm``, ``pitch``, ``range`` and ``volume`` are espeak's own parameters. ``speed`` replaces
``rate_wpm`` by the rate at which this voice takes ``1 / speed`` of the time for ``probe`` (else for the
text). ``phonemes`` makes ``[[...]]`` mean phonemes; without it, brackets are just brackets.

The end of standard input means that nobody is listening any more: the program ends at once, whatever it
is doing. It leaves SIGINT, SIGTERM and SIGHUP to its parent, which decides how long speech may go on.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import math
import os
import queue
import re
import resource
import signal
import struct
import sys
import threading
from ctypes import POINTER, Structure, c_char, c_char_p, c_int, c_short, c_ubyte, c_uint, c_void_p
from typing import Any

JOB, CANCEL = 1, 3
READY, AUDIO, EVENT, DONE, FAILED = 16, 17, 18, 19, 20
HEADER = struct.Struct(">BII")

CHUNK_MS = 60  # espeak ignores less
SYNCHRONOUS, DONT_EXIT = 2, 0x8000
UTF8, SSML, PHONEMES = 0x01, 0x10, 0x100
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4
WORD_EVENT, LAST_EVENT = 1, 0
IPA_TRACE = 0x02
NORMAL_WPM = 175

UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters are commands to espeak (\\x01 sets voices and plays files), NUL ends its text."""

DEADLY_HYPHEN = re.compile(r"(?<=\S)(?<![^\W_])-(?=[^\W\d_])")
"""Espeak 1.52 can die of a hyphen between a punctuation mark and a letter: "(-a)" in Vietnamese, others when
the letter is of another script."""


class Failure(Exception):
    """A job that cannot be done; the worker stays sound."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Event(Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", c_char * 8),
    )


class Voice(Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", c_char_p),
        ("languages", POINTER(c_ubyte)),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("reserved", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    )


ON_AUDIO = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(Event))
ON_URI = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_char_p)


class Pipe:
    """The parent: jobs come in through a thread, frames go out and block when the parent does not read."""

    def __init__(self) -> None:
        # The library may print; what it prints must not get among the frames.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self.jobs: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
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
                if kind == JOB:
                    self.jobs.put((request_id, payload))
                elif kind == CANCEL:
                    self.cancelled_id = request_id
        os._exit(0)

    def write(self, data: bytes) -> None:
        """Write frames, in one piece if the pipe has room."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._out, rest) :]

    def send_json(self, kind: int, request_id: int, answer: dict[str, Any]) -> None:
        """Write a frame with a JSON object."""
        self.write(frame(kind, request_id, json.dumps(answer).encode()))


def frame(kind: int, request_id: int, payload: bytes) -> bytes:
    """Lay out a frame."""
    return HEADER.pack(kind, request_id, len(payload)) + payload


class Espeak:
    """The library: one voice at a time, one utterance at a time."""

    def __init__(self) -> None:
        sys.path.extend(sys.argv[1:2])
        import espeakng_loader

        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lib.espeak_ListVoices.restype = POINTER(POINTER(Voice))
        self._lib.espeak_TextToPhonemes.restype = c_char_p
        self._lib.espeak_Info.restype = c_char_p
        # The library keeps its path in 160 bytes, so it is led to its data by a short one.
        os.chdir(os.path.dirname(espeakng_loader.get_data_path()))
        self.rate_hz = self._lib.espeak_Initialize(SYNCHRONOUS, CHUNK_MS, b".", DONT_EXIT)
        if self.rate_hz <= 0:
            raise RuntimeError("espeak-ng could not read its data")
        self.version = self._lib.espeak_Info(None).decode()
        # Without it, <audio src> in markup would open files; 1 means "speak the alternative text".
        self._on_uri = ON_URI(lambda kind, uri, base: 1)
        self._lib.espeak_SetUriCallback(self._on_uri)
        self.voices = [voice for voice in self._list(None) if has_dictionary(voice["identifier"])]
        self.variants = self._list(b"variant")
        self._identifiers = identifiers(self.voices)
        self._variants = {v["identifier"].removeprefix("!v/").lower(): v["identifier"] for v in self.variants}
        self._voice = ""

    def _list(self, language: bytes | None) -> list[dict[str, Any]]:
        spec = None
        if language is not None:
            spec = Voice(languages=ctypes.cast(c_char_p(language + b"\0"), POINTER(c_ubyte)))
        found = self._lib.espeak_ListVoices(ctypes.byref(spec) if spec else None)
        voices = []
        for index in range(10_000):
            if not found[index]:
                break
            voice = found[index].contents
            voices.append(
                {
                    "identifier": voice.identifier.decode(),
                    "name": voice.name.decode().strip(),
                    "languages": languages_of(voice.languages),
                    "gender": {1: "male", 2: "female"}.get(voice.gender, "unknown"),
                }
            )
        return voices

    def set_voice(self, name: str) -> None:
        """Load ``language-or-name[+variant]``, unless it is loaded: a large dictionary takes 5 ms."""
        if name == self._voice:
            return
        base, plus, variant = name.lower().partition("+")
        identifier = self._identifiers.get(base)
        if identifier is None or (plus and variant not in self._variants):
            raise Failure("unknown_voice")
        if plus:
            identifier += "+" + self._variants[variant].removeprefix("!v/")
        self._voice = ""
        if self._lib.espeak_SetVoiceByName(identifier.encode()) != 0:
            raise Failure("unknown_voice")
        self._voice = name

    def forget_voice(self) -> None:
        """Load the next voice anew: markup may have changed to another."""
        self._voice = ""

    def set_parameter(self, parameter: int, value: int) -> None:
        """Set one of espeak's parameters for what is spoken next."""
        self._lib.espeak_SetParameter(parameter, value, 0)

    def speak(self, text: str, flags: int, on_audio: Any) -> None:
        """Speak; ``on_audio`` gets samples, their number and events, and returns 1 to stop."""
        callback = ON_AUDIO(on_audio)
        self._lib.espeak_SetSynthCallback(callback)
        encoded = text.encode() + b"\0"
        if self._lib.espeak_Synth(encoded, len(encoded), 0, 0, 0, UTF8 | flags, None, None) != 0:
            raise Failure("engine")

    def phonemes(self, text: str, *, ipa: bool) -> list[str]:
        """Return the phonemes of each clause, in IPA or in espeak's own letters."""
        rest = c_char_p(text.encode() + b"\0")
        clauses = []
        while rest.value:
            clause = self._lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA_TRACE if ipa else 0)
            if clause:
                clauses.append(clause.decode())
        return clauses


def languages_of(codes: Any) -> list[list[Any]]:
    """Read espeak's list of (priority byte, language, NUL) up to a zero byte; a lower priority is nearer."""
    languages = []
    at = 0
    while codes[at]:
        priority, at, start = codes[at], at + 1, at + 1
        while codes[at]:
            at += 1
        languages.append([bytes(codes[start:at]).decode(), priority])
        at += 1
    return languages


def has_dictionary(identifier: str) -> bool:
    """Tell whether a voice's dictionary exists: the wheel lacks some, and such a voice reads gibberish."""
    path = os.path.join("espeak-ng-data", "lang", identifier)
    with open(path, encoding="utf-8") as file:
        settings = dict(line.split(maxsplit=1) for line in file if len(line.split()) > 1)
    name = settings.get("dictionary", os.path.basename(identifier).split("-")[0]).split()[0]
    return os.path.exists(os.path.join("espeak-ng-data", name + "_dict"))


def identifiers(voices: list[dict[str, Any]]) -> dict[str, str]:
    """Map every name a voice may be asked for by, in lower case, to espeak's identifier."""
    found: dict[str, tuple[int, str]] = {}
    for voice in voices:
        identifier = voice["identifier"]
        names = [
            (identifier, 0),
            (voice["name"], 0),
            *voice["languages"],
            (identifier.rpartition("/")[2], 50),
        ]
        for name, priority in names:
            best = found.get(name.lower())
            if best is None or priority < best[0]:
                found[name.lower()] = (priority, identifier)
    return {name: identifier for name, (_, identifier) in found.items()}


class Utterance:
    """One "speak" job: what espeak calls back with, turned into frames."""

    def __init__(self, pipe: Pipe, request_id: int) -> None:
        self._pipe = pipe
        self._id = request_id
        self.samples = 0
        self.error: OSError | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the parent has taken the job back."""
        return self._pipe.cancelled_id == self._id

    def on_audio(self, samples: Any, count: int, events: Any) -> int:
        """Send a chunk; 1 stops espeak."""
        if self.cancelled:
            return 1
        try:
            self._send(samples, count, events)
        except OSError as error:  # an exception may not cross into C
            self.error = error
            return 1
        return 0

    def _send(self, samples: Any, count: int, events: Any) -> None:
        words = []
        at = 0
        while events[at].type != LAST_EVENT:
            event = events[at]
            if event.type == WORD_EVENT and event.length > 0:
                words.append([event.text_position - 1, event.length, event.sample])
            at += 1
        frames = b""
        if words:
            frames += frame(EVENT, self._id, json.dumps({"words": words}).encode())
        if samples and count > 0:
            frames += frame(AUDIO, self._id, ctypes.string_at(samples, 2 * count))
            self.samples += count
        if frames:
            self._pipe.write(frames)

    def measure(self, espeak: Espeak, text: str, wpm: int) -> int:
        """Return how many samples ``text`` takes at a rate, without sending them."""
        total = 0

        def count_only(samples: Any, count: int, events: Any) -> int:
            nonlocal total
            total += max(count, 0)
            return 1 if self.cancelled else 0

        espeak.set_parameter(RATE, wpm)
        espeak.speak(text, 0, count_only)
        return total


SLOWEST_WPM, FASTEST_WPM = 80, 1400
CURVE = ((0.47, 80), (0.56, 100), (0.70, 125), (1.0, 175), (1.43, 250), (2.0, 345), (2.57, 450), (8.0, 1400))
"""Median over all voices of (pace, words a minute). From 450 on espeak stretches, and it is a line."""


def first_guess_wpm(speed: float) -> int:
    """Read the curve."""
    if speed <= CURVE[0][0]:
        return SLOWEST_WPM
    for (slow, slow_wpm), (fast, fast_wpm) in itertools.pairwise(CURVE):
        if speed <= fast:
            return round(slow_wpm + (fast_wpm - slow_wpm) * (speed - slow) / (fast - slow))
    return FASTEST_WPM


def rate_for(espeak: Espeak, utterance: Utterance, probe: str, speed: float) -> int:
    """Find the rate at which ``probe`` takes ``1 / speed`` of its time.

    Voices differ (at 345 words a minute between 1.6 and 2.7 times the normal pace), and so do texts, so
    the curve is only where to begin; from there on it is the secant method on logarithms.
    """
    normal = utterance.measure(espeak, probe, NORMAL_WPM)
    last_wpm, last_speed = NORMAL_WPM, 1.0
    wpm = first_guess_wpm(speed)
    best: tuple[float, int] = (float("inf"), wpm)
    for _ in range(4):
        got = normal / max(1, utterance.measure(espeak, probe, wpm))
        best = min(best, (abs(got / speed - 1), wpm))
        if best[0] < 0.03 or utterance.cancelled:
            break
        steepness = 1.0
        if wpm != last_wpm and got != last_speed:
            steepness = math.log(got / last_speed) / math.log(wpm / last_wpm)
        last_wpm, last_speed = wpm, got
        wpm = round(wpm * (speed / got) ** (1 / min(2.5, max(0.7, steepness))))
        wpm = min(FASTEST_WPM, max(SLOWEST_WPM, wpm))
    return best[1]


def sayable(text: str) -> str:
    """Replace, one for one, what espeak would obey or die of."""
    return DEADLY_HYPHEN.sub(" ", UNSPEAKABLE.sub(" ", text))


def speak(espeak: Espeak, pipe: Pipe, request_id: int, job: dict[str, Any]) -> dict[str, Any]:
    """Do a "speak" job."""
    utterance = Utterance(pipe, request_id)
    espeak.set_voice(job["voice"])
    for parameter, name, normal in ((PITCH, "pitch", 50), (RANGE, "range", 50), (VOLUME, "volume", 100)):
        espeak.set_parameter(parameter, int(job.get(name, normal)))
    wpm = int(job.get("rate_wpm") or NORMAL_WPM)
    text = sayable(job["text"])
    if job.get("speed"):
        probe = sayable(job.get("probe") or text)
        wpm = rate_for(espeak, utterance, probe, float(job["speed"]))
    espeak.set_parameter(RATE, wpm)
    flags = (SSML if job.get("ssml") else 0) | (PHONEMES if job.get("phonemes") else 0)
    if not utterance.cancelled:
        espeak.speak(text, flags, utterance.on_audio)
    if flags & SSML:
        espeak.forget_voice()
    if utterance.error is not None:
        raise utterance.error
    return {"cancelled": utterance.cancelled, "samples": utterance.samples, "rate_wpm": wpm}


def answer(espeak: Espeak, pipe: Pipe, request_id: int, payload: bytes) -> dict[str, Any]:
    """Do one job and return what its DONE frame says."""
    try:
        job = json.loads(payload)
        if job["do"] == "speak":
            return speak(espeak, pipe, request_id, job)
        if job["do"] == "voices":
            return {"voices": espeak.voices, "variants": espeak.variants}
        if job["do"] == "phonemes":
            espeak.set_voice(job["voice"])
            text = sayable(job["text"])
            return {"clauses": espeak.phonemes(text, ipa=bool(job.get("ipa", True)))}
    except (ValueError, KeyError, TypeError) as error:
        raise Failure("bad_request") from error
    raise Failure("bad_request")


def main() -> None:
    """Answer jobs until standard input ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    # A dump of the memory would hold what was said; and there is nothing to write but the pipe.
    for limited in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limited, (0, 0))
    pipe = Pipe()
    try:
        espeak = Espeak()
        espeak.set_voice("en-us")
        espeak.speak("a", 0, lambda samples, count, events: 0)  # touches what the first caller would wait for
    except (ImportError, OSError, RuntimeError, Failure) as error:
        pipe.send_json(FAILED, 0, {"code": "engine", "reason": repr(error)})
        return
    pipe.send_json(READY, 0, {"engine": espeak.version, "rate_hz": espeak.rate_hz})
    while True:
        request_id, payload = pipe.jobs.get()
        try:
            pipe.send_json(DONE, request_id, answer(espeak, pipe, request_id, payload))
        except Failure as failure:
            pipe.send_json(FAILED, request_id, {"code": failure.code})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
