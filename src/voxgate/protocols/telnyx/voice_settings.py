"""Reads ``voice_settings``, the object on a session's first frame.

Each provider has fields of its own; `voxgate.protocols.telnyx.voice_settings_table` has a row for each.
Fields without a row are ignored (source: Telnyx docs, voice settings page). A value that its field cannot
hold is refused, whether or not it would have an effect here: the vendor would refuse it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from voxgate.errors import InvalidRequest
from voxgate.protocols.telnyx.field_rules import Rule
from voxgate.speech.utterance import JsonScalar, Markup, SpeechSettings


class Effect(Enum):
    """What a field does, as the documentation says it."""

    SPEED = "applied: pace, as a ratio"
    PITCH = "applied: pitch, in semitones"
    VOLUME = "applied: level, as a ratio"
    FORMAT = "applied: audio format; wins over `audio_format`"
    RATE = "applied: sample rate; wins over `sample_rate`"
    BITS = "applied: bits of a sample in WAV"
    LANGUAGE = "applied: language; wins over `language`"
    MARKUP = "applied: plain text or SSML; wins over `text_type`"
    VENDOR = "no effect here; kept for the vendor's own engine"
    NONE = "no effect here"


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a provider or model.

    Attributes:
        field: its name on the wire.
        effect: what it does.
        rule: what it may hold.
    """

    field: str
    effect: Effect
    rule: Rule


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What a session's ``voice_settings`` ask for. None where they say nothing.

    Attributes:
        speech: pace, pitch and level; its ``extra`` holds what only the vendor understands.
        audio_format: one of `voxgate.protocols.telnyx.formats.CODECS`.
        rate_hz: of the audio.
        bit_rate_kbps: of a lossy format.
        bits: of a sample in WAV.
        language: BCP-47 tag.
        markup: what the text is.
    """

    speech: SpeechSettings = field(default_factory=SpeechSettings)
    audio_format: str | None = None
    rate_hz: int | None = None
    bit_rate_kbps: int | None = None
    bits: int | None = None
    language: str | None = None
    markup: Markup | None = None


def read(rows: Mapping[str, Row], given: Mapping[str, Any]) -> VoiceSettings:
    """Read what a client gave.

    Args:
        rows: of the session's provider and model, by field.
        given: as it came; a null counts as absent.

    Raises:
        InvalidRequest: a field cannot hold what it was given; ``field`` names it.
    """
    settings = VoiceSettings()
    extra: list[tuple[str, JsonScalar]] = []
    for name, value in given.items():
        row = rows.get(name)
        if row is None or value is None:
            continue
        meant = _meant(row, value)
        if row.effect is Effect.VENDOR:
            extra.append((name, meant))
        else:
            settings = _applied(row.effect, meant, settings)
    return replace(settings, speech=replace(settings.speech, extra=tuple(sorted(extra))))


def _meant(row: Row, value: Any) -> Any:
    name = f"voice_settings.{row.field}"
    try:
        return row.rule.read(value)
    except ValueError:
        taken = str(row.rule).replace("`", "")
        raise InvalidRequest(f"{name} cannot be what it was given; it takes: {taken}", field=name) from None


def _applied(effect: Effect, meant: Any, settings: VoiceSettings) -> VoiceSettings:
    speech = settings.speech
    match effect:
        case Effect.SPEED:
            return replace(settings, speech=replace(speech, speed=float(meant)))
        case Effect.PITCH:
            return replace(settings, speech=replace(speech, pitch_semitones=float(meant)))
        case Effect.VOLUME:
            return replace(settings, speech=replace(speech, volume=float(meant)))
        case Effect.FORMAT if isinstance(meant, tuple):
            name, rate_hz, bit_rate_kbps = meant
            return replace(settings, audio_format=name, rate_hz=rate_hz, bit_rate_kbps=bit_rate_kbps)
        case Effect.FORMAT:
            return replace(settings, audio_format=meant)
        case Effect.RATE:
            return replace(settings, rate_hz=meant)
        case Effect.BITS:
            return replace(settings, bits=meant)
        case Effect.LANGUAGE:
            return replace(settings, language=meant)
        case Effect.MARKUP:
            return replace(settings, markup=meant)
        case _:
            return settings
