"""Whatever happens in a conversation, in whatever order, the machine's invariants hold."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

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
    Role,
    Say,
    SpeechGoesOn,
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

texts = st.sampled_from(["", "yes", "book a table for", "what time is it", "goodbye"])
small = st.integers(0, 6)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), small),
        st.tuples(st.just("goes on"), small, st.integers(0, 400)),
        st.tuples(st.just("stop"), small),
        st.tuples(st.just("transcript"), small, texts),
        st.tuples(st.just("thought"), small, texts),
        st.tuples(st.just("thought ended"), small, st.booleans()),
        st.tuples(st.just("progress"), small, small, st.integers(0, 30)),
        st.tuples(st.just("failed"), texts),
        st.tuples(st.just("began"), texts),
        st.tuples(st.just("tick")),
        st.tuples(st.just("hangup")),
    ),
    max_size=60,
)
gaps_ms = st.integers(0, 1500)


def event_of(step: tuple[object, ...], now_ms: float) -> Event:
    match step:
        case "start", int(segment):
            return SpeechStarted(now_ms, segment)
        case "goes on", int(segment), int(spoken_ms):
            return SpeechGoesOn(now_ms, segment, spoken_ms)
        case "stop", int(segment):
            return SpeechStopped(now_ms, segment)
        case "transcript", int(segment), str(text):
            return Transcript(now_ms, segment, text)
        case "thought", int(reply), str(text):
            return Thought(now_ms, reply, text)
        case "thought ended", int(reply), bool(goodbye):
            return ThoughtEnded(now_ms, reply, goodbye)
        case "progress", int(reply), int(sentence), int(characters):
            return Progress(now_ms, reply, sentence, characters)
        case "failed", str(notice):
            return Failed(now_ms, notice)
        case "began", str(greeting):
            return Began(now_ms, greeting)
        case ("hangup",):
            return Hangup(now_ms)
    return Tick(now_ms)


class Watch:
    """Follows the effects and checks the invariants numbered in the machine's docstring."""

    def __init__(self, machine: TurnMachine) -> None:
        self.machine = machine
        self.alive: int | None = None
        self.stopped: set[int] = set()
        self.said: dict[int, list[str]] = {}
        self.ended = False

    def check(self, event: Event, effects: list[Effect]) -> None:
        assert not (self.ended and effects), "5: something came out after the end"
        for effect in effects:
            self.check_one(effect)
        if self.alive is not None and self.machine.phase in (Phase.LISTENING, Phase.ENDED):
            self.alive = None  # spoken to its end
        self.check_history()

    def check_one(self, effect: Effect) -> None:
        match effect:
            case Think(reply):
                # A reply spoken to its end leaves no trace but the next one's number.
                assert self.alive is None or self.alive < reply, "1: two replies at once"
                self.alive = reply
            case Say(reply, sentence, text):
                assert reply not in self.stopped, "2: spoken after it was stopped"
                self.alive = reply
                assert sentence == len(self.said.setdefault(reply, [])), "2: sentences out of order"
                self.said[reply].append(text)
            case Stop(reply):
                assert reply == self.alive, "1: stopped a reply that was not alive"
                self.stopped.add(reply)
                self.alive = None
            case End():
                self.ended = True
            case WakeAt() | Drop():
                pass

    def check_history(self) -> None:
        history = self.machine.history
        roles = [message.role for message in history]
        assert all(one is not other for one, other in pairwise(roles)), "4: roles"
        assert all(message.text.strip() for message in history), "4: empty message"
        everything_said = " ".join(" ".join(said) for said in self.said.values()).split()
        heard = " ".join(message.text for message in history if message.role is Role.AGENT).split()
        position = 0
        for word in heard:
            assert word in everything_said[position:], "3: the history has words that were not said"
            position = everything_said.index(word, position) + 1


@settings(max_examples=400, deadline=None)
@given(steps, st.data(), st.booleans())
def test_invariants(steps: list[tuple[object, ...]], data: st.DataObject, interruptible: bool) -> None:
    machine = TurnMachine(TurnSettings(interruptible=interruptible))
    watch, now_ms = Watch(machine), 0.0
    for step in steps:
        now_ms += data.draw(gaps_ms)
        event = event_of(step, now_ms)
        watch.check(event, machine.handle(event))
    watch.check(Hangup(now_ms), machine.handle(Hangup(now_ms)))
    assert watch.ended, "5: a hangup ends everything"
    assert machine.phase is Phase.ENDED


@given(st.lists(st.tuples(st.integers(100, 900), texts), min_size=1, max_size=8))
def test_every_turn_with_words_is_answered(segments: list[tuple[int, str]]) -> None:
    machine, now_ms, asked = TurnMachine(TurnSettings()), 0.0, []
    for number, (length_ms, text) in enumerate(segments):
        effects = machine.handle(SpeechStarted(now_ms, number))
        now_ms += length_ms
        effects += machine.handle(SpeechStopped(now_ms, number))
        effects += machine.handle(Transcript(now_ms, number, text))
        now_ms += 2000
        effects += machine.handle(Tick(now_ms))
        asked += [effect for effect in effects if isinstance(effect, Think)]
        if asked:
            machine.handle(ThoughtEnded(now_ms, asked[-1].reply))
        now_ms += 1
    spoken = " ".join(text for _, text in segments if text)
    heard = " ".join(message.text for message in machine.history if message.role is Role.CALLER)
    assert heard == spoken
