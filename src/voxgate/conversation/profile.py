"""What an agent is: its voice, its words, how it thinks, hears and takes turns. One TOML table each.

::

    [agents.default]
    voice = "Telnyx.NaturalHD.astra"
    greeting = "Hello, how can I help you?"

    [agents.default.model]                       # without it the built-in persona answers
    url = "http://127.0.0.1:8000/v1"
    name = "my-model"
    api_key_env = "MY_MODEL_KEY"
    instructions = "You are a friendly receptionist."
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, ValidationError

from voxgate.conversation.turn import TurnSettings
from voxgate.errors import ConfigurationError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Milliseconds = Annotated[int, Field(ge=0, le=60_000)]
Seconds = Annotated[float, Field(gt=0, le=120)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolProfile(_Table):
    """An HTTP endpoint that the model may call; arguments go as a JSON body, the answer's text comes back."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Text
    url: HttpUrl
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    headers: dict[str, str] = {}
    timeout_s: Seconds = 10.0


class ModelProfile(_Table):
    """An OpenAI-compatible chat endpoint; ``url`` is what comes before ``/chat/completions``."""

    url: HttpUrl
    name: Text
    api_key_env: str = ""
    instructions: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    first_token_timeout_s: Seconds = 10.0
    stall_timeout_s: Seconds = 10.0

    def api_key(self) -> str:
        """Read the key from the environment variable it is in; empty when none is named."""
        return os.environ.get(self.api_key_env, "") if self.api_key_env else ""


class RecognizerKind(StrEnum):
    """Who turns speech into text."""

    POCKETSPHINX = "pocketsphinx"
    OPENAI = "openai"
    VOSK = "vosk"
    WHISPER = "whisper"


class HearingProfile(_Table):
    """How the agent hears.

    ``phrases`` or ``grammar`` (JSGF) make pocketsphinx reliable for a closed set of commands; without
    them, and with the built-in persona, the persona's own grammar is used. ``open_dictation`` takes any
    English instead, with many mistakes.
    """

    recognizer: RecognizerKind = RecognizerKind.POCKETSPHINX
    phrases: list[Text] = []
    grammar: str = ""
    open_dictation: bool = False
    url: HttpUrl | None = None
    model: str = ""
    api_key_env: str = ""
    path: Path | None = None
    timeout_s: Seconds = 10.0

    def api_key(self) -> str:
        """Read the key from the environment variable it is in; empty when none is named."""
        return os.environ.get(self.api_key_env, "") if self.api_key_env else ""


class TurnProfile(_Table):
    """When to take the turn and when to give it up; see `voxgate.conversation.turn.TurnSettings`.

    ``model`` is an ONNX file that judges by the sound (`voxgate.engines.turn_worker` says of what kind).
    """

    complete_ms: Milliseconds = 200
    silence_ms: Milliseconds = 500
    trailing_ms: Milliseconds = 1200
    barge_in_ms: Milliseconds = 200
    unclear_ms: Milliseconds = 500
    interruptible: bool = True
    model: Path | None = None

    def settings(self, phrases: frozenset[str]) -> TurnSettings:
        """Make the turn machine's settings."""
        return TurnSettings(**self.model_dump(exclude={"model"}), phrases=phrases)


class AgentProfile(_Table):
    """One agent."""

    enabled: bool = True
    voice: Text = "Local.Espeak.en-us"
    language: str | None = None
    greeting: str | None = None
    persona: Path | None = None
    model: ModelProfile | None = None
    tools: list[ToolProfile] = []
    hearing: HearingProfile = HearingProfile()
    turn: TurnProfile = TurnProfile()
    notice: str = "I am sorry, something went wrong. Please call again later."


DEFAULT_AGENT = "default"


def load_profiles(path: Path | None) -> Mapping[str, AgentProfile]:
    """Read the agents' file; without one there is the built-in agent, called ``default``.

    Raises:
        ConfigurationError: the file is missing or wrong; the message says where.
    """
    if path is None:
        return {DEFAULT_AGENT: AgentProfile()}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("agents", {})
        profiles = {name: AgentProfile.model_validate(table) for name, table in tables.items()}
    except OSError as error:
        raise ConfigurationError(f"The agents file {path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The agents file {path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"The agents file {path} is wrong at {where}: {first['msg']}") from None
    if not profiles:
        raise ConfigurationError(f"The agents file {path} has no table [agents.<name>]")
    return profiles
