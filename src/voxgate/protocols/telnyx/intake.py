"""From a session's text frames to the pieces that are spoken, each at once.

Pure: what was fed and not yet given out is ``pending``; nothing is lost or doubled but markup, white space
around a piece, and pieces in which there is nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from voxgate.speech.boundaries import ends_terminally
from voxgate.speech.markup import MarkdownStripper
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Markup

_DOCUMENT_END = re.compile(r"</speak\s*>")
_TAG = re.compile(r"<[^>]*>")
_MAKES_SOUND = re.compile(r"<(?:break|audio)\b")
_LONGEST_END_TAG = 200
"""How far back an end tag may have begun that a new piece completes."""
END = ""
"""Among the pieces of relayed text: an utterance ends here."""
RELAYED_CHARACTERS, MOST_RELAYED_CHARACTERS = 1000, 5000
"""After so many an utterance of relayed text ends with its sentence, or at the latest wherever it is."""
_LAST_WORD = re.compile(r"\S*\Z")


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


def open_intake(markup: Markup, language: str | None, *, relay: bool = False) -> Intake:
    """Return the intake for a session's kind of text; plain text may be relayed as it is written."""
    if markup is Markup.SSML:
        return SsmlIntake()
    return RelayIntake() if relay else TextIntake(language)


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


class RelayIntake:
    """Plain text for a voice that takes it as it is written.

    What comes out is whole words, stripped, and `END` where an utterance ends. A word goes out when the space
    behind it has come. An utterance ends where the client flushes, and where a sentence does if no more text
    comes for a moment.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._given = ""  # of the utterance that has begun, as it was written
        self._markdown = MarkdownStripper()

    @property
    def pending_characters(self) -> int:
        """How many characters wait for more."""
        return len(self._pending)

    @property
    def holds_speech(self) -> bool:
        """Whether there is a letter or digit in what waits."""
        return speakable(self._pending)

    @property
    def waiting_for_quiet(self) -> bool:
        """Whether a sentence may have ended."""
        return (bool(self._given) or self.holds_speech) and _ends_sentence(self._given + self._pending)

    def feed(self, text: str) -> list[str]:
        """Take text; return whole words."""
        self._pending += text
        begin = _LAST_WORD.search(self._pending)
        cut = begin.start() if begin is not None else 0
        if len(self._pending) - cut > RELAYED_CHARACTERS:
            cut = len(self._pending)  # that is no word
        if not cut or not (self._given or speakable(self._pending[:cut])):
            return []
        words, self._pending = self._pending[:cut], self._pending[cut:]
        self._given += words
        pieces = [piece] if (piece := self._markdown.feed(words)) else []
        size = len(self._given)
        if size >= MOST_RELAYED_CHARACTERS or (size >= RELAYED_CHARACTERS and _ends_sentence(self._given)):
            self._given = ""
            pieces.append(END)
        return pieces

    def quiet(self) -> list[str]:
        """Return the rest, and the end of its utterance."""
        return self.flush()

    def flush(self) -> list[str]:
        """Return the rest, and the end of its utterance."""
        rest = self._markdown.feed(self._pending)
        begun = bool(self._given)
        self._pending = self._given = ""
        if not begun and not speakable(rest):
            return []
        return [*([rest] if rest else []), END]

    def clear(self) -> None:
        """Forget everything, and that Markdown was open."""
        self._pending = self._given = ""
        self._markdown = MarkdownStripper()


def _ends_sentence(text: str) -> bool:
    return ends_terminally(text.rstrip()[-_LONGEST_END_TAG:])


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
