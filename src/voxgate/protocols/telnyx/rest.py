"""Telnyx's text to speech over REST: speech, audio by its id, and voices."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import orjson
import pybase64
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from voxgate.access.keys import ApiKey
from voxgate.audio.format import AudioFormat
from voxgate.errors import InvalidRequest, InvalidVoice
from voxgate.protocols.telnyx import upgrade
from voxgate.protocols.telnyx.formats import CODECS
from voxgate.protocols.telnyx.rest_errors import BAD_REQUEST, NOT_FOUND, TelnyxDialect, envelope
from voxgate.protocols.telnyx.rest_models import AudioIdAnswer, Base64Answer, ErrorEnvelope, SpeechRequest
from voxgate.protocols.telnyx.rest_request import Settled, settle, voice_of
from voxgate.rest.answers import SpokenResponse, WholeSpeechResponse, name_voice
from voxgate.rest.door import Mistake, MistakeKind, key_of, route_class
from voxgate.rest.openapi import BEARER, STAND_IN_HEADER, audio_content, refusals
from voxgate.rest.voices import VoiceList, voice_list
from voxgate.services import Services
from voxgate.speech.audio_store import StoredAudio
from voxgate.speech.delivery import Delivery
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

SPEECH, SPEECH_ALIAS = "/v2/text-to-speech/speech", "/v2/text-to-speech"
VOICES, VOICES_ALIAS = "/v2/text-to-speech/voices", "/v2/ai/tts/voices"

DIALECT = TelnyxDialect()

_REFUSALS = {
    401: "No valid key.",
    429: "The key's limit is used up; `Retry-After` says when to come back.",
}
_SPEECH_REFUSALS = {
    400: "It cannot be spoken as asked; `source` names the field.",
    403: "The key may not use this voice.",
    408: "The body did not come in time.",
    413: "The body is larger than `rest.max_body_kib`.",
    422: "A field is missing or wrong; `source` names it.",
    502: "Speech could not be made.",
    503: "Too much is going on; `Retry-After` says when to come back.",
    504: "No audio came in time.",
}
_EXAMPLE = {
    "errors": [
        {
            "code": "90103",
            "title": "Failed to produce text to speech",
            "detail": "telnyx.voice_speed cannot be what it was given; it takes: number from 0.5 to 2",
            "source": {"pointer": "/telnyx/voice_speed"},
            "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/90103"},
        }
    ]
}
_AUDIO = audio_content(AudioFormat(codec, 24_000, container) for codec, container in CODECS.values())
_NOT_HERE = ("/v2/voice_designs", "/v2/voice_clones")
"""Telnyx's own studio: a voice made of a description or a recording needs models that are not here."""


def rest_routes(services: Services) -> APIRouter:
    """Make the routes."""
    door = _Door(services)
    routes = APIRouter(
        tags=["Telnyx"],
        route_class=route_class(services, DIALECT),
        dependencies=[BEARER],
        responses=refusals(ErrorEnvelope, _REFUSALS, _EXAMPLE),
    )
    for path in (SPEECH, SPEECH_ALIAS):
        shown = path == SPEECH
        routes.add_api_route(
            path,
            door.speak,
            methods=["POST"],
            include_in_schema=shown,
            **_SPEAK,
        )
        routes.add_api_route(
            path,
            door.needs_upgrade,
            status_code=HTTPStatus.UPGRADE_REQUIRED,
            response_model=ErrorEnvelope,
            response_description="Here GET is the WebSocket's; send an upgrade.",
            summary="Stream text over a WebSocket",
            include_in_schema=shown,
        )
    routes.add_api_route(f"{SPEECH}/{{audio_id}}", door.fetch, **_FETCH)
    for path in (VOICES, VOICES_ALIAS):
        routes.add_api_route(
            path,
            door.voices,
            response_model=VoiceList,
            responses=refusals(
                ErrorEnvelope,
                {400: "There is no such provider.", 422: "A filter is wrong; `source` names it."},
                _EXAMPLE,
            ),
            summary="List voices",
            include_in_schema=path == VOICES,
        )
    for prefix in _NOT_HERE:
        for path in (prefix, f"{prefix}/{{rest:path}}"):
            routes.add_api_route(
                path, door.not_here, methods=["GET", "POST", "PATCH", "DELETE"], include_in_schema=False
            )
    return routes


_SPEAK: dict[str, Any] = {
    "summary": "Speak a text",
    "response_class": Response,
    "responses": {
        200: {
            "description": "`binary_output`: audio as it is made. `base64_output`: all of it, as JSON. "
            "`audio_id`: where to fetch it, at once.",
            "headers": STAND_IN_HEADER,
            "model": Base64Answer | AudioIdAnswer,
            "content": _AUDIO,
        },
        **refusals(ErrorEnvelope, _REFUSALS | _SPEECH_REFUSALS, _EXAMPLE),
    },
}
_FETCH: dict[str, Any] = {
    "summary": "Fetch audio that was asked for by id",
    "response_class": Response,
    "responses": {
        200: {
            "description": "The audio; as it is made, while it is.",
            "headers": STAND_IN_HEADER,
            "content": _AUDIO,
        },
        **refusals(
            ErrorEnvelope,
            {
                404: "There is none, or none of this tenant's, or it is not kept any more.",
                **{status: _SPEECH_REFUSALS[status] for status in (400, 502, 503, 504)},
            },
            _EXAMPLE,
        ),
    },
}


class _Door:
    """Answers requests whose key and body are in order."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._catalogue = services.router.catalogue
        self._default_voice = VoiceName.parse(services.settings.telnyx.default_voice)
        self._store = services.audio_store
        self._upgrades = upgrade.Door(services)

    async def speak(self, body: SpeechRequest, request: Request) -> Response:
        """Speak a text."""
        if body.voice is None and body.provider is None:
            return DIALECT.refuse_fields(
                [Mistake("body", ("voice",), MistakeKind.MISSING, "Field required, or provider")]
            )
        key = key_of(request)
        voice = self._voice(body, key)
        settled = settle(body, voice, self._services.settings.rest.max_characters)
        lexicon = await self._services.lexicons.asked_for(
            key.tenant, body.pronunciation_dict_id, field="pronunciation_dict_id"
        )
        delivery = self._delivery(settled, voice, key, lexicon, cacheable=not body.disable_cache)
        match body.output_type:
            case "audio_id":
                return self._keep(delivery, settled, voice, request)
            case "base64_output":
                return WholeSpeechResponse(
                    delivery,
                    voice=str(voice.name),
                    audio_format=settled.plan.audio_format,
                    answer=_base64,
                    refuse=DIALECT.refuse,
                )
            case _:
                return SpokenResponse(
                    delivery,
                    voice=str(voice.name),
                    media_type=settled.plan.audio_format.media_type,
                    refuse=DIALECT.refuse,
                )

    async def fetch(self, audio_id: str, request: Request) -> Response:
        """Give the audio, from its start."""
        audio = self._store.find(audio_id, key_of(request).tenant)
        return SpokenResponse(
            audio,
            voice=audio.voice,
            media_type=audio.audio_format.media_type,
            refuse=DIALECT.refuse,
            size_bytes=audio.size_bytes,
        )

    async def voices(
        self,
        provider: str | None = None,
        model: str | None = None,
        language: str | None = None,
        gender: Gender | None = None,
        hosted: Annotated[bool | None, Query(description="Only those that are not stood in for.")] = None,
    ) -> Response:
        """List voices, filtered. All but `provider` are extensions; a vendor's `api_key` is not needed."""
        try:
            found = self._catalogue.voices(
                provider=provider, model=model, language=language, gender=gender, hosted=hosted
            )
            return voice_list(found)
        except InvalidVoice as error:
            return envelope(HTTPStatus.BAD_REQUEST, BAD_REQUEST, error.message, {"parameter": "provider"})

    async def needs_upgrade(self, request: Request) -> Response:
        """Tell a client that came without an upgrade what this address is.

        Browsers keep from a page why an upgrade was refused. Asked for the same query without an upgrade, the
        server refuses it in the same way, so that the page can learn it here.
        """
        if request.query_params:
            await self._upgrades.judge(request.query_params, key_of(request))
        return envelope(
            HTTPStatus.UPGRADE_REQUIRED,
            BAD_REQUEST,
            "GET is for WebSockets here: send an upgrade, or POST a text, or add the id of some audio.",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )

    async def not_here(self) -> Response:
        """Answer for voice designs and clones."""
        return envelope(
            HTTPStatus.NOT_IMPLEMENTED,
            NOT_FOUND,
            "Voice designs and voice clones cannot be made on this server.",
        )

    def _voice(self, body: SpeechRequest, key: ApiKey) -> Voice:
        if body.voice is None and body.provider is not None:
            self._check_provider(body.provider)
        name = voice_of(body, self._default_voice)
        return self._services.router.admit(name, identity_verified=key.identity_verified)

    def _check_provider(self, provider: str) -> None:
        try:
            self._catalogue.provider(provider)
        except InvalidVoice as error:
            raise InvalidRequest(error.message, field="provider") from None

    def _delivery(
        self, settled: Settled, voice: Voice, key: ApiKey, lexicon: Lexicon | None, *, cacheable: bool
    ) -> Delivery:
        plan = settled.plan
        utterance = Utterance(
            text=settled.text,
            voice=voice.name,
            tenant=key.tenant,
            settings=plan.settings,
            language=plan.language,
            markup=plan.markup,
            cacheable=cacheable,
            lexicon=lexicon,
        )
        language = plan.language or voice.languages[0]
        utterances = self._services.router.parts(utterance, plan.audio_format, language)
        return Delivery(self._services.speaker, utterances, plan.audio_format)

    def _keep(self, delivery: Delivery, settled: Settled, voice: Voice, request: Request) -> Response:
        audio = StoredAudio(key_of(request).tenant, settled.plan.audio_format, str(voice.name))
        self._store.make(delivery, audio)
        base = self._services.settings.server.public_url or str(request.base_url).rstrip("/")
        answer = AudioIdAnswer(audio_id=audio.audio_id, audio_url=f"{base}{SPEECH}/{audio.audio_id}")
        response = Response(answer.model_dump_json(), media_type="application/json")
        spoken_by = self._services.router.spoken_by(voice, settled.plan.language)
        name_voice(response, str(voice.name), str(spoken_by))
        return response


def _base64(file: bytes) -> Response:
    body = orjson.dumps({"base64_audio": pybase64.b64encode_as_string(file)})
    return Response(body, media_type="application/json")
