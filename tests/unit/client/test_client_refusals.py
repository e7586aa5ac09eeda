from __future__ import annotations

import json

import pytest

from voxgate.client.address import http_address, socket_address
from voxgate.client.refusals import MAX_TEXT_CHARACTERS, error_of_close, error_of_status
from voxgate.errors import (
    ConfigurationError,
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


def envelope(detail: object, parameter: object = None) -> bytes:
    source = {"source": {"parameter": parameter}} if parameter is not None else {}
    return json.dumps({"errors": [{"code": "1", "title": "t", "detail": detail, **source}]}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotAuthenticated),
        (403, NotPermitted),
        (404, NotFound),
        (422, InvalidRequest),
        (429, RateLimited),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, Overloaded),
        (301, ProviderUnavailable),
        (799, ProviderUnavailable),
    ],
)
def test_a_status_becomes_an_error_with_the_servers_words(status: int, kind: type[VoxgateError]) -> None:
    error = error_of_status(status, {}, envelope("What is wrong."))
    assert type(error) is kind
    assert error.message.endswith("What is wrong.")


def test_the_parameter_at_fault_is_named() -> None:
    error = error_of_status(400, {}, envelope("No.", "sample_rate"))
    assert isinstance(error, InvalidRequest)
    assert error.field == "sample_rate"


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("soon", None), ("-1", None), ("9" * 50, None)])
def test_when_to_come_back_is_read(value: str, seconds: float | None) -> None:
    for status in (429, 503):
        error = error_of_status(status, {"Retry-After": value}, b"")
        assert isinstance(error, RateLimited | Overloaded)
        assert error.retry_after_s == seconds


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"errors": []}', b'{"errors": [1]}', envelope(5), envelope(None, 7)],
)
def test_a_body_that_tells_nothing_leaves_the_status(body: bytes) -> None:
    assert error_of_status(403, {}, body).message == "Forbidden"


def test_a_servers_words_cannot_fill_or_steer_the_terminal() -> None:
    told = error_of_status(400, {}, envelope("\x1b[2J\nred\t" + "x" * 10_000)).message
    assert told.startswith("[2J red xxx")
    assert len(told) == MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("code", "told", "kind"),
    [
        (1000, "", IncompleteAudio),
        (1000, "Error in audio response", SynthesisError),
        (1001, "", IncompleteAudio),
        (1006, "", ProviderUnavailable),
        (1008, "Invalid voice_id specified", ProviderRejected),
        (1009, "", ProviderRejected),
        (1011, "Error in audio response", ProviderUnavailable),
        (1012, "", ProviderUnavailable),
        (1013, "Too many requests", Overloaded),
        (4001, "", ProviderUnavailable),
    ],
)
def test_a_close_code_becomes_an_error(code: int, told: str, kind: type[VoxgateError]) -> None:
    error = error_of_close(code, told)
    assert type(error) is kind
    assert error.message == told if told else error.message


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/x"),
        (" https://voice.example.com/ ", "https://voice.example.com/v2/x"),
        ("https://example.com/voice/", "https://example.com/voice/v2/x"),
        ("ws://[::1]:9", "http://[::1]:9/v2/x"),
        ("WSS://a", "https://a/v2/x"),
        ("http://a?b=c#d", "http://a/v2/x"),
    ],
)
def test_addresses_as_people_write_them(server: str, address: str) -> None:
    assert http_address(server, "/v2/x") == address
    assert socket_address(server, "/v2/x") == address.replace("http", "ws", 1)


@pytest.mark.parametrize(
    "server",
    ["", "localhost:8080", "127.0.0.1", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://[::"],
)
def test_what_is_no_address_is_told_with_an_example(server: str) -> None:
    with pytest.raises(ConfigurationError, match="looks like http://127"):
        http_address(server, "/v2/x")
