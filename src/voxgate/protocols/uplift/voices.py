"""Uplift's voice ids: one word, checked against the catalogue and never by pattern."""

from __future__ import annotations

from voxgate.speech.voice import VoiceName

PROVIDER = "Uplift"


def voice_name(voice_id: str | None, default: str) -> VoiceName:
    """Tell which voice a request asks for; whether it exists is the router's to judge.

    Args:
        voice_id: as the client gave it, if it did. One with a dot in it is a compound name: any voice of
            this server can be asked for through this door (an extension; no id of Uplift's has a dot).
        default: the id of a request that names none.

    Raises:
        InvalidVoice: it cannot be parsed.
    """
    asked = voice_id or default
    return VoiceName.parse(asked) if "." in asked else VoiceName.from_parts(PROVIDER, None, asked)
