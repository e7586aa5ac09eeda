"""Where Amazon Polly's engine hides in a voice's name.

Telnyx documents two shapes, ``aws.Polly.Generative.Lucia`` and ``AWS.Polly.Lucia-Generative``, and lists
voices in the second; without an engine the standard one is meant (source: Telnyx docs, AWS page and voice
catalogue). Here the second is the canonical one.
"""

from __future__ import annotations

from types import MappingProxyType

from voxgate.errors import InvalidVoice
from voxgate.speech.voice import VoiceName

MODEL = "Polly"
STANDARD = "standard"

SUFFIXES = MappingProxyType(
    {STANDARD: "", "neural": "-Neural", "generative": "-Generative", "long-form": "-longform"}
)
"""AWS's engines, and what stands for each after the voice in a canonical id."""

_ENGINES = MappingProxyType({**{engine: engine for engine in SUFFIXES}, "longform": "long-form"})


def split_engine(voice_id: str) -> tuple[str, str | None]:
    """Split ``Lucia-longform`` into AWS's ``VoiceId`` and ``Engine``: ``("Lucia", "long-form")``.

    The engine is None when the id names none.
    """
    voice, hyphen, suffix = voice_id.partition("-")
    engine = _ENGINES.get(suffix.lower())
    return (voice, engine) if hyphen and engine else (voice_id, None)


def canonical(name: VoiceName) -> VoiceName:
    """Bring either shape of a Polly voice's name into the canonical one.

    Raises:
        InvalidVoice: an engine that AWS does not have, or two different ones.
    """
    voice, engine = split_engine(name.voice_id)
    named = {part for part in name.model.lower().split(".") if part not in ("", MODEL.lower())}
    engines = {_ENGINES.get(part) for part in named} | ({engine} if engine else set())
    if None in engines or len(engines) > 1:
        known = ", ".join(SUFFIXES)
        raise InvalidVoice(f"{name} does not name one of Polly's engines: {known}", field="voice")
    chosen = engines.pop() if engines else STANDARD
    return VoiceName(name.provider, MODEL, f"{voice}{SUFFIXES[chosen or STANDARD]}")
