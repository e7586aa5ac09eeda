"""What Azure's speech service has: voices and formats.

Sources: Microsoft docs, "Text to speech REST API" (formats, how voices are listed) and "Customize voice and
sound with SSML" (what multilingual voices are); no more voices than tests need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voxgate.audio.encoder import Encoder, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators._speech import made_rate_hz
from voxgate.testing.emulators.base import Emulator


class Refused(Exception):
    """What the service refuses, and its reason."""


@dataclass(frozen=True, slots=True)
class AzureVoice:
    """One of `VOICES`; ``locales`` are what a multilingual voice speaks besides its own."""

    short_name: str
    display_name: str
    gender: str
    rate_hz: int
    locales: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def locale(self) -> str:
        """Its own language and country."""
        return "-".join(self.short_name.split("-")[:2])

    @property
    def name(self) -> str:
        """The long form of its name, which the service takes too."""
        return f"Microsoft Server Speech Text to Speech Voice ({self.locale}, {self.short_name[6:]})"

    def listed(self) -> dict[str, object]:
        """Return it as the list of voices does."""
        extras = {
            "SecondaryLocaleList": list(self.locales),
            "StyleList": list(self.styles),
            "RolePlayList": list(self.roles),
        }
        return {
            "Name": self.name,
            "DisplayName": self.display_name,
            "LocalName": self.display_name,
            "ShortName": self.short_name,
            "Gender": self.gender,
            "Locale": self.locale,
            "LocaleName": self.locale,
            "SampleRateHertz": str(self.rate_hz),
            "VoiceType": "Neural",
            "Status": "GA",
            "WordsPerMinute": "150",
        } | {key: value for key, value in extras.items() if value}


_MANY = ("de-DE", "en-GB", "es-ES", "fr-FR", "ja-JP", "ur-PK", "zh-CN")
VOICES: Mapping[str, AzureVoice] = MappingProxyType(
    {
        voice.short_name: voice
        for voice in (
            AzureVoice("de-DE-KatjaNeural", "Katja", "Female", 24000),
            AzureVoice("en-GB-SoniaNeural", "Sonia", "Female", 24000, styles=("cheerful", "sad")),
            AzureVoice("en-US-Ava:DragonHDLatestNeural", "Ava", "Female", 24000, _MANY),
            AzureVoice("en-US-AvaMultilingualNeural", "Ava", "Female", 24000, _MANY),
            AzureVoice("en-US-GuyNeural", "Guy", "Male", 48000, styles=("newscast", "angry")),
            AzureVoice("en-US-JennyNeural", "Jenny", "Female", 48000, styles=("chat", "cheerful", "sad")),
            AzureVoice("fr-FR-DeniseNeural", "Denise", "Female", 24000),
            AzureVoice("ur-PK-UzmaNeural", "Uzma", "Female", 24000),
            AzureVoice(
                "zh-CN-XiaomoNeural",
                "Xiaomo",
                "Female",
                24000,
                (),
                ("calm", "sad"),
                ("Boy", "OlderAdultMale"),
            ),
        )
    }
)
_LONG_NAMES = {voice.name: voice for voice in VOICES.values()}


def find_voice(name: str, *, deployed: bool = False) -> AzureVoice:
    """Return a voice by either of its names.

    Args:
        name: short or long.
        deployed: whether a deployment of custom voices is addressed, where any name may be.

    Raises:
        Refused: there is none.
    """
    voice = VOICES.get(name) or _LONG_NAMES.get(name)
    if voice is None and deployed:
        return AzureVoice(name, name, "Female", 24000)
    if voice is None:
        raise Refused(f"Unsupported voice {name}.")
    return voice


def _pcm(name: str, rate_hz: int, container: Container) -> tuple[str, AudioFormat]:
    return name, AudioFormat(Codec.PCM_S16LE, rate_hz, container)


_RATE_NAMES = {
    "8khz": 8000, "16khz": 16000, "22050hz": 22050, "24khz": 24000, "44100hz": 44100, "48khz": 48000,
}  # fmt: skip
_MP3_KBPS = {"16khz": (32, 64, 128), "24khz": (48, 96, 160), "48khz": (96, 192)}

FORMATS: Mapping[str, AudioFormat] = MappingProxyType(
    {
        **dict(_pcm(f"raw-{word}-16bit-mono-pcm", hz, Container.RAW) for word, hz in _RATE_NAMES.items()),
        **dict(_pcm(f"riff-{word}-16bit-mono-pcm", hz, Container.WAV) for word, hz in _RATE_NAMES.items()),
        "raw-8khz-8bit-mono-mulaw": AudioFormat(Codec.MULAW, 8000),
        "raw-8khz-8bit-mono-alaw": AudioFormat(Codec.ALAW, 8000),
        **{
            f"audio-{word}-{kbps}kbitrate-mono-mp3": AudioFormat(
                Codec.MP3, _RATE_NAMES[word], bit_rate_kbps=kbps
            )
            for word, rates in _MP3_KBPS.items()
            for kbps in rates
        },
        **{
            f"ogg-{word}-16bit-mono-opus": AudioFormat(Codec.OPUS, _RATE_NAMES[word], Container.OGG)
            for word in ("16khz", "24khz", "48khz")
        },
    }
)
"""Those of Azure's formats that can be made here."""


def find_format(name: object) -> AudioFormat:
    """Return a format by Azure's name, or raise `Refused`."""
    if not isinstance(name, str) or name not in FORMATS:
        raise Refused("Unsupported audio format.")
    return FORMATS[name]


def media_type(name: str) -> str:
    """Return what HTTP calls one of `FORMATS`; what the service says of bare samples is not documented."""
    known = FORMATS[name]
    return "audio/x-wav" if known.container is Container.WAV else known.media_type


def encoder(emulator: Emulator, target: AudioFormat) -> Encoder:
    """Open an encoder of what `Emulator.speech` makes for this format, wrong rates included."""
    made_hz = made_rate_hz(emulator, target.rate_hz)
    if made_hz != target.rate_hz:
        target = AudioFormat(target.codec, made_hz, target.container)
    return open_encoder(target, made_hz)
