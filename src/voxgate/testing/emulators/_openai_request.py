"""Reads a request for speech as a server of one dialect does, or refuses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators._openai_dialects import RULES, Dialect, Fault, Refusal, Rules, mixed
from voxgate.testing.emulators.base import Asked

_CODECS: Mapping[str, tuple[Codec, Container]] = MappingProxyType(
    {
        "mp3": (Codec.MP3, Container.RAW),
        "opus": (Codec.OPUS, Container.OGG),
        "aac": (Codec.AAC, Container.ADTS),
        "flac": (Codec.FLAC, Container.FLAC),
        "wav": (Codec.PCM_S16LE, Container.WAV),
        "pcm": (Codec.PCM_S16LE, Container.RAW),
    }
)
_OPUS_HZ = 24_000


class Delivery(Enum):
    """How the audio comes."""

    WHOLE = auto()
    CHUNKED = auto()
    EVENTS = auto()


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A request that is in order.

    Attributes:
        asked: what for.
        delivery: how it is to come.
        speed: of the speech.
    """

    asked: Asked
    delivery: Delivery
    speed: float


class Reader:
    """Reads requests; every method raises `Refusal` for what is not in order.

    Args:
        dialect: whose.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._rules: Rules = RULES[dialect]

    def read(self, body: bytes) -> SpeechRequest:
        """Read the body of ``POST /v1/audio/speech``."""
        fields = self._fields(body)
        model = fields["model"]
        self.check_model(model)
        speed = self.speed(fields)
        rate_hz = self._rate_hz(fields)
        voice = self.voice(fields["voice"], model)
        coding = self.coding(fields)
        delivery = self._delivery(fields, coding)
        coding, rate_hz = self._made(delivery, coding, rate_hz)
        if self._dialect is Dialect.VLLM and delivery is not Delivery.WHOLE and speed != 1.0:
            raise Refusal(Fault.VALUE, "Streaming is not supported with speed adjustment.", "speed")
        settings: dict[str, object] = {
            name: fields[name] for name in ("speed", "instructions", "language") if name in fields
        }
        return SpeechRequest(Asked(fields["input"], voice, model, rate_hz, coding, settings), delivery, speed)

    def check_model(self, model: str) -> None:
        """Refuse a model that is not served."""
        if model not in self._rules.models:
            raise Refusal(Fault.MODEL, f"The model `{model}` does not exist.", "model")

    def speed(self, fields: Mapping[str, Any]) -> float:
        """Return ``speed``."""
        speed = fields.get("speed", 1.0)
        least, most = self._rules.speeds
        if not isinstance(speed, int | float) or isinstance(speed, bool) or not least <= speed <= most:
            raise Refusal(Fault.VALUE, f"speed must be a number from {least} to {most}", "speed")
        return speed

    def voice(self, voice: object, model: str) -> str:
        """Return a voice that the model knows."""
        name = voice.get("id") if isinstance(voice, dict) else voice
        if not isinstance(name, str):
            raise Refusal(Fault.VALUE, "voice must be a string or an object with an id", "voice")
        names = mixed(name) if self._dialect is Dialect.KOKORO else [name]
        if not all(self._rules.knows(each, model) for each in names):
            known = ", ".join(self._rules.voices)
            raise Refusal(Fault.VOICE, f"Invalid voice '{name}'. Supported: {known}", "voice")
        return name

    def coding(self, fields: Mapping[str, Any]) -> str:
        """Return the format that is made of ``response_format``."""
        coding: str = fields.get("response_format", self._rules.default_format)
        if not self._rules.formats:
            return coding if coding in ("mp3", "aac", "flac", "opus") else "wav"
        if coding not in self._rules.formats:
            known = ", ".join(self._rules.formats)
            message = f"Invalid value: '{coding}'. Supported values are: {known}."
            raise Refusal(Fault.VALUE, message, "response_format")
        return coding

    def _fields(self, body: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(body)
        except ValueError:
            raise Refusal(Fault.JSON, "The body of the request is not JSON") from None
        if not isinstance(fields, dict):
            raise Refusal(Fault.JSON, "The body of the request is not an object")
        for name in fields:
            if self._rules.fields and name not in self._rules.fields:
                raise Refusal(Fault.UNKNOWN_FIELD, f"Unknown parameter: '{name}'.", name)
        for name in ("model", "input", "voice"):
            if name not in fields:
                raise Refusal(Fault.MISSING, f"Missing required parameter: '{name}'.", name)
        for name in ("model", "input", "response_format", "stream_format", "instructions"):
            if not isinstance(fields.get(name, ""), str):
                raise Refusal(Fault.VALUE, f"{name} must be a string", name)
        for name in ("input", "instructions"):
            if 0 < self._rules.max_characters < len(fields.get(name, "")):
                raise Refusal(Fault.LENGTH, f"Invalid '{name}': string too long.", name)
        if not fields["input"].strip():
            raise Refusal(Fault.VALUE, "Input text cannot be empty", "input")
        return fields

    def _rate_hz(self, fields: Mapping[str, Any]) -> int:
        rate_hz = fields.get("sample_rate")
        if rate_hz is None or not self._rules.rates_hz:
            return self._rules.native_rate_hz
        if not isinstance(rate_hz, int) or rate_hz not in self._rules.rates_hz:
            raise Refusal(Fault.VALUE, "sample_rate is not one of those offered", "sample_rate")
        return rate_hz

    def _delivery(self, fields: Mapping[str, Any], coding: str) -> Delivery:
        stream = fields.get("stream", self._dialect is Dialect.KOKORO) is True
        streamed = fields.get("stream_format", "")
        if streamed not in ("", "audio", "sse"):
            raise Refusal(Fault.VALUE, "stream_format must be 'audio' or 'sse'", "stream_format")
        match self._dialect:
            case Dialect.OPENAI if streamed == "sse" and fields["model"].startswith("tts-1"):
                raise Refusal(Fault.VALUE, "sse is not supported for this model", "stream_format")
            case Dialect.OPENAI | Dialect.SPEACHES:
                return Delivery.EVENTS if streamed == "sse" else Delivery.CHUNKED
            case Dialect.KOKORO | Dialect.LOCALAI:
                return Delivery.CHUNKED if stream else Delivery.WHOLE
            case Dialect.VLLM:
                if not stream and not streamed:
                    return Delivery.WHOLE
                if coding not in ("pcm", "wav"):
                    raise Refusal(Fault.VALUE, "Streaming requires pcm or wav", "response_format")
                return Delivery.CHUNKED if streamed == "audio" else Delivery.EVENTS

    def _made(self, delivery: Delivery, coding: str, rate_hz: int) -> tuple[str, int]:
        """Two servers stream what their model makes, whatever was asked."""
        if self._dialect is Dialect.SPEACHES and delivery is Delivery.EVENTS:
            return "pcm", self._rules.native_rate_hz
        if self._dialect is Dialect.LOCALAI and delivery is Delivery.CHUNKED:
            return "wav", self._rules.native_rate_hz
        return coding, rate_hz


def coded(pcm: bytes, rate_hz: int, coding: str, *, whole: bool) -> bytes:
    """Return coded speech; a WAV file that is not sent as a whole does not know its length."""
    codec, container = _CODECS[coding]
    target = AudioFormat(codec, _OPUS_HZ if codec is Codec.OPUS else rate_hz, container)
    if whole:
        return encode_whole(pcm, rate_hz, target)
    encoder = open_encoder(target, rate_hz)
    return encoder.feed(pcm) + encoder.finish()
