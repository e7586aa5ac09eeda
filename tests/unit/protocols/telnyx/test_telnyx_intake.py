from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.protocols.telnyx.intake import END, SsmlIntake, TextIntake, open_intake
from voxgate.speech.utterance import Markup

ONE, TWO = "<speak>One.</speak>", '<speak version="1.0">Two <break time="1s"/> and more.</speak >'


def test_which_intake() -> None:
    assert isinstance(open_intake(Markup.TEXT, "en"), TextIntake)
    assert isinstance(open_intake(Markup.SSML, None), SsmlIntake)


def test_text_is_cut_stripped_and_trimmed() -> None:
    intake = TextIntake()
    assert intake.feed("# Title\n\nThis is **bold**. And") == ["Title", "This is bold."]
    assert intake.holds_speech
    assert intake.flush() == ["And"]
    assert (intake.pending_characters, intake.holds_speech) == (0, False)


def test_there_is_nothing_to_say_in_punctuation_and_emoji() -> None:
    intake = TextIntake()
    assert intake.feed("... !!! 😀🎉 *** ") == []
    assert intake.flush() == []
    assert not intake.holds_speech


def test_a_full_stop_in_doubt_waits_for_quiet() -> None:
    intake = TextIntake()
    assert intake.feed("It costs 3.") == []
    assert intake.waiting_for_quiet
    assert intake.quiet() == ["It costs 3."]
    assert not intake.waiting_for_quiet


def test_keeping_alive_with_spaces_adds_nothing() -> None:
    intake = TextIntake()
    for _ in range(1000):
        intake.feed(" ")
    assert intake.pending_characters <= 1
    intake.feed("Hello")
    for _ in range(1000):
        intake.feed(" ")
    intake.feed("world")
    assert intake.flush() == ["Hello world"]


def test_what_is_cleared_is_forgotten() -> None:
    intake = TextIntake()
    intake.feed("```\ncode. ")
    intake.clear()
    assert intake.feed("Words. ") + intake.flush() == ["Words."]


def test_a_document_is_spoken_when_it_is_whole() -> None:
    intake = SsmlIntake()
    assert intake.feed("<speak>One") == []
    assert intake.holds_speech
    assert intake.feed(".</spe") == []
    assert intake.feed(f"ak>\n {TWO}<speak>") == [ONE, TWO]
    assert intake.flush() == ["<speak>"] or intake.pending_characters == 0


@given(st.lists(st.sampled_from([ONE, TWO, "\n"]), max_size=6), st.data())
def test_documents_do_not_depend_on_how_they_come(documents: list[str], data: st.DataObject) -> None:
    text, intake, out = "".join(documents), SsmlIntake(), []
    while text:
        cut = data.draw(st.integers(1, len(text)))
        out += intake.feed(text[:cut])
        text = text[cut:]
    assert out == [document for document in documents if document.strip()]
    assert intake.pending_characters == 0


def test_markdown_in_a_document_stays() -> None:
    assert SsmlIntake().feed("<speak>**2 * 3**</speak>") == ["<speak>**2 * 3**</speak>"]


def test_an_empty_document_says_nothing_but_a_pause_is_a_sound() -> None:
    intake = SsmlIntake()
    assert intake.feed("<speak></speak><speak> <p/> </speak>") == []
    pause = '<speak><break time="1s"/></speak>'
    assert intake.feed(pause) == [pause]


def test_half_a_document_is_left_to_be_judged() -> None:
    intake = SsmlIntake()
    intake.feed("<speak>half")
    assert intake.flush() == ["<speak>half"]


def relayed(*frames: str | None) -> list[str]:
    """Feed frames to a voice that takes text as it is written; None is a flush."""
    intake = open_intake(Markup.TEXT, "en", relay=True)
    pieces: list[str] = []
    for frame in frames:
        pieces += intake.flush() if frame is None else intake.feed(frame)
    return pieces


@pytest.mark.parametrize(
    ("frames", "pieces"),
    [
        (("Hel", "lo the", "re, my ", "friend."), ["Hello ", "there, my "]),
        (("Hello there.", None), ["Hello ", "there.", END]),
        (("Hello ", None, "again", None), ["Hello ", END, "again", END]),
        ((" ", "... ", "-- ", None), []),
        (("... ", "so "), ["... so "]),
        (("Hello ", None, "! ", None), ["Hello ", END]),
        (("Hello ", "! ", None), ["Hello ", "! ", END]),
        (("This is **very ", "good** news ", None), ["This is very ", "good news ", END]),
        (("x" * 1500, None), ["x" * 1500, END]),
        (("\u4f60\u597d\u3002", None), ["\u4f60\u597d\u3002", END]),
    ],
)
def test_relayed_text_goes_out_word_by_word(frames: tuple[str | None, ...], pieces: list[str]) -> None:
    assert relayed(*frames) == pieces


def test_a_long_relayed_text_ends_an_utterance_with_a_sentence() -> None:
    pieces = relayed(*["This goes on and on. "] * 200)
    ends = pieces.count(END)
    assert 3 <= ends <= 4
    assert "".join(pieces) == "This goes on and on. " * 200


@pytest.mark.parametrize(
    ("text", "waits"), [("Hello there", False), ("Hello there.", True), ("Hello! ", True)]
)
def test_a_relayed_sentence_that_has_ended_is_waiting_for_quiet(text: str, waits: bool) -> None:
    intake = open_intake(Markup.TEXT, "en", relay=True)
    intake.feed(text)
    assert intake.waiting_for_quiet is waits
    assert intake.quiet()[-1:] == [END]
    assert not intake.waiting_for_quiet


def test_relayed_text_can_be_forgotten() -> None:
    intake = open_intake(Markup.TEXT, "en", relay=True)
    intake.feed("Hello there.")
    intake.clear()
    assert (intake.waiting_for_quiet, intake.pending_characters, intake.flush()) == (False, 0, [])
