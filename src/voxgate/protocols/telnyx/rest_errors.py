"""REST refusals in Telnyx's ``errors`` envelope.

Source: Telnyx docs, text-to-speech REST errors page (90103) and API error codes (the others). As to statuses,
fields that are missing or wrong in themselves are 422, what cannot be spoken is 400, as live probes saw it,
and what may pass when tried again is 502 to 504, so that the SDKs do try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from starlette.responses import Response

from voxgate.errors import (
    Conflict,
    InvalidMarkup,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    RateLimited,
    SynthesisError,
    TextTooLong,
    UnsupportedFormat,
    VoxgateError,
)
from voxgate.rest.door import BodyProblem, Mistake, MistakeKind, headers_of, status_of

FAILED = ("90103", "Failed to produce text to speech")
BAD_REQUEST = ("10015", "Bad Request")
NOT_FOUND = ("10005", "Resource not found")

_MISTAKES = {
    MistakeKind.MISSING: ("10004", "Missing required parameter"),
    MistakeKind.CHOICE: ("10032", "Invalid enumerated value"),
    MistakeKind.RANGE: ("10033", "Value outside of range"),
    MistakeKind.LENGTH: ("10033", "Value outside of range"),
    MistakeKind.TYPE: BAD_REQUEST,
}
_BODIES = {
    BodyProblem.NOT_JSON: ("10023", "Invalid JSON"),
    BodyProblem.NOT_AN_OBJECT: BAD_REQUEST,
    BodyProblem.WRONG_TYPE: ("10014", "Unsupported Media Type"),
    BodyProblem.TOO_LARGE: BAD_REQUEST,
    BodyProblem.TOO_SLOW: ("10008", "Request timeout"),
}


class TelnyxDialect:
    """Words refusals as Telnyx does. A `voxgate.rest.door.Dialect`."""

    def refuse(self, error: VoxgateError) -> Response:
        """Answer an error; a field it names is taken to be one of the body's."""
        field = error.field if isinstance(error, InvalidRequest) else None
        if field is None and isinstance(error, InvalidMarkup):
            field = "text"
        source = {"pointer": _pointer(field.split("."))} if field else None
        return envelope(status_of(error), _kind(error), error.message, source, headers_of(error))

    def refuse_fields(self, mistakes: Sequence[Mistake]) -> Response:
        """Answer every mistake."""
        errors = []
        for mistake in mistakes:
            detail = f"{'.'.join(mistake.field)}: {mistake.message}."
            source = {"parameter": ".".join(mistake.field)}
            if mistake.place == "body":
                source = {"pointer": _pointer(mistake.field)}
            errors.append(_error(_MISTAKES[mistake.kind], detail, source))
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, errors)

    def refuse_body(self, problem: BodyProblem) -> Response:
        """Answer a body that cannot be read."""
        return envelope(problem.status, _BODIES[problem], problem.value)

    def refuse_method(self, allowed: str) -> Response:
        """Answer a method that is not here."""
        detail = f"This address takes {allowed}."
        return envelope(HTTPStatus.METHOD_NOT_ALLOWED, BAD_REQUEST, detail, headers={"Allow": allowed})


def envelope(
    status: HTTPStatus,
    kind: tuple[str, str],
    detail: str,
    source: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer one error.

    Args:
        status: of HTTP.
        kind: code and title.
        detail: a sentence for people.
        source: the ``pointer`` or ``parameter`` at fault.
        headers: further ones.
    """
    return _answer(status, [_error(kind, detail, source)], headers)


def _kind(error: VoxgateError) -> tuple[str, str]:
    match error:
        case NotAuthenticated():
            return "10009", "Authentication failed"
        case RateLimited():
            return "10011", "Too many requests"
        case NotPermitted():
            return "10038", "Feature not permitted"
        case NotFound():
            return NOT_FOUND
        case Conflict():
            return BAD_REQUEST
        case UnsupportedFormat():
            return "10032", "Invalid enumerated value"
        case TextTooLong():
            return "10033", "Value outside of range"
        case InvalidRequest(field=str(field)) if "." in field:
            return FAILED  # a setting of the voice: what the engine refuses (source: live probe)
        case InvalidRequest():
            return BAD_REQUEST
        case SynthesisError() | Overloaded():
            return FAILED
        case _:
            return "10007", "Unexpected error"


def _pointer(field: Sequence[str]) -> str:
    return "/" + "/".join(name.replace("~", "~0").replace("/", "~1") for name in field)


def _error(kind: tuple[str, str], detail: str, source: Mapping[str, str] | None) -> dict[str, object]:
    code, title = kind
    error: dict[str, object] = {"code": code, "title": title, "detail": detail}
    if source:
        error["source"] = source
    error["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"}
    return error


def _answer(
    status: HTTPStatus, errors: Sequence[Mapping[str, object]], headers: Mapping[str, str] | None = None
) -> Response:
    body = orjson.dumps({"errors": errors})
    return Response(body, status, media_type="application/json", headers=dict(headers or {}))
