"""Signatures are judged by AWS's own published example."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from voxgate.testing.emulators._sigv4 import BadSignature, verify

SECRETS = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
WHEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
PATH = "/?Action=ListUsers&Version=2010-05-08"
# AWS docs, "Signature Version 4 signing process", complete example.
SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "Host": "iam.amazonaws.com",
    "X-Amz-Date": "20150830T123600Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date, Signature={SIGNATURE}",
}


def request(path: str = PATH, headers: Mapping[str, str] = HEADERS) -> web.Request:
    return make_mocked_request("GET", path, headers=dict(headers))


def check(asked: web.Request, *, body: bytes = b"", now: datetime = WHEN, region: str = "us-east-1") -> None:
    verify(asked, body, SECRETS, region=region, service="iam", now=now)


def test_the_published_example_is_good() -> None:
    check(request())
    check(request("/?Version=2010-05-08&Action=ListUsers"), now=WHEN + timedelta(minutes=4))


@pytest.mark.parametrize(
    "asked",
    [
        request("/?Action=ListUsers&Version=2010-05-09"),
        request("/more?Action=ListUsers&Version=2010-05-08"),
        request(headers=HEADERS | {"Content-Type": "text/plain"}),
        request(headers=HEADERS | {"Host": "example.com"}),
        request(headers=HEADERS | {"X-Amz-Security-Token": "not signed"}),
        request(headers=HEADERS | {"X-Amz-Date": "20150830T123601Z"}),
        request(headers=HEADERS | {"X-Amz-Date": "20150831T123600Z"}),
        request(headers=HEADERS | {"Authorization": HEADERS["Authorization"].replace("5d6", "5d7")}),
    ],
)
def test_what_was_changed_after_signing_is_refused(asked: web.Request) -> None:
    with pytest.raises(BadSignature) as caught:
        check(asked)
    assert caught.value.name == "InvalidSignatureException"


def test_another_body_is_refused() -> None:
    with pytest.raises(BadSignature) as caught:
        check(request(), body=b"more")
    assert caught.value.name == "InvalidSignatureException"


@pytest.mark.parametrize("off", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_an_old_or_early_request_is_refused(off: timedelta) -> None:
    with pytest.raises(BadSignature) as caught:
        check(request(), now=WHEN + off)
    assert caught.value.name == "InvalidSignatureException"


def test_another_region_is_refused() -> None:
    with pytest.raises(BadSignature) as caught:
        check(request(), region="eu-west-1")
    assert caught.value.name == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Host": "iam.amazonaws.com"}, "MissingAuthenticationTokenException"),
        (HEADERS | {"Authorization": "Bearer key"}, "IncompleteSignatureException"),
        (HEADERS | {"X-Amz-Date": ""}, "IncompleteSignatureException"),
        (HEADERS | {"X-Amz-Date": "20153030T123600Z"}, "InvalidSignatureException"),
        (
            HEADERS | {"Authorization": HEADERS["Authorization"].replace("AKIDEXAMPLE", "AKIDNOBODY")},
            "UnrecognizedClientException",
        ),
    ],
)
def test_what_is_no_signature(headers: Mapping[str, str], name: str) -> None:
    with pytest.raises(BadSignature) as caught:
        check(request(headers=headers))
    assert caught.value.name == name
