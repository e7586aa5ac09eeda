"""What Murf knows and allows: models, formats, settings, and a few voices of each kind.

Sources: Murf's OpenAPI and AsyncAPI documents; for voices, the Falcon 2 table of its WebSockets page and the
default of its SDK 2.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._reply import Order, mp3
from voxgate.testing.emulators.base import Asked

MODELS: Mapping[str, str] = MappingProxyType(
    {"FALCON": "FALCON", "falcon-2": "FALCON", "GEN2": "GEN2", "gen2": "GEN2"}
)
"""By both of Murf's names, as the SDK has them."""
CODINGS: Mapping[str, tuple[Codec, Container, str]] = MappingProxyType(
    {
        "MP3": (Codec.MP3, Container.RAW, "audio/mpeg"),
        "FLAC": (Codec.FLAC, Container.FLAC, "audio/flac"),
        "WAV": (Codec.PCM_S16LE, Container.WAV, "audio/wav"),
        "ALAW": (Codec.ALAW, Container.RAW, "audio/alaw"),
        "ULAW": (Codec.MULAW, Container.RAW, "audio/basic"),
        "OGG": (Codec.VORBIS, Container.OGG, "audio/ogg"),
        "PCM": (Codec.PCM_S16LE, Container.RAW, "audio/pcm"),
    }
)
MOST_CHARACTERS = 3000

_RATES_HZ = (8000, 16000, 24000, 44100, 48000)

_LOCALES = {
    "en-US": "English - US & Canada",
    "en-UK": "English - UK",
    "en-IN": "English - India",
    "hi-IN": "Hindi - India",
    "es-MX": "Spanish - Mexico",
    "fr-FR": "French - France",
    "de-DE": "German - Germany",
}
_BOTH = ("FALCON", "GEN2")


@dataclass(frozen=True, slots=True)
class MurfVoice:
    """A voice; ``locales`` has its styles by locale, the first of them its own."""

    name: str
    gender: str
    locales: Mapping[str, tuple[str, ...]]
    models: tuple[str, ...] = _BOTH

    @property
    def locale(self) -> str:
        """Its own."""
        return next(iter(self.locales))

    @property
    def voice_id(self) -> str:
        """Its whole id, such as ``en-US-natalie``."""
        return f"{self.locale}-{self.name.casefold()}"

    def json(self) -> dict[str, object]:
        """Return it as the list shows it."""
        return {
            "voiceId": self.voice_id,
            "displayName": f"{self.name} ({self.gender[0]})",
            "gender": self.gender,
            "locale": self.locale,
            "displayLanguage": _LOCALES[self.locale].partition(" - ")[0],
            "accent": _LOCALES[self.locale].partition(" - ")[2],
            "description": "Young Adult",
            "availableStyles": list(self.locales[self.locale]),
            "supportedLocales": {
                locale: {"detail": _LOCALES[locale], "availableStyles": list(styles)}
                for locale, styles in self.locales.items()
            },
        }


_VOICES = (
    MurfVoice(
        "Natalie", "Female", {"en-US": ("Conversation", "Promo", "Narration"), "es-MX": ("Conversational",)}
    ),
    MurfVoice("Matthew", "Male", {"en-US": ("Conversation",), "fr-FR": ("Conversational",)}),
    MurfVoice("Daniel", "Male", {"en-US": ("Conversational",)}),
    MurfVoice("Gordon", "Male", {"en-US": ("Conversational",)}, ("FALCON",)),
    MurfVoice("Ruby", "Female", {"en-UK": ("Conversational",)}),
    MurfVoice("Nikhil", "Male", {"en-IN": ("Conversational",), "hi-IN": ("Conversational",)}, ("FALCON",)),
    MurfVoice("Carlos", "Male", {"es-MX": ("Conversational",)}),
    MurfVoice("Justine", "Female", {"fr-FR": ("Conversational",)}),
    MurfVoice("Josephine", "Female", {"de-DE": ("Narration",)}, ("GEN2",)),
)


def find_voice(name: str, model: str) -> MurfVoice:
    """Find a voice by its whole id or by its name alone; raises `Refused` for one that is not the model's."""
    wanted = name.casefold()
    for voice in _VOICES:
        if model in voice.models and wanted in (voice.voice_id.casefold(), voice.name.casefold()):
            return voice
    raise Refused(f"Invalid voice_id for model {model}")


def list_voices(model: str) -> list[dict[str, object]]:
    """List a model's voices."""
    return [voice.json() for voice in _VOICES if model in voice.models]


@dataclass(frozen=True, slots=True)
class Output:
    """What the audio is to be; ``format`` in Murf's word."""

    model: str
    format: str
    coding: AudioFormat

    @classmethod
    def read(cls, fields: Fields, rate: str, channels: str) -> Output:
        """Read it from fields of which two have different names on the socket and over HTTP."""
        model = MODELS[fields.word("model", MODELS, "FALCON", any_case=True)]
        word = fields.word("format", CODINGS, "WAV", any_case=True)
        rate_hz = fields.one_of(rate, _RATES_HZ, 24000 if model == "FALCON" else 44100)
        fields.word(channels, ("MONO",), "MONO", any_case=True)
        codec, container, _ = CODINGS[word]
        coding = mp3(rate_hz, 128) if codec is Codec.MP3 else AudioFormat(codec, rate_hz, container)
        return cls(model, word, coding)

    def order(self, voice: MurfVoice, fields: Fields) -> Order:
        """Read what a voice is to do; raises `Refused` for a setting out of its limits."""
        rate = fields.integer("rate", -50, 50, 0)
        fields.integer("pitch", -50, 50, 0)
        fields.integer("variation", 0, 5, 1)
        fields.text("style", "")
        for name in ("locale", "multi_native_locale", "multiNativeLocale"):
            if name in fields:
                fields.word(name, voice.locales, "")
        settings = fields.known(
            "rate", "pitch", "variation", "style", "locale", "multi_native_locale", "multiNativeLocale"
        )
        asked = Asked("", voice.voice_id, self.model, self.coding.rate_hz, self.format, settings)
        return Order(asked, self.coding, speed=1 + rate / 100)
