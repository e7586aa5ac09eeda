"""OpenAI's speech endpoint, and the servers at home that answer it: each in a dialect of its own.

Kokoro-FastAPI, Speaches, vLLM-Omni and LocalAI differ in what has to be asked so that samples come as they
are made. vLLM-Omni also has a WebSocket that takes text while it is being written (`_openai_socket`).

Sources: openai-openapi of 2026-08-21; the servers' own code, vLLM-Omni's of 0.30.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Literal, Self

import orjson
from pydantic import Field, model_validator

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.errors import ProviderDenied, VoxgateError
from voxgate.providers._http import Ask, HttpVendor
from voxgate.providers._openai_voices import read_models, read_voices, voices_of
from voxgate.providers._vendor import Account, Vendor, VendorSettings, refusal
from voxgate.providers.contract import Capabilities
from voxgate.speech.utterance import JsonScalar, Utterance
from voxgate.speech.voice import Voice


class Dialect(StrEnum):
    """Whose way of answering."""

    OPENAI = "openai"
    KOKORO = "kokoro"
    SPEACHES = "speaches"
    VLLM = "vllm"
    LOCALAI = "localai"


class OpenAISettings(VendorSettings):
    """What ``[providers.openai]``, or a section with ``kind = "openai"``, can say."""

    dialect: Dialect = Field(
        default=Dialect.OPENAI,
        description="The server that answers: `openai`, `kokoro` (Kokoro-FastAPI), `speaches`, `vllm` "
        "(vLLM-Omni) or `localai`. Any other that answers as OpenAI does is `openai`.",
    )
    transport: Literal["http", "websocket"] = Field(
        default="http",
        description="`websocket` hands text on as it is written; of all these only vLLM-Omni has it.",
    )
    rate_hz: int = Field(
        default=24_000,
        ge=8000,
        le=48_000,
        description="Samples a second of what the server makes. OpenAI, Kokoro and most others make 24000.",
    )
    fields: dict[str, JsonScalar] = Field(
        default={},
        description="Further fields of every request, such as `instructions` or vLLM-Omni's `task_type`.",
        json_schema_extra={"default_text": "none"},
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.transport == "websocket" and self.dialect is not Dialect.VLLM:
            raise ValueError('transport = "websocket" needs dialect = "vllm"')
        if self.enabled and self.base_url is None and self.dialect is not Dialect.OPENAI:
            raise ValueError(f'dialect = "{self.dialect}" needs base_url')
        if self.enabled and self.base_url is None and self.api_key is None:
            raise ValueError("OpenAI needs an api_key; a server of your own needs a base_url")
        return self


_SPEEDS: Mapping[Dialect, tuple[float, float]] = {
    Dialect.OPENAI: (0.25, 4.0),
    Dialect.KOKORO: (0.25, 4.0),
    Dialect.SPEACHES: (0.5, 2.0),
}
"""vLLM-Omni takes no speed while it streams, and LocalAI none at all."""
_MAX_CHARACTERS = 4096
_OUT_OF_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")


def endpoint(account: Account, path: str) -> str:
    """Return an address below ``/v1``, which users write into ``base_url`` or leave out."""
    base = account.base_url
    return f"{base}/{path}" if base.endswith("/v1") else f"{base}/v1/{path}"


def headers_of(account: Account) -> dict[str, str]:
    """Return the credentials, where there are any."""
    return {"Authorization": f"Bearer {account.key}"} if account.key else {}


class OpenAI(HttpVendor):
    """Speaks over HTTP; bare samples, a request each utterance."""

    name = "OpenAI"
    Settings = OpenAISettings
    public_url = "https://api.openai.com"
    needs_key = False
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "openai": {},
        "kokoro": {"dialect": "kokoro"},
        "speaches": {"dialect": "speaches"},
        "vllm": {"dialect": "vllm"},
        "vllm-websocket": {"dialect": "vllm", "transport": "websocket"},
        "localai": {"dialect": "localai"},
    }
    settings: OpenAISettings

    @classmethod
    def make(cls, section: str, settings: VendorSettings, clock: Clock) -> Vendor:
        """Make the provider of a section, over the transport that it chooses."""
        if isinstance(settings, OpenAISettings) and settings.transport == "websocket":
            from voxgate.providers._openai_socket import VllmSocket

            return VllmSocket.make(section, settings, clock)
        return super().make(section, settings, clock)

    def __init__(self, settings: VendorSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        dialect = self.settings.dialect
        speeds = _SPEEDS.get(dialect)
        self.capabilities = Capabilities(
            speed=speeds is not None,
            speeds=speeds or (1.0, 1.0),
            max_characters=_MAX_CHARACTERS if dialect is Dialect.OPENAI else 0,
        )

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for bare samples, as they are made."""
        settings, extra = self.settings, dict(utterance.settings.extra)
        body: dict[str, object] = {
            "model": utterance.voice.model,
            "voice": utterance.voice.voice_id,
            "input": utterance.text,
            "response_format": "pcm",
        }
        if self.capabilities.speed and utterance.settings.speed != 1.0:
            least, most = self.capabilities.speeds
            body["speed"] = min(most, max(least, utterance.settings.speed))
        match settings.dialect:
            case Dialect.OPENAI:  # refuses fields that it does not know
                extra = {name: extra[name] for name in extra if name == "instructions"}
            case Dialect.SPEACHES:  # else the rate is the model's, and a bare sample does not tell it
                body["sample_rate"] = settings.rate_hz
            case Dialect.VLLM:  # else all comes at once
                body["stream_format"] = "audio"
            case Dialect.LOCALAI:  # streams WAV only; the header is read and taken out
                body["stream"] = True
        return Ask(
            endpoint(account, "audio/speech"),
            headers_of(account),
            json={**settings.fields, **extra, **body},
            sent=AudioFormat(Codec.PCM_S16LE, settings.rate_hz),
        )

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Tell an account without credit from one that asks too often: both are 429."""
        request_id = self.request_id(headers)
        if status == 429 and _code(body) in _OUT_OF_CREDIT:
            return ProviderDenied(f"{self.name}'s account has no credit left", provider_request_id=request_id)
        return refusal(self.name, status, headers, request_id=request_id)

    async def list_voices(self) -> Sequence[Voice] | None:
        """Ask the servers that know; OpenAI and LocalAI have no such list."""
        if self.settings.dialect in (Dialect.OPENAI, Dialect.LOCALAI):
            return None
        account = self.own_account
        headers = headers_of(account)
        models = read_models(await self.fetch(endpoint(account, "models"), headers))
        voices = read_voices(await self.fetch(endpoint(account, "audio/voices"), headers))
        return voices_of(self.name, models, voices, self.settings.rate_hz)


def _code(body: bytes) -> object:
    """Find ``error.code`` in a refusal."""
    try:
        return orjson.loads(body)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return None


PROVIDER = OpenAI
