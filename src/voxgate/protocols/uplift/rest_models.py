"""What goes in and out over REST, as OpenAPI describes it (source: Uplift API reference, SDK)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from voxgate.protocols.uplift.formats import FORMATS
from voxgate.protocols.uplift.messages import MAX_SPEED, MIN_SPEED

DEFAULT_REST_FORMAT = "WAV_22050_32"
"""Of a request that names none, which the docs do not allow; the SDK asks for this one then."""


class SynthesisRequest(BaseModel):
    """A text to speak. Unknown fields are ignored, and a null counts as absent."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"text": "آپ کیسے ہیں؟", "voiceId": "v_meklc281", "outputFormat": "MP3_22050_128"}]
        },
    )

    text: str = Field(description="What to say: up to `rest.max_characters`, 10,000 unless set otherwise.")
    voiceId: Annotated[str | None, Field(min_length=1, max_length=200)] = Field(
        default=None,
        description="One of Uplift's voices; `uplift.default_voice` when there is none. An extension: the "
        "compound name of any voice here.",
    )
    outputFormat: str | None = Field(
        default=None,
        description=f"{DEFAULT_REST_FORMAT} when there is none.",
        json_schema_extra={"enum": [*FORMATS]},
    )
    phraseReplacementConfigId: Annotated[str | None, Field(max_length=100)] = Field(
        default=None,
        description="Of a configuration made at `/v1/synthesis/phrase-replacement-config`.",
    )
    speed: float | None = Field(
        default=None, ge=MIN_SPEED, le=MAX_SPEED, description="Ratio to the voice's normal pace."
    )


class Media(BaseModel):
    """Audio that is being made."""

    mediaId: str = Field(
        description="Fetch it at `/v1/synthesis/stream-audio/{mediaId}`, at once if you like."
    )
    token: str = Field(description="With this in the query no key is needed to fetch it.")


class PhraseReplacement(BaseModel):
    """A phrase, and what is said instead."""

    phrase: str = Field(min_length=1, max_length=200)
    replacement: str = Field(max_length=500)


class PhraseReplacementConfig(BaseModel):
    """Phrases that are replaced before a text is spoken."""

    configId: str
    name: str | None = None
    phraseReplacements: list[PhraseReplacement]


class Transcript(BaseModel):
    """What was heard, twice: the docs and the live service name it differently."""

    transcript: str
    text: str
    language: str | None = Field(
        default=None,
        description="`en` when the local recognizer was at work, which understands nothing else.",
    )
