"""Telnyx: its text-to-speech socket, speech over REST, and the list of voices.

Sources: Telnyx docs (REST request, response and errors), types of its SDK 4.189; for the socket see
`_telnyx_socket`. Telnyx's own models are here, and Azure, whose sentences come whole, for all other vendors
behind it. Left out: the OpenAI-compatible endpoint, dictionaries, designs and clones.

Tried by hand with livekit-plugins-telnyx 1.8.9 (a text as a whole, and words as they come), without tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import uuid4

import orjson
import pybase64
from aiohttp import web

from voxgate.audio.encoder import encode_whole
from voxgate.audio.format import AudioFormat
from voxgate.testing.emulators import _telnyx_rules as rules
from voxgate.testing.emulators._telnyx_rules import VendorError
from voxgate.testing.emulators._telnyx_socket import Talk, read_query
from voxgate.testing.emulators.base import Asked, Emulator

_OUTPUTS = ("binary_output", "base64_output", "audio_id")


class Telnyx(Emulator):
    """api.telnyx.com.

    Attributes:
        eager: a sentence is spoken once it is complete, as documented; else only when flushed or at the end,
            as some have seen.
        finals_between: a final is sent whenever all text so far was spoken, as documented; else at the end.
        repeats_audio: a sentence's audio comes again with its text, as old servers had it.
        tagged: each sentence of MP3 is a file with an ID3 tag before it, as some have seen; LiveKit's client
            stumbles over these.
        typed: frames tell their ``type``, as the SDK has it.
        said: what may come from the cache.
    """

    provider: ClassVar[str] = "telnyx"
    voice: ClassVar[str] = "Telnyx.NaturalHD.astra"
    checked_by: ClassVar[str] = "telnyx 4.189.0; livekit-plugins-telnyx 1.8.9 by hand"
    bad_voice: ClassVar[str] = "Telnyx.NaturalHD.nobody"

    eager = True
    finals_between = False
    repeats_audio = False
    tagged = True
    typed = False

    def add_routes(self, app: web.Application) -> None:
        """Add the vendor's endpoints."""
        self.said: set[tuple[object, ...]] = set()
        self._audio: dict[str, tuple[bytes, str]] = {}
        app.router.add_get("/v2/text-to-speech/speech", self._talk)
        app.router.add_post("/v2/text-to-speech/speech", self._speak)
        app.router.add_post("/v2/text-to-speech", self._speak)
        app.router.add_get("/v2/text-to-speech/speech/{audio_id}", self._fetch)
        app.router.add_get("/v2/text-to-speech/voices", self._voices)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal as the service does."""
        return _refuse(VendorError(status, rules.BY_STATUS.get(status, "10015"), "Refused"))

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        try:
            self._check_key(request)
            if not socket.can_prepare(request):
                raise VendorError(400, "10015", "This is a WebSocket")
            how = read_query(request)
        except VendorError as error:
            return _refuse(error)
        await socket.prepare(request)
        await Talk(self, request, socket, how).serve()
        return socket

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            fields = _read_body(await request.read())
            asked, audio, target = self._prepare(fields)
        except VendorError as error:
            return _refuse(error)
        self.asked.append(asked)
        headers = {"Content-Type": target.media_type, "x-request-id": str(uuid4())}
        match fields.get("output_type"):
            case "base64_output":
                asked.done = True
                return web.json_response({"base64_audio": pybase64.b64encode_as_string(audio)})
            case "audio_id":
                asked.done, audio_id = True, str(uuid4())
                self._audio[audio_id] = audio, target.media_type
                url = f"{self.base_url}/v2/text-to-speech/speech/{audio_id}"
                return web.json_response({"audio_id": audio_id, "audio_url": url})
            case _:
                return await self.send_body(request, audio, headers, asked)

    def _prepare(self, fields: Mapping[str, object]) -> tuple[Asked, bytes, AudioFormat]:
        """Check all of a request; return what was asked, its coded audio and its format."""
        text, voice = fields.get("text"), fields.get("voice")
        if not isinstance(text, str) or not text.strip():
            raise VendorError(422, "10004", "text is missing")
        if not isinstance(voice, str):
            raise VendorError(422, "10004", "voice is missing")
        if fields.get("output_type", _OUTPUTS[0]) not in _OUTPUTS:
            raise VendorError(422, "10032", "There is no such output_type")
        model, voice_id = rules.find_voice(voice)
        rules.check_clone(model, voice_id)
        if not rules.is_known(model, voice_id):
            raise VendorError(400, "90103", "The voice is not known")
        settings = _object(fields, "voice_settings") | _object(fields, model.provider)
        word, rate = settings.get("response_format"), settings.get("sampling_rate")
        if not isinstance(word, str | None) or not isinstance(rate, int | None):
            raise VendorError(422, "10015", "response_format is a text, sampling_rate a whole number")
        target = rules.choose_format(model, word or model.rest_format, str(rate or ""))
        if model.name == "Qwen3TTS":  # bare samples, whatever was asked for
            target = rules.choose_format(model, "linear16", "")
        speed, volume = rules.manner(model, settings)
        pcm = self.speech(text.strip(), target.rate_hz, speed=speed, volume=volume)
        audio = encode_whole(pcm, target.rate_hz, target) if pcm else b""
        asked = Asked(text.strip(), voice_id, model.name, target.rate_hz, word or "", settings)
        return asked, audio, target

    async def _fetch(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
            audio, media_type = self._audio[request.match_info["audio_id"]]
        except VendorError as error:
            return _refuse(error)
        except KeyError:
            return _refuse(VendorError(404, "10005", "There is no such audio"))
        return web.Response(body=audio, content_type=media_type)

    async def _voices(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
        except VendorError as error:
            return _refuse(error)
        wanted = request.query.get("provider", "").lower()
        models = [model for model in rules.MODELS.values() if not wanted or model.provider == wanted]
        return web.json_response(
            {
                "voices": [
                    {
                        "id": model.voice_name(voice_id),
                        "name": voice_id.title(),
                        "provider": model.provider,
                        "model_id": model.name,
                        "voice_id": voice_id,
                        "language": language,
                        "gender": gender,
                        "hosted": model.provider == "telnyx",
                    }
                    for model in models
                    for voice_id, (language, gender) in model.voices.items()
                ]
            }
        )

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not self.accepts(key):
            raise VendorError(401, "10009", "The key is missing or not valid")


def _refuse(error: VendorError) -> web.Response:
    return web.json_response(error.body(), status=error.status)


def _read_body(body: bytes) -> Mapping[str, object]:
    try:
        fields = orjson.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise VendorError(400, "10015", "The body is no JSON object")
    return fields


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    found = fields.get(name)
    if not isinstance(found, dict | None):
        raise VendorError(422, "10015", f"{name} is no object")
    return found or {}


EMULATOR = Telnyx
