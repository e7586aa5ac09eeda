"""Dictionaries as they are sent: JSON items, PLS documents, plain lines.

Source: Telnyx docs, pronunciation dictionaries (items; upload of PLS/XML, or lines ``word=alias`` and
``word:/ipa/``); W3C Pronunciation Lexicon Specification 1.0; Uplift docs, phrase replacement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from voxgate.errors import InvalidRequest
from voxgate.speech.lexicon import LexiconEntry, check

MAX_FILE_BYTES = 1_048_576
MAX_ITEMS = 100
MAX_REPLACEMENTS = 1_000  # Uplift documents no limit
_MAX_DEPTH = 16
_PHONEME_LINE = re.compile(r"([^=]+?)\s*:\s*/([^/]*)/")


def entries_from_items(items: object, field: str = "items") -> list[LexiconEntry]:
    """Read the items of Telnyx's JSON: ``{"text", "type": "alias", "alias"}`` or ``…"phoneme", "alphabet"``.

    Raises:
        InvalidRequest: not such a list, an unknown type or alphabet, or a limit is broken; names the item.
    """
    if not isinstance(items, list):
        raise InvalidRequest("The items are not a list", field=field)
    _check_count(len(items), MAX_ITEMS, field)
    return [_entry_from_item(item, f"{field}[{number}]") for number, item in enumerate(items)]


def entries_from_replacements(replacements: object, field: str = "phraseReplacements") -> list[LexiconEntry]:
    """Read Uplift's phrase replacements: ``{"phrase", "replacement"}``.

    Raises:
        InvalidRequest: not such a list, or a limit is broken; names the item.
    """
    if not isinstance(replacements, list):
        raise InvalidRequest("The phrase replacements are not a list", field=field)
    _check_count(len(replacements), MAX_REPLACEMENTS, field)
    entries = []
    for number, item in enumerate(replacements):
        where = f"{field}[{number}]"
        fields = _object(item, where)
        phrase, replacement = _text(fields, "phrase", where), _text(fields, "replacement", where)
        entries.append(_checked(LexiconEntry(phrase, alias=replacement), where))
    return entries


def items_from_entries(entries: list[LexiconEntry]) -> list[dict[str, str]]:
    """Write entries as Telnyx's JSON items."""
    return [
        {"text": entry.text, "type": "phoneme", "phoneme": entry.ipa, "alphabet": "ipa"}
        if entry.ipa is not None
        else {"text": entry.text, "type": "alias", "alias": entry.alias or ""}
        for entry in entries
    ]


def entries_from_file(data: bytes, field: str = "file") -> list[LexiconEntry]:
    """Read an uploaded file: PLS if it looks like XML, else plain lines.

    Args:
        data: the file, at most `MAX_FILE_BYTES`.
        field: what to name in an error.

    Raises:
        InvalidRequest: too large, not UTF-8 (XML may declare another encoding), not well-formed, with a
            document type or entities, another alphabet than IPA, or a limit is broken.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"A dictionary file has at most {MAX_FILE_BYTES} bytes", field=field)
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        return _PlsReader(field).read(data)
    return _entries_from_lines(data, field)


def _entries_from_lines(data: bytes, field: str) -> list[LexiconEntry]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The file is not UTF-8: byte {error.start} is wrong", field=field) from None
    entries: list[LexiconEntry] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip():
            continue
        where = f"{field}, line {number}"
        word, equals, alias = map(str.strip, line.partition("="))
        phoneme = _PHONEME_LINE.fullmatch(line.strip())
        if phoneme:
            entry = LexiconEntry(phoneme[1], ipa=phoneme[2])
        elif equals:
            entry = LexiconEntry(word, alias=alias)
        else:
            raise InvalidRequest("A line is neither word=alias nor word:/ipa/", field=where)
        entries.append(_checked(entry, where))
        _check_count(len(entries), MAX_ITEMS, field)
    return entries


class _PlsReader:
    """Reads one PLS document with expat, which is stopped at anything but plain elements and text."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.ExternalEntityRefHandler = self._refuse
        self._path: list[str] = []
        self._alphabets: list[str] = []
        self._text = ""
        self._graphemes: list[str] = []
        self._entry: dict[str, str] = {}
        self._entries: list[LexiconEntry] = []

    def read(self, data: bytes) -> list[LexiconEntry]:
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            line = getattr(error, "lineno", None)
            where = f" (line {line})" if line else ""
            raise InvalidRequest(f"The file is not well-formed XML{where}", field=self._field) from None
        return self._entries

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path and name != "lexicon":
            raise InvalidRequest("The file is not a pronunciation lexicon", field=self._field)
        if len(self._path) == _MAX_DEPTH:
            raise InvalidRequest("The file is nested too deeply", field=self._field)
        outer = self._alphabets[-1] if self._alphabets else "ipa"
        self._path.append(name)
        self._alphabets.append(attributes.get("alphabet", outer).lower())
        self._text = ""
        if name == "lexeme":
            self._graphemes, self._entry = [], {}

    def _end(self, name: str) -> None:
        name = self._path.pop()
        alphabet, text = self._alphabets.pop(), " ".join(self._text.split())
        if name == "grapheme":
            self._graphemes.append(text)
        elif name == "phoneme":
            if alphabet != "ipa":
                raise InvalidRequest(f"The alphabet is not ipa (line {self._line})", field=self._field)
            self._entry.setdefault("ipa", text)  # the first is the preferred one
        elif name == "alias":
            self._entry.setdefault("alias", text)
        elif name == "lexeme":
            self._finish_lexeme()
        self._text = ""

    def _finish_lexeme(self) -> None:
        where = f"{self._field}, line {self._line}"
        if not self._graphemes or not self._entry:
            raise InvalidRequest("A lexeme needs a grapheme, and a phoneme or an alias", field=where)
        spoken = {"ipa": self._entry["ipa"]} if "ipa" in self._entry else {"alias": self._entry["alias"]}
        for grapheme in self._graphemes:
            self._entries.append(_checked(LexiconEntry(grapheme, **spoken), where))
            _check_count(len(self._entries), MAX_ITEMS, self._field)

    def _characters(self, text: str) -> None:
        self._text += text

    def _refuse(self, *_: object) -> int:
        raise InvalidRequest("The file may have no document type and no entities", field=self._field)

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber


def _entry_from_item(item: object, field: str) -> LexiconEntry:
    fields = _object(item, field)
    text = _text(fields, "text", field)
    kind = fields.get("type")
    if kind == "alias":
        return _checked(LexiconEntry(text, alias=_text(fields, "alias", field)), field)
    if kind != "phoneme":
        raise InvalidRequest("The type of an item is alias or phoneme", field=f"{field}.type")
    if fields.get("alphabet", "ipa") != "ipa":
        raise InvalidRequest("The alphabet of a phoneme is ipa", field=f"{field}.alphabet")
    return _checked(LexiconEntry(text, ipa=_text(fields, "phoneme", field)), field)


def _object(item: object, field: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise InvalidRequest("An item is not an object", field=field)
    return item


def _text(fields: Mapping[str, Any], name: str, field: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"An item needs the text {name}", field=f"{field}.{name}")
    return value


def _checked(entry: LexiconEntry, field: str) -> LexiconEntry:
    check(entry, field)
    return entry


def _check_count(count: int, limit: int, field: str) -> None:
    if count > limit:
        raise InvalidRequest(f"There may be at most {limit} items", field=field)
