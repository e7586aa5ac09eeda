"""Whether a request is signed as AWS Signature Version 4 demands.

Source: AWS docs, "Create a signed AWS API request". Written from there and not from an SDK, so that a client
signed by one is a real check of both.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from aiohttp import web

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
"""Between the time in a request and ours."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>[^, ]+), ?SignedHeaders=(?P<headers>[a-z0-9;-]+),"
    r" ?Signature=(?P<signature>[0-9a-f]{64})"
)
_UNRESERVED = "-_.~"
_DATE = "%Y%m%dT%H%M%SZ"


class BadSignature(Exception):
    """A request that AWS turns away with 403, and by what name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def verify(
    request: web.Request,
    body: bytes,
    secrets: Mapping[str, str],
    *,
    region: str,
    service: str,
    now: datetime,
) -> None:
    """Check the signature of a request.

    Args:
        request: as it came.
        body: of the request.
        secrets: secret access keys by access key id.
        region: where the endpoint is.
        service: name of the service in signatures.
        now: our time.

    Raises:
        BadSignature: it is missing, malformed, too old, another region's or service's, or wrong.
    """
    header = request.headers.get("Authorization")
    if header is None:
        raise BadSignature("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = _AUTHORIZATION.fullmatch(header)
    stamp = request.headers.get("X-Amz-Date", "")
    if parts is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise BadSignature("IncompleteSignatureException", "Authorization header or date is malformed.")
    key_id, _, scope = parts["credential"].partition("/")
    signed = parts["headers"].split(";")
    _check_scope(scope, f"{stamp[:8]}/{region}/{service}/aws4_request")
    _check_headers(request, signed)
    if key_id not in secrets:
        raise BadSignature("UnrecognizedClientException", "The security token in the request is invalid.")
    _check_time(stamp, now)
    text = "\n".join((ALGORITHM, stamp, scope, _hash(_canonical(request, body, signed))))
    key = f"AWS4{secrets[key_id]}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["signature"]):
        raise BadSignature(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )


def _check_scope(scope: str, right: str) -> None:
    if scope != right:
        raise BadSignature("InvalidSignatureException", f"Credential should be scoped to {right}.")


def _check_headers(request: web.Request, signed: list[str]) -> None:
    needed = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
    if signed != sorted(signed) or needed - set(signed):
        raise BadSignature("InvalidSignatureException", "Host and every x-amz- header must be signed.")


def _check_time(stamp: str, now: datetime) -> None:
    try:
        made = datetime.strptime(stamp, _DATE).replace(tzinfo=UTC)
    except ValueError:
        raise BadSignature("IncompleteSignatureException", "The date is malformed.") from None
    if abs(now - made) > MAX_SKEW:
        raise BadSignature("InvalidSignatureException", f"Signature expired: {stamp} is too far from now.")


def _canonical(request: web.Request, body: bytes, signed: list[str]) -> str:
    """Return the canonical request."""
    path, _, query = request.raw_path.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    arguments = sorted((_encoded(unquote(name)), _encoded(unquote(value))) for name, _, value in pairs)
    headers = (
        f"{name}:{','.join(' '.join(value.split()) for value in request.headers.getall(name, []))}\n"
        for name in signed
    )
    # Every service but S3 encodes the path, as it is on the wire, once more.
    return "\n".join(
        (
            request.method,
            quote(path, safe=f"/{_UNRESERVED}"),
            "&".join(f"{name}={value}" for name, value in arguments),
            "".join(headers),
            ";".join(signed),
            hashlib.sha256(body).hexdigest(),
        )
    )


def _encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
