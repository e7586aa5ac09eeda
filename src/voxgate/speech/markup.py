"""Markdown and emoji out of a text that is to be spoken.

Texts come from language models, in pieces that may begin or end inside a bold phrase or a code block. So
nothing is parsed as a whole: lines lose their markers, links become their text, and every run of ``*``,
``_``, ``~~`` or backticks is judged by the characters beside it alone. Only a fenced code block, which is not
spoken, is remembered from piece to piece.

Left alone: vendors' inline markup (`voxgate.speech.inline_markup`), any other tag, bare addresses, and
``2 * 3 * 4``, ``snake_case_name``, ``a < b``, ``C#``, ``#1``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxgate.speech.emoji import strip_emoji
from voxgate.speech.inline_markup import KNOWN, TAG, strip_inline_markup

__all__ = ["MarkdownStripper", "strip_inline_markup", "strip_markdown"]

_MAX_PASSES = 32  # what is removed may uncover more: "[[a](b)](c)"

_URL = r"""(?:https?://|www\.)[^\s<>()\[\]{}"'*`|\x7f-\U0010ffff]+(?<![_~.,!?:;])"""
_ADDRESS = re.compile(rf"(?<![^\W_]){_URL}", re.IGNORECASE)
_VENDOR = re.compile(rf"{TAG.pattern}|{KNOWN.pattern}", re.IGNORECASE)
# Each is stood in for by a character of a private plane of its own, so that rules can tell them apart.
_ADDRESS_PLANE = range(0xF0000, 0xFFFFE)
_VENDOR_PLANE = range(0x100000, 0x10FFFE)
_NO_VENDOR = r"\U00100000-\U0010ffff"

_FENCE = re.compile(
    r"""[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?P<ticks>`{3,}|~{3,})(?P<info>[\w \t+#.:={},"'/-]{0,80})\Z"""
)
_LINE_RULES = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^[ \t]*([*_=-])(?:[ \t]*\1){2,}[ \t]*$", ""),  # a rule, or the underline of a heading
        (r"^(?=[^\n]*\|)(?=[^\n]*--)[ \t|:-]+$", ""),  # the rule of a table
        (rf"^[ \t]*\[[^\]\n{_NO_VENDOR}]+\]:[ \t]*<?[\U000f0000-\U000fffff]>?[ \t]*$", ""),  # a link's target
        (r"^[ \t]*#{1,6}[ \t]+([^\n]*?)(?:[ \t]+#+[ \t]*)?$", r"\1"),  # a heading
        (  # quotations and items
            r"^[ \t]*(?:>(?=[ \t>]|$)[ \t]?|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?"
            r"|[\u2022\u25e6\u25aa\u2023][ \t]*)+",
            "",
        ),
    )
)
_TABLE_ROW = re.compile(r"^[ \t]*\|[ \t]*([^\n]*?)[ \t]*\|?[ \t]*$", re.MULTILINE)
_CELL_END = re.compile(r"[ \t]*\|[ \t]*")
_TARGET = rf"[^\s()<>{_NO_VENDOR}]*"
_LINK = re.compile(
    rf"!?\[([^\[\]]*)\]\(\s*<?{_TARGET}(?:\({_TARGET}\){_TARGET})*>?"
    rf"""(?:\s+(?:"[^"\n{_NO_VENDOR}]*"|'[^'\n{_NO_VENDOR}]*'|\([^()\n{_NO_VENDOR}]*\)))?\s*\)"""
)
_REFERENCE_LINK = re.compile(r"!?\[([^\[\]\n]*[^\W\d_][^\[\]\n]*)\]\[\d*\]")
_FOOTNOTE = re.compile(rf"\[\^[^\[\]\s{_NO_VENDOR}]+\]:?")
_AUTOLINK = re.compile(r"<([^\s<>]+[@:][^\s<>]+|[\U000f0000-\U000fffff])>")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_RUN = re.compile(r"\*+|_+|~{2,}|`+")


def strip_markdown(text: str) -> str:
    """Give a whole text as it should be spoken."""
    return MarkdownStripper().feed(text)


@dataclass(slots=True)
class MarkdownStripper:
    """Strips a text that comes piece by piece, such as sentences of one session.

    What comes out is never longer than what went in, and stripping it again changes nothing (unless
    things stand inside one another more than 32 deep).
    """

    _fence: str = ""
    _at_line_start: bool = True

    def feed(self, piece: str) -> str:
        """Give the next piece as it should be spoken; empty inside a fenced code block."""
        started = self._at_line_start
        text = self._outside_fences(piece, started)
        for _ in range(_MAX_PASSES):
            stripped = _strip_once(text, started)
            if not self._fence:
                stripped = self._outside_fences(stripped, started)
            if stripped == text:
                break
            text = stripped
        last_line = piece.rpartition("\n")[2]
        self._at_line_start = not last_line.strip() and (started or last_line != piece)
        return text

    def reset(self) -> None:
        """Begin a new text."""
        self._fence = ""
        self._at_line_start = True

    def _outside_fences(self, text: str, at_line_start: bool) -> str:
        if not self._fence and "```" not in text and "~~~" not in text:
            return text
        kept = []
        for line in text.splitlines(keepends=True):
            fence = _FENCE.match(line.rstrip("\r\n")) if at_line_start else None
            at_line_start = True
            if self._fence:
                if (
                    fence
                    and line.strip(" \t\r\n>") == fence["ticks"]
                    and fence["ticks"].startswith(self._fence)
                ):
                    self._fence = ""
            elif fence:
                self._fence = fence["ticks"]
            else:
                kept.append(line)
        return "".join(kept)


def _strip_once(text: str, at_line_start: bool) -> str:
    """One pass: markers of lines, links, escapes, runs of signs, emoji."""
    text, protected = _protect(text)
    first, newline, rest = ("", "", text) if at_line_start else text.partition("\n")
    text = first + newline + _strip_lines(rest)
    text = _LINK.sub(r"\1", text)
    text = _REFERENCE_LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _ESCAPE.sub(r"\1", text)
    text = strip_emoji(_RUN.sub(_judged, text))
    return text.translate(protected)


def _protect(text: str) -> tuple[str, dict[int, str]]:
    """Put one private character, none that the text has, for each thing that no rule may touch."""
    restored: dict[int, str] = {}
    for pattern, plane in ((_VENDOR, _VENDOR_PLANE), (_ADDRESS, _ADDRESS_PLANE)):
        found = dict.fromkeys(pattern.findall(text))
        marks = dict(zip(found, (chr(code) for code in plane if chr(code) not in text), strict=False))
        text = _replaced(pattern, marks, text)
        restored |= {ord(mark): found for found, mark in marks.items()}
    return text, restored


def _replaced(pattern: re.Pattern[str], marks: dict[str, str], text: str) -> str:
    return pattern.sub(lambda match: marks[match[0]], text) if marks else text


def _strip_lines(text: str) -> str:
    for pattern, replacement in _LINE_RULES:
        text = pattern.sub(replacement, text)
    return _TABLE_ROW.sub(_cells, text) if "|" in text else text


def _cells(row: re.Match[str]) -> str:
    """A table's row as a list; never longer than the row."""
    return _CELL_END.sub(lambda bar: ", " if len(bar[0]) > 1 else ",", row[1])


def _judged(run: re.Match[str]) -> str:
    """Drop a run of signs, unless it stands alone between spaces or joins two words or numbers."""
    text, signs = run.string, run[0]
    before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
    if before.isspace() and after.isspace():
        return signs
    if signs[0] == "*":
        joins = _is_code(before) and _is_code(after)
    else:
        joins = signs[0] != "~" and before.isalnum() and after.isalnum()
    return signs if joins else ""


def _is_code(character: str) -> bool:
    return character.isdigit() or (character.isascii() and character.isalnum())
