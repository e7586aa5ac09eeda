"""One Engine.IO connection, from its handshake on; after it has joined the namespace, a session's link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from typing import Any

from engineio.exceptions import SocketIsClosedError
from engineio.packet import MESSAGE, Packet

from voxgate.protocols.uplift.connection import GOING_AWAY
from voxgate.protocols.uplift.socket_session import Disconnected, Session
from voxgate.protocols.uplift.socketio_engine import (
    MAX_PACKETS,
    PacketQueue,
    SentPackets,
    SpeechPacket,
    Wire,
)

NAMESPACE = "/text-to-speech/multi-stream"
"""The path in the address that clients are given is the namespace (source: Uplift docs, WebSocket page)."""
EVENT = "message"
"""Everything from the server is this event (source: the same)."""
DEPTH = 4
"""Packets of ours that wait on a WebSocket, where the next is taken at once; a poll takes all there are."""
FLUSH_S = 5.0
"""How long a client that polls has to fetch the last packets."""

_NORMAL = 1000  # RFC 6455, 7.4.1

Spawn = Callable[[Coroutine[Any, Any, None], str], object]
"""Starts a task that somebody keeps."""


class EngineLink:
    """A connection to one Socket.IO client.

    Args:
        socket: python-engineio's.
        spawn: starts a task.

    Attributes:
        session: once the client has joined.
        held: what is let go when the connection is over.
        taken: events that have come.
    """

    def __init__(self, socket: Any, spawn: Spawn) -> None:
        self.session: Session | None = None
        self.held = ExitStack()
        self.taken = 0
        self._wire: Wire | None = None
        self._refused = self._gone = False
        self._socket = socket
        self._queue: PacketQueue = socket.queue
        self._spawn = spawn
        self._sent = SentPackets()
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    # What a session asks of its link.

    async def send(self, text: str, request: int | None) -> None:
        """Write a message; see `voxgate.protocols.uplift.socket_session.Link`."""
        await self._queue.room(DEPTH if self._socket.upgraded else MAX_PACKETS)
        packet_text = f'2{NAMESPACE},["{EVENT}",{text}]'
        if request is None:
            packet = Packet(MESSAGE, data=packet_text)
        else:
            packet = SpeechPacket(packet_text, request)
            self._sent.add(packet)
        try:
            await self._socket.send(packet)
        except SocketIsClosedError:
            raise Disconnected from None

    def recall(self, request: int) -> None:
        """Take back what was not written of a request."""
        texts = self._sent.recall(request)
        if self._wire is not None:
            self._wire.recall(texts)

    def progress(self) -> object:
        """Return something that is different once the client has read on."""
        return self._queue.taken, self._wire.unsent if self._wire is not None else 0

    def abort(self) -> None:
        """Drop the connection; when the client polls there is none just now."""
        if self._wire is not None:
            self._wire.abort()

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Close once the client has what was sent.

        There is no Socket.IO disconnect packet: clients take that as a wish not to see them again, while
        after the end of the transport they connect again, to another server when this one stops.
        """
        if self._closing:
            return
        self._closing = True
        if self._wire is not None:
            self._wire.close_code = code
            # For a client that does not read to its end.
            asyncio.get_running_loop().call_later(2 * FLUSH_S, self._wire.cut)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._queue.join()
        await self._end_socket(abort=False)

    # What happens to the connection.

    def attach(self, wire: Wire) -> None:
        """Take note of the WebSocket: the connection began as one, or is being upgraded."""
        self._wire = wire
        wire.on_end = self._detach
        wire.on_broken = self._end_session

    def refuse(self) -> None:
        """Take nothing more from the client: its key is not good."""
        self._refused = True

    def was_refused(self) -> bool:
        """Whether `refuse` was called."""
        return self._refused

    async def give_up(self) -> None:
        """Close at once, unless it is being closed in order already."""
        if not self._closing:
            await self.cut()

    async def cut(self) -> None:
        """Close at once; what waits is lost."""
        self._closing = True
        await self._end_socket(abort=True)
        self._queue.end()
        if self._wire is not None:
            self._wire.cut()

    def watch(self, join_timeout_s: float, ping_interval_s: float, ping_timeout_s: float) -> None:
        """Close the connection when the client does not join in time, or answers no pings any more."""
        loop = asyncio.get_running_loop()

        def check_join() -> None:
            if self.session is None:
                self._spawn(self.close(), "uplift-not-joined")
            self._timer = loop.call_later(ping_interval_s, check_ping)

        def check_ping() -> None:
            # python-engineio notes when it sent a ping that is not answered yet.
            sent_s = self._socket.last_ping
            if sent_s and time.time() - sent_s > ping_timeout_s:
                self._spawn(self.cut(), "uplift-no-pong")
            self._timer = loop.call_later(ping_interval_s, check_ping)

        self._timer = loop.call_later(join_timeout_s, check_join)

    def finish(self) -> None:
        """Speak what was accepted, then close: the server is about to stop."""
        if self.session is not None:
            self.session.finish()
        else:
            self._spawn(self.close(GOING_AWAY), "uplift-leave")

    def leave(self) -> None:
        """Close at once: the server cannot wait any longer."""
        if self.session is not None:
            self.session.leave()
        else:
            self._spawn(self.cut(), "uplift-leave")

    def gone(self) -> None:
        """Let go of everything: python-engineio says that the connection is over."""
        self._closing = self._gone = True
        if self._timer is not None:
            self._timer.cancel()
        self._end_session()
        # So that a poll that waits is answered, and a WebSocket closed; after the packet that says so.
        asyncio.get_running_loop().call_soon(self._queue.put_nowait, None)
        if self._wire is None:
            self.held.close()

    def _end_session(self) -> None:
        if self.session is not None:
            self.session.end()

    def _detach(self) -> None:
        """Take note that the WebSocket has ended; not before that does a closing connection let go."""
        self._wire = None
        if self._gone:
            self.held.close()

    async def _end_socket(self, *, abort: bool) -> None:
        with suppress(SocketIsClosedError):
            await self._socket.close(wait=False, abort=abort)
