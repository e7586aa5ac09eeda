"""Settings of the house itself: where it listens, how it speaks, who may use how much, what it logs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AnyHttpUrl,
    Field,
    IPvAnyNetwork,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from voxgate.config.section import Section, cores

PlanName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class ServerSettings(Section):
    """Where the server listens and how it ends."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for every one."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 for any that is free.")
    public_url: str | None = Field(
        default=None,
        description="How clients reach the server when it stands behind a proxy, such as "
        "`https://voice.example.com`; addresses given out begin with it. Unset: as each request came.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-*` headers are "
        "believed. In the environment: separated by commas.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins (`https://app.example.com`) of pages that may open sockets; none named: all. "
        "In the environment: separated by commas.",
    )
    drain_deadline_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="On SIGTERM, seconds that running speech has to come to its end.",
    )
    ping_interval_s: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds between the WebSocket pings that find dead connections.",
    )
    ping_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds without an answer to a ping until a connection is closed.",
    )

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None:
            TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/") if value is not None else None

    @field_validator("trusted_proxies", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            TypeAdapter(IPvAnyNetwork).validate_python(network)
        return value


class SpeakerSettings(Section):
    """How speech is made, whoever makes it."""

    stand_ins: bool = Field(
        default=True,
        description="Let a local voice of the same language speak for a vendor that is not set up. Off: "
        "such voices are refused.",
    )
    first_audio_timeout_s: float = Field(
        default=10.0, gt=0, le=600, description="Seconds until a provider that has sent no audio is given up."
    )
    stall_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds of silence in mid-speech until a provider is given up.",
    )


class RoutingSettings(Section):
    """Who speaks when a voice's own provider does not: only as long as nothing was heard."""

    fallbacks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="For every voice, in order: another provider (`Azure`; its voice of the same language "
        "and gender is taken), a voice (`Azure.en-US-AvaNeural`), or `stand-in` for the local one. In the "
        "environment: separated by commas.",
    )
    voices: dict[str, tuple[str, ...]] = Field(
        default={},
        description="The same for single voices, by patterns of their names: "
        '`"ElevenLabs.*" = ["Azure", "stand-in"]`. The first that matches takes the place of `fallbacks`.',
        json_schema_extra={"default_text": "none"},
    )
    hedge_after_ms: float = Field(
        default=0.0,
        ge=0,
        le=60_000,
        description="Milliseconds without audio after which the next in order begins as well, and whoever "
        "is heard first goes on; 0 never. It costs both their prices.",
    )

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


class EspeakSettings(Section):
    """The voices that are always there: espeak-ng, in worker processes."""

    enabled: bool = Field(default=True, description="Offer the voices `Local.Espeak.*`; stand-ins need them.")
    min_workers: int = Field(
        default_factory=cores,
        ge=1,
        le=1024,
        description="Workers started with the server and kept.",
        json_schema_extra={"default_text": "one for each core"},
    )
    max_workers: int = Field(
        default_factory=lambda: 8 * cores(),
        ge=1,
        le=4096,
        description="Workers at most, under load.",
        json_schema_extra={"default_text": "eight for each core"},
    )
    max_wait_s: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="Seconds that an utterance waits for a worker when all are busy; then it is refused.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> EspeakSettings:
        if self.min_workers > self.max_workers:
            raise ValueError(
                f"min_workers ({self.min_workers}) is more than max_workers ({self.max_workers})"
            )
        return self


class CacheSettings(Section):
    """Recent speech, kept in memory so that it need not be made again."""

    memory_mib: int = Field(default=64, ge=0, le=1_048_576, description="MiB of audio kept; 0 keeps none.")
    max_entry_kib: int = Field(
        default=512,
        ge=1,
        le=1_048_576,
        description="KiB of audio in one utterance; longer speech is not kept.",
    )


class LimitSettings(Section):
    """How much may be asked for at once. 0 means no limit."""

    requests_per_minute: int = Field(
        default=600, ge=0, le=10_000_000, description="Requests and new connections, for each key."
    )
    connections: int = Field(
        default=2000, ge=0, le=1_000_000, description="Open WebSocket connections, all told."
    )
    connections_per_key: int = Field(
        default=1000, ge=0, le=1_000_000, description="Open WebSocket connections, for each key."
    )


class PlanSettings(Section):
    """What the keys of one plan may use. 0 means no limit.

    Attributes:
        characters_per_day: text spoken for one tenant from midnight to midnight UTC.
        requests_per_minute: takes the place of ``limits.requests_per_minute``; None leaves that in force.
        streams: requests of one tenant spoken at once; the rest wait.
    """

    characters_per_day: int = Field(default=0, ge=0, le=10**12)
    requests_per_minute: int | None = Field(default=None, ge=0, le=10_000_000)
    streams: int = Field(default=0, ge=0, le=1_000_000)


class LogSettings(Section):
    """What is logged, to standard error. Keys, text and audio never are."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least to be logged."
    )
    format: Literal["console", "json"] = Field(
        default="console", description="`console` for people, `json` for machines: one object a line."
    )
