"""What Amazon Polly is asked to speak, in its words.

Sources: the API model in botocore; AWS docs, "Controlling volume, speaking rate, and pitch" and "Bilingual
voices".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.providers._ssml import Document, Parsed, Piece, written
from voxgate.speech.language import primary_language
from voxgate.speech.polly import STANDARD, split_engine
from voxgate.speech.utterance import Markup, Utterance

PCM_16K = AudioFormat(Codec.PCM_S16LE, 16_000)
VORBIS_22K = AudioFormat(Codec.VORBIS, 22_050, Container.OGG)
VORBIS_24K = AudioFormat(Codec.VORBIS, 24_000, Container.OGG)
_CODED_RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
FORMATS: Mapping[AudioFormat, str] = {
    **{AudioFormat(Codec.PCM_S16LE, rate_hz): "pcm" for rate_hz in (8_000, 16_000)},
    **{AudioFormat(Codec.MP3, rate_hz): "mp3" for rate_hz in _CODED_RATES},
    **{AudioFormat(Codec.VORBIS, rate_hz, Container.OGG): "ogg_vorbis" for rate_hz in _CODED_RATES},
    AudioFormat(Codec.OPUS, 48_000, Container.OGG): "ogg_opus",
    AudioFormat(Codec.MULAW, 8_000): "mulaw",
    AudioFormat(Codec.ALAW, 8_000): "alaw",
}
"""What Polly makes, with its words."""

_BILINGUAL: Mapping[str, Mapping[str, str]] = {
    **{voice: {"en": "en-IN", "hi": "hi-IN"} for voice in ("Aditi", "Arjun", "Kajal", "Kiara")},
    **{voice: {"ar": "ar-AE"} for voice in ("Hala", "Zayd")},
}
"""Voices that have to be told the language; others have one (source: AWS docs, bilingual voices)."""

_LOWEST, _HIGHEST = -33.3, 50.0
"""Per cent that a pitch is moved at most: chosen by us, since AWS documents no limits for Polly."""
_SILENT = 0.001


def engine_of(utterance: Utterance) -> tuple[str, str]:
    """Return Polly's voice and engine; a client's own field wins over the voice's name."""
    voice, engine = split_engine(utterance.voice.voice_id)
    asked = dict(utterance.settings.extra).get("engine")
    return voice, str(asked or engine or STANDARD)


def fields_of(utterance: Utterance, document: Document) -> dict[str, object]:
    """Say who speaks what."""
    voice, engine = engine_of(utterance)
    fields: dict[str, object] = {"Engine": engine, "VoiceId": voice, "Text": document.text}
    if document.is_markup:
        fields["TextType"] = "ssml"
    language = primary_language(utterance.language) if utterance.language else ""
    if code := _BILINGUAL.get(voice, {}).get(language):
        fields["LanguageCode"] = code
    return fields


def document_of(utterance: Utterance) -> Document:
    """Write what Polly is to speak: plain text if nothing else has to be said."""
    prosody = _prosody(utterance)
    before, after = (f"<prosody {prosody}>", "</prosody>") if prosody else ("", "")
    if utterance.markup is Markup.SSML:
        return Document(Parsed(utterance.text).around("speak", before, after))
    if not prosody and not utterance.pronunciations:
        return Document.plain(utterance.text)
    return Document([Piece(f"<speak>{before}"), *written(utterance), Piece(f"{after}</speak>")])


def _prosody(utterance: Utterance) -> str:
    """Say pace, level and, to the one engine that takes it, pitch."""
    settings, said = utterance.settings, []
    if settings.speed != 1.0:
        said.append(f'rate="{100 * settings.speed:g}%"')
    if settings.volume != 1.0:
        level = f"{20 * math.log10(settings.volume):+.2f}dB" if settings.volume > _SILENT else "silent"
        said.append(f'volume="{level}"')
    if settings.pitch_semitones and engine_of(utterance)[1] == STANDARD:
        percent = 100 * (2 ** (settings.pitch_semitones / 12) - 1)
        said.append(f'pitch="{min(_HIGHEST, max(_LOWEST, percent)):+.1f}%"')
    return " ".join(said)
