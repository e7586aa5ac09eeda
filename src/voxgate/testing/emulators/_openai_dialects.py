"""What OpenAI's speech endpoint takes and refuses, and in which words, on each of the servers that have it.

Sources: openai-openapi of 2026-08-21 (``CreateSpeechRequest``, ``SpeechAudioDeltaEvent``) and OpenAI's
text-to-speech guide; Kokoro-FastAPI's ``routers/openai_compatible.py`` and ``structures/schemas.py``;
Speaches' ``routers/speech.py``, ``dependencies.py`` and ``executors/kokoro.py``; vLLM-Omni 0.30.0's
``protocol/audio.py``, ``serving_speech.py`` and ``serving_speech_stream.py``; LocalAI's
``endpoints/localai/tts.go`` and ``http/middleware/auth.go``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from aiohttp import web

REQUEST_ID = "req_emulated"
"""OpenAI's header ``x-request-id`` on everything."""


class Dialect(StrEnum):
    """A server that answers ``POST /v1/audio/speech``."""

    OPENAI = "openai"
    KOKORO = "kokoro"
    """Kokoro-FastAPI."""
    SPEACHES = "speaches"
    VLLM = "vllm"
    """vLLM-Omni 0.30."""
    LOCALAI = "localai"


class Fault(StrEnum):
    """What is wrong with a request; OpenAI's ``code``, and the type of an entry in FastAPI's ``detail``."""

    JSON = "json_invalid"
    MISSING = "missing_required_parameter"
    UNKNOWN_FIELD = "unknown_parameter"
    VALUE = "invalid_value"
    LENGTH = "string_above_max_length"
    MODEL = "model_not_found"
    VOICE = "voice_not_found"
    KEY = "invalid_api_key"


_FIELD_FAULTS = (Fault.JSON, Fault.MISSING, Fault.UNKNOWN_FIELD, Fault.VALUE, Fault.LENGTH)

_TTS_1_VOICES = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
_OPENAI_VOICES = (*_TTS_1_VOICES, "ballad", "cedar", "marin", "verse")
_KOKORO_VOICES = ("af_bella", "af_heart", "af_sky", "am_adam", "bf_emma", "bm_george")
_OPENAI_FIELDS = ("input", "instructions", "model", "response_format", "speed", "stream_format", "voice")
_OPENAI_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one server takes.

    Attributes:
        needs_key: whether it checks a key.
        models: ids that it serves.
        voices: names that it knows.
        voices_of: the same for models that know fewer.
        formats: values of ``response_format``; empty when anything is taken, and what is not known is WAV.
        default_format: without that field.
        speeds: least and greatest.
        rates_hz: values of ``sample_rate``; empty when the field means nothing here.
        native_rate_hz: what it makes otherwise.
        max_characters: of ``input``; 0 when there is no limit.
        fields: all that there are; empty when others are ignored.
        statuses: of its refusals.
    """

    needs_key: bool
    models: Sequence[str]
    voices: Sequence[str]
    statuses: Mapping[Fault, int]
    formats: Sequence[str] = _OPENAI_FORMATS
    default_format: str = "mp3"
    speeds: tuple[float, float] = (0.25, 4.0)
    rates_hz: Sequence[int] = ()
    native_rate_hz: int = 24_000
    max_characters: int = 0
    fields: Sequence[str] = ()
    voices_of: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def knows(self, voice: str, model: str) -> bool:
        """Whether a voice can be asked for with a model."""
        return voice.lower() in self.voices_of.get(model, self.voices)


def _statuses(fields: int, *, model: int, voice: int, key: int) -> Mapping[Fault, int]:
    others = {Fault.MODEL: model, Fault.VOICE: voice, Fault.KEY: key}
    return MappingProxyType({**dict.fromkeys(_FIELD_FAULTS, fields), **others})


RULES: Mapping[Dialect, Rules] = MappingProxyType(
    {
        Dialect.OPENAI: Rules(
            needs_key=True,
            models=("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
            voices=_OPENAI_VOICES,
            statuses=_statuses(400, model=404, voice=400, key=401),
            max_characters=4096,
            fields=_OPENAI_FIELDS,
            voices_of={"tts-1": _TTS_1_VOICES, "tts-1-hd": _TTS_1_VOICES},
        ),
        Dialect.KOKORO: Rules(
            needs_key=False,
            models=("kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
            voices=(*_KOKORO_VOICES, *_TTS_1_VOICES),
            statuses=_statuses(422, model=400, voice=400, key=401),
        ),
        Dialect.SPEACHES: Rules(
            needs_key=True,
            # The second is an alias, of which a server's model_aliases.json may name any.
            models=("speaches-ai/Kokoro-82M-v1.0-ONNX", "tts-1"),
            voices=(*_KOKORO_VOICES, *_OPENAI_VOICES),
            statuses=_statuses(422, model=404, voice=422, key=403),
            speeds=(0.5, 2.0),
            rates_hz=range(8000, 48_001),
        ),
        Dialect.VLLM: Rules(
            needs_key=True,
            # As of --served-model-name, which may list several; alloy is a voice that somebody uploaded.
            models=("Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice", "tts-1"),
            voices=("vivian", "ryan", "aiden", "alloy"),
            statuses=_statuses(400, model=404, voice=400, key=401),
            formats=("wav", "pcm", "flac", "mp3", "opus"),
            default_format="wav",
            rates_hz=(8000, 24_000),
        ),
        Dialect.LOCALAI: Rules(
            needs_key=True,
            models=("tts-1", "voice-en-us-amy-low"),
            voices=("alloy", "en-us-amy-low"),
            # What its backend does not like comes back as an internal error.
            statuses=_statuses(400, model=404, voice=500, key=401),
            formats=(),
            default_format="wav",
            rates_hz=range(8000, 48_001),
            native_rate_hz=22_050,
        ),
    }
)

_OPENAI_TYPES = {401: "invalid_request_error", 403: "invalid_request_error", 429: "requests"}
_OPENAI_CODES = {
    401: "invalid_api_key",
    403: "unsupported_country_region_territory",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}
_KOKORO_ERRORS: Mapping[str, str] = {Fault.MODEL: "invalid_model", Fault.VOICE: "validation_error"}
_VLLM_TYPES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


class Refusal(Exception):
    """A request is refused.

    Args:
        fault: why.
        message: for a person.
        field: at fault.
    """

    def __init__(self, fault: Fault, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.fault, self.message, self.field = fault, message, field


def answer(dialect: Dialect, refusal: Refusal) -> web.Response:
    """Word a refusal as a server does."""
    status = RULES[dialect].statuses[refusal.fault]
    if status == 422 and refusal.fault in _FIELD_FAULTS:
        place = ["body", refusal.field] if refusal.field else ["body"]
        entry = {"type": refusal.fault, "loc": place, "msg": refusal.message, "input": None}
        return web.json_response({"detail": [entry]}, status=status)
    return word(dialect, status, refusal.message, refusal.field, refusal.fault)


def word(
    dialect: Dialect, status: int, message: str, field: str | None = None, code: str | None = None
) -> web.Response:
    """Word an error with an HTTP status as a server does."""
    headers: dict[str, str] = {}
    body: object
    match dialect:
        case Dialect.OPENAI:
            kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
            code = code or _OPENAI_CODES.get(status)
            body = {"error": {"message": message, "type": kind, "param": field, "code": code}}
            headers = {"x-request-id": REQUEST_ID} | ({"Retry-After": "1"} if status == 429 else {})
        case Dialect.KOKORO:
            kind = "invalid_request_error" if status < 500 else "server_error"
            reason = _KOKORO_ERRORS.get(code or "", "processing_error")
            body = {"detail": {"error": reason, "message": message, "type": kind}}
        case Dialect.SPEACHES:
            body = {"detail": message}
            headers = {"WWW-Authenticate": "Bearer"} if status == 403 else {}
        case Dialect.VLLM if status == 401:
            body = {"error": "Unauthorized"}
        case Dialect.VLLM:
            kind = _VLLM_TYPES.get(status, "BadRequestError")
            body = {"error": {"message": message, "type": kind, "param": field, "code": status}}
        case Dialect.LOCALAI:
            kind = "invalid_request_error" if status == 401 else ""
            body = {"error": {"code": status, "message": message, "type": kind}}
    return web.json_response(body, status=status, headers=headers)


_MIX = re.compile(r"[+-]")
_WEIGHT = re.compile(r"\([0-9.]+\)$")


def mixed(voice: str) -> list[str]:
    """Return the voices in Kokoro-FastAPI's mix, ``af_sky(2)+af_bella``; an empty one is in it as ''."""
    return [_WEIGHT.sub("", part) for part in _MIX.split(voice.replace(" ", ""))]
