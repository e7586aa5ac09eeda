"""What Rime's interfaces have in common: speakers, languages, rates and limits.

Source: Rime's docs (errors, voices, speed, streaming, Coda and Mist v3 references; 2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voxgate.audio.format import Codec, Container
from voxgate.errors import UnsupportedFormat
from voxgate.testing.emulators._speech import Coding

DEFAULT_MODEL = "mistv3"
"""What the vendor silently takes where no model is named."""
RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000, 96000)
DEFAULT_RATE_HZ = 24_000
MAX_CHARACTERS = 1000

SPEAKERS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "coda": {
            "eng": ("astra", "albion", "luna"),
            "spa": ("aurelio", "celestino"),
            "fra": ("solene",),
            "ger": ("lorelei",),
            "por": ("caravela",),
            "jpn": ("raiden",),
            "ara": ("sakina",),
            "hin": ("kavya",),
        },
        "mistv3": {"eng": ("alexis", "astra", "cove"), "spa": ("diego", "isa"), "fra": ("alois",)},
        "mistv2": {"eng": ("abbie", "cove"), "spa": ("isa",)},
        "arcana": {"eng": ("luna", "celeste"), "jpn": ("raiden", "yukiko")},
    }
)
"""A few of the vendor's speakers by model and language, as its public list has them."""

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "en": "eng", "es": "spa", "fr": "fra", "pt": "por", "de": "ger", "ja": "jpn", "ar": "ara",
        "hi": "hin", "deu": "ger",
    }
)  # fmt: skip
"""The codes of two letters for those of three; German has two of the latter in the vendor's own pages."""

_CODINGS: Mapping[str, tuple[Codec, Container]] = MappingProxyType(
    {
        "audio/pcm": (Codec.PCM_S16LE, Container.RAW),
        "audio/l16": (Codec.PCM_S16LE, Container.RAW),
        "audio/pcmu": (Codec.MULAW, Container.RAW),
        "audio/x-mulaw": (Codec.MULAW, Container.RAW),
        "audio/wav": (Codec.PCM_S16LE, Container.WAV),
        "audio/mpeg": (Codec.MP3, Container.RAW),
        "audio/mp3": (Codec.MP3, Container.RAW),
        "audio/ogg;codecs=opus": (Codec.OPUS, Container.OGG),
    }
)
"""By MIME type; the vendor has Opus in WebM too, this emulator has not."""


class Refused(Exception):
    """A request that the vendor turns down.

    Attributes:
        status: as HTTP says it.
        message: the vendor's text.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to speak, as the fields of HTTP and of ``/ws3`` say.

    Attributes:
        speaker: its name.
        model: the vendor's id.
        language: three letters.
        rate_hz: of the audio.
        speed: 2.0 takes half the time.
    """

    speaker: str
    model: str
    language: str
    rate_hz: int
    speed: float


def wanted(fields: Mapping[str, object]) -> Wanted:
    """Read the fields that HTTP and ``/ws3`` share; those of a query string are all text.

    Raises:
        Refused: as the vendor's table of errors has it.
    """
    speaker, language = fields.get("speaker"), fields.get("lang", "eng")
    if not speaker:
        raise Refused(400, "speaker is required")
    if not isinstance(language, str):
        raise Refused(400, "lang must be a string")
    model = str(fields.get("modelId") or DEFAULT_MODEL)
    if model not in SPEAKERS:
        model = DEFAULT_MODEL
    rate_hz = number(fields, "samplingRate", DEFAULT_RATE_HZ, RATES_HZ[0], RATES_HZ[-1])
    if rate_hz not in RATES_HZ:
        raise Refused(400, "samplingRate is not supported")
    if model == "coda":
        for name, low, high in (("temperature", 0, 1), ("top_p", 0, 1), ("repetition_penalty", 1, 2)):
            number(fields, name, low, low, high)
    return Wanted(
        check_speaker(model, str(speaker)),
        model,
        check_language(model, language),
        int(rate_hz),
        _speed(model, fields),
    )


def number(fields: Mapping[str, object], name: str, default: float, low: float, high: float) -> float:
    """Read a number of a field that may be text, within limits."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused(400, f"{name} must be a number")
    try:
        found = float(value)
    except ValueError:
        raise Refused(400, f"{name} must be a number") from None
    if not low <= found <= high:
        raise Refused(400, f"{name} must be between {low} and {high}")
    return found


def time_scale(factor: float) -> float:
    """Turn a ``timeScaleFactor``, clamped as the vendor does it, into a speed: above 1 it is slower."""
    return 1.0 / min(max(factor, 0.4), 2.5)


def _speed(model: str, fields: Mapping[str, object]) -> float:
    alpha = number(fields, "speedAlpha", 1.0, 0.01, 100)
    if model == "mistv2":  # the old direction: below 1 is faster
        return 1.0 / alpha
    return time_scale(number(fields, "timeScaleFactor", 1.0, 0.01, 100)) * alpha


def check_text(text: object) -> str:
    """Return the text of a request if it is one."""
    if text is None:
        raise Refused(400, "text is required")
    if not isinstance(text, str):
        raise Refused(400, "text must be a string")
    if not text:
        raise Refused(400, "text must not be empty")
    if len(text) > MAX_CHARACTERS:
        raise Refused(400, "text is too long")
    return text


def check_speaker(model: str, speaker: str) -> str:
    """Return the speaker if the model has it, whatever the language: wrong pairs are spoken all the same."""
    if not any(speaker in names for names in SPEAKERS[model].values()):
        raise Refused(404, "Speaker not found")
    return speaker


def check_language(model: str, language: str) -> str:
    """Return the three letters of a language that the model has."""
    short = language.split("-")[0].lower()
    code = LANGUAGES.get(short, short)
    if code not in SPEAKERS[model]:
        raise Refused(400, f"Language {language} is not supported for model {model}")
    return code


def coding_of(audio_format: str, rate_hz: int) -> Coding:
    """Find what a MIME type asks for."""
    found = _CODINGS.get(audio_format.lower().replace(" ", ""))
    try:
        if found is None or rate_hz not in RATES_HZ:
            raise UnsupportedFormat(audio_format)
        coding = Coding(found[0], rate_hz, found[1])
        _ = coding.format
    except UnsupportedFormat:
        raise Refused(400, f"{audio_format} at {rate_hz} Hz is not supported") from None
    return coding


def knows(audio_format: str) -> bool:
    """Whether a MIME type is one of the documented ones."""
    return audio_format.lower().replace(" ", "") in _CODINGS
