"""A whole conversation in virtual time: scripted ears, a scripted mind, a voice that can be read back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from voxgate.audio.resample import Resampler
from voxgate.clock import LoopClock
from voxgate.conversation.recognizing import ScriptedRecognizer
from voxgate.conversation.session import Agent, EndReason, Session
from voxgate.conversation.thinking import Piece
from voxgate.conversation.turn import Message, TurnSettings
from voxgate.errors import EngineCrashed, ProviderDenied, ProviderUnavailable, VoxgateError
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.voice import VoiceName
from voxgate.testing.loudness import Loudness
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

pytestmark = pytest.mark.virtual_time

FRAME_S = 0.02
LOUD = tones("~" * 25, rate_hz=16_000)  # one second


class Mind:
    """Answers from a list; an exception is raised instead."""

    def __init__(self, *answers: str | VoxgateError | tuple[str, VoxgateError], pause_s: float = 0.0) -> None:
        self.answers, self.pause_s = list(answers), pause_s
        self.asked: list[tuple[Message, ...]] = []
        self.closed = 0

    async def think(
        self, history: Sequence[Message], *, unclear: bool = False
    ) -> AsyncGenerator[Piece, None]:
        self.asked.append(tuple(history))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            await asyncio.sleep(self.pause_s)
            text, error = answer if isinstance(answer, tuple) else (answer, None)
            if isinstance(text, VoxgateError):
                raise text
            for word in text.split(" "):
                yield Piece(word + " ")
            if error is not None:
                raise error
            yield Piece(goodbye="bye" in text)
        finally:
            self.closed += 1


@dataclass
class Line:
    session: Session
    mind: Mind
    frames: list[tuple[float, bytes]]
    events: list[tuple[str, dict[str, Any]]]
    receipts: list[Receipt]
    clock: LoopClock = field(default_factory=LoopClock)

    async def microphone(self, pcm: bytes) -> None:
        """Send what a microphone hears, in real time."""
        for begin in range(0, len(pcm), 640):
            self.session.hear(pcm[begin : begin + 640].ljust(640, b"\0"))
            await asyncio.sleep(FRAME_S)

    async def quiet(self, seconds: float) -> None:
        await self.microphone(bytes(int(seconds * 32_000)))

    def said(self) -> str:
        """What the agent's audio says, read back from its tones."""
        resampler = Resampler(16_000, 24_000)
        pcm = resampler.feed(b"".join(frame for _, frame in self.frames)) + resampler.flush()
        return read_back(pcm)

    def names(self) -> list[str]:
        return [name for name, _ in self.events]


@asynccontextmanager
async def line(
    mind: Mind,
    *,
    heard: Sequence[str | Exception] = ("hello",),
    voice: str = "plain",
    greeting: str = "",
    turn: TurnSettings | None = None,
) -> AsyncIterator[Line]:
    clock, receipts = LoopClock(), list[Receipt]()
    provider = ScriptedProvider(clock)
    speaker = Speaker(
        lambda utterance: [Candidate(provider, utterance, stand_in=False)],
        SpeechCache(0, 1),
        clock,
        [receipts.append],
    )
    frames: list[tuple[float, bytes]] = []
    events: list[tuple[str, dict[str, Any]]] = []

    async def send(frame: bytes) -> None:
        frames.append((clock.now_s(), frame))

    agent = Agent(
        voice=VoiceName("Local", "Test", voice),
        fallback_voice=VoiceName("Local", "Test", "plain"),
        tenant="a",
        language=None,
        greeting=greeting,
        notice="Oh no.",
        turn=turn or TurnSettings(),
        thinker=mind,
        recognizer=ScriptedRecognizer(list(heard), clock, delay_ms=50),
    )
    session = Session(
        agent, Loudness(), speaker, clock, send, lambda name, fields: events.append((name, fields))
    )
    try:
        session.begin()
        yield Line(session, mind, frames, events, receipts)
    finally:
        await session.aclose()
        await speaker.aclose()


async def test_a_question_is_answered_in_the_agents_voice() -> None:
    async with line(Mind("It is noon. Have lunch.")) as call:
        await call.quiet(0.5)
        await call.microphone(LOUD)
        await call.quiet(4)
    assert call.said().replace(" ", "") == "Itisnoon.Havelunch."
    assert call.session.transcript == [
        {"role": "user", "text": "hello"},
        {"role": "assistant", "text": "It is noon. Have lunch."},
    ]
    assert {receipt.outcome for receipt in call.receipts} == {Outcome.COMPLETED}
    assert call.names()[:4] == ["speech_started", "speech_stopped", "transcript", "agent_text"]


async def test_frames_leave_in_real_time_with_a_lead_that_does_not_drift() -> None:
    async with line(Mind("x"), greeting="a" * 100 + ".") as call:
        await call.quiet(6)
    times = [at_s for at_s, _ in call.frames]
    assert {len(frame) for _, frame in call.frames} == {640}
    assert len(times) >= 4.04 / FRAME_S
    for number, at_s in enumerate(times):
        ahead_s = (number + 1) * FRAME_S - (at_s - times[0])
        assert ahead_s <= 0.06 + 1e-6
        assert ahead_s >= 0.02 - 1e-6


async def test_latency_is_measured_stage_by_stage() -> None:
    async with line(Mind("Yes.")) as call:
        await call.quiet(0.5)
        await call.microphone(LOUD)
        await call.quiet(3)
    (stages,) = [fields for name, fields in call.events if name == "turn_latency"]
    # The offset is noticed after 160 ms of silence, the recognizer takes 50 ms, "hello" is complete.
    assert stages["transcript_ms"] <= stages["turn_closed_ms"] <= stages["first_text_ms"]
    assert 200 <= stages["first_audio_ms"] < 320


async def test_speaking_up_stops_the_agent_and_cuts_the_history() -> None:
    async with line(Mind("One two three four five six seven eight nine ten.", "Yes?")) as call:
        await call.quiet(0.5)
        await call.microphone(LOUD)
        await call.quiet(1.0)
        spoke_up_s = call.clock.now_s()
        await call.microphone(LOUD)
        stopped_s = max(at_s for at_s, _ in call.frames if at_s < spoke_up_s + 0.9)
        await call.quiet(2)
    assert stopped_s - spoke_up_s < 0.35
    assert "interrupted" in call.names()
    agent, user, again = (message["text"] for message in call.session.transcript[1:4])
    assert "One two three four five six seven eight nine ten.".startswith(agent)
    assert (user, again) == ("hello", "Yes?")
    # The history holds no word of which nothing was heard.
    heard = call.said().removesuffix("Yes?")
    assert heard.replace(" ", "").startswith(agent.replace(" ", ""))
    assert call.session.record.interruptions == 1
    assert call.mind.closed == 2


async def test_a_cough_does_not_stop_the_agent() -> None:
    async with line(Mind("One two three four five six seven.")) as call:
        await call.quiet(0.5)
        await call.microphone(LOUD)
        await call.quiet(0.8)
        await call.microphone(LOUD[: 32 * 120])
        await call.quiet(3)
    assert call.said().replace(" ", "") == "Onetwothreefourfivesixseven."
    assert "interrupted" not in call.names()


async def test_thinking_is_cancelled_when_the_caller_goes_on() -> None:
    async with line(Mind("Never said.", "Good."), heard=["book a table", "for two"]) as call:
        call.mind.pause_s = 1.0
        await call.quiet(0.5)
        await call.microphone(LOUD)
        await call.quiet(0.9)
        await call.microphone(LOUD)
        call.mind.pause_s = 0.0
        await call.quiet(3)
    assert call.said() == "Good."
    assert call.mind.asked[-1][-1].text == "book a table for two"


async def test_goodbye_ends_the_session_after_it_was_heard() -> None:
    async with line(Mind("Good bye.")) as call:
        await call.microphone(LOUD)
        await call.quiet(3)
        assert await call.session.ended is EndReason.AGENT_DISCONNECTED
    assert call.said() == "Good bye."


@pytest.mark.parametrize("error", [ProviderUnavailable("down"), ProviderDenied("no")])
async def test_a_model_that_stays_broken_is_told_and_ends_the_session(error: VoxgateError) -> None:
    async with line(Mind(error)) as call:
        await call.microphone(LOUD)
        await call.quiet(3)
        assert await call.session.ended is EndReason.AGENT_DISCONNECTED
    assert call.said().replace(" ", "") == "Ohno."
    assert len(call.mind.asked) == (2 if error.retryable else 1)


async def test_a_model_that_fails_once_is_asked_again() -> None:
    async with line(Mind(ProviderUnavailable("once"), "Fine.")) as call:
        await call.microphone(LOUD)
        await call.quiet(3)
    assert call.said() == "Fine."
    assert call.session.record.failures == 0


async def test_a_model_that_breaks_in_mid_reply_does_not_start_again() -> None:
    async with line(Mind(("First sentence. Second", ProviderUnavailable("cut")))) as call:
        await call.microphone(LOUD)
        await call.quiet(4)
    assert "Ohno." in call.said().replace(" ", "")
    assert len(call.mind.asked) == 1


async def test_a_broken_voice_is_tried_again_and_then_apologized_for_in_another() -> None:
    async with line(Mind("Hi."), voice="fail-0") as call:
        await call.microphone(LOUD)
        await call.quiet(3)
        assert await call.session.ended is EndReason.AGENT_DISCONNECTED
    assert call.said().replace(" ", "") == "Ohno."
    assert [receipt.outcome for receipt in call.receipts].count(Outcome.FAILED) == 2


async def test_a_recognizer_that_stays_broken_is_told() -> None:
    async with line(Mind("Hi."), heard=[EngineCrashed("gone")]) as call:
        await call.microphone(LOUD)
        await call.quiet(3)
        assert await call.session.ended is EndReason.AGENT_DISCONNECTED
    assert call.said().replace(" ", "") == "Ohno."


async def test_the_server_may_leave_when_the_agent_is_quiet() -> None:
    async with line(Mind("x"), greeting="Welcome to the line.") as call:
        await call.quiet(0.2)
        call.session.end_when_quiet(EndReason.SERVER_SHUTDOWN)
        assert not call.session.ended.done()
        await call.quiet(2)
        assert await call.session.ended is EndReason.SERVER_SHUTDOWN
    assert call.said().replace(" ", "") == "Welcometotheline."


async def test_wrong_audio_is_named_in_an_event() -> None:
    at = np.arange(48_000 * 3) / 48_000
    high_rate = (8000 * np.sin(2 * np.pi * 200 * at)).astype("<i2").tobytes()
    async with line(Mind("x")) as call:
        for begin in range(0, len(high_rate), 1920):
            call.session.hear(high_rate[begin : begin + 1920])
            await asyncio.sleep(FRAME_S)
    assert ("audio_mistake", {"looks_like": "rate"}) in call.events
