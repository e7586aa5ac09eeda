"""Sentences out of text that is still arriving."""

# ruff: noqa: RUF001 - the punctuation of other scripts is what is tested

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
import sentencex

from voxgate.speech.boundaries import SENTENCE_MARKS, sentence_language
from voxgate.speech.sentences import SentenceBuffer, speakable


def fed(*messages: str, language: str | None = None) -> list[list[str]]:
    buffer = SentenceBuffer(language)
    return [buffer.feed(message) for message in messages]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (None, "Hello there. How are you? Fine!"),
        (None, "Pi is 3.14 and a house 1,000.50. Dr. Smith lives in the U.S. now. And you?"),
        (None, 'He said "Go. Now." and left. She (Ann. B.) stayed! Bye.'),
        (None, "Wait... what?! No. It is at 5 p.m. then. Good."),
        ("de", "Das ist z. B. gut. Er kam am 3. Mai an. Es kostet 10.000,5 Euro."),
        ("ur", "یہ پہلا جملہ ہے۔ دوسرا کیا ہے؟ تیسرا!"),
        ("hi", "यह पहला है। दूसरा क्या है? तीसरा॥"),
        ("ar", "مرحبا بك. كيف حالك؟ جيد."),
        ("zh", "你好。你好吗？很好！他说：“好。我走。”然后走了。"),
        ("ja", "こんにちは。元気ですか？はい！"),
        ("hy", "Բարև։ Ինչպես ես։"),
        ("am", "ሰላም። እንዴት ነህ።"),
    ],
)
def test_a_whole_text_is_cut_where_sentencex_cuts_it(language: str | None, text: str) -> None:
    assert fed(text, language=language) == [sentencex.segment(language or "en", text)]


@pytest.mark.parametrize(
    "message",
    [
        *(
            "Hello there.",
            "Really?",
            "Stop!",
            "Well…",
            "Wait...",
            "What?!",
            'He said "go."',
            "(Yes.)",
            "Oui\u00a0!",
        ),
        *(
            "یہ ہے\u06d4",
            "کیوں؟",
            "यह है।",
            "你好。",
            "你好\uff01",
            "好吗\uff1f",
            "他说“好。”",
            "「はい。」",
            "Բարև\u0589",
            "ሰላም።",
        ),
        *("Bonjour.\u00a0»", "It was 5!", "in 1999?", 'called "Dr. No."', "Hello there. "),
    ],
)
def test_a_message_that_ends_in_a_terminal_mark_is_spoken_at_once(message: str) -> None:
    assert "".join(fed(message)[0]) == message


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("It is 3.", None),
        ("یہ 3\u06d4", "ur"),
        ("It is \u0663.", None),
        ("I met Dr.", None),
        ("This is J.", None),
        ("In the U.S.", None),
        ("This, e.g.", None),
        ("Das ist z.", "de"),
        ("Das ist z. B.", "de"),
        ("Das ist z. B.", None),
        ("मैं डॉ.", "hi"),
        ("See https://example.", None),
        ("See https://example.com/find?", None),
        ("[oh! ", None),
        ("Wait... ", None),
    ],
)
def test_an_ambiguous_mark_waits_for_quiet(message: str, language: str | None) -> None:
    buffer = SentenceBuffer(language)
    assert buffer.feed(message) == []
    assert buffer.pending == message
    assert buffer.waiting_for_quiet
    assert buffer.quiet() == [message]
    assert buffer.pending == ""
    assert not buffer.waiting_for_quiet


@pytest.mark.parametrize(
    ("messages", "given"),
    [
        (["It is 3.", "14 or so."], [[], ["It is 3.14 or so."]]),
        (["I met Dr.", " Smith. He ", "left."], [[], ["I met Dr. Smith. "], ["He left."]]),
        (["I live in the U.S.", " It is ", "big."], [[], ["I live in the U.S. "], ["It is big."]]),
        (["Das ist z.", " B. gut. Ja"], [[], ["Das ist z. B. gut. "]]),
        (["It cost 1,000.", "50. And more"], [[], ["It cost 1,000.50. "]]),
        (["We left at 5 p.m.", " then ate.", " Good"], [[], ["We left at 5 p.m. then ate."], []]),
        (["See https://example.", "com/a?b=code. Now"], [[], ["See https://example.com/a?b=code. "]]),
        (['<say as="Wow! Oh.', '"/> Hi.'], [[], ['<say as="Wow! Oh."/> Hi.']]),
    ],
)
def test_more_text_settles_an_ambiguous_mark(messages: list[str], given: list[list[str]]) -> None:
    assert fed(*messages) == given


def test_a_sentence_is_given_out_while_the_next_one_is_arriving() -> None:
    assert fed("Hel", "lo there", ". H", "ow are", " you? I", " am") == [
        *([], [], ["Hello there. "], [], ["How are you? "], []),
    ]
    assert fed("你好。你", language="zh") == [["你好。"]]


def test_quiet_does_not_touch_a_rest_without_a_sentence_end() -> None:
    buffer = SentenceBuffer()
    assert buffer.feed("Hello there") == []
    assert not buffer.waiting_for_quiet
    assert buffer.quiet() == []
    assert buffer.pending == "Hello there"
    assert buffer.flush() == ["Hello there"]


def test_quiet_gives_out_sentences_that_only_a_closing_quote_could_have_joined() -> None:
    buffer = SentenceBuffer()
    assert buffer.feed('He said: "Wait. I am com') == []
    assert buffer.waiting_for_quiet
    assert buffer.quiet() == ['He said: "Wait. ']
    assert buffer.pending == "I am com"


def test_an_open_tag_is_never_broken_not_even_by_quiet() -> None:
    buffer = SentenceBuffer()
    assert buffer.feed('Hi there. <emotion value="wow!') == ["Hi there. "]
    assert buffer.quiet() == []
    assert buffer.feed('"/> Go.') == ['<emotion value="wow!"/> Go.']


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A title\n\nThe text", ["A title\n\n", "The text"]),
        ("A title\r\n\r\nThe text", ["A title\r\n\r\n", "The text"]),
        ("A title\n \t\n\nThe text", ["A title\n \t\n\n", "The text"]),
        ("You need\n- eggs\n- milk\n", ["You need\n", "- eggs\n", "- milk\n"]),
        ("You need\r\n* eggs\r\n* milk", ["You need\r\n", "* eggs\r\n", "* milk"]),
        ("Do this\n1. Sit. Wait.\n2. Go", ["Do this\n", "1. Sit. ", "Wait.\n", "2. Go"]),
        ("# A title\nThe text", ["# A title\n", "The text"]),
        ("Then\n## More\nThe text", ["Then\n", "## More\n", "The text"]),
        ("A line\nwrapped in two", ["A line\nwrapped in two"]),
        ("It takes 2 - 3 days\nor 5 - 6", ["It takes 2 - 3 days\nor 5 - 6"]),
        ("Choose a) One. Then b) Two. Ok", ["Choose a) One. ", "Then b) Two. ", "Ok"]),
    ],
)
def test_blank_lines_headings_and_list_items_end_a_sentence(text: str, sentences: list[str]) -> None:
    buffer = SentenceBuffer()
    assert buffer.feed(text) + buffer.flush() == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hi there. <emotion value='a. B'/> Now go.", ["Hi there. ", "<emotion value='a. B'/> Now go."]),
        ("<whisper>Be quiet.</whisper> They sleep.", ["<whisper>Be quiet.</whisper> ", "They sleep."]),
        ("I win. [laughter] You lose.", ["I win. ", "[laughter] You lose."]),
        ("If a < b then stop. If c > d go.", ["If a < b then stop. ", "If c > d go."]),
        ("Stop.) Then go.", ["Stop.) ", "Then go."]),
        ("**Stop.** Then _go._", ["**Stop.** ", "Then _go._"]),
        ("It is so.[1] Then go.", ["It is so.[1]", " Then go."]),
    ],
)
def test_tags_cues_and_stray_signs(text: str, sentences: list[str]) -> None:
    assert fed(text) == [sentences]


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_long_text_is_cut_at_a_comma_or_a_space(size: int) -> None:
    text = "so many words, and more of them without any end " * 100
    buffer = SentenceBuffer()
    given = [piece for at in range(0, len(text), size) for piece in buffer.feed(text[at : at + size])]
    assert len(given) > 8
    assert all(piece.endswith(", ") and 250 < len(piece) <= 500 for piece in given)
    assert "".join(given) + buffer.pending == text


def test_a_cut_comes_with_the_first_character_over_the_limit() -> None:
    buffer = SentenceBuffer(max_chars=20)
    assert buffer.feed("one two three four f") == []
    assert buffer.feed("i") == ["one two three four "]


def test_a_word_of_10_000_characters_is_cut() -> None:
    (given,) = fed("x" * 10_000)
    assert [len(piece) for piece in given] == [500] * 19
    (given,) = fed("7" * 10_000)
    assert [len(piece) for piece in given] == [500] * 19


@pytest.mark.parametrize(
    "unit",
    [
        "👩\u200d👩\u200d👧",
        "👍🏽",
        "🇵🇰",
        "e\u0301\u0323",
        "☝\ufe0f",
        "क्षि",
        "<emotion value='x y, z'/>",
        "[clear throat]",
    ],
)
@pytest.mark.parametrize("shift", range(6))
def test_a_long_run_is_not_cut_inside_a_character_or_a_tag(unit: str, shift: int) -> None:
    text = "x" * shift + unit * 300
    for piece in fed(text)[0]:
        assert re.fullmatch(rf"x{{0,5}}(?:{re.escape(unit)})*", piece)


@pytest.mark.parametrize("shift", range(6))
def test_a_long_run_is_not_cut_inside_a_number(shift: int) -> None:
    for piece in fed("x" * shift + "3.14/" * 300)[0]:
        assert re.fullmatch(r"x{0,5}/?(?:3\.14/)*(?:3\.14)?", piece)


def test_it_reads_only_what_is_pending_so_that_small_messages_cost_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = 0

    def counting(language: str, text: str) -> list[str]:
        nonlocal looked_at
        looked_at += len(text)
        return segment(language, text)

    segment: Callable[[str, str], list[str]] = sentencex.segment
    monkeypatch.setattr(sentencex, "segment", counting)
    text = 'Hello there, it is 3.14 or so. Dr. Smith said "Wait. I go." and left! ' * 150
    buffer = SentenceBuffer()
    for character in text:
        buffer.feed(character)
    for_characters, looked_at = looked_at, 0
    SentenceBuffer().feed(text)
    assert for_characters < 60 * len(text)
    assert looked_at < 60 * len(text)


def test_clear_forgets() -> None:
    buffer = SentenceBuffer()
    buffer.feed("It is 3.")
    buffer.clear()
    assert buffer.pending == ""
    assert not buffer.waiting_for_quiet
    assert buffer.feed("Hello there.") == ["Hello there."]


def test_empty_messages_change_nothing() -> None:
    assert fed("", "Hello there", "", ".") == [[], [], [], ["Hello there."]]
    assert SentenceBuffer().flush() == []
    assert SentenceBuffer().quiet() == []


@pytest.mark.parametrize("text", ["a", "5", "جی", "हाँ", "好", "½", "[laughter]", "1\ufe0f\u20e3"])
def test_speakable(text: str) -> None:
    assert speakable(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "...", "?!", "😀", "👩\u200d👧 🇩🇪", "— »", "۔", "。", "***", "\ufeff", "\u200d"]
)
def test_not_speakable(text: str) -> None:
    assert not speakable(text)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("en-US", "en"),
        ("ur", "ur"),
        ("zh-Hant-TW", "zh"),
        ("cmn-CN", "zh"),
        ("DE_de", "de"),
    ],
)
def test_language_tags(tag: str | None, code: str) -> None:
    assert sentence_language(tag) == code


def test_our_marks_are_those_of_sentencex() -> None:
    ours = re.compile(f"[{SENTENCE_MARKS}]")
    punctuation = (chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] in "PS")
    assert [
        mark
        for mark in punctuation
        if (len(sentencex.segment("en", f"word{mark} Up")) == 2) != bool(ours.match(mark))
    ] == []
