"""What a client has sent and nobody has begun to speak: first as text, then as a queue of pieces.

Cutting a text into sentences takes up to 5 µs for each character, and a client may send 100,000 at once. So
text is cut in steps, and only while the queue is short: no step keeps other streams waiting for long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from voxgate.protocols.telnyx.intake import Intake

SLICE_CHARACTERS = 1000
"""Cut in one step, or a few more: whole frames, or slices of them."""
QUEUED_PIECES = 8
"""With so many ready to be spoken, the rest of the text can wait."""


def slices(text: str) -> Iterator[str]:
    """Divide a text where that changes nothing about its sentences: after a space or inside a word."""
    begin = 0
    while len(text) - begin > SLICE_CHARACTERS:
        most = begin + SLICE_CHARACTERS
        end = next((at for at in range(most, begin, -1) if _divides(text, at)), most)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _divides(text: str, at: int) -> bool:
    return text[at - 1] == " " or (text[at - 1].isalnum() and text[at].isalnum())


class Backlog:
    """Text in order, up to the moment when a piece of it is spoken.

    Args:
        intake: cuts it.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self._uncut: deque[str | None] = deque()  # None stands for a flush
        self._uncut_characters = 0
        self._queue: deque[str] = deque()
        self._queued_characters = 0

    @property
    def characters(self) -> int:
        """How many wait, in whatever state."""
        return self._uncut_characters + self.intake.pending_characters + self._queued_characters

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to be spoken but what waits for more text."""
        return not self._uncut and not self._queue

    @property
    def wants_step(self) -> bool:
        """Whether `step` has anything to do now."""
        return bool(self._uncut) and len(self._queue) < QUEUED_PIECES

    @property
    def holds_speech(self) -> bool:
        """Whether there is anything to say in what waits for more text."""
        return self.intake.holds_speech

    @property
    def waiting_for_quiet(self) -> bool:
        """Whether `quiet` would give anything to speak."""
        return not self._uncut and self.intake.waiting_for_quiet

    def put(self, text: str) -> None:
        """Add a frame's text."""
        self._uncut.extend(slices(text))
        self._uncut_characters += len(text)

    def flush(self) -> None:
        """Let nothing that is there by now wait for more."""
        self._uncut.append(None)

    def quiet(self) -> None:
        """Let what only waited to see whether more follows wait no longer."""
        self._enqueue(self.intake.quiet())

    def step(self) -> None:
        """Cut some more, unless enough is ready."""
        left = SLICE_CHARACTERS
        while left > 0 and self.wants_step:
            text = self._uncut.popleft()
            if text is None:
                self._enqueue(self.intake.flush())
            else:
                left -= max(1, len(text))
                self._uncut_characters -= len(text)
                self._enqueue(self.intake.feed(text))

    def take(self) -> str | None:
        """Take the next piece that is ready."""
        if not self._queue:
            return None
        piece = self._queue.popleft()
        self._queued_characters -= len(piece)
        return piece

    def clear(self) -> None:
        """Forget everything."""
        self.intake.clear()
        self._uncut.clear()
        self._queue.clear()
        self._uncut_characters = self._queued_characters = 0

    def _enqueue(self, pieces: list[str]) -> None:
        self._queue.extend(pieces)
        self._queued_characters += sum(map(len, pieces))
