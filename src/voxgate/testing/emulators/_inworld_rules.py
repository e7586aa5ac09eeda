"""What Inworld's interfaces have in common: voices, models, formats, ranges, and words for errors.

Source: Inworld's OpenAPI and AsyncAPI (docs.inworld.ai), its package inworld-tts 1.2.1, its guides to the
WebSocket (inworld-api-examples, 2026-10). Names of fields come in camel case or in snake case, as in all
JSON of protobuf.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voxgate.audio import wav
from voxgate.audio.format import Codec, Container
from voxgate.errors import UnsupportedFormat
from voxgate.testing.emulators._speech import Coding, made_rate_hz, seconds, word_spans
from voxgate.testing.emulators.base import Emulator

INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, EXHAUSTED, INTERNAL, UNAUTHENTICATED = 3, 5, 6, 8, 13, 16
"""Codes of gRPC, which stand in every error."""
HTTP_STATUS = MappingProxyType({3: 400, 5: 404, 6: 409, 8: 429, 13: 500, 16: 401})

MODELS = (
    "inworld-tts-1", "inworld-tts-1-max", "inworld-tts-1.5-mini", "inworld-tts-1.5-max", "inworld-tts-2",
    "inworld-tts-2-flash",
)  # fmt: skip
VOICES: Mapping[str, str] = MappingProxyType(
    {
        "Ashley": "EN_US",
        "Alex": "EN_US",
        "Dennis": "EN_US",
        "Hades": "EN_US",
        "Hélène": "FR_FR",
        "Josef": "DE_DE",
    }
)
"""Ready-made voices with the language of each."""
DELIVERY_MODES = ("STABLE", "BALANCED", "CREATIVE", "EXPRESSIVE")
DEFAULT_RATE_HZ = 48_000

_CODINGS: Mapping[str, tuple[Codec, Container]] = MappingProxyType(
    {
        "PCM": (Codec.PCM_S16LE, Container.RAW),
        "LINEAR16": (Codec.PCM_S16LE, Container.RAW),
        "WAV": (Codec.PCM_S16LE, Container.WAV),
        "MP3": (Codec.MP3, Container.RAW),
        "OGG_OPUS": (Codec.OPUS, Container.OGG),
        "FLAC": (Codec.FLAC, Container.FLAC),
        "ALAW": (Codec.ALAW, Container.RAW),
        "MULAW": (Codec.MULAW, Container.RAW),
    }
)
_SNAKE = re.compile(r"_([a-z])")


class Refused(Exception):
    """What a client asked for cannot be done.

    Attributes:
        code: of gRPC.
        message: the vendor's text.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> dict[str, object]:
        """The object that stands in answers."""
        return {"code": self.code, "message": self.message, "details": []}


@dataclass(slots=True)
class Speaking:
    """How to speak, checked.

    Attributes:
        voice: its id.
        model: its id.
        encoding: in the vendor's word.
        coding: the same in ours.
        speed: rate of speech.
        timestamps: ``WORD``, ``CHARACTER`` or nothing.
        given: the fields as they came, in camel case.
    """

    voice: str
    model: str
    encoding: str
    coding: Coding
    speed: float
    timestamps: str
    given: dict[str, object]


def camel(fields: object) -> dict[str, object]:
    """Return an object with its names in camel case, and those of the objects in it.

    Raises:
        Refused: it is no object.
    """
    if not isinstance(fields, dict):
        raise Refused(INVALID_ARGUMENT, "not an object")
    return {
        _SNAKE.sub(lambda letter: letter[1].upper(), name): camel(value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }


def speaking(fields: Mapping[str, object]) -> Speaking:
    """Check the fields that ``create`` and HTTP share.

    Raises:
        Refused: one is missing or out of range.
    """
    voice, model = _text(fields, "voiceId"), _text(fields, "modelId")
    if not voice or not model:
        raise Refused(INVALID_ARGUMENT, "voiceId and modelId are required")
    if model not in MODELS:
        raise Refused(INVALID_ARGUMENT, f"Unknown model: {model}")
    if voice not in VOICES:
        raise Refused(NOT_FOUND, f"Unknown voice: {voice} not found!")
    audio = camel(fields.get("audioConfig", {}))
    if "pitch" in audio:
        raise Refused(INVALID_ARGUMENT, "pitch is not supported")
    encoding = _choice(audio, "audioEncoding", "MP3", tuple(_CODINGS))
    rate_hz = int(_number(audio, "sampleRateHertz", DEFAULT_RATE_HZ, 8000, 48000))
    _number(fields, "temperature", 1.0, 0.0, 2.0)
    _choice(fields, "applyTextNormalization", "ON", ("ON", "OFF", "APPLY_TEXT_NORMALIZATION_UNSPECIFIED"))
    if "deliveryMode" in fields and not model.startswith("inworld-tts-2"):
        raise Refused(INVALID_ARGUMENT, "deliveryMode is not supported by this model")
    _choice(fields, "deliveryMode", "BALANCED", DELIVERY_MODES)
    _text(fields, "language")
    timestamps = _choice(fields, "timestampType", "", ("", "TIMESTAMP_TYPE_UNSPECIFIED", "WORD", "CHARACTER"))
    return Speaking(
        voice=voice,
        model=model,
        encoding=encoding,
        coding=_coding(encoding, rate_hz),
        speed=_number(audio, "speakingRate", 1.0, 0.5, 1.5),
        timestamps="" if timestamps.startswith("T") else timestamps,
        given=dict(fields),
    )


def framed(emulator: Emulator, how: Speaking) -> Callable[[bytes], bytes]:
    """Return what a piece is changed by: each of LINEAR16 is a WAV file of its own."""
    if how.encoding != "LINEAR16":
        return bytes
    rate_hz = made_rate_hz(emulator, how.coding.rate_hz)
    return lambda piece: wav.header(rate_hz, 16, len(piece)) + piece


def alignment(how: Speaking, text: str) -> dict[str, object]:
    """Tell when each word or character of a text sounds, counted from its beginning."""
    if how.timestamps == "WORD":
        spans, kind, name = word_spans(text, speed=how.speed), "word", "words"
    else:
        spans = [
            (character, seconds(place, how.speed), seconds(place + 1, how.speed))
            for place, character in enumerate(text)
        ]
        kind, name = "character", "characters"
    return {
        f"{kind}Alignment": {
            name: [span[0] for span in spans],
            f"{kind}StartTimeSeconds": [span[1] for span in spans],
            f"{kind}EndTimeSeconds": [span[2] for span in spans],
        }
    }


def usage(how: Speaking, text: str) -> dict[str, object]:
    """The vendor's own count."""
    return {"processedCharactersCount": len(text), "modelId": how.model}


def check_text(text: object, limit: int) -> str:
    """Return a text that is one, and not too long.

    Raises:
        Refused: it is not.
    """
    if not isinstance(text, str):
        raise Refused(INVALID_ARGUMENT, "text must be a string")
    if len(text) > limit:
        raise Refused(INVALID_ARGUMENT, f"text exceeds {limit} characters")
    return text


def voices(*languages: str) -> list[dict[str, object]]:
    """List the voices, all or those of languages such as ``en`` or ``EN_US``."""
    prefixes = tuple(language.lower().replace("-", "_") for language in languages) or ("",)
    return [
        {
            "name": f"workspaces/inworld/voices/{voice}",
            "voiceId": voice,
            "langCode": code,
            "displayName": voice,
            "description": "A voice",
            "tags": ["male" if voice in ("Alex", "Dennis", "Hades", "Josef") else "female"],
            "categories": [],
            "source": "SYSTEM",
            "gender": "male" if voice in ("Alex", "Dennis", "Hades", "Josef") else "female",
            "ageGroup": "adult",
            "promptLanguages": [code.replace("_", "-")],
        }
        for voice, code in VOICES.items()
        if code.lower().startswith(prefixes)
    ]


def _coding(encoding: str, rate_hz: int) -> Coding:
    codec, container = _CODINGS[encoding]
    coding = Coding(codec, rate_hz, container)
    try:
        _ = coding.format
    except UnsupportedFormat:
        raise Refused(INVALID_ARGUMENT, f"{encoding} has no {rate_hz} Hz") from None
    return coding


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Refused(INVALID_ARGUMENT, f"{name} must be a string")
    return value


def _choice(fields: Mapping[str, object], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or value not in choices:
        raise Refused(INVALID_ARGUMENT, f"invalid value for {name}")
    return value


def _number(fields: Mapping[str, object], name: str, default: float, low: float, high: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refused(INVALID_ARGUMENT, f"{name} must be between {low} and {high}")
    return value
