"""Files that ``voxgate say`` writes, judged by decoders that are not ours; and what plays."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from voxgate.cli.saying.formats import KINDS, choose_format
from voxgate.cli.saying.outputs import FileOutput, Loudspeakers, PipeOutput
from voxgate.errors import ConfigurationError, InvalidRequest
from voxgate.testing.scripted import read_back, tones

TEXT = "The first file of the day"


def seconds(path: Path, rate_hz: int) -> float:
    """Decode all of it with FFmpeg; bare samples are counted."""
    match path.suffix:
        case ".pcm":
            return path.stat().st_size / 2 / rate_hz
        case ".ulaw" | ".alaw":
            return path.stat().st_size / rate_hz
    with av.open(str(path)) as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))


async def write(path: Path, pcm: bytes, kind: str, *, finish: bool = True) -> int:
    _, target = choose_format(kind, None, None)
    output = FileOutput(path, target)
    for begin in range(0, len(pcm), 4000):
        await output.write(pcm[begin : begin + 4000])
    if finish:
        await output.finish()
    output.close()
    return target.rate_hz


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "broken off"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_is_whole_finished_or_not(tmp_path: Path, kind: str, finish: bool) -> None:
    rate_hz = 8000 if kind in ("mulaw", "alaw") else 24000
    path = tmp_path / f"a{KINDS[kind].suffixes[0]}"
    pcm = tones(TEXT, rate_hz=rate_hz)
    assert await write(path, pcm, kind, finish=finish) == rate_hz
    assert seconds(path, rate_hz) == pytest.approx(len(pcm) / 2 / rate_hz, rel=0.08)


@pytest.mark.parametrize("kind", ["wav", "flac"])
async def test_the_header_tells_the_exact_length(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    pcm = tones(TEXT)
    await write(path, pcm, kind)
    info = soundfile.info(str(path))
    assert (info.frames, info.samplerate, info.channels) == (len(pcm) // 2, 24000, 1)
    samples, _ = soundfile.read(str(path), dtype="int16")
    assert samples.tobytes() == pcm
    assert read_back(np.asarray(samples).tobytes()) == TEXT


async def test_no_audio_makes_no_file(tmp_path: Path) -> None:
    await write(tmp_path / "a.wav", b"", "wav")
    assert not list(tmp_path.glob("*"))  # noqa: ASYNC240 - nothing else runs


async def test_a_file_takes_the_place_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    await write(path, tones("long"), "pcm")
    await write(path, tones("s"), "pcm")
    assert path.stat().st_size == len(tones("s"))


async def test_what_cannot_be_sought_gets_a_header_for_streams() -> None:
    await write(Path("/dev/null"), tones("x"), "wav")


@pytest.mark.parametrize("path", ["missing/a.wav", "."])
async def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequest, match="cannot be written: "):
        await write(Path(path), tones("x"), "wav")


async def test_a_full_disk_is_told() -> None:
    with pytest.raises(InvalidRequest, match="cannot be written: No space left"):
        await write(Path("/dev/full"), tones("x" * 20), "pcm")


async def test_a_terminal_gets_no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(InvalidRequest, match="Standard output is a terminal"):
        PipeOutput(choose_format("wav", None, None)[1])


# Loudspeakers, on a stand-in for sounddevice that takes the same arguments.


class Stream:
    """What `sounddevice.RawOutputStream` is to us."""

    made: list[Stream]
    gate: threading.Semaphore | None = None

    def __init__(self, *, samplerate: int, channels: int, dtype: str) -> None:
        self.options = (samplerate, channels, dtype)
        self.calls: list[str] = []
        self.played = b""
        Stream.made.append(self)

    def write(self, data: bytes) -> bool:
        if Stream.gate is not None:
            Stream.gate.acquire()
        self.played += bytes(data)
        return False

    def __getattr__(self, name: str) -> Any:
        return lambda: self.calls.append(name)


class PortAudioError(Exception):
    """As sounddevice's."""


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    Stream.made, Stream.gate = [], None
    module = ModuleType("sounddevice")
    vars(module).update(RawOutputStream=Stream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.mark.usefixtures("sounddevice")
async def test_all_is_played_before_it_is_finished() -> None:
    speakers = Loudspeakers(16_000)
    pcm = tones("Play this", rate_hz=16_000)
    await speakers.write(pcm[:9999])
    await speakers.write(pcm[9999:])
    await speakers.finish()
    speakers.close()
    (stream,) = Stream.made
    assert stream.options == (16_000, 1, "int16")
    assert stream.played == pcm
    assert stream.calls == ["start", "stop", "abort", "close"]


@pytest.mark.usefixtures("sounddevice")
async def test_closing_is_silence_at_once() -> None:
    Stream.gate = threading.Semaphore(1)
    speakers = Loudspeakers(8000)
    await speakers.write(bytes(16_000 * 10))
    Stream.gate.release()
    threading.Timer(0.05, Stream.gate.release, (1,)).start()
    speakers.close()
    (stream,) = Stream.made
    assert stream.calls == ["start", "abort", "close"]
    assert len(stream.played) < 16_000


async def test_no_device_is_told(sounddevice: ModuleType) -> None:
    def refuse(**_: object) -> None:
        raise PortAudioError

    vars(sounddevice)["RawOutputStream"] = refuse
    with pytest.raises(ConfigurationError, match="no sound device"):
        Loudspeakers(24_000)


async def test_a_device_that_goes_away_is_told(sounddevice: ModuleType) -> None:
    def refuse(self: Stream, data: bytes) -> None:
        raise PortAudioError

    vars(sounddevice)["RawOutputStream"] = type("Broken", (Stream,), {"write": refuse})
    speakers = Loudspeakers(24_000)
    await speakers.write(bytes(4800))
    with pytest.raises(ConfigurationError, match="does not play any more"):
        await speakers.finish()
    speakers.close()


async def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'voxgate\[play\]'"):
        Loudspeakers(24_000)


async def test_a_missing_library_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(ConfigurationError, match="apt-get install libportaudio2"):
        Loudspeakers(24_000)
