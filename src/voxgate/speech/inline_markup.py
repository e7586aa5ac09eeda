"""The shape of what vendors let writers put inside a text: ``[laughter]``, ``<emotion value="excited"/>``.

Patterns only, shared by whoever must not cut or eat them.
"""

from __future__ import annotations

import re

MAX_TAG_CHARS = 200

TAG = re.compile(rf"<[A-Za-z/][^<>]{{0,{MAX_TAG_CHARS}}}>")
OPEN_TAG = re.compile(rf"<(?:[A-Za-z/][^<>]{{0,{MAX_TAG_CHARS}}})?\Z")
CUE = re.compile(r"\[[^\W\d_][\w '\u2019,-]{0,60}\]")
OPEN_CUE = re.compile(r"\[[^\[\]\n]{0,60}\Z")


def ends_in_open_tag(text: str) -> bool:
    """Whether a text stops inside a tag such as ``<emotion value="``."""
    return OPEN_TAG.search(text, max(0, len(text) - MAX_TAG_CHARS - 2)) is not None
