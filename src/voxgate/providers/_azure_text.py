"""What Azure is asked to speak, in its words: SSML, formats, and the settings of streamed text.

Sources: Microsoft docs, "Text to speech REST API", "Customize voice and sound with SSML", "Language and voice
support"; what Microsoft's SDK 1.53 sends with streamed text.

Loudness is left to us: Azure's own goes from silence to the default, and no further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.providers._ssml import Document, Parsed, Piece, written
from voxgate.speech.language import DEFAULT_LANGUAGE, guess_language, normal_tag
from voxgate.speech.utterance import Markup, Utterance

FORMATS: Mapping[AudioFormat, str] = {
    **{
        AudioFormat(Codec.PCM_S16LE, rate_hz): f"raw-{name}-16bit-mono-pcm"
        for rate_hz, name in (
            (8_000, "8khz"),
            (16_000, "16khz"),
            (22_050, "22050hz"),
            (24_000, "24khz"),
            (44_100, "44100hz"),
            (48_000, "48khz"),
        )
    },
    **{
        AudioFormat(Codec.MP3, khz * 1000, bit_rate_kbps=kbps): f"audio-{khz}khz-{kbps}kbitrate-mono-mp3"
        for khz, rates in ((16, (32, 64, 128)), (24, (48, 96, 160)), (48, (96, 192)))
        for kbps in rates
    },
    **{
        AudioFormat(Codec.OPUS, khz * 1000, Container.OGG): f"ogg-{khz}khz-16bit-mono-opus"
        for khz in (16, 24, 48)
    },
    AudioFormat(Codec.MULAW, 8_000): "raw-8khz-8bit-mono-mulaw",
    AudioFormat(Codec.ALAW, 8_000): "raw-8khz-8bit-mono-alaw",
}
"""What Azure streams, with its names."""

SPEEDS = (0.5, 2.0)
_SEMITONES = (-12.0, 7.0)
"""Azure moves the pitch by half down and by half up."""
_ROOT = {
    "version": "1.0",
    "xmlns": "http://www.w3.org/2001/10/synthesis",
    "xmlns:mstts": "https://www.w3.org/2001/mstts",
}
_MULTILINGUAL = re.compile(r"Multilingual|:.*HD|MAI-Voice", re.IGNORECASE)
_LOCALES = frozenset(
    """
    af-ZA am-ET ar-EG ar-SA az-AZ bg-BG bn-BD bn-IN bs-BA ca-ES cs-CZ cy-GB da-DK de-AT de-CH de-DE el-GR
    en-AU en-CA en-GB en-HK en-IE en-IN en-US es-ES es-MX et-EE eu-ES fa-IR fi-FI fil-PH fr-BE fr-CA
    fr-CH fr-FR ga-IE gl-ES he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP jv-ID ka-GE kk-KZ km-KH
    kn-IN ko-KR lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN ms-MY mt-MT my-MM nb-NO ne-NP nl-BE nl-NL pl-PL ps-AF
    pt-BR pt-PT ro-RO ru-RU si-LK sk-SK sl-SI so-SO sq-AL sr-RS su-ID sv-SE sw-KE ta-IN te-IN th-TH tr-TR
    uk-UA ur-PK uz-UZ vi-VN zh-CN zh-HK zh-TW zu-ZA
    """.split()
)
"""What multilingual voices can be told to speak; in any other language they say nothing at all."""


def document_of(utterance: Utterance) -> Document:
    """Write an utterance as SSML; a client's document gets what it lacks."""
    before, after = _settings_of(utterance)
    voice = f'<voice name="{escape(utterance.voice.voice_id)}"{_effect(utterance)}>'
    if utterance.markup is Markup.TEXT:
        opening = _root({"xml:lang": _own_locale(utterance)})
        pieces = (Piece(f"{opening}{voice}{before}"), *written(utterance), Piece(f"{after}</voice></speak>"))
        return Document(pieces)
    parsed = Parsed(utterance.text)
    opening = _root({"xml:lang": _own_locale(utterance)} | dict(parsed.elements[0].attributes))
    if any(element.name == "voice" for element in parsed.elements):
        return Document(parsed.around("voice", before, after, opening=opening))
    return Document(parsed.around("speak", f"{voice}{before}", f"{after}</voice>", opening=opening))


def input_of(utterance: Utterance) -> dict[str, object]:
    """Say how text is to be spoken that will be streamed."""
    given, settings = dict(utterance.settings.extra), utterance.settings
    fields: dict[str, object] = {
        "bidirectionalStreamingMode": True,
        "voiceName": utterance.voice.voice_id,
        "language": _spoken_locale(utterance) or _own_locale(utterance),
    }
    if settings.speed != 1.0:
        fields["rate"] = _rate(settings.speed)
    if settings.pitch_semitones:
        fields["pitch"] = _pitch(settings.pitch_semitones)
    if given.get("style"):
        fields["style"] = str(given["style"])
    return fields


def _root(attributes: Mapping[str, str]) -> str:
    return f"<speak{_written({**_ROOT, **attributes})}>"


def _written(attributes: Mapping[str, object]) -> str:
    return "".join(f' {name}="{escape(str(value))}"' for name, value in attributes.items())


def _settings_of(utterance: Utterance) -> tuple[str, str]:
    """Return the elements around a text, opened and closed."""
    given, settings = dict(utterance.settings.extra), utterance.settings
    style = {name: given[name] for name in ("style", "styledegree", "role") if given.get(name)}
    locale = _spoken_locale(utterance)
    prosody: dict[str, object] = {}
    if settings.speed != 1.0:
        prosody["rate"] = _rate(settings.speed)
    if settings.pitch_semitones:
        prosody["pitch"] = _pitch(settings.pitch_semitones)
    elements: list[tuple[str, Mapping[str, object]]] = [
        ("mstts:express-as", style),
        ("lang", {"xml:lang": locale} if locale else {}),
        ("prosody", prosody),
    ]
    opened = [(name, attributes) for name, attributes in elements if attributes]
    before = "".join(f"<{name}{_written(attributes)}>" for name, attributes in opened)
    return before, "".join(f"</{name}>" for name, _ in reversed(opened))


def _effect(utterance: Utterance) -> str:
    effect = dict(utterance.settings.extra).get("effect")
    return _written({"effect": effect}) if effect else ""


def _own_locale(utterance: Utterance) -> str:
    return guess_language(utterance.voice.voice_id) or DEFAULT_LANGUAGE


def _spoken_locale(utterance: Utterance) -> str | None:
    """Return the language to be told, if the voice can be told one."""
    if utterance.language is None or not _MULTILINGUAL.search(utterance.voice.voice_id):
        return None
    locale = normal_tag(utterance.language)
    return locale if locale in _LOCALES and locale != _own_locale(utterance) else None


def _rate(speed: float) -> str:
    return f"{round(speed, 3):g}"


def _pitch(semitones: float) -> str:
    low, high = _SEMITONES
    return f"{round(min(high, max(low, semitones)), 2):+g}st"
