"""Where an agent's words come from: a chat model, or the built-in persona.

A `Thinker` is asked for a reply to a history and yields it as it comes. The caller may stop asking at any
moment (an interruption): closing the generator closes the request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from voxgate.conversation.persona import Persona
from voxgate.conversation.turn import Message


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of a reply, cut anywhere; with ``goodbye`` the session ends after this reply."""

    text: str = ""
    goodbye: bool = False


class Thinker(Protocol):
    """Makes replies."""

    def think(self, history: Sequence[Message], *, unclear: bool = False) -> AsyncGenerator[Piece, None]:
        """Reply to the last message; ``unclear`` says that the caller spoke but was not understood.

        Raises:
            SynthesisError: the model failed; ``retryable`` says whether it may pass.
        """
        ...


class PersonaThinker:
    """Replies from a table, at once.

    Args:
        persona: the table.
        now: the caller's local time.
    """

    def __init__(self, persona: Persona, now: Callable[[], datetime]) -> None:
        self._persona, self._now = persona, now

    async def think(
        self, history: Sequence[Message], *, unclear: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Yield each sentence of the answer."""
        answer = self._persona.answer(history, self._now(), unclear=unclear)
        for sentence in answer.sentences:
            yield Piece(sentence + " ")
        yield Piece(goodbye=answer.goodbye)
