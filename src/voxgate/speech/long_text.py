"""Where to cut a text that goes on too long without a sentence end."""

from __future__ import annotations

import re
import unicodedata

from voxgate.speech.inline_markup import CUE, OPEN_CUE, OPEN_TAG, TAG

_NUMBER = re.compile(r"\d+(?:[.,\u066b\u066c'\u2019](?:\d+|\Z))*")
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.[^\S\n]?){2,}")
_WHOLE = (TAG, OPEN_TAG, CUE, OPEN_CUE, _NUMBER, _INITIALS)

# Best first: after a comma, at a space that ends no abbreviation, at any space.
_PLACES = (
    re.compile(r"[,;:\u060c\u061b\u2013\u2014]\s+|[\u3001\uff0c\uff1b\uff1a]\s*"),
    re.compile(r"(?<![.\u06d4\s])\s+"),
    re.compile(r"\s+"),
)


def emergency_cut(text: str, limit: int) -> int:
    """Give the place to cut, at most ``limit`` code points in: the last good one in the second half.

    It is never inside an inline tag, nor inside a number or a character made of several code points
    unless those alone are longer than half the limit.
    """
    whole = [match.span() for pattern in _WHOLE for match in pattern.finditer(text)]

    def allowed(cut: int) -> bool:
        return _is_between_characters(text, cut) and not any(start < cut < end for start, end in whole)

    for place in _PLACES:
        cuts = [match.end() for match in place.finditer(text, limit // 2, limit) if allowed(match.end())]
        if cuts:
            return cuts[-1]
    return next((cut for cut in range(limit, limit // 2, -1) if allowed(cut)), limit)


def _is_between_characters(text: str, cut: int) -> bool:
    """Whether a cut falls between two characters as a reader sees them, not inside one."""
    if cut >= len(text):
        return True
    before, after = text[cut - 1], text[cut]
    if _JOINER in (before, after) or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return False
    if "\udc00" <= after <= "\udfff" or "\U0001f3fb" <= after <= "\U0001f3ff":  # half a pair, a skin tone
        return False
    if "\U000e0020" <= after <= "\U000e007f":  # the letters of a region's flag
        return False
    return not (_is_flag_half(after) and _flag_halves_before(text, cut) % 2)


_JOINER = "\u200d"
_VIRAMA = 9  # combining class of the sign that joins Indic consonants


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(text: str, cut: int) -> int:
    start = cut
    while start and _is_flag_half(text[start - 1]):
        start -= 1
    return cut - start
