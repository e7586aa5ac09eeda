"""What `voxgate talk` is made of; calls in virtual time, on a line in memory."""

from __future__ import annotations

import asyncio
import json
import sys
import wave
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.wire import Script, Wire, servers
from voxgate.cli.talking.call import GREETING_S, PAUSE_S, Call
from voxgate.cli.talking.ends import Recorded, read_wav
from voxgate.cli.talking.heard import LATE_S, Heard
from voxgate.cli.talking.report import Report
from voxgate.cli.talking.soundcard import MAX_AHEAD_BYTES, WAITING_FRAMES, SoundCard
from voxgate.client.errors import Interrupted
from voxgate.client.workbuddy import (
    FRAME_BYTES,
    FRAME_S,
    RATE_HZ,
    AgentText,
    Audio,
    AudioDropped,
    AudioMistake,
    BargeIn,
    Conversation,
    ConversationEvent,
    Ended,
    SpeechStarted,
    Told,
    Transcript,
    TurnLatency,
)
from voxgate.clock import LoopClock
from voxgate.errors import ConfigurationError, InvalidRequest


def frame(value: int) -> bytes:
    return bytes([value, 0]) * (FRAME_BYTES // 2)


def samples(seconds: float) -> int:
    return int(seconds * RATE_HZ)


# What was heard.


def test_a_voice_that_comes_a_little_ahead_is_heard_without_a_gap() -> None:
    heard, out = Heard(RATE_HZ), b""
    for number in range(50):
        out += heard.feed(frame(number), max(0.0, number * FRAME_S - 0.06))
    out += heard.finish()
    assert out == b"".join(map(frame, range(50)))
    assert heard.duration_s == 1.0


def test_silence_stands_where_nothing_was_said() -> None:
    heard = Heard(RATE_HZ)
    out = heard.feed(frame(1), 2.0) + heard.feed(frame(2), 2.1) + heard.feed(frame(3), 5.0) + heard.finish()
    first, second = 2 * samples(2.0), 2 * samples(5.0)
    assert out[:first] == bytes(first)
    assert out[first:second] == (frame(1) + frame(2)).ljust(second - first, b"\0")
    assert out[second:] == frame(3)


def test_what_an_interruption_cut_off_was_not_heard() -> None:
    heard = Heard(RATE_HZ)
    out = heard.feed(b"".join(map(frame, range(1, 51))), 0.0) + heard.interrupt(0.4)
    assert out == b"".join(map(frame, range(1, 21)))
    assert heard.feed(frame(99), 0.41) == b""
    assert heard.finish() == frame(99)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 2000), st.booleans()), max_size=30))
def test_nothing_that_was_heard_is_lost_and_nothing_is_ahead_of_time(
    steps: list[tuple[float, int, bool]],
) -> None:
    heard, now_s, out, given_samples = Heard(RATE_HZ), 0.0, b"", 0
    for pause_s, count, interrupted in steps:
        now_s += pause_s
        out += heard.feed(b"\1\0" * count, now_s)
        given_samples += count
        if interrupted:
            out += heard.interrupt(now_s)
        assert len(out) // 2 <= max(now_s, heard.duration_s) * RATE_HZ + 1
    out += heard.finish()
    said = out.count(b"\1\0")
    assert said <= given_samples
    if not any(interrupted for _, _, interrupted in steps):
        assert said == given_samples
    assert len(out) == 2 * round(heard.duration_s * RATE_HZ)
    assert heard.duration_s <= now_s + LATE_S + given_samples / RATE_HZ


# What is said.


def write_wav(path: Path, rate_hz: int, channels: int, samples: np.ndarray[Any, Any]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_recording_becomes_what_agents_hear(tmp_path: Path, rate_hz: int, channels: int) -> None:
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    pcm = read_wav(write_wav(tmp_path / "tone.wav", rate_hz, channels, np.repeat(tone, channels)))
    heard = np.frombuffer(pcm, dtype="<i2").astype(float)
    assert len(heard) == RATE_HZ
    spectrum = np.abs(np.fft.rfft(heard))
    assert int(spectrum.argmax()) == 440
    assert 7000 < np.abs(heard[1000:-1000]).max() < 9000


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "no WAV file"), (b"ID3 music", "no WAV file"), (b"not a recording at all", "This is not a WAV")],
)
def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=told):
        read_wav(path)
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        read_wav(tmp_path / "missing.wav")
    with pytest.raises(InvalidRequest, match="cannot be read: Is a directory"):
        read_wav(tmp_path)


# Calls.


class Kept:
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        self.pcm = b""

    async def write(self, pcm: bytes) -> None:
        self.pcm += pcm

    async def finish(self) -> None: ...

    def close(self) -> None: ...


class Held:
    """What came of a call: events with their times, the audio, and how long it took."""

    def __init__(self) -> None:
        self.told: list[tuple[ConversationEvent, float]] = []
        self.pcm = b""
        self.lasted_s = 0.0

    def at(self, kind: type) -> list[float]:
        return [round(at_s, 2) for event, at_s in self.told if isinstance(event, kind)]


async def hold(script: Script, said: bytes = b"", *, wait_s: float = 4.0, at_once: bool = False) -> Held:
    async def whole(wire: Wire) -> None:
        await wire.heard()
        await wire.tell(type="agent_ready")
        await script(wire)

    held, output, clock = Held(), Kept(), LoopClock()
    async with servers(whole) as at:
        conversation = await Conversation.begin(await at.dial(), "jwt")
        began_s = clock.now_s()
        end = Recorded(said, clock)
        call = Call(conversation, end, output, lambda event, at_s: held.told.append((event, at_s)), clock)
        try:
            await call.run(wait_s, at_once=at_once)
        finally:
            held.lasted_s = clock.now_s() - began_s
            held.pcm = output.pcm
    return held


async def speak(wire: Wire, seconds: float) -> None:
    for _ in range(int(seconds / FRAME_S)):
        await wire.tell(frame(7))
        await asyncio.sleep(FRAME_S)


async def hear(wire: Wire, counts: list[int]) -> None:
    """Note at which frame of the microphone the caller was heard for the first time, and for the last."""
    number = 0
    while True:
        if any(await wire.heard()):
            counts.append(number)
        number += 1


@pytest.mark.virtual_time
async def test_the_caller_lets_the_greeting_end_and_hangs_up_after_a_silence() -> None:
    counts: list[int] = []

    async def script(wire: Wire) -> None:
        hearing = asyncio.create_task(hear(wire, counts))
        try:
            await speak(wire, 1.0)
            await hearing
        finally:
            hearing.cancel()

    held = await hold(script, frame(9) * 50, wait_s=3.0)
    began_s, ended_s = counts[0] * FRAME_S, counts[-1] * FRAME_S
    assert len(counts) == 50
    assert 1.0 + PAUSE_S - 0.1 <= began_s <= 1.0 + PAUSE_S + 0.1
    assert ended_s + 2.9 <= held.lasted_s <= ended_s + 3.2
    assert held.pcm.rstrip(b"\0") == (frame(7) * 50).rstrip(b"\0")


@pytest.mark.parametrize(("at_once", "begins_s"), [(False, GREETING_S), (True, 0.0)])
@pytest.mark.virtual_time
async def test_an_agent_that_says_nothing_is_not_waited_for_forever(at_once: bool, begins_s: float) -> None:
    counts: list[int] = []
    held = await hold(lambda wire: hear(wire, counts), frame(9), wait_s=1.0, at_once=at_once)
    assert abs(counts[0] * FRAME_S - begins_s) <= 2 * FRAME_S
    assert begins_s + 1.0 <= held.lasted_s <= begins_s + 1.2
    assert held.pcm == b""


@pytest.mark.virtual_time
async def test_the_call_ends_when_the_agent_hangs_up_and_keeps_its_last_words() -> None:
    async def script(wire: Wire) -> None:
        await asyncio.sleep(1)
        for _ in range(3):
            await wire.tell(frame(7))
        await wire.tell(type="session_ended", reason="agent_disconnected")
        await wire.cut(1000)

    held = await hold(script, frame(9) * 500)
    assert held.at(Ended) == [1.0]
    assert held.lasted_s < 1.1
    assert held.pcm == bytes(2 * samples(1.0)) + frame(7) * 3


@pytest.mark.virtual_time
async def test_a_lost_call_is_told_and_keeps_what_was_heard() -> None:
    async def script(wire: Wire) -> None:
        await speak(wire, 1.0)
        await wire.cut()

    with pytest.raises(Interrupted):
        await hold(script)


@pytest.mark.virtual_time
async def test_an_interruption_cuts_what_was_not_heard() -> None:
    async def script(wire: Wire) -> None:
        for _ in range(3):
            await wire.tell(frame(7))
        await asyncio.sleep(FRAME_S)
        await wire.tell(type="interrupted")
        await wire.cut(1000)

    held = await hold(script)
    assert abs(len(held.pcm) - FRAME_BYTES) <= 2  # a sample, by the clock


# The report.

EVENTS: list[tuple[ConversationEvent, str]] = [
    (Transcript("what can you do"), "   1.5  you    what can you do\n"),
    (Transcript(""), "   1.5  you    (not understood)\n"),
    (AgentText(0, "A lot.\x1b[2J"), "   1.5  agent  A lot. [2J\n"),
    (BargeIn(), "   1.5         (you interrupted the agent)\n"),
    (TurnLatency(first_audio_ms=210.4), "   1.5         (first sound after 210 ms)\n"),
    (TurnLatency(), ""),
    (AudioMistake("stereo"), "   1.5         (the server says that your audio looks like stereo)\n"),
    (AudioDropped(), "   1.5         (audio came too fast, and some was dropped)\n"),
    (Ended("room_closed"), "   1.5         (hung up: room closed)\n"),
    (SpeechStarted(), ""),
    (Audio(b"x"), ""),
    (Told("agent_words", {"words": []}), ""),
]


@pytest.mark.parametrize(("event", "line"), EVENTS, ids=lambda value: type(value).__name__)
def test_what_is_written_of_an_event(
    capsys: pytest.CaptureFixture[str], event: ConversationEvent, line: str
) -> None:
    Report(as_json=False, quiet=False).tell(event, 1.5)
    assert capsys.readouterr().out == line
    Report(as_json=False, quiet=True).tell(event, 1.5)
    assert capsys.readouterr().out == ""


def test_events_as_json_have_the_names_of_the_wire(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=True, quiet=False)
    for event, _ in EVENTS:
        report.tell(event, 1.234)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"type": "transcript", "at_s": 1.23, "text": "what can you do"}
    assert lines[-1] == {"type": "agent_words", "at_s": 1.23, "words": []}
    assert [line["type"] for line in lines] == [
        *("transcript", "transcript", "agent_text", "interrupted", "turn_latency", "turn_latency"),
        *("audio_mistake", "audio_dropped", "session_ended", "speech_started", "agent_words"),
    ]
    assert report.summary() == "1 answer, the first sound after 210 ms at most"
    assert Report(as_json=False, quiet=False).summary() == "no answers"


# The sound card, on a stand-in for sounddevice that takes the same arguments.


class Stream:
    """What `sounddevice.RawStream` is to us."""

    made: list[Stream]

    def __init__(self, *, samplerate: int, channels: int, dtype: str, blocksize: int, callback: Any) -> None:
        self.options = (samplerate, channels, dtype, blocksize)
        self.calls: list[str] = []
        self._callback = callback
        Stream.made.append(self)

    def tick(self, recorded: bytes) -> bytes:
        played = bytearray(len(recorded))
        self._callback(memoryview(recorded), memoryview(played), len(recorded) // 2, None, None)
        return bytes(played)

    def __getattr__(self, name: str) -> Any:
        return lambda: self.calls.append(name)


class PortAudioError(Exception):
    """As sounddevice's."""


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    Stream.made = []
    module = ModuleType("sounddevice")
    vars(module).update(RawStream=Stream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.mark.usefixtures("sounddevice")
async def test_a_sound_card_plays_what_comes_and_gives_what_it_hears() -> None:
    card = SoundCard()
    (stream,) = Stream.made
    assert stream.options == (RATE_HZ, 1, "int16", FRAME_BYTES // 2)
    frames = card.frames()
    card.begin()
    card.play(frame(1) + frame(2)[:100])
    assert stream.tick(frame(5)) == frame(1)
    assert stream.tick(frame(6)) == frame(2)[:100].ljust(FRAME_BYTES, b"\0")
    assert [await anext(frames), await anext(frames)] == [frame(5), frame(6)]
    card.play(frame(3) * 10)
    card.hush()
    assert stream.tick(frame(7)) == bytes(FRAME_BYTES)
    assert not card.done
    await frames.aclose()
    card.close()
    assert stream.calls == ["start", "abort", "close"]


@pytest.mark.usefixtures("sounddevice")
async def test_what_waits_at_a_sound_card_has_a_bound() -> None:
    card = SoundCard()
    (stream,) = Stream.made
    for number in range(WAITING_FRAMES + 10):
        stream.tick(frame(number))
    await asyncio.sleep(0)
    frames = card.frames()
    assert await anext(frames) == frame(10)
    card.play(bytes(MAX_AHEAD_BYTES) + frame(1))
    card.play(frame(2))
    left = b"".join(stream.tick(frame(0)) for _ in range(MAX_AHEAD_BYTES // FRAME_BYTES))
    assert left.endswith(frame(1) + frame(2))
    assert stream.tick(frame(0)) == bytes(FRAME_BYTES)
    await frames.aclose()
    card.close()


async def test_no_device_is_told(sounddevice: ModuleType) -> None:
    def refuse(**_: object) -> None:
        raise PortAudioError

    vars(sounddevice)["RawStream"] = refuse
    with pytest.raises(ConfigurationError, match="no sound device"):
        SoundCard()


async def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'voxgate\[play\]'"):
        SoundCard()


async def test_a_missing_library_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(ConfigurationError, match="apt-get install libportaudio2"):
        SoundCard()
