"""A connection to Azure's WebSocket, version 1 or 2: turns of SSML, and in version 2 turns of streamed text.

Source: see `voxgate.testing.emulators._usp`. Nothing stops a turn: a client that wants no more closes the
socket. How the service cuts streamed text is not known; here a sentence is spoken as soon as it is whole. Nor
is it known how it closes where the order of messages is wrong: here with 1007, as for a bad voice or format.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType

from voxgate.audio.encoder import Encoder
from voxgate.testing.emulators import _azure_rules as rules
from voxgate.testing.emulators import _usp
from voxgate.testing.emulators._azure_rules import Refused
from voxgate.testing.emulators._azure_script import MAX_AUDIO_S, Part, Prosody, Script
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators.base import Asked, EmulatedError
from voxgate.testing.scripted import CHARACTER_MS

LIFE_S = 600
"""The service closes a connection when it is so old, busy or not."""
MAX_SSML_BYTES = 64 * 1024
MAX_SENTENCES = 256
"""Waiting to be spoken."""
TICKS = 10_000_000
"""Of 100 ns, in a second: the unit of the service's times."""

_REQUEST_ID = re.compile(r"[0-9a-fA-F]{32}")
_SENTENCE = re.compile(r"[^.!?]*[.!?]+\s+")
_TOKEN = re.compile(r"(?P<word>\w+(?:['\u2019-]\w+)*)|(?P<punctuation>[^\w\s])")


@dataclass(slots=True)
class _Turn:
    """One request, from its context to its end."""

    request_id: str
    asked: Asked
    coder: Encoder
    options: dict[str, Any]
    streamed: bool
    prosody: Prosody
    parts: asyncio.Queue[list[Part] | None] = field(default_factory=lambda: asyncio.Queue(MAX_SENTENCES))
    bookmarks: list[tuple[str, int]] = field(default_factory=list)
    stream_id: str = field(default_factory=lambda: uuid.uuid4().hex.upper())
    begun: bool = False
    pending: str = ""
    said_s: float = 0.0
    sent_bytes: int = 0

    def frame(self, audio: bytes) -> bytes:
        """Wrap a piece of audio."""
        media_type = rules.media_type(self.asked.format)
        return _usp.audio_message(self.request_id, self.stream_id, media_type, audio)


class AzureSession(Session):
    """One connection; serves turns one after another."""

    version = 1
    deployed = False
    _configured = False
    _turn: _Turn | None = None

    async def serve(self) -> None:
        """Serve, but not for longer than `LIFE_S`."""
        timer = asyncio.get_running_loop().call_later(LIFE_S, self.end)
        try:
            await super().serve()
        finally:
            timer.cancel()

    async def take(self, message: WSMessage) -> None:
        """Act on one message."""
        with self._refusing():
            if message.type is not WSMsgType.TEXT:
                raise Refused("Binary messages are not expected.")
            try:
                read = _usp.read(message.data)
            except ValueError as error:
                raise Refused(str(error)) from None
            await self._act(read)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            self.end(WSCloseCode.INVALID_TEXT, str(error)[:100])

    async def _act(self, message: _usp.Message) -> None:
        if message.path == "speech.config":
            self._configured = True
        elif message.path == "telemetry":
            pass
        elif not self._configured:
            raise Refused("speech.config is expected first.")
        elif message.path == "synthesis.context":
            await self._open(message)
        elif message.path == "ssml":
            await self._take_ssml(message)
        elif message.path in ("text.piece", "text.end") and self.version == 2:
            self._take_text(message)
        else:
            raise Refused("The path of the message is not known.")

    async def _open(self, message: _usp.Message) -> None:
        if self._turn is not None:
            raise Refused("A turn is not at its end.")
        if not _REQUEST_ID.fullmatch(message.request_id):
            raise Refused("X-RequestId must be 32 hexadecimal digits.")
        audio, given = _read_context(message.body)
        self._turn = turn = self._new_turn(message.request_id, audio, given)
        if turn.streamed:
            if self.version != 2:
                raise Refused("Text is streamed at version 2.")
            await self._start(turn)
            turn.asked.voice = rules.find_voice(turn.asked.voice, deployed=self.deployed).short_name

    def _new_turn(self, request_id: str, audio: dict[str, Any], given: dict[str, Any]) -> _Turn:
        target = rules.find_format(audio.get("outputFormat"))
        options = audio.get("metadataOptions")
        settings = {key: value for key, value in given.items() if key != "bidirectionalStreamingMode"}
        return _Turn(
            request_id=request_id,
            asked=Asked(
                voice=str(settings.pop("voiceName", "")),
                rate_hz=target.rate_hz,
                format=audio["outputFormat"],
                settings=settings,
            ),
            coder=rules.encoder(self.emulator, target),
            options=options if isinstance(options, dict) else {},
            streamed=given.get("bidirectionalStreamingMode") is True,
            prosody=Prosody(str(given.get("rate", "")), str(given.get("volume", ""))),
        )

    async def _start(self, turn: _Turn) -> None:
        turn.begun = True
        self.emulator.asked.append(turn.asked)
        await self._send(turn, "turn.start", {"context": {"serviceTag": turn.request_id}})
        self.begin(self._speak(turn))

    def _running(self, message: _usp.Message) -> _Turn:
        if self._turn is None or self._turn.request_id != message.request_id:
            raise Refused("The message belongs to no turn.")
        return self._turn

    async def _take_ssml(self, message: _usp.Message) -> None:
        turn = self._running(message)
        if turn.begun:
            raise Refused("The turn has its text already.")
        if len(message.body.encode()) > MAX_SSML_BYTES:
            raise Refused("The SSML is larger than 64 KB.")
        await self._start(turn)
        script = Script(message.body, deployed=self.deployed)
        turn.asked.text, turn.asked.voice = script.text, script.voice
        turn.asked.settings = script.settings
        turn.bookmarks = script.bookmarks
        self._queue(turn, script.parts)
        self._queue(turn, None)

    def _take_text(self, message: _usp.Message) -> None:
        turn = self._running(message)
        if not turn.streamed:
            raise Refused("The turn is not one of streamed text.")
        turn.asked.text += message.body
        turn.pending += message.body
        while sentence := _SENTENCE.match(turn.pending):
            turn.pending = turn.pending[sentence.end() :]
            self._queue(turn, [Part(sentence[0], turn.prosody)])
        if message.path == "text.end":
            turn.streamed = False
            self._queue(turn, [Part(turn.pending, turn.prosody)])
            self._queue(turn, None)

    def _queue(self, turn: _Turn, parts: list[Part] | None) -> None:
        try:
            turn.parts.put_nowait(parts)
        except asyncio.QueueFull:
            raise Refused("Too much text is waiting.") from None

    async def _speak(self, turn: _Turn) -> None:
        tag = {"context": {"serviceTag": turn.request_id}}
        try:
            await self._send(
                turn, "response", tag | {"audio": {"type": "inline", "streamId": turn.stream_id}}
            )
            while (parts := await turn.parts.get()) is not None:
                await self._say(turn, parts)
            await self._send_audio(turn, turn.coder.finish())
            await self._finish(turn)
        except Refused as error:
            self.end(WSCloseCode.INVALID_TEXT, str(error)[:100])
        except EmulatedError:
            self.end(WSCloseCode.INTERNAL_ERROR, "Internal server error.")
        except (ConnectionError, asyncio.CancelledError):
            turn.asked.cancelled = True
            raise

    async def _say(self, turn: _Turn, parts: list[Part]) -> None:
        if metadata := list(_boundaries(turn, parts)):
            await self._send(turn, "audio.metadata", {"Metadata": metadata})
        turn.said_s += sum(part.seconds for part in parts)
        if turn.said_s > MAX_AUDIO_S:
            raise Refused(f"Audio is longer than {MAX_AUDIO_S * 1000} ms.")
        for part in parts:
            speed, volume = part.prosody.speed, part.prosody.level
            pcm = self.emulator.speech(part.text, turn.asked.rate_hz, speed=speed, volume=volume)
            if audio := turn.coder.feed(pcm):
                await self._send_audio(turn, audio)

    async def _send_audio(self, turn: _Turn, audio: bytes) -> None:
        await self.emulator.send_frames(self.request, self.socket, audio, turn.frame, turn.sent_bytes)
        turn.sent_bytes += len(audio)

    async def _finish(self, turn: _Turn) -> None:
        end: list[dict[str, Any]] = []
        if turn.options.get("visemeEnabled"):
            end.append(_metadata("Viseme", turn.said_s, VisemeId=0, IsLastAnimation=True))
        if turn.options.get("sessionEndEnabled"):
            end.append(_metadata("SessionEnd", turn.said_s))
        if end and turn.sent_bytes:
            await self._send(turn, "audio.metadata", {"Metadata": end})
        await self.socket.send_bytes(turn.frame(b""))
        turn.asked.done = True
        self._turn = None
        await self._send(turn, "turn.end", {})
        await self.emulator.send_late(self.socket, b"", turn.frame)

    async def _send(self, turn: _Turn, path: str, body: object) -> None:
        await self.socket.send_str(_usp.text_message(path, turn.request_id, body))


def _read_context(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is said of the audio and of the input."""
    try:
        context = orjson.loads(body)
    except orjson.JSONDecodeError:
        context = None
    synthesis = context.get("synthesis") if isinstance(context, dict) else None
    audio = synthesis.get("audio") if isinstance(synthesis, dict) else None
    if not isinstance(synthesis, dict) or not isinstance(audio, dict):
        raise Refused("synthesis.context must say what audio is wanted.")
    given = synthesis.get("input")
    return audio, given if isinstance(given, dict) else {}


def _metadata(kind: str, at_s: float, **more: object) -> dict[str, Any]:
    return {"Type": kind, "Data": {"Offset": round(at_s * TICKS), **more}}


def _boundaries(turn: _Turn, parts: list[Part]) -> Iterator[dict[str, Any]]:
    """Find where words, punctuation, sentences and bookmarks are, as far as the client wants them."""
    at_s, characters = turn.said_s, 0
    if turn.options.get("sentenceBoundaryEnabled"):
        text = "".join(part.text for part in parts).strip()
        yield _text_metadata("SentenceBoundary", at_s, sum(part.seconds for part in parts), text)
    marks = turn.bookmarks if turn.options.get("bookmarkEnabled") else []
    for part in parts:
        second = CHARACTER_MS / 1000 / part.prosody.speed
        for token in _TOKEN.finditer(part.text):
            kind = "WordBoundary" if token["word"] else "PunctuationBoundary"
            if turn.options.get(f"{kind[0].lower()}{kind[1:]}Enabled"):
                start_s = at_s + token.start() * second
                yield _text_metadata(kind, start_s, len(token[0]) * second, token[0])
        end = characters + len(part.text)
        for name, index in marks:
            if characters <= index < end or (index >= end and part is parts[-1]):
                yield _metadata("Bookmark", at_s + (index - characters) * second, Bookmark=name)
        at_s += part.seconds
        characters = end


def _text_metadata(kind: str, at_s: float, length_s: float, text: str) -> dict[str, Any]:
    # The service writes the text as it stands in XML, and the SDK undoes that.
    found = {"Text": escape(text), "Length": len(text), "BoundaryType": kind}
    outer = "SentenceBoundary" if kind == "SentenceBoundary" else "WordBoundary"
    return _metadata(outer, at_s, Duration=round(length_s * TICKS), text=found)
