"""Rime's ``/ws3``: JSON, all settings in the query string, one buffer of text.

Source: Rime's docs, Coda and Mist v3 "Websockets JSON", "Websockets", "Segmentation", "Errors" (2026-08).
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from voxgate.testing.emulators import _rime_rules as rules
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import Coding, coded, word_spans
from voxgate.testing.emulators.base import Asked, EmulatedError, Emulator

FORMATS = {"pcm": "audio/pcm", "mulaw": "audio/pcmu", "mp3": "audio/mpeg"}
SEGMENTS = ("never", "bySentence", "immediate")
_SENTENCE_END = re.compile(r"[.?!](?=\s|$)")


def coding_of(query: Mapping[str, str], rate_hz: int) -> Coding:
    """Find what the query's ``audioFormat`` asks for.

    Raises:
        Refused: it is not one of `FORMATS`.
    """
    name = query.get("audioFormat", "mp3")
    if name not in FORMATS:
        raise rules.Refused(400, "audioFormat is not supported")
    return rules.coding_of(FORMATS[name], rate_hz)


def segment_of(query: Mapping[str, str]) -> str:
    """Find how text is cut.

    Raises:
        Refused: not one of `SEGMENTS`.
    """
    segment = query.get("segment") or ("immediate" if query.get("immediate") == "true" else "bySentence")
    if segment not in SEGMENTS:
        raise rules.Refused(400, "segment must be one of never, bySentence, immediate")
    return segment


class Ws3Session(Session):
    """One connection; what it was asked is what its query says.

    Args:
        emulator: whose.
        request: the upgrade.
        socket: prepared.
        how: read from the query.
        coding: likewise.
        segment: likewise.
    """

    def __init__(
        self,
        emulator: Emulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        how: rules.Wanted,
        coding: Coding,
        segment: str,
    ) -> None:
        super().__init__(emulator, request, socket)
        self._how = how
        self._coding = coding
        self._segment = segment
        self._buffer = ""
        self._label: str | None = None
        self._flushed: deque[tuple[str, str | None]] = deque()
        self._eos = False
        self._more = asyncio.Event()
        self._asked: tuple[str | None, Asked] | None = None
        self._done = False
        self._spoken_label: str | None = None
        self._late: tuple[bytes, Callable[[bytes], str]] = (b"", _nothing)

    async def opened(self) -> None:
        """Begin to speak what comes."""
        self.begin(self._speak_all())

    async def take(self, message: WSMessage) -> None:
        """Act on one message; one that is wrong is answered, and nothing else happens."""
        try:
            said = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
        except ValueError:
            said = {}
        match said:
            case {"text": str(text), "contextId": str(label)}:
                self._buffer += text
                self._label = label
            case {"text": str(text)} if said.get("contextId") is None:
                self._buffer += text
            case {"operation": "flush"}:
                self._flush()
            case {"operation": "clear"}:
                self._buffer = ""
                self._flushed.clear()
            case {"operation": "eos"}:
                self._flush()
                self._eos, self._done = True, False
            case _:
                await self._say({"type": "error", "message": "malformed message"})
                return
        self._more.set()

    def _flush(self) -> None:
        if self._buffer.strip():
            self._flushed.append((self._buffer, self._label))
        self._buffer = ""

    async def _speak_all(self) -> None:
        while True:
            spoken = False
            while (batch := self._next_batch()) is not None:
                spoken = await self._speak(*batch)
                if not spoken:
                    return
                if self._segment == "never":
                    await self._say_done()
            if spoken and self._segment != "never" and not self._buffer.strip():
                await self._say_done()
            if self._eos:
                if not self._done:
                    await self._say_done()
                self.end()
                return
            self._more.clear()
            await self._more.wait()

    def _next_batch(self) -> tuple[str, str | None] | None:
        """Take what is to be spoken next, now that nothing is being spoken."""
        if self._flushed:
            return self._flushed.popleft()
        end = 0
        if self._segment == "immediate":
            end = len(self._buffer)
        elif self._segment == "bySentence":
            end = max((found.end() for found in _SENTENCE_END.finditer(self._buffer)), default=0)
        text, self._buffer = self._buffer[:end], self._buffer[end:]
        return (text, self._label) if text.strip() else None

    async def _speak(self, text: str, label: str | None) -> bool:
        """Speak; False if that ended the connection."""
        if len(text) > rules.MAX_CHARACTERS:
            self.end(WSCloseCode.INTERNAL_ERROR, "400: text is too long")
            return False
        how = self._how
        asked = self._asked_for(label)
        asked.text += text

        def frame(piece: bytes) -> str:
            return json.dumps({"type": "chunk", "data": b64encode(piece).decode(), "contextId": label})

        audio = coded(self.emulator, self._coding, self.emulator.speech(text, how.rate_hz, speed=how.speed))
        try:
            await self.emulator.send_frames(self.request, self.socket, audio, frame)
            if how.language in ("eng", "spa"):
                await self._say(_timestamps(text, how.speed, label))
        except EmulatedError:
            self.end(WSCloseCode.INTERNAL_ERROR, "500: internal error")
            return False
        except asyncio.CancelledError:
            asked.cancelled = True
            raise
        asked.done = True
        self._done, self._late = False, (audio, frame)
        self._spoken_label = label
        return True

    async def _say_done(self) -> None:
        """Tell that a run of syntheses is over: with ``segment=never`` each is one by itself."""
        self._done = True
        await self._say({"type": "done", "contextId": self._spoken_label})
        await self.emulator.send_late(self.socket, *self._late)

    def _asked_for(self, label: str | None) -> Asked:
        """Find what was asked under this label last, or begin anew."""
        if label is None or self._asked is None or self._asked[0] != label:
            how = self._how
            asked = Asked(
                voice=how.speaker,
                model=how.model,
                rate_hz=how.rate_hz,
                format=self.request.query.get("audioFormat", "mp3"),
                settings={"speed": how.speed, "lang": how.language, "segment": self._segment},
            )
            self.emulator.asked.append(asked)
            self._asked = (label, asked)
        return self._asked[1]

    async def _say(self, event: Mapping[str, object]) -> None:
        await self.socket.send_str(json.dumps(event))


def _nothing(piece: bytes) -> str:
    return ""


def _timestamps(text: str, speed: float, label: str | None) -> dict[str, object]:
    """When each word sounds, counted from the beginning of this synthesis."""
    spans = word_spans(text, speed=speed)
    columns = {
        "words": [word for word, _, _ in spans],
        "start": [start_s for _, start_s, _ in spans],
        "end": [end_s for _, _, end_s in spans],
    }
    return {"type": "timestamps", "word_timestamps": columns, "contextId": label}
