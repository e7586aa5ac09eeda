"""Words replaced before speech: Uplift's phrase replacements and Telnyx's pronunciation dictionaries.

An entry says how a word or phrase is to be spoken: as other words, or as phonemes in IPA. Entries match
whole words, without regard to the case of ASCII letters; where several match, the one that begins first
counts, and of those the longest. What was put in is not looked at again, and inline tags are left alone
(source for the order and the case: Uplift contract, phrase replacement; for the limits: Telnyx docs,
pronunciation dictionaries).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from voxgate.errors import InvalidRequest
from voxgate.speech.inline_markup import KNOWN, TAG
from voxgate.speech.phonemes import ipa_to_espeak

MAX_TEXT_CHARS = 200
MAX_VALUE_CHARS = 500


@dataclass(frozen=True, slots=True)
class LexiconEntry:
    """How to speak a word or phrase: exactly one of ``alias`` and ``ipa`` is given.

    Attributes:
        text: what to look for, at most `MAX_TEXT_CHARS`.
        alias: what to say instead; may be empty, to say nothing.
        ipa: how it sounds, in IPA.
    """

    text: str
    alias: str | None = None
    ipa: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text as it should be spoken.

    Attributes:
        text: the words; for a stretch with ``ipa``, as they were written, for voices that take no phonemes.
        ipa: how to pronounce them, when a dictionary says so.
    """

    text: str
    ipa: str | None = None


class Lexicon:
    """Entries made ready to be applied; immutable. Make one with `compile`."""

    def __init__(self, entries: Mapping[str, LexiconEntry], pattern: re.Pattern[str] | None) -> None:
        self._entries = entries
        self._pattern = pattern

    @classmethod
    def compile(cls, entries: Iterable[LexiconEntry]) -> Lexicon:
        """Make entries ready; of two for the same words, the later counts.

        Raises:
            InvalidRequest: an entry breaks `check`.
        """
        by_words: dict[str, LexiconEntry] = {}
        for number, entry in enumerate(entries):
            check(entry, f"items[{number}]")
            by_words[_folded(entry.text)] = entry
        longest_first = [by_words[words] for words in sorted(by_words, key=len, reverse=True)]
        # A capital with an accent of its own is not ASCII, but its letter is when the accent is apart.
        loosely = {_folded_apart(entry.text): entry for entry in reversed(longest_first)}
        return cls({**loosely, **by_words}, _pattern(longest_first))

    def apply(self, text: str) -> list[Segment]:
        """Give the text in segments; neighbours without phonemes are one. No text, no segments."""
        return list(_joined(self._segments(text)))

    def replace(self, text: str) -> str:
        """Give the text with aliases in place, and words with phonemes as they were written."""
        return "".join(segment.text for segment in self._segments(text))

    def _segments(self, text: str) -> Iterator[Segment]:
        at = 0
        for match in self._pattern.finditer(text) if self._pattern else ():
            words = match["words"]
            if words is None:  # an inline tag
                continue
            yield Segment(text[at : match.start()])
            entry = self._entries.get(_folded(words)) or self._entries[_folded_apart(words)]
            yield Segment(words, entry.ipa) if entry.alias is None else Segment(entry.alias)
            at = match.end()
        yield Segment(text[at:])


def check(entry: LexiconEntry, field: str = "items") -> None:
    """Check one entry against the limits, and its phonemes against the table of IPA.

    Args:
        entry: the entry.
        field: how the caller spelled it, to name in an error: ``items[3]``.

    Raises:
        InvalidRequest: empty or too long, neither or both of alias and phonemes, or a symbol outside IPA.
    """
    if not entry.text.strip():
        raise InvalidRequest("What to look for is empty", field=f"{field}.text")
    if len(entry.text) > MAX_TEXT_CHARS:
        raise InvalidRequest(
            f"What to look for has at most {MAX_TEXT_CHARS} characters", field=f"{field}.text"
        )
    if (entry.alias is None) == (entry.ipa is None):
        raise InvalidRequest("Give either an alias or a phoneme", field=field)
    kind = "phoneme" if entry.alias is None else "alias"
    if len(entry.alias or entry.ipa or "") > MAX_VALUE_CHARS:
        raise InvalidRequest(
            f"A replacement has at most {MAX_VALUE_CHARS} characters", field=f"{field}.{kind}"
        )
    if entry.ipa is not None:
        ipa_to_espeak(entry.ipa, field=f"{field}.phoneme")


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    plain = ""
    for segment in segments:
        if segment.ipa is None:
            plain += segment.text
            continue
        if plain:
            yield Segment(plain)
            plain = ""
        yield segment
    if plain:
        yield Segment(plain)


def _folded(text: str) -> str:
    """The form in which words are compared: composed, single spaces, ASCII letters small."""
    return _ascii_small(unicodedata.normalize("NFC", " ".join(text.split())))


def _folded_apart(text: str) -> str:
    return unicodedata.normalize("NFC", _ascii_small(unicodedata.normalize("NFD", " ".join(text.split()))))


def _ascii_small(text: str) -> str:
    return text.translate(_ASCII_SMALL)


_ASCII_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _pattern(entries: Iterable[LexiconEntry]) -> re.Pattern[str] | None:
    """Match tags, which are passed over, and whole words, in the order given at each place.

    Words that begin alike stand together, so that at most places one letter decides that there is none.
    """
    by_first: dict[str, list[str]] = {}
    for entry in entries:
        text = " ".join(entry.text.split())
        for form in dict.fromkeys(
            (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
        ):
            by_first.setdefault(_ascii_small(form[0]), []).append(form)
    if not by_first:
        return None
    edged = [_beginning(first, forms) for first, forms in by_first.items() if _needs_edge(first)]
    others = [_beginning(first, forms) for first, forms in by_first.items() if not _needs_edge(first)]
    if edged:
        others.append(rf"(?<![{_word_characters()}])(?:{'|'.join(edged)})")
    return re.compile(rf"(?P<words>{'|'.join(others)})|(?i:{TAG.pattern}|{KNOWN.pattern})")


def _beginning(first: str, forms: Iterable[str]) -> str:
    """The pattern of all phrases with one first character.

    Behind a letter, digit or sign that belongs to one, none may follow, except in scripts that are written
    without spaces; behind anything else ("C++") anything may.
    """
    rests = []
    for edge, group in groupby(forms, key=lambda form: _needs_edge(form[-1])):
        rests.append(f"(?:{'|'.join(map(_rest, group))})" + (rf"(?![{_word_characters()}])" if edge else ""))
    return f"(?ai:{re.escape(first)})(?:{'|'.join(rests)})"


def _rest(form: str) -> str:
    return r"\s+".join(f"(?ai:{re.escape(word)})" for word in form[1:].split(" "))


def _needs_edge(character: str) -> bool:
    belongs = character.isalnum() or unicodedata.category(character)[0] == "M"
    return belongs and not _UNSPACED.match(character)


_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)


@cache
def _word_characters() -> str:
    r"""The inside of a character class: ``\w``, signs that combine with letters, and the joiners."""
    marks = (code for code in (*range(0x300, 0xAC00), *range(0x10000, 0x12000)) if _is_mark(code))
    # Neighbours have the same distance from their rank.
    runs = [list(run) for _, run in groupby(enumerate(marks), key=lambda ranked: ranked[1] - ranked[0])]
    return r"\w\u200c\u200d" + "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)


def _is_mark(code: int) -> bool:
    return unicodedata.category(chr(code))[0] == "M"
