"""Cutting a whole text that is too long to be spoken at once."""

from __future__ import annotations

from collections.abc import Iterator

from voxgate.speech.sentences import SentenceBuffer, speakable

PIECE_CHARACTERS = 400
"""A text up to this long is spoken as one utterance; a longer one in pieces of about this size."""


def cut(text: str, language: str | None = None, piece_characters: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Cut a long plain text into pieces that, joined, are the text: each only when it is asked for.

    The first is a sentence, so that it is heard soon; each later one holds as many as fit. There is
    something to say in every piece if there is in the text.

    Args:
        text: what to say.
        language: of it, when that is known.
        piece_characters: of several sentences together; one sentence may be longer.
    """
    if len(text) <= piece_characters:
        yield text
        return
    piece, first = "", True
    for sentence in _sentences(text, language):
        fits = not first and len(piece) + len(sentence) <= piece_characters
        if not piece or fits or not speakable(sentence) or not speakable(piece):
            piece += sentence
        else:
            yield piece
            piece, first = sentence, False
    yield piece


def _sentences(text: str, language: str | None) -> Iterator[str]:
    # Cutting 10,000 characters takes up to 60 ms, too long for one turn of the event loop.
    buffer = SentenceBuffer(language)
    for begin in range(0, len(text), PIECE_CHARACTERS):
        yield from buffer.feed(text[begin : begin + PIECE_CHARACTERS])
    yield from buffer.flush()
