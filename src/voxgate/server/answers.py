"""Answers that every door can give, as JSON.

An error is ``{"errors": [{"code", "title", "detail"}]}``: the shape Telnyx uses too, so that a client which
reads its errors can read ours. Protocols give their own codes; these are for what belongs to none of them.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from voxgate.errors import VoxgateError
from voxgate.rest.door import headers_of, status_of


def error_answer(
    status: HTTPStatus, code: str, detail: str, *, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Make an error answer.

    Args:
        status: of HTTP; its phrase becomes the title.
        code: stable, for programs.
        detail: a sentence for people.
        headers: further ones.
    """
    error = {"code": code, "title": status.phrase, "detail": detail}
    return JSONResponse({"errors": [error]}, status_code=status, headers=headers)


def refusal_answer(error: VoxgateError) -> JSONResponse:
    """Answer with an error of ours."""
    return error_answer(HTTPStatus(status_of(error)), error.code, error.message, headers=headers_of(error))


def not_found() -> JSONResponse:
    """Answer a request for a path that is not here."""
    return error_answer(HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this path.")


def unavailable(detail: str, retry_after_s: int = 1) -> JSONResponse:
    """Answer what cannot be served just now."""
    return error_answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        detail,
        headers={"retry-after": str(retry_after_s), "connection": "close"},
    )


def internal_error() -> JSONResponse:
    """Answer a request that ran into a mistake of ours; what it was stands in the log only."""
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here.")


async def refuse_socket(websocket: WebSocket) -> None:
    """Answer an upgrade to a path that is not here."""
    await websocket.send_denial_response(not_found())
