"""Sentences out of text that is still arriving.

A text comes in messages of any size. Three things make a sentence ready to be spoken:

- it is followed by more text: cut where sentencex cuts the whole, once no later text can undo the cut;
- the message ends right there, in a terminal mark that is not ambiguous (with a space behind the mark: in one
  that no next word could make part of a longer sentence, as it can in German);
- it runs over a limit: cut at a comma, a space, or anywhere safe.

A mark is ambiguous when more may belong to it: a full stop after a digit ("3." of "3.14"), an initial or an
abbreviation. What is held back for that waits for more text, `SentenceBuffer.flush`, or a quiet moment.

Invariants: the pieces handed out, joined, are the text put in; and where no message ends right after a
terminal mark, the sentences do not depend on how the text was cut into messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voxgate.speech import boundaries
from voxgate.speech.inline_markup import ends_in_open_tag
from voxgate.speech.long_text import emergency_cut

_MAX_SENTENCE = 500
_MAY_END = re.compile(rf"[{boundaries.TERMINAL_MARKS}\n]")


def speakable(text: str) -> bool:
    """Whether there is anything to say: a letter or a digit of any script."""
    return any(map(str.isalnum, text))


class SentenceBuffer:
    """Cuts one stream of text into sentences.

    Pieces keep their whitespace, so that nothing is lost; a piece may hold nothing `speakable`. Each call
    looks at no more than ``max_chars`` of what is pending for each piece it gives, so cost is linear in
    the text, however small the messages.

    Args:
        language: BCP-47 tag of the text; English rules without one.
        max_chars: a sentence longer than this is cut at a comma or a space.
    """

    def __init__(self, language: str | None = None, *, max_chars: int = _MAX_SENTENCE) -> None:
        self._language = boundaries.sentence_language(language)
        self._max_chars = max_chars
        self._pending = ""
        self._may_end = False

    @property
    def pending(self) -> str:
        """What was fed and not yet given out; ask `speakable` whether that is anything to wait for."""
        return self._pending

    @property
    def waiting_for_quiet(self) -> bool:
        """Whether `quiet` would give something out now."""
        return self._may_end and next(self._quiet_ends(), 0) > 0

    def feed(self, text: str) -> list[str]:
        """Take one message; give the sentences that are ready to be spoken."""
        self._pending += text
        self._may_end = self._may_end or _MAY_END.search(text) is not None
        if len(self._pending) <= self._max_chars and (
            not self._may_end or not text or (text.isascii() and text.isalnum())
        ):
            return []
        return self._take(to_end=self._message_is_sentence())

    def quiet(self) -> list[str]:
        """Give out what only waited for more text: call it after a quiet moment.

        That is a rest that ends in an ambiguous mark, and whole sentences whose end the next words could
        have undone. A rest without a sentence end stays.
        """
        end = max(self._quiet_ends(), default=0) if self._may_end else 0
        rest = self._pending[end:]
        self._pending = self._pending[:end]
        pieces = self._take(to_end=True)
        self._pending = rest
        self._may_end = _MAY_END.search(rest) is not None
        return pieces

    def flush(self) -> list[str]:
        """Give out everything."""
        return self._take(to_end=True)

    def clear(self) -> None:
        """Forget everything."""
        self._pending = ""
        self._may_end = False

    def _message_is_sentence(self) -> bool:
        """Whether the text ends here: in a terminal mark, and not an ambiguous one."""
        tail = self._pending[-self._max_chars :]
        return boundaries.ends_terminally(tail) and not boundaries.ends_ambiguously(tail, self._language)

    def _take(self, *, to_end: bool) -> list[str]:
        """Cut off what is ready; with ``to_end``, the text ends here and all of it is."""
        text, pieces, start = self._pending, [], 0
        while start < len(text):
            window = text[start : start + self._max_chars + 1]
            end = self._first_cut(window, ended=to_end and start + len(window) == len(text))
            if end is None:
                break
            pieces.append(window[:end])
            start += end
        if to_end and start < len(text):
            pieces.append(text[start:])
            start = len(text)
        if start:
            self._pending = text[start:]
            self._may_end = _MAY_END.search(self._pending) is not None
        return pieces

    def _first_cut(self, window: str, *, ended: bool) -> int | None:
        """Where the first piece of a window ends; None while that is open.

        Only a window longer than ``max_chars`` is sure to have an answer. It depends on the window alone,
        never on how much text follows: this is what makes the cutting of messages irrelevant.
        """
        full = len(window) > self._max_chars
        block_end = boundaries.block_break(window)
        block = window if block_end is None else window[:block_end]
        block_is_whole = block_end is not None or (ended and not full)
        for end in boundaries.boundaries(block, self._language):
            if block_is_whole or boundaries.is_settled(block, end, self._language):
                return end
            if not full:
                return None
            if boundaries.has_lookahead(block, end):
                return end
        if block_end is not None:
            return block_end
        if full:
            return emergency_cut(window, self._max_chars)
        is_sentence = not ended and boundaries.is_certain(window, self._language)
        return len(window) if is_sentence else None

    def _quiet_ends(self) -> Iterator[int]:
        """Yield where pending text may be cut if nothing more came for a moment; the last is the best."""
        text = self._pending
        if ends_in_open_tag(text):
            text = text[: text.rindex("<")]
        if boundaries.ends_terminally(text.rstrip()):
            yield len(text)
        else:
            yield from boundaries.boundaries(text, self._language)
