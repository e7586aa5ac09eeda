"""Thinking by an OpenAI-compatible chat endpoint, streamed, with tools.

Wire: ``POST {url}/chat/completions`` with ``stream: true``; server-sent events whose ``data`` is a chunk
with ``choices[0].delta`` until ``[DONE]`` (source: OpenAI's API reference, chat streaming). A stream that
ends with neither a ``finish_reason`` nor ``[DONE]`` was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from voxgate.conversation.profile import ModelProfile, ToolProfile
from voxgate.conversation.thinking import Piece
from voxgate.conversation.turn import Message, Role
from voxgate.errors import (
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_TOOL_ROUNDS = 4
"""How often in one reply a model may ask for tools before it has to answer."""
MAX_TOOL_ANSWER = 20_000
"""Characters of a tool's answer that the model gets."""
MAX_LINE_BYTES = 1 << 20
"""Of one server-sent event."""

_END_CALL = {
    "type": "function",
    "function": {
        "name": "end_call",
        "description": "Hang up after what you are saying now. Use it when the caller says goodbye.",
        "parameters": {"type": "object", "properties": {}},
    },
}
_UNCLEAR = "(The caller said something that could not be understood. Ask them to repeat it.)"


@dataclass(slots=True)
class _ToolCall:
    id: str = ""
    name: str = ""
    arguments: str = ""

    def wire(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments or "{}"}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(slots=True)
class _Round:
    """One request and its answer."""

    text: list[str] = field(default_factory=list)
    calls: dict[int, _ToolCall] = field(default_factory=dict)
    whole: bool = False

    def take(self, chunk: dict[str, Any]) -> str:
        """Add a chunk; returns the text in it."""
        if "error" in chunk:
            raise ProviderUnavailable("The model reported an error in its stream")
        choice = (chunk.get("choices") or [{}])[0]
        delta = choice.get("delta") or {}
        for part in delta.get("tool_calls") or ():
            call = self.calls.setdefault(part.get("index", 0), _ToolCall())
            function = part.get("function") or {}
            call.id = part.get("id") or call.id
            call.name = function.get("name") or call.name
            call.arguments += function.get("arguments") or ""
        self.whole = self.whole or bool(choice.get("finish_reason"))
        text: str = delta.get("content") or ""
        if text:
            self.text.append(text)
        return text


class ChatThinker:
    """Replies of a chat model.

    Args:
        session: the HTTP session to use; it follows no redirects here.
        model: where the model is and how to ask it.
        tools: what it may call.
    """

    def __init__(
        self, session: aiohttp.ClientSession, model: ModelProfile, tools: Sequence[ToolProfile] = ()
    ) -> None:
        self._session, self._model = session, model
        self._tools = {tool.name: tool for tool in tools}
        self._url = f"{str(model.url).rstrip('/')}/chat/completions"

    async def think(
        self, history: Sequence[Message], *, unclear: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Yield the reply as the model writes it, calling tools in between."""
        messages = self._messages(history, unclear)
        for number in range(MAX_TOOL_ROUNDS + 1):
            answer = _Round()
            asking = self._ask(messages, answer, with_tools=number < MAX_TOOL_ROUNDS)
            # Closed by name, so that an interruption ends the request now and not at the next collection.
            async with aclosing(asking) as texts:
                async for text in texts:
                    yield Piece(text)
            calls = [call for call in answer.calls.values() if call.name != "end_call"]
            if len(calls) < len(answer.calls):
                yield Piece(goodbye=True)
            if not calls:
                return
            messages.append(
                {
                    "role": "assistant",
                    "content": "".join(answer.text) or None,
                    "tool_calls": [call.wire() for call in calls],
                }
            )
            results = await asyncio.gather(*(self._call(call) for call in calls))
            for call, result in zip(calls, results, strict=True):
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def _messages(self, history: Sequence[Message], unclear: bool) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        if self._model.instructions:
            messages.append({"role": "system", "content": self._model.instructions})
        messages += [{"role": message.role.value, "content": message.text} for message in history]
        if unclear:
            messages.append({"role": Role.CALLER.value, "content": _UNCLEAR})
        return messages

    def _body(self, messages: list[dict[str, Any]], with_tools: bool) -> bytes:
        body: dict[str, Any] = {"model": self._model.name, "messages": messages, "stream": True}
        if self._model.temperature is not None:
            body["temperature"] = self._model.temperature
        if self._model.max_tokens is not None:
            body["max_tokens"] = self._model.max_tokens
        if with_tools:
            body["tools"] = [_END_CALL, *(_tool_wire(tool) for tool in self._tools.values())]
        return orjson.dumps(body)

    async def _ask(
        self, messages: list[dict[str, Any]], answer: _Round, *, with_tools: bool
    ) -> AsyncGenerator[str, None]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key := self._model.api_key():
            headers["Authorization"] = f"Bearer {key}"
        timeout_s = self._model.first_token_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._session.post(
                    self._url,
                    data=self._body(messages, with_tools),
                    headers=headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout_s),
                )
            async with response:
                _check_status(response)
                async with aclosing(self._lines(response, timeout_s)) as lines:
                    async for line in lines:
                        if line == b"[DONE]":
                            answer.whole = True
                            break
                        if text := answer.take(_parse(line)):
                            yield text
        except TimeoutError:
            raise ProviderTimeout("The model did not answer in time") from None
        except aiohttp.ClientError:
            raise ProviderUnavailable("The connection to the model broke") from None
        if not answer.whole:
            raise ProviderUnavailable("The model's answer was cut")

    async def _lines(self, response: aiohttp.ClientResponse, first_s: float) -> AsyncGenerator[bytes, None]:
        """Yield the data of each event, however it was cut into packets."""
        rest, timeout_s = b"", first_s
        while True:
            async with asyncio.timeout(timeout_s):
                packet = await response.content.readany()
            timeout_s = self._model.stall_timeout_s
            if not packet:
                return
            *lines, rest = (rest + packet).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise ProviderUnavailable("The model sent an event without end")
            for line in lines:
                if line.startswith(b"data:"):
                    yield line[5:].strip()

    async def _call(self, call: _ToolCall) -> str:
        """Call a tool; whatever goes wrong is told to the model, which can tell the caller."""
        tool = self._tools.get(call.name)
        if tool is None:
            return "There is no such tool."
        try:
            arguments = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            return "The arguments are not JSON."
        try:
            async with (
                asyncio.timeout(tool.timeout_s),
                self._session.post(
                    str(tool.url), json=arguments, headers=tool.headers, allow_redirects=False
                ) as response,
            ):
                text = await _read_text(response, MAX_TOOL_ANSWER)
                return text if response.status < 400 else f"The tool failed with status {response.status}."
        except TimeoutError:
            return "The tool did not answer in time."
        except aiohttp.ClientError:
            return "The tool could not be reached."


async def _read_text(response: aiohttp.ClientResponse, limit: int) -> str:
    received = bytearray()
    async for piece in response.content.iter_any():
        received += piece
        if len(received) >= limit:
            break
    return bytes(received[:limit]).decode(errors="replace")


def _tool_wire(tool: ToolProfile) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _parse(line: bytes) -> dict[str, Any]:
    try:
        chunk = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ProviderUnavailable("The model sent an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise ProviderUnavailable("The model sent an event that is not an object")
    return chunk


def _check_status(response: aiohttp.ClientResponse) -> None:
    request_id = response.headers.get("x-request-id")
    match response.status:
        case 200:
            return
        case 401 | 403:
            raise ProviderDenied("The model refused our key", provider_request_id=request_id)
        case 429:
            raise Overloaded("The model has too much to do")
        case 408:
            raise ProviderTimeout("The model did not answer in time", provider_request_id=request_id)
        case status if status >= 500 or status in (301, 302, 303, 307, 308):
            raise ProviderUnavailable(f"The model answered {status}", provider_request_id=request_id)
        case status:
            raise ProviderRejected(f"The model answered {status}", provider_request_id=request_id)
