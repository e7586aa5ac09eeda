"""MiniMax's bidirectional WebSocket, frame by frame.

One task on each connection: model, voice and audio are settled by ``task_start``, and then utterances follow
each other. ``task_flush`` has the rest of the text spoken, ``task_flushed`` says that this was all; so does
``task_canceled`` for one that was taken back. Audio is hex in ``data.audio``, whatever the event is called.

Source: platform.minimax.io, page speech-t2a-websocket-bidi.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import orjson

from voxgate.providers._minimax_order import SKIPPED_EMPTY, failure
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers.contract import UpstreamFacts
from voxgate.speech.utterance import Utterance

_FRAGMENT_CHARACTERS = 9_000
"""The vendor skips a fragment of 10,000 or more."""


class MiniMaxWire(Wire):
    """One connection.

    Args:
        vendor: for messages.
        order: what ``task_start`` says.
    """

    outlives_cancel: ClassVar[bool] = True
    waits_for_ready: ClassVar[bool] = True

    def __init__(self, vendor: str, order: Mapping[str, object]) -> None:
        self._vendor = vendor
        self._order = order
        self._context = ""
        self._open = False
        self._flushes = 0
        self._complete = False
        self._canceling = False

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Begin an utterance; audio counts as its own once it has text."""
        self._context, self._open, self._flushes = context, False, 0
        self._complete = self._canceling = False
        return ()

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Hand over a piece of text."""
        self._open = True
        for begin in range(0, len(text), _FRAGMENT_CHARACTERS):
            yield _frame("task_continue", text=text[begin : begin + _FRAGMENT_CHARACTERS])

    def flush(self, context: str) -> Iterable[Frame]:
        """Have all text so far spoken."""
        self._flushes += 1
        yield _frame("task_flush")

    def end(self, context: str) -> Iterable[Frame]:
        """Say that the text is complete."""
        self._complete = True
        return self.flush(context)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Take the utterance back."""
        self._canceling = True
        yield _frame("task_cancel")

    def bye(self) -> Iterable[Frame]:
        """End the task."""
        yield _frame("task_finish")

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame."""
        message = orjson.loads(frame)
        base, event = message.get("base_resp") or {}, message.get("event")
        trace_id = message.get("trace_id") or base.get("trace_id")
        code = base.get("status_code", 0)
        if event == "task_failed" or code not in (0, SKIPPED_EMPTY):
            # Soft errors too: text was skipped, and nobody wants what is left of it.
            yield Heard(error=failure(self._vendor, code, trace_id))
            return
        match event:
            case "connected_success":
                yield Heard(send=(_frame("task_start", **self._order),))
            case "task_started":
                yield Heard(ready=True)
            case "task_canceled" if self._canceling:
                yield Heard(self._context, ended=True)
            case "task_flushed" if not self._canceling:
                self._flushes -= 1
                if self._complete and self._flushes == 0:
                    self._open = False
                    yield Heard(self._context, ended=True)
            case _ if self._open and not self._canceling:
                yield from self._audio(message, trace_id)

    def _audio(self, message: Mapping[str, Any], trace_id: str | None) -> Iterable[Heard]:
        if audio := (message.get("data") or {}).get("audio"):
            yield Heard(self._context, audio=unhexlify(audio))
        if message.get("is_final") and (info := message.get("extra_info")):
            facts = UpstreamFacts(trace_id, info.get("usage_characters"))
            yield Heard(self._context, facts=facts)


def _frame(event: str, **fields: object) -> str:
    return orjson.dumps({"event": event, **fields}).decode()
