"""From a REST request to what is to be spoken, by the rules of the WebSocket.

Pure: decides from the catalogue's facts and the settings table, and speaks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from voxgate.errors import InvalidRequest, InvalidVoice, TextTooLong, UnsupportedFormat
from voxgate.protocols.telnyx import voice_settings
from voxgate.protocols.telnyx.handshake import SessionRequest, SpeechPlan, plan_speech
from voxgate.protocols.telnyx.rest_models import SpeechRequest
from voxgate.protocols.telnyx.voice_settings import Effect, Row
from voxgate.protocols.telnyx.voice_settings_table import rows_of
from voxgate.speech.language import is_tag
from voxgate.speech.markup import strip_markdown
from voxgate.speech.model import DEFAULT_FORMAT, ModelFacts
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import Markup
from voxgate.speech.voice import Voice, VoiceName

REST_FORMATS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("Telnyx", "Qwen3TTS"): "linear16",
        ("Telnyx", "Bayan"): "wav",
        ("FishAudio", ""): "linear16",
        ("Humain", ""): "linear16",
    }
)
"""What a model gives over REST when nothing is asked for, where that is not MP3; an empty model stands for
all of them (source: Telnyx docs, REST response page and provider pages; for Bayan, a live probe)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A request whose voice is known.

    Attributes:
        text: to be spoken, without Markdown.
        plan: format, settings, language and markup.
    """

    text: str
    plan: SpeechPlan


def voice_of(body: SpeechRequest, default: VoiceName) -> VoiceName:
    """Tell which voice is asked for; whether it exists is the router's to judge.

    Args:
        body: with a voice or a provider.
        default: for ``provider`` alone, when it is that voice's.

    Raises:
        InvalidVoice: no voice is named; ``field`` says where it could be.
    """
    if body.voice is not None:
        return VoiceName.parse(body.voice)
    provider = body.provider or default.provider
    given = _object_of(body, provider)
    model, voice_id = given.get("model_id") or body.model_id, given.get("voice_id") or body.voice_id
    if not voice_id and not model and provider.lower() == default.provider.lower():
        return default
    if not voice_id:
        raise InvalidVoice("Name a voice, for example Telnyx.NaturalHD.astra", field="voice")
    return VoiceName.from_parts(provider, model, voice_id)


def settle(body: SpeechRequest, voice: Voice, max_characters: int) -> Settled:
    """Settle what is to be spoken and how.

    Args:
        body: the request.
        voice: as the catalogue knows it.
        max_characters: of text.

    Raises:
        InvalidRequest: a field is wrong, or the voice cannot do what is asked; ``field`` names it.
    """
    plan = _plan(body, voice)
    return Settled(_text(body.text, plan.markup, max_characters), plan)


def _text(text: str, markup: Markup, max_characters: int) -> str:
    if len(text) > max_characters:
        raise TextTooLong(
            f"text has {len(text)} characters; at most {max_characters} are taken", field="text"
        )
    if markup is Markup.TEXT:
        text = strip_markdown(text)
    if not speakable(text):
        raise InvalidRequest("There is nothing to say in text", field="text")
    return text


def _plan(body: SpeechRequest, voice: Voice) -> SpeechPlan:
    facts = voice.facts
    rows = rows_of(facts.provider, facts.model)
    own = _object_of(body, facts.provider)
    given = {**(body.voice_settings or {}), **own}
    asked = SessionRequest(
        voice=voice.name,
        audio_format=_default_format(facts),
        language=_language(body.language),
        markup=Markup(body.text_type or "text"),
    )
    try:
        return plan_speech(asked, voice, voice_settings.read(rows, given))
    except UnsupportedFormat as error:
        effect = Effect.RATE if error.field == "sample_rate" else Effect.FORMAT
        field = _given_field(rows, given, effect) or _given_field(rows, given, Effect.FORMAT)
        raise UnsupportedFormat(error.message, field=field and _path(field, own, facts)) from None
    except InvalidRequest as error:
        name = (error.field or "").removeprefix("voice_settings.")
        if name not in rows:
            raise
        path, taken = _path(name, own, facts), str(rows[name].rule).replace("`", "")
        raise InvalidRequest(f"{path} cannot be what it was given; it takes: {taken}", field=path) from None


def _default_format(facts: ModelFacts) -> str:
    own = REST_FORMATS.get((facts.provider, facts.model)) or REST_FORMATS.get((facts.provider, ""))
    return own or DEFAULT_FORMAT


def _language(tag: str | None) -> str | None:
    if tag is None or tag.lower() == "auto":
        return None
    if not is_tag(tag):
        raise InvalidRequest("language is a BCP-47 tag, such as en-US", field="language")
    return tag


def _object_of(body: SpeechRequest, provider: str) -> dict[str, Any]:
    """Return what is given in the provider's own object; ElevenLabs nests settings in it."""
    own = getattr(body, provider.lower(), None) if provider.lower() in _OBJECTS else None
    given: dict[str, Any] = own.model_dump(exclude_none=True) if own is not None else {}
    nested = given.pop("voice_settings", {})
    return {**nested, **given}


_OBJECTS = frozenset(
    "aws azure elevenlabs fishaudio humain inworld minimax resemble rime soniox telnyx xai".split()
)


def _given_field(rows: Mapping[str, Row], given: Mapping[str, Any], effect: Effect) -> str | None:
    return next((name for name, row in rows.items() if row.effect is effect and name in given), None)


def _path(name: str, own: Mapping[str, Any], facts: ModelFacts) -> str:
    """Spell a field as the client did: in the provider's object, or in ``voice_settings``."""
    return f"{facts.provider.lower() if name in own else 'voice_settings'}.{name}"
