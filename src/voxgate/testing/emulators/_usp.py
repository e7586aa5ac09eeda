"""Messages of Azure's WebSocket: header lines, an empty line, a body.

Source: what Microsoft's Speech SDK 1.53.0 sends, and what it takes (its sources `usp_tts_engine_adapter` and
`usp_connection`); the protocol has no document.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Message:
    """A text message; names of headers are in lower case."""

    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        """What kind of message it is."""
        return self.headers.get("path", "").lower()

    @property
    def request_id(self) -> str:
        """Of the turn that it belongs to."""
        return self.headers.get("x-requestid", "")


def read(text: str) -> Message:
    """Parse a text message; raises `ValueError` for one that has no header."""
    head, gap, body = text.partition("\r\n\r\n")
    if not gap:
        raise ValueError("The message has no end of header")
    pairs = (line.partition(":") for line in head.split("\r\n"))
    return Message({name.strip().lower(): value.strip() for name, _, value in pairs}, body)


def text_message(path: str, request_id: str, body: object) -> str:
    """Return a text message with a body of JSON."""
    head = f"X-RequestId:{request_id}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}"
    return f"{head}\r\n\r\n{orjson.dumps(body).decode()}"


def audio_message(request_id: str, stream_id: str, media_type: str, audio: bytes) -> bytes:
    """Return a binary message: two bytes with the header's length, the header, audio."""
    kind = f"Content-Type:{media_type}\r\n" if audio else ""
    head = f"X-RequestId:{request_id}\r\n{kind}X-StreamId:{stream_id}\r\nPath:audio\r\n".encode()
    return struct.pack(">H", len(head)) + head + audio
