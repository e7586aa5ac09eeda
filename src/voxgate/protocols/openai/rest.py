"""``/v1/audio/speech`` and what belongs to it, as OpenAI's clients know them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from voxgate.access.keys import ApiKey
from voxgate.errors import InvalidRequest, NotFound, TextTooLong
from voxgate.protocols.openai import rest_events as events
from voxgate.protocols.openai.rest_errors import OpenAIDialect
from voxgate.protocols.openai.rest_formats import FORMATS, audio_format
from voxgate.protocols.openai.rest_models import ErrorAnswer, Model, ModelList, SpeechRequest
from voxgate.protocols.openai.rest_voices import TELNYX_MODELS, voice_name
from voxgate.rest.answers import SpokenResponse
from voxgate.rest.door import key_of, route_class
from voxgate.rest.openapi import BEARER, STAND_IN_HEADER, audio_content, refusals
from voxgate.rest.voices import VoiceList, voice_list
from voxgate.services import Services
from voxgate.speech.delivery import Delivery, split_speed
from voxgate.speech.language import is_tag
from voxgate.speech.markup import strip_markdown
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Gender, Voice

MODELS_SINCE_S = 1_795_219_200
"""When a model was made, which its record must say: 2026-11-21, for all of them."""

DIALECT = OpenAIDialect()

_REFUSALS = {
    401: "No valid key.",
    429: "The key's limit is used up; `Retry-After` says when to come back.",
}
_SPEECH_REFUSALS = {
    400: "A field is wrong; `param` names it.",
    403: "The key may not use this voice.",
    408: "The body did not come in time.",
    413: "The body is larger than `rest.max_body_kib`.",
    502: "Speech could not be made.",
    503: "Too much is going on; `Retry-After` says when to come back.",
    504: "No audio came in time.",
}
_EXAMPLE = {
    "error": {
        "message": "Invalid 'speed': Input should be less than or equal to 4.",
        "type": "invalid_request_error",
        "param": "speed",
        "code": "invalid_value",
    }
}
_SPOKEN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Audio as it is made, or events that bear it.",
        "headers": STAND_IN_HEADER,
        "content": {
            **audio_content(FORMATS.values()),
            events.MEDIA_TYPE: {"schema": events.SCHEMA},
        },
    },
    **refusals(ErrorAnswer, _REFUSALS | _SPEECH_REFUSALS, _EXAMPLE),
}


def router(services: Services) -> APIRouter:
    """Make the routes."""
    door = _Door(services)
    routes = APIRouter(
        tags=["OpenAI"],
        route_class=route_class(services, DIALECT),
        dependencies=[BEARER],
        responses=refusals(ErrorAnswer, _REFUSALS, _EXAMPLE),
    )
    for path, speak in (("/v1/audio/speech", door.speak), ("/v2/audio/speech", door.speak_at_telnyx)):
        routes.add_api_route(
            path, speak, methods=["POST"], response_class=Response, responses=_SPOKEN, summary="Speak a text"
        )
    routes.add_api_route("/v1/models", door.models, response_model=ModelList, summary="List models")
    routes.add_api_route(
        "/v1/models/{model}",
        door.model,
        response_model=Model,
        responses=refusals(ErrorAnswer, {404: "There is no such model."}),
        summary="Describe a model",
    )
    routes.add_api_route(
        "/v1/audio/voices",
        door.voices,
        response_model=VoiceList,
        responses=refusals(ErrorAnswer, {400: "A filter is wrong; `param` names it."}),
        summary="List voices",
    )
    return routes


class _Door:
    """Answers requests whose key and body are in order."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._catalogue = services.router.catalogue

    async def speak(self, body: SpeechRequest, request: Request) -> Response:
        """Speak a text; names are OpenAI's first."""
        return self._speak(body, key_of(request), telnyx_first=False)

    async def speak_at_telnyx(self, body: SpeechRequest, request: Request) -> Response:
        """Speak a text; names are Telnyx's first."""
        return self._speak(body, key_of(request), telnyx_first=True)

    async def models(self) -> ModelList:
        """List OpenAI's models and those of the catalogue."""
        return ModelList(object="list", data=[_model(model_id) for model_id in self._model_ids()])

    async def model(self, model: str) -> Model:
        """Describe one model."""
        if model not in self._model_ids():
            raise NotFound("There is no such model")
        return _model(model)

    async def voices(
        self,
        provider: str | None = None,
        model: str | None = None,
        language: str | None = None,
        gender: Gender | None = None,
        hosted: Annotated[bool | None, Query(description="Only those that are not stood in for.")] = None,
    ) -> Response:
        """List voices, filtered."""
        if provider is not None:
            provider = self._known_provider(provider)
        found = self._catalogue.voices(
            provider=provider, model=model, language=language, gender=gender, hosted=hosted
        )
        return voice_list(found)

    def _speak(self, body: SpeechRequest, key: ApiKey, *, telnyx_first: bool) -> Response:
        voice = self._voice(body, key, telnyx_first=telnyx_first)
        target = audio_format(body.response_format or "mp3", body.sample_rate)
        speed, stretch = split_speed(1.0 if body.speed is None else body.speed)
        language = _language(body)
        extra = (("instructions", body.instructions),) if body.instructions else ()
        utterance = Utterance(
            text=self._text(body),
            voice=voice.name,
            tenant=key.tenant,
            settings=SpeechSettings(speed=speed, extra=extra),
            language=language,
        )
        language = language or voice.languages[0]
        utterances = self._services.router.parts(utterance, target, language, stretch=stretch)
        delivery = Delivery(self._services.speaker, utterances, target, stretch=stretch)
        in_events = body.stream_format == "sse"
        return SpokenResponse(
            delivery,
            voice=str(voice.name),
            media_type=events.MEDIA_TYPE if in_events else target.media_type,
            refuse=DIALECT.refuse,
            framing=events.EventFraming(delivery, len(body.input)) if in_events else None,
        )

    def _voice(self, body: SpeechRequest, key: ApiKey, *, telnyx_first: bool) -> Voice:
        custom = not isinstance(body.voice, str)
        asked = body.voice if isinstance(body.voice, str) else body.voice.id
        name = voice_name(self._catalogue, body.model, asked, telnyx_first=telnyx_first, custom=custom)
        return self._services.router.admit(name, identity_verified=key.identity_verified)

    def _text(self, body: SpeechRequest) -> str:
        limit = self._services.settings.rest.max_characters
        if len(body.input) > limit:
            raise TextTooLong(
                f"input has {len(body.input)} characters; at most {limit} are taken", field="input"
            )
        text = strip_markdown(body.input)
        if not speakable(text):
            raise InvalidRequest("There is nothing to say in input", field="input")
        return text

    def _known_provider(self, provider: str) -> str:
        try:
            return self._catalogue.provider(provider)
        except InvalidRequest as error:
            raise InvalidRequest(error.message, field="provider") from None

    def _model_ids(self) -> list[str]:
        return [*TELNYX_MODELS, *(facts.title for facts in self._catalogue.models())]


def _model(model_id: str) -> Model:
    owner = "openai" if model_id in TELNYX_MODELS else model_id.partition(".")[0].lower()
    return Model(id=model_id, object="model", created=MODELS_SINCE_S, owned_by=owner)


def _language(body: SpeechRequest) -> str | None:
    if body.language is None or body.language.lower() == "auto":
        return None
    if not is_tag(body.language):
        raise InvalidRequest("language is a BCP-47 tag, such as en-US", field="language")
    return body.language
