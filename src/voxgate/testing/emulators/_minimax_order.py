"""What MiniMax takes in an order for speech, and the codes with which it refuses one.

Sources: platform.minimax.io, pages speech-t2a-http, speech-t2a-websocket, speech-t2a-websocket-bidi and
errorcode, of 2026-08, and as a public project's notes of 2026-07-31 restate their OpenAPI and AsyncAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container, bit_rates_kbps
from voxgate.errors import UnsupportedFormat
from voxgate.testing.emulators.base import Asked, Emulator

OK, UNKNOWN, RATE_LIMIT, NOT_AUTHORIZED = 0, 1000, 1002, 1004
BAD_CHARACTERS, BAD_PARAMETER, NO_ACCESS, BAD_KEY, BAD_VOICE = 1042, 2013, 2042, 2049, 20132
TIMED_OUT, ILLEGAL_EVENT, EMPTY_TEXT, TEXT_TOO_LONG, TOO_MUCH_TEXT = 2201, 2202, 2203, 2204, 2205

MESSAGES: Mapping[int, str] = MappingProxyType(
    {
        OK: "success",
        UNKNOWN: "unknown error",
        1001: "request timeout",
        RATE_LIMIT: "rate limit",
        NOT_AUTHORIZED: "not authorized / token not match group / cookie is missing, log in again",
        1008: "insufficient balance",
        1024: "internal error",
        BAD_CHARACTERS: "illegal characters exceed 10%",
        BAD_PARAMETER: "invalid params",
        NO_ACCESS: "you don't have access to this voice_id",
        BAD_KEY: "invalid api key",
        BAD_VOICE: "invalid samples or voice_id",
        TIMED_OUT: "timeout, disconnected",
        ILLEGAL_EVENT: "illegal event",
        EMPTY_TEXT: "empty text, skipped",
        TEXT_TOO_LONG: "text exceeds the limit, skipped",
        TOO_MUCH_TEXT: "too much text is waiting",
    }
)

MAX_CHARACTERS = 10_000
MODELS = tuple(
    f"speech-{generation}-{kind}" for generation in ("2.8", "2.6", "02", "01") for kind in ("hd", "turbo")
)
SYSTEM_VOICES: Mapping[str, str] = MappingProxyType(
    {
        "English_expressive_narrator": "Expressive Narrator",
        "English_Graceful_Lady": "Graceful Lady",
        "Wise_Woman": "Wise Woman",
        "Chinese (Mandarin)_Warm_Girl": "Warm Girl",
        "male-qn-qingse": "Qingse",
    }
)
CLONED_VOICE, FOREIGN_VOICE = "my-own-voice-01", "somebody-elses-voice-01"

_RATES_HZ = (8000, 16_000, 22_050, 24_000, 32_000, 44_100)
_BIT_RATES = (32_000, 64_000, 128_000, 256_000)
_EMOTIONS = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm", "fluent", "whisper")
_ONLY_2_6 = ("fluent", "whisper")
_CODECS: Mapping[str, tuple[Codec, Container]] = MappingProxyType(
    {
        "mp3": (Codec.MP3, Container.RAW),
        "pcm": (Codec.PCM_S16LE, Container.RAW),
        "flac": (Codec.FLAC, Container.FLAC),
        "wav": (Codec.PCM_S16LE, Container.WAV),
        "pcmu_raw": (Codec.MULAW, Container.RAW),
        "opus": (Codec.OPUS, Container.OGG),
    }
)
LANGUAGES = frozenset(
    (
        "auto", "Chinese", "Chinese,Yue", "English", "Arabic", "Russian", "Spanish", "French", "Portuguese",
        "German", "Turkish", "Dutch", "Ukrainian", "Vietnamese", "Indonesian", "Japanese", "Italian",
        "Korean", "Thai", "Polish", "Romanian", "Greek", "Czech", "Finnish", "Hindi", "Bulgarian", "Danish",
        "Hebrew", "Malay", "Persian", "Slovak", "Swedish", "Croatian", "Filipino", "Hungarian", "Norwegian",
        "Slovenian", "Catalan", "Nynorsk", "Tamil", "Afrikaans",
    )
)  # fmt: skip


class Refusal(Exception):
    """An order is refused.

    Args:
        code: the vendor's.
        about: the field at fault.
    """

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(f"{MESSAGES[code]}{', ' if about else ''}{about}")
        self.code = code


def base_resp(code: int = OK, message: str = "") -> dict[str, object]:
    """Word a code; it is in everything that the vendor says."""
    return {"status_code": code, "status_msg": message or MESSAGES[code]}


@dataclass(frozen=True, slots=True)
class Order:
    """Model, voice and audio, as ``task_start`` and the HTTP request give them.

    Attributes:
        model: of the vendor.
        voice: likewise.
        speed: of the speech.
        volume: likewise.
        format: in the vendor's word.
        target: the same, as voxgate's encoders take it.
        settings: everything else that changes how it sounds.
    """

    model: str
    voice: str
    speed: float
    volume: float
    format: str
    target: AudioFormat
    settings: dict[str, object]

    @classmethod
    def read(cls, fields: Mapping[str, Any], *, streams: bool) -> Order:
        """Read and check an order; raises `Refusal`."""
        voice = _part(fields, "voice_setting")
        audio = _part(fields, "audio_setting")
        model = fields.get("model")
        if model not in MODELS:
            raise Refusal(BAD_PARAMETER, "model")
        coding = audio.get("format", "mp3")
        rate_hz = _one_of(audio, "sample_rate", _RATES_HZ, 32_000)
        bit_rate = _one_of(audio, "bitrate", _BIT_RATES, 128_000)
        if coding not in _CODECS or (coding == "wav" and streams):
            raise Refusal(BAD_PARAMETER, "format")
        # The vendor makes stereo too; everything spoken here has one channel.
        _one_of(audio, "channel", (1,), 1)
        _one_of(fields, "language_boost", LANGUAGES, None)
        emotion = _one_of(voice, "emotion", _EMOTIONS, None)
        if emotion in _ONLY_2_6 and not model.startswith("speech-2.6"):
            raise Refusal(BAD_PARAMETER, "emotion")
        pitch = _number(voice, "pitch", -12, 12, 0)
        if pitch != int(pitch):
            raise Refusal(BAD_PARAMETER, "pitch")
        _check_modification(fields, coding, streams=streams)
        return cls(
            model=model,
            voice=_voice_id(voice),
            speed=_number(voice, "speed", 0.5, 2, 1),
            volume=_number(voice, "vol", 0.01, 10, 1),
            format=coding,
            target=_target(coding, rate_hz, bit_rate),
            settings={
                name: fields[name]
                for name in ("language_boost", "pronunciation_dict", "voice_modify")
                if name in fields
            }
            | {name: voice[name] for name in ("speed", "vol", "pitch", "emotion") if name in voice},
        )

    def asked(self, text: str = "") -> Asked:
        """Note what was asked for."""
        return Asked(text, self.voice, self.model, self.target.rate_hz, self.format, dict(self.settings))

    def speak(self, emulator: Emulator, text: str, *, whole: bool = False) -> bytes:
        """Return coded speech."""
        made_hz = emulator.faults.wrong_rate_hz or self.target.rate_hz
        pcm = emulator.speech(text, made_hz, speed=self.speed, volume=self.volume)
        target = (
            self.target
            if made_hz == self.target.rate_hz
            else AudioFormat(self.target.codec, made_hz, self.target.container)
        )
        if whole:
            return encode_whole(pcm, made_hz, target)
        encoder = open_encoder(target, made_hz)
        return encoder.feed(pcm) + encoder.finish()

    def extra_info(self, text: str, audio: bytes) -> dict[str, object]:
        """Say what was made of a text, as the vendor sums it up."""
        samples = len(text) * 0.04 / self.speed
        return {
            "audio_channel": 1,
            "audio_format": self.format,
            "audio_length": round(samples * 1000),
            "audio_sample_rate": self.target.rate_hz,
            "audio_size": len(audio),
            "bitrate": 128_000,
            "invisible_character_ratio": 0,
            "usage_characters": usage_characters(text),
            "word_count": len(text.split()),
        }


def check_text(text: object) -> str:
    """Return a text of which no more than a tenth cannot be spoken; raises `Refusal`."""
    if not isinstance(text, str):
        raise Refusal(BAD_PARAMETER, "text")
    strange = sum(not character.isprintable() and not character.isspace() for character in text)
    if strange * 10 > len(text):
        raise Refusal(BAD_CHARACTERS)
    return text


def usage_characters(text: str) -> int:
    """Count a text as it is billed: a Chinese character is two."""
    return len(text) + sum("\u4e00" <= character <= "\u9fff" for character in text)


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = fields.get(name, {})
    if not isinstance(part, dict):
        raise Refusal(BAD_PARAMETER, name)
    return part


def _one_of(fields: Mapping[str, Any], name: str, known: Any, default: Any) -> Any:
    value = fields.get(name, default)
    if value is not None and value not in known:
        raise Refusal(BAD_PARAMETER, name)
    return value


def _number(fields: Mapping[str, Any], name: str, least: float, most: float, default: float) -> float:
    number = fields.get(name, default)
    if not isinstance(number, int | float) or isinstance(number, bool) or not least <= number <= most:
        raise Refusal(BAD_PARAMETER, name)
    return number


def _voice_id(voice: Mapping[str, Any]) -> str:
    voice_id = voice.get("voice_id")
    if not isinstance(voice_id, str) or not voice_id:
        raise Refusal(BAD_PARAMETER, "voice_id")
    if voice_id == FOREIGN_VOICE:
        raise Refusal(NO_ACCESS)
    if voice_id not in SYSTEM_VOICES and voice_id != CLONED_VOICE:
        raise Refusal(BAD_VOICE)
    return voice_id


def _check_modification(fields: Mapping[str, Any], coding: str, *, streams: bool) -> None:
    changes = _part(fields, "voice_modify")
    for name in ("pitch", "intensity", "timbre"):
        _number(changes, name, -100, 100, 0)
    if changes and coding not in (("mp3",) if streams else ("mp3", "wav", "flac")):
        raise Refusal(BAD_PARAMETER, "voice_modify")


def _target(coding: str, rate_hz: int, bit_rate: int) -> AudioFormat:
    codec, container = _CODECS[coding]
    known = bit_rates_kbps(codec, rate_hz) if codec is Codec.MP3 else ()
    kbps = max((each for each in known if each <= bit_rate // 1000), default=None)
    try:
        return AudioFormat(codec, 8000 if codec is Codec.MULAW else rate_hz, container, kbps)
    except UnsupportedFormat:
        raise Refusal(BAD_PARAMETER, "sample_rate") from None
