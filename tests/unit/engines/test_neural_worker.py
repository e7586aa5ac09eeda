"""The worker program of neural voices: it speaks, stops, says what is wrong, and keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

import voxgate.engines
from tests.support import neural_models
from voxgate.config.neural import NeuralSettings
from voxgate.engines.pipe import ENDINGS, Frame, FrameKind, FrameParser, encode_frame

PROGRAM = Path(voxgate.engines.__path__[0], "neural_worker.py")
ENGINES = ("piper", "kokoro", "sherpa")
TEXT = "Hello there, how are you?"
LONGEST_S = 60.0

WATCHED = """
import json, os, runpy, sys

log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def watch(event, arguments):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"):
        os.write(log, json.dumps([event, repr(arguments)]).encode() + b"\\n")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        os.write(log, json.dumps([event, str(arguments[0])]).encode() + b"\\n")

sys.addaudithook(watch)
del sys.argv[0:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program and writes down what it opens to write, starts, and does with sockets."""


class Worker:
    """A worker that is talked to over its pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._parser = FrameParser()
        self._frames: list[Frame] = []
        self._last_id = 0

    def send(self, kind: int, payload: bytes = b"") -> None:
        assert self.process.stdin is not None
        os.write(self.process.stdin.fileno(), encode_frame(kind, self._last_id, payload))

    def ask(self, *pieces: str, speed: float = 1.0, speaker: str | None = None) -> None:
        self._last_id += 1
        job = {"pieces": pieces, "speed": speed, "speaker": speaker, "language": "en-us"}
        self.send(FrameKind.JOB, json.dumps(job).encode())

    def read(self) -> Frame:
        assert self.process.stdout is not None
        while not self._frames:
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, "the worker has ended"
            self._frames = self._parser.feed(data)
        return self._frames.pop(0)

    def answer(self) -> tuple[bytes, dict[str, Any]]:
        """Read to a job's end: its audio, and what the last frame says."""
        pcm = bytearray()
        while (frame := self.read()).kind not in ENDINGS:
            pcm += frame.payload
        return bytes(pcm), json.loads(frame.payload)

    def say(self, *pieces: str, **how: Any) -> tuple[bytes, dict[str, Any]]:
        self.ask(*pieces, **how)
        return self.answer()


@contextmanager
def worker(
    settings: NeuralSettings, *before: str, flags: tuple[str, ...] = ("-I",), program: Path = PROGRAM
) -> Iterator[Worker]:
    options = {name: str(path) for name, path in settings.files().items()}
    told = json.dumps({**options, "threads": 1})
    arguments = [sys.executable, *flags, *before, str(program), settings.engine, told]
    with subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        # One that hangs ends, and the test fails instead of hanging too.
        timer = threading.Timer(LONGEST_S, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield Worker(process)
        finally:
            timer.cancel()
            process.kill()


def pitch_hz(pcm: bytes, rate_hz: int) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


@pytest.mark.parametrize("engine", ENGINES)
def test_it_speaks_as_long_as_the_text_is_and_as_fast_as_is_asked(engine: str, tmp_path: Path) -> None:
    with worker(neural_models.tiny(engine, tmp_path)) as speaking:
        ready = speaking.read()
        assert ready.kind == FrameKind.READY
        greeting = json.loads(ready.payload)
        assert greeting["engine"] == engine
        descriptors = Path(f"/proc/{speaking.process.pid}/fd")
        assert os.readlink(descriptors / "1") == os.readlink(descriptors / "2"), (
            "what it prints gets in between"
        )
        short, told = speaking.say("Hello.")
        assert told == {"cancelled": False, "samples": len(short) // 2, "rate_hz": greeting["rate_hz"]}
        normal, _ = speaking.say(TEXT)
        assert len(normal) > 2 * len(short)
        fast, _ = speaking.say(TEXT, speed=2.0)
        assert len(fast) == pytest.approx(len(normal) / 2, rel=0.01)
        twice, _ = speaking.say(TEXT, TEXT)
        assert len(twice) == 2 * len(normal)
        lowest_hz = pitch_hz(short, greeting["rate_hz"])
        assert lowest_hz == pytest.approx(neural_models.BASE_HZ, abs=5)


def test_a_frame_of_audio_is_a_tenth_of_a_second_at_most(tmp_path: Path) -> None:
    with worker(neural_models.tiny("piper", tmp_path)) as speaking:
        speaking.read()
        speaking.ask(TEXT)
        sizes = []
        while (frame := speaking.read()).kind == FrameKind.AUDIO:
            sizes.append(len(frame.payload))
        assert set(sizes[:-1]) == {2 * neural_models.PIPER_HZ // 10}


def test_the_speakers_of_a_piper_model_differ(tmp_path: Path) -> None:
    neural_models.need("piper")
    with worker(neural_models.piper(tmp_path, speakers=("anna", "bert"))) as speaking:
        assert json.loads(speaking.read().payload)["speakers"] == ["anna", "bert"]
        for speaker, wanted_hz in ((None, 200), ("anna", 200), ("bert", 300), ("1", 300)):
            pcm, _ = speaking.say(TEXT, speaker=speaker)
            assert pitch_hz(pcm, neural_models.PIPER_HZ) == pytest.approx(wanted_hz, abs=5)
        for speaker in ("carla", "2"):
            assert speaking.say(TEXT, speaker=speaker) == (b"", {"code": "unknown_voice"})


def test_a_model_whose_phonemes_are_letters_needs_no_espeak(tmp_path: Path) -> None:
    neural_models.need("piper")
    with worker(neural_models.piper(tmp_path, phonemes="text")) as speaking:
        speaking.read()
        pcm, _ = speaking.say("abc")
        ids = 2 * len("abc") + 3  # a pad behind each, and three for the begin and the end
        assert len(pcm) // 2 == pytest.approx(neural_models.PIPER_HZ * 0.03 * ids, abs=1)


def test_the_speakers_of_kokoro_differ_and_pauses_follow_sentences(tmp_path: Path) -> None:
    with worker(neural_models.tiny("kokoro", tmp_path)) as speaking:
        assert json.loads(speaking.read().payload)["speakers"] == list(neural_models.KOKORO_SPEAKERS)
        pcm, _ = speaking.say("Hello.", speaker="bm_tiny")
        assert pitch_hz(pcm, neural_models.KOKORO_HZ) == pytest.approx(300, abs=5)
        assert not any(pcm[-2 * neural_models.KOKORO_HZ // 4 :])
        pcm, _ = speaking.say("Hello", speaker="bm_tiny")
        assert any(pcm[-100:])
        assert speaking.say("Hello", speaker="nobody") == (b"", {"code": "unknown_voice"})


@pytest.mark.parametrize("engine", ENGINES)
def test_what_has_no_phonemes_is_left_out(engine: str, tmp_path: Path) -> None:
    with worker(neural_models.tiny(engine, tmp_path)) as speaking:
        speaking.read()
        hello, _ = speaking.say("Hello.")
        pcm, told = speaking.say("Hello.", "\u200b", "Hello.")
        assert told["cancelled"] is False
        assert len(pcm) == 2 * len(hello)


def test_a_lexicon_says_what_sherpa_knows(tmp_path: Path) -> None:
    neural_models.need("sherpa")
    settings = neural_models.sherpa(tmp_path, words=("a", "hello", "there"), speakers=2)
    with worker(settings) as speaking:
        assert json.loads(speaking.read().payload)["speakers"] == ["0", "1"]
        one, _ = speaking.say("hello", speaker="1")
        both, _ = speaking.say("hello there")
        with_a_stranger, _ = speaking.say("hello zyx there")
        assert pitch_hz(one, neural_models.SHERPA_HZ) == pytest.approx(300, abs=5)
        assert len(one) < len(both) == len(with_a_stranger)


@pytest.mark.parametrize("engine", ["piper", "kokoro"])
def test_a_model_in_the_middle_of_a_run_is_ended(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path, slow_over=40)
    with worker(settings) as speaking:
        speaking.read()
        hello, _ = speaking.say("Hello.")
        speaking.ask("Hello.", "This is longer than what it can do, and takes for ever and a day.")
        heard = b""
        while len(heard) < len(hello):
            heard += speaking.read().payload
        time.sleep(0.2)  # by now the second is being made
        speaking.send(FrameKind.CANCEL)
        assert speaking.answer() == (b"", {"cancelled": True, "samples": len(hello) // 2, "rate_hz": ANY})
        assert len(speaking.say("Hello.")[0]) > 1000


@pytest.mark.parametrize("engine", ENGINES)
def test_it_ends_with_its_parent_even_in_the_middle_of_a_run(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path, slow_over=40)
    with worker(settings) as speaking:
        speaking.read()
        speaking.ask("Hello.", "This is longer than what it can do, and takes for ever and a day.")
        speaking.read()
        assert speaking.process.stdin is not None
        speaking.process.stdin.close()
        assert speaking.process.wait(30) == 0


def test_a_job_that_fails_is_told_without_its_words_and_the_next_is_done(tmp_path: Path) -> None:
    with worker(neural_models.tiny("piper", tmp_path)) as speaking:
        speaking.read()
        for payload in (b"{}", b"secret", b'{"pieces": ["secret"], "speed": 0}'):
            speaking.send(FrameKind.JOB, payload)
            assert speaking.answer() == (b"", {"code": "engine"})
        assert len(speaking.say("Hello.")[0]) > 1000


def reason(settings: NeuralSettings, **how: Any) -> str:
    with worker(settings, **how) as speaking:
        frame = speaking.read()
        assert (frame.kind, frame.request_id) == (FrameKind.FAILED, 0)
        told: str = json.loads(frame.payload)["reason"]
        assert "\n" not in told
        assert speaking.process.wait(30) == 0
        return told


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_package_is_named_with_how_to_get_it(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path)
    told = reason(settings, flags=("-I", "-S"))
    assert told == f"its package is not installed: pip install 'voxgate[{engine}]'"


@pytest.mark.parametrize("engine", ["piper", "kokoro"])
def test_a_broken_model_is_told(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path)
    settings.model.write_bytes(b"no model at all")
    assert "INVALID_PROTOBUF" in reason(settings)


def test_a_broken_file_beside_the_model_is_told(tmp_path: Path) -> None:
    piper = neural_models.tiny("piper", tmp_path / "p")
    piper.model.with_suffix(".onnx.json").write_text('{"audio": {}}')
    assert reason(piper) == "KeyError: 'num_symbols'"
    kokoro = neural_models.tiny("kokoro", tmp_path / "k")
    assert kokoro.voices is not None
    kokoro.voices.write_bytes(b"no voices")
    assert reason(kokoro)


def test_a_model_that_needs_espeak_is_not_loaded_to_say_nothing(tmp_path: Path) -> None:
    settings = neural_models.tiny("sherpa", tmp_path)
    if metadata.version("sherpa-onnx") < "2":
        pytest.skip("this version has espeak-ng")
    told = reason(settings.model_copy(update={"data_dir": tmp_path}))
    assert "has no espeak-ng any more" in told


def audited(
    engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch, program: Path = PROGRAM
) -> tuple[list[tuple[str, str]], list[str]]:
    """Have it speak in an empty home; return what it did that should not be, and what it left there."""
    settings = neural_models.tiny(engine, folder / "model")
    home, log, watched = folder / "home", folder / "log", folder / "watched.py"
    home.mkdir()
    watched.write_text(WATCHED)
    places = {"HOME": home, "TMPDIR": home / "tmp"}
    (home / "tmp").mkdir()
    places |= {f"XDG_{name}_HOME": home / name for name in ("CACHE", "DATA", "CONFIG", "STATE")}
    for name, path in places.items():
        monkeypatch.setenv(name, str(path))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    with worker(settings, str(watched), str(log), program=program) as speaking:
        assert speaking.read().kind == FrameKind.READY
        assert len(speaking.say(TEXT)[0]) > 1000
        sockets = [
            ("a socket", target)
            for fd in Path(f"/proc/{speaking.process.pid}/fd").iterdir()
            if (target := os.readlink(fd)).startswith("socket:")
        ]
    events = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    left = [str(path.relative_to(home)) for path in sorted(home.rglob("*")) if path != home / "tmp"]
    return [(event, what) for event, what in (*events, *sockets)], left


@pytest.mark.parametrize("engine", ENGINES)
def test_it_looks_nothing_up_and_leaves_no_file(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, left = audited(engine, tmp_path, monkeypatch)
    # espeak is loaded from a copy of its library, gone by now, and ctypes has asked where libraries are.
    harmless = (
        ("open", "/dev/null"),
        ("open", str(tmp_path / "home" / "tmp")),
        ("subprocess.Popen", "('/sbin/ldconfig'"),
    )
    assert [
        (event, what)
        for event, what in events
        if not any(event == kind and what.startswith(begin) for kind, begin in harmless)
    ] == []
    assert left == []


def test_without_the_switch_the_runtime_would_leave_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above could not fail."""
    switch = '    os.environ["ORT_DISABLE_TELEMETRY"] = "1"'
    source = PROGRAM.read_text()
    assert source.count(switch) == 1
    talkative = tmp_path / "talkative.py"
    talkative.write_text(source.replace(switch, "    pass"))
    _, left = audited("piper", tmp_path, monkeypatch, talkative)
    if not left:
        pytest.skip("this version of onnxruntime reports nothing")
    assert any("onnxruntime" in path for path in left)


def test_a_look_up_is_refused() -> None:
    asking = f"""
import runpy, socket, sys
worker = runpy.run_path({str(PROGRAM)!r})
sys.addaudithook(worker["refuse_look_ups"])
for ask in (lambda: socket.getaddrinfo("localhost", 80), lambda: socket.create_connection(("127.0.0.1", 9))):
    try:
        ask()
    except OSError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-I", "-c", asking], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["a voice looks nothing up: its files must be there"] * 2
