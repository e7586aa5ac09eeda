"""Azure text to speech: whole texts over REST, text that is still being written over its WebSocket.

Sources: Microsoft docs, "Text to speech REST API" and "Speech service quotas and limits"; for the WebSocket,
which has no document, see `voxgate.providers._azure_wire`. Where a socket cannot be had, sentences go over
REST.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from voxgate.clock import Clock
from voxgate.errors import IncompleteAudio, ProviderRejected, ProviderUnavailable, VoxgateError
from voxgate.providers._audio import PCM_24K
from voxgate.providers._azure_settings import AzureSettings
from voxgate.providers._azure_text import FORMATS, SPEEDS, document_of
from voxgate.providers._azure_wire import AzureWire
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask
from voxgate.providers._stretch import Stretch
from voxgate.providers._vendor import Account, refusal
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider, moved
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

MAX_AUDIO_S = 600.0
"""Of one reply: REST cuts it there without a word."""
NO_SOCKET_S = 600.0
"""How long a socket is not asked for again where there was none."""
TURN_CHARACTERS = 4_000
"""Of streamed text in one turn, so that it stays far from `MAX_AUDIO_S`."""

_KEY = "Ocp-Apim-Subscription-Key"
_OPENAI = re.compile(r"(Alloy|Echo|Fable|Nova|Onyx|Shimmer)(Turbo)?Multilingual", re.IGNORECASE)
"""Voices that take no streamed text (source: Microsoft docs, lower speech synthesis latency)."""


class NoSocket(ProviderRejected):
    """The address is not one that takes what was sent there."""


class Azure(BothVendor):
    """Speaks with Azure."""

    name = "Azure"
    Settings = AzureSettings
    settings: AzureSettings
    public_url = "https://{region}.tts.speech.microsoft.com"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "auto": {},
        "http": {"transport": "http"},
        "websocket": {"transport": "websocket"},
    }
    # The service closes a socket after ten minutes, whatever happens on it.
    habits = Habits(idle_s=240, max_age_s=300)
    request_id_headers = ("X-RequestId", "apim-request-id")

    def __init__(self, settings: AzureSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.capabilities = Capabilities(
            ssml=True,
            text_stream=settings.transport != "http",
            speed=True,
            speeds=SPEEDS,
            pitch=True,
            phonemes=True,
            word_times=settings.transport == "websocket",
            max_characters=3_000,
            formats=tuple(FORMATS),
        )
        self._sockets_from_s = 0.0

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Say what it can do with a voice: those that OpenAI made take no streamed text."""
        if _OPENAI.search(voice.voice_id):
            return replace(self.capabilities, text_stream=False)
        return self.capabilities

    def credentials(self, tenant: str) -> Account:
        """Find the resource that speaks for a tenant."""
        own, section = self.settings.tenants.get(tenant), self.settings
        region = (own.region if own else None) or section.region
        given = own.base_url if own and (own.base_url or own.region) else section.base_url
        key = (own.api_key if own else None) or section.api_key
        return Account(
            self.account(tenant),
            key.get_secret_value() if key else "",
            given or self.public_url.format(region=region),
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Files that pass through come over HTTP."""
        return self.settings.transport != "websocket" or utterance.passthrough in FORMATS

    # Over HTTP.

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for PCM, or for the very file that the caller takes."""
        passed = utterance.passthrough if utterance.passthrough in FORMATS else None
        headers = {
            _KEY: account.key,
            "Content-Type": "application/ssml+xml",
            "X-Microsoft-OutputFormat": FORMATS[passed or PCM_24K],
        }
        return Ask(
            f"{account.base_url}/cognitiveservices/v1{self._query()}",
            headers,
            body=document_of(utterance).text.encode(),
            sent=passed or PCM_24K,
            passthrough=passed is not None,
        )

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is complete; find out if the service cut it."""
        made_s = 0.0
        async with aclosing(super().speak(utterance, abort)) as chunks:
            async for chunk in chunks:
                made_s += chunk.duration_s
                yield chunk
        if made_s > MAX_AUDIO_S - 0.01:
            raise IncompleteAudio(f"{self.name} cuts speech after ten minutes")

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Say what a status amounts to; one that blames the address may mean that it has no socket."""
        error = refusal(self.name, status, headers, request_id=self.request_id(headers))
        if status in (404, 405, 426, 501):
            return NoSocket(error.message, provider_request_id=error.provider_request_id)
        return error

    # Over WebSockets.

    def address(self, utterance: Utterance) -> Address:
        """Bind the resource; everything else is said for each turn."""
        account = self.credentials(utterance.tenant)
        url = f"{account.ws_url}/cognitiveservices/websocket/v2{self._query()}"
        return Address(url, ((_KEY, account.key),), ("USP",))

    def fresh_headers(self) -> Mapping[str, str]:
        """Give each connection an id, as the SDK does."""
        return {"X-ConnectionId": uuid.uuid4().hex}

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return AzureWire(self.name, self.clock.wall_s, word_times=self.capabilities.word_times)

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text as it is written; sentence by sentence where there is no socket."""
        heard = False
        if self._streams(utterance):
            try:
                async with aclosing(self._stream(utterance, text, abort)) as chunks:
                    async for chunk in chunks:
                        heard = heard or bool(chunk.pcm)
                        yield chunk
                return
            except (NoSocket, ProviderUnavailable) as error:
                if heard or self.settings.transport != "auto":
                    raise
                if isinstance(error, NoSocket):
                    self._sockets_from_s = self.clock.now_s() + NO_SOCKET_S
        async with aclosing(Provider.synthesize_text(self, utterance, text, abort)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _streams(self, utterance: Utterance) -> bool:
        """Whether text can be streamed; effects are for SSML alone."""
        return (
            self.abilities(utterance.voice).text_stream
            and self.clock.now_s() >= self._sockets_from_s
            and not dict(utterance.settings.extra).get("effect")
        )

    async def _stream(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak each stretch of text between two flushes in a turn of its own: nothing else flushes."""
        first: int | None = 0
        characters, made_s = 0, 0.0
        while first is not None:
            stretch = Stretch(text, first, TURN_CHARACTERS)
            await stretch.begin()
            begun_s = made_s
            if stretch.has_words:
                spoken = replace(utterance, text="")
                async with aclosing(self.converse(spoken, stretch, abort)) as chunks:
                    async for chunk in chunks:
                        made_s += chunk.duration_s
                        yield replace(chunk, words=moved(chunk.words, characters, begun_s))
            characters += stretch.characters
            first = stretch.behind

    # Voices.

    async def list_voices(self) -> Sequence[Voice]:
        """List the region's voices."""
        account = self.own_account
        url = f"{account.base_url}/cognitiveservices/voices/list"
        try:
            return [_voice(record) for record in orjson.loads(await self.fetch(url, {_KEY: account.key}))]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.broken() from None

    def _query(self) -> str:
        identity = self.settings.deployment_id
        return f"?deploymentId={quote(identity, safe='')}" if identity else ""


def _voice(record: Mapping[str, Any]) -> Voice:
    gender = str(record.get("Gender", "")).lower()
    return Voice(
        VoiceName("Azure", "", record["ShortName"]),
        record["DisplayName"],
        (record["Locale"], *record.get("SecondaryLocaleList", ())),
        Gender(gender) if gender in set(Gender) else Gender.UNKNOWN,
    )


PROVIDER = Azure
