"""Whatever happens on an Uplift connection, in whatever order, the machine's invariants hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from voxgate.errors import EngineCrashed, InvalidVoice, RateLimited
from voxgate.protocols.uplift.connection import CHUNK_BYTES, ConnectionSettings, UpliftConnection
from voxgate.protocols.uplift.events import (
    Admit,
    Admitted,
    ClientGone,
    Close,
    Ended,
    Event,
    Failed,
    Made,
    Opened,
    Received,
    Refund,
    Refused,
    Send,
    ServerClosed,
    ServerClosing,
    Speak,
    Stop,
)
from voxgate.protocols.uplift.messages import (
    Audio,
    AudioEnd,
    AudioStart,
    Cancel,
    Code,
    Error,
    Kind,
    Ready,
    ServerMessage,
    Synthesize,
    Wrong,
)

SETTINGS = ConnectionSettings(
    max_running=3,
    synthesize_per_minute=12,
    cancel_per_minute=6,
    max_characters=40,
    max_waiting_characters=100,
)
IDS = [f"id{number}" for number in range(8)]
audio = st.integers(0, 3 * CHUNK_BYTES // 2).map(lambda samples: bytes(2 * samples))
which = st.integers(0, 30)


@dataclass
class Heard:
    """What the client has heard of one accepted request."""

    number: int
    request_id: str
    characters: int
    stage: str = "judged"
    made: int = 0
    messages: list[ServerMessage] = field(default_factory=list)
    refunded: bool = False

    @property
    def pieces(self) -> list[Audio]:
        return [message for message in self.messages if isinstance(message, Audio)]


class UpliftConnectionMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.machine = UpliftConnection(SETTINGS)
        self.now_s = 0.0
        self.alive: dict[int, Heard] = {}
        self.over: dict[int, Heard] = {}
        self.order: list[int] = []
        self.begun: list[int] = []
        self.used: set[str] = set()
        self.heeded: dict[Kind, list[float]] = {Kind.SYNTHESIZE: [], Kind.CANCEL: []}
        self.leaving = self.closed = False

    # Steps.

    @initialize()
    def open(self) -> None:
        assert self.machine.handle(Opened("session_1")) == [Send(Ready("session_1"))]

    @rule(delay_s=st.sampled_from([0.0, 0.5, 7.0, 29.9, 60.0]))
    def time_passes(self, delay_s: float) -> None:
        self.now_s += delay_s

    @rule(request_id=st.sampled_from(IDS) | st.uuids().map(str), length=st.integers(1, 45))
    def synthesize(self, request_id: str, length: int) -> None:
        refused = self.is_too_often(Kind.SYNTHESIZE)
        line = [each.characters for each in self.alive.values() if each.stage != "running"]
        full = bool(line) and sum(line) + length > SETTINGS.max_waiting_characters
        answers = self.tell(Received(self.now_s, Synthesize(request_id, "x" * length)))
        if self.closed:
            return
        if refused:
            assert [code(answer) for answer in answers] == [Code.RATE_LIMIT_EXCEEDED], "4: not refused"
        elif request_id in self.used:
            assert [code(answer) for answer in answers] == [Code.DUPLICATE_REQUEST], "5: taken twice"
        elif length > SETTINGS.max_characters:
            assert [code(answer) for answer in answers] == [Code.TEXT_TOO_LONG]
        elif self.leaving:
            assert [code(answer) for answer in answers] == [Code.SYNTHESIS_FAILED]
        elif full:
            assert [code(answer) for answer in answers] == [Code.RATE_LIMIT_EXCEEDED]
        else:
            assert not answers
            self.used.add(request_id)

    @rule(request_id=st.sampled_from(IDS), data=st.data())
    def cancel(self, request_id: str, data: st.DataObject) -> None:
        if data.draw(st.booleans()) and self.alive:
            request_id = data.draw(st.sampled_from(sorted(each.request_id for each in self.alive.values())))
        refused = self.is_too_often(Kind.CANCEL)
        target = next((each for each in self.alive.values() if each.request_id == request_id), None)
        answers = self.tell(Received(self.now_s, Cancel(request_id)))
        if self.closed:
            return
        if refused:
            assert [code(answer) for answer in answers] == [Code.RATE_LIMIT_EXCEEDED], "4: not refused"
            assert target is None or target.number in self.alive, "4: heeded all the same"
        else:
            assert not answers
            assert target is None or target.number in self.over, "a cancel was not heeded"

    @rule(kind=st.sampled_from(Kind), request_id=st.none() | st.sampled_from(IDS))
    def send_nonsense(self, kind: Kind, request_id: str | None) -> None:
        refused = kind is not Kind.UNKNOWN and self.is_too_often(kind)
        answers = self.tell(Received(self.now_s, Wrong(kind, request_id, "nonsense")))
        if not self.closed:
            expected = Code.RATE_LIMIT_EXCEEDED if refused else Code.SYNTHESIS_FAILED
            assert [(answer.request_id, answer.code) for answer in answers] == [(request_id, expected)]

    @rule(pick=which)
    def admit(self, pick: int) -> None:
        self.tell(Admitted(self.number(pick)))

    @rule(pick=which, error=st.sampled_from([InvalidVoice("no such voice"), RateLimited("enough for today")]))
    def refuse(self, pick: int, error: InvalidVoice | RateLimited) -> None:
        number = self.number(pick)
        judged = self.alive.get(number)
        self.tell(Refused(number, error))
        if judged is not None and judged.stage == "judged" and number in self.over:
            self.used.discard(judged.request_id)
            assert code(judged.messages[-1]) in (Code.SYNTHESIS_FAILED, Code.RATE_LIMIT_EXCEEDED)

    @rule(pick=which, piece=audio)
    def make(self, pick: int, piece: bytes) -> None:
        number = self.number(pick)
        running = self.running(number)
        self.tell(Made(number, piece))
        if running is not None and not self.closed:
            running.made += len(piece)
            assert sum(len(each.audio) for each in running.pieces) == running.made, "audio was lost"

    @rule(pick=which, piece=audio)
    def end(self, pick: int, piece: bytes) -> None:
        number = self.number(pick)
        running = self.running(number)
        self.tell(Ended(number, piece))
        if running is not None:
            assert number in self.over
            end = running.messages[-1]
            assert isinstance(end, AudioEnd if running.made + len(piece) else Error)

    @rule(pick=which)
    def fail(self, pick: int) -> None:
        number = self.number(pick)
        running = self.running(number)
        self.tell(Failed(number, EngineCrashed("it fell over")))
        if running is not None:
            assert number in self.over
            assert code(running.messages[-1]) is Code.SYNTHESIS_FAILED

    @precondition(lambda self: not self.leaving and len(self.order) > 4)
    @rule()
    def begin_to_leave(self) -> None:
        self.leaving = True
        self.tell(ServerClosing())

    @precondition(lambda self: self.leaving)
    @rule()
    def leave(self) -> None:
        self.tell(ServerClosed())
        assert self.closed

    @precondition(lambda self: len(self.order) > 6)
    @rule()
    def go(self) -> None:
        self.tell(ClientGone())
        assert not self.alive
        self.closed = True

    # What must hold.

    @invariant()
    def no_more_run_than_may(self) -> None:
        running = [each for each in self.alive.values() if each.stage == "running"]
        assert len(running) <= SETTINGS.max_running, "3: too many run"
        assert self.closed or self.machine.running == len(running)

    @invariant()
    def they_begin_in_order(self) -> None:
        assert self.begun == sorted(self.begun), "3: out of turn"
        first_judged = min((n for n, each in self.alive.items() if each.stage == "judged"), default=10**9)
        running = sum(each.stage == "running" for each in self.alive.values())
        idle = [n for n, each in self.alive.items() if each.stage == "waiting" and n < first_judged]
        assert not idle or running == SETTINGS.max_running, "3: a place is left empty"

    @invariant()
    def messages_are_in_order(self) -> None:
        for heard in (*self.alive.values(), *self.over.values()):
            pieces = heard.pieces
            assert [piece.sequence for piece in pieces] == list(range(len(pieces))), "1: a gap"
            assert all(0 < len(piece.audio) <= CHUNK_BYTES for piece in pieces)
            kinds = Counter(type(message) for message in heard.messages)
            assert kinds[AudioStart] == bool(pieces), "1: no start, or two"
            assert not pieces or isinstance(heard.messages[0], AudioStart), "1: the start is not first"
            assert kinds[AudioEnd] + kinds[Error] <= 1, "2: two ends"

    @invariant()
    def it_leaves_when_all_is_said(self) -> None:
        assert not (self.leaving and not self.alive) or self.closed

    def teardown(self) -> None:
        self.tell(ClientGone())
        assert not self.alive, "2: something never ended"
        for heard in self.over.values():
            refused = any(isinstance(message, Error) for message in heard.messages[:1])
            assert heard.refunded <= (not heard.pieces), "6: something was heard for nothing"
            assert heard.pieces or heard.refunded or refused, "6: nothing was heard, and it cost"

    # Follows the effects.

    def tell(self, event: Event) -> list[Error]:
        """Give the machine an event; returns its answers to messages that it did not take."""
        if isinstance(event, Admitted) and (judged := self.alive.get(event.request)):
            judged.stage = "waiting" if judged.stage == "judged" else judged.stage
        effects = self.machine.handle(event)
        assert not (self.closed and effects), "7: something came out after the end"
        answers = []
        for effect in effects:
            assert not self.closed, "7: something came after the close"
            match effect:
                case Admit(number, message):
                    assert number not in self.alive
                    assert number not in self.over
                    self.order.append(number)
                    self.alive[number] = Heard(number, message.request_id, len(message.text))
                case Speak(number):
                    assert self.alive[number].stage == "waiting"
                    self.alive[number].stage = "running"
                    self.begun.append(number)
                case Stop(number):
                    self.bury(number)
                case Refund(number):
                    refunded = self.alive.get(number) or self.over[number]
                    assert not refunded.refunded
                    refunded.refunded = True
                case Send(message, None):
                    assert isinstance(message, Error)
                    answers.append(message)
                case Send(message, number):
                    assert number in self.alive, "2: not a word after the end"
                    assert not isinstance(message, Ready)
                    heard = self.alive[number]
                    assert message.request_id == heard.request_id
                    assert isinstance(message, Error) or heard.stage == "running", "1: heard before its turn"
                    heard.messages.append(message)
                    if isinstance(message, AudioEnd | Error):
                        self.bury(number)
                case Close(number):
                    assert number == 1001
                    assert not self.alive
                    self.closed = True
        return answers

    def bury(self, number: int) -> None:
        self.over[number] = self.alive.pop(number)

    def number(self, pick: int) -> int:
        """A request that is alive, or now and then one that is over or was never there."""
        alive = sorted(self.alive)
        return alive[pick % len(alive)] if alive and pick < 25 else pick

    def running(self, number: int) -> Heard | None:
        heard = self.alive.get(number)
        return heard if heard is not None and heard.stage == "running" else None

    def is_too_often(self, kind: Kind) -> bool:
        """Say whether one more message would be too many, and count it if not; kept apart from the code."""
        limit = SETTINGS.synthesize_per_minute if kind is Kind.SYNTHESIZE else SETTINGS.cancel_per_minute
        recent = [at_s for at_s in self.heeded[kind] if self.now_s - at_s < 60]
        if len(recent) >= limit:
            return True
        self.heeded[kind].append(self.now_s)
        return False


def code(message: ServerMessage) -> Code:
    assert isinstance(message, Error)
    return message.code


TestUpliftConnection = UpliftConnectionMachine.TestCase
TestUpliftConnection.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)


@given(st.lists(audio, max_size=12), st.integers(0, 5))
def test_the_pieces_joined_are_the_audio(pieces: list[bytes], tail: int) -> None:
    machine = UpliftConnection(ConnectionSettings())
    machine.handle(Received(0.0, Synthesize("a", "hello")))
    machine.handle(Admitted(1))
    events: list[Event] = [*(Made(1, piece) for piece in pieces), Ended(1, b"t" * tail)]
    sent = [
        effect.message for event in events for effect in machine.handle(event) if isinstance(effect, Send)
    ]
    heard = b"".join(message.audio for message in sent if isinstance(message, Audio))
    assert heard == b"".join(pieces) + b"t" * tail
    assert isinstance(sent[-1], AudioEnd if heard else Error)
