"""What ElevenLabs sends: frames of ``multi-stream-input``, lines with time stamps; and a socket's address."""

from __future__ import annotations

import math
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


class _Characters:
    """Tells piece by piece of audio which characters of its text begin in it, and when.

    Args:
        text: that is spoken.
        speed: of the speech.
        size: of the coded audio, bytes.
    """

    def __init__(self, text: str, speed: float, size: int) -> None:
        self._text, self._size, self._sent, self._told = text, max(size, 1), 0, 0
        self._total_ms = len(text) * CHARACTER_MS / speed
        self.each_ms = CHARACTER_MS / speed

    def next(self, size: int, *, everything: bool = False) -> tuple[float, list[tuple[str, float]]]:
        """Take the next ``size`` bytes: when they begin, and which characters begin in them when, in ms."""
        begin_ms = self._total_ms * self._sent / self._size
        self._sent += size
        end_ms = self._total_ms if everything else self._total_ms * self._sent / self._size
        first, self._told = self._told, min(len(self._text), math.ceil(round(end_ms / self.each_ms, 6)))
        return begin_ms, [(self._text[at], at * self.each_ms) for at in range(first, self._told)]


class Frames:
    """Frames of one generation; times count from each frame's beginning."""

    def __init__(self, name: str | None, text: str, speed: float, size: int, every: bool) -> None:
        self._name, self._every = name, every
        self._characters = _Characters(text, speed, size)

    def __call__(self, piece: bytes) -> str:
        begin_ms, characters = self._characters.next(len(piece), everything=not self._every)
        alignment = {
            "chars": [character for character, _ in characters],
            "charStartTimesMs": [round(start_ms - begin_ms) for _, start_ms in characters],
            "charDurationsMs": [round(self._characters.each_ms)] * len(characters),
        }
        frame = {
            "audio": pybase64.b64encode_as_string(piece),
            "alignment": alignment if characters else None,
            "normalizedAlignment": alignment if characters else None,
            "contextId": self._name,
        }
        return orjson.dumps(frame).decode()


class Lines:
    """Lines of an answer with time stamps; times count from its beginning."""

    def __init__(self, text: str, speed: float, size: int) -> None:
        self._characters = _Characters(text, speed, size)

    def __call__(self, piece: bytes) -> bytes:
        _, characters = self._characters.next(len(piece))
        alignment = {
            "characters": [character for character, _ in characters],
            "character_start_times_seconds": [start_ms / 1000 for _, start_ms in characters],
            "character_end_times_seconds": [
                (start_ms + self._characters.each_ms) / 1000 for _, start_ms in characters
            ],
        }
        line = {
            "audio_base64": pybase64.b64encode_as_string(piece),
            "alignment": alignment if characters else None,
            "normalized_alignment": alignment if characters else None,
        }
        return orjson.dumps(line) + b"\n"
