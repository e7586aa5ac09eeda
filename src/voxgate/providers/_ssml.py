"""SSML as it is sent to vendors, and the way back: where in an utterance's text a stretch of it comes from.

A plain text is escaped and gets its pronunciations; a client's document is checked, and what a vendor wants
besides is put into it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import accumulate, pairwise
from xml.parsers import expat

from voxgate.errors import InvalidMarkup
from voxgate.speech.utterance import Utterance

_OUTSIDE_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STRETCH = re.compile(r"[&<>]|[^&<>]+")
_OPENING = re.compile(r"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a document.

    Attributes:
        text: as it is sent.
        source: where in the utterance's text it begins; -1 if it does not come from there.
        length: how many of that text's characters it stands for.
    """

    text: str
    source: int = -1
    length: int = 0


class Document:
    """What is sent.

    Args:
        pieces: in order.
        is_markup: it is SSML, and no plain text.
    """

    def __init__(self, pieces: Iterable[Piece], *, is_markup: bool = True) -> None:
        self._pieces = tuple(piece for piece in pieces if piece.text)
        self.text = "".join(piece.text for piece in self._pieces)
        self.is_markup = is_markup

    @classmethod
    def plain(cls, text: str) -> Document:
        """Send a plain text as it is."""
        return cls([Piece(clean(text), 0, len(text))], is_markup=False)

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Map a range of bytes in UTF-8 to the utterance's text: offset and length; None if it has none."""
        first, last = self._character(start), self._character(end - 1)
        if first is None or last is None or last[1] <= first[0]:
            return None
        return first[0], last[1] - first[0]

    @cached_property
    def _coded(self) -> tuple[list[int], list[bytes]]:
        """Where pieces begin, and their bytes."""
        data = [piece.text.encode() for piece in self._pieces]
        return list(accumulate(map(len, data[:-1]), initial=0)), data

    def _character(self, at: int) -> tuple[int, int] | None:
        """Find the character that one of the bytes belongs to."""
        starts, coded = self._coded
        index = bisect_right(starts, at) - 1
        if at < 0 or not coded:
            return None
        piece, data, inner = self._pieces[index], coded[index], at - starts[index]
        if piece.source < 0 or inner >= len(data):
            return None
        if len(piece.text) != piece.length:  # escaped
            return piece.source, piece.source + piece.length
        before = len(data[:inner].decode(errors="ignore"))
        return piece.source + before, piece.source + before + 1


def clean(text: str) -> str:
    """Put a space for each character that XML cannot hold."""
    return _OUTSIDE_XML.sub(" ", text)


def written(utterance: Utterance) -> Iterator[Piece]:
    """Write a plain text as character data, with its pronunciations."""
    text, position = clean(utterance.text), 0
    for said in utterance.pronunciations:
        yield from _escaped(text, position, said.start)
        position = said.start + said.length
        yield Piece(f'<phoneme alphabet="ipa" ph="{escape(clean(said.ipa))}">')
        yield from _escaped(text, said.start, position)
        yield Piece("</phoneme>")
    yield from _escaped(text, position, len(text))


def _escaped(text: str, start: int, end: int) -> Iterator[Piece]:
    for stretch in _STRETCH.finditer(text, start, end):
        yield Piece(escape(stretch[0], quote=False), stretch.start(), len(stretch[0]))


@dataclass(slots=True)
class Element:
    """An element of a client's document; where it stands is counted in characters.

    Attributes:
        name: as written, prefix included.
        attributes: likewise.
        start: of its opening tag.
        inner: behind its opening tag.
        end: of what it holds.
    """

    name: str
    attributes: Mapping[str, str]
    start: int
    inner: int
    end: int = -1


class Parsed:
    """A client's document.

    Args:
        text: of it.

    Attributes:
        elements: in the order in which they open; the first is the root.

    Raises:
        InvalidMarkup: it does not parse, its root is not ``speak``, or it declares a type.
    """

    def __init__(self, text: str) -> None:
        self.text = clean(text)
        self.elements: list[Element] = []
        self._data = self.text.encode()
        self._open: list[Element] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise InvalidMarkup(
                f"The SSML does not parse at line {error.lineno}, column {error.offset + 1}", field="text"
            ) from None
        if self.elements[0].name != "speak":
            raise InvalidMarkup("The root of the SSML must be speak", field="text")

    def around(self, name: str, before: str, after: str, *, opening: str = "") -> Iterator[Piece]:
        """Put something into each element of a name, around what it holds.

        Args:
            name: of the elements.
            before: what to put behind the opening tag.
            after: what to put in front of the closing tag.
            opening: instead of the root's opening tag; empty leaves that as it is.
        """
        cuts = [(0, 0, "")]
        root = self.elements[0]
        if opening:
            cuts.append((root.start, root.inner, opening))
        for element in self.elements:
            if element.name == name and element.end > element.inner:
                cuts += [(element.inner, element.inner, before), (element.end, element.end, after)]
        cuts.sort(key=lambda cut: cut[:2])
        for (_, start, put), (end, _, _) in pairwise([*cuts, (len(self.text), 0, "")]):
            yield Piece(put)
            yield Piece(self.text[start:end], start, end - start)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        start = self._place()
        opening = _OPENING.match(self.text, start)
        element = Element(name, attributes, start, opening.end() if opening else start)
        self.elements.append(element)
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop().end = self._place()

    def _place(self) -> int:
        return len(self._data[: self._parser.CurrentByteIndex].decode())

    def _refuse(self, *_: object) -> None:
        raise InvalidMarkup("SSML with a document type is not taken", field="text")
