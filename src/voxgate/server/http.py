"""uvicorn's HTTP protocol, with an end to how long and how large a request's head may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""Of request line and headers; a longer head is answered 431."""
HEAD_TIMEOUT_S = 20.0
"""From connecting, or from a request's first byte, until its head is complete; then the connection ends."""

_BODY = b'{"errors":[{"code":"head_too_large","title":"Request Header Fields Too Large","detail":"%s"}]}' % (
    b"The request's line and headers are longer than %d bytes." % MAX_HEAD_BYTES
)
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection, until it closes or becomes a WebSocket."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._head_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what was read; the parser itself would take a head without an end."""
        super().data_received(data)
        if self._head_timer is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request's head (a callback of the parser)."""
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """End a request's head (a callback of the parser)."""
        self._head_complete()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_complete(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
