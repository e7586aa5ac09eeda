from __future__ import annotations

import pytest

from voxgate.errors import InvalidMarkup
from voxgate.providers._ssml import Document, Parsed, Piece, written
from voxgate.speech.utterance import Pronunciation, Utterance
from voxgate.speech.voice import VoiceName

VOICE = VoiceName("AWS", "Polly", "Joanna")


def spoken(text: str, *said: Pronunciation) -> Document:
    utterance = Utterance(text, VOICE, "tenant", pronunciations=said)
    return Document([Piece("<speak>"), *written(utterance), Piece("</speak>")])


def place(document: Document, part: str) -> tuple[int, int] | None:
    data = document.text.encode()
    start = data.index(part.encode())
    return document.place(start, start + len(part.encode()))


def test_text_is_escaped_and_found_again() -> None:
    document = spoken("Señor & <Co> says: hi")
    assert document.text == "<speak>Señor &amp; &lt;Co&gt; says: hi</speak>"
    assert document.is_markup
    for part, where in (
        ("Señor", (0, 5)),
        ("ñ", (2, 1)),
        ("&amp;", (6, 1)),
        ("Co", (9, 2)),
        ("&lt;Co&gt;", (8, 4)),
        ("hi", (19, 2)),
        ("<speak>", None),
        ("</speak>", None),
    ):
        assert place(document, part) == where, part


def test_there_is_nothing_outside() -> None:
    document = spoken("hi")
    assert document.place(-1, 1) is None
    assert document.place(0, 0) is None
    assert document.place(400, 402) is None
    assert document.place(9, 8) is None
    assert Document([]).place(0, 1) is None


def test_pronunciations_are_put_around_their_words() -> None:
    document = spoken("I say tomato & nuts.", Pronunciation(6, 6, 'tə"meitoʊ'))
    assert document.text == (
        '<speak>I say <phoneme alphabet="ipa" ph="tə&quot;meitoʊ">tomato</phoneme> &amp; nuts.</speak>'
    )
    assert place(document, "tomato") == (6, 6)
    assert place(document, "nuts") == (15, 4)


def test_what_xml_cannot_hold_becomes_a_space() -> None:
    document = spoken("a\x00b\x0bc\ud800d\ufffee")
    assert document.text == "<speak>a b c d e</speak>"
    assert place(document, "e<") is None
    assert document.place(15, 16) == (8, 1)


def test_plain_text_stays_as_it_is() -> None:
    document = Document.plain("Señor & Co")
    assert document.text == "Señor & Co"
    assert not document.is_markup
    assert place(document, "Co") == (8, 2)


CLIENTS = '<?xml version="1.0"?>\n<speak a="1>2"><p>Olé &amp; <b/>more</p><p/></speak>'


def test_something_is_put_into_a_clients_document() -> None:
    document = Document(Parsed(CLIENTS).around("p", "[", "]"))
    assert document.text == '<?xml version="1.0"?>\n<speak a="1>2"><p>[Olé &amp; <b/>more]</p><p/></speak>'
    assert place(document, "Olé") == (CLIENTS.index("Olé"), 3)
    assert place(document, "more") == (CLIENTS.index("more"), 4)
    assert place(document, "[") is None


def test_the_roots_opening_can_be_another() -> None:
    document = Document(Parsed(CLIENTS).around("speak", "[", "]", opening="<speak b='2'>"))
    assert document.text == ("<?xml version=\"1.0\"?>\n<speak b='2'>[<p>Olé &amp; <b/>more</p><p/>]</speak>")
    assert place(document, "more") == (CLIENTS.index("more"), 4)


def test_elements_and_attributes_are_told() -> None:
    parsed = Parsed(CLIENTS)
    assert [element.name for element in parsed.elements] == ["speak", "p", "b", "p"]
    assert parsed.elements[0].attributes == {"a": "1>2"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "<speak>",
        "<speak>a & b</speak>",
        "<p>a</p>",
        "<speak/><speak/>",
        "<!DOCTYPE speak []><speak>a</speak>",
        '<!DOCTYPE speak [<!ENTITY a "b">]><speak>&a;</speak>',
        "<speak>&a;</speak>",
    ],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InvalidMarkup):
        Parsed(text)
