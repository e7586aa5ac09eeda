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

import orjson

from voxgate.client.link import LOST
from voxgate.errors import (
    Conflict,
    IncompleteAudio,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    SynthesisError,
    VoxgateError,
)

MAX_TEXT_CHARACTERS = 500
"""Of a server's own words that are passed on."""


def error_of_status(status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
    """Tell what an HTTP status other than 2xx means.

    Args:
        status: of the answer.
        headers: of the answer, by name in any case.
        body: perhaps JSON in one of the protocols' shapes; anything else is as good as nothing.
    """
    words, field = _told(body)
    error = _of_status(status, words or _phrase(status), field, _retry_after_s(headers))
    error.status = status
    return error


def error_of_close(code: int, told: str) -> VoxgateError:
    """Tell what it means that a server closed a socket before all was said.

    Args:
        code: why; source: RFC 6455, section 7.4.1.
        told: what it said before, perhaps nothing.
    """
    error = _of_close(code, words_of(told))
    error.status = code
    return error


def _of_status(status: int, told: str, field: str | None, retry_after_s: float | None) -> VoxgateError:
    match status:
        case 401:
            return NotAuthenticated(told)
        case 403:
            return NotPermitted(told)
        case 404:
            return NotFound(told)
        case 408 | 504:
            return ProviderTimeout(f"The server answered {status}: {told}")
        case 409:
            return Conflict(told)
        case 429:
            return RateLimited(told, retry_after_s=retry_after_s)
        case 503:
            return Overloaded(told, retry_after_s=retry_after_s)
        case _ if 400 <= status < 500:
            return InvalidRequest(told, field=field)
        case _:
            return ProviderUnavailable(f"The server answered {status}: {told}")


def _of_close(code: int, words: str) -> VoxgateError:
    match code:
        case 1000 | 1001:
            return SynthesisError(words) if words else IncompleteAudio("The server left before it was done")
        case 1007 | 1008 | 1009:
            return ProviderRejected(words or "The server refused the request")
        case 1013:
            return Overloaded(words or "The server has too much to do")
        case _:
            lost = "The connection broke" if code == LOST else f"The server closed with code {code}"
            return ProviderUnavailable(words or lost)


def reason_of(error: OSError) -> str:
    """Say in a few words why a connection could not be made."""
    if isinstance(error, gaierror):
        return "there is no such host"
    # asyncio puts the address where the reason belongs.
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def _told(body: bytes) -> tuple[str, str | None]:
    """Return a server's words, and the field that they are about."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", None
    words: object = None
    field: object = None
    match answer:
        case {"errors": [dict() as first, *_]}:  # Telnyx
            words, source = first.get("detail"), first.get("source")
            field = source.get("parameter") or source.get("pointer") if isinstance(source, dict) else None
        case {"error": {"message": words, **rest}}:  # OpenAI
            field = rest.get("param")
        case {"message": words}:  # Uplift, WorkBuddy
            pass
    return words_of(words), field if isinstance(field, str) else None


def words_of(text: object) -> str:
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
