"""Opens the socket that a client's session runs on; the same for every protocol."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from voxgate.client.link import Cut
from voxgate.client.refusals import error_of_status, reason_of
from voxgate.errors import ConfigurationError, NotAuthenticated, ProviderTimeout, ProviderUnavailable

MAX_WAITING = 16
"""Messages that wait to be read; beyond, the server waits."""
MAX_MESSAGE_BYTES = 8 << 20
"""Of one message; voxgate sends up to 256 KiB, other servers whole sentences."""
CLOSE_TIMEOUT_S = 5.0
"""How long a server may take to answer a goodbye."""
PING_EVERY_S = 20.0
"""Keeps the connection known to whatever stands between; nobody waits for the answer, see below."""
DEAD_AFTER_S = 30.0
"""For which the other side's system may leave unsaid that it got what was sent; then the line is cut."""


async def open_link(address: str, key: str | None, timeout_s: float, *, server: str = "") -> SocketLink:
    """Connect.

    Args:
        address: of the door, beginning with ``ws``, with its query.
        key: API key, sent as a bearer token.
        timeout_s: for the connection to be made.
        server: its address as people wrote it, for what they are told.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    server = server or address.partition("?")[0]
    check_key(key)
    try:
        connection = await connect(
            address,
            additional_headers=bearer(key),
            compression=None,  # base64 of audio hardly shrinks
            open_timeout=timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=MAX_WAITING,
            ping_interval=PING_EVERY_S,
            # An answer waits behind audio that nobody has read yet, and a pause is no reason to hang up.
            ping_timeout=None,
        )
    except InvalidStatus as refused:
        answer = refused.response
        headers = dict(answer.headers.raw_items())
        raise error_of_status(answer.status_code, headers, answer.body or b"") from None
    except (InvalidURI, InvalidProxy):
        raise ConfigurationError(f"{server!r:.100} is no address of a server") from None
    except TimeoutError:
        raise ProviderTimeout(f"No answer from {server} within {timeout_s:g} seconds") from None
    except InvalidHandshake:
        raise ProviderUnavailable(f"What answers at {server} speaks no WebSocket") from None
    except OSError as error:
        raise ProviderUnavailable(f"Cannot reach {server}: {reason_of(error)}") from None
    _notice_death(connection)
    return SocketLink(connection)


def check_key(key: str | None) -> None:
    """Raise `NotAuthenticated` for what no header can carry."""
    if key and not (key.isascii() and key.isprintable()):
        raise NotAuthenticated("The API key holds characters that no key has")


def bearer(key: str | None) -> dict[str, str]:
    """Return the header that says who asks."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class SocketLink:
    """A `voxgate.client.link.Link` over a WebSocket. Made by `open_link`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        response = connection.response
        self.headers: Mapping[str, str] = response.headers if response is not None else {}

    async def send(self, message: str | bytes) -> None:
        """Send a text or a binary message."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as closed:
            raise _cut(closed) from None

    async def receive(self) -> str | bytes:
        """Wait for the next message."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise _cut(closed) from None

    async def aclose(self) -> None:
        """Say goodbye."""
        await self._connection.close()

    def abort(self) -> None:
        """Say nothing."""
        self._connection.transport.abort()


def _cut(closed: ConnectionClosed) -> Cut:
    return Cut(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else Cut()


def _notice_death(connection: ClientConnection) -> None:
    """Let the system cut a line whose other end is gone: it knows without anybody reading. Linux only."""
    under = connection.transport.get_extra_info("socket")
    if under is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):  # no TCP below
            under.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER_S * 1000))
