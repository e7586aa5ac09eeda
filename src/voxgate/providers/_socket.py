"""Vendors that speak over WebSockets: warm sockets by address, and one path from text to audio.

A vendor says where a socket leads (`SocketVendor.address`), what is said on it (`SocketVendor.wire`), which
audio it asks for (`SocketVendor.sent`) and how long its sockets live (``habits``). Everything else is here.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import ClassVar

import aiohttp

from voxgate.audio.format import AudioFormat
from voxgate.errors import Overloaded, ProviderTimeout, ProviderUnavailable
from voxgate.providers._audio import PCM_24K, AudioReader
from voxgate.providers._connection import Connection, Context, StaleSocket
from voxgate.providers._vendor import CONNECT_TIMEOUT_S, MAX_MESSAGE_BYTES, Vendor
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import Abort, AudioChunk
from voxgate.speech.stream import BUFFER_BYTES as STREAM_BYTES
from voxgate.speech.utterance import Utterance

_CLOSING_S = 1.0
"""How long a vendor has to answer when a socket is closed."""


class SocketVendor(Vendor):
    """Speaks over WebSockets. See the module.

    Attributes:
        habits: how long its sockets live.
        keeps_spare: where a socket serves one utterance only, one is opened ahead for the next.
    """

    habits: ClassVar[Habits] = Habits()
    keeps_spare: ClassVar[bool] = False

    @abstractmethod
    def address(self, utterance: Utterance) -> Address:
        """Say which sockets an utterance can use.

        Raises:
            VoxgateError: the vendor cannot speak it, as far as can be known without asking.
        """

    @abstractmethod
    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket for ``address(utterance)``."""

    def fresh_headers(self) -> Mapping[str, str]:
        """Headers of an upgrade that are new for every socket, such as an id of the connection."""
        return {}

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Say which audio is asked for."""
        return PCM_24K

    async def start(self) -> None:
        """Open the session."""
        await super().start()
        self._sockets = _Sockets(self)

    async def aclose(self) -> None:
        """Close every socket."""
        if self._session is not None:
            await self._sockets.aclose()
        await super().aclose()

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is complete."""
        async with aclosing(self.converse(utterance, _Whole(utterance.text), abort)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Hand text on as it is written, where the vendor takes it; else speak its sentences."""
        native = self.abilities(utterance.voice).text_stream
        speaking = (self.converse if native else super().synthesize_text)(utterance, text, abort)
        async with aclosing(speaking) as chunks:
            async for chunk in chunks:
                yield chunk

    async def converse(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak over a warm socket, or over a new one if that turns out to be closed."""
        for last in (False, True):
            try:
                async with aclosing(self._attempt(utterance, text, abort, fresh=last)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except StaleSocket:
                if last:
                    raise

    async def _attempt(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort, *, fresh: bool
    ) -> AsyncGenerator[AudioChunk, None]:
        connection = await self._sockets.claim(utterance, fresh=fresh)
        context: Context | None = None
        writing: asyncio.Task[None] | None = None
        try:
            context = await connection.begin(utterance, utterance.hold_bytes - STREAM_BYTES)
            abort.on_abort(partial(connection.cancel, context))
            writing = asyncio.create_task(connection.write(context, text), name="vendor-text")
            async with aclosing(self._hear(context, utterance)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            abort.on_abort(None)
            try:
                if writing is not None:
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
            finally:  # whoever waits here may be cancelled too
                connection.leave(context)

    async def _hear(self, context: Context, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        sent = self.sent(utterance)
        reader = AudioReader(self.name, sent, passthrough=utterance.passthrough == sent)
        async for heard in context:
            chunk = reader.feed(heard.audio) if heard.audio else None
            if chunk is not None:
                yield AudioChunk(chunk.pcm, chunk.rate_hz, heard.words, heard.facts, chunk.coded)
            elif heard.words or heard.facts:
                yield AudioChunk(b"", sent.rate_hz, heard.words, heard.facts)
        if not context.cancelled and (rest := reader.finish()) is not None:
            yield rest


class _Whole:
    """A text that is complete, as one piece that can be read more than once."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def __aiter__(self) -> AsyncIterator[str]:
        yield self._text


class _Sockets:
    """Sockets by address: those that are open, and those that are being opened."""

    def __init__(self, vendor: SocketVendor) -> None:
        self._vendor = vendor
        self._by_address: dict[Address, list[Connection]] = {}
        self._freed = asyncio.Event()
        self._open = 0
        self._closing: set[asyncio.Task[None]] = set()

    async def claim(self, utterance: Utterance, *, fresh: bool = False) -> Connection:
        """Find a socket with room, or open one; it counts as used from now on.

        Raises:
            VoxgateError: it could not be opened.
        """
        address = self._vendor.address(utterance)
        usable = () if fresh else (address,)
        await self._make_room(usable)
        connection = self._with_room(usable) or self._begin(address, utterance)
        connection.claims += 1
        try:
            assert connection.opened is not None  # noqa: S101 - set by _begin
            await asyncio.shield(connection.opened)
        except BaseException:
            connection.leave(None)
            raise
        if self._vendor.keeps_spare and not connection.wire.reusable:
            self._keep_spare(address, utterance)
        return connection

    async def aclose(self) -> None:
        """Close them all."""
        every = [connection for some in self._by_address.values() for connection in some]
        self._by_address.clear()
        await asyncio.gather(*(connection.aclose() for connection in every))
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _begin(self, address: Address, utterance: Utterance) -> Connection:
        vendor = self._vendor
        connection = Connection(
            vendor.wire(utterance), vendor.habits, vendor.clock, vendor.broken, self._look_over
        )
        self._open += 1
        connection.opened = asyncio.create_task(self._connect(connection, address), name="vendor-connect")
        connection.opened.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._by_address.setdefault(address, []).append(connection)
        return connection

    def _keep_spare(self, address: Address, utterance: Utterance) -> None:
        if self._open < self._vendor.settings.max_connections and self._with_room((address,)) is None:
            self._begin(address, utterance)

    async def _connect(self, connection: Connection, address: Address) -> None:
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                await connection.take(await self._upgraded(address))
        except TimeoutError:
            connection.close()
            raise ProviderTimeout(f"{self._vendor.name} does not open a connection") from None
        except BaseException:
            connection.close()
            raise

    async def _upgraded(self, address: Address) -> aiohttp.ClientWebSocketResponse:
        vendor = self._vendor
        try:
            return await vendor.http.ws_connect(
                address.url,
                headers={**dict(address.headers), **vendor.fresh_headers()},
                protocols=address.protocols,
                max_msg_size=MAX_MESSAGE_BYTES,
                heartbeat=vendor.habits.ping_s or None,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_S),
                autoclose=True,
                compress=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (HTTPStatus.OK, HTTPStatus.SWITCHING_PROTOCOLS):
                raise vendor.broken() from None
            raise vendor.refused(error.status, error.headers or {}, b"") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"{vendor.name} cannot be reached: {type(error).__name__}") from None

    def _with_room(self, addresses: Iterable[Address]) -> Connection | None:
        known = (each for address in addresses for each in self._by_address.get(address, ()))
        return next((each for each in known if each.has_room), None)

    async def _make_room(self, usable: Iterable[Address]) -> None:
        """Wait until one of these has room, or a new socket may be opened."""
        settings = self._vendor.settings
        try:
            async with asyncio.timeout(settings.max_wait_s):
                while self._open >= settings.max_connections and self._with_room(usable) is None:
                    if not self._close_an_idle_one():
                        self._freed.clear()
                        await self._freed.wait()
        except TimeoutError:
            raise Overloaded(f"All connections to {self._vendor.name} are taken", retry_after_s=1.0) from None

    def _close_an_idle_one(self) -> bool:
        for some in self._by_address.values():
            for connection in some:
                if connection.is_idle and connection.opened is not None and connection.opened.done():
                    connection.close()
                    return True
        return False

    def _look_over(self) -> None:
        """Let go of sockets that are gone, and tell those who wait."""
        for address, some in tuple(self._by_address.items()):
            for connection in tuple(some):
                if connection.gone:
                    some.remove(connection)
                    self._open -= 1
                    task = asyncio.create_task(connection.aclose())
                    self._closing.add(task)
                    task.add_done_callback(self._closing.discard)
            if not some:
                del self._by_address[address]
        self._freed.set()
