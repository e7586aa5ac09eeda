"""What a client asks for with its upgrade: the query becomes a `SessionRequest`, and that a `SpeechPlan`.

Source: Telnyx docs, WebSocket configuration and parameters pages. What they ask to be honoured is honoured
or refused, never ignored; parameters that they do not know are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voxgate.audio.format import AudioFormat
from voxgate.errors import InvalidRequest, UnsupportedFormat
from voxgate.protocols.telnyx import formats, voice_settings
from voxgate.protocols.telnyx.voice_settings import VoiceSettings
from voxgate.protocols.telnyx.voice_settings_table import rows_of
from voxgate.speech.language import is_tag, speaks
from voxgate.speech.model import DEFAULT_FORMAT
from voxgate.speech.utterance import Markup, SpeechSettings
from voxgate.speech.voice import Voice, VoiceName

MAX_INACTIVITY_TIMEOUT_S = 86_400
MAX_SOCKET_ID_CHARACTERS = 100
"""Of a client's own id that are kept for the log."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A query, read.

    Attributes:
        voice: asked for, or the default one; not yet known to exist.
        audio_format: one of `voxgate.protocols.telnyx.formats.CODECS`.
        rate_hz: None for the model's default.
        language: BCP-47 tag, when one was given.
        markup: what the client's text is.
        disable_cache: always make speech anew.
        inactivity_timeout_s: without a frame from the client, until the socket is closed.
        socket_id: the client's own name for the session, for the log.
        dictionary_id: of the pronunciation dictionary to apply; not yet known to exist.
    """

    voice: VoiceName
    audio_format: str = DEFAULT_FORMAT
    rate_hz: int | None = None
    language: str | None = None
    markup: Markup = Markup.TEXT
    disable_cache: bool = False
    inactivity_timeout_s: float = 20.0
    socket_id: str | None = None
    dictionary_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """How a session speaks, once its voice is known.

    Attributes:
        audio_format: of all its audio.
        settings: pace, pitch, level and the vendor's own fields.
        language: BCP-47 tag, when one was asked for.
        markup: what the client's text is.
    """

    audio_format: AudioFormat
    settings: SpeechSettings
    language: str | None
    markup: Markup


def read_query(
    query: Mapping[str, str],
    *,
    default_voice: VoiceName,
    voice_required: bool = False,
    inactivity_timeout_s: float = 20.0,
) -> SessionRequest:
    """Read an upgrade's query.

    Args:
        query: parameters by name.
        default_voice: for a client that names none.
        voice_required: refuse such a client instead.
        inactivity_timeout_s: for a client that says nothing about it.

    Raises:
        InvalidRequest: a parameter is wrong or missing; ``field`` names it.
    """
    timeout_s = _whole_number(query, "inactivity_timeout", 1, MAX_INACTIVITY_TIMEOUT_S)
    return SessionRequest(
        voice=_voice(query, default_voice, voice_required),
        audio_format=_audio_format(query),
        rate_hz=_whole_number(query, "sample_rate", 1, 1_000_000),
        language=_language(query),
        markup=_markup(query),
        disable_cache=_boolean(query, "disable_cache"),
        inactivity_timeout_s=inactivity_timeout_s if timeout_s is None else timeout_s,
        socket_id=query.get("socket_id", "")[:MAX_SOCKET_ID_CHARACTERS] or None,
        dictionary_id=query.get("pronunciation_dict_id") or None,
    )


def plan_speech(request: SessionRequest, voice: Voice, chosen: VoiceSettings | None = None) -> SpeechPlan:
    """Settle how a session speaks.

    Args:
        request: from the query.
        voice: as the catalogue knows it.
        chosen: from ``voice_settings``; wins over the query.

    Raises:
        InvalidRequest: the voice cannot do what is asked.
    """
    chosen = chosen or VoiceSettings()
    name = chosen.audio_format or request.audio_format
    if name == "wav" and chosen.bits == 32:
        name = "wav32"
    return SpeechPlan(
        audio_format=formats.audio_format(
            name, voice.facts, chosen.rate_hz or request.rate_hz, chosen.bit_rate_kbps
        ),
        settings=chosen.speech,
        language=chosen.language or _spoken_language(request.language, voice),
        markup=_taken_markup(chosen.markup or request.markup, voice),
    )


def agree(request: SessionRequest, voice: Voice, given: Mapping[str, Any]) -> SpeechPlan:
    """Settle how a session speaks, with the ``voice_settings`` of its init frame.

    Raises:
        InvalidRequest: they are wrong, or the voice cannot do what is asked.
    """
    rows = rows_of(voice.name.provider, voice.name.model)
    return plan_speech(request, voice, voice_settings.read(rows, given))


def _voice(query: Mapping[str, str], default: VoiceName, required: bool) -> VoiceName:
    if "voice" in query:
        return VoiceName.parse(_with_plus_signs(query["voice"]))
    provider, model, voice_id = (query.get(name) for name in ("provider", "model_id", "voice_id"))
    foreign = provider is not None and provider.casefold() != default.provider.casefold()
    if foreign or model is not None or voice_id is not None:
        return VoiceName.from_parts(provider, model, voice_id)
    if required:
        raise InvalidRequest("Name a voice, for example Telnyx.NaturalHD.astra", field="voice")
    return default


def _with_plus_signs(name: str) -> str:
    """Mend a local voice's name: some clients do not encode a plus sign, which then reads as a space."""
    return name.replace(" ", "+") if name.casefold().startswith("local.") else name


def _audio_format(query: Mapping[str, str]) -> str:
    word = query.get("audio_format", DEFAULT_FORMAT)
    try:
        return formats.AUDIO_FORMATS[word.lower()]
    except KeyError:
        known = ", ".join(formats.AUDIO_FORMATS)
        raise UnsupportedFormat(f"audio_format is one of {known}", field="audio_format") from None


def _language(query: Mapping[str, str]) -> str | None:
    tag = query.get("language")
    if tag is None or tag.lower() == "auto":
        return None
    if not is_tag(tag):
        raise InvalidRequest("language is a BCP-47 tag, such as en-US", field="language")
    return tag


def _markup(query: Mapping[str, str]) -> Markup:
    word = query.get("text_type", "text").lower()
    if word not in tuple(Markup):
        raise InvalidRequest("text_type is text or ssml", field="text_type")
    return Markup(word)


def _boolean(query: Mapping[str, str], name: str) -> bool:
    word = query.get(name, "false").lower()
    if word not in _BOOLEANS:
        raise InvalidRequest(f"{name} is true or false", field=name)
    return _BOOLEANS[word]


def _whole_number(query: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    digits = query.get(name)
    if digits is None:
        return None
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10 and least <= int(digits) <= most):
        raise InvalidRequest(f"{name} is a whole number from {least} to {most}", field=name)
    return int(digits)


def _spoken_language(language: str | None, voice: Voice) -> str | None:
    """Refuse a language that would be ignored: a stand-in speaks any, a vendor's own voice may not."""
    if language is None or not voice.hosted or voice.facts.takes_language:
        return language
    if any(speaks(own, language) or speaks(language, own) for own in voice.languages):
        return language
    spoken = ", ".join(voice.languages)
    raise InvalidRequest(f"{voice.name} speaks {spoken}, not {language}", field="language")


def _taken_markup(markup: Markup, voice: Voice) -> Markup:
    if markup is Markup.SSML and not voice.facts.takes_ssml:
        raise InvalidRequest(f"{voice.facts.title} does not take SSML", field="text_type")
    return markup
