"""What a client posts that polls: read within bounds, and looked at.

python-engineio would read a body of any size, answers OK to what it cannot read, and keeps a client whose
body is too large waiting until it polls.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from voxgate.protocols.uplift.socketio_engine import MAX_POSTED_PACKETS, PACKET_TYPES
from voxgate.rest.door import bounded

MAX_BODY_BYTES = 256 * 1024
"""Of one post, as the handshake announces it."""
_SEPARATOR = "\x1e"


async def read_post(scope: Scope, receive: Receive) -> bytes | None:
    """Read a body; None when it does not consist of packets.

    Raises:
        BadBody: it is larger than `MAX_BODY_BYTES`, or does not come in time.
    """
    body = b"".join([part async for part in bounded(Request(scope, receive), MAX_BODY_BYTES)])
    try:
        packets = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError:
        return None
    known = all(packet[:1] in PACKET_TYPES for packet in packets)
    return body if known and len(packets) <= MAX_POSTED_PACKETS else None


def with_body(scope: Scope, body: bytes) -> tuple[Scope, Receive]:
    """Return the request anew, to be read once more."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    length = (b"content-length", b"%d" % len(body))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": [*headers, length]}, receive
