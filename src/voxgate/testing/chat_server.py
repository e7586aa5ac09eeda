"""An OpenAI-compatible chat server that answers from a script: streaming, slow, failing, cut, with tools.

It runs on a free port of the loopback interface and is reached over the same HTTP as a real one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer of the server.

    Attributes:
        words: the pieces of text, one event each.
        tool_calls: names and JSON arguments of the tools to call, sent after the words.
        first_ms: before the first event.
        word_ms: before each further one.
        status: other than 200, an error with this status.
        cut_after: close the connection after so many pieces.
        hang_after: fall silent after so many pieces.
    """

    words: Sequence[str] = ()
    tool_calls: Sequence[tuple[str, str]] = ()
    first_ms: float = 0
    word_ms: float = 0
    status: int = 200
    cut_after: int | None = None
    hang_after: int | None = None


def saying(text: str, **how: Any) -> ChatReply:
    """A reply of ``text``, a word an event."""
    return ChatReply([word + " " for word in text.split()], **how)


@dataclass
class ChatServer:
    """Serves ``replies`` in order, the last one for ever; notes what it was asked.

    Args:
        replies: what to answer; more can be appended while it runs.
        tools: answers of HTTP tools, served under ``/tools/<name>``.
    """

    replies: list[ChatReply]
    tools: Mapping[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    tool_requests: list[tuple[str, Any]] = field(default_factory=list)
    disconnects: int = 0
    url: str = ""

    async def __aenter__(self) -> ChatServer:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/tools/{name}", self._tool)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.status != 200:
            return web.json_response({"error": {"message": "scripted"}}, status=reply.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(reply, response, request)
        except (ConnectionResetError, asyncio.CancelledError):
            self.disconnects += 1
            raise
        return response

    async def _stream(self, reply: ChatReply, response: web.StreamResponse, request: web.Request) -> None:
        for number, chunk in enumerate(_chunks(reply)):
            await asyncio.sleep((reply.word_ms if number else reply.first_ms) / 1000)
            if number == reply.cut_after:
                assert request.transport is not None  # noqa: S101 - a request being answered has one
                request.transport.abort()
                return
            if number == reply.hang_after:
                await asyncio.Event().wait()
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")

    async def _tool(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.tool_requests.append((name, await request.json()))
        if name not in self.tools:
            return web.Response(status=404)
        return web.Response(text=self.tools[name])


def _chunks(reply: ChatReply) -> Iterable[dict[str, Any]]:
    for word in reply.words:
        yield {"choices": [{"index": 0, "delta": {"content": word}}]}
    for index, (name, arguments) in enumerate(reply.tool_calls):
        # Arguments come in two pieces, as real servers send them.
        half = len(arguments) // 2
        head = {"name": name, "arguments": arguments[:half]}
        for delta in (
            {"index": index, "id": f"call_{index}", "type": "function", "function": head},
            {"index": index, "function": {"arguments": arguments[half:]}},
        ):
            yield {"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]}
    reason = "tool_calls" if reply.tool_calls else "stop"
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
