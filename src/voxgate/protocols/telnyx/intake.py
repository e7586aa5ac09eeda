"""From a session's text frames to the pieces that are spoken, each at once.

Pure: what was fed and not yet given out is ``pending``; nothing is lost or doubled but markup, white space
around a piece, and pieces in which there is nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from voxgate.speech.markup import MarkdownStripper
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Markup

_DOCUMENT_END = re.compile(r"</speak\s*>")
_TAG = re.compile(r"<[^>]*>")
_MAKES_SOUND = re.compile(r"<(?:break|audio)\b")
_LONGEST_END_TAG = 200
"""How far back an end tag may have begun that a new piece completes."""


class Intake(Protocol):
    """Text in, pieces to speak out."""

    @property
    def pending_characters(self) -> int:
        """How many characters wait for more."""
        ...

    @property
    def holds_speech(self) -> bool:
        """Whether there is anything to say in what waits."""
        ...

    @property
    def waiting_for_quiet(self) -> bool:
        """Whether `quiet` would give anything out."""
        ...

    def feed(self, text: str) -> list[str]:
        """Take one frame's text; return the pieces that are ready."""
        ...

    def quiet(self) -> list[str]:
        """Return what only waited to see whether more would follow."""
        ...

    def flush(self) -> list[str]:
        """Return everything."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


def open_intake(markup: Markup, language: str | None) -> Intake:
    """Return the intake for a session's kind of text."""
    return SsmlIntake() if markup is Markup.SSML else TextIntake(language)


class TextIntake:
    """Plain text, perhaps with Markdown in it: cut into sentences, then stripped.

    Args:
        language: BCP-47 tag of the text, for sentence ends.
    """

    def __init__(self, language: str | None = None) -> None:
        self._sentences = SentenceBuffer(language)
        self._markdown = MarkdownStripper()

    @property
    def pending_characters(self) -> int:
        """How many characters wait for more."""
        return len(self._sentences.pending)

    @property
    def holds_speech(self) -> bool:
        """Whether there is a letter or digit in what waits."""
        return speakable(self._sentences.pending)

    @property
    def waiting_for_quiet(self) -> bool:
        """Whether a sentence may have ended."""
        return self._sentences.waiting_for_quiet

    def feed(self, text: str) -> list[str]:
        """Take text; return the sentences that are ready."""
        if self._adds_nothing(text):
            return []
        return self._stripped(self._sentences.feed(text))

    def quiet(self) -> list[str]:
        """Return sentences whose end was in doubt."""
        return self._stripped(self._sentences.quiet())

    def flush(self) -> list[str]:
        """Return the rest."""
        return self._stripped(self._sentences.flush())

    def clear(self) -> None:
        """Forget everything, and that Markdown was open."""
        self._sentences.clear()
        self._markdown = MarkdownStripper()

    def _adds_nothing(self, text: str) -> bool:
        """Whether these are spaces after a space: with such a client keeps its socket alive."""
        pending = self._sentences.pending
        return not text.strip(" ") and (not pending or pending[-1] == " ")

    def _stripped(self, sentences: Iterable[str]) -> list[str]:
        pieces = (self._markdown.feed(sentence).strip() for sentence in sentences)
        return [piece for piece in pieces if speakable(piece)]


class SsmlIntake:
    """SSML: a document is spoken when its ``</speak>`` has come. Nothing in it is stripped."""

    waiting_for_quiet = False

    def __init__(self) -> None:
        self._pending = ""

    @property
    def pending_characters(self) -> int:
        """How many characters wait for more."""
        return len(self._pending)

    @property
    def holds_speech(self) -> bool:
        """Whether anything but white space waits."""
        return bool(self._pending) and not self._pending.isspace()

    def feed(self, text: str) -> list[str]:
        """Take text; return the documents that are whole."""
        search_from = max(0, len(self._pending) - _LONGEST_END_TAG)
        self._pending += text
        documents = []
        while end := _DOCUMENT_END.search(self._pending, search_from):
            documents.append(self._pending[: end.end()])
            self._pending, search_from = self._pending[end.end() :], 0
        if self._pending.isspace():
            self._pending = ""
        return _audible(documents)

    def quiet(self) -> list[str]:
        """Return nothing: a document has a clear end."""
        return []

    def flush(self) -> list[str]:
        """Return the rest, whole document or not: whoever speaks it judges."""
        rest, self._pending = self._pending, ""
        return _audible([rest])

    def clear(self) -> None:
        """Forget everything."""
        self._pending = ""


def _audible(documents: Iterable[str]) -> list[str]:
    """Leave out documents that have neither words nor a sound of their own."""
    return [
        document.strip()
        for document in documents
        if speakable(_TAG.sub("", document)) or _MAKES_SOUND.search(document)
    ]
