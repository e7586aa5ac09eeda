"""Uplift AI (Orator): the plain WebSocket that speaks many requests at once, and REST.

Sources: see `_uplift_order`; the SDK for the plain WebSocket. Requests of one connection run at the same time
and their audio is interleaved; a cancelled one is never heard of again. What the service says to text that is
not JSON is not documented: an ``error`` without ``requestId`` here. An unknown voice is an ``error`` too, but
one who probed the service heard nothing at all: `UpliftEmulator` does that when told to.

Left out: the Socket.IO door, which says the same, phrase replacement and transcription.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from aiohttp import WSMessage, web

from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._uplift_order import Order, Refusal, UnknownVoice
from voxgate.testing.emulators.base import NO_FAULTS, Asked, EmulatedError, Emulator, Faults

_SYNTHESES_A_MINUTE, _CANCELS_A_MINUTE, _REQUESTS_A_MINUTE = 60, 100, 150
_MESSAGES = {
    401: "invalid authorization",
    402: "insufficient credit",
    429: "ThrottlerException: Too Many Requests",
}


class _Window:
    """So many in any 60 seconds, on the loop's clock."""

    def __init__(self, most: int) -> None:
        self._times: deque[float] = deque(maxlen=most)

    def admits(self) -> bool:
        """Whether one more may come; it is counted."""
        now_s = asyncio.get_running_loop().time()
        full = len(self._times) == self._times.maxlen and now_s - self._times[0] < 60
        self._times.append(now_s)
        return not full


class _Connection(Session):
    """One WebSocket."""

    def __init__(self, emulator: UpliftEmulator, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(emulator, request, socket)
        self._silent = emulator.silent
        self._live: dict[str, tuple[asyncio.Task[None], Asked]] = {}
        self._ids: set[str] = set()
        self._syntheses, self._cancels = _Window(_SYNTHESES_A_MINUTE), _Window(_CANCELS_A_MINUTE)

    async def opened(self) -> None:
        """Say that it is ready."""
        await self._say("ready", sessionId=f"session_{uuid.uuid4().hex[:12]}")

    async def take(self, message: WSMessage) -> None:
        """Act on one of the client's messages."""
        try:
            fields = json.loads(message.data)
            kind, request_id = fields.get("type"), fields.get("requestId")
        except (ValueError, AttributeError):
            kind = request_id = fields = None
        try:
            match kind:
                case "synthesize" if isinstance(request_id, str):
                    await self._synthesize(request_id, fields)
                case "cancel" if isinstance(request_id, str):
                    self._cancel(request_id)
                case _:
                    raise Refusal("a message is an object with a type and a requestId")
        except UnknownVoice as refusal:
            if not self._silent:
                await self._refuse(request_id, refusal)
        except Refusal as refusal:
            await self._refuse(request_id, refusal)

    async def _synthesize(self, request_id: str, fields: dict[str, Any]) -> None:
        if not self._syntheses.admits():
            raise Refusal("at most 60 requests a minute", "rate_limit_exceeded")
        if request_id in self._ids:
            raise Refusal("this requestId was already used", "duplicate_request")
        self._ids.add(request_id)
        wanted = Order.read(fields)
        asked = wanted.asked()
        self.emulator.asked.append(asked)
        self._live[request_id] = (self.begin(self._speak(request_id, wanted, asked)), asked)

    def _cancel(self, request_id: str) -> None:
        if not self._cancels.admits():
            raise Refusal("at most 100 cancels a minute", "rate_limit_exceeded")
        task, asked = self._live.pop(request_id, (None, None))
        if task is not None and asked is not None:
            asked.cancelled = True
            task.cancel()

    async def _speak(self, request_id: str, wanted: Order, asked: Asked) -> None:
        sequence = 0

        def frame(piece: bytes) -> str:
            nonlocal sequence
            audio = {"audio": base64.b64encode(piece).decode(), "sequence": sequence}
            sequence += 1
            return json.dumps({"type": "audio", "requestId": request_id, **audio})

        try:
            await self._say("audio_start", requestId=request_id, timestamp=_now_ms())
            await self.emulator.send_frames(self.request, self.socket, wanted.speak(self.emulator), frame)
        except EmulatedError:
            await self._refuse(request_id, Refusal("the emulator was told to fail"))
        except (ConnectionError, asyncio.CancelledError):
            asked.cancelled = True
            raise
        else:
            asked.done = True
            await self._say("audio_end", requestId=request_id, timestamp=_now_ms())
            await self.emulator.send_late(self.socket, bytes(960), frame)
        self._live.pop(request_id, None)

    async def _refuse(self, request_id: object, refusal: Refusal) -> None:
        about = {"requestId": request_id} if isinstance(request_id, str) else {}
        await self._say("error", **about, code=refusal.code, message=str(refusal))

    async def _say(self, kind: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))


class UpliftEmulator(Emulator):
    """Uplift's speech API.

    Args:
        key: the only key that it takes.
        faults: what goes wrong.
        silent: an unknown voice gets no answer at all over the WebSocket.
    """

    provider: ClassVar[str] = "uplift"
    voice: ClassVar[str] = "Uplift.v_meklc281"
    bad_voice: ClassVar[str] = "Uplift.v_nobody00"
    checked_by: ClassVar[str] = "voxgate's own client of the same interface"

    def __init__(
        self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS, silent: bool = False
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.silent = silent
        self._requests = _Window(_REQUESTS_A_MINUTE)
        self._kept: dict[str, tuple[str, Order, bool]] = {}

    def add_routes(self, app: web.Application) -> None:
        """Add the WebSocket and REST."""
        app.router.add_get("/v1/text-to-speech/multi-stream", self._socket)
        speech = "/v1/synthesis/text-to-speech"
        app.router.add_post(speech, self._answering(self._whole))
        app.router.add_post(f"{speech}/stream", self._answering(self._streamed))
        app.router.add_post(f"{speech}-async", self._answering(self._keep_whole))
        app.router.add_post(f"{speech}/stream-async", self._answering(self._keep_streamed))
        app.router.add_get("/v1/synthesis/stream-audio/{mediaId}", self._fetch)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal as the service does."""
        return self._refusal(status, _MESSAGES.get(status, "This is what the emulator was told to say"))

    def _refusal(self, status: int, message: str) -> web.Response:
        headers = self._headers() | ({"Retry-After": "60"} if status == 429 else {})
        return web.json_response({"statusCode": status, "message": message}, status=status, headers=headers)

    def _headers(self) -> dict[str, str]:
        return {"x-uplift-ai-request-id": uuid.uuid4().hex}

    def _admits(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and self.accepts(key)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not self._admits(request):
            return self.refusal(401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await _Connection(self, request, socket).serve()
        return socket

    def _answering(
        self, handler: Callable[[web.Request, Order], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answering(request: web.Request) -> web.StreamResponse:
            if not self._admits(request):
                return self.refusal(401)
            if not self._requests.admits():
                return self.refusal(429)
            try:
                fields = json.loads(await request.read())
                if not isinstance(fields, dict):
                    raise Refusal("the body is not an object")
                if "outputFormat" not in fields:
                    raise Refusal("outputFormat should not be empty")
                return await handler(request, Order.read(fields))
            except (ValueError, Refusal) as error:
                return self._refusal(
                    400, str(error) if isinstance(error, Refusal) else "the body is not JSON"
                )

        return answering

    async def _whole(self, request: web.Request, wanted: Order) -> web.StreamResponse:
        return await self._send(request, wanted, streams=False)

    async def _streamed(self, request: web.Request, wanted: Order) -> web.StreamResponse:
        return await self._send(request, wanted, streams=True)

    async def _keep_whole(self, _request: web.Request, wanted: Order) -> web.StreamResponse:
        return self._keep(wanted, streams=False)

    async def _keep_streamed(self, _request: web.Request, wanted: Order) -> web.StreamResponse:
        return self._keep(wanted, streams=True)

    def _keep(self, wanted: Order, *, streams: bool) -> web.Response:
        media_id, token = uuid.uuid4().hex, uuid.uuid4().hex
        self._kept[media_id] = (token, wanted, streams)
        return web.json_response({"mediaId": media_id, "token": token}, headers=self._headers())

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        token, wanted, streams = self._kept.get(request.match_info["mediaId"], ("", None, False))
        if not (self._admits(request) or (token and request.query.get("token") == token)):
            return self.refusal(401)
        if wanted is None:
            return self._refusal(404, "Not Found")
        return await self._send(request, wanted, streams=streams)

    async def _send(self, request: web.Request, wanted: Order, *, streams: bool) -> web.StreamResponse:
        asked = wanted.asked()
        self.asked.append(asked)
        audio = wanted.speak(self, whole=not streams)
        headers = {
            "Content-Type": wanted.media_type,
            "x-uplift-ai-sample-rate": str(wanted.target.rate_hz),
            "x-uplift-ai-bit-rate": str((wanted.target.coded_kbps or 0) * 1000),
            **self._headers(),
        }
        if not streams:
            headers["x-uplift-ai-audio-duration"] = str(round(len(wanted.text) * 40 / wanted.speed))
        return await self.send_body(request, audio, headers, asked)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


EMULATOR = UpliftEmulator
