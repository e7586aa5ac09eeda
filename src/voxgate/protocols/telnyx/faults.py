"""How errors are told to clients: as HTTP before the upgrade, as a frame and a close code after it.

Source: Telnyx docs, WebSocket errors page and API error codes. Close codes are documented nowhere; these are
RFC 6455's for the kind of error.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from voxgate.errors import (
    CapacityError,
    InvalidMarkup,
    InvalidRequest,
    InvalidVoice,
    NotAuthenticated,
    NotPermitted,
    ProviderRejected,
    RateLimited,
    TextTooLong,
    UnsupportedFormat,
    VoxgateError,
)

NORMAL, GOING_AWAY, CLIENT_FAULT, SERVER_FAULT, TRY_LATER = 1000, 1001, 1008, 1011, 1013


@dataclass(frozen=True, slots=True)
class Fault:
    """An error on an open socket: what its frame says, and the code to close with."""

    message: str
    code: int


INVALID_MESSAGE = Fault("Invalid message", CLIENT_FAULT)
INVALID_VOICE = Fault("Invalid voice_id specified", CLIENT_FAULT)
FAILED = Fault("Error in audio response", SERVER_FAULT)
FAILED_AT_END = Fault("Error in remaining audio response", SERVER_FAULT)
BUSY = Fault("Server is busy, try again later", TRY_LATER)


def fault_of(error: VoxgateError, *, ending: bool = False) -> Fault:
    """Tell a failed utterance.

    Args:
        error: why it failed.
        ending: whether the client has ended the session, and this is about the rest of its text.
    """
    match error:
        case InvalidVoice() | ProviderRejected() | NotPermitted():
            return INVALID_VOICE
        case InvalidMarkup():
            return Fault(f"Invalid SSML: {error.message}", CLIENT_FAULT)
        case InvalidRequest():
            return Fault(error.message, CLIENT_FAULT)
        case CapacityError():
            return BUSY
        case _:
            return FAILED_AT_END if ending else FAILED


def too_much_text(limit: int) -> Fault:
    """Tell a client that more text is waiting than may."""
    return Fault(TextTooLong(f"At most {limit} characters may be waiting to be spoken").message, CLIENT_FAULT)


def denied(error: NotPermitted) -> Fault:
    """Tell a client that it has sent more than its token allows."""
    return Fault(error.message, CLIENT_FAULT)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of the upgrade."""

    status: HTTPStatus
    body: bytes
    headers: dict[str, str]


def refusal_of(error: VoxgateError, parameters: Collection[str] = ()) -> Refusal:
    """Tell why an upgrade is refused, in Telnyx's ``errors`` envelope.

    Args:
        error: why.
        parameters: names that the client's query has; one that is at fault and not among them is missing.
    """
    status, code, title = _kind(error, parameters)
    told: dict[str, object] = {"code": code, "title": title, "detail": error.message}
    if isinstance(error, InvalidRequest) and error.field:
        told["source"] = {"parameter": error.field}
    if code.isdecimal():
        told["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"}
    headers = {"content-type": "application/json"}
    if isinstance(error, CapacityError):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s or 1)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return Refusal(status, orjson.dumps({"errors": [told]}), headers)


def _kind(error: VoxgateError, parameters: Collection[str]) -> tuple[HTTPStatus, str, str]:
    match error:
        case NotAuthenticated():
            return HTTPStatus.UNAUTHORIZED, "10009", "Authentication failed"
        case RateLimited():
            return HTTPStatus.TOO_MANY_REQUESTS, "10011", "Too many requests"
        case CapacityError():
            return HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Service Unavailable"
        case NotPermitted():
            return HTTPStatus.FORBIDDEN, "10038", "Feature not permitted"
        case UnsupportedFormat():
            return HTTPStatus.BAD_REQUEST, "10032", "Invalid enumerated value"
        case InvalidRequest(field=str(field)) if field not in parameters:
            return HTTPStatus.BAD_REQUEST, "10004", "Missing required parameter"
        case InvalidRequest():
            return HTTPStatus.BAD_REQUEST, "10015", "Bad Request"
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, "10007", "Unexpected error"
