"""OpenAI's speech endpoint, and those of four servers that answer it each in its own way.

`_openai_dialects` has what each takes and refuses, with sources; here is how each delivers:

=========  ==============================================================================================
OpenAI     chunked, any format; ``stream_format: sse`` for gpt-4o-mini-tts
Kokoro     chunked unless ``stream`` is false; mixes voices (``af_sky(2)+af_bella``)
Speaches   chunked; SSE carries bare PCM whatever the format, and ends with ``token_usage``
vLLM-Omni  a whole file; chunked with ``stream_format: audio``, SSE with ``stream``, both of pcm or wav only;
           a WebSocket that takes text in pieces (`_openai_socket`)
LocalAI    a whole file, WAV if the format is none of its own (pcm is not); chunked WAV with ``stream``
=========  ==============================================================================================

vLLM-Omni's WebSocket was tried by hand with the loop of that project's example client
(``examples/online_serving/text_to_speech/qwen3_tts/streaming_speech_client.py``) on websockets 15.0.1.
Speaches' source means to answer an unknown voice with 422; its generators may start the reply before that.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from aiohttp import web

from voxgate.testing.emulators._openai_dialects import (
    REQUEST_ID,
    RULES,
    Dialect,
    Fault,
    Refusal,
    answer,
    word,
)
from voxgate.testing.emulators._openai_request import Delivery, Reader, SpeechRequest, coded
from voxgate.testing.emulators._openai_socket import SpeechSocket
from voxgate.testing.emulators.base import NO_FAULTS, Emulator, Faults

__all__ = ["Dialect", "OpenAIEmulator"]

_MEDIA_TYPES = {"mp3": "audio/mpeg", "pcm": "audio/pcm"}


class OpenAIEmulator(Emulator):
    """OpenAI, or a server that speaks its dialect.

    Args:
        dialect: whose.
        key: the only key that it takes; an empty one means that it was started without, as most are at home.
            Kokoro-FastAPI knows no keys.
        faults: what goes wrong.
    """

    provider: ClassVar[str] = "openai"
    voice: ClassVar[str] = "OpenAI.tts-1.alloy"
    bad_voice: ClassVar[str] = "OpenAI.tts-1.nobody"
    checked_by: ClassVar[str] = "openai 3.54.0"

    def __init__(
        self, *, dialect: Dialect = Dialect.OPENAI, key: str = "emulated-key", faults: Faults = NO_FAULTS
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.dialect = dialect
        self._rules = RULES[dialect]

    @classmethod
    def suited(cls, settings: Mapping[str, object], faults: Faults = NO_FAULTS) -> OpenAIEmulator:
        """Make one that speaks the dialect of an adapter with these settings."""
        dialect = Dialect(str(settings.get("dialect", Dialect.OPENAI)))
        kinds = {Dialect.KOKORO: _Kokoro, Dialect.LOCALAI: _LocalAI}
        return kinds.get(dialect, OpenAIEmulator)(dialect=dialect, faults=faults)

    def add_routes(self, app: web.Application) -> None:
        """Add what the server has of it."""
        app.router.add_post("/v1/audio/speech", self._refusing(self._speech))
        app.router.add_get("/v1/models", self._refusing(self._models))
        if self.dialect not in (Dialect.OPENAI, Dialect.LOCALAI):
            app.router.add_get("/v1/audio/voices", self._refusing(self._voices))
        if self.dialect is Dialect.VLLM:
            app.router.add_get("/v1/audio/speech/stream", self._refusing(self._stream))

    def refusal(self, status: int) -> web.Response:
        """Word a refusal as the server does."""
        return word(self.dialect, status, "This is what the emulator was told to say")

    def _refusing(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def refusing(request: web.Request) -> web.StreamResponse:
            scheme, _, key = request.headers.get("Authorization", "").partition(" ")
            try:
                if self._rules.needs_key and self.key and not (scheme == "Bearer" and self.accepts(key)):
                    raise Refusal(Fault.KEY, "The API key is missing or not the right one")
                return await handler(request)
            except Refusal as refusal:
                return answer(self.dialect, refusal)

        return refusing

    def _audio(self, wanted: SpeechRequest) -> bytes:
        made_hz = self.faults.wrong_rate_hz or wanted.asked.rate_hz
        pcm = self.speech(wanted.asked.text, made_hz, speed=wanted.speed)
        return coded(pcm, made_hz, wanted.asked.format, whole=wanted.delivery is Delivery.WHOLE)

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        wanted = Reader(self.dialect).read(await request.read())
        asked = wanted.asked
        self.asked.append(asked)
        if wanted.delivery is Delivery.EVENTS:
            return await self._send_events(request, wanted)
        whole = wanted.delivery is Delivery.WHOLE
        audio = self._audio(wanted)
        headers = self._headers(_MEDIA_TYPES.get(asked.format, f"audio/{asked.format}"))
        if whole and self.faults == NO_FAULTS:
            asked.done = True
            return web.Response(body=audio, headers=headers)
        return await self.send_body(request, audio, headers, asked)

    async def _send_events(self, request: web.Request, wanted: SpeechRequest) -> web.StreamResponse:
        asked, named = wanted.asked, self.dialect is Dialect.VLLM
        tokens = {"input_tokens": len(asked.text), "output_tokens": 0, "total_tokens": len(asked.text)}
        usage = "token_usage" if self.dialect is Dialect.SPEACHES else "usage"
        failure = {"message": "emulated", "type": "server_error", "param": None, "code": 500}

        def delta(piece: bytes) -> bytes:
            extra = {"response_format": asked.format} if named else {}
            audio = base64.b64encode(piece).decode()
            return _event({"type": "speech.audio.delta", "audio": audio, **extra}, named=named)

        return await self.send_body(
            request,
            self._audio(wanted),
            self._headers("text/event-stream"),
            asked,
            frame=delta,
            end=_event({"type": "speech.audio.done", usage: tokens}, named=named),
            failure=_event({"type": "speech.audio.error", "error": failure}, named=True) if named else None,
        )

    def _headers(self, media_type: str) -> dict[str, str]:
        request_id = {"x-request-id": REQUEST_ID} if self.dialect is Dialect.OPENAI else {}
        return {"Content-Type": media_type, **request_id}

    async def _models(self, _request: web.Request) -> web.Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "emulator"}
            for name in self._rules.models
        ]
        return web.json_response({"object": "list", "data": models})

    async def _voices(self, request: web.Request) -> web.Response:
        names = self._rules.voices
        match self.dialect:
            case Dialect.VLLM:
                uploaded = [{"name": "alloy", "mime_type": "audio/wav", "created_at": 0}]
                return web.json_response({"voices": sorted(names), "uploaded_voices": uploaded})
            case Dialect.SPEACHES:
                voices = [
                    {"name": name, "id": name, "language": "en-us", "gender": "female"} for name in names
                ]
                return web.json_response({"voices": voices, "object": "list"})
            case _ if request.query.get("legacy") == "true":
                return web.json_response({"voices": list(names)})
            case _:
                return web.json_response({"voices": [{"id": name, "name": name} for name in names]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await SpeechSocket(self, request).serve()


def _event(payload: Mapping[str, object], *, named: bool) -> bytes:
    lines = [f"event: {payload['type']}"] if named else []
    return "\n".join([*lines, f"data: {json.dumps(payload, separators=(',', ':'))}", "", ""]).encode()


class _Kokoro(OpenAIEmulator):
    keyless: ClassVar[bool] = True


class _LocalAI(OpenAIEmulator):
    """What LocalAI's backends say to an unknown voice does not tell it from a failure; a model it knows."""

    bad_voice: ClassVar[str] = "OpenAI.no-such-model.alloy"


EMULATOR = OpenAIEmulator
