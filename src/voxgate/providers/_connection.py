"""One socket to a vendor, and the utterances that share it.

A reader takes frames off the socket and hands what they say to the contexts. Rules for a context that is not
read:

* it holds ``hold_bytes`` of audio. If it has the socket for itself, the socket is not read any further, and
  the vendor waits with it.
* If others share the socket they must not wait for it: it may hold `SHARED_HOLD_BYTES`, the socket takes
  nobody else until it has caught up, and beyond that it fails as `Overloaded`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from itertools import count

import aiohttp

from voxgate.clock import Clock
from voxgate.errors import IncompleteAudio, Overloaded, ProviderUnavailable, VoxgateError
from voxgate.providers._wire import Frame, Habits, Heard, Wire
from voxgate.speech.utterance import Utterance

SHARED_HOLD_BYTES = 2 * 1024 * 1024
"""About 45 seconds of PCM at 24 kHz."""
_NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
"""What `Wire.read` raises of a frame that is not its vendor's protocol."""
_MESSAGES = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class StaleSocket(ProviderUnavailable):
    """A socket that was kept warm was closed before it said anything more: try again on a new one."""


class Context:
    """One utterance on a socket: an iterator of `Heard` that ends behind the vendor's end mark.

    Attributes:
        name: on the wire.
        over: the vendor has ended it, or it failed.
        cancelled: `Connection.cancel` was called.
        left: nobody reads it any more.
        held_bytes: of audio that nobody has taken yet.
    """

    def __init__(self, name: str, hold_bytes: int, *, fresh: bool) -> None:
        self.name = name
        self.over = False
        self.cancelled = False
        self.left = False
        self.held_bytes = 0
        self.hold_bytes = hold_bytes
        self.fresh = fresh
        self.heard_any = False
        self._heard_audio = False
        self._waiting: deque[Heard] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        """Whether as much waits for the reader as may."""
        return self.held_bytes > self.hold_bytes

    def put(self, heard: Heard) -> None:
        """Add what was heard."""
        if self.over or self.cancelled:
            self.over = self.over or heard.ended or heard.error is not None
            return
        self.heard_any = True
        self._heard_audio = self._heard_audio or bool(heard.audio)
        self.held_bytes += len(heard.audio)
        self.over = heard.ended or heard.error is not None
        self._waiting.append(heard)
        self._changed.set()

    def lose(self, error: VoxgateError | None) -> None:
        """Say that the socket is gone."""
        if self.over:
            return
        if error is None and not self.heard_any and not self.fresh:
            error = StaleSocket("The connection had been closed meanwhile")
        elif error is None and self._heard_audio:
            error = IncompleteAudio("The connection was closed in mid-speech")
        self.put(Heard(self.name, error=error or ProviderUnavailable("The connection was closed")))
        self.over = True

    def drop(self) -> None:
        """Forget what waits: it was cancelled."""
        self.cancelled = True
        self._waiting.clear()
        self.held_bytes = 0
        self._room.set()
        self._changed.set()

    async def room(self) -> None:
        """Wait until the reader has caught up, or is gone."""
        while self.is_behind and not self.cancelled:
            self._room.clear()
            await self._room.wait()

    def __aiter__(self) -> Context:
        return self

    async def __anext__(self) -> Heard:
        while not self._waiting:
            if self.over or self.cancelled:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        heard = self._waiting.popleft()
        self.held_bytes -= len(heard.audio)
        if not self.is_behind:
            self._room.set()
        if heard.error is not None:
            raise heard.error
        return heard


class Connection:
    """A socket, from before it is open until it is closed.

    Args:
        wire: the vendor's messages.
        habits: how long it lives.
        clock: time.
        broken: makes the error for a frame that is not the vendor's protocol.
        on_free: called whenever it may serve somebody else, or is gone.

    Attributes:
        claims: utterances that use it, or will once it is open.
        gone: closed, or about to be.
    """

    def __init__(
        self,
        wire: Wire,
        habits: Habits,
        clock: Clock,
        broken: Callable[[], VoxgateError],
        on_free: Callable[[], None],
    ) -> None:
        self.wire = wire
        self.claims = 0
        self.gone = False
        self.opened: asyncio.Task[None] | None = None
        self._habits = habits
        self._clock = clock
        self._broken = broken
        self._on_free = on_free
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._contexts: dict[str, Context] = {}
        self._names = count(1)
        self._born_s = clock.now_s()
        self._used = False
        self._retired = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._failure: VoxgateError | None = None

    @property
    def has_room(self) -> bool:
        """Whether a further utterance may begin here."""
        draining = sum(context.left for context in self._contexts.values())
        if self.gone or self._retired or self.claims + draining >= self.wire.contexts:
            return False
        if self._used and not self.wire.reusable:
            return False
        young = self._clock.now_s() - self._born_s < self._habits.max_age_s
        return young and not any(context.is_behind for context in self._contexts.values())

    @property
    def is_idle(self) -> bool:
        """Whether nobody uses it."""
        return not self.claims and not self._contexts

    async def take(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Begin with an open socket; returns when the vendor is ready."""
        self._socket = socket
        self._reader = asyncio.create_task(self._read(), name="vendor-socket")
        if not self.wire.waits_for_ready:
            self._ready.set_result(None)
        await self.send(self.wire.hello())
        await asyncio.shield(self._ready)
        self._rest()

    async def begin(self, utterance: Utterance, hold_bytes: int) -> Context:
        """Begin an utterance. The claim was made before; `leave` gives it back."""
        fresh = not self._used and self._timer is None
        context = Context(f"v{next(self._names)}", hold_bytes, fresh=fresh)
        self._used = True
        self._rest(used=True)
        self._contexts[context.name] = context
        if self.gone:
            # A new socket's first word may have been why it was closed; a warm one's is nobody's business.
            context.lose(self._failure if context.fresh else None)
        else:
            await self.send(self.wire.begin(context.name, utterance))
        return context

    async def write(self, context: Context, text: AsyncIterable[str]) -> None:
        """Hand over the text as it is written, until the context is over."""
        async for piece in text:
            if context.over or context.cancelled:
                return
            await self.send(self.wire.text(context.name, piece) if piece else self.wire.flush(context.name))
        if not (context.over or context.cancelled):
            await self.send(self.wire.end(context.name))
            if self.wire.complete(context.name):
                await self._take_in(Heard(context.name, ended=True))

    def cancel(self, context: Context) -> None:
        """Take an utterance back: the vendor is told before this turn of the loop is over."""
        if context.over or context.cancelled:
            return
        context.drop()
        if not self.wire.outlives_cancel:
            self.close()
            return
        self._spawn(self.send(self.wire.cancel(context.name)))
        if self.wire.complete(context.name):
            context.put(Heard(context.name, ended=True))
            return
        asyncio.get_running_loop().call_later(self._habits.drain_s, self._check_drained, context)

    def leave(self, context: Context | None) -> None:
        """Give a claim back: nobody reads its context, if it got one, any more."""
        self.claims -= 1
        if context is not None:
            self.cancel(context)
            context.left = True
        self._look_over(context)

    async def send(self, frames: Iterable[Frame]) -> None:
        """Send; a socket that is gone fails its contexts, not the sender."""
        socket = self._socket
        if socket is None or self.gone:
            return
        try:
            for frame in frames:
                await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            self._lose(None)

    def close(self, error: VoxgateError | None = None) -> None:
        """Close it, in the background; its contexts fail."""
        self._lose(error)

    async def aclose(self) -> None:
        """Close it and wait until nothing of it is left."""
        if not self.gone and self._socket is not None:
            await self.send(self.wire.bye())
        self.close()
        if self.opened is not None and not self.opened.done():
            if self._socket is None:  # else it is about to end by itself, and may have something to say
                self.opened.cancel()
            await asyncio.gather(self.opened, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        assert self._socket is not None  # noqa: S101 - the task begins with it
        error: VoxgateError | None = None
        try:
            while (message := await self._socket.receive()).type in _MESSAGES:
                for heard in tuple(self.wire.read(message.data)):
                    await self._take_in(heard)
            if isinstance(self._socket.exception(), aiohttp.WebSocketError):
                error = self._broken()
            elif message.type is aiohttp.WSMsgType.CLOSE:
                for heard in tuple(self.wire.parting(message.data or 1005)):
                    await self._take_in(heard)
                error = self.wire.closed(message.data or 1005, message.extra or "")
        except _NO_PROTOCOL:
            error = self._broken()
        except VoxgateError as failure:
            error = failure
        self._lose(error)

    async def _take_in(self, heard: Heard) -> None:
        if heard.send:
            await self.send(heard.send)
        if heard.ready and not self._ready.done():
            self._ready.set_result(None)
        if heard.context is None:
            if heard.error is not None:
                raise heard.error
            return
        context = self._contexts.get(heard.context)
        if context is None:
            return  # long forgotten
        context.put(heard)
        if context.over:
            self._look_over(context)
        elif context.is_behind and len(self._contexts) == 1:
            await context.room()
        elif context.held_bytes > SHARED_HOLD_BYTES:
            self.cancel(context)
            context.cancelled = False
            context.put(Heard(error=Overloaded("The reader is too far behind the speech")))

    def _look_over(self, context: Context | None) -> None:
        if context is not None and (context.over or self.gone):
            self._contexts.pop(context.name, None)
        if not self.claims and self._used and (self._retired or not self.wire.reusable):
            self.close()
        self._rest()
        self._on_free()

    def _check_drained(self, context: Context) -> None:
        """Give a socket up whose vendor did not end what was cancelled in time; others finish on it first."""
        if not context.over and not self.gone:
            self._retired = True
            self._look_over(None)

    def _lose(self, error: VoxgateError | None) -> None:
        if self.gone:
            return
        self.gone = True
        self._failure = error
        if self._timer is not None:
            self._timer.cancel()
        if not self._ready.done():
            self._ready.set_exception(error or ProviderUnavailable("The connection was closed"))
            self._ready.exception()  # whoever opens it may be gone already
        for context in tuple(self._contexts.values()):
            context.lose(error)
        self._contexts.clear()
        self._spawn(self._shut())
        self._on_free()

    async def _shut(self) -> None:
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    def _rest(self, *, used: bool = False) -> None:
        """Set the timer of a socket that nobody uses."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not used and self.is_idle and not self.gone:
            keep_alive_s = self._habits.keep_alive_s
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(
                keep_alive_s or self._habits.idle_s, self._tick, self._clock.now_s() + self._habits.idle_s
            )

    def _tick(self, until_s: float) -> None:
        if self._clock.now_s() >= until_s - 0.001:
            self.close()
            return
        self._spawn(self.send(self.wire.keep_alive()))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._habits.keep_alive_s, self._tick, until_s)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
