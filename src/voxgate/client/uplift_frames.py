"""Messages of the Uplift-style multi-stream WebSocket, as a client writes and reads them.

Source: Uplift docs, WebSocket page; the SDK for the plain WebSocket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

from voxgate.client.refusals import words_of
from voxgate.errors import (
    Conflict,
    NotAuthenticated,
    RateLimited,
    SynthesisError,
    TextTooLong,
    VoxgateError,
)


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How to speak a text; each request may have its own.

    Attributes:
        voice_id: None for the server's default. Of voxgate also the compound name of any voice.
        output_format: in Uplift's words, such as ``PCM_22050_16``, ``MP3_22050_128`` or ``ULAW_8000_8``.
        phrase_replacement_config_id: phrases to be replaced first, if any.
        speed: ratio to the voice's normal pace.
    """

    voice_id: str | None = None
    output_format: str = "PCM_22050_16"
    phrase_replacement_config_id: str | None = None
    speed: float | None = None

    def fields(self) -> dict[str, object]:
        """Return them by their names on the wire, as far as they are given."""
        named: dict[str, object] = {
            "voiceId": self.voice_id,
            "outputFormat": self.output_format,
            "phraseReplacementConfigId": self.phrase_replacement_config_id,
            "speed": self.speed,
        }
        return {name: value for name, value in named.items() if value is not None}


def synthesize(request_id: str, text: str, options: SpeechOptions) -> str:
    """Write the message that asks for speech."""
    fields = {"type": "synthesize", "requestId": request_id, "text": text, **options.fields()}
    return orjson.dumps(fields).decode()


def cancel(request_id: str) -> str:
    """Write the message that stops a request."""
    return orjson.dumps({"type": "cancel", "requestId": request_id}).decode()


@dataclass(frozen=True, slots=True)
class Ready:
    """The connection can be used."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of a request; ``sequence`` counts its pieces from 0."""

    request_id: str
    data: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Ended:
    """All audio of a request was sent."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A request, or without an id the connection, has failed."""

    request_id: str | None
    error: VoxgateError


Message = Ready | Piece | Ended | Refused

_CODES: dict[str, type[VoxgateError]] = {
    "auth_failed": NotAuthenticated,
    "duplicate_request": Conflict,
    "rate_limit_exceeded": RateLimited,
    "text_too_long": TextTooLong,
}


def read_message(message: str | bytes) -> Message | None:
    """Read a message; None for one that is of no interest, such as ``audio_start``.

    Raises:
        SynthesisError: it is no message of this protocol.
    """
    try:
        fields = orjson.loads(message)
        return _read(fields)
    except (ValueError, KeyError, TypeError):  # as errors of JSON and base64 are
        raise SynthesisError("What the server sent is no message of this protocol") from None


def _read(fields: dict[str, Any]) -> Message | None:
    match fields["type"]:
        case "ready":
            return Ready(str(fields.get("sessionId", "")))
        case "audio":
            data = pybase64.b64decode(fields["audio"], validate=True)
            return Piece(str(fields["requestId"]), data, int(fields["sequence"]))
        case "audio_end":
            return Ended(str(fields["requestId"]))
        case "error":
            request_id = fields.get("requestId")
            kind = _CODES.get(str(fields.get("code")), SynthesisError)
            told = words_of(fields.get("message")) or "The server could not speak"
            return Refused(None if request_id is None else str(request_id), kind(told))
    return None
