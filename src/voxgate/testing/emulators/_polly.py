"""What Amazon Polly knows and allows: voices, formats and SSML.

Sources: the API model in botocore 1.44.8; AWS docs, "Supported SSML tags" and "Controlling volume, speaking
rate, and pitch"; voices as moto 5.2.1 has recorded DescribeVoices, with newer engines from AWS docs, and no
more of them than tests need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voxgate.audio.format import Codec, Container
from voxgate.testing.emulators._speech import Coding
from voxgate.testing.emulators._ssml import BadDocument, Document, Tag

ENGINES = ("standard", "neural", "long-form", "generative")
LANGUAGE_CODES = tuple(
    """
    arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR is-IS it-IT
    ja-JP hi-IN ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR en-NZ en-ZA ca-ES de-AT yue-CN
    ar-AE fi-FI en-IE nl-BE fr-BE cs-CZ de-CH en-SG
    """.split()
)

_LANGUAGE_NAMES = MappingProxyType(
    {
        "arb": "Arabic",
        "ar-AE": "Gulf Arabic",
        "cmn-CN": "Chinese Mandarin",
        "de-DE": "German",
        "en-GB": "British English",
        "en-IN": "Indian English",
        "en-US": "US English",
        "es-ES": "Castilian Spanish",
        "fr-FR": "French",
        "pt-BR": "Brazilian Portuguese",
    }
)
_VOICES = """
Aditi Female standard en-IN hi-IN
Amy Female generative,neural,standard en-GB
Arthur Male neural en-GB
Brian Male generative,neural,standard en-GB
Camila Female neural,standard pt-BR
Danielle Female long-form,neural en-US
Hala Female neural ar-AE arb
Ivy Female neural,standard en-US
Joanna Female neural,standard en-US
Kajal Female generative,neural en-IN hi-IN
Lea Female neural,standard fr-FR
Lucia Female generative,neural,standard es-ES
Matthew Male generative,neural,standard en-US
Ruth Female generative,long-form,neural en-US
Stephen Male neural en-US
Vicki Female neural,standard de-DE
Zeina Female standard arb
Zhiyu Female neural,standard cmn-CN
"""


@dataclass(frozen=True, slots=True)
class PollyVoice:
    """One of `VOICES`; the first of its languages is its default."""

    name: str
    gender: str
    engines: tuple[str, ...]
    languages: tuple[str, ...]

    def listed(self) -> dict[str, object]:
        """Return it as DescribeVoices does."""
        voice: dict[str, object] = {
            "Gender": self.gender,
            "Id": self.name,
            "LanguageCode": self.languages[0],
            "LanguageName": _LANGUAGE_NAMES[self.languages[0]],
            "Name": self.name,
            "SupportedEngines": list(self.engines),
        }
        return voice | ({"AdditionalLanguageCodes": list(self.languages[1:])} if self.languages[1:] else {})


def _voices() -> dict[str, PollyVoice]:
    rows = (row.split() for row in _VOICES.split("\n") if row)
    return {
        name: PollyVoice(name, gender, tuple(engines.split(",")), tuple(languages))
        for name, gender, engines, *languages in rows
    }


VOICES: Mapping[str, PollyVoice] = MappingProxyType(_voices())

_CODED_RATES = (8000, 16000, 22050, 24000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class PollyFormat:
    """An ``OutputFormat``; a default rate of 0 is the engine's own."""

    media_type: str
    codec: Codec
    container: Container
    rates_hz: tuple[int, ...]
    default_rate_hz: int

    def coding(self, rate_hz: int) -> Coding:
        """Return it at a rate, in our terms."""
        return Coding(self.codec, rate_hz, self.container)


FORMATS: Mapping[str, PollyFormat] = MappingProxyType(
    {
        "mp3": PollyFormat("audio/mpeg", Codec.MP3, Container.RAW, _CODED_RATES, 0),
        "ogg_vorbis": PollyFormat("audio/ogg", Codec.VORBIS, Container.OGG, _CODED_RATES, 0),
        "ogg_opus": PollyFormat("audio/ogg", Codec.OPUS, Container.OGG, (48000,), 48000),
        "pcm": PollyFormat("audio/pcm", Codec.PCM_S16LE, Container.RAW, (8000, 16000), 16000),
        "mulaw": PollyFormat("audio/mulaw", Codec.MULAW, Container.RAW, (8000,), 8000),
        "alaw": PollyFormat("audio/alaw", Codec.ALAW, Container.RAW, (8000,), 8000),
    }
)


def default_rate_hz(format_name: str, engine: str) -> int:
    """Return the rate that is made where none is asked for."""
    return FORMATS[format_name].default_rate_hz or (22050 if engine == "standard" else 24000)


_EVERYWHERE = frozenset("speak break lang mark p phoneme prosody s say-as sub w".split())
_STANDARD = frozenset({"emphasis", "amazon:auto-breaths", "amazon:breath", "amazon:effect"})
_ANYWHERE = _EVERYWHERE | _STANDARD | {"amazon:domain"}
_RATE = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_DECIBELS = re.compile(r"[+-]\d{1,2}(?:\.\d+)?dB")
_PITCH = re.compile(r"[+-]\d{1,3}(?:\.\d+)?%|default|x-low|low|medium|high|x-high")
# How much the words mean AWS does not say.
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "fast": 1.5, "x-fast": 2.0}
_VOLUMES = {
    "default": 1.0, "silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "loud": 1.5, "x-loud": 2.0,
}  # fmt: skip


def read_ssml(text: str, engine: str) -> Document:
    """Parse a document as an engine takes it.

    Raises:
        BadDocument: it is not well-formed, its root is not ``speak``, or it holds what the engine does not
            know. The generative engine passes over what it cannot do.
    """
    document = Document(text)
    if document.tags[0].name != "speak":
        raise BadDocument("the root must be speak")
    for tag in document.tags:
        if tag.name not in _ANYWHERE:
            raise BadDocument(f"unknown tag {tag.name}")
        if engine != "generative":
            _check_tag(tag, engine)
        if tag.name == "prosody":
            _check_prosody(tag)
    return document


def _check_tag(tag: Tag, engine: str) -> None:
    compressed = tag.name == "amazon:effect" and tag.attributes.get("name") == "drc"
    allowed = (
        tag.name in _EVERYWHERE
        or (engine == "standard" and tag.name in _STANDARD)
        or (engine == "neural" and tag.name == "amazon:domain")
        or compressed
    )
    standard_only = tag.name == "prosody" and {"pitch", "amazon:max-duration"} & set(tag.attributes)
    if not allowed or (standard_only and engine != "standard"):
        raise BadDocument(f"{tag.name} is not for {engine} voices as it is written")


def _check_prosody(tag: Tag) -> None:
    rate, volume = tag.attributes.get("rate", "medium"), tag.attributes.get("volume", "default")
    percent = _RATE.fullmatch(rate)
    if rate not in _RATES and not (percent and 20 <= float(percent[1]) <= 200):
        raise BadDocument("the rate must be 20% to 200%")
    if volume not in _VOLUMES and not _DECIBELS.fullmatch(volume):
        raise BadDocument("the volume must be in dB, with a sign")
    if not _PITCH.fullmatch(tag.attributes.get("pitch", "default")):
        raise BadDocument("the pitch must be a percentage, with a sign")


def prosody(tags: tuple[Tag, ...]) -> tuple[float, float]:
    """Return pace and level, as ratios to the voice's own, inside some elements."""
    speed = volume = 1.0
    for tag in tags:
        if tag.name != "prosody":
            continue
        if rate := tag.attributes.get("rate"):
            speed = _RATES.get(rate) or float(rate.removesuffix("%")) / 100
        level = tag.attributes.get("volume", "+0dB")
        volume = _VOLUMES[level] if level in _VOLUMES else volume * 10 ** (float(level[:-2]) / 20)
    return speed, volume
