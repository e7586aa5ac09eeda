"""Text and phonemes together, as espeak takes them.

``The [[g|'I|f]] is here.`` With phonemes switched on, ``[[`` anywhere in a text means phonemes, so a user's
own brackets are parted. espeak also wants space before a pair of brackets: next to a parenthesis or another
bracket it drops them with all that is between.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from dataclasses import dataclass

from voxgate.speech.phonemes import ipa_to_espeak
from voxgate.speech.utterance import Pronunciation

_GENITIVE = re.compile(r"['\u2019]s\b")
_SIBILANTS, _VOICELESS = frozenset({"s", "z", "S", "Z", "tS", "dZ"}), frozenset({"p", "t", "k", "f", "T"})
_SECOND_BRACKET = re.compile(r"(?<=\[)\[")
_ENDS_A_PHRASE = frozenset(".,;:!?…؟،؛۔।。、，！？")  # noqa: RUF001 - of every script


@dataclass(frozen=True, slots=True)
class PhonemicText:
    """A text with phonemes in it.

    Attributes:
        text: for espeak, with phonemes switched on.
    """

    text: str
    _pieces: tuple[tuple[int, int, Pronunciation | int], ...]
    """Start and length in ``text``, and what it came from: a word, or plain text from this offset on."""

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Map a range of `text` to the text it came from, or None where there is no such place."""
        first, last = self._character(start), self._character(end - 1)
        return (first[0], last[1]) if first is not None and last is not None else None

    def _character(self, at: int) -> tuple[int, int] | None:
        index = bisect.bisect_right(self._pieces, at, key=lambda piece: piece[0]) - 1
        start, length, source = self._pieces[index] if index >= 0 else (0, 0, 0)
        if at >= start + length:
            return None
        if isinstance(source, Pronunciation):
            return source.start, source.start + source.length
        return source + at - start, source + at - start + 1


def with_phonemes(text: str, pronunciations: Iterable[Pronunciation], language: str) -> PhonemicText:
    """Write a plain text with phonemes in the place of words.

    Args:
        text: plain.
        pronunciations: of stretches of it, in order, none within another.
        language: of the voice, as a tag; it decides which phonemes there are.

    Raises:
        InvalidRequest: a symbol that is not in the table of IPA; the message names it.
    """
    written = ""
    pieces: list[tuple[int, int, Pronunciation | int]] = []
    at = 0
    for said in pronunciations:
        written += _plain(pieces, len(written), text, at, said.start)
        if written and not written[-1].isspace():
            written += " "
        phonemes = ipa_to_espeak(said.ipa, language)
        at = said.start + said.length
        if language.startswith("en") and (genitive := _GENITIVE.match(text, at)):
            phonemes += _genitive_of(phonemes)  # by itself, espeak would read it as the letter
            at = genitive.end()
        pieces.append((len(written), len(phonemes) + 4, said))
        written += f"[[{phonemes}]]"
        if at < len(text) and not text[at].isspace() and text[at] not in _ENDS_A_PHRASE:
            written += " "
    return PhonemicText(written + _plain(pieces, len(written), text, at, len(text)), tuple(pieces))


def _genitive_of(phonemes: str) -> str:
    """Write the English ending as it sounds after a word: "Max's", "cat's", "dog's"."""
    last = phonemes.rpartition("|")[2]
    if last in _SIBILANTS:
        return "|I#|z"
    return "|s" if last in _VOICELESS else "|z"


def _plain(
    pieces: list[tuple[int, int, Pronunciation | int]], length: int, text: str, start: int, end: int
) -> str:
    if end > start:
        pieces.append((length, end - start, start))
    return part_brackets(text[start:end])


def part_brackets(text: str) -> str:
    """Make ``[[`` something that does not mean phonemes, one character for one."""
    return _SECOND_BRACKET.sub(" ", text)


def language_of(voice_id: str) -> str:
    """Tell the language of a voice id that espeak takes: ``en-us+f2`` or ``inc/ur``."""
    return voice_id.partition("+")[0].rpartition("/")[2]
