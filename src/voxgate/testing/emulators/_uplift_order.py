"""What Uplift takes in a request for speech; the same over WebSocket and REST.

Sources: docs.upliftai.org, pages websocket-tts and api-reference; clients that others ran against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators.base import Asked, Emulator

DEFAULT_FORMAT, DEFAULT_VOICE = "PCM_22050_16", "v_meklc281"
VOICES = (
    DEFAULT_VOICE,
    "v_8eelc901",
    "v_30s70t3a",
    "v_yypgzenx",
    "v_kwmp7zxt",
    "v_sd0kl3m9",
    "helpdesk-agent",
)
MAX_CHARACTERS = 10_000
FORMATS: Mapping[str, tuple[AudioFormat, str]] = MappingProxyType(
    {
        "PCM_22050_16": (AudioFormat(Codec.PCM_S16LE, 22_050), "audio/pcm"),
        "WAV_22050_16": (AudioFormat(Codec.PCM_S16LE, 22_050, Container.WAV), "audio/wav"),
        # Whole numbers or floats: not documented. The only known reader of 32 bits wants whole ones.
        "WAV_22050_32": (AudioFormat(Codec.PCM_S32LE, 22_050, Container.WAV), "audio/wav"),
        "MP3_22050_32": (AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=32), "audio/mpeg"),
        "MP3_22050_64": (AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=64), "audio/mpeg"),
        "MP3_22050_128": (AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=128), "audio/mpeg"),
        "OGG_22050_16": (AudioFormat(Codec.VORBIS, 22_050, Container.OGG), "audio/ogg"),
        "ULAW_8000_8": (AudioFormat(Codec.MULAW, 8000), "audio/x-mulaw"),
    }
)


class Refusal(Exception):
    """A request is refused.

    Args:
        message: for a person.
        code: over WebSocket.
    """

    def __init__(self, message: str, code: str = "synthesis_failed") -> None:
        super().__init__(message)
        self.code = code


class UnknownVoice(Refusal):
    """There is no such voice."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request that is in order.

    Attributes:
        text: to speak.
        voice: its id.
        format: in Uplift's word.
        speed: undocumented, but honoured by the service.
        replacements: id of a configuration of phrases, if one was named.
    """

    text: str
    voice: str
    format: str
    speed: float
    replacements: str | None

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Order:
        """Read and check a request; raises `Refusal`. What is not known is ignored."""
        text, voice = fields.get("text"), fields.get("voiceId", DEFAULT_VOICE)
        coding, speed = fields.get("outputFormat", DEFAULT_FORMAT), fields.get("speed", 1.0)
        if not isinstance(text, str) or not text.strip():
            raise Refusal("text must be a string that is not empty")
        if len(text) > MAX_CHARACTERS:
            raise Refusal(f"text must have at most {MAX_CHARACTERS} characters", "text_too_long")
        if coding not in FORMATS:
            raise Refusal(f"outputFormat must be one of {', '.join(FORMATS)}")
        if not isinstance(speed, int | float) or isinstance(speed, bool) or not 0.5 <= speed <= 2.0:
            raise Refusal("speed must be a number from 0.5 to 2")
        if voice not in VOICES:
            raise UnknownVoice("unknown voice")
        return cls(text, voice, coding, speed, fields.get("phraseReplacementConfigId"))

    @property
    def target(self) -> AudioFormat:
        """The format, as voxgate's encoders take it."""
        return FORMATS[self.format][0]

    @property
    def media_type(self) -> str:
        """The format, as HTTP calls it."""
        return FORMATS[self.format][1]

    def asked(self) -> Asked:
        """Note what was asked for."""
        settings: dict[str, object] = {"speed": self.speed, "phraseReplacementConfigId": self.replacements}
        return Asked(self.text, self.voice, "", self.target.rate_hz, self.format, settings)

    def speak(self, emulator: Emulator, *, whole: bool = False) -> bytes:
        """Return coded speech: for each request a file of its own."""
        asked_hz = self.target.rate_hz
        made_hz = emulator.faults.wrong_rate_hz or asked_hz
        pcm = emulator.speech(self.text, made_hz, speed=self.speed)
        target = (
            self.target
            if made_hz == asked_hz
            else AudioFormat(self.target.codec, made_hz, self.target.container)
        )
        if whole:
            return encode_whole(pcm, made_hz, target)
        encoder = open_encoder(target, made_hz)
        return encoder.feed(pcm) + encoder.finish()
