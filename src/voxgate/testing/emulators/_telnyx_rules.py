"""What Telnyx's text-to-speech knows and checks, the same for sockets and requests.

Sources: Telnyx docs (WebSocket configuration, provider pages of each model, error catalogue), types of its
SDK 4.189.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat

_TITLES = {
    "10004": "Missing required parameter",
    "10009": "Authentication failed",
    "10010": "Authorization failed",
    "10011": "Too many requests",
    "10015": "Bad Request",
    "10032": "Invalid enumerated value",
    "10038": "Feature not permitted",
    "90103": "Failed to produce text to speech",
    "90104": "Failed to list voices",
}
BY_STATUS = {401: "10009", 403: "10010", 429: "10011"}
"""Codes of statuses, where nothing more is known."""


class VendorError(Exception):
    """The service says no.

    Args:
        status: of HTTP.
        code: in its catalogue of errors.
        detail: for people.
        parameter: of a query, which is meant.
    """

    def __init__(self, status: int, code: str, detail: str, parameter: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.parameter = status, code, detail, parameter

    def body(self) -> dict[str, object]:
        """Return the body of an answer."""
        error: dict[str, object] = {
            "code": self.code,
            "title": _TITLES.get(self.code, "Unexpected error"),
            "detail": self.detail,
            "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"},
        }
        if self.parameter:
            error["source"] = {"parameter": self.parameter}
        return {"errors": [error]}


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and how it speaks.

    Attributes:
        name: in its own spelling.
        provider: whose it is.
        voices: ids with language and gender; empty where any id is taken.
        formats: in Telnyx's words, the default first.
        rates_hz: the default first.
        always: a format that is sent whatever was asked.
        websocket: whether it speaks over sockets.
        clones: whether an id that is not listed is somebody's clone.
        concatenated: a sentence comes in one frame, with its text.
        speeds: the lowest and highest ``voice_speed``; None where it is not applied.
        volumes: likewise.
        rest_format: over REST, where that differs.
    """

    name: str
    provider: str = "telnyx"
    voices: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    formats: tuple[str, ...] = ("mp3", "linear16")
    rates_hz: tuple[int, ...] = (24_000,)
    always: AudioFormat | None = None
    websocket: bool = True
    clones: bool = False
    concatenated: bool = False
    speeds: tuple[float, float] | None = None
    volumes: tuple[float, float] | None = None
    rest_format: str = ""

    def voice_name(self, voice_id: str) -> str:
        """Return the compound name of one of its voices."""
        return ".".join(part for part in (self.provider.title(), self.name, voice_id) if part)


_WIDE_HZ = (24_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000)
_ARCANA = {"astra": ("en-US", "female"), "luna": ("en-US", "female"), "albion": ("en-US", "male")}
_MODELS = (
    Model(
        "NaturalHD",
        voices={**_ARCANA, "amarante": ("fr-FR", "female")},
        formats=("mp3", "linear16", "wav"),
        rates_hz=_WIDE_HZ,
        speeds=(0.5, 2.0),
        volumes=(0.0, 2.0),
    ),
    Model("Natural", voices={"abbie": ("en-US", "female")}, rates_hz=_WIDE_HZ, speeds=(0.5, 2.0)),
    Model(
        "KokoroTTS",
        voices={
            "af_heart": ("en-US", "female"),
            "am_adam": ("en-US", "male"),
            "bf_emma": ("en-GB", "female"),
        },
        always=AudioFormat(Codec.MP3, 22_050),
    ),
    Model(
        "Qwen3TTS",
        voices={"Delta": ("en", "male"), "Whiskey": ("en", "male")},
        clones=True,
        rest_format="linear16",
    ),
    Model(
        "Ultra",
        voices={
            "00a77add-48d5-4ef6-8157-71e5437b282d": ("en-US", "female"),
            "01eaafa9-308a-4276-a017-6ab0cf061b1f": ("en-US", "female"),
        },
        formats=("mp3", "linear16", "wav"),
        rates_hz=_WIDE_HZ[:-1],
        websocket=False,
        speeds=(0.6, 1.5),
        volumes=(0.5, 2.0),
    ),
    Model(
        "Bayan",
        voices={"Ahmed": ("ar-EG", "male"), "Alia": ("ar-AE", "female"), "Amanda": ("en-US", "female")},
        formats=("mp3", "linear16", "wav"),
        rates_hz=(16_000, 8_000, 22_050, 24_000),
        speeds=(0.5, 2.0),
        rest_format="wav",
    ),
    Model("Sukhan", voices={"urdu-professor": ("ur-PK", "male")}, rates_hz=(22_050,)),
    Model(
        "",
        provider="azure",
        formats=("mp3", "wav", "linear16", "mulaw", "alaw"),
        rates_hz=(24_000, 8_000, 16_000, 48_000),
        concatenated=True,
    ),
)
MODELS: Mapping[tuple[str, str], Model] = MappingProxyType(
    {(model.provider, model.name.lower()): model for model in _MODELS}
)
"""By provider and name in lower case."""

FORMATS = ("mp3", "linear16", "pcm", "wav", "mulaw", "alaw", "ogg_vorbis")
_CODECS = {
    "mp3": (Codec.MP3, Container.RAW),
    "linear16": (Codec.PCM_S16LE, Container.RAW),
    "wav": (Codec.PCM_S16LE, Container.WAV),
    "mulaw": (Codec.MULAW, Container.RAW),
    "alaw": (Codec.ALAW, Container.RAW),
}


def find_voice(name: str) -> tuple[Model, str]:
    """Take a compound name apart; return the model and the voice's id.

    The provider stands before the first dot, the id behind the last one.
    """
    provider, _, rest = name.partition(".")
    model_name, _, voice_id = rest.rpartition(".")
    if provider.lower() == "azure":
        model_name, voice_id = "", rest
    if not voice_id:
        _refuse("10015", "A voice is called Provider.Model.VoiceId", "voice")
    if (model := MODELS.get((provider.lower(), model_name.lower()))) is None:
        _refuse("10032", "There is no such provider or model", "voice")
    return model, voice_id


def check_clone(model: Model, voice_id: str) -> None:
    """Refuse a clone: this account is not verified."""
    if model.clones and voice_id not in model.voices:
        raise VendorError(403, "10038", "Cloned voices need identity verification", "voice")


def is_known(model: Model, voice_id: str) -> bool:
    """Whether a model has a voice."""
    return not model.voices or voice_id in model.voices


def choose_format(model: Model, word: str, rate: str) -> AudioFormat:
    """Say what is sent to somebody who asked for a format and a rate; either may be empty."""
    if word and word.lower() not in FORMATS:
        _refuse("10032", "There is no such format", "audio_format")
    word = {"pcm": "linear16"}.get(word.lower(), word.lower()) or model.formats[0]
    if rate and not rate.isdecimal():
        _refuse("10015", "A rate is a whole number", "sample_rate")
    rate_hz = int(rate or model.rates_hz[0])
    if model.always is not None:
        return model.always
    native_only = model.name == "Bayan" and word != "linear16"
    if word not in model.formats or rate_hz not in (model.rates_hz[:1] if native_only else model.rates_hz):
        _refuse("10015", "The voice does not speak in this format or at this rate", "audio_format")
    codec, container = _CODECS[word]
    try:
        return AudioFormat(codec, rate_hz, container)
    except UnsupportedFormat:
        _refuse("10015", "The format has no such rate", "sample_rate")


def manner(model: Model, settings: Mapping[str, object]) -> tuple[float, float]:
    """Return speed and volume; what a model does not apply is one.

    Raises:
        VendorError: 90103, as the engine behind it refuses.
    """
    found = []
    for name, limits in (("voice_speed", model.speeds), ("volume", model.volumes)):
        value = settings.get(name)
        if limits is None or value is None:
            found.append(1.0)
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not limits[0] <= value <= limits[1]
        ):
            raise VendorError(400, "90103", f"{name} is out of range")
        found.append(float(value))
    return found[0], found[1]


def _refuse(code: str, detail: str, parameter: str) -> NoReturn:
    raise VendorError(400, code, detail, parameter)
