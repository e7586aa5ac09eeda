"""Emoji out of a text that is to be spoken."""

from __future__ import annotations

import re

# Emoji that are only a coloured way to write a sign that voices know how to take.
_SIGNS = str.maketrans(
    {"\u2753": "?", "\u2754": "?", "\u2757": "!", "\u2755": "!", "\u2795": "+", "\u2796": "-"}
)

# Always shown as pictures, and the picture-like symbols of the same blocks. Flats and sharps (U+266D-266F)
# and the digits among the dingbats (U+2776-2793) mean something when read, and stay.
_PICTURES = (
    "\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25fd\u25fe\u2600-\u266c\u2670-\u2775\u2794-\u27bf"
    "\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001f0ff\U0001f170-\U0001f2ff\U0001f300-\U0001faff"
    "\U000e0020-\U000e007f"
)
# Pictures only with a variation selector after them, else arrows and signs.
_SOMETIMES = (
    "\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb\u25fc\u2934\u2935"
    "\u2b05-\u2b07\u3030\u303d\u3297\u3299"
)
_ONE = rf"(?:[{_PICTURES}][\ufe0e\ufe0f]?|[{_SOMETIMES}]\ufe0f)"
_RUN = rf"{_ONE}(?:\u200d?{_ONE})*\u200d?"
_EMOJI = re.compile(rf"[ \t]*{_RUN}(?:[ \t]*{_RUN})*(?=[\s.,!?;:\u2026)]|\Z)|{_RUN}")
_SELECTORS = re.compile(
    "\ufe0e|\ufe0f\u20e3?"
)  # what is left of "\u00a9\ufe0f" and of the keycap "1\ufe0f\u20e3"


def strip_emoji(text: str) -> str:
    """Remove emoji with the space they leave; keep digits of keycaps, and signs such as copyright."""
    if text.isascii():
        return text
    return _SELECTORS.sub("", _EMOJI.sub("", text.translate(_SIGNS)))
