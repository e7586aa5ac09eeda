"""What crosses ElevenLabs' ``multi-stream-input``: what its address settles, and its frames of audio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import pybase64
from aiohttp import web

from voxgate.audio.format import AudioFormat
from voxgate.testing.emulators._elevenlabs_rules import (
    DEFAULT_MODEL,
    Model,
    check_format,
    check_model,
    refuse,
    refuse_field,
)
from voxgate.testing.scripted import CHARACTER_MS


@dataclass(frozen=True, slots=True)
class How:
    """What is settled by the address of a socket.

    Attributes:
        voice_id: not yet looked up.
        model_id: known to exist.
        model: the model itself.
        word: of the format.
        target: the format.
        idle_s: after which a silent context is closed.
        auto_mode: text is spoken as it comes.
        sync_alignment: every frame tells when its characters are heard, and not just the first.
    """

    voice_id: str
    model_id: str
    model: Model
    word: str
    target: AudioFormat
    idle_s: float
    auto_mode: bool
    sync_alignment: bool


def read_query(request: web.Request) -> How:
    """Check the address of a socket; raises `VendorError`."""
    query = request.query
    word, model_id = query.get("output_format", "mp3_44100_128"), query.get("model_id", DEFAULT_MODEL)
    target, _ = check_format(word)
    model = check_model(model_id, query.get("language_code"))
    if not model.sockets:
        refuse("unsupported_model", "WebSockets are not available for this model", "model_id")
    idle = query.get("inactivity_timeout", "20")
    if not idle.isdecimal() or not 1 <= int(idle) <= 180:
        refuse_field("int_parsing", "From 1 to 180", "query", "inactivity_timeout")
    flags = [query.get(name, "false").lower() == "true" for name in ("auto_mode", "sync_alignment")]
    return How(request.match_info["voice_id"], model_id, model, word, target, float(idle), *flags)


class Frames:
    """Frames of one generation, with the times of its characters, counted from each frame's beginning."""

    def __init__(self, name: str | None, text: str, speed: float, size: int, every: bool) -> None:
        self._name, self._text, self._size, self._every = name, text, size, every
        self._character_ms = CHARACTER_MS / speed
        self._sent = 0
        self._told = 0

    def __call__(self, piece: bytes) -> str:
        self._sent += len(piece)
        share = self._sent / self._size if self._every and self._size else 1.0
        end = min(len(self._text), math.ceil(len(self._text) * share))
        characters, self._told = self._text[self._told : end], end
        alignment = self._alignment(characters) if characters else None
        frame = {
            "audio": pybase64.b64encode_as_string(piece),
            "alignment": alignment,
            "normalizedAlignment": alignment,
            "contextId": self._name,
        }
        return orjson.dumps(frame).decode()

    def _alignment(self, characters: str) -> Mapping[str, object]:
        starts = [round(number * self._character_ms) for number in range(len(characters))]
        return {
            "chars": list(characters),
            "charStartTimesMs": starts,
            "charDurationsMs": [round(self._character_ms)] * len(characters),
        }
