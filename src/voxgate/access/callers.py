"""Who stands before a socket's door: an API key in the header, or a browser's token in the address."""

from __future__ import annotations

from collections.abc import Collection

from voxgate.access.browser_tokens import BrowserTokens, Front, Grant
from voxgate.access.keys import KeyStore
from voxgate.errors import NotAuthenticated, NotPermitted


async def identify(
    keys: KeyStore,
    tokens: BrowserTokens,
    front: Front,
    *,
    authorization: str | None,
    token: str | None,
    origin: str | None,
    allowed_origins: Collection[str],
) -> Grant:
    """Find out who asks for a connection.

    Args:
        keys: the API keys.
        tokens: the browsers' tokens.
        front: the door.
        authorization: the upgrade's header.
        token: of the address, or of a Socket.IO connect packet.
        origin: the upgrade's header; browsers send it, others hardly ever.
        allowed_origins: pages that may connect; none named: all.

    Raises:
        NotAuthenticated: nobody whom we know.
        NotPermitted: from an origin, or with a token, that is not for this door.
    """
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        key = await keys.authenticate(secret.strip())
        if key is None:
            raise NotAuthenticated("The API key is wrong or revoked")
        grant = Grant(key)
    elif token:
        grant = await tokens.redeem(token, front, origin)
    else:
        raise NotAuthenticated("Send the header Authorization: Bearer <API key>")
    check_origin(origin, allowed_origins)
    return grant


def check_origin(origin: str | None, allowed_origins: Collection[str]) -> None:
    """Raise `NotPermitted` for a page that may not open sockets; arguments as those of `identify`."""
    if origin is not None and allowed_origins and origin not in allowed_origins:
        raise NotPermitted("Pages of this origin may not connect")
