"""Telnyx's text-to-speech socket, as the live service behaves.

Settled by its address and its first frame (``{"text": " "}`` with ``voice_settings``) it takes text, buffers
it to the ends of sentences, speaks these one after another and is done with ``{"text": ""}``: the rest is
spoken, one final frame is sent and the socket closed. ``flush`` speaks what waits, ``force`` stops at once.

Sources: Telnyx docs, WebSocket pages (lifecycle, configuration, messages, errors). Where they and what public
clients saw of the live service differ, it is as seen: no frame has a ``type``, a final comes at the end only,
text before the first frame is an ``Invalid message``, each sentence of MP3 is a file with an ID3 tag at the
head of a frame, KokoroTTS sends MP3 at 22.05 kHz whatever it was asked for. Switches on `Telnyx` turn to the
other readings. Markdown is not stripped here.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
import pybase64
from aiohttp import WSCloseCode, WSMessage, web

from voxgate.audio.encoder import encode_whole
from voxgate.audio.format import AudioFormat, Codec
from voxgate.testing.emulators import _telnyx_rules as rules
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._telnyx_rules import VendorError
from voxgate.testing.emulators.base import GARBAGE, Asked, EmulatedError

if TYPE_CHECKING:
    from voxgate.testing.emulators.telnyx import Telnyx

ID3_TAG = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
"""An empty tag with ten bytes of padding (ID3v2.4, section 3.1)."""
_SENTENCE = re.compile(r"[^.?!]*[.?!]+\s*|[^.?!]+$")


@dataclass(frozen=True, slots=True)
class How:
    """What is settled by the address of a socket.

    Attributes:
        model: that speaks.
        voice_id: not yet looked up.
        target: what is sent.
        word: for it, as asked.
        idle_s: of silence until the socket is closed.
        cache: what was said once may be said again from memory.
    """

    model: rules.Model
    voice_id: str
    target: AudioFormat
    word: str
    idle_s: float
    cache: bool


def read_query(request: web.Request) -> How:
    """Check the address of a socket; raises `VendorError`. Unknown parameters are ignored."""
    query = request.query
    voice = query.get("voice") or ".".join(
        part
        for part in (query.get("provider", "telnyx"), query.get("model_id"), query.get("voice_id", ""))
        if part is not None
    )
    model, voice_id = rules.find_voice(voice)
    if not model.websocket:
        raise VendorError(403, "10038", f"{model.name} does not speak over sockets", "voice")
    rules.check_clone(model, voice_id)
    word, idle = query.get("audio_format", ""), query.get("inactivity_timeout", "20")
    if not idle.isdecimal() or int(idle) < 1:
        raise VendorError(400, "10015", "Whole seconds", "inactivity_timeout")
    target = rules.choose_format(model, word, query.get("sample_rate", ""))
    cache = query.get("disable_cache", "false").lower() not in ("true", "1")
    return How(model, voice_id, target, word or model.formats[0], float(idle), cache)


class Talk(Session):
    """One socket."""

    def __init__(
        self, emulator: Telnyx, request: web.Request, socket: web.WebSocketResponse, how: How
    ) -> None:
        super().__init__(emulator, request, socket)
        self._telnyx, self._how = emulator, how
        self._asked: Asked | None = None
        self._buffer = ""
        self._sentences: deque[str] = deque()
        self._news = asyncio.Event()
        self._complete = False
        self._manner = (1.0, 1.0)
        self._sent_bytes = 0
        self._saying = 0
        self._timer = asyncio.get_running_loop().call_later(how.idle_s, self.end)
        self._speaking: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve it to its end."""
        try:
            await super().serve()
        finally:
            self._timer.cancel()

    async def take(self, message: WSMessage) -> None:
        """Act on a frame."""
        self._wait()
        fields = _read_fields(message.data)
        text, force = fields.get("text", ""), fields.get("force") is True
        understood = isinstance(text, str) and ("text" in fields or force or fields.get("flush") is True)
        if not understood or self._complete:
            await self._fail("Invalid message", WSCloseCode.POLICY_VIOLATION)
        elif self._asked is None:
            await self._init(fields)
        else:
            self._hear(str(text), fields, force)

    async def _init(self, fields: Mapping[str, object]) -> None:
        settings = fields.get("voice_settings")
        settings = settings if isinstance(settings, dict) else {}
        if fields.get("text") != " ":
            await self._fail("Invalid message", WSCloseCode.POLICY_VIOLATION)
            return
        how = self._how
        if not rules.is_known(how.model, how.voice_id):
            await self._fail("Invalid voice_id specified", WSCloseCode.POLICY_VIOLATION)
            return
        try:
            self._manner = rules.manner(how.model, settings)
        except VendorError:
            await self._fail("Provider error message", WSCloseCode.POLICY_VIOLATION)
            return
        self._asked = Asked("", how.voice_id, how.model.name, how.target.rate_hz, how.word, dict(settings))
        self._telnyx.asked.append(self._asked)
        self._speaking = self.begin(self._speak(self._asked))

    def _hear(self, text: str, fields: Mapping[str, object], force: bool) -> None:
        assert self._asked is not None  # noqa: S101 - the first frame was heard
        if force:
            self._interrupt()
        elif "text" in fields and not text:
            self._complete = True
        text = text if self._asked.text else text.lstrip()
        self._asked.text += text
        self._buffer += text
        whole = self._complete or fields.get("flush") is True
        if whole or self._telnyx.eager:
            end = len(self._buffer) if whole else max(self._buffer.rfind(mark) for mark in ".?!") + 1
            ready, self._buffer = self._buffer[:end], self._buffer[end:]
            self._sentences += (each for each in _SENTENCE.findall(ready) if each.strip())
        self._news.set()

    def _interrupt(self) -> None:
        """Drop everything, and begin anew with the same settings."""
        assert self._asked is not None and self._speaking is not None  # noqa: S101, PT018 - as above
        self._speaking.cancel()
        self._asked.cancelled = True
        self._sentences.clear()
        self._buffer = ""
        self._asked = replace(self._asked, text="", cancelled=False)
        self._telnyx.asked.append(self._asked)
        self._speaking = self.begin(self._speak(self._asked))

    async def _speak(self, asked: Asked) -> None:
        """Speak sentences as they come; behind the last one say that it was."""
        owes_final = False
        try:
            while self._sentences or not self._complete:
                if self._sentences:
                    await self._say(self._sentences.popleft())
                    owes_final = True
                    continue
                if owes_final and self._telnyx.finals_between:
                    await self._send({"audio": None, "text": "", "isFinal": True}, "final")
                    owes_final = False
                self._news.clear()
                await self._news.wait()
        except EmulatedError:
            word = "Error in remaining audio response" if self._complete else "Error in audio response"
            await self._fail(word, WSCloseCode.INTERNAL_ERROR)
            return
        except (ConnectionError, asyncio.CancelledError):
            asked.cancelled = True
            raise
        asked.done = True
        await self._send({"audio": None, "text": "", "isFinal": True}, "final")
        await self._telnyx.send_late(self.socket, b"", lambda piece: self._chunk(piece, None, cached=False))
        self.end()

    async def _say(self, text: str) -> None:
        how, (speed, volume), began_s = self._how, self._manner, self._now_s()
        telnyx, target = self._telnyx, how.target
        key = (how.model.name, how.voice_id, target, text, self._manner)
        cached = how.cache and key in telnyx.said
        telnyx.said.add(key)
        pcm = telnyx.speech(text, target.rate_hz, speed=speed, volume=volume)
        audio = encode_whole(pcm, target.rate_hz, target) if pcm else b""
        if audio and target.codec is Codec.MP3 and telnyx.tagged:
            audio = ID3_TAG + audio
        first = True

        def chunk(piece: bytes, words: str | None = None) -> str:
            nonlocal first
            took_ms, first = round((self._now_s() - began_s) * 1000) if first else None, False
            return self._chunk(piece, words, cached=cached and words is not None, took_ms=took_ms)

        self._saying += 1  # who speaks waits for nothing
        self._wait()
        try:
            if how.model.concatenated:
                held = b""
                async for piece in telnyx.pieces(self.request, audio, self._sent_bytes):
                    if piece is GARBAGE:
                        await self.socket.send_str(GARBAGE.decode())
                    held += piece
                await self.socket.send_str(chunk(held, text.strip()))
            else:
                await telnyx.send_frames(self.request, self.socket, audio, chunk, self._sent_bytes)
                await self.socket.send_str(chunk(audio if telnyx.repeats_audio else b"", text.strip()))
            self._sent_bytes += len(audio)
        finally:
            self._saying -= 1
            self._wait()

    def _chunk(self, audio: bytes, text: str | None, *, cached: bool, took_ms: int | None = None) -> str:
        fields: dict[str, object] = {
            "audio": pybase64.b64encode_as_string(audio) if audio else None,
            "text": text,
            "isFinal": False,
            "cached": cached,
        }
        if took_ms is not None:
            fields["timeToFirstAudioFrameMs"] = took_ms
        return self._frame(fields, "audio_chunk")

    async def _fail(self, error: str, code: int) -> None:
        await self._send({"error": error}, "error")
        self.end(code)

    async def _send(self, fields: dict[str, object], kind: str) -> None:
        await self.socket.send_str(self._frame(fields, kind))

    def _frame(self, fields: dict[str, object], kind: str) -> str:
        return orjson.dumps({**fields, "type": kind} if self._telnyx.typed else fields).decode()

    def _wait(self) -> None:
        """Close the socket when nothing is heard for too long from now on."""
        self._timer.cancel()
        if not self._saying:
            self._timer = asyncio.get_running_loop().call_later(self._how.idle_s, self.end)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _read_fields(message: str | bytes) -> Mapping[str, object]:
    """Read a frame; what is none is as good as an empty one."""
    try:
        fields = orjson.loads(message)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
