"""All settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from voxgate.config.doors import (
    AgentSettings,
    RestSettings,
    TelnyxSettings,
    TranscriptionSettings,
    UpliftSettings,
)
from voxgate.config.house import (
    CacheSettings,
    EspeakSettings,
    LimitSettings,
    LogSettings,
    PlanName,
    PlanSettings,
    RoutingSettings,
    ServerSettings,
    SpeakerSettings,
)
from voxgate.config.neural import NeuralName, NeuralSettings

PREFIX = "VOXGATE_"
MIN_KEY_CHARACTERS = 16


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "voxgate"


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
    providers: dict[str, Any] = Field(
        default={},
        description="A section `[providers.<name>]` for each vendor that is to speak: its key, and more; see "
        "the reference of providers.",
        json_schema_extra={"default_text": "none"},
    )
    neural: dict[NeuralName, NeuralSettings] = Field(
        default={},
        description="A section `[neural.<name>]` for each neural voice of your own: `engine` (`piper`, "
        "`kokoro` or `sherpa`), `model` and further files, `language`, `threads`, `min_workers`, "
        "`max_workers`; see how to bring neural voices.",
        json_schema_extra={"default_text": "none"},
    )
    prices: dict[str, float] = Field(
        default={},
        description="What a million characters cost, by `Provider` or `Provider.Model`, in any currency: "
        "receipts estimate costs by it.",
        json_schema_extra={"default_text": "none"},
    )
    server: ServerSettings = ServerSettings()
    telnyx: TelnyxSettings = TelnyxSettings()
    uplift: UpliftSettings = UpliftSettings()
    speech: SpeakerSettings = SpeakerSettings()
    routing: RoutingSettings = RoutingSettings()
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

    @field_validator("providers")
    @classmethod
    def _of_their_vendors(cls, value: dict[str, Any]) -> dict[str, Any]:
        # Each vendor's own class says what its section may hold; none is imported that has no section.
        from voxgate.providers.registry import vendor_section

        return {name: vendor_section(name, section) for name, section in value.items()}

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
