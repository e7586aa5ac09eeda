"""ElevenLabs: speech over HTTP, over sockets of up to five contexts, and lists of voices and models.

Sources: ElevenLabs' API reference, as its SDK 2.78 words it; for sockets see `_elevenlabs_contexts`. The
account may have neither 44.1 kHz PCM nor MP3 of 192 kbit/s, which are matters of plans.
Left out: ``stream-input`` (a socket for one utterance), dialogue and dictionaries. That time stamps over HTTP
count from the beginning of the answer is what public clients take for granted.

Tried by hand with livekit-plugins-elevenlabs 1.8.9: HTTP and contexts in PCM and MP3, interrupted and not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar
from uuid import uuid4

import orjson
from aiohttp import web

from voxgate.audio.encoder import encode_whole
from voxgate.testing.emulators import _elevenlabs_rules as rules
from voxgate.testing.emulators._elevenlabs_contexts import Contexts
from voxgate.testing.emulators._elevenlabs_frames import Lines, read_query
from voxgate.testing.emulators._elevenlabs_rules import Refusal, VendorError, refuse, refuse_field
from voxgate.testing.emulators.base import Asked, Emulator

_DEFAULT_PAGE, _MAX_PAGE = 10, 100


class ElevenLabs(Emulator):
    """api.elevenlabs.io.

    Attributes:
        max_at_once: requests, and contexts that speak; thirty are those of a large plan.
        speaking: how much speech is being made at this moment, over HTTP and sockets.
    """

    provider: ClassVar[str] = "elevenlabs"
    voice: ClassVar[str] = "ElevenLabs.eleven_flash_v2_5.JBFqnCBsd6RMkjVDRZzb"
    checked_by: ClassVar[str] = "elevenlabs 2.78.0; livekit-plugins-elevenlabs 1.8.9 by hand"
    bad_voice: ClassVar[str] = "ElevenLabs.eleven_flash_v2_5.nobodyHasThisVoice00"

    max_at_once = 30
    speaking = 0

    def add_routes(self, app: web.Application) -> None:
        """Add the vendor's endpoints."""
        app.router.add_post("/v1/text-to-speech/{voice_id}/stream", self._stream)
        app.router.add_post("/v1/text-to-speech/{voice_id}/stream/with-timestamps", self._stream_with_times)
        app.router.add_post("/v1/text-to-speech/{voice_id}", self._whole)
        app.router.add_get("/v1/text-to-speech/{voice_id}/multi-stream-input", self._contexts)
        app.router.add_get("/v2/voices", self._page_of_voices)
        app.router.add_get("/v1/voices", self._all_voices)
        app.router.add_get("/v1/models", self._models)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal as the service does."""
        general = Refusal(status, "internal_error", "internal_error", "Something went wrong")
        return _refuse(rules.GENERAL.get(status, general))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self._speak(request, streamed=True)

    async def _whole(self, request: web.Request) -> web.StreamResponse:
        return await self._speak(request, streamed=False)

    async def _stream_with_times(self, request: web.Request) -> web.StreamResponse:
        return await self._speak(request, streamed=True, timed=True)

    async def _speak(
        self, request: web.Request, *, streamed: bool, timed: bool = False
    ) -> web.StreamResponse:
        try:
            self._check_key(request)
            asked, audio, headers = self._prepare(request, await request.read(), streamed)
        except VendorError as error:
            return _refuse(error.refusal)
        self.asked.append(asked)
        lines = Lines(asked.text, float(str(asked.settings.get("speed", 1.0))), len(audio)) if timed else None
        headers |= {"Content-Type": "application/json"} if timed else {}
        self.speaking += 1
        try:
            return await self.send_body(request, audio, headers, asked, lines)
        finally:
            self.speaking -= 1

    def _prepare(
        self, request: web.Request, body: bytes, streamed: bool
    ) -> tuple[Asked, bytes, dict[str, str]]:
        """Check all of a request; return what was asked, its coded audio and the answer's headers."""
        fields = _read_body(body)
        voice_id, word = request.match_info["voice_id"], request.query.get("output_format", "mp3_44100_128")
        target, media_type = rules.check_format(word, streamed=streamed)
        rules.check_voice(voice_id)
        text, model_id = _text_of(fields, "text"), _text_of(fields, "model_id", rules.DEFAULT_MODEL)
        model = rules.check_model(model_id, _text_of(fields, "language_code", "") or None)
        rules.check_text(text, model)
        settings = {} if fields.get("voice_settings") is None else fields["voice_settings"]
        if not isinstance(settings, dict):
            refuse_field("dict_type", "Input should be an object", "body", "voice_settings")
        speed = rules.check_settings(settings)
        if model_id == "eleven_v3" and (fields.get("previous_text") or fields.get("next_text")):
            message = "Providing previous_text or next_text is not yet supported with this model"
            refuse("unsupported_model", message, "model_id")
        if self.speaking >= self.max_at_once:
            raise VendorError(rules.TOO_MANY)
        asked = Asked(text.strip(), voice_id, model_id, target.rate_hz, word, dict(settings))
        pcm = self.speech(text.strip(), target.rate_hz, speed=speed)
        headers = {
            "Content-Type": media_type,
            "request-id": uuid4().hex[:20],
            "character-cost": str(math.ceil(len(text) * model.cost)),
            "current-concurrent-requests": str(self.speaking + 1),
            "maximum-concurrent-requests": str(self.max_at_once),
        }
        return asked, encode_whole(pcm, target.rate_hz, target) if pcm else b"", headers

    async def _contexts(self, request: web.Request) -> web.StreamResponse:
        try:
            how = read_query(request)
        except VendorError as error:
            refusal = error.refusal
            return _refuse(refusal, 403 if refusal.status == 422 else refusal.status)
        socket = web.WebSocketResponse(max_msg_size=16 * 1024 * 1024)
        await socket.prepare(request)
        await Contexts(self, request, socket, how).serve()
        return socket

    async def _page_of_voices(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
            size, begin = _page(request, "page_size", _DEFAULT_PAGE), _page(request, "next_page_token", 0)
        except VendorError as error:
            return _refuse(error.refusal)
        if size > _MAX_PAGE:
            return _refuse(Refusal(422, "", "less_than_equal", "At most 100", ("query", "page_size")))
        term = request.query.get("search", "").lower()
        found = [voice for voice in _voices() if term in orjson.dumps(voice).decode().lower()]
        more = begin + size < len(found)
        return web.json_response(
            {
                "voices": found[begin : begin + size],
                "has_more": more,
                "total_count": len(found),
                "next_page_token": str(begin + size) if more else None,
            }
        )

    async def _all_voices(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
        except VendorError as error:
            return _refuse(error.refusal)
        return web.json_response({"voices": _voices()})

    async def _models(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
        except VendorError as error:
            return _refuse(error.refusal)
        return web.json_response([_model(model_id, model) for model_id, model in rules.MODELS.items()])

    def _check_key(self, request: web.Request) -> None:
        key = request.headers.get("xi-api-key")
        if key is None:
            raise VendorError(rules.NO_KEY)
        if not self.accepts(key):
            raise VendorError(rules.BAD_KEY)


def _refuse(error: Refusal, status: int = 0) -> web.Response:
    request_id = uuid4().hex
    return web.json_response(
        error.body(request_id), status=status or error.status, headers={"request-id": request_id}
    )


def _read_body(body: bytes) -> Mapping[str, object]:
    try:
        fields = orjson.loads(body)
    except ValueError:
        refuse_field("json_invalid", "JSON decode error", "body")
    if not isinstance(fields, dict):
        refuse_field("model_attributes_type", "Input should be an object", "body")
    return fields


def _text_of(fields: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = fields.get(name)
    value = default if value is None else value
    if not isinstance(value, str):
        code = "missing" if value is None else "string_type"
        refuse_field(code, "Input should be a text", "body", name)
    return value


def _page(request: web.Request, name: str, default: int) -> int:
    value = request.query.get(name, "")
    if value and not value.isdecimal():
        refuse_field("int_parsing", "Input should be a whole number", "query", name)
    return int(value or default)


def _voices() -> list[dict[str, object]]:
    return [
        {
            "voice_id": voice_id,
            "name": name,
            "category": "premade",
            "labels": {"gender": gender, "accent": accent, "age": "middle_aged", "use_case": "narration"},
            "description": f"A {accent} voice",
            "preview_url": None,
            "available_for_tiers": [],
            "settings": None,
            "high_quality_base_model_ids": list(rules.MODELS),
            "verified_languages": [
                {
                    "language": "en",
                    "model_id": "eleven_flash_v2_5",
                    "accent": accent,
                    "locale": {"american": "en-US", "british": "en-GB"}[accent],
                    "preview_url": None,
                }
            ],
            "is_owner": False,
            "is_legacy": False,
        }
        for voice_id, (name, gender, accent) in rules.VOICES.items()
    ]


def _model(model_id: str, model: rules.Model) -> dict[str, object]:
    return {
        "model_id": model_id,
        "name": model.name,
        "can_be_finetuned": False,
        "can_do_text_to_speech": True,
        "can_do_voice_conversion": False,
        "token_cost_factor": model.cost,
        "maximum_text_length_per_request": model.max_characters,
        "languages": [{"language_id": language, "name": language} for language in model.languages],
        "model_rates": {"character_cost_multiplier": model.cost},
    }


EMULATOR = ElevenLabs
