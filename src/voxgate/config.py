"""Settings: what can be set, what it is when nothing is set, and where it was set.

Later places win: the defaults here, then ``voxgate.toml``, then ``VOXGATE_*`` in the environment, then the
command line. A section's setting is written ``port = 9000`` under ``[server]`` in the file and
``VOXGATE_SERVER__PORT=9000`` in the environment.

`load_settings` is the only way the server reads them: it names every setting that is unknown or wrong.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from voxgate.errors import ConfigurationError, InvalidVoice
from voxgate.speech.voice import VoiceName

FILE_NAME = "voxgate.toml"
PREFIX = "VOXGATE_"
CONFIG_VARIABLE = "VOXGATE_CONFIG"
URL_VARIABLE = "VOXGATE_URL"
KEY_VARIABLE = "VOXGATE_API_KEY"
"""This one and the one above are for clients: which server to talk to, and with which key."""
MIN_KEY_CHARACTERS = 16

_NO_SETTINGS = frozenset({CONFIG_VARIABLE, URL_VARIABLE, KEY_VARIABLE})
# What Kubernetes and old container links put into the environment for a service that is called "voxgate".
_PUT_BY_KUBERNETES = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # in a container the count of cores one may use, not of all
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "voxgate"


PlanName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
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


class TelnyxSettings(_Section):
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


class UpliftSettings(_Section):
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


class SpeakerSettings(_Section):
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


class EspeakSettings(_Section):
    """The voices that are always there: espeak-ng, in worker processes."""

    enabled: bool = Field(default=True, description="Offer the voices `Local.Espeak.*`; stand-ins need them.")
    min_workers: int = Field(
        default_factory=_cores,
        ge=1,
        le=1024,
        description="Workers started with the server and kept.",
        json_schema_extra={"default_text": "one for each core"},
    )
    max_workers: int = Field(
        default_factory=lambda: 8 * _cores(),
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


class CacheSettings(_Section):
    """Recent speech, kept in memory so that it need not be made again."""

    memory_mib: int = Field(default=64, ge=0, le=1_048_576, description="MiB of audio kept; 0 keeps none.")
    max_entry_kib: int = Field(
        default=512,
        ge=1,
        le=1_048_576,
        description="KiB of audio in one utterance; longer speech is not kept.",
    )


class RestSettings(_Section):
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


class TranscriptionSettings(_Section):
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
        default_factory=_cores,
        ge=1,
        le=256,
        description="Recordings transcribed at a time; the rest wait. Locally each takes a process of about "
        "125 MB.",
        json_schema_extra={"default_text": "one for each core"},
    )


class LimitSettings(_Section):
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


class PlanSettings(_Section):
    """What the keys of one plan may use. 0 means no limit.

    Attributes:
        characters_per_day: text spoken for one tenant from midnight to midnight UTC.
        requests_per_minute: takes the place of ``limits.requests_per_minute``; None leaves that in force.
        streams: requests of one tenant spoken at once; the rest wait.
    """

    characters_per_day: int = Field(default=0, ge=0, le=10**12)
    requests_per_minute: int | None = Field(default=None, ge=0, le=10_000_000)
    streams: int = Field(default=0, ge=0, le=1_000_000)


class AgentSettings(_Section):
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
        default_factory=lambda: 2 * _cores(),
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


class LogSettings(_Section):
    """What is logged, to standard error. Keys, text and audio never are."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least to be logged."
    )
    format: Literal["console", "json"] = Field(
        default="console", description="`console` for people, `json` for machines: one object a line."
    )


class Settings(BaseSettings):
    """Everything that can be set. See the module for where."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(
        default_factory=_data_home,
        description="Folder for what must last: keys and their database. Made when missing.",
        json_schema_extra={"default_text": "`~/.local/share/voxgate`"},
    )
    bootstrap_key: SecretStr | None = Field(
        default=None,
        description="An API key that is accepted without being stored: for containers and tests.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="A key that shows every API key and its usage, in the console and at `/v1/keys`; it "
        "cannot speak. Unset: nobody sees them.",
    )
    local_test_voices: bool = Field(
        default=True,
        description="Offer the voices `Local.Test.*`, which answer with exact, repeatable tones.",
    )
    plans: dict[PlanName, PlanSettings] = Field(
        default={},
        description="A table `[plans.<name>]` for each plan that a key can have: `characters_per_day`, "
        "`requests_per_minute`, `streams` at once. Without a table `default` that plan has no limits.",
        json_schema_extra={"default_text": "none"},
    )
    server: ServerSettings = ServerSettings()
    telnyx: TelnyxSettings = TelnyxSettings()
    uplift: UpliftSettings = UpliftSettings()
    speech: SpeakerSettings = SpeakerSettings()
    espeak: EspeakSettings = EspeakSettings()
    cache: CacheSettings = CacheSettings()
    rest: RestSettings = RestSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    limits: LimitSettings = LimitSettings()
    agents: AgentSettings = AgentSettings()
    log: LogSettings = LogSettings()

    @field_validator("bootstrap_key", "admin_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value) < MIN_KEY_CHARACTERS:
            raise ValueError(f"it needs {MIN_KEY_CHARACTERS} characters or more, to be hard to guess")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment; `load_settings` adds the file."""
        return init_settings, env_settings


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings from everywhere they can stand.

    Args:
        config: the settings file; it must exist. None takes ``VOXGATE_CONFIG``, else ``voxgate.toml`` in the
            current folder when there is one.
        overrides: what the command line said, nested by section; it wins.

    Raises:
        ConfigurationError: a setting is unknown or wrong, or the file cannot be read; one line that names it.
    """
    in_file = _read_file(config)

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            first = super().settings_customise_sources(settings_cls, *sources, **named)
            return *first, InitSettingsSource(settings_cls, in_file)

    _refuse_unknown_variables()
    try:
        return Loaded(**(overrides or {}))
    except ValidationError as error:
        raise ConfigurationError("; ".join(_told(error))) from None


def _read_file(config: Path | None) -> dict[str, Any]:
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or Path(FILE_NAME)
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings file {path} is not TOML: {error}") from None


def _refuse_unknown_variables() -> None:
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or variable.upper() in _NO_SETTINGS or _PUT_BY_KUBERNETES.match(name):
            continue
        first, nested, _ = name.lower().partition("__")
        if first not in Settings.model_fields:
            raise ConfigurationError(f"{variable} in the environment is no setting of voxgate")
        if not nested and isinstance(Settings.model_fields[first].default, _Section):
            raise ConfigurationError(
                f"{variable} in the environment is a section; its settings are named {variable}__..."
            )


def _told(error: ValidationError) -> Iterator[str]:
    """Tell each mistake with the setting's name; never the value of a secret or of an unknown setting."""
    for mistake in error.errors(include_url=False, include_context=False):
        name = ".".join(str(part) for part in mistake["loc"]) or "settings"
        if mistake["type"] == "extra_forbidden":
            yield f"{name} is no setting of voxgate"
            continue
        shown = mistake["input"]
        plain = isinstance(shown, str | int | float) and not name.endswith("_key")
        text = mistake["msg"].removeprefix("Value error, ")
        yield f"{name}{f' = {shown!r:.60}' if plain else ''} is wrong: {text[0].lower()}{text[1:]}"
