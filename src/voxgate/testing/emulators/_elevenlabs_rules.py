"""What ElevenLabs' service knows and checks, the same for requests and sockets.

Sources: ElevenLabs' help centre and API reference (errors, formats, limits), the models of its SDK 2.78; the
words of errors are those that public recordings of the live service show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from voxgate.audio.format import AudioFormat, Codec, Container


@dataclass(frozen=True, slots=True)
class Refusal:
    """How the service says no.

    Attributes:
        status: of HTTP.
        kind: the class of error.
        code: what a client decides by.
        message: for people.
        param: which field is meant; with 422 the way to it, from ``body`` or ``query``.
    """

    status: int
    kind: str
    code: str
    message: str
    param: tuple[str, ...] = ()

    def body(self, request_id: str) -> dict[str, object]:
        """Return the body of an answer."""
        if self.status == 422:
            return {"detail": [{"type": self.code, "loc": list(self.param), "msg": self.message}]}
        detail = {"type": self.kind, "code": self.code, "status": self.code, "message": self.message}
        param = self.param[-1] if self.param else None
        return {"detail": {**detail, "request_id": request_id, "param": param}}


class VendorError(Exception):
    """The service says no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


BAD_KEY = Refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")
NO_KEY = Refusal(401, "authentication_error", "authentication_required", "No API key was given")
TOO_MANY = Refusal(
    429, "rate_limit_error", "too_many_concurrent_requests", "Too many concurrent requests for this plan"
)
GATED = Refusal(
    403, "authorization_error", "subscription_required", "This format needs a higher plan", ("output_format",)
)

GENERAL: Mapping[int, Refusal] = MappingProxyType(
    {
        401: BAD_KEY,
        403: Refusal(403, "authorization_error", "missing_permissions", "The key may not do this"),
        404: Refusal(404, "not_found", "voice_not_found", "A voice with that id was not found"),
        429: TOO_MANY,
        503: Refusal(503, "service_unavailable", "system_busy", "The system is busy"),
    }
)
"""What a status means where nothing more is known."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of speech.

    Attributes:
        name: for people.
        max_characters: of one request.
        languages: ISO 639-1.
        cost: credits for each character.
        language_code: whether a request may name a language.
        sockets: whether it speaks over WebSockets.
    """

    name: str
    max_characters: int
    languages: tuple[str, ...]
    cost: float = 1.0
    language_code: bool = False
    sockets: bool = True


_MANY = tuple(
    "en ja zh de hi fr ko pt it es id nl tr fil pl sv bg ro ar cs el fi hr ms sk da ta uk ru".split()
)
_MORE = (*_MANY, "hu", "no", "vi")
MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "eleven_flash_v2_5": Model("Eleven Flash v2.5", 40_000, _MORE, 0.5, language_code=True),
        "eleven_turbo_v2_5": Model("Eleven Turbo v2.5", 40_000, _MORE, 0.5, language_code=True),
        "eleven_flash_v2": Model("Eleven Flash v2", 30_000, ("en",), 0.5),
        "eleven_turbo_v2": Model("Eleven Turbo v2", 30_000, ("en",), 0.5),
        "eleven_multilingual_v2": Model("Eleven Multilingual v2", 10_000, _MANY),
        "eleven_v3": Model("Eleven v3", 3_000, _MORE, language_code=True, sockets=False),
    }
)
DEFAULT_MODEL = "eleven_multilingual_v2"

VOICES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "21m00Tcm4TlvDq8ikWAM": ("Rachel", "female", "american"),
        "EXAVITQu4vr4xnSDxMaL": ("Sarah", "female", "american"),
        "FGY2WhTYpPnrIDTdsKH5": ("Laura", "female", "american"),
        "XrExE9yKIg1WjnnlVkGX": ("Matilda", "female", "american"),
        "cgSgspJ2msm6clMCkdW9": ("Jessica", "female", "american"),
        "Xb7hH8MSUJpSbSDYk0k2": ("Alice", "female", "british"),
        "pFZP5JQG7iQjIQuC4Bku": ("Lily", "female", "british"),
        "CwhRBWXzGAHq8TQ4Fs17": ("Roger", "male", "american"),
        "TX3LPaxmHKxFdv7VOQHJ": ("Liam", "male", "american"),
        "iP95p4xoKVk53GoZ742B": ("Chris", "male", "american"),
        "pNInz6obpgDQGcFmaJgB": ("Adam", "male", "american"),
        "JBFqnCBsd6RMkjVDRZzb": ("George", "male", "british"),
        "onwK4e9ZLuTAKqWW03F9": ("Daniel", "male", "british"),
    }
)
"""Name, gender and accent by id: those of the account."""

_PCM_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_WORDS = (
    "mp3_22050_32", "mp3_24000_48", *(f"mp3_44100_{kbps}" for kbps in (32, 64, 96, 128, 192)),
    *(f"pcm_{rate_hz}" for rate_hz in _PCM_HZ), "ulaw_8000", "alaw_8000",
    *(f"opus_48000_{kbps}" for kbps in (32, 64, 96, 128, 192)),
)  # fmt: skip
_WHOLE_WORDS = tuple(f"wav_{rate_hz}" for rate_hz in _PCM_HZ)
_CODECS = {
    "mp3": (Codec.MP3, Container.RAW, "audio/mpeg"),
    "pcm": (Codec.PCM_S16LE, Container.RAW, "audio/pcm"),
    "wav": (Codec.PCM_S16LE, Container.WAV, "audio/wav"),
    "ulaw": (Codec.MULAW, Container.RAW, "audio/basic"),
    "alaw": (Codec.ALAW, Container.RAW, "audio/x-alaw-basic"),
    "opus": (Codec.OPUS, Container.OGG, "audio/opus"),
}
_HIGHER_PLANS = ("mp3_44100_192", "pcm_44100")


def check_format(word: str, *, streamed: bool = True) -> tuple[AudioFormat, str]:
    """Read an ``output_format``; return what it stands for and its media type."""
    if word not in _WORDS and (streamed or word not in _WHOLE_WORDS):
        refuse_field("enum", "Input should be one of the formats", "query", "output_format")
    if word in _HIGHER_PLANS:
        raise VendorError(GATED)
    codec, rate_hz, *kbps = word.split("_")
    kind, container, media_type = _CODECS[codec]
    return AudioFormat(kind, int(rate_hz), container, int(kbps[0]) if kbps else None), media_type


def check_model(model_id: str, language_code: str | None) -> Model:
    """Look a model up, and whether it takes the language."""
    if (model := MODELS.get(model_id)) is None:
        refuse("model_not_found", "There is no such model", "model_id")
    if language_code is not None and not (model.language_code and language_code in model.languages):
        refuse("unsupported_language", f"{model_id} takes no such language_code", "language_code")
    return model


def check_voice(voice_id: str) -> None:
    """Refuse a voice that the account does not have."""
    if voice_id not in VOICES:
        raise VendorError(GENERAL[404])


def check_settings(settings: Mapping[str, object]) -> float:
    """Check ``voice_settings``; return the speed."""
    for name, low, high in (
        ("stability", 0.0, 1.0),
        ("similarity_boost", 0.0, 1.0),
        ("style", 0.0, 1.0),
        ("speed", 0.7, 1.2),
    ):
        value = settings.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse_field("float_type", "Input should be a number", "body", "voice_settings", name)
        if not low <= value <= high:
            refuse(
                "invalid_voice_settings", f"{name} should be from {low} to {high}", f"voice_settings.{name}"
            )
    if not isinstance(settings.get("use_speaker_boost"), bool | None):
        refuse_field("bool_type", "Input should be a boolean", "body", "voice_settings")
    speed = settings.get("speed")
    return float(speed) if isinstance(speed, int | float) else 1.0


def check_text(text: str, model: Model) -> None:
    """Refuse a text that is empty or too long."""
    if not text.strip():
        refuse("input_text_empty", "There is nothing to say", "text")
    if len(text) > model.max_characters:
        refuse("max_character_limit_exceeded", "The text is longer than the model takes", "text")


def refuse(code: str, message: str, param: str) -> NoReturn:
    """Refuse what is well formed and cannot be done."""
    raise VendorError(Refusal(400, "validation_error", code, message, (param,)))


def refuse_field(code: str, message: str, *where: str) -> NoReturn:
    """Refuse what is not well formed."""
    raise VendorError(Refusal(422, "", code, message, where))
