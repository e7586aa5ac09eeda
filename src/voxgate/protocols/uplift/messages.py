"""Messages of the Uplift multi-stream connection, both ways. The two doors differ only in the envelope.

A plain WebSocket carries each message as a JSON object that ``type`` tells apart. Over Socket.IO the
client's event names do that, ``type`` is optional, and everything from the server is the event ``message``
(source: Uplift docs, WebSocket page; official SDKs).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
import pybase64

from voxgate.errors import (
    InvalidRequest,
    NotAuthenticated,
    RateLimited,
    TextTooLong,
    UnsupportedFormat,
    VoxgateError,
)
from voxgate.protocols.uplift.formats import DEFAULT_FORMAT, FORMATS

MAX_ID_CHARACTERS = 256
"""Of a ``requestId``: ids are remembered and sent back with every frame."""
MIN_SPEED, MAX_SPEED = 0.25, 4.0


class Code(Enum):
    """What a client is told with an error (source: Uplift docs, error codes)."""

    AUTH_FAILED = "auth_failed"
    SYNTHESIS_FAILED = "synthesis_failed"
    DUPLICATE_REQUEST = "duplicate_request"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    TEXT_TOO_LONG = "text_too_long"


def code_of(error: VoxgateError) -> Code:
    """Choose the code of an error."""
    match error:
        case NotAuthenticated():
            return Code.AUTH_FAILED
        case RateLimited():
            return Code.RATE_LIMIT_EXCEEDED
        case TextTooLong():
            return Code.TEXT_TOO_LONG
        case _:
            return Code.SYNTHESIS_FAILED


# From the client.


@dataclass(frozen=True, slots=True)
class Synthesize:
    """Speak a text.

    Attributes:
        request_id: the client's name for the request.
        text: what to say; not blank.
        voice_id: None for the default.
        output_format: one of `FORMATS`.
        lexicon_id: phrase replacements to apply first, if any.
        speed: ratio to the voice's normal pace.
    """

    request_id: str
    text: str
    voice_id: str | None = None
    output_format: str = DEFAULT_FORMAT
    lexicon_id: str | None = None
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a request."""

    request_id: str


class Kind(Enum):
    """What a message was meant to be, by its ``type`` or event name."""

    SYNTHESIZE = "synthesize"
    CANCEL = "cancel"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A message that cannot be taken.

    Attributes:
        kind: what it was meant to be.
        request_id: None when it gave none that could be sent back.
        reason: a sentence for people.
    """

    kind: Kind
    request_id: str | None
    reason: str


ClientMessage = Synthesize | Cancel | Wrong

NOT_JSON = Wrong(Kind.UNKNOWN, None, "The message is not JSON")


def parse(text: str | bytes) -> object:
    """Read JSON. Half a surrogate pair, left when a text is cut within an emoji, becomes U+FFFD.

    Raises:
        ValueError: it is none.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        mended = _without_half_pairs(text) if isinstance(text, str) and "\\u" in text else None
        if mended is None:
            raise
        return orjson.loads(mended)


def _without_half_pairs(text: str) -> str | None:
    try:
        written = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def decode(message: str | bytes | None) -> ClientMessage:
    """Read one message of the plain WebSocket. Unknown fields are ignored, and a null counts as absent.

    Args:
        message: a text frame; None for a binary one.
    """
    if message is None:
        return Wrong(Kind.UNKNOWN, None, "Send messages as text frames of JSON")
    try:
        fields = parse(message)
    except ValueError:
        return NOT_JSON
    return read(fields.get("type") if isinstance(fields, dict) else None, fields)


def read(kind: object, fields: object) -> ClientMessage:
    """Read one message whose envelope has been opened.

    Args:
        kind: its ``type``, or the name of the Socket.IO event.
        fields: its JSON.
    """
    if not isinstance(fields, dict):
        return Wrong(_kind(kind), None, "The message must be a JSON object")
    try:
        match _kind(kind):
            case Kind.SYNTHESIZE:
                return _synthesize(fields)
            case Kind.CANCEL:
                return Cancel(_request_id(fields))
            case Kind.UNKNOWN:
                raise InvalidRequest("There are the messages synthesize and cancel", field="type")
    except InvalidRequest as error:
        return Wrong(_kind(kind), _id_to_answer(fields), error.message)


def _kind(name: object) -> Kind:
    return next((kind for kind in (Kind.SYNTHESIZE, Kind.CANCEL) if kind.value == name), Kind.UNKNOWN)


def _synthesize(fields: Mapping[str, Any]) -> Synthesize:
    text, output_format = fields.get("text"), _optional(fields, "outputFormat")
    request_id = _request_id(fields)
    if not isinstance(text, str):
        raise InvalidRequest("text must be a string", field="text")
    if not text.strip():
        raise InvalidRequest("text is empty", field="text")
    if output_format is not None and output_format not in FORMATS:
        raise UnsupportedFormat(f"outputFormat must be one of {', '.join(FORMATS)}", field="outputFormat")
    return Synthesize(
        request_id,
        text,
        _optional(fields, "voiceId"),
        output_format or DEFAULT_FORMAT,
        _optional(fields, "phraseReplacementConfigId"),
        _speed(fields),
    )


def _request_id(fields: Mapping[str, Any]) -> str:
    found = fields.get("requestId")
    if not isinstance(found, str) or not found:
        raise InvalidRequest("requestId must be a string that is not empty", field="requestId")
    if len(found) > MAX_ID_CHARACTERS:
        raise InvalidRequest(f"requestId has at most {MAX_ID_CHARACTERS} characters", field="requestId")
    return found


def _id_to_answer(fields: Mapping[str, Any]) -> str | None:
    found = fields.get("requestId")
    return found if isinstance(found, str) and len(found) <= MAX_ID_CHARACTERS else None


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    found = fields.get(name)
    if found is None or isinstance(found, str):
        return found or None
    raise InvalidRequest(f"{name} must be a string", field=name)


def _speed(fields: Mapping[str, Any]) -> float:
    found = fields.get("speed")
    if found is None:
        return 1.0
    if isinstance(found, bool) or not isinstance(found, int | float) or not MIN_SPEED <= found <= MAX_SPEED:
        raise InvalidRequest(f"speed must be a number from {MIN_SPEED:g} to {MAX_SPEED:g}", field="speed")
    return float(found)


# To the client.


@dataclass(frozen=True, slots=True)
class Ready:
    """The connection can be used."""

    session_id: str


@dataclass(frozen=True, slots=True)
class AudioStart:
    """The first audio of a request follows."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of a request's audio.

    Attributes:
        request_id: whose it is.
        audio: encoded, never empty.
        sequence: counts a request's pieces from 0.
    """

    request_id: str
    audio: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """All audio of a request has been sent."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Error:
    """A request has failed or is not taken, or (without an id) a message cannot be read."""

    request_id: str | None
    code: Code
    message: str


ServerMessage = Ready | AudioStart | Audio | AudioEnd | Error


def encode(message: ServerMessage, timestamp_ms: int) -> str:
    """Write one message.

    Args:
        message: what to say.
        timestamp_ms: now, since the Unix epoch. The docs show a bare number; no known client reads it.
    """
    return orjson.dumps(_fields(message, timestamp_ms)).decode()


def _fields(message: ServerMessage, timestamp_ms: int) -> dict[str, object]:
    match message:
        case Audio(request_id, audio, sequence):
            return {
                "type": "audio",
                "requestId": request_id,
                "audio": pybase64.b64encode_as_string(audio),
                "sequence": sequence,
            }
        case AudioStart(request_id):
            return {"type": "audio_start", "requestId": request_id, "timestamp": timestamp_ms}
        case AudioEnd(request_id):
            return {"type": "audio_end", "requestId": request_id, "timestamp": timestamp_ms}
        case Error(None, code, text):
            return {"type": "error", "code": code.value, "message": text}
        case Error(request_id, code, text):
            return {"type": "error", "requestId": request_id, "code": code.value, "message": text}
        case Ready(session_id):
            return {"type": "ready", "sessionId": session_id}
