"""Single steps of the Telnyx machine. (Whatever else may happen: tests/property/test_telnyx_stream.py.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from voxgate.audio.format import AudioFormat, Codec
from voxgate.errors import InvalidMarkup, InvalidRequest, ProviderUnavailable
from voxgate.protocols.telnyx.events import (
    Audio,
    Begin,
    Cancel,
    Close,
    DropRun,
    Effect,
    Ended,
    EndRun,
    Event,
    Failed,
    Received,
    RunEnded,
    Send,
    ServerClosing,
    Speak,
    StreamSettings,
    Tick,
    WakeAt,
)
from voxgate.protocols.telnyx.frames import (
    MAX_AUDIO_BYTES,
    AudioFrame,
    ClientFrame,
    ErrorFrame,
    FinalFrame,
    Malformed,
)
from voxgate.protocols.telnyx.handshake import SpeechPlan
from voxgate.protocols.telnyx.running import Phase
from voxgate.protocols.telnyx.stream import TelnyxStream
from voxgate.speech.utterance import Markup, SpeechSettings

FORMAT = AudioFormat(Codec.MP3, 24_000)
INIT, END, FORCE = ClientFrame(" "), ClientFrame(""), ClientFrame(force=True)


def agree(given: Mapping[str, Any]) -> SpeechPlan:
    if "voice_speed" in given:
        raise InvalidRequest("voice_settings.voice_speed is wrong", field="voice_settings.voice_speed")
    markup = Markup.SSML if given.get("text_type") == "ssml" else Markup.TEXT
    return SpeechPlan(FORMAT, SpeechSettings(), None, markup)


class Steps:
    """A machine, and what it says at each step but for when it wants to be woken."""

    def __init__(self, *, open_it: bool = True, **settings: Any) -> None:
        self.machine = TelnyxStream(StreamSettings(**settings), agree, 0.0)
        if open_it:
            self.say(0.0, INIT)

    def say(self, now_s: float, frame: ClientFrame | Malformed | str) -> list[Effect]:
        return self.give(Received(now_s, ClientFrame(frame) if isinstance(frame, str) else frame))

    def give(self, event: Event) -> list[Effect]:
        return [effect for effect in self.machine.handle(event) if not isinstance(effect, WakeAt)]

    def speak(self, now_s: float, number: int, data: bytes = b"a", duration_s: float = 0.0) -> list[Effect]:
        heard = self.give(Audio(now_s, number, data, duration_s, first_audio_ms=7, cached=True))
        return heard + self.give(Ended(now_s, number))


def errors(effects: list[Effect]) -> list[str]:
    return [
        effect.frame.message
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.frame, ErrorFrame)
    ]


def test_the_init_frame_opens_the_session() -> None:
    steps = Steps(open_it=False)
    (begin,) = steps.say(0.0, INIT)
    assert isinstance(begin, Begin)
    assert steps.machine.phase is Phase.OPEN


@pytest.mark.parametrize(
    "frame",
    [
        ClientFrame("Hello."),
        END,
        FORCE,
        ClientFrame(flush=True),
        ClientFrame(force=True, flush=True),
        Malformed(),
    ],
)
def test_anything_else_first_is_an_invalid_message(frame: ClientFrame | Malformed) -> None:
    effects = Steps(open_it=False).say(0.0, frame)
    assert effects == [DropRun(), Send(ErrorFrame("Invalid message")), Close(1008, "Invalid message")]


def test_settings_that_are_refused_are_told() -> None:
    effects = Steps(open_it=False).say(0.0, ClientFrame(" ", voice_settings={"voice_speed": 9}))
    assert errors(effects) == ["voice_settings.voice_speed is wrong"]
    assert isinstance(effects[-1], Close)
    assert effects[-1].code == 1008


def test_settings_of_the_init_frame_may_make_it_ssml() -> None:
    steps = Steps(open_it=False)
    steps.say(0.0, ClientFrame(" ", voice_settings={"text_type": "ssml"}))
    assert steps.say(0.0, "<speak>One. Two.</speak>") == [Speak(1, "<speak>One. Two.</speak>")]


def test_streamed_audio_goes_out_as_it_comes_and_the_text_after_it() -> None:
    steps = Steps()
    assert steps.say(0.0, "Hello.") == [Speak(1, "Hello.")]
    assert steps.give(Audio(0.1, 1, b"a", 0.1, 7)) == [Send(AudioFrame(b"a", None, first_audio_ms=7))]
    assert steps.give(Audio(0.1, 1, b"b", 0.1, 7)) == [Send(AudioFrame(b"b", None))]
    assert steps.give(Ended(0.2, 1)) == [Send(AudioFrame(None, "Hello."))]


def test_the_first_frame_may_be_the_one_with_the_text() -> None:
    steps = Steps()
    steps.say(0.0, "Hello.")
    assert steps.speak(0.1, 1, b"") == [Send(AudioFrame(None, "Hello.", cached=True, first_audio_ms=7))]


def test_concatenated_audio_goes_out_whole_with_its_text() -> None:
    steps = Steps(concatenated=True)
    steps.say(0.0, "Hello.")
    assert steps.speak(0.1, 1, b"ab") == [EndRun(1)]
    assert steps.give(RunEnded(0.1, 1, b"c")) == [
        Send(AudioFrame(b"abc", "Hello.", cached=True, first_audio_ms=7))
    ]


def test_long_concatenated_audio_goes_out_once_and_in_parts() -> None:
    steps = Steps(concatenated=True)
    steps.say(0.0, "Hello.")
    part, rest = b"a" * MAX_AUDIO_BYTES, b"b" * 10
    effects = [*steps.give(Audio(0.1, 1, part, 9.0, 7)), *steps.speak(0.1, 1, rest)]
    effects += steps.give(RunEnded(0.1, 1, b""))
    assert effects == [
        Send(AudioFrame(part, "Hello.", first_audio_ms=7)),
        EndRun(1),
        Send(AudioFrame(rest, None)),
    ]


def test_the_next_is_begun_while_one_is_being_sent() -> None:
    steps = Steps()
    assert steps.say(0.0, "One. Two. Three. ") == [Speak(1, "One."), Speak(2, "Two.")]
    assert steps.machine.head(0.0) == 1
    assert steps.speak(0.1, 1)[-1] == Speak(3, "Three.")
    assert steps.machine.head(0.1) == 2


def test_the_end_speaks_the_rest_ends_the_run_and_says_so_once() -> None:
    steps = Steps()
    steps.say(0.0, "the rest")
    assert steps.say(0.1, END) == [Speak(1, "the rest")]
    assert steps.speak(0.2, 1)[-1] == EndRun(1)
    assert steps.give(RunEnded(0.2, 1, b"tail")) == [
        Send(AudioFrame(b"tail", None)),
        Send(AudioFrame(None, "the rest", cached=True)),
        Send(FinalFrame()),
        Close(1000),
    ]
    assert steps.say(0.3, "More.") == []


def test_a_final_in_mid_session_waits_for_quiet_since_the_last_frame() -> None:
    steps = Steps(final_quiet_s=0.4)
    steps.say(0.0, "Hello.")
    steps.speak(1.0, 1, duration_s=2.0)
    assert steps.give(Tick(1.2)) == [EndRun(1)]
    steps.give(RunEnded(1.2, 1, b""))
    assert steps.give(Tick(3.3)) == []
    steps.say(3.3, " ")
    assert steps.give(Tick(3.45)) == []
    assert steps.give(Tick(3.7)) == [Send(FinalFrame())]
    assert steps.give(Tick(9.0)) == []


def test_an_idle_moment_ends_the_run() -> None:
    steps = Steps(final_quiet_s=0.0, idle_flush_s=0.1)
    steps.say(0.0, "Hello.")
    steps.speak(1.0, 1)
    assert steps.give(Tick(1.05)) == []
    assert steps.give(Tick(1.1)) == [EndRun(1)]
    assert steps.give(RunEnded(1.1, 1, b"tail")) == [Send(AudioFrame(b"tail", None))]


def test_an_interruption_cancels_drops_and_goes_on() -> None:
    steps = Steps()
    steps.say(0.0, "One. Two. Three. And")
    steps.give(Audio(0.1, 1, b"a", 9.0, 7))
    effects = steps.say(0.2, ClientFrame("New.", force=True))
    assert effects == [Cancel(1), Cancel(2), DropRun(), Speak(3, "New.")]
    assert steps.give(Audio(0.3, 1, b"old", 9.0)) == []
    assert steps.speak(0.3, 3) == [
        Send(AudioFrame(b"a", None, first_audio_ms=7)),
        Send(AudioFrame(None, "New.", cached=True)),
    ]


def test_an_interruption_after_the_end_ends_at_once() -> None:
    steps = Steps()
    steps.say(0.0, "One. Two.")
    steps.say(0.0, END)
    assert steps.say(0.1, FORCE) == [Cancel(1), Cancel(2), DropRun(), Send(FinalFrame()), Close(1000)]


def test_empty_text_with_an_interruption_is_the_end_as_well() -> None:
    steps = Steps()
    steps.say(0.0, "One.")
    effects = steps.say(0.1, ClientFrame("", force=True))
    assert effects == [Cancel(1), DropRun(), Send(FinalFrame()), Close(1000)]


def test_what_was_made_before_a_failure_is_sent_before_it_is_told() -> None:
    steps = Steps()
    steps.say(0.0, "One. Two.")
    steps.give(Audio(0.1, 1, b"a", 0.1))
    assert steps.give(Failed(0.2, 1, ProviderUnavailable("gone"))) == [EndRun(1)]
    assert steps.give(RunEnded(0.2, 1, b"tail")) == [
        Send(AudioFrame(b"tail", None)),
        Cancel(2),
        Send(ErrorFrame("Error in audio response")),
        Close(1011, "Error in audio response"),
    ]


def test_a_failure_of_the_rest_has_words_of_its_own() -> None:
    steps = Steps()
    steps.say(0.0, "One")
    steps.say(0.0, END)
    assert errors(steps.give(Failed(0.2, 1, ProviderUnavailable("gone")))) == [
        "Error in remaining audio response"
    ]


def test_a_reason_too_long_for_a_close_frame_is_left_out() -> None:
    steps = Steps()
    steps.say(0.0, "One.")
    (*_, close) = steps.give(Failed(0.2, 1, InvalidMarkup("x" * 200)))
    assert close == Close(1008, "")


def test_text_counts_until_it_has_been_spoken() -> None:
    steps = Steps(max_buffered_characters=20)
    steps.say(0.0, "Ten chars.")
    steps.say(0.0, "0123456789")
    steps.speak(0.1, 1)
    assert errors(steps.say(0.2, "0123456789")) == []
    assert errors(steps.say(0.2, "x")) == ["At most 20 characters may be waiting to be spoken"]


def test_a_server_about_to_stop_says_goodbye() -> None:
    waiting, speaking = Steps(open_it=False), Steps()
    assert waiting.give(ServerClosing(0.0)) == [DropRun(), Close(1001)]
    speaking.say(0.0, "One.")
    assert speaking.give(ServerClosing(0.1)) == []
    speaking.speak(0.2, 1)
    assert speaking.give(RunEnded(0.2, 1, b""))[-2:] == [Send(FinalFrame()), Close(1001)]


def test_audio_is_not_taken_too_far_ahead() -> None:
    steps = Steps(max_ahead_s=0.06)
    steps.say(0.0, "One.")
    steps.give(Audio(0.0, 1, b"a", 0.1))
    assert steps.machine.head(0.0) is None
    assert steps.machine.head(0.04) == 1
