"""What goes in and out over REST, as OpenAPI describes it.

Source: Telnyx docs, REST API parameters pages; Telnyx SDK 4.189, types of the provider objects. A provider's
object and ``voice_settings`` hold the same fields; their ranges stand in one table for REST and WebSocket
(`voxgate.protocols.telnyx.voice_settings_table`), so only types are checked here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Object(BaseModel):
    """Fields that are not known are ignored, and a null counts as absent."""

    model_config = ConfigDict(strict=True)


class Aws(_Object):
    """Fields of Amazon Polly."""

    engine: str | None = None
    language_code: str | None = None
    lexicon_names: list[str] | None = None
    output_format: str | None = None
    sample_rate: str | int | None = None
    text_type: Literal["text", "ssml"] | None = None


class Azure(_Object):
    """Fields of Azure."""

    deployment_id: str | None = None
    effect: str | None = None
    gender: str | None = None
    language_code: str | None = None
    output_format: str | None = Field(default=None, examples=["audio-24khz-96kbitrate-mono-mp3"])
    region: str | None = None
    text_type: Literal["text", "ssml"] | None = None


class Elevenlabs(_Object):
    """Fields of ElevenLabs."""

    language_code: str | None = None
    model_id: str | None = None
    voice_id: str | None = None
    voice_settings: dict[str, Any] | None = None


class Fishaudio(_Object):
    """Fields of Fish Audio."""

    format: str | None = None
    sample_rate: int | str | None = None


class Humain(_Object):
    """Fields of Humain."""

    voice_id: str | None = None
    ttfb_eagerness: float | None = None


class Inworld(_Object):
    """Fields of Inworld."""

    encoding: str | None = None
    sample_rate: int | str | None = None
    language_code: str | None = None
    delivery_mode: str | None = None


class Minimax(_Object):
    """Fields of MiniMax."""

    language_boost: str | None = None
    pitch: int | None = None
    response_format: str | None = None
    speed: float | None = None
    vol: float | None = None


class Resemble(_Object):
    """Fields of Resemble."""

    format: str | None = None
    precision: str | None = None
    sample_rate: str | int | None = None


class Rime(_Object):
    """Fields of Rime."""

    voice_speed: float | None = None
    sampling_rate: int | str | None = None
    response_format: str | None = None


class Soniox(_Object):
    """Fields of Soniox."""

    voice_id: str | None = None
    model_id: str | None = None
    audio_format: str | None = None
    language: str | None = None
    reduce_silence: bool | None = None
    sample_rate: int | str | None = None
    speed: float | None = None


class Telnyx(_Object):
    """Fields of Telnyx's own models."""

    emotion: str | None = None
    language: str | None = None
    language_boost: str | None = None
    response_format: str | None = None
    sampling_rate: int | str | None = None
    temperature: float | None = None
    voice_speed: float | None = None
    volume: float | None = None


class Xai(_Object):
    """Fields of xAI."""

    voice_id: str | None = None
    language: str | None = None
    output_format: str | None = None
    sample_rate: int | str | None = None


class SpeechRequest(_Object):
    """Text to speak, and how. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "Hello from voxgate.", "voice": "Telnyx.NaturalHD.astra"},
                {
                    "text": "Hello from voxgate.",
                    "voice": "Telnyx.Ultra.Callie",
                    "output_type": "base64_output",
                    "telnyx": {"voice_speed": 1.2, "response_format": "wav", "sampling_rate": 16000},
                },
                {"text": "Hello.", "provider": "xai", "xai": {"voice_id": "eve", "language": "auto"}},
            ]
        },
    )

    text: str = Field(
        min_length=1, description="What to say: up to `rest.max_characters`, 10,000 unless set otherwise."
    )
    voice: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="`Provider.Model.VoiceId` or `Provider.VoiceId`; wins over `provider`. One of the two is "
        "needed.",
    )
    provider: str | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Provider, when no `voice` is given; the voice is then named in the provider's object "
        "(`xai.voice_id`) or in `voice_id`.",
    )
    model_id: str | None = Field(default=None, max_length=100, description="Model, with `provider`.")
    voice_id: str | None = Field(default=None, max_length=100, description="Voice, with `provider`.")
    output_type: Literal["binary_output", "base64_output", "audio_id"] | None = Field(
        default=None, description="`binary_output` when not given: audio as it is made."
    )
    language: str | None = Field(default=None, max_length=35, description="BCP-47 tag of the text.")
    text_type: Literal["text", "ssml"] | None = Field(
        default=None, description="`text` when not given. `ssml` for voices that take it (AWS, Azure, Local)."
    )
    voice_settings: dict[str, Any] | None = Field(
        default=None, description="Fields of the voice's provider, as in the provider's own object."
    )
    pronunciation_dict_id: str | None = Field(
        default=None,
        max_length=100,
        description="Of a dictionary made at `/v2/pronunciation_dicts`, by which words are replaced.",
    )
    disable_cache: bool | None = Field(default=None, description="Always make speech anew.")
    aws: Aws | None = None
    azure: Azure | None = None
    elevenlabs: Elevenlabs | None = None
    fishaudio: Fishaudio | None = None
    humain: Humain | None = None
    inworld: Inworld | None = None
    minimax: Minimax | None = None
    resemble: Resemble | None = None
    rime: Rime | None = None
    soniox: Soniox | None = None
    telnyx: Telnyx | None = None
    xai: Xai | None = None


class Base64Answer(BaseModel):
    """All of the audio."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"base64_audio": "SUQzBAAAAAAAI1RTU0UAAAA="}]})

    base64_audio: str = Field(description="The audio, in base64.")


class AudioIdAnswer(BaseModel):
    """Where the audio is, and will be for a while."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "audio_id": "0b1c6a55-6b4a-4a51-9c62-8a1d1e7f7d0e",
                    "audio_url": "http://127.0.0.1:8080/v2/text-to-speech/speech/"
                    "0b1c6a55-6b4a-4a51-9c62-8a1d1e7f7d0e",
                }
            ]
        }
    )

    audio_id: str
    audio_url: str = Field(description="Fetch it with the same key, at once if you like.")


class ErrorSource(BaseModel):
    """What is at fault."""

    pointer: str | None = Field(default=None, description="JSON pointer into the body.")
    parameter: str | None = Field(default=None, description="Name of a query parameter.")


class ErrorMeta(BaseModel):
    """Where Telnyx describes the code."""

    url: str


class ErrorRecord(BaseModel):
    """What went wrong."""

    code: str = Field(description="A number, as a string.")
    title: str
    detail: str
    source: ErrorSource | None = None
    meta: ErrorMeta | None = None


class ErrorEnvelope(BaseModel):
    """Every refusal."""

    errors: list[ErrorRecord]
