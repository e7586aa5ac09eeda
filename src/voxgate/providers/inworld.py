"""Inworld: its WebSocket with contexts, or lines of JSON over HTTP.

Sources: Inworld's OpenAPI and AsyncAPI, its guides to the WebSocket of 2026-10, the package inworld-tts
1.2.1; ``cancel_context`` as livekit-plugins-inworld 1.8.9 uses it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import orjson
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import Clock
from voxgate.errors import ProviderRejected
from voxgate.providers._audio import PCM_24K
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask, Part, lines
from voxgate.providers._inworld_wire import NAME, InworldWire, SharedInworldWire, Synthesis, failure
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import CancelSupport, Capabilities
from voxgate.speech.language import is_tag, normal_tag
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

MODEL_IDS: Mapping[str, str] = {
    "mini": "inworld-tts-1.5-mini",
    "max": "inworld-tts-1.5-max",
    "tts2": "inworld-tts-2",
}
"""The vendor's ids of Telnyx's models; any other is passed on."""
_CODECS: Mapping[tuple[Codec, Container], str] = {
    (Codec.PCM_S16LE, Container.RAW): "PCM",
    (Codec.MP3, Container.RAW): "MP3",
    (Codec.OPUS, Container.OGG): "OGG_OPUS",
    (Codec.FLAC, Container.FLAC): "FLAC",
    (Codec.MULAW, Container.RAW): "MULAW",
    (Codec.ALAW, Container.RAW): "ALAW",
}
FORMATS = (
    *(AudioFormat(Codec.MP3, rate_hz) for rate_hz in (16_000, 22_050, 24_000, 44_100, 48_000)),
    AudioFormat(Codec.OPUS, 24_000, Container.OGG),
    AudioFormat(Codec.OPUS, 48_000, Container.OGG),
    AudioFormat(Codec.FLAC, 24_000, Container.FLAC),
    AudioFormat(Codec.FLAC, 48_000, Container.FLAC),
    AudioFormat(Codec.MULAW, 8_000),
    AudioFormat(Codec.ALAW, 8_000),
)
"""What passes through, over HTTP: there a whole reply is one file."""
SHORT_CHARACTERS = 400
"""A text up to this long shares a socket: its audio may wait for a slow reader without anybody's harm."""
_PAGE_SIZE = 200
_MAX_PAGES = 50


class InworldSettings(VendorSettings):
    """The section ``[providers.inworld]``."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket", description="`http` is a request for each sentence."
    )
    max_connections: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Connections open at once; further utterances wait. Inworld allows a key 20 sockets, "
        "unless agreed otherwise.",
    )
    word_times: bool = Field(
        default=True,
        description="Ask for the times of words. Over HTTP they make speech begin later; over the WebSocket "
        "they follow the audio.",
    )


class Inworld(BothVendor):
    """Speaks with Inworld."""

    name = NAME
    Settings = InworldSettings
    settings: InworldSettings
    public_url = "https://api.inworld.ai"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=540, max_age_s=3_600)  # the vendor closes what was idle for ten minutes

    def __init__(self, settings: InworldSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.capabilities = Capabilities(
            text_stream=settings.transport != "http",
            speed=True,
            speeds=(0.5, 1.5),
            word_times=settings.word_times,
            cancel=CancelSupport.HARD,
            max_characters=2_000,
            formats=FORMATS,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Files that pass through come over HTTP."""
        return self.settings.transport == "http" or utterance.passthrough in FORMATS

    def create(self, utterance: Utterance, sent: AudioFormat = PCM_24K) -> dict[str, object]:
        """Say how to speak."""
        audio: dict[str, object] = {
            "audioEncoding": _CODECS[sent.codec, sent.container],
            "sampleRateHertz": sent.rate_hz,
        }
        if sent.coded_kbps:
            audio["bitRate"] = sent.coded_kbps * 1000
        if utterance.settings.speed != 1.0:
            audio["speakingRate"] = utterance.settings.speed
        model = model_of(utterance.voice)
        fields: dict[str, object] = {
            "voiceId": utterance.voice.voice_id,
            "modelId": model,
            "audioConfig": audio,
        }
        if utterance.language:
            fields["language"] = normal_tag(utterance.language)
        mode = dict(utterance.settings.extra).get("delivery_mode")
        if isinstance(mode, str) and model.startswith("inworld-tts-2"):
            fields["deliveryMode"] = mode
        return fields

    # Over HTTP.

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for lines, each with a piece of audio."""
        passed = utterance.passthrough if utterance.passthrough in FORMATS else None
        sent = passed or PCM_24K
        fields = {"text": utterance.text, **self.create(utterance, sent)}
        if self.settings.word_times and passed is None:
            fields["timestampType"] = "WORD"
        return Ask(
            f"{account.base_url}/tts/v1/voice:stream",
            _authorized(account),
            json=fields,
            sent=sent,
            passthrough=passed is not None,
            wrapped=True,
        )

    async def unwrap(self, body: AsyncIterator[bytes], ask: Ask) -> AsyncGenerator[Part, None]:
        """Read lines of results; the body's own end is the end mark."""
        assert isinstance(ask.json, dict)  # noqa: S101 - made by `ask`
        synthesis = Synthesis(0 if ask.passthrough else ask.sent.rate_hz)
        synthesis.add(str(ask.json["text"]))
        async for line in lines(body):
            if not line.strip():
                continue
            try:
                message = orjson.loads(line)
                if (error := message.get("error")) is not None:
                    raise failure(error.get("code"))
                audio, words = synthesis.chunk(message["result"])
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self.broken() from None
            yield Part(audio, words)
        yield Part(facts=synthesis.facts, end=True)

    # Over WebSockets.

    def address(self, utterance: Utterance) -> Address:
        """Bind nothing but the account; what may wait for a slow reader for long has a socket for itself."""
        account = self.credentials(utterance.tenant)
        # The fragment is not sent: it keeps the two kinds of sockets apart here.
        kind = "#shared" if _is_short(utterance) else ""
        url = f"{account.ws_url}/tts/v1/voice:streamBidirectional{kind}"
        return Address(url, tuple(_authorized(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        kind = SharedInworldWire if _is_short(utterance) else InworldWire
        return kind(self.context, PCM_24K.rate_hz)

    def context(self, utterance: Utterance) -> dict[str, object]:
        """Open a context that speaks each message at once."""
        fields = {**self.create(utterance), "autoMode": True}
        if self.settings.word_times:
            fields |= {"timestampType": "WORD", "timestampTransportStrategy": "ASYNC"}
        return fields

    # Voices.

    async def list_voices(self) -> list[Voice]:
        """List the ready-made voices and those of the account, under each of Telnyx's models."""
        account = self.own_account
        try:
            records = await self._records(account, f"{account.base_url}/voices/v1/voices")
        except ProviderRejected:  # before 2026-07 they were listed here
            records = await self._records(account, f"{account.base_url}/tts/v1/voices")
        try:
            return [_voice(record, model) for model in ("Mini", "Max", "TTS2") for record in records]
        except (LookupError, TypeError, AttributeError):
            raise self.broken() from None

    async def _records(self, account: Account, url: str) -> list[Mapping[str, Any]]:
        records: list[Mapping[str, Any]] = []
        token = ""
        for _ in range(_MAX_PAGES):
            query = urlencode({"pageSize": _PAGE_SIZE, **({"pageToken": token} if token else {})})
            try:
                page = orjson.loads(await self.fetch(f"{url}?{query}", _authorized(account)))
                records += page["voices"]
                token = page.get("nextPageToken") or ""
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self.broken() from None
            if not token:
                break
        return records


def model_of(voice: VoiceName) -> str:
    """The vendor's id of a model."""
    model = voice.model or "Mini"
    return MODEL_IDS.get(model.lower(), model)


def _is_short(utterance: Utterance) -> bool:
    return 0 < len(utterance.text) <= SHORT_CHARACTERS


def _authorized(account: Account) -> dict[str, str]:
    return {"Authorization": f"Basic {account.key}"}  # in base64 already, as the vendor's portal shows it


def _voice(record: Mapping[str, Any], model: str) -> Voice:
    tag = str(record.get("langCode") or next(iter(record.get("languages") or ()), ""))
    gender = str(record.get("gender") or "").lower()
    return Voice(
        VoiceName(NAME, model, record["voiceId"]),
        record.get("displayName") or record["voiceId"],
        (normal_tag(tag),) if is_tag(tag) else ("en-US",),
        Gender(gender) if gender in set(Gender) else Gender.UNKNOWN,
    )


PROVIDER = Inworld
