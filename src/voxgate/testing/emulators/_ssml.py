"""SSML as the emulators of AWS and Azure read it: what is spoken, inside which elements, and where it stands.

White space is spoken as one space, and not at all at the ends. An element ``sub`` with an ``alias`` is spoken
as that. Pauses take no time: between tones they would only be in the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from xml.parsers import expat

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_SENTENCE = re.compile(r"\S[^.!?]*[.!?]*")


@dataclass(frozen=True, slots=True)
class Tag:
    """An element that is open."""

    name: str
    attributes: Mapping[str, str] = field(compare=False)
    number: int = 0
    """Of the element in its document, so that two alike are two."""


@dataclass(frozen=True, slots=True)
class Character:
    """A character that is spoken, ``start`` and ``end`` in bytes of UTF-8, and the elements around it."""

    text: str
    start: int
    end: int
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a text, ``begin`` and ``end`` counted in characters, ``start`` and ``stop`` in bytes."""

    text: str
    begin: int
    start: int
    stop: int


class BadDocument(ValueError):
    """The document is not well-formed, or it declares a type."""


class Document:
    """A parsed document.

    Args:
        text: the document.
        prefixes: what to write before the names of a namespace, for vendors who demand that prefixes are
            declared; None leaves names as they are written.

    Attributes:
        characters: that are spoken, in order.
        tags: every element, in order.
        marks: elements named ``mark`` and ``bookmark``, each with the index of the character behind it and
            the range of bytes where it stands.

    Raises:
        BadDocument: it does not parse.
    """

    def __init__(self, text: str, prefixes: Mapping[str, str] | None = None) -> None:
        self.characters: list[Character] = []
        self.tags: list[Tag] = []
        self.marks: list[tuple[Tag, int, int]] = []
        self._prefixes = prefixes
        self._open: tuple[Tag, ...] = ()
        self._pending: list[Character] = []
        self._data = text.encode()
        self._parser = expat.ParserCreate("utf-8", None if prefixes is None else " ")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._take
        self._parser.DefaultHandlerExpand = lambda data: self._settle()
        self._parser.StartDoctypeDeclHandler = self._refuse
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise BadDocument(str(error)) from None

    def _name(self, name: str) -> str:
        namespace, space, local = name.rpartition(" ")
        return f"{(self._prefixes or {}).get(namespace, namespace + space)}{local}"

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._settle()
        named = {self._name(key): value for key, value in attributes.items()}
        tag = Tag(self._name(name), named, len(self.tags))
        self.tags.append(tag)
        self._open += (tag,)
        here = self._parser.CurrentByteIndex
        if tag.name in ("mark", "bookmark"):
            self.marks.append((tag, len(self.characters), here))
        if tag.name == "sub" and "alias" in named:
            self._add(named["alias"], here, here)

    def _end(self, name: str) -> None:
        self._settle()
        self._open = self._open[:-1]

    def _take(self, text: str) -> None:
        self._settle()
        if any(tag.name == "sub" and "alias" in tag.attributes for tag in self._open):
            return
        start = self._parser.CurrentByteIndex
        if self._data[start : start + len(text.encode())] == text.encode():
            for character in text:
                self._add(character, start, start := start + len(character.encode()))
        else:  # an entity: it ends where the next piece begins
            self._pending = [Character(text, start, start, self._open)]

    def _settle(self) -> None:
        for character in self._pending:
            self._add(character.text, character.start, self._parser.CurrentByteIndex)
        self._pending = []

    def _add(self, text: str, start: int, end: int) -> None:
        for character in text:
            if not character.isspace():
                self.characters.append(Character(character, start, end, self._open))
            elif self.characters and self.characters[-1].text != " ":
                self.characters.append(Character(" ", start, end, self._open))

    def _refuse(self, *_: object) -> None:
        raise BadDocument("a document type is declared")

    def spoken(self) -> list[Character]:
        """Return `characters` without white space at the end."""
        end = len(self.characters)
        while end and self.characters[end - 1].text == " ":
            end -= 1
        return self.characters[:end]


def plain(text: str) -> list[Character]:
    """Return a plain text as `Document.spoken` would."""
    characters, start = [], 0
    for character in text:
        end = start + len(character.encode())
        characters.append(Character(character, start, end))
        start = end
    return characters


def runs(characters: list[Character]) -> Iterator[tuple[str, tuple[Tag, ...]]]:
    """Cut what is spoken where the elements around it change."""
    for tags, group in groupby(characters, key=lambda character: character.tags):
        yield "".join(character.text for character in group), tags


def words(characters: list[Character]) -> Iterator[Part]:
    """Find the words, without punctuation."""
    return _parts(_WORD, characters)


def sentences(characters: list[Character]) -> Iterator[Part]:
    """Find the sentences."""
    return _parts(_SENTENCE, characters)


def _parts(pattern: re.Pattern[str], characters: list[Character]) -> Iterator[Part]:
    for match in pattern.finditer("".join(character.text for character in characters)):
        first, last = characters[match.start()], characters[match.end() - 1]
        yield Part(match[0], match.start(), first.start, last.end)
