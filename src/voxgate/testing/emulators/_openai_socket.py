"""vLLM-Omni's ``/v1/audio/speech/stream``: text comes in pieces, audio goes out in binary frames.

One thing is done after another: what is sent during speech waits for its end, so that only closing the socket
stops it. ``input.done`` ends an utterance, not the connection; 30 s without a message end that.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from voxgate.testing.emulators._openai_dialects import RULES, Dialect, Fault, Refusal
from voxgate.testing.emulators._openai_request import Reader, coded
from voxgate.testing.emulators.base import Asked, EmulatedClose, EmulatedError, Emulator

CONFIG_TIMEOUT_S, IDLE_TIMEOUT_S = 10.0, 30.0
_TEXT_MESSAGE_BYTES = 128 * 1024
_WAITING_MESSAGES = 1000
_BOUNDARIES = {"sentence": re.compile(r"(?<=[.!?])\s+"), "clause": re.compile(r"(?<=[.!?,;:])\s+")}


class _Bad(Exception):
    """Said to the client; the connection goes on, unless it has no configuration yet."""


class SpeechSocket:
    """One connection.

    Args:
        emulator: speaks and carries out the faults.
        request: the upgrade, whose key was checked.
    """

    def __init__(self, emulator: Emulator, request: web.Request) -> None:
        self._emulator = emulator
        self._request = request
        self._socket = web.WebSocketResponse(max_msg_size=8 * 1024 * 1024)
        self._reader = Reader(Dialect.VLLM)
        self._messages: asyncio.Queue[str] = asyncio.Queue(_WAITING_MESSAGES)
        self._config: dict[str, Any] = {}
        self._buffer = ""
        self._open = False
        self._asked: Asked | None = None
        self._utterance = self._sentence = 0

    async def serve(self) -> web.WebSocketResponse:
        """Serve it to its end."""
        await self._socket.prepare(self._request)
        worker = asyncio.create_task(self._work())
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    break
                await self._messages.put(message.data)
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await worker
        return self._socket

    async def _work(self) -> None:
        try:
            while True:
                timeout_s = IDLE_TIMEOUT_S if self._config else CONFIG_TIMEOUT_S
                async with asyncio.timeout(timeout_s):
                    message = await self._messages.get()
                try:
                    await self._take(_parsed(message))
                except _Bad as bad:
                    await self._send({"type": "error", "message": str(bad)})
                    if not self._config:
                        break
        except TimeoutError:
            waited = (
                "Idle timeout: no message received" if self._config else "Timeout waiting for session.config"
            )
            await self._send({"type": "error", "message": waited})
        except EmulatedClose:
            pass
        finally:
            await self._socket.close()

    async def _take(self, message: Mapping[str, Any]) -> None:
        match message.get("type"):
            case "session.config":
                self._configure(message)
            case kind if not self._config:
                raise _Bad(f"Expected session.config, got: {kind}")
            case "input.text":
                text = message.get("text", "")
                if not isinstance(text, str):
                    raise _Bad("input.text requires a string value")
                self._open = self._open or bool(text)
                self._buffer += text
                for unit in self._units():
                    await self._speak(unit)
            case "input.done":
                unit, self._buffer = self._buffer, ""
                if unit.strip():
                    await self._speak(unit)
                done = {"utterance_index": self._utterance, "total_sentences": self._sentence}
                await self._send({"type": "session.done", **done})
                self._utterance, self._sentence, self._open = self._utterance + 1, 0, False
                self._asked = None
            case "session.close":
                raise EmulatedClose
            case kind:
                raise _Bad(f"Unknown message type: {kind}")

    def _configure(self, message: Mapping[str, Any]) -> None:
        if self._open:
            raise _Bad("session.config cannot be applied while an utterance is in progress")
        try:
            speed = self._reader.speed(message)
            if model := message.get("model"):
                self._reader.check_model(model)
            coding = self._reader.coding(message)
            if message.get("split_granularity", "none") not in ("none", *_BOUNDARIES):
                raise Refusal(Fault.VALUE, "split_granularity must be none, sentence or clause")
            if message.get("stream_audio") and (coding != "pcm" or speed != 1.0):
                raise Refusal(Fault.VALUE, "stream_audio=true requires response_format='pcm' and speed=1.0")
        except Refusal as refusal:
            raise _Bad(f"Invalid session config: {refusal.message}") from None
        voice = message.get("voice", message.get("speaker", "vivian"))
        self._config = {**message, "voice": voice, "speed": speed, "response_format": coding}

    def _units(self) -> list[str]:
        boundary = _BOUNDARIES.get(self._config.get("split_granularity", "none"))
        if boundary is None:
            return []
        *units, self._buffer = boundary.split(self._buffer)
        return units

    async def _speak(self, text: str) -> None:
        config, place = self._config, {"utterance_index": self._utterance, "sentence_index": self._sentence}
        self._sentence += 1
        coding, streams = config["response_format"], bool(config.get("stream_audio"))
        rate_hz = RULES[Dialect.VLLM].native_rate_hz
        if self._asked is None:
            self._asked = Asked("", str(config["voice"]), str(config.get("model") or ""), rate_hz, coding)
            self._emulator.asked.append(self._asked)
        asked = self._asked
        asked.text += text
        start = {"type": "audio.start", **place, "sentence_text": text, "format": coding}
        await self._send(start | ({"sample_rate": rate_hz} if streams else {}))
        sent = 0

        def frame(piece: bytes) -> bytes:
            nonlocal sent
            sent += len(piece)
            return piece

        failed = False
        try:
            self._reader.voice(config["voice"], "")
            await self._send_audio(asked, text, frame, streams=streams)
            asked.done = True
        except (EmulatedError, Refusal) as error:
            failed = True
            partial = {"partial_audio": True, "action": "discard"} if sent else {}
            await self._send({"type": "error", "message": f"Generation failed: {error}", **partial})
        except (EmulatedClose, ConnectionError, asyncio.CancelledError):
            asked.cancelled = True
            raise
        await self._send({"type": "audio.done", **place, "total_bytes": sent, "error": failed})
        await self._emulator.send_late(self._socket, bytes(960), frame)

    async def _send_audio(
        self, asked: Asked, text: str, frame: Callable[[bytes], bytes], *, streams: bool
    ) -> None:
        made_hz = self._emulator.faults.wrong_rate_hz or asked.rate_hz
        pcm = self._emulator.speech(text, made_hz, speed=float(self._config["speed"]))
        audio = coded(pcm, made_hz, asked.format, whole=not streams)
        if streams:
            await self._emulator.send_frames(self._request, self._socket, audio, frame)
            return
        whole = b"".join([piece async for piece in self._emulator.pieces(self._request, audio)])
        await self._socket.send_bytes(frame(whole))

    async def _send(self, message: Mapping[str, object]) -> None:
        await self._socket.send_str(json.dumps(message))


def _parsed(message: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(message)
    except ValueError:
        raise _Bad("Invalid JSON message") from None
    if not isinstance(parsed, dict):
        raise _Bad("WebSocket messages must be JSON objects")
    if parsed.get("type") != "session.config" and len(message) > _TEXT_MESSAGE_BYTES:
        raise _Bad("input.text message too large")
    return parsed
