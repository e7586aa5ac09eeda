"""Resemble's WebSocket: each message is a whole request, answered in the order of the requests.

Source: Resemble's docs, "Receiving Audio Data" and "Error Handling" of WebSocket streaming.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from voxgate.testing.emulators import _resemble_audio as audio
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import made_rate_hz, seconds
from voxgate.testing.emulators.base import Asked, EmulatedError, Emulator

RATES_HZ = (8000, 16000, 22050, 32000, 44100)
DEFAULT_RATE_HZ = 22050
MAX_CHARACTERS = 3000
MODELS = ("chatterbox", "chatterbox-turbo", "chatterbox-multilingual")
MAX_WAITING = 64
"""Requests that wait for those before them."""


class Refused(Exception):
    """A request that is turned down; the socket stays open.

    Attributes:
        name: of the error. Only ``BadJSON`` and ``ConnectionFailure`` are documented; others are made up.
        message: for people.
        status: as HTTP has it.
        params: what is wrong with which field.
    """

    def __init__(self, name: str, message: str, status: int = 400, /, **params: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status
        self.params = params


def error_message(name: str, message: str, status: int, **more: object) -> dict[str, object]:
    """Word an error as the vendor does."""
    told = {"error_name": name, "message": message, "status_code": status}
    return {"type": "error", "success": False, **told, **more}


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one synthesis, checked."""

    number: int
    text: str
    voice: str
    model: str
    rate_hz: int
    precision: str
    output_format: str
    bare: bool
    binary: bool


def read(fields: Mapping[str, object], number: int, voices: Mapping[str, str]) -> Request:
    """Check the fields of a request.

    Args:
        fields: as they came.
        number: the id that the request has if it brings none.
        voices: those of the account.

    Raises:
        Refused: one is missing or wrong.
    """
    voice, data = fields.get("voice_uuid"), fields.get("data")
    if not isinstance(voice, str) or not voice:
        raise Refused("InvalidRequest", "voice_uuid is required", voice_uuid="required")
    if not isinstance(data, str) or not data:
        raise Refused("InvalidRequest", "data is required", data="required")
    text = audio.plain(data)
    if len(text) > MAX_CHARACTERS:
        raise Refused("InvalidRequest", "data is too long", data=f"at most {MAX_CHARACTERS} characters")
    own_number = fields.get("request_id", number)
    if not isinstance(own_number, int) or isinstance(own_number, bool):
        raise Refused("InvalidRequest", "request_id must be an integer", request_id="not an integer")
    if voice not in voices:
        raise Refused("VoiceNotFound", "no such voice", 404, voice_uuid="unknown")
    for flag in ("binary_response", "no_audio_header"):
        if not isinstance(fields.get(flag, False), bool):
            raise Refused("InvalidRequest", f"{flag} must be true or false")
    return Request(
        number=own_number,
        text=text,
        voice=voice,
        model=str(_choice(fields, "model", MODELS[0], MODELS)),
        rate_hz=int(str(_choice(fields, "sample_rate", DEFAULT_RATE_HZ, RATES_HZ))),
        precision=str(_choice(fields, "precision", "PCM_32", audio.PRECISIONS)),
        output_format=str(_choice(fields, "output_format", "wav", ("wav", "mp3"))),
        bare=fields.get("no_audio_header") is True,
        binary=fields.get("binary_response") is True,
    )


def _choice(fields: Mapping[str, object], name: str, default: object, choices: tuple[object, ...]) -> object:
    value = fields.get(name, default)
    if value not in choices or isinstance(value, bool):
        raise Refused("InvalidRequest", f"{name} is invalid", 400, **{name: "not one of the choices"})
    return value


class StreamSession(Session):
    """One connection of an account.

    Args:
        emulator: whose.
        request: the upgrade.
        socket: prepared.
        voices: of the account, by id.
        failure: a reason to be told and closed at once; empty when all is well.
        status: that goes with it.
    """

    def __init__(
        self,
        emulator: Emulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        voices: Mapping[str, str],
        failure: str = "",
        status: int = 401,
    ) -> None:
        super().__init__(emulator, request, socket)
        self._voices = voices
        self._failure = (failure, status)
        self._next_number = 0
        self._waiting: asyncio.Queue[Request] = asyncio.Queue(MAX_WAITING)

    async def opened(self) -> None:
        """Tell a client that may not be here, or begin to speak what it asks for."""
        failure, status = self._failure
        if failure:
            await self._say(error_message("ConnectionFailure", failure, status))
            self.end(WSCloseCode.POLICY_VIOLATION)
            return
        self.begin(self._speak_all())

    async def take(self, message: WSMessage) -> None:
        """Take a request; it is spoken when those before it are done."""
        try:
            fields = json.loads(message.data) if message.type is WSMsgType.TEXT else None
        except ValueError:
            fields = None
        try:
            if not isinstance(fields, dict):
                raise Refused("BadJSON", "the message is not a JSON object")
            request = read(fields, self._next_number, self._voices)
            if self._waiting.full():
                raise Refused("TooManyRequests", "too many requests are waiting", 429)
        except Refused as error:
            asked_id = fields.get("request_id") if isinstance(fields, dict) else None
            more = {"error_params": error.params} if error.params else {}
            if asked_id is not None:
                more["request_id"] = asked_id
            await self._say(error_message(error.name, error.message, error.status, **more))
            return
        self._next_number = request.number + 1
        self._waiting.put_nowait(request)

    async def _speak_all(self) -> None:
        while True:
            await self._speak(await self._waiting.get())

    async def _speak(self, request: Request) -> None:
        asked = Asked(
            text=request.text,
            voice=request.voice,
            model=request.model,
            rate_hz=request.rate_hz,
            format=request.output_format,
            settings={"precision": request.precision, "no_audio_header": request.bare},
        )
        self.emulator.asked.append(asked)
        spoken = audio.reply(
            self.emulator,
            request.text,
            rate_hz=request.rate_hz,
            precision=request.precision,
            output_format=request.output_format,
            bare=request.bare,
        )
        frame = self._framing(request, len(spoken))
        try:
            await self.emulator.send_frames(self.request, self.socket, spoken, frame)
        except EmulatedError:
            more = {"request_id": request.number}
            await self._say(error_message("InternalError", "synthesis failed", 500, **more))
            return
        except asyncio.CancelledError:
            asked.cancelled = True
            raise
        asked.done = True
        await self._say({"type": "audio_end", "request_id": request.number})
        await self.emulator.send_late(self.socket, spoken, frame)

    def _framing(self, request: Request, total: int) -> Callable[[bytes], str | bytes]:
        """Wrap each piece, with the times of the characters that begin in it."""
        sent = 0

        def frame(piece: bytes) -> str | bytes:
            nonlocal sent
            if request.binary:
                return piece
            begin, sent = sent, sent + len(piece)
            first, last = (len(request.text) * place // max(total, 1) for place in (begin, sent))
            characters = list(request.text[first:last])
            times = [[seconds(place), seconds(place + 1)] for place in range(first, first + len(characters))]
            return json.dumps(
                {
                    "type": "audio",
                    "audio_content": b64encode(piece).decode(),
                    "audio_timestamps": {
                        "graph_chars": characters,
                        "graph_times": times,
                        "phon_chars": characters,
                        "phon_times": times,
                    },
                    "sample_rate": made_rate_hz(self.emulator, request.rate_hz),
                    "request_id": request.number,
                }
            )

        return frame

    async def _say(self, event: Mapping[str, object]) -> None:
        await self.socket.send_str(json.dumps(event))
