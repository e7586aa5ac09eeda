"""Ears: real workers, real (synthesized) speech."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.support.recognizer import PHRASES
from tests.support.speech import local_voice, say
from voxgate.clock import LoopClock
from voxgate.conversation.activity import VoiceActivity
from voxgate.conversation.hearing import Hearing, HearingEvent
from voxgate.conversation.microphone import WINDOW_BYTES
from voxgate.conversation.recognizing import (
    LocalRecognizer,
    Recognizer,
    ScriptedRecognizer,
    Segment,
    listen_command,
    listen_pool,
)
from voxgate.conversation.turn import SpeechGoesOn, SpeechStarted, SpeechStopped, Transcript
from voxgate.engines.process import WorkerCommand
from voxgate.errors import ConfigurationError, EngineCrashed, ProviderDenied, VoxgateError

GRAMMAR = f"#JSGF V1.0;\ngrammar g;\npublic <p> = {' | '.join(PHRASES)};\n"


@dataclass
class Ears:
    hearing: Hearing
    activity: VoiceActivity
    events: list[HearingEvent]
    failures: list[VoxgateError] = field(default_factory=list)

    async def hear(self, pcm: bytes) -> None:
        """Feed as fast as windows are judged, which is much faster than real time."""
        for begin in range(0, len(pcm) - WINDOW_BYTES + 1, WINDOW_BYTES):
            self.hearing.feed(pcm[begin : begin + WINDOW_BYTES])
            await asyncio.sleep(0.001)

    async def until(self, kind: type[HearingEvent], count: int = 1) -> None:
        async with asyncio.timeout(20):
            while sum(isinstance(event, kind) for event in self.events) < count:  # noqa: ASYNC110 - a list
                await asyncio.sleep(0.005)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Transcript)]


@asynccontextmanager
async def ears(recognizer: Recognizer) -> AsyncIterator[Ears]:
    clock = LoopClock()
    activity = VoiceActivity(clock)
    await activity.start()
    events: list[HearingEvent] = []
    failures: list[VoxgateError] = []
    hearing = Hearing(activity, recognizer, clock, events.append, failures.append)
    try:
        yield Ears(hearing, activity, events, failures)
    finally:
        await hearing.aclose()
        await activity.aclose()


@asynccontextmanager
async def pocketsphinx(grammar: str | None = GRAMMAR, workers: int = 1) -> AsyncIterator[LocalRecognizer]:
    pool = listen_pool(listen_command("pocketsphinx"), LoopClock(), workers=workers)
    await pool.start()
    try:
        yield LocalRecognizer(pool, grammar)
    finally:
        await pool.aclose()


SILENCE = bytes(16_000 * 2)


@pytest.mark.speech
async def test_commands_are_heard_and_understood() -> None:
    async with local_voice() as voice, pocketsphinx() as recognizer, ears(recognizer) as listener:
        for number, phrase in enumerate(PHRASES[:4], 1):
            await listener.hear(SILENCE + await say(voice, phrase) + SILENCE)
            await listener.until(Transcript, number)
    assert listener.texts == list(PHRASES[:4])
    kinds = [type(event) for event in listener.events if not isinstance(event, SpeechGoesOn)]
    assert kinds == [SpeechStarted, SpeechStopped, Transcript] * 4
    assert listener.failures == []


def segment_of(pcm: bytes) -> Segment:
    segment = Segment(1)
    for begin in range(0, len(pcm), WINDOW_BYTES):
        segment.add(pcm[begin : begin + WINDOW_BYTES])
    segment.end()
    return segment


@pytest.mark.speech
async def test_a_caller_is_heard_the_same_whoever_was_heard_before() -> None:
    noise = np.random.default_rng(3).normal(0, 1500, 16_000 * 3).astype("<i2").tobytes()
    learned = set()
    async with local_voice() as voice, pocketsphinx() as somebody:
        phrase = await say(voice, PHRASES[0])
        for before in (SILENCE, noise, phrase):
            await somebody.recognize(segment_of(before))
            caller = LocalRecognizer(somebody._pool, GRAMMAR)
            assert await caller.recognize(segment_of(phrase)) == PHRASES[0]
            learned.add(caller._mean)
    assert len(learned) == 1


async def test_noise_and_silence_are_no_speech() -> None:
    noise = np.random.default_rng(3).normal(0, 1500, 16_000 * 3).astype("<i2").tobytes()
    async with ears(ScriptedRecognizer(["never"], LoopClock())) as listener:
        await listener.hear(SILENCE + noise + SILENCE)
        await asyncio.sleep(0.3)
    assert listener.events == []


async def test_a_recognizer_that_fails_once_is_asked_again_and_gets_the_whole_segment() -> None:
    recognizer = ScriptedRecognizer([EngineCrashed("once"), "hello"], LoopClock())
    async with local_voice() as voice, ears(recognizer) as listener:
        await listener.hear(SILENCE + await say(voice, "Hello there, my friend") + SILENCE)
        await listener.until(Transcript)
    assert listener.texts == ["hello"]
    assert listener.failures == []
    assert recognizer.heard_ms[0] == recognizer.heard_ms[1] > 500


@pytest.mark.parametrize("error", [EngineCrashed("always"), ProviderDenied("no key")])
async def test_a_recognizer_that_goes_on_failing_is_reported_and_the_turn_is_told(
    error: VoxgateError,
) -> None:
    async with local_voice() as voice, ears(ScriptedRecognizer([error], LoopClock())) as listener:
        await listener.hear(SILENCE + await say(voice, "Hello there, my friend") + SILENCE)
        await listener.until(Transcript)
    assert listener.texts == [""]
    assert listener.failures == [error]


class StoppedClock(LoopClock):
    """Nobody who sleeps wakes before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def sleep(self, delay_s: float) -> None:
        await self.go.wait()


async def test_a_dropped_segment_says_nothing_more() -> None:
    clock = StoppedClock()
    async with local_voice() as voice, ears(ScriptedRecognizer(["late"], clock)) as listener:
        await listener.hear(SILENCE + await say(voice, "Hello there, my friend") + SILENCE)
        await listener.until(SpeechStopped)
        listener.hearing.drop(1)
        clock.go.set()
        for _ in range(20):
            await asyncio.sleep(0)
    assert listener.texts == []


async def test_the_detector_is_started_again_when_it_dies() -> None:
    async with local_voice() as voice, ears(ScriptedRecognizer(["ok"], LoopClock())) as listener:
        speech = SILENCE + await say(voice, "Hello there, my friend") + SILENCE
        worker = listener.activity._worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        await listener.hear(SILENCE)
        await asyncio.sleep(0.3)
        await listener.hear(speech)
        await listener.until(Transcript)
    assert listener.texts == ["ok"]
    assert listener.failures == []


async def test_a_detector_that_cannot_start_is_said_so() -> None:
    activity = VoiceActivity(LoopClock(), WorkerCommand("silero", ("/bin/false",)))
    with pytest.raises(EngineCrashed):
        await activity.start(timeout_s=0.5)


@pytest.mark.speech
async def test_a_recognizer_killed_in_mid_segment_loses_nothing() -> None:
    async with local_voice() as voice, pocketsphinx() as recognizer, ears(recognizer) as listener:
        await listener.hear(SILENCE + (await say(voice, PHRASES[0]))[: 16_000 * 2])
        await listener.until(SpeechStarted)
        for pid in recognizer._pool.pids:
            os.kill(pid, signal.SIGKILL)
        await listener.hear((await say(voice, PHRASES[0]))[16_000 * 2 :] + SILENCE)
        await listener.until(Transcript)
    assert listener.texts == [PHRASES[0]]


async def test_a_grammar_that_is_none_is_an_error_and_the_worker_lives_on() -> None:
    async with local_voice() as voice, pocketsphinx("nonsense") as recognizer, ears(recognizer) as listener:
        await listener.hear(SILENCE + await say(voice, "Hello there, my friend") + SILENCE)
        await listener.until(Transcript)
        assert isinstance(listener.failures[0], ConfigurationError)
        assert recognizer._pool.workers == 1


@pytest.mark.parametrize("engine", ["vosk", "whisper"])
def test_a_missing_model_is_named_and_never_looked_up(engine: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        listen_command(engine, tmp_path / "nowhere")
    with pytest.raises(ConfigurationError):
        listen_command(engine)
