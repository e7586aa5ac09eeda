"""uvicorn's WebSocket protocol, mended where a voice server needs it to be.

What differs from `WebSocketsSansIOProtocol` of uvicorn 0.54:

* A refused upgrade counts as answered, and is not reported as an error of the app.
* A handshake that the parser cannot read is answered with 400 instead of an assertion in the log.
* A message that is not UTF-8 closes with 1007 and one that is too large with 1009, without a traceback,
  and in such a way that the client gets to read the close frame.
* What one client can make the server hold is bounded; see the constants.
* A client that does not read cannot keep a connection open for ever that the server has closed.
* The app can see whether a client reads on: ``scope["extensions"]["voxgate.unsent"]()`` tells how many bytes
  wait for it. One that does not can be cut off by ``["voxgate.abort"]()``, without a close frame.
"""

from __future__ import annotations

import logging
from asyncio.transports import BaseTransport
from typing import Any

import structlog
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from voxgate.observe.logs import error_fields

MAX_MESSAGE_BYTES = 256 * 1024
"""Of an inbound message; a longer one closes with 1009."""
MAX_FRAGMENTS = 1024
"""Of an inbound message, which might otherwise go on for ever with empty ones; more closes with 1009."""
MAX_QUEUED = 2
"""Inbound messages that wait for the app; then the socket is not read until the app has caught up."""
FEED_BYTES = 16 * 1024
"""Given to the parser at a time: until then, a read full of tiny messages waits as the bytes it is."""
SEND_BUFFER_BYTES = 64 * 1024
"""High mark of the write buffer, where senders begin to wait."""
LINGER_S = 30.0
"""How long a client has to take what was written before the connection was closed."""
HEAR_OUT_S = 5.0
"""How long a client that broke the rules may go on talking, so that it can read why it was cut off."""

_TOO_LARGE, _NOT_UTF8 = 1009, 1007  # RFC 6455, 7.4.1
_BAD_HANDSHAKE_BODY = (
    b'{"errors":[{"code":"bad_request","title":"Bad Request","detail":"Not a WebSocket handshake."}]}'
)
_BAD_HANDSHAKE = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BAD_HANDSHAKE_BODY), _BAD_HANDSHAKE_BODY)
)

log = structlog.get_logger()
# The parser's log is about what clients did wrong, and quotes it.
_silent = logging.Logger("voxgate.websocket", logging.CRITICAL + 1)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, from its upgrade on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn.logger = _silent
        self.conn.debug = False
        self._unfed = bytearray()
        self._failed = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Keep little in the transport, so that little is left to be heard after a cancel."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES, low=SEND_BUFFER_BYTES // 4)

    # Inbound: socket -> _unfed -> parser -> queue -> app.

    def data_received(self, data: bytes) -> None:
        """Take what was read."""
        self._unfed += data
        self._feed()

    async def receive(self) -> ASGIReceiveEvent:
        """Give the app its next message."""
        message = await self.queue.get()
        if self.read_paused:
            self._feed()
        return message

    def _feed(self) -> None:
        """Parse on until enough messages wait for the app, and read on when they do not."""
        while self._unfed and not self._failed and not self._full:
            piece = bytes(self._unfed[:FEED_BYTES])
            del self._unfed[:FEED_BYTES]
            self.conn.receive_data(piece)
            self.handle_events()
            if self.conn.parser_exc is not None:
                self._fail()
            elif self.conn.handshake_exc is not None and not self.handshake_initiated:
                self._refuse_handshake()
        if self._failed:
            self._unfed.clear()
        full = self._full or bool(self._unfed)
        if full != self.read_paused and not self.transport.is_closing():
            self.read_paused = full
            (self.transport.pause_reading if full else self.transport.resume_reading)()

    @property
    def _full(self) -> bool:
        return self.queue.qsize() >= MAX_QUEUED and not self.close_sent

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake, unless the path could not even be passed on."""
        if event.path.isascii():
            super().handle_connect(event)
        else:
            self._refuse_handshake()

    def handle_cont(self, event: Frame) -> None:
        """Take one more fragment of a message."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self._failed:
            self.conn.fail(_TOO_LARGE, "Too many fragments")
            self._fail()

    def send_receive_event_to_app(self) -> None:
        """Queue a whole message."""
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": bytes(data)})
            return
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self.conn.fail(_NOT_UTF8, "Text is not UTF-8")
            self._fail()
        else:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    def handle_ping(self) -> None:
        """Answer, unless the client does not read its answers."""
        answer = b"".join(self.conn.data_to_send())
        if self.transport.get_write_buffer_size() <= SEND_BUFFER_BYTES:
            self.transport.write(answer)

    # The end.

    def _fail(self) -> None:
        """Say why, and stop listening; but let the client finish, or it never reads the close frame."""
        if self._failed:
            return
        self._failed = True
        self.stop_keepalive()
        if not self.close_sent and (close := self.conn.close_sent) is not None:
            self.close_sent = True
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
            )
        self._end(b"".join(self.conn.data_to_send()))

    def _refuse_handshake(self) -> None:
        self._failed = True
        self.handshake_complete = self.close_sent = True
        self._end(_BAD_HANDSHAKE)

    def _end(self, last_words: bytes) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(last_words)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._abort_after(HEAR_OUT_S)

    def _abort_after(self, delay_s: float) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(delay_s, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Give up a connection that does not answer, but only when its answer would have been read."""
        if self.read_paused and self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self._abort_after(HEAR_OUT_S)

    async def run_asgi(self) -> None:
        """Run the app for this connection, and close it when the app is done."""
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions["voxgate.unsent"] = self.transport.get_write_buffer_size
        extensions["voxgate.abort"] = self.transport.abort
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception as error:
            # The app contains its errors; what comes through anyway ends this connection only.
            log.error("connection failed unexpectedly", **error_fields(error))
        finally:
            if self.initial_response is None:
                self.send_500_response()  # unless the handshake is complete
            if self.close_timer is None and not self.disconnected:
                self.transport.close()
                self._abort_after(LINGER_S)

    async def send(self, message: ASGISendEvent) -> None:
        """Carry out what the app says."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            # They are not needed again, and would be a tenth of what an idle connection takes.
            del self.request, self.response
        elif message["type"] == "websocket.close" and self.close_timer is not None:
            self._abort_after(LINGER_S)
            self._feed()  # the client's own close may be waiting among what was not parsed
