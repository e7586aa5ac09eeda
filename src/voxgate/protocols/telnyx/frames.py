"""JSON frames of the Telnyx text-to-speech WebSocket, both ways.

Source: Telnyx docs, WebSocket messages page and API reference; ``type`` from the official SDKs' schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

MAX_AUDIO_BYTES = 180_000
"""Of audio in one frame: 240,000 characters as base64, so that a frame stays under 256 KiB."""
MAX_TEXT_CHARACTERS = 2_000
"""Of text in a frame that bears audio as well; each takes up to six bytes as JSON."""
MAX_BARE_TEXT_CHARACTERS = 40_000
"""Of text in a frame without audio."""


# From the client.


@dataclass(frozen=True, slots=True)
class ClientFrame:
    """One frame from a client.

    Attributes:
        text: None when the frame has none; empty to end the session.
        flush: speak all buffered text now.
        force: stop speaking and forget what was buffered, before this frame's own text.
        voice_settings: as given; read only on the first frame.
    """

    text: str | None = None
    flush: bool = False
    force: bool = False
    voice_settings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is no frame: not JSON, not an object, a field of the wrong type, or nothing to do."""


def decode(message: str | bytes) -> ClientFrame | Malformed:
    """Read one message. Unknown fields are ignored, and a null counts as absent."""
    try:
        fields = orjson.loads(message)
    except orjson.JSONDecodeError:
        return Malformed()
    if not isinstance(fields, dict):
        return Malformed()
    match [fields.get(name) for name in ("text", "flush", "force", "voice_settings")]:
        case [
            (str() | None) as text,
            (bool() | None) as flush,
            (bool() | None) as force,
            (dict() | None) as settings,
        ] if text is not None or flush or force:
            return ClientFrame(text, bool(flush), bool(force), settings)
    return Malformed()


# To the client.


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """Audio, the text that was spoken, or both.

    Attributes:
        audio: encoded; None on a frame that only bears text.
        text: None on a frame that only bears audio.
        cached: the cache answered; told where the text is.
        first_audio_ms: from the request to its first audio; on the first frame of a synthesis only.
    """

    audio: bytes | None
    text: str | None
    cached: bool = False
    first_audio_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FinalFrame:
    """All that was asked for has been spoken."""


@dataclass(frozen=True, slots=True)
class ErrorFrame:
    """Something went wrong; the server closes the connection next."""

    message: str


ServerFrame = AudioFrame | FinalFrame | ErrorFrame


def audio_frames(
    audio: bytes, text: str | None, *, cached: bool = False, first_audio_ms: int | None = None
) -> Iterator[AudioFrame]:
    """Put audio and its text into as many frames as the limits ask for; none when there is neither.

    Text stands on the first frame. Text that is too long for it goes ahead on frames of its own.
    """
    while text and len(text) > (MAX_TEXT_CHARACTERS if audio else MAX_BARE_TEXT_CHARACTERS):
        yield AudioFrame(None, text[:MAX_BARE_TEXT_CHARACTERS], cached, first_audio_ms)
        text, first_audio_ms = text[MAX_BARE_TEXT_CHARACTERS:] or None, None
    if audio or text is not None:
        yield AudioFrame(audio[:MAX_AUDIO_BYTES] or None, text, cached, first_audio_ms)
    for begin in range(MAX_AUDIO_BYTES, len(audio), MAX_AUDIO_BYTES):
        yield AudioFrame(audio[begin : begin + MAX_AUDIO_BYTES], None)


def encode(frame: ServerFrame, *, type_field: bool = True) -> str:
    """Write one frame.

    Args:
        frame: what to say.
        type_field: whether to add ``type``. The SDKs tell frames apart by it; Telnyx itself leaves it out.
    """
    match frame:
        case AudioFrame(audio, text, cached, first_audio_ms):
            kind = "audio_chunk"
            fields: dict[str, object] = {
                "audio": pybase64.b64encode_as_string(audio) if audio is not None else None,
                "text": text,
                "isFinal": False,
                "cached": cached,
            }
            if first_audio_ms is not None:
                fields["timeToFirstAudioFrameMs"] = first_audio_ms
        case FinalFrame():
            kind = "final"
            fields = {"audio": None, "text": "", "isFinal": True}
        case ErrorFrame(message):
            kind = "error"
            fields = {"error": message}
    return orjson.dumps({"type": kind, **fields} if type_field else fields).decode()
