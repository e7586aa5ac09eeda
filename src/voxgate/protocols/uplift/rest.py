"""Uplift's text to speech over REST: four ways to ask, and audio fetched by its id.

Source: Uplift docs, API reference. Audio that is asked for "async" is begun at once, both ways. Fetching it,
with the key or with its token, waits for the whole file, or streams it while it is made.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from voxgate.access.keys import ApiKey
from voxgate.audio.format import AudioFormat
from voxgate.errors import InvalidRequest, Overloaded, TextTooLong
from voxgate.protocols.uplift.formats import FORMATS, audio_format
from voxgate.protocols.uplift.rest_door import (
    Problem,
    describe,
    finish,
    json_answer,
    preflights,
    refuse,
    uplift_router,
)
from voxgate.protocols.uplift.rest_models import DEFAULT_REST_FORMAT, Media, SynthesisRequest
from voxgate.protocols.uplift.rest_phrases import phrase_routes
from voxgate.protocols.uplift.rest_tokens import MediaTokens
from voxgate.protocols.uplift.rest_transcribe import transcription_routes
from voxgate.protocols.uplift.voices import voice_name
from voxgate.rest.answers import SpokenResponse, WholeSpeechResponse, name_voice
from voxgate.rest.door import authenticate, key_of
from voxgate.rest.openapi import STAND_IN_HEADER, audio_content, refusals
from voxgate.rest.paid import PaidDelivery
from voxgate.services import Services
from voxgate.speech.audio_store import StoredAudio
from voxgate.speech.delivery import split_speed
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Voice

PREFIX = "/v1/synthesis"
WHOLE, STREAM = "/text-to-speech", "/text-to-speech/stream"
ASYNC, STREAM_ASYNC = "/text-to-speech-async", "/text-to-speech/stream-async"
FETCH = "/stream-audio/{media_id}"

_SPEECH_REFUSALS = {
    400: "A field is missing or wrong, or it cannot be spoken as asked.",
    403: "The key may not use this voice.",
    408: "The body did not come in time.",
    413: "The body is larger than `rest.max_body_kib`.",
    502: "Speech could not be made.",
    503: "Too much is going on; `Retry-After` says when to come back.",
    504: "No audio came in time.",
}


def rest_routes(services: Services) -> list[BaseRoute]:
    """Make all of Uplift's REST routes."""
    routers = (_speech_routes(services), phrase_routes(services), transcription_routes(services))
    routes = [route for router in routers for route in router.routes]
    return [*routes, *preflights(routes)]


def _speech_routes(services: Services) -> APIRouter:
    tokens = MediaTokens(services.clock, ttl_s=services.settings.rest.audio_ttl_s)
    door = _Door(services, tokens)

    async def who_asks(request: Request, services: Services) -> ApiKey:
        """Take the token of the query instead of a key, where there is one."""
        token, media_id = request.query_params.get("token"), request.path_params.get("media_id")
        if token is None or media_id is None:
            return await authenticate(request, services)
        key = tokens.check(token, media_id)
        await services.limits.check(key)
        return key

    routes = uplift_router(services, PREFIX, who_asks=who_asks)
    for path, answer, summary in ((WHOLE, door.whole, "whole file"), (STREAM, door.stream, "as it is made")):
        routes.add_api_route(
            path, answer, methods=["POST"], summary=f"Speak a text: {summary}", **_described(_SPEECH_REFUSALS)
        )
    for path, keep in ((ASYNC, door.keep_whole), (STREAM_ASYNC, door.keep_streamed)):
        routes.add_api_route(
            path,
            keep,
            methods=["POST"],
            response_model=Media,
            responses=refusals(Problem, _SPEECH_REFUSALS),
            summary="Speak a text, to be fetched by its id",
        )
    missing = {404: "There is none, or none of this tenant's, or it is not kept any more."}
    failed = {status: _SPEECH_REFUSALS[status] for status in (400, 502, 503, 504)}
    routes.add_api_route(FETCH, door.fetch, summary="Fetch audio by its id", **_described(missing | failed))
    return routes


def _described(failures: dict[int, str]) -> dict[str, Any]:
    audio = {
        "description": "The audio.",
        "headers": STAND_IN_HEADER,
        "content": audio_content(FORMATS.values()),
    }
    return {"response_class": Response, "responses": {200: audio, **refusals(Problem, failures)}}


class _Door:
    """Answers requests whose key and body are in order."""

    def __init__(self, services: Services, tokens: MediaTokens) -> None:
        self._services = services
        self._tokens = tokens

    async def whole(self, body: SynthesisRequest, request: Request) -> Response:
        """Speak a text, and answer when all of it is made."""
        delivery, voice, target = await self._delivery(body, key_of(request))

        def answer(file: bytes) -> Response:
            response = Response(file, media_type=target.media_type)
            describe(response, target, delivery.audio_s)
            finish(request, response)
            return response

        return WholeSpeechResponse(
            delivery,
            voice=str(voice.name),
            audio_format=target,
            answer=answer,
            refuse=lambda error: refuse(request, error),
        )

    async def stream(self, body: SynthesisRequest, request: Request) -> Response:
        """Speak a text, and answer with audio as it is made."""
        delivery, voice, target = await self._delivery(body, key_of(request))
        response = SpokenResponse(
            delivery,
            voice=str(voice.name),
            media_type=target.media_type,
            refuse=lambda error: refuse(request, error),
        )
        describe(response, target)
        return response

    async def keep_whole(self, body: SynthesisRequest, request: Request) -> Response:
        """Begin to speak a text, and answer at once with where the audio will be when all of it is made."""
        return await self._keep(body, key_of(request), streamed=False)

    async def keep_streamed(self, body: SynthesisRequest, request: Request) -> Response:
        """Begin to speak a text, and answer at once with where the audio is while it is made."""
        return await self._keep(body, key_of(request), streamed=True)

    async def _keep(self, body: SynthesisRequest, key: ApiKey, *, streamed: bool) -> Response:
        delivery, voice, target = await self._delivery(body, key)
        audio = StoredAudio(key.tenant, target, str(voice.name), streamed=streamed)
        try:
            self._services.audio_store.make(delivery, audio)
        except Overloaded:
            delivery.cancel()
            raise
        response = json_answer({"mediaId": audio.audio_id, "token": self._tokens.issue(audio.audio_id, key)})
        name_voice(response, str(voice.name), str(self._services.router.spoken_by(voice)))
        return response

    async def fetch(self, media_id: str, request: Request, token: str | None = None) -> Response:
        """Give the audio, from its start; with the key, or with the token that came with its id."""
        audio = self._services.audio_store.find(media_id, key_of(request).tenant)
        await audio.ready()
        response = SpokenResponse(
            audio,
            voice=audio.voice,
            media_type=audio.audio_format.media_type,
            refuse=lambda error: refuse(request, error),
            size_bytes=audio.size_bytes,
        )
        describe(response, audio.audio_format, audio.duration_s)
        return response

    async def _delivery(self, body: SynthesisRequest, key: ApiKey) -> tuple[PaidDelivery, Voice, AudioFormat]:
        """Judge a request, and spend its characters."""
        services, settings = self._services, self._services.settings
        _check_text(body.text, settings.rest.max_characters)
        name = voice_name(body.voiceId, settings.uplift.default_voice)
        voice = services.router.admit(name, identity_verified=key.identity_verified)
        target = audio_format(
            body.outputFormat or DEFAULT_REST_FORMAT, wide_wav_bits=settings.uplift.wide_wav_bits
        )
        lexicon = await services.lexicons.asked_for(
            key.tenant, body.phraseReplacementConfigId or None, field="phraseReplacementConfigId"
        )
        spoken, stretch = split_speed(body.speed or 1.0)
        utterance = Utterance(
            body.text,
            voice.name,
            key.tenant,
            settings=SpeechSettings(speed=spoken),
            lexicon=lexicon,
        )
        spending = await services.quota.spend(key, len(body.text))
        language = voice.languages[0] if voice.languages else None
        pieces = services.router.parts(utterance, target, language, stretch=stretch)
        return PaidDelivery(services, key, spending, pieces, target, stretch=stretch), voice, target


def _check_text(text: str, max_characters: int) -> None:
    if len(text) > max_characters:
        raise TextTooLong(
            f"text has {len(text)} characters; at most {max_characters} are taken", field="text"
        )
    if not speakable(text):
        raise InvalidRequest("There is nothing to say in text", field="text")
