"""What Fish Audio knows and allows: requests for speech, and voices in its library, which it calls models.

Sources: its OpenAPI and AsyncAPI documents. Ids of voices are in the public library, or made up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._reply import Order, mp3
from voxgate.testing.emulators.base import Asked

CODINGS: Mapping[str, tuple[Codec, Container, str, tuple[int, ...]]] = MappingProxyType(
    {
        "wav": (Codec.PCM_S16LE, Container.WAV, "audio/wav", (8000, 16000, 24000, 32000, 44100)),
        "pcm": (Codec.PCM_S16LE, Container.RAW, "audio/pcm", (8000, 16000, 24000, 32000, 44100)),
        "mp3": (Codec.MP3, Container.RAW, "audio/mpeg", (32000, 44100)),
        "opus": (Codec.OPUS, Container.OGG, "audio/opus", (48000,)),
    }
)

_SPEAKING_MODELS = ("s1", "s2-pro", "s2.1-pro", "s2.1-pro-free")
_OPUS_BIT_RATES = (-1000, 24000, 32000, 48000, 64000, 24, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class FishModel:
    """A voice."""

    model_id: str
    title: str
    language: str = "en"
    tags: tuple[str, ...] = ()
    own: bool = False


MODELS = (
    FishModel("933563129e564b19a115bedd57b7406a", "Aria", tags=("female",)),
    FishModel("b545c585f631496c914815291da4e893", "Nova", tags=("female",)),
    FishModel("536d3a5e000945adb7038665781a4aca", "Ethan", tags=("male",)),
    FishModel("802e3bc2b27e49c2995d23ef70e6ac89", "Max", tags=("male",)),
    FishModel("bf322df2096a46f18c579d0baa36f41d", "Adrian", tags=("male",)),
    *(FishModel(f"{number:032x}", f"Emulated {number}", "fr", own=True) for number in range(1, 21)),
)


def find_models(title: str, languages: Collection[str], *, own: bool) -> list[FishModel]:
    """List those with ``title`` in theirs, of these languages if any are given; or only own ones."""
    return [
        model
        for model in MODELS
        if title.casefold() in model.title.casefold()
        and (not languages or model.language in languages)
        and (model.own or not own)
    ]


def show(model: FishModel) -> dict[str, object]:
    """Return a voice as the list shows it."""
    return {
        "_id": model.model_id,
        "type": "tts",
        "title": model.title,
        "description": "",
        "cover_image": "",
        "train_mode": "fast",
        "state": "trained",
        "tags": list(model.tags),
        "samples": [],
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
        "languages": [model.language],
        "visibility": "public",
        "lock_visibility": False,
        "like_count": 0,
        "mark_count": 0,
        "shared_count": 0,
        "task_count": 0,
        "liked": False,
        "marked": False,
        "author": {"_id": "0" * 32, "nickname": "Emulator", "avatar": ""},
    }


def read_order(fields: Fields, request: web.Request) -> Order:
    """Read a request for speech; the model stands in a header. Raises `Refused`."""
    word = fields.word("format", CODINGS, "mp3")
    codec, container, _, rates_hz = CODINGS[word]
    rate_hz = fields.one_of("sample_rate", rates_hz, max(rates_hz))
    mp3_kbps = fields.one_of("mp3_bitrate", (64, 128, 192), 128)
    opus_bps = fields.one_of("opus_bitrate", _OPUS_BIT_RATES, -1000)
    fields.number("temperature", 0, 1, 0.7)
    fields.number("top_p", 0, 1, 0.7)
    fields.integer("chunk_length", 100, 300, 300)
    fields.integer("min_chunk_length", 0, 100, 50)
    fields.flag("normalize", default=True)
    fields.word("latency", ("low", "normal", "balanced"), "normal")
    settings = fields.known(
        "latency", "chunk_length", "min_chunk_length", "temperature", "top_p", "normalize", "prosody"
    )
    prosody = fields.part("prosody")
    speed = prosody.number("speed", 0.5, 2.0, 1.0)
    volume_db = prosody.number("volume", -20, 20, 0)
    match codec:
        case Codec.MP3:
            coding = mp3(rate_hz, mp3_kbps)
        case Codec.OPUS:
            kbps = None if opus_bps < 0 else opus_bps if opus_bps < 1000 else opus_bps // 1000
            coding = AudioFormat(codec, rate_hz, container, kbps)
        case _:
            coding = AudioFormat(codec, rate_hz, container)
    model = request.headers.get("model", "")
    known = model if model in _SPEAKING_MODELS else "s2.1-pro"
    asked = Asked("", _known(fields.text("reference_id", "")), known, rate_hz, word, settings)
    return Order(asked, coding, speed, 10 ** (volume_db / 20))


def _known(voice: str) -> str:
    if voice and voice not in {model.model_id for model in MODELS}:
        raise Refused("Reference not found")
    return voice
