"""The text messages of a voice session, and its close codes. Pure.

Source: WorkBuddy docs, WebSocket and troubleshooting pages. Only the first message of the client is
defined; its member ``events`` and the messages beyond the documented four are voxgate's own, sent to
clients that ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

MAX_TOKEN_CHARACTERS = 4096


class SessionError(Enum):
    """Why a session does not begin: code, close code, text."""

    AUTH_TIMEOUT = ("AUTH_TIMEOUT", 4001, "No token was sent in time")
    INVALID_AUTH = ("INVALID_AUTH", 4002, 'The first message must be {"token": "..."}')
    AUTH_FAILED = ("AUTH_FAILED", 4003, "Invalid or expired token")
    SESSION_SETUP_FAILED = ("SESSION_SETUP_FAILED", 4500, "The voice session could not be started")

    @property
    def close_code(self) -> int:
        """The WebSocket close code that follows the message."""
        return self.value[1]

    @property
    def message(self) -> str:
        """The JSON text of the error message."""
        return _text({"type": "error", "code": self.value[0], "message": self.value[2]})


NORMAL_CLOSE = 1000


@dataclass(frozen=True, slots=True)
class FirstMessage:
    """What a client says first.

    Attributes:
        token: opaque.
        events: whether it wants voxgate's own messages.
    """

    token: str
    events: bool = False


def read_first(message: str | bytes | None) -> FirstMessage | None:
    """Read the first message; None when it is not JSON with a token (a binary one is not)."""
    if not isinstance(message, str):
        return None
    try:
        data = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    token = data.get("token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token or len(token) > MAX_TOKEN_CHARACTERS:
        return None
    return FirstMessage(token, data.get("events") is True)


def connected() -> str:
    """The token is good."""
    return _text({"type": "connected"})


def agent_ready() -> str:
    """The agent listens."""
    return _text({"type": "agent_ready"})


def session_ended(reason: str) -> str:
    """The session is over."""
    return _text({"type": "session_ended", "reason": reason})


def event(name: str, fields: dict[str, Any]) -> str:
    """One of voxgate's own messages."""
    return _text({"type": name, **fields})


def _text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()
