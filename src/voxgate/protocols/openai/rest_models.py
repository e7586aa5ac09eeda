"""What goes in and out, as OpenAPI describes it (source: OpenAI API reference)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ResponseFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


class VoiceReference(BaseModel):
    """A voice given as an object."""

    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1, max_length=200, description="As `voice`; or a custom voice of OpenAI's.")


class SpeechRequest(BaseModel):
    """Text to speak, and how. Unknown fields are ignored."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"model": "tts-1", "voice": "alloy", "input": "Hello from voxgate."},
                {
                    "model": "Telnyx.NaturalHD",
                    "voice": "astra",
                    "input": "Hello from voxgate.",
                    "response_format": "wav",
                    "speed": 1.25,
                },
                {
                    "model": "gpt-4o-mini-tts",
                    "voice": "verse",
                    "input": "Hello from voxgate.",
                    "instructions": "Cheerfully.",
                    "response_format": "pcm",
                    "stream_format": "sse",
                },
            ]
        },
    )

    model: str = Field(
        min_length=1,
        max_length=200,
        description="`tts-1`, `tts-1-hd`, `gpt-4o-mini-tts`, or a model of `GET /v1/models`.",
    )
    input: str = Field(
        min_length=1, description="What to say: up to `rest.max_characters`, 10,000 unless set otherwise."
    )
    voice: Annotated[str, Field(min_length=1, max_length=200)] | VoiceReference = Field(
        description="A voice of the model (`alloy`, `astra`), or any catalogue name "
        "(`Telnyx.NaturalHD.astra`), whatever the model."
    )
    instructions: str | None = Field(
        default=None,
        max_length=4096,
        description="How to say it; for the vendor's own engine, with no effect on a stand-in.",
    )
    response_format: ResponseFormat | None = Field(
        default=None, description="`mp3` when not given. All at 24 kHz unless `sample_rate` is given."
    )
    speed: float | None = Field(
        default=None, ge=0.25, le=4.0, allow_inf_nan=False, description="Ratio to the normal pace."
    )
    stream_format: Literal["audio", "sse"] | None = Field(
        default=None, description="Bare audio, or server-sent events with audio in base64."
    )
    sample_rate: int | None = Field(
        default=None, ge=1, le=1_000_000, description="In Hz. An extension, as other servers have it."
    )
    language: str | None = Field(
        default=None, max_length=35, description="BCP-47 tag of the text. An extension."
    )


class ErrorObject(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """Every refusal."""

    error: ErrorObject


class Model(BaseModel):
    """A model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[Model]
