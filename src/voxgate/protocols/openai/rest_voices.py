"""Which voice a request means by ``model`` and ``voice``.

A voice with a dot in it is a catalogue name and stands for itself, whatever the model. Any other is looked up
in the model:

- An OpenAI model has OpenAI's thirteen voices. Telnyx gives the same model names to models of its own
  (source: Telnyx docs, text-to-speech models page), and their voices go by their bare ids. One name is in
  both: under ``/v1`` it is OpenAI's, under ``/v2``, Telnyx's address, it is Telnyx's.
- ``Provider.Model`` or ``Provider`` is a model of the catalogue, and ``voice`` one of its voices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from voxgate.errors import InvalidRequest, InvalidVoice
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import VoiceName

OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx"),
    *("nova", "sage", "shimmer", "verse", "marin", "cedar"),
)

TELNYX_MODELS: Mapping[str, str] = MappingProxyType(
    {"tts-1": "NaturalHD", "tts-1-hd": "NaturalHD", "gpt-4o-mini-tts": "Ultra"}
)
"""OpenAI's models, and what Telnyx means by them."""

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def voice_name(
    catalogue: Catalogue, model: str, voice: str, *, telnyx_first: bool = False, custom: bool = False
) -> VoiceName:
    """Tell which voice is meant; whether it may be used is the router's to judge.

    Args:
        catalogue: what models and voices there are.
        model: as given.
        voice: as given.
        telnyx_first: a name that is in both lists is Telnyx's.
        custom: given as an object, ``{"id": ...}``: may be a voice that only OpenAI knows.

    Raises:
        InvalidRequest: there is no such model, and the voice says nothing about it.
        InvalidVoice: the model has no such voice.
    """
    if "." in voice:
        return VoiceName.parse(voice)
    alias = _SNAPSHOT.sub("", model.strip().lower())
    if alias not in TELNYX_MODELS:
        return _of_catalogue_model(catalogue, model, voice)
    found = [name for name in (_openai(alias, voice), _telnyx(catalogue, alias, voice)) if name is not None]
    if found:
        return found[-1 if telnyx_first else 0]
    if custom:
        return VoiceName.from_parts("OpenAI", alias, voice)
    raise InvalidVoice(
        f"{alias} has no such voice; name one of {', '.join(OPENAI_VOICES)}, "
        "or a voice of this server's list, for example Telnyx.NaturalHD.astra",
        field="voice",
    )


def _openai(alias: str, voice: str) -> VoiceName | None:
    known = voice.strip().lower()
    return VoiceName("OpenAI", alias, known) if known in OPENAI_VOICES else None


def _telnyx(catalogue: Catalogue, alias: str, voice: str) -> VoiceName | None:
    try:
        return catalogue.find(VoiceName("Telnyx", TELNYX_MODELS[alias], voice.strip())).name
    except InvalidVoice:
        return None


def _of_catalogue_model(catalogue: Catalogue, model: str, voice: str) -> VoiceName:
    try:
        name = VoiceName.parse(f"{model.strip()}.{voice.strip()}")
        catalogue.facts(name)
    except InvalidVoice:
        raise InvalidRequest(
            f"There is no such model; name one of {', '.join(TELNYX_MODELS)}, "
            "or a model of this server's list, for example Telnyx.NaturalHD",
            field="model",
        ) from None
    return name
