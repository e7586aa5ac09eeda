"""Whatever client, engine and clock do, in whatever order, the Telnyx machine keeps its invariants."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from voxgate.audio.format import AudioFormat, Codec
from voxgate.errors import InvalidRequest, InvalidVoice, Overloaded, ProviderUnavailable, VoxgateError
from voxgate.protocols.telnyx.events import (
    Audio,
    Begin,
    Cancel,
    ClientGone,
    Close,
    DropRun,
    Effect,
    Ended,
    EndRun,
    EndText,
    Event,
    Failed,
    Received,
    RunEnded,
    Send,
    ServerClosed,
    ServerClosing,
    Speak,
    StreamSettings,
    Tick,
    WakeAt,
    Write,
)
from voxgate.protocols.telnyx.frames import AudioFrame, ClientFrame, ErrorFrame, FinalFrame, Malformed
from voxgate.protocols.telnyx.handshake import SpeechPlan
from voxgate.protocols.telnyx.running import Phase
from voxgate.protocols.telnyx.stream import AHEAD, TelnyxStream
from voxgate.speech.utterance import Markup, SpeechSettings

PLAN = SpeechPlan(AudioFormat(Codec.PCM_S16LE, 24_000), SpeechSettings(), None, Markup.TEXT)
BAD_SETTINGS = {"voice_speed": "much"}
CHUNK_S = 0.08

# No Markdown, so that every letter and digit comes out again.
words = st.sampled_from(
    [
        "Hello",
        " there",
        ". ",
        "How are you?",
        " Fine!",
        "3.",
        "14",
        " Dr.",
        " No",
        "\n\n",
        " ",
        "...",
        "Wait. ",
        "x",
    ]
)
texts = st.lists(words, min_size=1, max_size=4).map("".join).filter(bool)
failures = st.sampled_from([ProviderUnavailable("gone"), InvalidVoice("none"), Overloaded("full")])

RARE = [
    "init again",
    "bad init",
    "end",
    "end",
    "end",
    "nonsense",
    "failure",
    "failure",
    "failure",
    "server closing",
    "server closed",
    "client gone",
    "long silence",
]

alive = precondition(lambda self: not (self.closed or self.gone))


def agree(given: Mapping[str, Any]) -> SpeechPlan:
    if given:
        raise InvalidRequest("no", field="voice_settings.voice_speed")
    return PLAN


def spoken_characters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@dataclass
class Synthesis:
    """What the engine has made of one utterance."""

    text: str
    chunks: int = 0
    open: bool = False


class Sessions(RuleBasedStateMachine):
    """Plays client, engine, clock and shell, and checks the invariants by their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.closed: Close | None = None
        self.gone = False
        self.synthesis: dict[int, Synthesis] = {}
        self.finished: set[int] = set()
        self.heard: list[str] = []  # tokens of audio on sent frames, since the last drop
        self.made: list[str] = []  # tokens of audio given to the encoder, since the last drop
        self.held = b""
        self.begun = ""  # a token that was cut between two frames
        self.encoder_open = False
        self.to_end: deque[int] = deque()
        self.texts: list[str] = []  # on sent frames, since the last drop
        self.asked = ""  # letters and digits received since the last interruption
        self.said = ""  # of these, what was given to the engine
        self.said_texts: list[str] = []
        self.wake_at_s: float | None = None
        self.last_frame_s = self.now_s
        self.playout_end_s = self.now_s
        self.spoken = False
        self.finals = 0
        self.finals_at_end: int | None = None
        self.finals_if_inactive = 0
        self.faulted = False
        self.broken = False

    @initialize(
        delivery=st.sampled_from(["streamed", "concatenated", "relayed"]),
        final_quiet_s=st.sampled_from([0.0, 0.05, 0.4, 0.4]),
        idle_flush_s=st.sampled_from([0.0, 0.1, 1.0]),
        max_ahead_s=st.sampled_from([0.0, 0.06]),
        first=st.integers(0, 9),
        prompt=st.booleans(),
    )
    def begin(
        self,
        delivery: str,
        final_quiet_s: float,
        idle_flush_s: float,
        max_ahead_s: float,
        first: int,
        prompt: bool,
    ) -> None:
        self.prompt = prompt  # whether the encoder is flushed at once, as it is outside of tests
        self.settings = StreamSettings(
            concatenated=delivery == "concatenated",
            relay=delivery == "relayed",
            inactivity_timeout_s=20.0,
            final_quiet_s=final_quiet_s,
            idle_flush_s=idle_flush_s,
            max_ahead_s=max_ahead_s,
        )
        self.machine = TelnyxStream(self.settings, agree, self.now_s)
        self.give(Tick(self.now_s))
        if first:  # otherwise whatever comes first is judged
            self.say(ClientFrame(" "))

    # The client.

    @alive
    @rule(text=texts, flush=st.booleans())
    def text(self, text: str, flush: bool) -> None:
        self.say(ClientFrame(text, flush=flush))

    @alive
    @rule(text=st.sampled_from(["", " ", "Yes.", "One. Two. Three.", "Yes. " * 12, "so and so, " * 150]))
    def flush(self, text: str) -> None:
        self.say(ClientFrame(text or None, flush=True))

    @alive
    @rule(text=st.none() | texts)
    def force(self, text: str | None) -> None:
        self.say(ClientFrame(text, force=True))

    def say(self, frame: ClientFrame | Malformed) -> None:
        if self.gone:
            return
        was_open = self.machine.phase is Phase.OPEN
        if self.machine.phase not in (Phase.CLOSED, Phase.ENDING):
            self.last_frame_s = self.now_s
        if was_open and isinstance(frame, ClientFrame):
            if frame.force:
                self.asked = self.said = ""
            self.asked += spoken_characters(frame.text or "")
            if frame.text == "":
                self.finals_at_end = self.finals
        elif self.machine.phase is Phase.ENDING and isinstance(frame, ClientFrame) and frame.force:
            self.asked = self.said = ""
        self.give(Received(self.now_s, frame))

    # The engine and the encoder.

    @alive
    @rule(keep=st.floats(0, 1), padding=st.sampled_from([0, 0, 100_000]))
    def audio(self, keep: float = 0.0, padding: int = 0) -> None:
        """Make the next audio of the head, of which the encoder holds a share back."""
        number = self.machine.head(self.now_s)
        if number is None:
            return
        synthesis = self.synthesis[number]
        token = f"{number}.{synthesis.chunks}{'-' * padding};"
        synthesis.chunks += 1
        self.made.append(token)
        self.encoder_open = True
        encoded = self.held + token.encode()
        cut = round(len(encoded) * (1 - keep))
        encoded, self.held = encoded[:cut], encoded[cut:]
        self.playout_end_s = max(self.playout_end_s, self.now_s) + CHUNK_S
        self.spoken = True
        self.give(Audio(self.now_s, number, encoded, CHUNK_S, first_audio_ms=number))

    @alive
    @rule(keep=st.floats(0, 1))
    def whole_utterance(self, keep: float) -> None:
        self.audio(keep)
        self.ended()

    @alive
    @rule()
    def ended(self) -> None:
        number = self.machine.head(self.now_s)
        if number is not None and self.synthesis[number].chunks and not self.synthesis[number].open:
            self.finished.add(number)
            self.give(Ended(self.now_s, number))

    @alive
    @precondition(lambda self: self.to_end)
    @rule()
    def encoder_flushed(self) -> None:
        run = self.to_end.popleft()
        rest, self.held, self.encoder_open = self.held, b"", False
        self.give(RunEnded(self.now_s, run, rest))

    @rule(number=st.integers(1, 30), run=st.integers(-3, 30))
    def news_of_the_past(self, number: int, run: int) -> None:
        if number not in self.synthesis or number in self.finished:
            self.give(Audio(self.now_s, number, b"stale;", CHUNK_S))
            self.give(Ended(self.now_s, number))
            self.give(Failed(self.now_s, number, ProviderUnavailable("stale")))
        if run not in self.to_end:
            self.give(RunEnded(self.now_s, run, b"stale;"))

    # Time and the server.

    @alive
    @rule(delay_s=st.sampled_from([0.01, 0.06, 0.15, 0.3, 0.45, 2.0]))
    def wait(self, delay_s: float) -> None:
        until_s = self.now_s + delay_s
        while self.wake_at_s is not None and self.wake_at_s <= until_s:
            self.now_s, self.wake_at_s = max(self.now_s, self.wake_at_s), None
            self.give(Tick(self.now_s))
        self.now_s = until_s

    # What happens once in a while.

    @alive
    @rule(what=st.sampled_from(RARE), chance=st.integers(0, 3), error=failures)
    def rare(self, what: str, chance: int, error: VoxgateError) -> None:
        if chance:
            return
        match what:
            case "init again":
                self.say(ClientFrame(" ", voice_settings={}))
            case "bad init":
                self.say(ClientFrame(" ", voice_settings=BAD_SETTINGS))
            case "end":
                self.say(ClientFrame(""))
            case "nonsense":
                self.say(Malformed())
            case "failure":
                self.fail(error)
            case "long silence":
                self.wait(25.0)
            case "server closing":
                if self.machine.phase is Phase.OPEN:
                    self.finals_at_end = self.finals
                self.give(ServerClosing(self.now_s))
            case "server closed":
                self.faulted = True
                self.give(ServerClosed(self.now_s))
            case "client gone":
                self.gone = True
                self.give(ClientGone(self.now_s))
                assert not self.open, "4: left running when the client went away"

    def fail(self, error: VoxgateError) -> None:
        number = self.machine.head(self.now_s)
        if number is not None:
            self.finished.add(number)
            self.synthesis[number].open = False
            self.faulted = True
            self.give(Failed(self.now_s, number, error))

    # What comes out.

    def give(self, event: Event) -> None:
        if isinstance(event, Tick) and self.said == self.asked:
            self.finals_if_inactive = self.finals
        effects = self.machine.handle(event)
        self.broken = True  # until everything was checked
        for effect in effects:
            self.check(effect, event)
        self.broken = False
        if self.prompt and self.to_end:
            self.encoder_flushed()

    def check(self, effect: Effect, event: Event) -> None:
        assert self.closed is None, "6: something came out after the close"
        match effect:
            case Speak(number, text, more):
                assert not any(each.open for each in self.synthesis.values()), "4: two are open for text"
                self.synthesis[number] = Synthesis(text, open=more)
                assert len(self.open) <= 1 + AHEAD, "4: too many at a time"
                self.said += spoken_characters(text)
                self.said_texts.append(text)
                assert more is self.settings.relay
                assert more or text == text.strip()
            case Write(number, text):
                assert self.synthesis[number].open, "5: text for one that has all of it"
                self.synthesis[number].text += text
                self.said_texts[-1] += text
                self.said += spoken_characters(text)
            case EndText(number):
                assert self.synthesis[number].open, "5: ended twice"
                self.synthesis[number].open = False
            case Cancel(number):
                assert number in self.open, "4: cancelled something that was not open"
                self.finished.add(number)
                self.synthesis[number].open = False
            case EndRun(run):
                assert self.encoder_open, "8: ended a run that was never begun"
                self.to_end.append(run)
            case DropRun():
                assert not self.open, "3: dropped a run with something still running"
                self.heard, self.made, self.texts, self.said_texts = [], [], [], []
                self.held, self.begun, self.encoder_open, self.spoken = b"", "", False, False
                self.to_end.clear()
                self.playout_end_s = self.now_s
            case Send(frame):
                self.check_frame(frame, event)
            case Close():
                self.check_close(effect, event)
            case WakeAt(at_s):
                assert self.wake_at_s is None or at_s < self.wake_at_s
                self.wake_at_s = at_s
            case Begin(plan):
                assert plan is PLAN

    def check_frame(self, frame: object, event: Event) -> None:
        assert not self.to_end or isinstance(event, RunEnded), "8: a frame before the rest of the run"
        match frame:
            case AudioFrame(audio, text):
                assert audio or text is not None
                if text is not None and not self.settings.concatenated:
                    assert audio is None, "1: audio twice"
                self.hear(audio or b"")
                if text is not None:
                    self.texts.append(text)
                    self.check_text(audio)
                else:
                    assert not frame.cached
            case FinalFrame():
                self.check_final()
                self.finals += 1
                self.spoken = False
            case ErrorFrame():
                if isinstance(event, Failed | RunEnded):
                    assert self.heard == self.made, "8: an error before all audio was sent"
                self.faulted = True
        self.last_frame_s = self.now_s

    def hear(self, audio: bytes) -> None:
        *tokens, self.begun = (self.begun + audio.decode()).split(";")
        self.heard += [f"{token};" for token in tokens]
        assert self.heard == self.made[: len(self.heard)], "1, 3: audio out of order, lost, doubled or stale"

    def check_text(self, audio: bytes | None) -> None:
        """The texts told are those spoken, in order; the utterance's own audio went before, or with it."""
        said = [text.strip() for text in self.said_texts[: len(self.texts)]]
        assert self.texts == said, "1: texts out of order, lost or doubled"
        number = max(self.synthesis) - len(self.said_texts) + len(self.texts)
        assert self.synthesis[number].text.strip() == self.texts[-1]
        if not self.settings.concatenated:
            assert number in self.finished, "1: a text before its audio"
        elif number in self.finished:
            assert audio, "1: a text without its audio"

    def check_final(self) -> None:
        assert not self.open, "7: a final with something still running"
        assert self.heard == self.made, "8: a final before all audio was sent"
        if self.machine.phase is Phase.OPEN:
            assert self.spoken, "7: a final with nothing new spoken"
            assert self.asked == self.said, "7: a final with text still waiting"
            assert self.settings.final_quiet_s, "7: finals are turned off"
            since_s = max(self.last_frame_s, self.playout_end_s)
            assert self.now_s >= since_s + self.settings.final_quiet_s - 0.01, "7: a final too soon"

    def check_close(self, close: Close, event: Event) -> None:
        self.closed = close
        assert not self.open, "4: left running at the close"
        if self.faulted:
            return
        assert close.code in (1000, 1001)
        if self.finals_at_end is not None:
            assert self.finals == self.finals_at_end + 1, "2: not exactly one final after the end"
        elif isinstance(event, Tick):
            assert self.finals == self.finals_if_inactive, "2: a final though nobody asked for it"
        assert self.said == self.asked, "5: text lost or doubled"

    @property
    def open(self) -> set[int]:
        return self.synthesis.keys() - self.finished

    @invariant()
    def text_is_not_lost_or_doubled(self) -> None:
        assert self.asked.startswith(self.said), "5: text lost, doubled or reordered"

    def teardown(self) -> None:
        """Everything ends: the engine answers all it was asked, and then the client is silent."""
        if not hasattr(self, "machine") or self.broken:
            return
        for _ in range(2000):
            if self.closed or self.gone:
                break
            number = self.machine.head(self.now_s)
            if self.to_end:
                self.encoder_flushed()
            elif number is not None and not (self.synthesis[number].open and self.synthesis[number].chunks):
                self.ended() if self.synthesis[number].chunks else self.audio(0.5)
            else:
                assert self.wake_at_s is not None, "6: nothing will ever happen again"
                self.wait(max(0.0, self.wake_at_s - self.now_s))
        assert self.closed or self.gone, "6: it never ended"
        assert not self.open
        assert self.machine.handle(Received(self.now_s, ClientFrame("Hello."))) == []


Sessions.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestSessions = Sessions.TestCase
