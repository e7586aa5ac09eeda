"""The list of voices, the same records behind every door."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from voxgate.speech.voice import Voice


class VoiceRecord(BaseModel):
    """A voice."""

    model_config = ConfigDict(title="Voice")

    id: str = Field(description="Compound name, ready to be used as `voice`.")
    name: str
    provider: str
    model_id: str
    voice_id: str
    language: str = Field(description="BCP-47 tag of its main language.")
    gender: str = Field(description="`female`, `male`, `neutral` or `unknown`.")
    hosted: bool = Field(description="Spoken by its own provider here, not by a stand-in.")
    label: str
    accent: str | None = None


class VoiceList(BaseModel):
    """Voices."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "voices": [
                        {
                            "id": "Telnyx.NaturalHD.astra",
                            "name": "Astra",
                            "provider": "telnyx",
                            "model_id": "NaturalHD",
                            "voice_id": "astra",
                            "language": "en-US",
                            "gender": "female",
                            "hosted": False,
                            "label": "Astra",
                        }
                    ]
                }
            ]
        }
    )

    voices: list[VoiceRecord]


def voice_list(voices: Iterable[Voice]) -> Response:
    """Answer with a `VoiceList`. There are thousands: they are written out, not validated."""
    body = orjson.dumps({"voices": [voice.record() for voice in voices]})
    return Response(body, media_type="application/json")
