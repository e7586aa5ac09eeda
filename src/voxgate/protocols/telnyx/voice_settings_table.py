"""The fields of ``voice_settings``: a row for each, by provider and model.

Source: Telnyx docs, voice settings page and the provider pages; Telnyx SDK 4.189, types of the provider
objects. Where the two give different limits the wider ones are accepted. Limits that neither gives are the
vendor's own, or what the local stand-ins can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from voxgate.protocols.telnyx.field_rules import (
    Anything,
    AzureFormat,
    Flag,
    Language,
    Number,
    Rate,
    Rule,
    Text,
    Words,
)
from voxgate.protocols.telnyx.voice_settings import Effect, Row
from voxgate.speech.utterance import Markup

LANGUAGE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "afrikaans": "af",
        "arabic": "ar",
        "bulgarian": "bg",
        "catalan": "ca",
        "chinese": "zh",
        "chinese,yue": "yue",
        "croatian": "hr",
        "czech": "cs",
        "danish": "da",
        "dutch": "nl",
        "english": "en",
        "filipino": "fil",
        "finnish": "fi",
        "french": "fr",
        "german": "de",
        "greek": "el",
        "hebrew": "he",
        "hindi": "hi",
        "hungarian": "hu",
        "indonesian": "id",
        "italian": "it",
        "japanese": "ja",
        "korean": "ko",
        "malay": "ms",
        "norwegian": "nb",
        "nynorsk": "nn",
        "persian": "fa",
        "polish": "pl",
        "portuguese": "pt",
        "romanian": "ro",
        "russian": "ru",
        "slovak": "sk",
        "slovenian": "sl",
        "spanish": "es",
        "swedish": "sv",
        "tamil": "ta",
        "thai": "th",
        "turkish": "tr",
        "ukrainian": "uk",
        "vietnamese": "vi",
    }
)
"""What ``language_boost`` calls languages (source: Telnyx docs, Qwen3TTS page; vendor's docs for MiniMax)."""

_MARKUP = Words({"text": Markup.TEXT, "ssml": Markup.SSML})
_SPEED = Number(0.5, 2.0)
_VOLUME = Number(0.0, 2.0)
_SHARE = Number(0.0, 1.0)
_TELNYX_FORMAT = Words({"mp3": "mp3", "pcm": "linear16", "linear16": "linear16", "wav": "wav"})
_EMOTION = Words(
    {word: word for word in ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")}
)


def _rows(*rows: tuple[str, Effect, Rule]) -> Mapping[str, Row]:
    return MappingProxyType({field: Row(field, effect, rule) for field, effect, rule in rows})


_NATURAL = _rows(
    ("voice_speed", Effect.SPEED, _SPEED),
    ("volume", Effect.VOLUME, _VOLUME),
    ("response_format", Effect.FORMAT, _TELNYX_FORMAT),
    ("sampling_rate", Effect.RATE, Rate()),
    ("temperature", Effect.VENDOR, Number()),
    ("embedding_scale", Effect.VENDOR, Number()),
    ("diffusion_steps", Effect.VENDOR, Number(whole=True)),
    ("phonemizer", Effect.VENDOR, Text()),
    ("emotion", Effect.VENDOR, Text()),
)

TABLE: Mapping[tuple[str, str], Mapping[str, Row]] = MappingProxyType(
    {
        ("Telnyx", "NaturalHD"): _NATURAL,
        ("Telnyx", "Natural"): _NATURAL,
        ("Telnyx", "KokoroTTS"): _rows(
            ("voice_speed", Effect.NONE, Number()),
            ("volume", Effect.NONE, Number()),
        ),
        ("Telnyx", "Qwen3TTS"): _rows(
            ("language_boost", Effect.LANGUAGE, Language(LANGUAGE_NAMES)),
            ("force_xvector", Effect.VENDOR, Flag()),
            ("voice_speed", Effect.NONE, Number()),
            ("volume", Effect.NONE, Number()),
        ),
        ("Telnyx", "Ultra"): _rows(
            ("voice_speed", Effect.SPEED, _SPEED),
            ("volume", Effect.VOLUME, _VOLUME),
            ("emotion", Effect.VENDOR, _EMOTION),
            ("language_boost", Effect.LANGUAGE, Language(LANGUAGE_NAMES)),
            ("response_format", Effect.FORMAT, _TELNYX_FORMAT),
            ("sampling_rate", Effect.RATE, Rate()),
        ),
        ("Telnyx", "Bayan"): _rows(
            ("voice_speed", Effect.SPEED, _SPEED),
            ("volume", Effect.NONE, Number()),
            ("language", Effect.LANGUAGE, Language()),
            ("response_format", Effect.FORMAT, _TELNYX_FORMAT),
            ("sampling_rate", Effect.RATE, Rate()),
        ),
        ("Telnyx", "Sukhan"): _rows(
            ("volume", Effect.NONE, Number()),
            ("response_format", Effect.FORMAT, _TELNYX_FORMAT),
            ("sampling_rate", Effect.RATE, Rate()),
        ),
        ("AWS", ""): _rows(
            (
                "engine",
                Effect.VENDOR,
                Words({word: word for word in ("standard", "neural", "generative", "long-form")}),
            ),
            (
                "output_format",
                Effect.FORMAT,
                Words({"mp3": "mp3", "pcm": "linear16", "ogg_vorbis": "ogg_vorbis"}),
            ),
            ("sample_rate", Effect.RATE, Rate()),
            ("language_code", Effect.LANGUAGE, Language()),
            ("text_type", Effect.MARKUP, _MARKUP),
            ("lexicon_names", Effect.NONE, Anything()),
        ),
        ("Azure", ""): _rows(
            ("output_format", Effect.FORMAT, AzureFormat()),
            ("language_code", Effect.LANGUAGE, Language()),
            ("text_type", Effect.MARKUP, _MARKUP),
            (
                "effect",
                Effect.VENDOR,
                Words({"eq_car": "eq_car", "eq_telecomhp8k": "eq_telecomhp8k"}),
            ),
            ("gender", Effect.NONE, Words({"male": "Male", "female": "Female"})),
        ),
        ("ElevenLabs", ""): _rows(
            ("language_code", Effect.LANGUAGE, Language()),
            ("stability", Effect.VENDOR, _SHARE),
            ("similarity_boost", Effect.VENDOR, _SHARE),
            ("style", Effect.VENDOR, _SHARE),
            ("use_speaker_boost", Effect.VENDOR, Flag()),
            ("model_id", Effect.NONE, Anything()),
            ("api_key_ref", Effect.NONE, Anything()),
        ),
        ("MiniMax", ""): _rows(
            ("speed", Effect.SPEED, _SPEED),
            ("vol", Effect.VOLUME, Number(0.0, 10.0)),
            ("pitch", Effect.PITCH, Number(-12, 12, whole=True)),
            ("language_boost", Effect.LANGUAGE, Language(LANGUAGE_NAMES)),
            (
                "response_format",
                Effect.FORMAT,
                Words(
                    {"mp3": "mp3", "pcm": "linear16", "linear16": "linear16", "wav": "wav", "flac": "flac"}
                ),
            ),
        ),
        ("Rime", ""): _rows(
            ("voice_speed", Effect.SPEED, _SPEED),
            ("sampling_rate", Effect.RATE, Rate()),
            ("response_format", Effect.FORMAT, _TELNYX_FORMAT),
        ),
        ("Resemble", ""): _rows(
            ("format", Effect.FORMAT, Words({"mp3": "mp3", "wav": "wav"})),
            ("precision", Effect.BITS, Words({"pcm_16": 16, "pcm_32": 32})),
            ("sample_rate", Effect.RATE, Rate()),
        ),
        ("Inworld", ""): _rows(
            (
                "encoding",
                Effect.FORMAT,
                Words(
                    {
                        "mp3": "mp3",
                        "linear16": "linear16",
                        "pcm": "linear16",
                        "wav": "wav",
                        "mulaw": "mulaw",
                        "alaw": "alaw",
                        "ogg_opus": "ogg_opus",
                        "flac": "flac",
                    }
                ),
            ),
            ("sample_rate", Effect.RATE, Rate()),
            ("language_code", Effect.LANGUAGE, Language()),
            (
                "delivery_mode",
                Effect.VENDOR,
                Words({word.lower(): word for word in ("STABLE", "BALANCED", "CREATIVE")}),
            ),
        ),
        ("FishAudio", ""): _rows(
            (
                "format",
                Effect.FORMAT,
                Words({"pcm": "linear16", "mp3": "mp3", "wav": "wav", "opus": "ogg_opus"}),
            ),
            ("sample_rate", Effect.RATE, Rate()),
        ),
        ("xAI", ""): _rows(
            ("voice_id", Effect.NONE, Anything()),
            ("language", Effect.LANGUAGE, Language()),
            (
                "output_format",
                Effect.FORMAT,
                Words({"mp3": "mp3", "wav": "wav", "pcm": "linear16", "mulaw": "mulaw", "alaw": "alaw"}),
            ),
            ("sample_rate", Effect.RATE, Rate()),
        ),
        ("Soniox", ""): _rows(
            ("speed", Effect.SPEED, _SPEED),
            ("language", Effect.LANGUAGE, Language()),
            (
                "audio_format",
                Effect.FORMAT,
                Words(
                    {
                        "mp3": "mp3",
                        "wav": "wav",
                        "pcm_s16le": "linear16",
                        "pcm_mulaw": "mulaw",
                        "pcm_alaw": "alaw",
                    }
                ),
            ),
            ("sample_rate", Effect.RATE, Rate()),
            ("reduce_silence", Effect.VENDOR, Flag()),
            ("voice_id", Effect.NONE, Anything()),
            ("model_id", Effect.NONE, Anything()),
        ),
        ("Humain", ""): _rows(
            ("ttfb_eagerness", Effect.VENDOR, Number()),
            ("voice_id", Effect.NONE, Anything()),
        ),
        ("Local", ""): _rows(
            ("speed", Effect.SPEED, Number(0.5, 4.0)),
            ("pitch", Effect.PITCH, Number(-9.0, 10.0)),
            ("volume", Effect.VOLUME, Number(0.0, 3.0)),
        ),
    }
)
"""Rows by provider and model, as the catalogue spells them; an empty model stands for all others."""

_NO_ROWS: Mapping[str, Row] = MappingProxyType({})


def rows_of(provider: str, model: str) -> Mapping[str, Row]:
    """Return the rows of a model by field; none for a provider that is not in the table."""
    return TABLE.get((provider, model)) or TABLE.get((provider, "")) or _NO_ROWS
