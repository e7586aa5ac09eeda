"""One conversation: carries events to the turn machine and its effects to hearing, thinking and speaking.

The session knows nothing of the wire: microphone bytes come in through `Session.hear`, frames go out
through ``send``, and what happens is told to ``on_event``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog

from voxgate.clock import Clock
from voxgate.conversation.activity import Judges
from voxgate.conversation.finishing import Finisher
from voxgate.conversation.hearing import Hearing, HearingEvent
from voxgate.conversation.microphone import BYTES_PER_MS, Microphone
from voxgate.conversation.mouth import Heard, Mouth
from voxgate.conversation.recognizing import Recognizer
from voxgate.conversation.thinking import Thinker
from voxgate.conversation.turn import (
    Began,
    Drop,
    Effect,
    End,
    Event,
    Failed,
    Hangup,
    Phase,
    Progress,
    Say,
    SpeechStarted,
    SpeechStopped,
    Stop,
    Think,
    Thought,
    ThoughtEnded,
    Tick,
    Transcript,
    TurnMachine,
    TurnSettings,
    WakeAt,
)
from voxgate.errors import VoxgateError
from voxgate.providers.contract import WordTime
from voxgate.speech.markup import MarkdownStripper
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

log = structlog.get_logger()

LAST_WORDS_S = 15.0
"""How long a session that failed may take to say so."""


class EndReason(StrEnum):
    """Why a session ended; the only three values clients know (source: WorkBuddy docs, WebSocket page)."""

    AGENT_DISCONNECTED = "agent_disconnected"
    ROOM_CLOSED = "room_closed"
    SERVER_SHUTDOWN = "server_shutdown"


@dataclass(frozen=True)
class Agent:
    """What a session's agent is made of.

    Attributes:
        voice: it speaks with.
        fallback_voice: it apologizes with, when its own is broken.
        tenant: whose session it is.
        language: of its speech, BCP-47.
        greeting: said first; empty says nothing.
        notice: said when something broke for good.
        turn: when to take the turn.
        thinker: makes replies.
        recognizer: understands the caller.
        finisher: judges by the sound whether the caller has finished, where there is one.
    """

    voice: VoiceName
    fallback_voice: VoiceName
    tenant: str
    language: str | None
    greeting: str
    notice: str
    turn: TurnSettings
    thinker: Thinker
    recognizer: Recognizer
    finisher: Finisher | None = None


@dataclass
class TurnTimes:
    """When what happened in a turn, in milliseconds of one clock; None for what did not."""

    speech_end: float | None = None
    transcript: float | None = None
    turn_closed: float | None = None
    first_text: float | None = None
    first_audio: float | None = None

    def stages(self) -> dict[str, float]:
        """Milliseconds from the end of the caller's speech to each stage that was reached."""
        if self.speech_end is None:
            return {}
        return {
            f"{name}_ms": round(at - self.speech_end, 1)
            for name, at in vars(self).items()
            if at is not None and name != "speech_end"
        }


@dataclass
class SessionRecord:
    """What became of a session; no text, no audio.

    Attributes:
        turns: replies that were begun.
        interruptions: replies that the caller cut.
        failures: stages that failed for good.
        latencies_ms: from end of speech to first audio, one for each answered turn.
        heard_ms: audio taken from the microphone.
        dropped_ms: audio that came too fast and was not taken.
    """

    turns: int = 0
    interruptions: int = 0
    failures: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    heard_ms: float = 0.0
    dropped_ms: float = 0.0


class Session:
    """Runs one conversation until it ends.

    Args:
        agent: who speaks.
        activity: tells speech from noise.
        speaker: makes speech.
        clock: time.
        send: takes each 20 ms frame of the agent's voice; waits while the client does not read.
        on_event: told what happens, for clients that want to know: a name and its fields.
    """

    def __init__(
        self,
        agent: Agent,
        activity: Judges,
        speaker: Speaker,
        clock: Clock,
        send: Callable[[bytes], Awaitable[None]],
        on_event: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._agent, self._clock, self._tell = agent, clock, on_event
        self.record = SessionRecord()
        self.ended: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._reason = EndReason.AGENT_DISCONNECTED
        self._machine = TurnMachine(agent.turn)
        self._microphone = Microphone()
        self._thinking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reply: int | None = None
        self._times = TurnTimes()
        self._failing = False
        self._leaving: EndReason | None = None
        self._mouth = Mouth(
            speaker,
            clock,
            send,
            on_heard=self._on_heard,
            on_first_frame=self._on_first_frame,
            on_sentence=self._on_sentence,
            on_words=self._on_words,
            on_failure=self._on_failure,
        )
        self._hearing = Hearing(
            activity, agent.recognizer, clock, self._on_hearing, self._on_failure, agent.finisher
        )

    @property
    def transcript(self) -> list[dict[str, str]]:
        """What was said and heard, for whoever was asked to keep it."""
        return [{"role": message.role.value, "text": message.text} for message in self._machine.history]

    def begin(self) -> None:
        """Let the agent speak first, if it has something to say."""
        self._handle(Began(self._now_ms(), self._agent.greeting))

    def hear(self, data: bytes) -> None:
        """Take a message of the microphone: s16le mono PCM at 16 kHz, of any length."""
        if self.ended.done():
            return
        now_ms = self._now_ms()
        self.record.heard_ms += len(data) / BYTES_PER_MS
        dropped_before = self._microphone.dropped_ms
        for window in self._microphone.feed(data, now_ms):
            self._hearing.feed(window)
        self.record.dropped_ms = self._microphone.dropped_ms
        if self._microphone.dropped_ms > 0 and dropped_before == 0:
            log.warning("microphone_too_fast")
            self._tell("audio_dropped", {})
        if (mistake := self._microphone.judge(now_ms)) is not None:
            log.warning("microphone_audio_is_wrong", looks_like=mistake.value)
            self._tell("audio_mistake", {"looks_like": mistake.value})

    def end(self, reason: EndReason) -> None:
        """End the session for a reason outside the conversation."""
        self._reason = reason
        self._handle(Hangup(self._now_ms()))

    def end_when_quiet(self, reason: EndReason) -> None:
        """End the session as soon as the agent is not speaking."""
        self._leaving = reason
        self._leave_if_quiet()

    def _leave_if_quiet(self) -> None:
        if self._leaving is not None and self._machine.phase is Phase.LISTENING:
            self.end(self._leaving)

    async def aclose(self) -> None:
        """Stop everything; the session is over when this returns."""
        self.end(EndReason.ROOM_CLOSED)
        self._cancel_timer()
        thinking = self._cancel_thinking()
        if thinking is not None:
            await asyncio.gather(thinking, return_exceptions=True)
        await self._mouth.aclose()
        await self._hearing.aclose()

    # What happens.

    def _now_ms(self) -> float:
        return self._clock.now_s() * 1000

    def _on_hearing(self, event: HearingEvent) -> None:
        match event:
            case SpeechStarted():
                self._tell("speech_started", {})
            case SpeechStopped(at_ms):
                self._times = TurnTimes(speech_end=at_ms)
                self._tell("speech_stopped", {})
            case Transcript(at_ms, _, text):
                self._times.transcript = at_ms
                self._tell("transcript", {"text": text})
        self._handle(event)
        if isinstance(event, SpeechStopped):
            # Its own time lies a moment back; what follows from the present is asked for as well.
            self._handle(Tick(self._now_ms()))

    def _on_heard(self, heard: Heard) -> None:
        if self._reply is not None:
            self._handle(Progress(self._now_ms(), self._reply, heard.sentence, heard.characters))

    def _on_first_frame(self) -> None:
        if self._times.first_audio is None and self._times.speech_end is not None:
            self._times.first_audio = self._now_ms()
            stages = self._times.stages()
            self.record.latencies_ms.append(stages["first_audio_ms"])
            self._tell("turn_latency", stages)

    def _on_sentence(self, sentence: int, text: str) -> None:
        self._tell("agent_text", {"sentence": sentence, "text": text})

    def _on_words(self, sentence: int, words: tuple[WordTime, ...]) -> None:
        times = [
            {"start": word.text_start, "length": word.text_length, "at_ms": round(word.at_s * 1000)}
            for word in words
        ]
        self._tell("agent_words", {"sentence": sentence, "words": times})

    def _on_failure(self, error: VoxgateError) -> None:
        """A stage failed for good: say so, where speech still works, and end."""
        self.record.failures += 1
        self._failing = True
        log.warning("session_stage_failed", code=error.code)
        self._handle(Failed(self._now_ms(), self._agent.notice))
        if not self.ended.done():
            self._wake_at(self._now_ms() + LAST_WORDS_S * 1000, self._give_up)

    def _give_up(self) -> None:
        self._handle(Hangup(self._now_ms()))

    # What to do.

    def _handle(self, event: Event) -> None:
        if self._reply is not None and not isinstance(event, Progress):
            # What was heard so far must be known before anything that may interrupt.
            heard = self._mouth.heard()
            progress = Progress(self._now_ms(), self._reply, heard.sentence, heard.characters)
            self._carry_out(self._machine.handle(progress))
        self._carry_out(self._machine.handle(event))

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(reply, sentence, text):
                    self._say(reply, sentence, text)
                case Think():
                    self._think(effect)
                case Stop(_, interrupted):
                    self._stop(interrupted)
                case Drop(segment):
                    self._hearing.drop(segment)
                case WakeAt(at_ms):
                    self._wake_at(at_ms, self._tick)
                case End():
                    self._end()
        if self._machine.phase is Phase.LISTENING:
            self._reply = None  # spoken to its end, or stopped
            self._leave_if_quiet()

    def _say(self, reply: int, sentence: int, text: str) -> None:
        if reply != self._reply:
            self._reply = reply
            self._mouth.stop()
        voice = self._agent.fallback_voice if self._failing else self._agent.voice
        self._mouth.say(
            sentence, Utterance(text.strip(), voice, self._agent.tenant, language=self._agent.language)
        )

    def _think(self, effect: Think) -> None:
        self._reply = effect.reply
        self._mouth.stop()
        self.record.turns += 1
        self._times.turn_closed = self._now_ms()
        self._cancel_thinking()
        self._thinking = asyncio.create_task(self._reply_to(effect), name="thinking")

    def _stop(self, interrupted: bool) -> None:
        self._cancel_thinking()
        self._mouth.stop()
        self._reply = None
        if interrupted:
            self.record.interruptions += 1
            self._tell("interrupted", {})

    def _end(self) -> None:
        self._cancel_timer()
        self._cancel_thinking()
        if not self.ended.done():
            self.ended.set_result(self._reason)

    def _wake_at(self, at_ms: float, callback: Callable[[], None]) -> None:
        if self._failing and callback == self._tick:
            return  # the last words have a deadline of their own
        self._cancel_timer()
        delay_s = max(0.0, at_ms / 1000 - self._clock.now_s())
        self._timer = asyncio.get_running_loop().call_later(delay_s, callback)

    def _tick(self) -> None:
        self._timer = None
        self._handle(Tick(self._now_ms()))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel_thinking(self) -> asyncio.Task[None] | None:
        thinking, self._thinking = self._thinking, None
        if thinking is not None and thinking is not asyncio.current_task():
            thinking.cancel()
            return thinking
        return None

    async def _reply_to(self, effect: Think) -> None:
        """Make a reply, once more if the first attempt fails before its first sentence."""
        for attempt in (1, 2):
            sentences = _Sentences(self._agent.language)
            try:
                await self._write_reply(effect, sentences)
                return
            except VoxgateError as error:
                log.warning("thinking_failed", code=error.code, attempt=attempt)
                if sentences.given or not error.retryable or attempt == 2:
                    self._thinking = None
                    self._on_failure(error)
                    return

    async def _write_reply(self, effect: Think, sentences: _Sentences) -> None:
        goodbye = False
        async with aclosing(self._agent.thinker.think(effect.history, unclear=effect.unclear)) as pieces:
            async for piece in pieces:
                goodbye = goodbye or piece.goodbye
                for sentence in sentences.feed(piece.text):
                    self._thought(effect.reply, sentence)
        for sentence in sentences.rest():
            self._thought(effect.reply, sentence)
        self._thinking = None
        self._handle(ThoughtEnded(self._now_ms(), effect.reply, goodbye))

    def _thought(self, reply: int, sentence: str) -> None:
        if self._times.first_text is None:
            self._times.first_text = self._now_ms()
        self._handle(Thought(self._now_ms(), reply, sentence))


class _Sentences:
    """Cuts a model's text into sentences fit to be spoken."""

    def __init__(self, language: str | None) -> None:
        self._buffer, self._stripper = SentenceBuffer(language), MarkdownStripper()
        self.given = False

    def feed(self, text: str) -> list[str]:
        return self._fit(self._buffer.feed(text)) if text else []

    def rest(self) -> list[str]:
        return self._fit(self._buffer.flush())

    def _fit(self, pieces: list[str]) -> list[str]:
        sentences = [stripped for piece in pieces if speakable(stripped := self._stripper.feed(piece))]
        self.given = self.given or bool(sentences)
        return sentences
