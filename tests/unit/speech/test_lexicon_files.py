"""Dictionaries as they are sent."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

from typing import Any

import pytest

from voxgate.errors import InvalidRequest
from voxgate.speech.lexicon import LexiconEntry
from voxgate.speech.lexicon_files import (
    entries_from_file,
    entries_from_items,
    entries_from_replacements,
    items_from_entries,
)

ITEMS: list[dict[str, Any]] = [
    {"text": "SQL", "type": "alias", "alias": "sequel"},
    {"text": "tomato", "type": "phoneme", "phoneme": "təˈmɑːtoʊ", "alphabet": "ipa"},
]
ENTRIES = [LexiconEntry("SQL", alias="sequel"), LexiconEntry("tomato", ipa="təˈmɑːtoʊ")]

PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon"
    alphabet="ipa" xml:lang="en-US">
  <!-- two of them -->
  <lexeme><grapheme>SQL</grapheme><grapheme>S.Q.L.</grapheme><alias>sequel</alias></lexeme>
  <lexeme role="x">
    <grapheme>tomato</grapheme>
    <phoneme prefer="true">təˈmɑːtoʊ</phoneme><phoneme>təˈmeɪtoʊ</phoneme>
    <example>A &lt;tomato&gt; &amp; an egg</example>
  </lexeme>
</lexicon>"""


def test_items_there_and_back() -> None:
    assert entries_from_items(ITEMS) == ENTRIES
    assert items_from_entries(ENTRIES) == ITEMS
    assert entries_from_items([{"text": "x", "type": "phoneme", "phoneme": "ks"}]) == [
        LexiconEntry("x", ipa="ks")
    ]


@pytest.mark.parametrize(
    ("items", "field"),
    [
        (None, "items"),
        ({"text": "x"}, "items"),
        (["x"], "items[0]"),
        ([ITEMS[0], {"type": "alias", "alias": "x"}], "items[1].text"),
        ([{"text": 5, "type": "alias", "alias": "x"}], "items[0].text"),
        ([{"text": "x", "type": "alias"}], "items[0].alias"),
        ([{"text": "x", "type": "other", "alias": "x"}], "items[0].type"),
        ([{"text": "x", "alias": "x"}], "items[0].type"),
        ([{"text": "x", "type": "phoneme", "phoneme": "x", "alphabet": "x-sampa"}], "items[0].alphabet"),
        ([{"text": "x", "type": "phoneme", "phoneme": "4"}], "items[0].phoneme"),
        ([{"text": "", "type": "alias", "alias": "x"}], "items[0].text"),
        ([{"text": "x" * 201, "type": "alias", "alias": "x"}], "items[0].text"),
        ([{"text": "x", "type": "alias", "alias": "x" * 501}], "items[0].alias"),
        (ITEMS * 50 + ITEMS[:1], "items"),
    ],
)
def test_wrong_items_are_refused_by_name(items: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        entries_from_items(items)
    assert refused.value.field == field


def test_a_hundred_items_are_allowed() -> None:
    assert len(entries_from_items(ITEMS * 50)) == 100
    assert len(entries_from_file(b"x=y\n" * 100)) == 100


def test_phrase_replacements() -> None:
    assert entries_from_replacements([{"phrase": "Dr", "replacement": "Doctor"}]) == [
        LexiconEntry("Dr", alias="Doctor")
    ]


@pytest.mark.parametrize(
    ("replacements", "field"),
    [
        ("x", "phraseReplacements"),
        ([5], "phraseReplacements[0]"),
        ([{"phrase": "x"}], "phraseReplacements[0].replacement"),
        ([{"replacement": "x"}], "phraseReplacements[0].phrase"),
        ([{"phrase": "x", "replacement": "y"}] * 1001, "phraseReplacements"),
    ],
)
def test_wrong_phrase_replacements_are_refused_by_name(replacements: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        entries_from_replacements(replacements)
    assert refused.value.field == field


def test_pls() -> None:
    expected = [ENTRIES[0], LexiconEntry("S.Q.L.", alias="sequel"), ENTRIES[1]]
    assert entries_from_file(PLS.encode()) == expected
    assert entries_from_file(PLS.replace("UTF-8", "UTF-16").encode("utf-16")) == expected
    assert entries_from_file(b"\xef\xbb\xbf" + PLS.encode()) == expected
    without_namespace = PLS.replace('xmlns="http://www.w3.org/2005/01/pronunciation-lexicon"', "")
    assert entries_from_file(without_namespace.encode()) == expected


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            f"{BOMB}<lexicon><lexeme><grapheme>&b;</grapheme><alias>x</alias></lexeme></lexicon>",
            "document type",
        ),
        ('<!DOCTYPE lexicon SYSTEM "file:///etc/passwd"><lexicon/>', "document type"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><lexicon>&e;</lexicon>', "document type"),
        ("<lexicon>&e;</lexicon>", "well-formed"),
        ("<lexicon><lexeme></lexicon>", "well-formed"),
        ("<lexicon>", "well-formed"),
        ("<", "well-formed"),
        ('<?xml version="1.0" encoding="nonsense"?><lexicon/>', "well-formed"),
        ("<html></html>", "not a pronunciation lexicon"),
        ("<lexicon>" * 17 + "</lexicon>" * 17, "too deeply"),
        ("<lexicon><lexeme><grapheme>x</grapheme></lexeme></lexicon>", "needs a grapheme"),
        ("<lexicon><lexeme><alias>x</alias></lexeme></lexicon>", "needs a grapheme"),
        ("<lexicon><lexeme><grapheme> </grapheme><alias>x</alias></lexeme></lexicon>", "empty"),
        ("<lexicon><lexeme><grapheme>x</grapheme><phoneme>4</phoneme></lexeme></lexicon>", "U+0034"),
        (
            '<lexicon alphabet="x-sampa"><lexeme><grapheme>x</grapheme><phoneme>x</phoneme></lexeme>',
            "not ipa",
        ),
        (
            f"<lexicon><lexeme>{'<grapheme>x</grapheme>' * 101}<alias>y</alias></lexeme></lexicon>",
            "at most 100",
        ),
    ],
)
def test_wrong_pls_is_refused(document: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=f".*{words.replace('+', '.')}") as refused:
        entries_from_file(document.encode())
    assert (refused.value.field or "").startswith("file")


def test_lines() -> None:
    text = "\ufeffSQL=sequel\r\n\r\n  tomato : /təˈmɑːtoʊ/ \nratio=one:/two/\n10:30 = half past ten\rgone=\n"
    assert entries_from_file(text.encode()) == [
        *ENTRIES,
        LexiconEntry("ratio", alias="one:/two/"),
        LexiconEntry("10:30", alias="half past ten"),
        LexiconEntry("gone", alias=""),
    ]
    assert entries_from_file(b"") == []


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"x=y\nnothing here\n", "file, line 2"),
        (b"=y", "file, line 1.text"),
        (b"x:/4/", "file, line 1.phoneme"),
        (b"x://", "file, line 1.phoneme"),
        (b"x=" + b"y" * 501, "file, line 1.alias"),
        (b"x=y\n" * 101, "file"),
        (b"x=\xff", "file"),
        (b"x" * 1_048_577, "file"),
    ],
)
def test_wrong_lines_are_refused_by_name(data: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        entries_from_file(data)
    assert refused.value.field == field


def test_a_large_document_of_nothing_is_read_in_one_go() -> None:
    document = b"<lexicon>" + b"<meta>text</meta>" * 60_000 + b"</lexicon>"
    assert len(document) < 1_048_576
    assert entries_from_file(document) == []
