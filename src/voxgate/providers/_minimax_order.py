"""How MiniMax is asked, over every transport alike, and what its codes mean.

Source: platform.minimax.io, pages speech-t2a-http, speech-t2a-websocket-bidi and errorcode.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, bit_rates_kbps
from voxgate.errors import (
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._audio import PCM_24K
from voxgate.speech.language import primary_language
from voxgate.speech.utterance import Utterance

MP3_FILES = tuple(
    AudioFormat(Codec.MP3, rate_hz, bit_rate_kbps=kbps)
    for rate_hz in (16_000, 24_000, 32_000, 44_100)
    for kbps in (32, 64, 128, 256)
    if kbps in bit_rates_kbps(Codec.MP3, rate_hz)
)
"""Of those that MiniMax makes, the ones that an MPEG stream can have."""
SPEEDS = (0.5, 2.0)
_SLOWEST, _FASTEST = SPEEDS
_LOUDEST, _SOFTEST = 10.0, 0.01
_HIGHEST = 12
_VOICE_FIELDS = ("emotion", "text_normalization", "english_normalization", "latex_read")
_LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "af": "Afrikaans",
        "ar": "Arabic",
        "bg": "Bulgarian",
        "ca": "Catalan",
        "cs": "Czech",
        "da": "Danish",
        "de": "German",
        "el": "Greek",
        "en": "English",
        "es": "Spanish",
        "fa": "Persian",
        "fi": "Finnish",
        "fil": "Filipino",
        "fr": "French",
        "he": "Hebrew",
        "hi": "Hindi",
        "hr": "Croatian",
        "hu": "Hungarian",
        "id": "Indonesian",
        "it": "Italian",
        "ja": "Japanese",
        "ko": "Korean",
        "ms": "Malay",
        "nb": "Norwegian",
        "nl": "Dutch",
        "nn": "Nynorsk",
        "pl": "Polish",
        "pt": "Portuguese",
        "ro": "Romanian",
        "ru": "Russian",
        "sk": "Slovak",
        "sl": "Slovenian",
        "sv": "Swedish",
        "ta": "Tamil",
        "th": "Thai",
        "tr": "Turkish",
        "uk": "Ukrainian",
        "vi": "Vietnamese",
        "yue": "Chinese,Yue",
        "zh": "Chinese",
    }
)

_BAD_VOICE = frozenset((2042, 2054, 20132))
_DENIED = frozenset((1004, 1008, 2049))
_FULL = frozenset((1002, 1039, 2205))
_REJECTED = frozenset((1026, 1027, 1042, 2013, 2204))
SKIPPED_EMPTY = 2203
"""A piece of text without words was passed over; nothing is lost."""


def order(utterance: Utterance, sent: AudioFormat) -> dict[str, object]:
    """Say who is to speak and how: ``task_start``, or the HTTP request, but for the text."""
    settings, voice = utterance.settings, utterance.voice
    voice_setting: dict[str, object] = {
        "voice_id": voice.voice_id,
        "speed": min(_FASTEST, max(_SLOWEST, settings.speed)),
        "vol": min(_LOUDEST, max(_SOFTEST, settings.volume)),
        "pitch": max(-_HIGHEST, min(_HIGHEST, round(settings.pitch_semitones))),
    }
    voice_setting |= {name: value for name, value in settings.extra if name in _VOICE_FIELDS}
    audio_setting: dict[str, object] = {"sample_rate": sent.rate_hz, "channel": 1, "format": "pcm"}
    if sent.codec is Codec.MP3:
        kbps = sent.coded_kbps or 128
        audio_setting |= {"format": "mp3", "bitrate": kbps * 1000, "force_cbr": True}
    asked: dict[str, object] = {
        "model": voice.model,
        "voice_setting": voice_setting,
        "audio_setting": audio_setting,
    }
    language = _LANGUAGES.get(primary_language(utterance.language)) if utterance.language else None
    return asked | ({"language_boost": language} if language else {})


def sent_for(utterance: Utterance) -> AudioFormat:
    """Choose the format to ask for."""
    return utterance.passthrough if utterance.passthrough in MP3_FILES else PCM_24K


def failure(vendor: str, code: int, trace_id: str | None) -> VoxgateError:
    """Say what a code amounts to; 0, which is none, must not come here."""
    told = f"{vendor} answered with code {code}"
    if code in _BAD_VOICE:
        error: VoxgateError = InvalidVoice(f"{vendor} has no such voice for this account", field="voice")
        error.provider_request_id = trace_id
        return error
    if code in _FULL:
        return Overloaded(f"{vendor} has too much to do")
    if code in _DENIED:
        return ProviderDenied(told, provider_request_id=trace_id)
    if code in _REJECTED:
        return ProviderRejected(told, provider_request_id=trace_id)
    return ProviderUnavailable(told, provider_request_id=trace_id)
