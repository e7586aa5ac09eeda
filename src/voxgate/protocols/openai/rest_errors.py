"""Refusals in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``, all four always there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from voxgate.errors import (
    InvalidMarkup,
    InvalidRequest,
    NotAuthenticated,
    RateLimited,
    TextTooLong,
    VoxgateError,
)
from voxgate.rest.door import BodyProblem, Mistake, MistakeKind, headers_of, status_of

_BODY_CODES = {
    BodyProblem.NOT_JSON: "invalid_json",
    BodyProblem.NOT_AN_OBJECT: "invalid_type",
    BodyProblem.WRONG_TYPE: "unsupported_content_type",
    BodyProblem.TOO_LARGE: "request_too_large",
    BodyProblem.TOO_SLOW: "request_timeout",
}
_FIELD_CODES = {
    MistakeKind.MISSING: "missing_required_parameter",
    MistakeKind.CHOICE: "invalid_value",
    MistakeKind.RANGE: "invalid_value",
    MistakeKind.LENGTH: "invalid_string_length",
    MistakeKind.TYPE: "invalid_type",
}


class OpenAIDialect:
    """Words refusals as OpenAI does. A `voxgate.rest.door.Dialect`."""

    def refuse(self, error: VoxgateError) -> Response:
        """Answer an error."""
        return _answer(status_of(error), error_object(error), headers_of(error))

    def refuse_fields(self, mistakes: Sequence[Mistake]) -> Response:
        """Answer the first mistake: the shape has room for one."""
        mistake = mistakes[0]
        param = mistake.field[0] if mistake.field else None
        message = f"Invalid '{param}': {mistake.message}."
        if mistake.kind is MistakeKind.MISSING:
            message = f"Missing required parameter: '{param}'."
        return _answer(
            HTTPStatus.BAD_REQUEST,
            _object(message, HTTPStatus.BAD_REQUEST, param, _FIELD_CODES[mistake.kind]),
        )

    def refuse_body(self, problem: BodyProblem) -> Response:
        """Answer a body that cannot be read."""
        return _answer(problem.status, _object(problem.value, problem.status, None, _BODY_CODES[problem]))

    def refuse_method(self, allowed: str) -> Response:
        """Answer a method that is not here."""
        status = HTTPStatus.METHOD_NOT_ALLOWED
        error = _object(f"This address takes {allowed}.", status, None, "method_not_allowed")
        return _answer(status, error, {"Allow": allowed})


def error_object(error: VoxgateError) -> dict[str, Any]:
    """Make the object under ``error``."""
    param = error.field if isinstance(error, InvalidRequest) else None
    match error:
        case NotAuthenticated():
            code = "invalid_api_key"
        case RateLimited():
            code = "rate_limit_exceeded"
        case TextTooLong():
            code = "string_above_max_length"
        case InvalidMarkup():
            param, code = "input", error.code
        case InvalidRequest(field="model"):
            code = "model_not_found"
        case _:
            code = error.code
    kind = "rate_limit_error" if isinstance(error, RateLimited) else None
    return _object(error.message, status_of(error), param, code, kind)


def _object(
    message: str, status: HTTPStatus, param: str | None, code: str, kind: str | None = None
) -> dict[str, Any]:
    kind = kind or ("server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error")
    return {"message": message, "type": kind, "param": param, "code": code}


def _answer(
    status: HTTPStatus, error: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    body = orjson.dumps({"error": error})
    return Response(body, status, media_type="application/json", headers=dict(headers or {}))
