"""Opens the socket that a client's session runs on; the same for every protocol."""

from __future__ import annotations

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from voxgate.client.address import socket_address
from voxgate.client.refusals import error_of_status, reason_of
from voxgate.errors import ConfigurationError, NotAuthenticated, ProviderTimeout, ProviderUnavailable

MAX_WAITING = 16
"""Messages that wait to be read; beyond, the server waits."""
MAX_MESSAGE_BYTES = 8 << 20
"""Of one message; voxgate sends up to 256 KiB, other servers whole sentences."""
CLOSE_TIMEOUT_S = 5.0
"""How long a server may take to answer a goodbye."""


async def open_socket(
    server: str, path: str, query: str, key: str | None, timeout_s: float
) -> ClientConnection:
    """Connect to a server.

    Args:
        server: its address, as people write it.
        path: of the door.
        query: what is asked of the door.
        key: API key, sent as a bearer token.
        timeout_s: for the connection to be made.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    if key and not (key.isascii() and key.isprintable()):
        raise NotAuthenticated("The API key holds characters that no key has")
    try:
        return await connect(
            f"{socket_address(server, path)}?{query}",
            additional_headers={"Authorization": f"Bearer {key}"} if key else {},
            compression=None,  # base64 of audio hardly shrinks
            open_timeout=timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=MAX_WAITING,
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
