"""What python-engineio lacks for clients that read slowly: a bounded queue, and ways to take back and to cut.

Its own queue has no bound, so a client that does not read makes the server hold all that it was ever sent.
With a bounded queue alone, though, its handshakes and its end would wait for room that nobody makes. So
`PacketQueue` lets messages wait and everything else pass. Messages wait on the WebSocket below, too: `Wire`
stands between python-engineio and the server there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from engineio.packet import MESSAGE, NOOP, Packet
from engineio.payload import Payload
from starlette.types import Message, Receive, Scope, Send

MAX_PACKETS = 12
"""Messages that wait for one client; then whoever would send another waits. Pings, handshakes and the end
pass: there are never more than three. A poll's answer holds all that wait, and python-engineio's client
takes no answer of more than 16 packets."""

MAX_POSTED_PACKETS = 200
"""In the body of one post: a client may send its minute's requests and cancels at once. python-engineio would
drop everything beyond 16 without a word."""
Payload.max_decode_packets = MAX_POSTED_PACKETS

PACKET_TYPES = frozenset("0123456")
"""First characters of Engine.IO packets; binary ones are not for here."""
_GONE: Message = {"type": "websocket.disconnect", "code": 1006}  # RFC 6455, 7.4.1: closed without a word


class PacketQueue(asyncio.Queue[Packet | None]):
    """Engine.IO packets for one client; None ends it.

    Attributes:
        taken: how many packets have been taken out, which tells whether the client reads on.
    """

    def __init__(self) -> None:
        super().__init__()
        self._putters = ()  # nobody waits to put a packet in but in `room`
        self.taken = 0
        self._ended = False
        self._changed: asyncio.Event | None = None

    async def room(self, most: int) -> None:
        """Wait until fewer than ``most`` packets are here, or the queue was ended."""
        while self.qsize() >= most and not self._ended:
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()

    async def put(self, item: Packet | None) -> None:
        """Put a packet in; a message waits for room, and after the end it is dropped."""
        if item is not None and item.packet_type == MESSAGE:
            await self.room(MAX_PACKETS)
            if self._ended:
                return
        # A poll that waits is what a NOOP is to end. When packets wait, no poll does.
        if item is None or item.packet_type != NOOP or self.empty():
            self.put_nowait(item)

    def get_nowait(self) -> Packet | None:
        """Take a packet out."""
        item = super().get_nowait()
        self.taken += 1
        self._change()
        return item

    def end(self) -> None:
        """Drop what waits, and let nobody wait any more."""
        self._ended = True
        while not self.empty():
            self.get_nowait()
            self.task_done()
        self._change()
        self.put_nowait(None)

    def _change(self) -> None:
        if self._changed is not None:
            self._changed.set()


class SpeechPacket(Packet):  # type: ignore[misc]  # the package carries no type information
    """A message of one request, which can be taken back as long as it was not written.

    Args:
        text: the Socket.IO packet.
        request: whose it is.
    """

    def __init__(self, text: str, request: int) -> None:
        super().__init__(MESSAGE, data=text)
        self.request = request
        self.encode_cache: str | None

    def recall(self) -> None:
        """Become a packet that says nothing: it may be in a batch already that will be written."""
        self.packet_type, self.data, self.encode_cache = NOOP, None, None


class SentPackets:
    """The packets of requests that python-engineio may still have; it forgets those that were written."""

    def __init__(self) -> None:
        self._packets: WeakSet[SpeechPacket] = WeakSet()

    def add(self, packet: SpeechPacket) -> None:
        """Remember one as long as it lives."""
        self._packets.add(packet)

    def recall(self, request: int) -> list[str]:
        """Take back all of a request; return the texts of those that were encoded already."""
        texts: list[str] = []
        for packet in [each for each in self._packets if each.request == request]:
            if packet.encode_cache is not None:
                texts.append(packet.encode_cache)
            packet.recall()
        return texts


class Wire:
    """A WebSocket as python-engineio sees it: an ASGI connection that can be cut from outside.

    Args:
        scope: of the connection.
        receive: the server's.
        send: the server's.

    Attributes:
        close_code: with which the connection is closed.
        on_end: called when it has ended.
        on_broken: called when a message cannot be written: python-engineio just stops writing then, and may
            wait, before it reads on, for room to write.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.close_code = 1000
        self.on_end: Callable[[], None] = _nothing
        self.on_broken: Callable[[], None] = _nothing
        self._receive, self._send = receive, send
        extensions = scope.get("extensions", {})
        self._unsent: Callable[[], int] = extensions.get("voxgate.unsent", int)
        self._abort: Callable[[], object] = extensions.get("voxgate.abort", int)
        self._over = False
        self._recalled = False
        self._receiving: asyncio.Task[Any] | None = None
        self._sending: asyncio.Task[Any] | None = None
        self._text: str | None = None

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client."""
        return self._unsent()

    async def receive(self) -> Message:
        """Give the next message, or say that the client has gone."""
        if self._is_over():
            return _GONE
        task = self._receiving = asyncio.current_task()
        try:
            message = await self._receive()
            return message if _may_be_packet(message) else _GONE
        except asyncio.CancelledError:
            if not self._is_over() or task is None or task.uncancel() > 0:
                raise
            return _GONE
        finally:
            self._receiving = None

    async def send(self, message: Message) -> None:
        """Write a message; a text that is recalled while it waits for room is not written."""
        if self._is_over():
            return
        if message["type"] == "websocket.close":
            message = {**message, "code": self.close_code}
        task = self._sending = asyncio.current_task()
        self._text = message.get("text")
        try:
            await self._send(message)
        except OSError:
            self.on_broken()
            raise
        except asyncio.CancelledError:
            if not (self._is_over() or self._recalled) or task is None or task.uncancel() > 0:
                raise
        finally:
            self._sending = self._text = None
            self._recalled = False

    def recall(self, texts: list[str]) -> None:
        """Take back the text that waits for room, if it is one of these."""
        if self._text in texts and self._sending is not None and not self._recalled:
            self._recalled = True
            self._sending.cancel()

    def _is_over(self) -> bool:
        return self._over

    def abort(self) -> None:
        """Drop the connection below, and what waits in it."""
        self._abort()

    def cut(self) -> None:
        """End the connection at once, whatever waits; the server closes it when python-engineio returns."""
        if self._is_over():
            return
        self._over = True
        for task in (self._receiving, self._sending):
            if task is not None:
                task.cancel()


def _may_be_packet(message: Message) -> bool:
    """Tell whether python-engineio would not break at a message."""
    text = message.get("text")
    return text is None or text[:1] in PACKET_TYPES


def _nothing() -> None:
    pass
