"""Uplift's transcription: ``/v1/transcribe/speech-to-text``.

Source: Uplift docs; clients in the field. ``model`` and ``domain`` are taken and change nothing. What a file
is shows in its first bytes, except for raw PCM, which is told by its name or type.
"""

from __future__ import annotations

import asyncio
from email.message import Message

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from voxgate.audio.decoder import decode
from voxgate.audio.format import BYTES_PER_SAMPLE
from voxgate.audio.resample import Resampler
from voxgate.errors import InvalidRequest
from voxgate.protocols.uplift.rest_door import Problem, json_answer, uplift_router
from voxgate.protocols.uplift.rest_models import Transcript
from voxgate.rest.answers import until_gone
from voxgate.rest.openapi import refusals
from voxgate.rest.upload import read_form
from voxgate.services import Services

PATH = "/v1/transcribe/speech-to-text"
PCM_RATE_HZ = 16_000
"""Of raw PCM whose type does not say otherwise (``audio/pcm;rate=8000``)."""
_RATES_HZ = range(4_000, 192_001)
_PCM_NAMES = (".pcm", ".raw")
_PCM_TYPES = frozenset({"audio/pcm", "audio/x-pcm", "audio/raw", "audio/x-raw"})

_REFUSALS = {
    400: "There is no file, no sound in it that can be read or too much, or the language is not understood.",
    408: "The body did not come in time.",
    413: "The file is larger than `transcription.max_file_mib`.",
    502: "The recognizer failed.",
    503: "Too much is going on; `Retry-After` says when to come back.",
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "WAV, MP3, Ogg, FLAC, M4A, AAC or WebM; or raw PCM, 16 bits, "
                            "little endian, one channel, 16,000 Hz unless its type has another `rate`.",
                        },
                        "language": {"type": "string", "description": "Locally only English is understood."},
                        "model": {"type": "string", "enum": ["scribe", "scribe-mini"]},
                        "domain": {"type": "string", "enum": ["phone-commerce", "farming"]},
                    },
                }
            }
        },
    }
}


def transcription_routes(services: Services) -> APIRouter:
    """Make the route."""
    door = _Door(services)
    routes = uplift_router(services)
    routes.add_api_route(
        PATH,
        door.transcribe,
        methods=["POST"],
        response_model=Transcript,
        response_model_exclude_none=True,
        responses=refusals(Problem, _REFUSALS),
        openapi_extra=_FORM,
        summary="Transcribe a recording",
    )
    return routes


class _Door:
    """Answers requests whose key is in order."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings.transcription
        self._transcriber = services.transcriber

    async def transcribe(self, request: Request) -> Response:
        """Say what is said in a recording."""
        answers: list[Response] = []
        async with read_form(request, self._settings.max_file_mib << 20) as form:
            language = form.fields.get("language") or None
            self._transcriber.check_language(language)

            async def work() -> None:
                async with self._transcriber.turn():
                    pcm = await self._pcm(form.file)
                    text = await self._transcriber.transcribe(pcm, language)
                answers.append(json_answer(self._answer(text)))

            await until_gone(request.receive, work())
        return answers[0] if answers else Response()  # to nobody

    def _answer(self, text: str) -> dict[str, str]:
        answer = {"transcript": text, "text": text}
        if self._transcriber.language is not None:
            answer["language"] = self._transcriber.language
        return answer

    async def _pcm(self, file: UploadFile) -> bytes:
        """Decode a file, whatever it is, to what the recognizer wants."""
        data, rate_hz = await file.read(), self._transcriber.rate_hz
        try:
            if (source_hz := _raw_rate_hz(file)) is not None:
                return await asyncio.to_thread(
                    _resampled, data, source_hz, rate_hz, self._settings.max_seconds
                )
            decoded = await asyncio.to_thread(
                decode, data, rate_hz=rate_hz, max_seconds=self._settings.max_seconds
            )
        except InvalidRequest as error:
            raise InvalidRequest(error.message, field="file") from None
        return decoded.pcm


def _raw_rate_hz(file: UploadFile) -> int | None:
    """Tell the rate of raw PCM; None when a file says that it is something else."""
    kind = Message()
    kind["content-type"] = file.content_type or "application/octet-stream"
    named = (file.filename or "").lower().endswith(_PCM_NAMES)
    if not named and kind.get_content_type() not in _PCM_TYPES:
        return None
    rate = str(kind.get_param("rate", PCM_RATE_HZ))
    if not (rate.isascii() and rate.isdecimal() and len(rate) < 7 and int(rate) in _RATES_HZ):
        raise InvalidRequest("The rate of raw PCM is a number of samples a second")
    return int(rate)


def _resampled(data: bytes, source_hz: int, rate_hz: int, max_seconds: float) -> bytes:
    if not data or len(data) % BYTES_PER_SAMPLE:
        raise InvalidRequest("Raw PCM has two bytes for each sample, and at least one of these")
    if len(data) > max_seconds * source_hz * BYTES_PER_SAMPLE:
        raise InvalidRequest(f"There are more than {max_seconds:g} seconds of sound in it")
    resampler = Resampler(source_hz, rate_hz)
    return resampler.feed(data) + resampler.flush()
