"""Whose turn it is: the conversation as a pure machine.

Events go in, each with the time it happened; effects come out. No event is ever an error: one that is late
(a transcript of a dropped segment, a sentence of a cancelled reply) changes nothing.

Phases
    LISTENING   nobody replies; the caller may be speaking, or what was said may be on its way.
    REPLYING    one reply is being thought and spoken. Speech of the caller interrupts it once it was heard
                to go on for ``barge_in_ms``; anything shorter, a cough or an "mm-hm", is dropped.
    ENDING      the last words are being spoken; the caller is no longer heard.
    ENDED       nothing more happens.

A caller's turn may have several segments of speech. It closes when the caller is silent, every segment
has its transcript, and the silence has lasted: ``complete_ms`` after a text that sounds finished,
``trailing_ms`` after one that trails off, ``silence_ms`` otherwise; a model that judges the sound, where
there is one, has the say over the words. Words said before the agent's first
sound belong to the same turn as those before them: the caller was only taking a breath.

Invariants, kept whatever comes in and in whatever order
    1. At most one reply is alive at a time: a `Think` or a spoken notice comes only after the reply before
       it was spoken to its end or stopped.
    2. After `Stop` of a reply there is no `Say` of that reply.
    3. What the history says the agent said is what the caller heard of it: whole sentences that were
       played, and the part of the sentence that an interruption cut.
    4. Roles in the history alternate, and it never holds an empty message.
    5. Every reply ends: it is spoken to its end, stopped, or replaced by a notice. After `End` nothing
       comes out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from voxgate.conversation.completeness import Completeness, completeness

_FINISHED = 0.5
"""From this likelihood on, a model's word that the caller has finished is taken."""


class Role(StrEnum):
    """Who said a message of the history."""

    CALLER = "user"
    AGENT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When to take the turn and when to give it up; all in milliseconds.

    Attributes:
        complete_ms: silence after a text that sounds finished.
        silence_ms: silence after any other.
        trailing_ms: silence after one that trails off.
        barge_in_ms: speech of the caller that stops the agent.
        unclear_ms: speech that was not understood but is long enough to say so.
        interruptible: whether the caller can interrupt at all.
        phrases: whole phrases that the agent expects, lower case.
    """

    complete_ms: int = 200
    silence_ms: int = 500
    trailing_ms: int = 1200
    barge_in_ms: int = 200
    unclear_ms: int = 500
    interruptible: bool = True
    phrases: Collection[str] = frozenset()


# Events. ``now_ms`` is when it happened, on any monotonic clock.


@dataclass(frozen=True, slots=True)
class Began:
    """The session is up. ``greeting``, if any, is spoken first."""

    now_ms: float
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak at ``now_ms``: segment ``segment`` is being recognized."""

    now_ms: float
    segment: int


@dataclass(frozen=True, slots=True)
class SpeechGoesOn:
    """The caller has been heard to speak for ``spoken_ms`` of a segment that has not ended yet."""

    now_ms: float
    segment: int
    spoken_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller fell silent at ``now_ms`` (earlier than it was noticed)."""

    now_ms: float
    segment: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognized in a segment; empty when it was nothing."""

    now_ms: float
    segment: int
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A model has heard how a segment ends: how likely the caller has no more to say, 0 to 1."""

    now_ms: float
    segment: int
    finished: float


@dataclass(frozen=True, slots=True)
class Thought:
    """The next sentence of a reply."""

    now_ms: float
    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class ThoughtEnded:
    """A reply has no more sentences; with ``goodbye`` the session ends when they are spoken."""

    now_ms: float
    reply: int
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a reply has been heard: sentences before ``sentence`` whole, and so many characters of it.

    Whoever plays reports it before any event that may interrupt, and when a sentence has ended.
    """

    now_ms: float
    reply: int
    sentence: int
    characters: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A stage failed, and so did its retry. ``notice`` is what to tell the caller; empty says nothing."""

    now_ms: float
    notice: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that a `WakeAt` asked for has come."""

    now_ms: float


@dataclass(frozen=True, slots=True)
class Hangup:
    """The session is over for a reason outside the conversation."""

    now_ms: float


Event = (
    Began
    | SpeechStarted
    | SpeechGoesOn
    | SpeechStopped
    | Transcript
    | Judged
    | Thought
    | ThoughtEnded
    | Progress
    | Failed
    | Tick
    | Hangup
)


# Effects.


@dataclass(frozen=True, slots=True)
class Think:
    """Make a reply to the history, whose last message is the caller's; ``unclear`` when that is not known."""

    reply: int
    history: tuple[Message, ...]
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a sentence of a reply, after those said before."""

    reply: int
    sentence: int
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Fall silent at once and think no more about this reply."""

    reply: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget a segment: it was no turn."""

    segment: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at ``at_ms``; replaces the wish before."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class End:
    """The conversation is over."""


Effect = Think | Say | Stop | Drop | WakeAt | End


class Phase(Enum):
    """See the module's head."""

    LISTENING = auto()
    REPLYING = auto()
    ENDING = auto()
    ENDED = auto()


@dataclass(slots=True)
class _Reply:
    number: int
    sentences: list[str] = field(default_factory=list)
    whole: bool = False
    goodbye: bool = False
    heard_sentences: int = 0
    heard_characters: int = 0

    @property
    def spoken(self) -> bool:
        return self.whole and self.heard_sentences >= len(self.sentences)

    def heard(self) -> str:
        """What the caller heard of it, cut at the last whole word."""
        whole = self.sentences[: self.heard_sentences]
        if self.heard_sentences < len(self.sentences) and self.heard_characters > 0:
            sentence = self.sentences[self.heard_sentences]
            part = sentence[: self.heard_characters]
            if self.heard_characters < len(sentence) and not sentence[self.heard_characters].isspace():
                part = part.rpartition(" ")[0]
            whole = [*whole, part]
        return " ".join(piece.strip() for piece in whole if piece.strip())


@dataclass(slots=True)
class _CallerTurn:
    speaking: int | None = None
    speaking_since_ms: float = 0.0
    silent_since_ms: float = 0.0
    spoken_ms: float = 0.0
    awaited: set[int] = field(default_factory=set)
    texts: dict[int, str] = field(default_factory=dict)
    last_segment: int | None = None
    finished: bool | None = None

    @property
    def text(self) -> str:
        """Segments in the order in which they were spoken."""
        return " ".join(self.texts[segment] for segment in sorted(self.texts) if self.texts[segment])

    @property
    def empty(self) -> bool:
        return self.speaking is None and not self.awaited and not self.texts


class TurnMachine:
    """Runs one conversation. Give it events with `handle`; carry out the effects, in order."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._history: list[Message] = []
        self._phase = Phase.LISTENING
        self._turn = _CallerTurn()
        self._reply: _Reply | None = None
        self._replies = 0
        self._effects: list[Effect] = []

    @property
    def phase(self) -> Phase:
        """Where the conversation stands."""
        return self._phase

    @property
    def history(self) -> tuple[Message, ...]:
        """What was said and heard so far."""
        return tuple(self._history)

    def handle(self, event: Event) -> list[Effect]:
        """Take one event and return what is to be done, in order."""
        self._effects = []
        if self._phase is not Phase.ENDED:
            self._take(event)
            self._go_on(event.now_ms)
        return self._effects

    def _take(self, event: Event) -> None:
        match event:
            case Began(_, greeting):
                if greeting and self._reply is None:
                    self._speak_notice(greeting, goodbye=False)
            case SpeechStarted(now_ms, segment):
                self._caller_speaks(segment, now_ms)
            case SpeechGoesOn(_, segment, spoken_ms):
                if segment == self._turn.speaking and self._interrupts(spoken_ms):
                    self._interrupt()
            case SpeechStopped(now_ms, segment):
                self._caller_stops(segment, now_ms)
            case Transcript(_, segment, text):
                if segment in self._turn.awaited:
                    self._turn.awaited.discard(segment)
                    self._turn.texts[segment] = text.strip()
            case Judged(_, segment, finished):
                if segment == self._turn.last_segment:
                    self._turn.finished = finished >= _FINISHED
            case Thought(_, reply, text):
                self._say(reply, text)
            case ThoughtEnded(_, reply, goodbye):
                if self._reply is not None and self._reply.number == reply:
                    self._reply.whole, self._reply.goodbye = True, self._reply.goodbye or goodbye
            case Progress(_, reply, sentence, characters):
                self._note_progress(reply, sentence, characters)
            case Failed(_, notice):
                self._fail(notice)
            case Hangup():
                self._end()
            case Tick():
                pass

    # The caller.

    def _caller_speaks(self, segment: int, now_ms: float) -> None:
        if self._phase is Phase.ENDING or self._turn.speaking is not None:
            self._effects.append(Drop(segment))
            return
        self._turn.speaking, self._turn.speaking_since_ms = segment, now_ms

    def _caller_stops(self, segment: int, now_ms: float) -> None:
        turn = self._turn
        if turn.speaking != segment:
            return
        turn.speaking = None
        spoken_ms = max(0.0, now_ms - turn.speaking_since_ms)
        if self._phase is Phase.REPLYING and not self._interrupts(spoken_ms):
            self._effects.append(Drop(segment))
            return
        self._interrupt()
        turn.spoken_ms += spoken_ms
        turn.silent_since_ms = now_ms
        turn.awaited.add(segment)
        turn.last_segment, turn.finished = segment, None

    def _interrupts(self, spoken_ms: float) -> bool:
        return self._settings.interruptible and spoken_ms >= self._settings.barge_in_ms

    def _interrupt(self) -> None:
        reply = self._reply
        if self._phase is not Phase.REPLYING or reply is None:
            return
        self._close_reply(reply)
        self._effects.append(Stop(reply.number, interrupted=True))

    # The agent.

    def _say(self, number: int, text: str) -> None:
        reply = self._reply
        if reply is None or reply.number != number or reply.whole or not text.strip():
            return
        self._effects.append(Say(number, len(reply.sentences), text))
        reply.sentences.append(text)

    def _note_progress(self, number: int, sentence: int, characters: int) -> None:
        reply = self._reply
        if reply is None or reply.number != number:
            return
        # Only forward, and never beyond what was given out to be said.
        if (sentence, characters) > (reply.heard_sentences, reply.heard_characters):
            reply.heard_sentences = min(sentence, len(reply.sentences))
            reply.heard_characters = characters if sentence < len(reply.sentences) else 0

    def _close_reply(self, reply: _Reply) -> None:
        """Put what was heard into the history and let the caller have the floor."""
        heard = reply.heard()
        if heard:
            self._remember(Role.AGENT, heard)
        self._reply = None
        self._phase = Phase.LISTENING

    def _remember(self, role: Role, text: str) -> None:
        """Add to the history; two messages in a row of one speaker become one."""
        if self._history and self._history[-1].role is role:
            text = f"{self._history.pop().text} {text}"
        self._history.append(Message(role, text))

    def _new_reply(self) -> _Reply:
        self._replies += 1
        self._reply = _Reply(self._replies)
        self._phase = Phase.REPLYING
        return self._reply

    def _speak_notice(self, text: str, *, goodbye: bool) -> None:
        reply = self._new_reply()
        self._say(reply.number, text)
        reply.whole, reply.goodbye = True, goodbye

    def _fail(self, notice: str) -> None:
        if self._phase is Phase.ENDING:
            # Even the last words could not be spoken.
            self._end()
            return
        if self._reply is not None:
            number = self._reply.number
            self._close_reply(self._reply)
            self._effects.append(Stop(number, interrupted=False))
        if not notice.strip():
            self._end()
            return
        self._speak_notice(notice, goodbye=True)
        self._phase = Phase.ENDING

    def _end(self) -> None:
        if self._reply is not None:
            number = self._reply.number
            self._close_reply(self._reply)
            self._effects.append(Stop(number, interrupted=False))
        self._phase = Phase.ENDED
        self._effects.append(End())

    # What follows from where things stand.

    def _go_on(self, now_ms: float) -> None:
        reply = self._reply
        if reply is not None and reply.spoken and self._phase is not Phase.ENDED:
            goodbye = reply.goodbye
            self._close_reply(reply)
            if goodbye:
                self._end()
        if self._phase is Phase.LISTENING:
            self._close_turn(now_ms)

    def _close_turn(self, now_ms: float) -> None:
        turn = self._turn
        if turn.speaking is not None or turn.awaited or not turn.texts:
            return
        due_ms = turn.silent_since_ms + self._wait_ms(turn.text)
        if now_ms < due_ms:
            self._effects.append(WakeAt(due_ms))
            return
        text, spoken_ms = turn.text, turn.spoken_ms
        self._turn = _CallerTurn()
        if text:
            self._remember(Role.CALLER, text)
        elif spoken_ms < self._settings.unclear_ms:
            return
        reply = self._new_reply()
        self._effects.append(Think(reply.number, tuple(self._history), unclear=not text))

    def _wait_ms(self, text: str) -> int:
        if self._turn.finished is not None:
            return self._settings.complete_ms if self._turn.finished else self._settings.trailing_ms
        match completeness(text, self._settings.phrases):
            case Completeness.COMPLETE:
                return self._settings.complete_ms
            case Completeness.TRAILING:
                return self._settings.trailing_ms
            case Completeness.UNSURE:
                return self._settings.silence_ms
