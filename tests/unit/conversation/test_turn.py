"""The turn machine, one situation at a time."""

from __future__ import annotations

import pytest

from voxgate.conversation.completeness import Completeness, completeness
from voxgate.conversation.turn import (
    Began,
    Drop,
    Effect,
    End,
    Event,
    Failed,
    Hangup,
    Message,
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


class Talk:
    """A machine and a shorthand for its events."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self.machine = TurnMachine(settings or TurnSettings())
        self.now_ms = 0.0
        self.segment = 0

    def do(self, event: Event) -> list[Effect]:
        return [effect for effect in self.machine.handle(event) if not isinstance(effect, WakeAt)]

    def caller_says(self, text: str, for_ms: float = 800) -> list[Effect]:
        """Speak, fall silent, be understood, and let the silence last."""
        self.segment += 1
        effects = self.do(SpeechStarted(self.now_ms, self.segment))
        self.now_ms += for_ms
        effects += self.do(SpeechGoesOn(self.now_ms, self.segment, for_ms))
        effects += self.do(SpeechStopped(self.now_ms, self.segment))
        effects += self.do(Transcript(self.now_ms + 100, self.segment, text))
        self.now_ms += 2000
        return effects + self.do(Tick(self.now_ms))

    def agent_says(self, reply: int, *sentences: str, goodbye: bool = False) -> list[Effect]:
        effects = []
        for sentence in sentences:
            effects += self.do(Thought(self.now_ms, reply, sentence))
        return effects + self.do(ThoughtEnded(self.now_ms, reply, goodbye))


def test_a_question_is_answered_and_the_answer_remembered_when_heard() -> None:
    talk = Talk()
    question = Message(Role.CALLER, "what time is it")
    assert talk.caller_says("what time is it") == [Think(1, (question,))]
    assert talk.agent_says(1, "It is noon.", "Lunch!") == [Say(1, 0, "It is noon."), Say(1, 1, "Lunch!")]
    assert list(talk.machine.history) == [question]
    assert talk.do(Progress(3000, 1, 2, 0)) == []
    assert talk.machine.phase is Phase.LISTENING
    assert list(talk.machine.history) == [question, Message(Role.AGENT, "It is noon. Lunch!")]


def test_the_greeting_comes_first_and_is_part_of_the_history() -> None:
    talk = Talk()
    assert talk.do(Began(0, "Hello.")) == [Say(1, 0, "Hello.")]
    talk.do(Progress(500, 1, 1, 0))
    assert talk.machine.history == (Message(Role.AGENT, "Hello."),)


def test_an_interruption_stops_the_reply_and_cuts_the_history_at_what_was_heard() -> None:
    talk = Talk()
    talk.caller_says("tell me a story")
    talk.agent_says(1, "Once upon a time.", "There was a dragon in a cave.")
    talk.do(Progress(3000, 1, 1, 15))
    assert talk.do(SpeechStarted(3100, 9)) == []
    assert talk.do(SpeechGoesOn(3299, 9, 199)) == []
    assert talk.do(SpeechGoesOn(3300, 9, 200)) == [Stop(1, interrupted=True)]
    assert talk.machine.history[-1] == Message(Role.AGENT, "Once upon a time. There was a")
    assert talk.agent_says(1, "More.") == []
    talk.do(SpeechStopped(3900, 9))
    talk.do(Transcript(4000, 9, "stop"))
    (think,) = talk.do(Tick(4200))
    assert isinstance(think, Think)
    assert think.history[-1] == Message(Role.CALLER, "stop")


def test_a_cough_does_not_stop_the_agent() -> None:
    talk = Talk()
    talk.caller_says("tell me a story")
    talk.agent_says(1, "Once upon a time.")
    assert talk.do(SpeechStarted(3000, 5)) == []
    assert talk.do(SpeechStopped(3150, 5)) == [Drop(5)]
    assert talk.do(Transcript(3200, 5, "mm")) == []
    assert talk.machine.phase is Phase.REPLYING


def test_silence_that_was_not_noticed_yet_does_not_count_as_speech() -> None:
    talk = Talk()
    talk.caller_says("tell me a story")
    talk.do(SpeechStarted(3000, 5))
    assert talk.do(SpeechGoesOn(3250, 5, 150)) == []
    assert talk.do(Tick(3300)) == []


def test_who_may_not_be_interrupted_is_not_and_what_was_said_in_between_is_dropped() -> None:
    talk = Talk(TurnSettings(interruptible=False))
    talk.do(Began(0, "Listen carefully."))
    assert talk.do(SpeechStarted(10, 1)) == []
    assert talk.do(SpeechGoesOn(5000, 1, 4990)) == []
    assert talk.do(SpeechStopped(5000, 1)) == [Drop(1)]


def test_words_before_the_first_sound_of_the_answer_belong_to_the_same_turn() -> None:
    talk = Talk()
    talk.caller_says("book a table")
    effects = talk.caller_says("for two people")
    merged = (Message(Role.CALLER, "book a table for two people"),)
    assert effects == [Stop(1, interrupted=True), Think(2, merged)]


@pytest.mark.parametrize(
    ("text", "wait_ms"), [("yes", 200), ("book a table", 500), ("book a table for", 1200)]
)
def test_how_long_silence_must_last_depends_on_how_finished_it_sounds(text: str, wait_ms: int) -> None:
    machine = TurnMachine(TurnSettings())
    machine.handle(SpeechStarted(0, 1))
    machine.handle(SpeechStopped(1000, 1))
    assert machine.handle(Transcript(1050, 1, text)) == [WakeAt(1000 + wait_ms)]
    assert machine.handle(Tick(1000 + wait_ms - 1)) == [WakeAt(1000 + wait_ms)]
    (think,) = machine.handle(Tick(1000 + wait_ms))
    assert isinstance(think, Think)


def test_a_late_transcript_closes_the_turn_at_once() -> None:
    machine = TurnMachine(TurnSettings())
    machine.handle(SpeechStarted(0, 1))
    machine.handle(SpeechStopped(1000, 1))
    (think,) = machine.handle(Transcript(9000, 1, "book a table"))
    assert isinstance(think, Think)


def test_going_on_before_the_turn_closes_adds_to_it_in_order() -> None:
    talk = Talk()
    talk.do(SpeechStarted(0, 1))
    talk.do(SpeechStopped(500, 1))
    talk.do(SpeechStarted(700, 2))
    talk.do(SpeechStopped(1200, 2))
    talk.do(Transcript(1250, 2, "for two"))
    assert talk.do(Transcript(1260, 1, "a table")) == []
    (think,) = talk.do(Tick(2000))
    assert isinstance(think, Think)
    assert think.history == (Message(Role.CALLER, "a table for two"),)


def test_long_speech_that_was_not_understood_gets_an_answer_and_a_bump_does_not() -> None:
    talk = Talk()
    assert talk.caller_says("", for_ms=900) == [Think(1, (), unclear=True)]
    other = Talk()
    assert other.caller_says("", for_ms=100) == []


def test_goodbye_ends_the_session_when_it_was_heard() -> None:
    talk = Talk()
    talk.caller_says("goodbye")
    talk.agent_says(1, "Bye.", goodbye=True)
    assert talk.do(Progress(4000, 1, 1, 0)) == [End()]
    assert talk.machine.phase is Phase.ENDED
    assert talk.caller_says("hello") == []


def test_a_failure_is_told_and_then_the_session_ends() -> None:
    talk = Talk()
    talk.caller_says("hello")
    effects = talk.do(Failed(3000, "Sorry, something broke."))
    assert effects == [Stop(1, interrupted=False), Say(2, 0, "Sorry, something broke.")]
    assert talk.do(SpeechStarted(3100, 7)) == [Drop(7)]
    assert talk.do(Progress(4000, 2, 1, 0)) == [End()]


def test_when_even_that_fails_it_ends_at_once() -> None:
    talk = Talk()
    talk.do(Failed(0, "Sorry."))
    assert talk.do(Failed(10, "Sorry.")) == [Stop(1, interrupted=False), End()]
    silent = Talk()
    assert silent.do(Failed(0, "")) == [End()]


def test_hanging_up_in_mid_reply_keeps_what_was_heard() -> None:
    talk = Talk()
    talk.caller_says("tell me a story")
    talk.agent_says(1, "Once upon a time.")
    talk.do(Progress(3000, 1, 0, 4))
    assert talk.do(Hangup(3001)) == [Stop(1, interrupted=False), End()]
    assert talk.machine.history[-1] == Message(Role.AGENT, "Once")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("turn on the light.", Completeness.COMPLETE),
        ("yes", Completeness.COMPLETE),
        ("turn it over", Completeness.UNSURE),
        ("turn it on", Completeness.COMPLETE),
        ("i would like to", Completeness.TRAILING),
        ("well...", Completeness.TRAILING),
        ("", Completeness.UNSURE),
        ("آپ کیسے ہیں؟", Completeness.COMPLETE),
    ],
)
def test_completeness(text: str, expected: Completeness) -> None:
    phrases = {"turn it on"} if text == "turn it on" else set()
    assert completeness(text, phrases) is expected
