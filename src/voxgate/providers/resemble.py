"""Resemble AI: its WebSocket, a request for each sentence, or streamed WAV over HTTP.

Sources: docs.resemble.ai (streaming over WebSocket and HTTP, errors, voices), the package resemble 1.9.0.

Sockets, HTTP and the list of voices are on three hosts. A voice is asked for by its id of eight characters; a
name as Telnyx's pages have it, ``Aaron_en-US``, is looked up in the account's list.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import orjson
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.errors import InvalidVoice
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask
from voxgate.providers._resemble_wire import NAME, ResembleWire
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import Abort, AudioChunk, CancelSupport, Capabilities, Provider
from voxgate.speech.language import is_tag, normal_tag
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

MODEL_IDS: Mapping[str, str] = {"turbo": "chatterbox-turbo", "pro": "chatterbox"}
"""The vendor's ids of Telnyx's models (``Pro`` is a guess); any other is passed on."""
RATE_HZ = 32_000
"""The vendor has no 24 kHz, which is what its models make: this is the next above."""
MULAW_8K = AudioFormat(Codec.MULAW, 8_000)
_PCM = AudioFormat(Codec.PCM_S16LE, RATE_HZ)
_UUID = re.compile(r"[0-9a-f]{8}")
_NAMED = re.compile(r"(?P<name>.+?)(?:_(?P<language>[a-z]{2}-[A-Z]{2}))?")
_PAGE_SIZE = 100
_MAX_PAGES = 50
_LOOK_UP_AGAIN_S = 600.0


class ResembleSettings(VendorSettings):
    """The section ``[providers.resemble]``."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket",
        description="`websocket` needs Resemble's Business plan; `http` is a request for each sentence.",
    )
    max_connections: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Connections open at once; further utterances wait. Resemble allows a key 20.",
    )
    websocket_url: str | None = Field(
        default=None,
        description="Where its sockets are: by default `wss://websocket.cluster.resemble.ai`, or a "
        "`base_url` that is not Resemble's.",
    )
    voices_url: str | None = Field(
        default=None,
        description="Where its voices are listed: by default `https://app.resemble.ai`, or a "
        "`base_url` that is not Resemble's.",
    )


class Resemble(BothVendor):
    """Speaks with Resemble."""

    name = NAME
    Settings = ResembleSettings
    settings: ResembleSettings
    public_url = "https://f.cluster.resemble.ai"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=60, max_age_s=300)

    def __init__(self, settings: ResembleSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        over_http = settings.transport == "http"
        self.capabilities = Capabilities(
            word_times=not over_http,
            cancel=CancelSupport.HARD if over_http else CancelSupport.NONE,
            # Over HTTP the header grows with the text, and must come whole before anything is heard.
            max_characters=400 if over_http else 2_000,
            formats=() if over_http else (MULAW_8K,),
        )
        self._named: dict[str, dict[tuple[str, str], str]] = {}
        self._looked_up_s: dict[str, float] = {}
        self._looking_up = asyncio.Lock()

    def over_http(self, utterance: Utterance) -> bool:
        """As the settings say."""
        return self.settings.transport == "http"

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is complete."""
        utterance = await self._identified(utterance)
        async with aclosing(super().speak(utterance, abort)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Ask for each sentence as it is written, on one socket; the vendor itself takes whole texts only."""
        if self.over_http(utterance):
            speaking = Provider.synthesize_text(self, utterance, text, abort)
        else:
            speaking = self.converse(await self._identified(utterance), text, abort)
        async with aclosing(speaking) as chunks:
            async for chunk in chunks:
                yield chunk

    # Over HTTP.

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for samples; they come behind a WAV header with the times of the characters."""
        fields = {
            "voice_uuid": utterance.voice.voice_id,
            "data": utterance.text,
            "model": model_of(utterance),
            "precision": "PCM_16",
            "sample_rate": RATE_HZ,
        }
        return Ask(f"{account.base_url}/stream", _authorized(account), json=fields, sent=_PCM)

    # Over WebSockets.

    def address(self, utterance: Utterance) -> Address:
        """Bind nothing but the account: each request says everything."""
        account = self.credentials(utterance.tenant)
        ours = account.base_url.endswith(".resemble.ai")
        host = self.settings.websocket_url if account.name == "" else None
        host = host or ("wss://websocket.cluster.resemble.ai" if ours else account.ws_url)
        return Address(f"{host}/stream", tuple(_authorized(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return ResembleWire(self.request, RATE_HZ)

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Ask for µ-law if that is what is wanted in the end, else for PCM."""
        return MULAW_8K if utterance.passthrough == MULAW_8K else _PCM

    def request(self, utterance: Utterance, text: str) -> dict[str, object]:
        """Ask for bare samples of a sentence; without ``precision`` they would have 32 bits."""
        sent = self.sent(utterance)
        return {
            "voice_uuid": utterance.voice.voice_id,
            "data": text,
            "model": model_of(utterance),
            "output_format": "wav",
            "no_audio_header": True,
            "precision": "MULAW" if sent == MULAW_8K else "PCM_16",
            "sample_rate": sent.rate_hz,
            "binary_response": False,
        }

    # Voices.

    async def list_voices(self) -> list[Voice]:
        """List the account's voices that are ready and can be streamed, under both of Telnyx's models."""
        records = await self._records(self.own_account)
        return [_voice(record, model) for model in ("Turbo", "Pro") for record in records]

    async def _records(self, account: Account) -> list[Mapping[str, Any]]:
        ours = account.base_url.endswith(".resemble.ai")
        host = self.settings.voices_url if account.name == "" else None
        host = host or ("https://app.resemble.ai" if ours else account.base_url)
        records: list[Mapping[str, Any]] = []
        for page in range(1, _MAX_PAGES + 1):
            query = urlencode({"page": page, "page_size": _PAGE_SIZE})
            try:
                told = orjson.loads(await self.fetch(f"{host}/api/v2/voices?{query}", _authorized(account)))
                records += [record for record in told["items"] if _is_fit(record)]
                if page >= told["num_pages"]:
                    break
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self.broken() from None
        return records

    async def _identified(self, utterance: Utterance) -> Utterance:
        """Put a voice's id in the place of its name.

        Raises:
            InvalidVoice: the account has no such voice.
        """
        asked = utterance.voice.voice_id
        if _UUID.fullmatch(asked):
            return utterance
        found = _NAMED.fullmatch(asked)
        wanted = (found["name"].lower(), (found["language"] or "").lower()) if found else ("", "")
        account = self.credentials(utterance.tenant)
        async with self._looking_up:
            named = self._named.get(account.name, {})
            age_s = self.clock.now_s() - self._looked_up_s.get(account.name, float("-inf"))
            if wanted not in named and age_s > _LOOK_UP_AGAIN_S:
                named = self._named[account.name] = _by_name(await self._records(account))
                self._looked_up_s[account.name] = self.clock.now_s()
        if wanted not in named:
            raise InvalidVoice(f"This account of {NAME}'s has no voice of that name", field="voice")
        return replace(utterance, voice=replace(utterance.voice, voice_id=named[wanted]))


def model_of(utterance: Utterance) -> str:
    """The vendor's id of a model."""
    model = utterance.voice.model or "Turbo"
    return MODEL_IDS.get(model.lower(), model)


def _authorized(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.key}"}


def _is_fit(record: Mapping[str, Any]) -> bool:
    return record["status"] == "finished" and record["api_support"]["streaming"] is True


def _by_name(records: list[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Ids by name and language, and by name alone; of several the first."""
    named: dict[tuple[str, str], str] = {}
    for record in records:
        name, language = record["name"].lower(), str(record.get("default_language", "")).lower()
        named.setdefault((name, language), record["uuid"])
        named.setdefault((name, ""), record["uuid"])
    return named


def _voice(record: Mapping[str, Any], model: str) -> Voice:
    tags = (record.get("default_language"), *(record.get("supported_languages") or ()))
    languages = dict.fromkeys(normal_tag(tag) for tag in tags if tag and is_tag(tag))
    return Voice(
        VoiceName(NAME, model, record["uuid"]), record["name"], tuple(languages) or ("en-US",), Gender.UNKNOWN
    )


PROVIDER = Resemble
