"""From what a client wrote to what is spoken: a lexicon applied to an utterance.

In plain text, words give way to their aliases, and words that have phonemes stay as they were written, with
a `Pronunciation` each. In SSML it is the character data that is looked at, outside of elements that already
say how their text is to be spoken; phonemes become SSML's own ``<phoneme>``.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from xml.parsers import expat

from voxgate.errors import TextTooLong
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import Markup, Pronunciation, Utterance

MAX_SPOKEN_CHARACTERS = 20_000
"""Of an utterance whose words were replaced, phonemes counted: a dictionary could otherwise make hours of
speech out of a line."""

_SETTLED = frozenset({"phoneme", "say-as", "sub"})
"""Elements that say themselves how their text is to be spoken."""


def worded(utterance: Utterance, *, phonemes: bool) -> Utterance:
    """Apply an utterance's lexicon; without one it stays as it is.

    Args:
        utterance: as the client asked.
        phonemes: whether whoever speaks can pronounce words as it is told.

    Raises:
        TextTooLong: it grew to more than `MAX_SPOKEN_CHARACTERS`.
    """
    lexicon = utterance.lexicon
    if lexicon is None:
        return utterance
    said: tuple[Pronunciation, ...] = ()
    if utterance.markup is Markup.SSML:
        text = _worded_document(utterance.text, lexicon)
    else:
        text, said = _worded_text(utterance.text, lexicon)
    size = len(text) + sum(len(each.ipa) for each in said)
    if size > max(MAX_SPOKEN_CHARACTERS, len(utterance.text)):
        raise TextTooLong(
            f"With its words replaced, this text has {size} characters; at most {MAX_SPOKEN_CHARACTERS} "
            "are spoken at once",
            field="text",
        )
    return replace(utterance, text=text, pronunciations=said if phonemes else (), lexicon=None)


def silenced(before: Utterance, after: Utterance) -> bool:
    """Tell whether `worded` left nothing to say of a text in which there was something."""
    if before.lexicon is None or before.markup is Markup.SSML:
        return False
    return speakable(before.text) and not speakable(after.text)


def _worded_text(text: str, lexicon: Lexicon) -> tuple[str, tuple[Pronunciation, ...]]:
    parts: list[str] = []
    said: list[Pronunciation] = []
    length = 0
    for segment in lexicon.apply(text):
        if segment.ipa is not None:
            said.append(Pronunciation(length, len(segment.text), segment.ipa))
        parts.append(segment.text)
        length += len(segment.text)
    return "".join(parts), tuple(said)


def _worded_document(document: str, lexicon: Lexicon) -> str:
    """Reword character data; a document that does not parse is left to whoever speaks it to refuse."""
    data = document.encode("utf-8", "surrogatepass")
    try:
        pieces = _Pieces(data).ends
    except (expat.ExpatError, _HasDoctype):
        return document
    parts: list[str] = []
    start = 0
    for end, text in pieces:
        piece = data[start:end].decode("utf-8", "surrogatepass")
        parts += _worded_data(piece, lexicon) if text else [piece]
        start = end
    return "".join(parts)


class _HasDoctype(Exception):
    """The document declares its type; nobody here speaks such a one."""


class _Pieces:
    """Cuts a document into markup and character data that may be reworded.

    Attributes:
        ends: for each piece, in order, where it ends in bytes, and whether it is such character data.
    """

    def __init__(self, document: bytes) -> None:
        self.ends: list[tuple[int, bool]] = []
        self._in_text = False
        self._settled = 0
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.CharacterDataHandler = lambda text: self._begin(text=not self._settled)
        parser.StartElementHandler = lambda name, attributes: self._element(name, 1)
        parser.EndElementHandler = lambda name: self._element(name, -1)
        # Character data in CDATA is written without entities; it is left as it is.
        parser.StartCdataSectionHandler = lambda: self._enclosed(1)
        parser.EndCdataSectionHandler = lambda: self._enclosed(-1)
        parser.CommentHandler = lambda text: self._begin()
        parser.ProcessingInstructionHandler = lambda target, text: self._begin()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(document, True)
        self.ends.append((len(document), self._in_text))

    def _begin(self, *, text: bool = False) -> None:
        """Begin a piece where the parser stands, unless the one before goes on."""
        if text != self._in_text:
            self.ends.append((self._parser.CurrentByteIndex, self._in_text))
            self._in_text = text

    def _element(self, name: str, step: int) -> None:
        self._begin()
        if name in _SETTLED:
            self._settled += step

    def _enclosed(self, step: int) -> None:
        self._begin()
        self._settled += step

    def _refuse(self, *_: object) -> None:
        raise _HasDoctype


def _worded_data(data: str, lexicon: Lexicon) -> Iterator[str]:
    if data.isspace():
        yield data
        return
    for segment in lexicon.apply(html.unescape(data)):
        words = html.escape(segment.text, quote=False)
        if segment.ipa is None:
            yield words
        else:
            yield f'<phoneme alphabet="ipa" ph="{html.escape(segment.ipa)}">{words}</phoneme>'
