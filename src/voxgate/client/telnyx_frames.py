"""Frames of the Telnyx-style text-to-speech WebSocket, as a client writes and reads them.

Source: Telnyx docs, WebSocket configuration and messages pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import orjson
import pybase64

from voxgate.client.events import Audio, Final
from voxgate.errors import SynthesisError


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How to speak; the whole of it is settled when the connection is made.

    Attributes:
        voice: compound name; None for the server's default.
        audio_format: in Telnyx's words: ``mp3``, ``linear16``, ``wav``, ``mulaw``, ``alaw``, ``ogg_vorbis``.
        rate_hz: None for the voice's default. No frame tells the rate, so name it if it matters.
        language: BCP-47 tag.
        ssml: the text is SSML.
        disable_cache: make everything anew.
        inactivity_timeout_s: after which the server hangs up on a client that sends nothing, whole seconds;
            None for the server's default.
        voice_settings: the provider's own fields, such as ``{"voice_speed": 1.2}``.
    """

    voice: str | None = None
    audio_format: str = "linear16"
    rate_hz: int | None = None
    language: str | None = None
    ssml: bool = False
    disable_cache: bool = False
    inactivity_timeout_s: int | None = None
    voice_settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def query(self) -> str:
        """Write them as the query of the upgrade."""
        named: dict[str, object] = {
            "voice": self.voice,
            "audio_format": self.audio_format,
            "sample_rate": self.rate_hz,
            "language": self.language,
            "text_type": "ssml" if self.ssml else None,
            "disable_cache": "true" if self.disable_cache else None,
            "inactivity_timeout": self.inactivity_timeout_s,
        }
        return urlencode({name: value for name, value in named.items() if value is not None})

    def init_frame(self) -> dict[str, Any]:
        """Return the frame that a session begins with."""
        settings = {"voice_settings": dict(self.voice_settings)} if self.voice_settings else {}
        return {"text": " ", **settings}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something went wrong; the server closes next, and its code tells what kind of error it is."""

    message: str


def read_frame(message: str | bytes) -> Audio | Final | Fault | None:
    """Read a message; None for a frame that tells nothing. ``type`` is not looked at: Telnyx sends none.

    Raises:
        SynthesisError: it is no frame of this protocol.
    """
    try:
        fields = orjson.loads(message)
        audio = _audio(fields) if isinstance(fields, dict) else None
    except ValueError:  # as errors of JSON and base64 are
        fields = None
    if not isinstance(fields, dict):
        raise SynthesisError("What the server sent is no frame of this protocol")
    if fields.get("error"):
        return Fault(str(fields["error"]))
    return audio or (Final() if fields.get("isFinal") is True else None)


def _audio(fields: Mapping[str, Any]) -> Audio | None:
    audio, text, first_ms = (fields.get(name) for name in ("audio", "text", "timeToFirstAudioFrameMs"))
    data = pybase64.b64decode(audio, validate=True) if isinstance(audio, str) else b""
    if not data and not text:
        return None
    return Audio(
        data,
        text if isinstance(text, str) else None,
        fields.get("cached") is True,
        first_ms if isinstance(first_ms, int) else None,
    )
