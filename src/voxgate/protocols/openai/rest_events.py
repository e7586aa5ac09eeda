"""Speech as server-sent events (source: OpenAI API reference, audio/speech streaming events).

``speech.audio.delta`` bears audio, ``speech.audio.done`` ends it. A failure half-way is told as
``speech.audio.error``, which vLLM-Omni's server has too; OpenAI documents none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
import pybase64

from voxgate.errors import VoxgateError
from voxgate.protocols.openai.rest_errors import error_object
from voxgate.rest.answers import Framing
from voxgate.speech.delivery import Delivery

MEDIA_TYPE = "text/event-stream"

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"enum": ["speech.audio.delta", "speech.audio.done", "speech.audio.error"]},
                    "audio": {"type": "string", "contentEncoding": "base64", "description": "Of a delta."},
                    "usage": {"type": "object", "description": "When it is done."},
                    "error": {"type": "object", "description": "As the refusals have it."},
                },
            },
        },
    },
}
"""Of each event, for OpenAPI."""

_TOKENS_PER_SECOND = 20
"""Of audio: one for each 50 ms."""


class EventFraming(Framing):
    """Puts audio into events.

    There is no tokenizer here, so ``usage`` counts characters of text and 50 ms of audio as a token each.

    Args:
        delivery: tells how much audio there was.
        characters: of the text.
    """

    def __init__(self, delivery: Delivery, characters: int) -> None:
        self._delivery = delivery
        self._characters = characters

    def audio(self, encoded: bytes) -> bytes:
        """Frame a piece of audio."""
        return _event({"type": "speech.audio.delta", "audio": pybase64.b64encode_as_string(encoded)})

    def end(self) -> bytes:
        """Say that all is there, and how much it was."""
        spoken = math.ceil(self._delivery.audio_s * _TOKENS_PER_SECOND)
        usage = {
            "input_tokens": self._characters,
            "output_tokens": spoken,
            "total_tokens": self._characters + spoken,
        }
        return _event({"type": "speech.audio.done", "usage": usage})

    def failure(self, error: VoxgateError) -> bytes:
        """Say that no more comes, and why."""
        return _event({"type": "speech.audio.error", "error": error_object(error)})


def _event(fields: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\n\n"
