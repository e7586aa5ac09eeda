"""SSML as espeak may safely see it.

espeak reads markup leniently and in C: it opens files named in ``<audio>``, loads voices by path, and
stacks elements without a bound. So a document is parsed here, strictly and without DTDs or entities, and
written anew from what is known to be safe; character data keeps a map back to the document.

=====================  ================================================================
kept                   ``p``, ``s``, ``break``, ``emphasis``, ``prosody``, ``say-as`` with
                       ``interpret-as`` characters, digits or telephone, ``sub``, and
                       ``xml:lang`` below the root
made phonemes          ``phoneme`` in IPA that `voxgate.speech.phonemes` knows
text kept, tag gone    everything else: ``voice`` (names are other vendors'), other ``phoneme``,
                       ``audio`` (its alternative text), ``w``, vendors' own elements
gone with its text     ``desc``, ``metadata``, ``script``, ``style``
gone                   ``mark``, ``bookmark``, comments, processing instructions
=====================  ================================================================
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from voxgate.errors import InvalidMarkup, InvalidRequest
from voxgate.providers.espeak_phonemes import part_brackets
from voxgate.providers.espeak_voices import nearest_voice
from voxgate.speech.phonemes import ipa_to_espeak

PROBE_CHARACTERS = 100
LONGEST_BREAK_MS = 20_000
LONGEST_BREAKS_MS = 300_000
"""Of all breaks of a document together: a few lines could otherwise ask for days of silence."""

_BEGIN_PHONEMES = "\x02\x02"  # as long as "[[", for which it stands until brackets of others are parted
_MOST_NESTED = 12  # espeak holds 20 levels of prosody and emphasis together
_SILENT = frozenset({"desc", "metadata", "script", "style"})
_SAY_AS = {
    "characters": "characters",
    "spell-out": "characters",
    "verbatim": "characters",
    "digits": "tts:digits",
    "telephone": "telephone",
}
_STRENGTHS = frozenset({"none", "x-weak", "weak", "medium", "strong", "x-strong"})
_LEVELS = frozenset({"none", "reduced", "moderate", "strong", "x-strong"})
_KEYWORDS = {
    "rate": frozenset({"default", "x-slow", "slow", "medium", "fast", "x-fast"}),
    "pitch": frozenset({"default", "x-low", "low", "medium", "high", "x-high"}),
    "range": frozenset({"default", "x-low", "low", "medium", "high", "x-high"}),
    "volume": frozenset({"default", "silent", "x-soft", "soft", "medium", "loud", "x-loud"}),
}
_PERCENT_LIMITS = {"rate": (30, 400), "pitch": (30, 198), "range": (0, 200), "volume": (0, 200)}
_NUMBER = re.compile(r"([+-]?)(\d{1,6}(?:\.\d{1,6})?)(%|st|dB|ms|s)?")


@dataclass(frozen=True, slots=True)
class EspeakMarkup:
    """A document made safe.

    Attributes:
        text: for espeak.
        probe: the first words of its character data, to measure pace by.
        phonemes: whether ``[[...]]`` in it means phonemes; without, brackets are just brackets.
    """

    text: str
    probe: str
    phonemes: bool
    _pieces: tuple[tuple[int, int, int, bool], ...]

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Map a range of `text` to the document, or None where there is no such place."""
        first, last = self._character(start), self._character(end - 1)
        if first is None or last is None or last[1] <= first[0]:
            return None
        return first[0], last[1]

    def _character(self, at: int) -> tuple[int, int] | None:
        index = bisect.bisect_right(self._pieces, at, key=lambda piece: piece[0]) - 1
        if index < 0:
            return None
        start, length, source, literal = self._pieces[index]
        if at >= start + length:
            return None
        if literal:
            return source + at - start, source + at - start + 1
        return source, source + 1


def prepare(document: str, language: str = "en") -> EspeakMarkup:
    """Parse a document and write it anew.

    Args:
        document: SSML.
        language: of the voice; it decides which phonemes there are.

    Raises:
        InvalidMarkup: it is not well-formed, its root is not ``speak``, it has a DTD, or its breaks add up
            to more than `LONGEST_BREAKS_MS`. The message names the line and column, from 1.
    """
    return _Writer(document, language).markup


@dataclass(slots=True)
class _Open:
    """An element that is open: what closes it, and what was so before it."""

    closing: str
    language: str
    silent: bool
    nesting: int
    alias_from: int = -1


@dataclass(slots=True)
class _Output:
    """Text for espeak, with the places its character data came from."""

    parts: list[str] = field(default_factory=list)
    pieces: list[tuple[int, int, int, bool]] = field(default_factory=list)
    length: int = 0

    def tag(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def characters(self, text: str, source: int, *, literal: bool) -> None:
        """Add character data found at ``source``; not ``literal`` if it is written otherwise there."""
        for piece in re.split("([&<>])", text):
            if piece:
                written = _escaped(piece)
                same = literal and written == piece
                self.pieces.append((self.length, len(written), source, same))
                self.tag(written)
                source += len(piece) if literal else 0


class _Writer:
    """Walks through a document once."""

    def __init__(self, document: str, language: str) -> None:
        self._document = document
        self._voice_language = language
        self._data = document.encode("utf-8", "replace")
        self._bytes_done = 0
        self._characters_done = 0
        self._out = _Output()
        self._open: list[_Open] = []
        self._language = ""
        self._silent = False
        self._nesting = 0
        self._breaks_ms = 0
        self._probe: list[str] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise self._refusal(expat.ErrorString(error.code), error.lineno, error.offset) from None
        probe = "".join(self._probe)[:PROBE_CHARACTERS]
        text = "".join(self._out.parts)
        phonemes = _BEGIN_PHONEMES in text
        text = part_brackets(text).replace(_BEGIN_PHONEMES, "[[") if phonemes else text
        self.markup = EspeakMarkup(text, probe, phonemes, tuple(self._out.pieces))

    def _refusal(self, reason: str, line: int, column: int) -> InvalidMarkup:
        return InvalidMarkup(f"The SSML does not parse at line {line}, column {column + 1}: {reason}")

    def _refuse(self, reason: str) -> InvalidMarkup:
        return self._refusal(reason, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber)

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        raise self._refuse("document type declarations are not allowed")

    def _position(self) -> int:
        """Return the parser's place in the document, in characters."""
        at = self._parser.CurrentByteIndex
        self._characters_done += len(self._data[self._bytes_done : at].decode("utf-8", "ignore"))
        self._bytes_done = at
        return self._characters_done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "speak":
            raise self._refuse("the root element is not speak")
        element = _Open("", self._language, self._silent, self._nesting)
        if self._open and not self._silent:
            self._write_start(name, attributes, element)
        self._open.append(element)

    def _write_start(self, name: str, attributes: dict[str, str], element: _Open) -> None:
        if "xml:lang" in attributes:
            self._speak_in(nearest_voice(attributes["xml:lang"]).voice_id)
        if name in _SILENT:
            self._silent = True
        elif name in ("p", "s"):
            self._out.tag(f"<{name}>")
            element.closing = f"</{name}>"
        elif name == "break":
            self._out.tag(self._break(attributes))
        elif name == "sub" and "alias" in attributes:
            self._out.tag(_escaped(attributes["alias"]))
            self._probe.append(attributes["alias"])
            self._silent = True
        elif name == "phoneme" and (phonemes := self._phonemes(attributes)):
            self._out.tag(f" {_BEGIN_PHONEMES}{phonemes}]] ")
            self._silent = True
        elif name in ("prosody", "emphasis", "say-as") and self._nesting < _MOST_NESTED:
            written = _kept_attributes(name, attributes)
            if written:
                self._nesting += 1
                self._out.tag(f"<{name}{written}>")
                element.closing = f"</{name}>"

    def _end(self, name: str) -> None:
        element = self._open.pop()
        self._out.tag(element.closing)
        self._speak_in(element.language)
        self._silent, self._nesting = element.silent, element.nesting

    def _speak_in(self, language: str) -> None:
        """Change language; never one inside another, because espeak returns to the outermost."""
        if language == self._language:
            return
        if self._language:
            self._out.tag("</voice>")
        if language:
            self._out.tag(f'<voice xml:lang="{language}">')
        self._language = language

    def _text(self, text: str) -> None:
        start = self._position()
        if self._silent:
            return
        literal = self._document.startswith(text, start)
        self._out.characters(text, start, literal=literal)
        if sum(map(len, self._probe)) < PROBE_CHARACTERS:
            self._probe.append(text)

    def _phonemes(self, attributes: dict[str, str]) -> str | None:
        """Write IPA in espeak's letters; None, and the text is spoken, where that cannot be done."""
        if attributes.get("alphabet") != "ipa":
            return None
        try:
            return ipa_to_espeak(attributes.get("ph", ""), self._language or self._voice_language)
        except InvalidRequest:
            return None

    def _break(self, attributes: dict[str, str]) -> str:
        time = _NUMBER.fullmatch(attributes.get("time", "").strip())
        if time is not None and not time[1] and time[3] in ("ms", "s"):
            pause_ms = min(LONGEST_BREAK_MS, round(float(time[2]) * (1000 if time[3] == "s" else 1)))
            self._breaks_ms += pause_ms
            if self._breaks_ms > LONGEST_BREAKS_MS:
                raise self._refuse(f"breaks add up to more than {LONGEST_BREAKS_MS // 1000} s")
            return f'<break time="{pause_ms}ms"/>'
        strength = attributes.get("strength", "medium")
        return f'<break strength="{strength if strength in _STRENGTHS else "medium"}"/>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _kept_attributes(name: str, attributes: dict[str, str]) -> str:
    if name == "emphasis":
        level = attributes.get("level", "moderate")
        return f' level="{level if level in _LEVELS else "moderate"}"'
    if name == "say-as":
        kind = _SAY_AS.get(attributes.get("interpret-as", ""))
        return f' interpret-as="{kind}"' if kind else ""
    written = ""
    for key in _KEYWORDS:
        value = _prosody_value(key, attributes.get(key, "").strip())
        written += f' {key}="{value}"' if value else ""
    return written


def _prosody_value(name: str, value: str) -> str:
    """Return a keyword, or any of SSML's relative values as a percentage; empty when it is neither."""
    if value in _KEYWORDS[name]:
        return value
    number = _NUMBER.fullmatch(value)
    if number is None:
        return ""
    sign, amount, unit = number[1], float(number[2]), number[3]
    signed = -amount if sign == "-" else amount
    percent: float
    if unit == "%":
        percent = 100 + signed if sign else amount
    elif unit == "st":
        percent = 100 * 2 ** (min(24.0, max(-24.0, signed)) / 12)
    elif unit == "dB":
        percent = 100 * 10 ** (min(24.0, max(-96.0, signed)) / 20)
    elif unit is None and name == "rate" and not sign:
        percent = 100 * amount
    elif unit is None and name == "volume" and not sign:
        percent = amount
    else:
        return ""
    low, high = _PERCENT_LIMITS[name]
    return f"{round(min(high, max(low, percent)))}%"
