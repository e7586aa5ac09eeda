"""Fish Audio: text over a WebSocket in MessagePack as it is written, or over HTTP.

Sources: Fish Audio's AsyncAPI and OpenAPI documents (August 2026) and its docs' pages on errors and on the
WebSocket with timestamps.

There are two sockets. The usual one is closed after each utterance, so the next one is opened ahead. The one
with timestamps takes the next utterance, and tells where each word is heard, a chunk of text at a time.
Neither can be told to stop: a cancelled utterance ends with its socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

import orjson
import ormsgpack
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec, default_bit_rate_kbps
from voxgate.clock import Clock
from voxgate.errors import InvalidVoice, Overloaded, ProviderRejected, ProviderUnavailable, VoxgateError
from voxgate.providers._audio import PCM_24K
from voxgate.providers._http import Ask
from voxgate.providers._unexplained import ExplainingVendor, Unexplained
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers._word_list import WordList
from voxgate.providers.contract import CancelSupport, Capabilities, WordTime
from voxgate.speech.language import is_tag, normal_tag
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

DEFAULT_MODEL = "s2.1-pro"
FORMATS = (
    *(AudioFormat(Codec.MP3, 44_100, bit_rate_kbps=kbps) for kbps in (64, 128, 192)),
    *(AudioFormat(Codec.MP3, 32_000, bit_rate_kbps=kbps) for kbps in (None, 64, 128, 192)),
)
"""What passes through."""
_EXTRA = ("temperature", "top_p", "repetition_penalty", "normalize", "chunk_length", "min_chunk_length")
_PAGE = 100
_OWN_PAGES, _PUBLIC_PAGES = 10, 2


class FishAudioSettings(VendorSettings):
    """The section ``[providers.fishaudio]``."""

    transport: Literal["websocket", "timestamps", "http"] = Field(
        default="websocket",
        description="`timestamps`: the WebSocket that also tells when each word is heard, and is kept open "
        "from one utterance to the next. `http`: every text, or sentence of one, is a request of its own.",
    )
    max_connections: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="Utterances at once. Fish Audio allows 5; 15 or 50 to those who have paid more.",
    )
    latency: Literal["low", "balanced", "normal"] = Field(
        default="balanced", description="How much quality is given for an early first word; `normal` is best."
    )


class FishAudio(ExplainingVendor):
    """Speaks with Fish Audio."""

    name = "FishAudio"
    Settings = FishAudioSettings
    settings: FishAudioSettings
    public_url = "https://api.fish.audio"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "timestamps": {"transport": "timestamps"},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=60, max_age_s=300)
    keeps_spare = True

    def __init__(self, settings: FishAudioSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        streams = settings.transport != "http"
        self.capabilities = Capabilities(
            text_stream=streams,
            speed=True,
            speeds=(0.5, 2.0),
            word_times=settings.transport == "timestamps",
            cancel=CancelSupport.NONE if streams else CancelSupport.HARD,
            formats=FORMATS,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Files that pass through are whole replies of HTTP."""
        return self.settings.transport == "http" or utterance.passthrough in FORMATS

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for bare samples, or for MP3."""
        sent = utterance.passthrough if utterance.passthrough in FORMATS else PCM_24K
        fields = request(utterance, self.settings.latency, sent)
        headers = dict(_headers(account, utterance.voice.model))
        passes = sent is not PCM_24K
        return Ask(f"{account.base_url}/v1/tts", headers, json=fields, sent=sent, passthrough=passes)

    def address(self, utterance: Utterance) -> Address:
        """Bind the model alone."""
        account = self.credentials(utterance.tenant)
        suffix = "/with-timestamp" if self.settings.transport == "timestamps" else ""
        return Address(f"{account.ws_url}/v1/tts/live{suffix}", _headers(account, utterance.voice.model))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        latency = self.settings.latency
        return TimedFishWire(latency) if self.settings.transport == "timestamps" else FishWire(latency)

    async def explain(self, utterance: Utterance, error: Unexplained) -> VoxgateError:
        """An end with the reason ``error`` tells no more: look whether the voice is there."""
        account = self.credentials(utterance.tenant)
        url = f"{account.base_url}/model/{quote(utterance.voice.voice_id, safe='')}"
        try:
            await self.fetch(url, dict(_headers(account)))
        except ProviderRejected:
            return InvalidVoice("Fish Audio has no such voice", field="voice")
        except VoxgateError as failure:
            return failure
        return error

    async def list_voices(self) -> list[Voice]:
        """List the account's own voices, and those of the public library that are used most."""
        own = await self._pages({"self": "true", "sort_by": "created_at"}, _OWN_PAGES)
        public = await self._pages({"sort_by": "task_count"}, _PUBLIC_PAGES)
        voices = {str(record["_id"]): record for record in (*own, *public)}
        try:
            return [_voice(record) for record in voices.values()]
        except TypeError:
            raise self.broken() from None

    async def _pages(self, query: Mapping[str, str], most: int) -> list[dict[str, Any]]:
        account, records = self.own_account, []
        for number in range(1, most + 1):
            page = urlencode({"page_size": _PAGE, "page_number": number, **query})
            body = await self.fetch(f"{account.base_url}/model?{page}", dict(_headers(account)))
            try:
                fields = orjson.loads(body)
                records += [record for record in fields["items"] if record["_id"] and record["type"] == "tts"]
                if number * _PAGE >= int(fields["total"]):
                    break
            except (ValueError, LookupError, TypeError):
                raise self.broken() from None
        return records


class FishWire(Wire):
    """An utterance a socket.

    Args:
        latency: in Fish's word.
    """

    reusable = False

    def __init__(self, latency: str) -> None:
        self._latency = latency
        self._context = ""
        self._heard_audio = False

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Say how to speak."""
        self._context, self._heard_audio = context, False
        fields = request(utterance, self._latency, PCM_24K)
        return (ormsgpack.packb({"event": "start", "request": {**fields, "text": ""}}),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send text."""
        return (ormsgpack.packb({"event": "text", "text": text}),)

    def flush(self, context: str) -> Iterable[Frame]:
        """Have all so far spoken: the vendor holds back a last sentence."""
        return (ormsgpack.packb({"event": "flush"}),)

    def end(self, context: str) -> Iterable[Frame]:
        """End the text."""
        return (ormsgpack.packb({"event": "stop"}),)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand an event."""
        if isinstance(frame, str):
            raise TypeError("Fish Audio speaks MessagePack")
        fields = ormsgpack.unpackb(frame)
        match fields["event"]:
            case "audio":
                audio = fields["audio"]
                if not isinstance(audio, bytes):
                    raise TypeError("audio is no bytes")
                self._heard_audio = self._heard_audio or bool(audio)
                return (Heard(self._context, audio=audio, words=self.words(fields)),)
            case "finish" if fields["reason"] == "stop":
                return (Heard(self._context, words=self.last_words(), ended=True),)
            case "finish":
                return (Heard(self._context, error=self._failure()),)
            case "error":
                # The only one documented is that too much was asked for at once.
                return (Heard(error=Overloaded("Fish Audio has too much to do")),)
            case _:
                return ()

    def words(self, fields: Mapping[str, Any]) -> tuple[WordTime, ...]:
        """Return words that are sure by now."""
        return ()

    def last_words(self) -> tuple[WordTime, ...]:
        """Return the rest of them."""
        return ()

    def _failure(self) -> VoxgateError:
        if self._heard_audio:
            return ProviderUnavailable("Fish Audio failed in mid-speech")
        return Unexplained("Fish Audio refused, and does not say why")


class TimedFishWire(FishWire):
    """One utterance after the other, with words.

    What is told of a chunk may be corrected until the next one begins, so its words are sure only then.
    """

    reusable = True

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Forget the words of the utterance before."""
        self._list = WordList()
        self._number: int | None = None
        self._told: tuple[list[str], list[float], float] = ([], [], 0.0)
        return super().begin(context, utterance)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send text, and remember where its words are."""
        self._list.add(text)
        return super().text(context, text)

    def words(self, fields: Mapping[str, Any]) -> tuple[WordTime, ...]:
        """Keep what is told of a chunk; return the words of the one before."""
        number, alignment = fields.get("chunk_seq"), fields.get("alignment")
        sure = () if number == self._number else self.last_words()
        self._number = number
        if alignment is not None:
            segments = alignment["segments"]
            words = [str(segment["text"]) for segment in segments]
            starts_s = [float(segment["start"]) for segment in segments]
            self._told = (words, starts_s, float(fields["chunk_audio_offset_sec"]))
        return sure

    def last_words(self) -> tuple[WordTime, ...]:
        """Return the words of the last chunk."""
        words, starts_s, offset_s = self._told
        self._told = ([], [], 0.0)
        return self._list.find(words, starts_s, offset_s)


def request(utterance: Utterance, latency: str, sent: AudioFormat) -> dict[str, object]:
    """Return Fish's request for an utterance."""
    settings = utterance.settings
    fields: dict[str, object] = {
        "text": utterance.text,
        "reference_id": utterance.voice.voice_id,
        "format": "mp3" if sent.codec is Codec.MP3 else "pcm",
        "sample_rate": sent.rate_hz,
        "latency": latency,
    }
    if sent.codec is Codec.MP3:
        fields["mp3_bitrate"] = sent.bit_rate_kbps or default_bit_rate_kbps(sent.codec, sent.rate_hz)
    if settings.speed != 1.0:
        fields["prosody"] = {"speed": settings.speed}
    fields.update((name, value) for name, value in settings.extra if name in _EXTRA)
    return fields


def _headers(account: Account, model: str = "") -> tuple[tuple[str, str], ...]:
    own = ("Authorization", f"Bearer {account.key}")
    return (own, ("model", model)) if model else (own,)


def _voice(record: Mapping[str, Any]) -> Voice:
    tags = {str(tag).lower() for tag in record.get("tags") or ()}
    genders = [gender for gender in (Gender.FEMALE, Gender.MALE) if gender.value in tags]
    languages = [str(tag) for tag in record.get("languages") or () if is_tag(str(tag))]
    voice_id = str(record["_id"])
    return Voice(
        VoiceName(FishAudio.name, DEFAULT_MODEL, voice_id),
        str(record.get("title") or voice_id),
        tuple(normal_tag(tag) for tag in languages) or ("en",),
        genders[0] if len(genders) == 1 else Gender.UNKNOWN,
        hosted=True,
    )


PROVIDER = FishAudio
