"""Words replaced before speech."""

# ruff: noqa: RUF001 - other scripts and IPA are what is tested

from __future__ import annotations

import unicodedata

import pytest

from voxgate.errors import InvalidRequest
from voxgate.speech.lexicon import Lexicon, LexiconEntry, Segment


def lexicon(**aliases: str) -> Lexicon:
    return Lexicon.compile(
        LexiconEntry(text.replace("_", " "), alias=alias) for text, alias in aliases.items()
    )


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Use SQL now", "Use sequel now"),
        ("use sql, Sql; (sQL)", "use sequel, sequel; (sequel)"),
        ("MySQL and SQLs and sql_x", "MySQL and SQLs and sql_x"),
        ("new york, New\n  York and York", "Gotham, Gotham and Yorkshire"),
        ("New Yorker", "New Yorker"),
        ("", ""),
    ],
)
def test_whole_words_in_any_ascii_case_the_longest_first(text: str, spoken: str) -> None:
    assert lexicon(SQL="sequel", York="Yorkshire", New_York="Gotham").replace(text) == spoken


@pytest.mark.parametrize(
    ("word", "text", "spoken"),
    [
        ("کتاب", "کتاب، کتابیں کتاب۔", "X، کتابیں X۔"),
        ("کا", "کا کام", "X کام"),
        ("वह", "वह, वहाँ वही वह।", "X, वहाँ वही X।"),
        ("क", "क की क्या", "X की क्या"),
        ("می", "می می‌خواهم", "X می‌خواهم"),
        ("重庆", "我喜欢重庆火锅", "我喜欢X火锅"),
        ("é", "été é", "été X"),
        ("naïve", "naïve Naïve naïvely", "X X naïvely"),
        ("C++", "C++, c++11", "X, X11"),
        (".NET", "the .net or x.NET", "the X or xX"),
        ("AT&T", "at&t", "X"),
        ("3", "3 3.5 13", "X X.5 13"),
        ("a.b*c", "a.b*c axbbc", "X axbbc"),
    ],
)
def test_whole_words_of_any_script(word: str, text: str, spoken: str) -> None:
    ready = Lexicon.compile([LexiconEntry(word, alias="X")])
    assert ready.replace(text) == spoken
    assert ready.replace(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFD", spoken)


def test_an_accented_capital_finds_its_entry_however_it_is_composed() -> None:
    ready = Lexicon.compile([LexiconEntry("élan", alias="X")])
    assert ready.replace("E\u0301lan e\u0301lan élan") == "X X X"
    assert ready.replace("Élan") == "Élan"
    both = Lexicon.compile([LexiconEntry("élan", alias="X"), LexiconEntry("Élan", alias="Y")])
    assert both.replace("Élan élan E\u0301lan e\u0301lan") == "Y X Y X"


def test_nothing_is_replaced_inside_a_replacement() -> None:
    assert lexicon(a="b", b="a", ab="a b").replace("a b ab") == "b a a b"


def test_inline_tags_are_left_alone() -> None:
    ready = lexicon(excited="thrilled", emotion="feeling", laughter="ha", happy="glad")
    text = '<emotion value="excited"/> [laughter] (happy) excited emotion [very happy] happy'
    assert (
        ready.replace(text)
        == '<emotion value="excited"/> [laughter] (happy) thrilled feeling [very happy] glad'
    )


def test_of_two_entries_for_the_same_words_the_later_counts() -> None:
    ready = Lexicon.compile([LexiconEntry("New  York", alias="one"), LexiconEntry("new york", alias="two")])
    assert ready.replace("New York") == "two"


def test_phonemes_come_as_segments_with_the_words_as_written() -> None:
    ready = Lexicon.compile([LexiconEntry("tomato", ipa="təˈmɑːtoʊ"), LexiconEntry("SQL", alias="sequel")])
    assert ready.apply("A Tomato, SQL and tomatoes. tomato") == [
        Segment("A "),
        Segment("Tomato", ipa="təˈmɑːtoʊ"),
        Segment(", sequel and tomatoes. "),
        Segment("tomato", ipa="təˈmɑːtoʊ"),
    ]
    assert ready.replace("A Tomato") == "A Tomato"


def test_an_empty_alias_says_nothing_and_an_empty_lexicon_changes_nothing() -> None:
    assert lexicon(um="").replace("so um yes") == "so  yes"
    assert Lexicon.compile([]).apply("as it was") == [Segment("as it was")]
    assert Lexicon.compile([]).apply("") == []


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (LexiconEntry(" ", alias="x"), "items[1].text"),
        (LexiconEntry("x" * 201, alias="x"), "items[1].text"),
        (LexiconEntry("x"), "items[1]"),
        (LexiconEntry("x", alias="a", ipa="a"), "items[1]"),
        (LexiconEntry("x", alias="a" * 501), "items[1].alias"),
        (LexiconEntry("x", ipa="a" * 501), "items[1].phoneme"),
        (LexiconEntry("x", ipa="a4"), "items[1].phoneme"),
        (LexiconEntry("x", ipa=""), "items[1].phoneme"),
    ],
)
def test_an_entry_that_breaks_a_limit_is_named(entry: LexiconEntry, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Lexicon.compile([LexiconEntry("fine", alias="fine"), entry])
    assert refused.value.field == field


def test_the_limits_themselves_are_allowed() -> None:
    long = Lexicon.compile([LexiconEntry("x" * 200, alias="y" * 500), LexiconEntry("a", ipa="a" * 500)])
    assert long.replace("x" * 200) == "y" * 500
