"""Settings of the doors: what clients speak."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from voxgate.config.section import Section, cores
from voxgate.errors import InvalidVoice
from voxgate.speech.voice import VoiceName


class TelnyxSettings(Section):
    """The Telnyx-style WebSocket."""

    default_voice: str = Field(
        default="Telnyx.NaturalHD.astra", description="Voice of a connection that names none."
    )
    require_voice: bool = Field(default=False, description="Refuse a connection that names no voice.")
    type_field: bool = Field(default=True, description="Put `type` on every frame sent to the client.")
    final_quiet_ms: int = Field(
        default=400,
        ge=0,
        le=60_000,
        description="Silence, after all that was written has been played, until a final frame is sent in "
        "mid-session; 0 sends none.",
    )
    sentence_quiet_ms: int = Field(
        default=150,
        ge=0,
        le=60_000,
        description="How long text that ends in an ambiguous full stop waits for more before it is spoken.",
    )
    idle_flush_ms: int = Field(
        default=100,
        ge=0,
        le=60_000,
        description="Silence until the encoder hands out the rest of the audio that it holds back.",
    )
    inactivity_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=86_400,
        description="Seconds without a frame from the client, and without audio being made, until the "
        "connection is closed.",
    )
    max_buffered_characters: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Text that one connection may have waiting to be spoken.",
    )
    max_ahead_ms: int = Field(
        default=0,
        ge=0,
        le=600_000,
        description="How far audio may be sent ahead of real time; 0 sends it as fast as it is made.",
    )

    @field_validator("default_voice")
    @classmethod
    def _is_voice(cls, value: str) -> str:
        try:
            VoiceName.parse(value)
        except InvalidVoice as error:
            raise ValueError(error.message) from None
        return value


class UpliftSettings(Section):
    """The Uplift-style connections, Socket.IO and WebSocket. Where it says a minute, 0 means no limit."""

    default_voice: str = Field(default="v_meklc281", min_length=1, description="Voice when none is named.")
    max_running: int = Field(
        default=8, ge=1, le=64, description="Requests of one connection spoken at once; the rest wait."
    )
    synthesize_per_minute: int = Field(
        default=60, ge=0, le=100_000, description="Requests of one connection in any 60 seconds."
    )
    cancel_per_minute: int = Field(
        default=100, ge=0, le=100_000, description="Cancels of one connection in any 60 seconds."
    )
    max_characters: int = Field(
        default=10_000, ge=1, le=100_000, description="Characters of text in one request."
    )
    max_waiting_characters: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Text that one connection may have waiting to be spoken; what comes then is refused.",
    )
    wide_wav_bits: Literal[16, 32] = Field(
        default=32,
        description="Bits of a sample in `WAV_22050_32`; 16 for players that cannot read 32.",
    )
    join_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds within which a Socket.IO client must join the namespace.",
    )
    stuck_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds without progress until a client that does not read is cut off.",
    )


class RestSettings(Section):
    """Speech over plain HTTP: Telnyx's REST API and OpenAI's speech endpoint."""

    max_characters: int = Field(
        default=10_000, ge=1, le=100_000, description="Characters of text in one request."
    )
    max_body_kib: int = Field(default=1024, ge=1, le=65_536, description="KiB of one request's body.")
    audio_ttl_s: float = Field(
        default=3600.0,
        gt=0,
        le=2_592_000,
        description="Seconds that audio asked for with `output_type` `audio_id` is kept once it is made.",
    )
    audio_store_mib: int = Field(
        default=128,
        ge=1,
        le=1_048_576,
        description="MiB of such audio kept in memory; beyond that the oldest goes first.",
    )


class TranscriptionSettings(Section):
    """Recordings turned into text (Uplift's `/v1/transcribe/speech-to-text`).

    The local recognizer understands English only, and not very well.
    """

    url: AnyHttpUrl | None = Field(
        default=None,
        description="An OpenAI-compatible server, up to and without `/audio/transcriptions`, that recognizes "
        "speech instead of the local recognizer.",
    )
    model: str = Field(default="whisper-1", min_length=1, description="The name of its model.")
    api_key: SecretStr | None = Field(default=None, description="The key to send it.")
    timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds for each piece of at most 28 s of speech."
    )
    max_file_mib: int = Field(default=25, ge=1, le=1024, description="MiB of one file.")
    max_seconds: float = Field(default=300.0, gt=0, le=36_000, description="Seconds of sound in one file.")
    workers: int = Field(
        default_factory=cores,
        ge=1,
        le=256,
        description="Recordings transcribed at a time; the rest wait. Locally each takes a process of about "
        "125 MB.",
        json_schema_extra={"default_text": "one for each core"},
    )


class AgentSettings(Section):
    """Voice-agent sessions."""

    profiles: Path | None = Field(
        default=None,
        description="TOML file with a table `[agents.<name>]` for each agent; without it there is one "
        "built-in agent that needs no model. Read again on SIGHUP.",
    )
    default: str = Field(default="default", description="The agent of tokens that name none.")
    max_sessions: int = Field(default=25, ge=1, le=10_000, description="Sessions at once, in all.")
    max_loop_lag_ms: float = Field(
        default=100.0,
        gt=0,
        le=10_000,
        description="Refuse a further session while the event loop is later than this.",
    )
    recognizer_workers: int = Field(
        default_factory=lambda: 2 * cores(),
        ge=1,
        le=1024,
        description="Recognizer processes at most, for each engine; each takes about 125 MB.",
        json_schema_extra={"default_text": "two for each core"},
    )
    token_ttl_s: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds for which a session token can be used."
    )
    single_use_tokens: bool = Field(default=False, description="Accept each session token once.")
    auth_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Seconds within which a session's token must be sent."
    )
    max_session_s: float = Field(
        default=1800.0, gt=0, le=86_400, description="Seconds after which a session is ended."
    )
    idle_timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds without a microphone frame that end a session."
    )
    keep_transcripts: bool = Field(
        default=False,
        description="Write what was said in each session into the log's session record.",
    )
