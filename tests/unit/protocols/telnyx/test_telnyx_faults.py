from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from voxgate.errors import (
    CapacityError,
    IncompleteAudio,
    InvalidMarkup,
    InvalidRequest,
    InvalidVoice,
    NotAuthenticated,
    NotPermitted,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    TextTooLong,
    UnsupportedFormat,
    VoxgateError,
)
from voxgate.protocols.telnyx.faults import fault_of, refusal_of


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (ProviderUnavailable("x"), "Error in audio response", 1011),
        (ProviderTimeout("x"), "Error in audio response", 1011),
        (ProviderDenied("x"), "Error in audio response", 1011),
        (IncompleteAudio("x"), "Error in audio response", 1011),
        (ProviderRejected("x"), "Invalid voice_id specified", 1008),
        (InvalidVoice("x"), "Invalid voice_id specified", 1008),
        (InvalidMarkup("line 1, column 2"), "Invalid SSML: line 1, column 2", 1008),
        (TextTooLong("Too long"), "Too long", 1008),
        (Overloaded("x"), "Server is busy, try again later", 1013),
        (RateLimited("x"), "Server is busy, try again later", 1013),
    ],
)
def test_errors_on_an_open_socket(error: VoxgateError, message: str, code: int) -> None:
    fault = fault_of(error)
    assert (fault.message, fault.code) == (message, code)


def test_after_the_end_a_provider_fails_at_the_rest() -> None:
    assert fault_of(ProviderUnavailable("x"), ending=True).message == "Error in remaining audio response"
    assert fault_of(InvalidVoice("x"), ending=True).message == "Invalid voice_id specified"


@pytest.mark.parametrize(
    ("error", "status", "code", "title"),
    [
        (NotAuthenticated("x"), 401, "10009", "Authentication failed"),
        (RateLimited("x"), 429, "10011", "Too many requests"),
        (InvalidVoice("x", field="voice"), 400, "10015", "Bad Request"),
        (InvalidVoice("x", field="voice_id"), 400, "10004", "Missing required parameter"),
        (UnsupportedFormat("x", field="voice"), 400, "10032", "Invalid enumerated value"),
        (InvalidRequest("x"), 400, "10015", "Bad Request"),
        (NotPermitted("x"), 403, "10038", "Feature not permitted"),
        (Overloaded("x"), 503, "unavailable", "Service Unavailable"),
    ],
)
def test_refusals_before_the_upgrade(error: VoxgateError, status: int, code: str, title: str) -> None:
    refusal = refusal_of(error, {"voice"})
    assert refusal.status == HTTPStatus(status)
    assert refusal.headers["content-type"] == "application/json"
    (told,) = json.loads(refusal.body)["errors"]
    assert (told["code"], told["title"], told["detail"]) == (code, title, "x")
    if isinstance(error, InvalidRequest) and error.field:
        assert told["source"] == {"parameter": error.field}
    else:
        assert "source" not in told


@pytest.mark.parametrize(("after_s", "header"), [(None, "1"), (0.2, "1"), (7.1, "8")])
def test_who_is_too_much_is_told_when_to_come_back(after_s: float | None, header: str) -> None:
    error: CapacityError = RateLimited("x", retry_after_s=after_s)
    assert refusal_of(error).headers["retry-after"] == header
