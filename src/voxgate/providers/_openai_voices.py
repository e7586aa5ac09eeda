"""Lists of models and voices, as servers that answer OpenAI's speech endpoint give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from voxgate.errors import ProviderUnavailable
from voxgate.speech.language import guess_language, normal_tag
from voxgate.speech.voice import Gender, Voice, VoiceName

MOST_VOICES = 20_000
_KOKORO = "kokoro"
_KOKORO_LANGUAGES: Mapping[str, str] = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es-ES",
    "f": "fr-FR",
    "h": "hi-IN",
    "i": "it-IT",
    "j": "ja-JP",
    "p": "pt-BR",
    "z": "zh-CN",
}
_GENDERS = {"f": Gender.FEMALE, "m": Gender.MALE, "female": Gender.FEMALE, "male": Gender.MALE}


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice as a server lists it.

    Attributes:
        voice_id: to ask with.
        label: to show.
        language: where the server tells it, or the name does.
        gender: likewise.
    """

    voice_id: str
    label: str
    language: str | None
    gender: Gender


def read_models(body: bytes) -> list[str]:
    """Read ``GET /v1/models``: ids of those that speak, as far as their ``task`` tells.

    Where one of several is called ``kokoro`` the others are names for it (Kokoro-FastAPI).

    Raises:
        ProviderUnavailable: this is no list of models.
    """
    try:
        models = [
            str(model["id"])
            for model in orjson.loads(body)["data"]
            if model.get("task", "text-to-speech") == "text-to-speech"
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ProviderUnavailable("The list of models is none") from None
    return [_KOKORO] if _KOKORO in models else models


def read_voices(body: bytes) -> list[ListedVoice]:
    """Read ``GET /v1/audio/voices``: names, or objects with an ``id`` or a ``name``.

    Raises:
        ProviderUnavailable: this is no list of voices.
    """
    try:
        return [_listed(voice) for voice in orjson.loads(body)["voices"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ProviderUnavailable("The list of voices is none") from None


def voices_of(
    provider: str, models: Sequence[str], listed: Iterable[ListedVoice], rate_hz: int
) -> list[Voice]:
    """Give every model every voice: these servers do not tell which has which."""
    voices = [
        Voice(
            VoiceName(provider, model, voice.voice_id),
            voice.label,
            (voice.language,) if voice.language else (),
            voice.gender,
            hosted=True,
            rate_hz=rate_hz,
        )
        for voice in listed
        for model in models
    ]
    return voices[:MOST_VOICES]


def _listed(voice: object) -> ListedVoice:
    if isinstance(voice, str):
        voice = {"id": voice}
    if not isinstance(voice, dict):
        raise TypeError("a voice is a string or an object")
    voice_id = voice.get("id") or voice["name"]
    if not isinstance(voice_id, str):
        raise TypeError("a voice's id is a string")
    language, gender = _by_prefix(voice_id)
    if isinstance(told := voice.get("language"), str) and told:
        language = normal_tag(told)
    gender = _GENDERS.get(str(voice.get("gender", "")).lower(), gender)
    return ListedVoice(voice_id, str(voice.get("name") or voice_id), language, gender)


def _by_prefix(voice_id: str) -> tuple[str | None, Gender]:
    """Read the two letters before the name of one of Kokoro's voices: its language and its gender."""
    prefix, _, name = voice_id.partition("_")
    if name and len(prefix) == 2 and prefix[0] in _KOKORO_LANGUAGES and prefix[1] in _GENDERS:
        return _KOKORO_LANGUAGES[prefix[0]], _GENDERS[prefix[1]]
    return guess_language(voice_id), Gender.UNKNOWN
