"""The shape of what vendors let writers put inside a text: ``[laughter]``, ``<emotion value="excited"/>``.

Patterns only, shared by whoever must not cut or eat them.
"""

from __future__ import annotations

import re

MAX_TAG_CHARS = 200

_ATTRIBUTES = r"""(?:\s+[\w:-]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>/=]+))?)*"""
_OPEN_ATTRIBUTE = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*|'[^'<>]*)?)?"""

TAG = re.compile(rf"<(?=[^<>]{{1,{MAX_TAG_CHARS}}}>)/?[A-Za-z][\w:-]*{_ATTRIBUTES}\s*/?>")
OPEN_TAG = re.compile(
    rf"<(?=[^<>]{{0,{MAX_TAG_CHARS}}}\Z)/?(?:[A-Za-z][\w:-]*{_ATTRIBUTES}{_OPEN_ATTRIBUTE}\s*/?)?\Z"
)
CUE = re.compile(r"\[[^\W\d_][\w '\u2019,-]{0,60}\]")
OPEN_CUE = re.compile(r"\[[^\[\]\n]{0,60}\Z")


def ends_in_open_tag(text: str) -> bool:
    """Whether a text stops inside a tag such as ``<emotion value="``."""
    start = text.rfind("<", max(0, len(text) - MAX_TAG_CHARS - 1))
    return start >= 0 and OPEN_TAG.match(text, start) is not None
