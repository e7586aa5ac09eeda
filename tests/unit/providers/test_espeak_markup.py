"""Documents are parsed strictly, made safe, and mapped back to where each word stands."""

# ruff: noqa: RUF001 - the letters of other scripts are meant

from __future__ import annotations

import re
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.errors import InvalidMarkup
from voxgate.providers.espeak_markup import prepare


@pytest.mark.parametrize(
    ("document", "line", "column"),
    [
        ("hello", 1, 1),
        ("", 1, 1),
        ("<speak>a", 1, 9),
        ("<speak>\n <b>x</speak>", 2, 8),
        ("<voice>a</voice>", 1, 1),
        ("<SPEAK>a</SPEAK>", 1, 1),
        ("<speak>a &nbsp; b</speak>", 1, 10),
        ("<speak>a & b</speak>", 1, 11),
        ("<speak>a</speak><speak>b</speak>", 1, 17),
        ("<speak>\x01</speak>", 1, 8),
    ],
)
def test_a_broken_document_is_refused_by_line_and_column(document: str, line: int, column: int) -> None:
    with pytest.raises(InvalidMarkup, match=f"line {line}, column {column}:"):
        prepare(document)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE speak>",
        '<!DOCTYPE speak SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE speak [<!ENTITY a "b">]>',
        '<!DOCTYPE speak [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_a_document_type_is_refused(doctype: str) -> None:
    with pytest.raises(InvalidMarkup, match="document type"):
        prepare(f"{doctype}<speak>hello</speak>")


@pytest.mark.parametrize(
    ("inside", "written"),
    [
        ("a <b>c</b>", "a c"),
        ("<p><s>a</s></p>", "<p><s>a</s></p>"),
        ('<audio src="/etc/passwd">say this</audio>', "say this"),
        ('<audio src="/etc/passwd"/>', ""),
        ('<voice name="../../x">a</voice>', "a"),
        ('<phoneme alphabet="espeak" ph="x">a</phoneme>', "a"),
        ('<mark name="m"/>a', "a"),
        ("<metadata>a<b>c</b></metadata>d", "d"),
        ("<desc>a</desc>d", "d"),
        ("<!-- a --><?b c?>d", "d"),
        ("a &amp; b &lt;c&gt; <![CDATA[<d>]]>", "a &amp; b &lt;c&gt; &lt;d&gt;"),
        ('<sub alias="a &lt; b">c</sub>', "a &lt; b"),
        ('<emphasis level="strong">a</emphasis>', '<emphasis level="strong">a</emphasis>'),
        ('<emphasis level="&quot;x">a</emphasis>', '<emphasis level="moderate">a</emphasis>'),
        ('<say-as interpret-as="spell-out">a</say-as>', '<say-as interpret-as="characters">a</say-as>'),
        ('<say-as interpret-as="date">1 May</say-as>', "1 May"),
        ('<break time="1.5s"/>', '<break time="1500ms"/>'),
        ('<break time="250ms"/>', '<break time="250ms"/>'),
        ('<break time="99s"/>', '<break time="20000ms"/>'),
        ('<break strength="weak"/>', '<break strength="weak"/>'),
        ("<break/>", '<break strength="medium"/>'),
        ('<break time="-5s"/>', '<break strength="medium"/>'),
        ('<prosody rate="fast" x="y">a</prosody>', '<prosody rate="fast">a</prosody>'),
        ('<prosody rate="1.2">a</prosody>', '<prosody rate="120%">a</prosody>'),
        ('<prosody rate="-20%">a</prosody>', '<prosody rate="80%">a</prosody>'),
        ('<prosody rate="999999%">a</prosody>', '<prosody rate="400%">a</prosody>'),
        ('<prosody pitch="+12st">a</prosody>', '<prosody pitch="198%">a</prosody>'),
        ('<prosody pitch="-12st">a</prosody>', '<prosody pitch="50%">a</prosody>'),
        ('<prosody volume="+6dB">a</prosody>', '<prosody volume="200%">a</prosody>'),
        ('<prosody volume="50">a</prosody>', '<prosody volume="50%">a</prosody>'),
        ('<prosody volume="silent">a</prosody>', '<prosody volume="silent">a</prosody>'),
        ('<prosody contour="(0%,+20Hz)">a</prosody>', "a"),
        ('<lang xml:lang="de-DE">a</lang>b', '<voice xml:lang="de">a</voice>b'),
        (
            '<p xml:lang="fr">a<s xml:lang="de">b</s>c</p>',
            '<voice xml:lang="fr"><p>a</voice><voice xml:lang="de"><s>b</s></voice>'
            '<voice xml:lang="fr">c</p></voice>',
        ),
    ],
)
def test_what_espeak_gets(inside: str, written: str) -> None:
    assert prepare(f'<speak xml:lang="en">{inside}</speak>').text == written


def test_breaks_without_end_are_refused() -> None:
    with pytest.raises(InvalidMarkup, match="add up"):
        prepare("<speak>" + '<break time="20s"/>' * 16 + "</speak>")


def test_nesting_without_end_is_cut() -> None:
    depth = 10_000
    document = "<speak>" + '<prosody rate="fast">' * depth + "a" + "</prosody>" * depth + "</speak>"
    assert prepare(document).text.count("<prosody") <= 12


words = st.text("abcdéüابپ你好👍 \n", min_size=1, max_size=8)
shells = st.sampled_from(
    [
        "<p>{}</p>",
        "<b>{}</b>",
        '<prosody rate="slow">{}</prosody>',
        '<s xml:lang="ur">{}</s>',
        "&amp;{}",
        "<!-- x -->{}",
        '<break time="1s"/>{}',
        "<![CDATA[]]>{}",
    ]
)
pieces = st.recursive(
    words.map(escape),
    lambda inner: st.builds(
        lambda shell, parts: shell.format("".join(parts)), shells, st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


@given(pieces)
def test_every_word_is_mapped_to_where_it_stands(inside: str) -> None:
    document = f"<speak>{inside}</speak>"
    markup = prepare(document)
    for match in re.finditer(r"(<[^>]*>)|(&amp;)|([^<>&\s]+)", markup.text):
        tag, ampersand, word = match.groups()
        placed = markup.place(match.start(), match.end())
        if tag:
            assert placed is None or ">" not in document[slice(*placed)]
        elif word:
            assert placed is not None
            assert re.sub(r"<[^>]*>|<!--.*?-->", "", document[slice(*placed)]) == word
        elif ampersand:
            assert placed is not None
            assert document[placed[0]] == "&"


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_refused(text: str) -> None:
    for document in (text, f"<speak>{text}</speak>"):
        try:
            prepare(document)
        except InvalidMarkup:
            continue
