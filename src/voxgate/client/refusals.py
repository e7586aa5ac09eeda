"""What a server's refusals mean, as errors of `voxgate.errors`.

Before a connection the HTTP status tells, on an open socket the code it is closed with. The text that comes
with either is for people, and is passed on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from socket import gaierror
from typing import Any

import orjson

from voxgate.errors import (
    IncompleteAudio,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
    SynthesisError,
    VoxgateError,
)

MAX_TEXT_CHARACTERS = 500
"""Of a server's own words that are passed on."""

_LOST = 1006  # never sent: the connection broke without a word (RFC 6455, section 7.4.1)


def error_of_status(status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
    """Tell what an HTTP status other than 2xx means.

    Args:
        status: of the answer.
        headers: of the answer, by name in any case.
        body: perhaps JSON ``{"errors": [{"detail", "source": {"parameter"}}]}``; anything else is as good
            as nothing.
    """
    first = _first_error(body)
    told = _words(first.get("detail")) or _phrase(status)
    match status:
        case 401:
            return NotAuthenticated(told)
        case 403:
            return NotPermitted(told)
        case 404:
            return NotFound(told)
        case 429:
            return RateLimited(told, retry_after_s=_retry_after_s(headers))
        case 503:
            return Overloaded(told, retry_after_s=_retry_after_s(headers))
        case _ if 400 <= status < 500:
            source = first.get("source")
            field = source.get("parameter") if isinstance(source, dict) else None
            return InvalidRequest(told, field=field if isinstance(field, str) else None)
        case _:
            return ProviderUnavailable(f"The server answered {status}: {told}")


def error_of_close(code: int, told: str) -> VoxgateError:
    """Tell what it means that a server closed a socket before all was said.

    Args:
        code: why; source: RFC 6455, section 7.4.1.
        told: what it said before, perhaps nothing.
    """
    words = _words(told)
    match code:
        case 1000 | 1001:
            return SynthesisError(words) if words else IncompleteAudio("The server left before it was done")
        case 1007 | 1008 | 1009:
            return ProviderRejected(words or "The server refused the request")
        case 1013:
            return Overloaded(words or "The server has too much to do")
        case _:
            lost = "The connection broke" if code == _LOST else f"The server closed with code {code}"
            return ProviderUnavailable(words or lost)


def reason_of(error: OSError) -> str:
    """Say in a few words why a connection could not be made."""
    if isinstance(error, gaierror):
        return "there is no such host"
    # asyncio puts the address where the reason belongs.
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def _first_error(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    match answer:
        case {"errors": [dict() as first, *_]}:
            return first
    return {}


def _words(text: object) -> str:
    """Make what a server says fit to be shown: one line, no control characters, not too long."""
    if not isinstance(text, str):
        return ""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(" +", " ", shown).strip()[:MAX_TEXT_CHARACTERS]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    digits = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(digits) if re.fullmatch("[0-9]{1,6}", digits) else None
