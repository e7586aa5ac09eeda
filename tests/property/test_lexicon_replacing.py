"""Replacing is what a plain reading of the rules does, and loses nothing."""

# ruff: noqa: RUF001 - other scripts are what is tested

from __future__ import annotations

import itertools
import unicodedata
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from voxgate.errors import InvalidRequest
from voxgate.speech.lexicon import Lexicon, LexiconEntry, Segment
from voxgate.speech.lexicon_files import entries_from_file

LETTERS = ["a", "b", "A", "B", "ہ", "ک", "ا", "\u064e", "व", "ह", "ी", "\u094d", "\u200c", "5", "_"]
OTHERS = [" ", ".", "+", "-", "*", "(", "۔", "|", "\\"]

words = st.text(st.sampled_from([*LETTERS, "+", "*"]), min_size=1, max_size=3)
phrases = st.lists(words, min_size=1, max_size=2).map(" ".join).filter(str.strip)
texts = st.text(st.sampled_from([*LETTERS, *OTHERS]), max_size=40)


def belongs_to_word(character: str) -> bool:
    return character.isalnum() or character in "_\u200c" or unicodedata.category(character)[0] == "M"


def needs_edge(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def small(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def plain_reading(entries: list[LexiconEntry], text: str) -> str:
    """Whole words, ASCII case aside, the longest at each place, the later of two alike; the slow way."""
    out, at = "", 0
    by_words = {small(entry.text): entry for entry in entries}
    while at < len(text):
        for found in sorted(by_words, key=len, reverse=True):
            end = at + len(found)
            if small(text[at:end]) != found:
                continue
            if at and needs_edge(found[0]) and belongs_to_word(text[at - 1]):
                continue
            if end < len(text) and needs_edge(found[-1]) and belongs_to_word(text[end]):
                continue
            out, at = out + (by_words[found].alias or ""), end
            break
        else:
            out, at = out + text[at], at + 1
    return out


@given(st.lists(st.builds(LexiconEntry, phrases, alias=texts), max_size=8), texts)
def test_it_does_what_a_plain_reading_of_the_rules_does(entries: list[LexiconEntry], text: str) -> None:
    assert Lexicon.compile(entries).replace(text) == plain_reading(entries, text)


@given(st.lists(phrases, max_size=8), st.one_of(texts, st.text(max_size=60)))
def test_with_phonemes_every_character_stays(found: list[str], text: str) -> None:
    segments = Lexicon.compile(LexiconEntry(words, ipa="ə") for words in found).apply(text)
    assert "".join(segment.text for segment in segments) == text
    assert all(segment.text for segment in segments)
    assert not [pair for pair in itertools.pairwise(segments) if pair[0].ipa is pair[1].ipa is None]


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_any_words_can_be_looked_for(words: str, alias: str) -> None:
    if words.strip():
        assert Lexicon.compile([LexiconEntry(words, alias=alias)]).apply("") == []
        found = Lexicon.compile([LexiconEntry(words, ipa="ə")]).apply(words.strip())
        assert found == [Segment(words.strip(), ipa="ə")]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_a_file_is_read_or_refused(data: bytes) -> None:
    with suppress(InvalidRequest):
        Lexicon.compile(entries_from_file(data))
