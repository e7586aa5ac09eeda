"""The life of the server: listen, start the engines, serve, drain, end.

It listens before the engines are up, so that a port that is taken stops it before anything was started, and
so that a probe learns that it is starting.

The first SIGTERM (or SIGINT) begins the drain: not ready any more, new connections are refused with 503, and
those that are here finish what they are saying. After the deadline they are asked to leave at once, in their
protocol's own way; whoever is still here then is closed with 1012. A second signal skips all waiting.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from voxgate.config import ServerSettings, Settings
from voxgate.conversation.agents import Agents
from voxgate.drain import Drain
from voxgate.errors import ConfigurationError, VoxgateError
from voxgate.observe.logs import log_loop_error
from voxgate.observe.metrics import Figures
from voxgate.server.app import DOORS, Doors, build_app, build_services
from voxgate.server.health import starting
from voxgate.server.http import HttpProtocol
from voxgate.server.websocket import MAX_MESSAGE_BYTES, SEND_BUFFER_BYTES, WebSocketProtocol
from voxgate.services import Services

GOODBYE_S = 1.0
"""After the deadline, how long connections have to say goodbye."""
BACKLOG = 4096
"""Connections the kernel holds until they are accepted; more are turned away by it."""
KEEP_ALIVE_S = 75
"""Longer than the minute that proxies keep a connection for reuse, so that the proxy is who closes it."""

log = structlog.get_logger()

Announce = Callable[[Services, str], Awaitable[None]]
"""Told, when the server is ready, the services and the address it serves at."""


async def serve(settings: Settings, announce: Announce, *, doors: Iterable[Doors] = DOORS) -> None:
    """Serve until a signal ends it; no process, socket or task is left then.

    Args:
        settings: in force from now on.
        announce: called when the server is ready.
        doors: the protocols that it speaks.

    Raises:
        ConfigurationError: a setting cannot be used; nothing keeps running.
    """
    asyncio.get_running_loop().set_exception_handler(log_loop_error)
    figures = Figures()
    entrance = _Entrance()
    with listening_socket(settings.server) as listener:
        server = _Server(_uvicorn_config(settings.server, entrance), settings.server.drain_deadline_s)
        with server.signals_handled():
            listening = asyncio.create_task(server.serve([listener]), name="uvicorn")
            try:
                async with build_services(settings, figures=figures) as services:
                    server.drain = services.drain
                    entrance.app = build_app(services, doors)
                    _calm_garbage_collection()
                    _reload_on_hangup(services.agents)
                    if not listening.done():
                        await announce(services, address_of(settings.server, listener))
                    await listening
            finally:
                server.end_at_once()
                await listening
    log.info("stopped", utterances=figures.utterances, audio_s=round(figures.audio_delivered_s, 1))


def _reload_on_hangup(agents: Agents) -> None:
    """Read the agents' profiles again on SIGHUP; a wrong file is told and changes nothing."""

    def reload() -> None:
        try:
            agents.load_profiles()
        except VoxgateError as error:
            log.error("agents not reloaded", reason=error.message)
        else:
            log.info("agents reloaded")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


@contextmanager
def listening_socket(settings: ServerSettings) -> Iterator[socket.socket]:
    """Bind the address of the settings; accepted connections inherit a small send buffer.

    Raises:
        ConfigurationError: the address is taken, not allowed or not ours.
    """
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise ConfigurationError(f"server.host = {host!r} is wrong: there is no such address") from None
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setblocking(False)
        try:
            listener.bind(address)
            # Taken already, if not bound then listened to: better known now than after the engines started.
            listener.listen(BACKLOG)
        except PermissionError:
            raise ConfigurationError(f"server.port = {port}: this user may not listen there") from None
        except OSError as error:
            raise ConfigurationError(
                f"server.port = {port}: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; "
                "choose another port with --port or VOXGATE_SERVER__PORT"
            ) from None
        yield listener


def address_of(settings: ServerSettings, listener: socket.socket) -> str:
    """Tell where to reach the server from this machine, as a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Entrance:
    """The app that uvicorn knows: whatever ``app`` is just now."""

    def __init__(self) -> None:
        self.app: ASGIApp = starting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class _Server(uvicorn.Server):
    """A server that drains before it ends.

    Attributes:
        drain: counts the connections; None while the server is starting and can end at once.
    """

    def __init__(self, config: uvicorn.Config, deadline_s: float) -> None:
        super().__init__(config)
        self.drain: Drain | None = None
        self._deadline_s = deadline_s
        self._leaving: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def signals_handled(self) -> Iterator[None]:
        """Handle signals ourselves for the block's time, the engines' start and end included."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone; uvicorn would raise them again at the end, and the exit status were theirs."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal, at whatever point of the program it comes."""
        self._loop.call_soon_threadsafe(self._told_to_end)

    def end_at_once(self) -> None:
        """Stop without waiting for anyone."""
        self.should_exit = self.force_exit = True

    def _told_to_end(self) -> None:
        if self._leaving is None and self.drain is not None:
            self._leaving = asyncio.create_task(self._leave(self.drain), name="drain")
        else:
            self.end_at_once()

    async def _leave(self, drain: Drain) -> None:
        deadline_at_s = self._loop.time() + self._deadline_s
        log.info("draining", connections=drain.connections)
        drain.begin()
        if not await drain.wait_until_empty(self._deadline_s):
            log.warning("drain deadline passed", connections=drain.connections)
            drain.dismiss()
            await drain.wait_until_empty(GOODBYE_S)
        # What is left of the deadline is for requests under way, which uvicorn counts itself.
        left_s = max(GOODBYE_S, deadline_at_s - self._loop.time())
        self.config.timeout_graceful_shutdown = math.ceil(left_s)
        self.should_exit = True


def _uvicorn_config(settings: ServerSettings, app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # base64 of audio hardly shrinks, at seven times the processor time
        ws_ping_interval=settings.ping_interval_s,
        ws_ping_timeout=settings.ping_timeout_s,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(GOODBYE_S),
    )


def _calm_garbage_collection() -> None:
    """Leave what the start made, which stays, out of every collection, and collect less often."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()
