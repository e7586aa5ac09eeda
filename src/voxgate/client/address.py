"""From the address of a server, as people write it, to the address of one of its doors."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from voxgate.errors import ConfigurationError

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def http_address(server: str, path: str) -> str:
    """Return where ``path`` is on a server, for HTTP.

    Args:
        server: ``http://127.0.0.1:8080``; with ``https``, ``ws`` or ``wss`` and a path before ours as well.
        path: beginning with a slash.

    Raises:
        ConfigurationError: it is no such address.
    """
    try:
        parts = urlsplit(server.strip())
        usable = (
            parts.hostname and parts.scheme.lower() in _SCHEMES and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{server!r:.100} is no address of a server; one looks like http://127.0.0.1:8080"
        )
    scheme = _SCHEMES[parts.scheme.lower()]
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, "", ""))


def socket_address(server: str, path: str) -> str:
    """Return where ``path`` is on a server, for WebSockets; as `http_address`."""
    return http_address(server, path).replace("http", "ws", 1)
