"""However a text is cut into messages, what comes out is the text, cut in the right places."""

from __future__ import annotations

import itertools
import re

import sentencex
from hypothesis import given
from hypothesis import strategies as st

from voxgate.speech.sentences import SentenceBuffer

WORDS = [
    *("hello", "world", "Yes", "no", "the", "I", "it's", "voice", "Mai", "März", "vs", "etc"),
    *("جملہ", "سلام", "वाक्य", "है", "你好", "世界", "テスト", "こんにちは", "Բարև", "ሰላም", "สวัสดี"),
    *(
        "😀",
        "👩\u200d👩\u200d👧",
        "e\u0301",
        "a < b",
        "www.example.com/a?b=C",
        "a.b@c.com",
        "§",
        "-",
        "\u2013",
    ),
]
NUMBERS = ["3.14", "1,000.50", "10.000,5", "٣.١٤", "5", "v2.0.1", "12:30"]
ABBREVIATIONS = ["Dr.", "z. B.", "e.g.", "U.S.", "i.e.", "Mr.", "p.m."]
TAGS = ["[laughter]", '<emotion value="excited"/>', "<whisper>", "</whisper>", '<say as="wow! A. B?"/>']
MARKS = [
    *(". ", "! ", "? ", "... ", "… ", "?! ", ".", "!", ".\n", '." '),
    *("\u06d4 ", "؟ ", "। ", "\u0589 ", "። ", "。", "\uff01"),
]
JOINTS = [
    *(" ", " ", " ", ", ", "، ", ' "', '" ', " (", ") ", " “", "” "),
    *("\n", "\n\n", "\r\n\r\n", "\n- ", "\n2. "),
]

pieces = st.sampled_from([*WORDS, *NUMBERS, *ABBREVIATIONS, *TAGS])
texts = st.lists(st.tuples(pieces, st.sampled_from([*MARKS, *JOINTS, *JOINTS])), min_size=1, max_size=30).map(
    lambda parts: "".join(piece + joint for piece, joint in parts)
)
prose = st.lists(
    st.tuples(
        st.sampled_from(
            ["hello", "Yes", "I", "3.14", "Dr. No", "“Go! Now.”", '"Is it? Yes."', "(no. Yes)", "ہاں", "你好"]
        ),
        st.sampled_from([" ", " ", ", ", ". ", "! ", "? ", "... ", "\u06d4 ", "。 "]),
    ),
    min_size=1,
    max_size=20,
).map(lambda parts: "".join(word + joint for word, joint in parts))
languages = st.sampled_from([None, "en-US", "de", "fr", "ur", "hi", "zh", "ja", "ar", "es", "fi", "hy", "xx"])
limits = st.sampled_from([40, 90, 500])


@st.composite
def cut_anywhere(draw: st.DrawFn, source: st.SearchStrategy[str] = texts) -> list[str]:
    return split(text := draw(source), draw(st.lists(st.integers(0, len(text)), max_size=12)))


@st.composite
def cut_in_words(draw: st.DrawFn, source: st.SearchStrategy[str] = texts) -> list[str]:
    """Messages that end inside a word or after a space, never right after a mark."""
    text = draw(source)
    places = [at for at in range(1, len(text)) if text[at - 1].isspace() or text[at - 1 : at + 1].isalnum()]
    return split(text, draw(st.lists(st.sampled_from(places), max_size=20)) if places else [])


def split(text: str, places: list[int]) -> list[str]:
    at = sorted({0, len(text), *places})
    return [text[start:end] for start, end in itertools.pairwise(at)]


def spoken(messages: list[str], language: str | None, limit: int) -> list[str]:
    buffer = SentenceBuffer(language, max_chars=limit)
    return [piece for message in messages for piece in buffer.feed(message)] + buffer.flush()


def said(pieces_out: list[str]) -> list[str]:
    return [piece.strip() for piece in pieces_out if piece.strip()]


@given(cut_anywhere(st.one_of(texts, st.text(max_size=200))), languages, limits, st.sets(st.integers(0, 12)))
def test_nothing_is_lost_doubled_or_reordered(
    messages: list[str], language: str | None, limit: int, pauses: set[int]
) -> None:
    buffer, out = SentenceBuffer(language, max_chars=limit), []
    for number, message in enumerate(messages):
        out += buffer.feed(message)
        if number in pauses:
            waiting, given = buffer.waiting_for_quiet, buffer.quiet()
            assert waiting == bool(given)
            out += given
        assert "".join(out) + buffer.pending == "".join(messages[: number + 1])
    out += buffer.flush()
    assert "".join(out) == "".join(messages)
    assert all(out)
    assert buffer.pending == ""
    assert not buffer.waiting_for_quiet


@given(cut_in_words(), languages, limits)
def test_sentences_do_not_depend_on_where_messages_are_cut(
    messages: list[str], language: str | None, limit: int
) -> None:
    assert said(spoken(messages, language, limit)) == said(spoken(["".join(messages)], language, limit))


@given(cut_anywhere(), languages)
def test_no_cut_inside_a_number_an_abbreviation_or_a_tag(messages: list[str], language: str | None) -> None:
    text, at = "".join(messages), 0
    whole = [
        match.span()
        for piece in {*NUMBERS, *ABBREVIATIONS, *TAGS}
        for match in re.finditer(rf"(?<!\w){re.escape(piece)}", text)
    ]
    for piece in spoken(messages, language, 500)[:-1]:
        at += len(piece)
        assert not [text[start:end] for start, end in whole if start < at < end]


@given(cut_anywhere(), languages, limits)
def test_no_piece_is_over_the_limit(messages: list[str], language: str | None, limit: int) -> None:
    for piece in spoken(messages, language, limit):
        assert len(piece.strip()) <= limit


@given(cut_in_words(prose), st.sampled_from(["en", "de", "ur", "zh", "hi"]))
def test_prose_is_cut_where_sentencex_cuts_the_whole(messages: list[str], language: str) -> None:
    assert said(spoken(messages, language, 500)) == said(sentencex.segment(language, "".join(messages)))
