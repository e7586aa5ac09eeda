"""xAI: text over a WebSocket as it is written, one utterance at a time on each; or over HTTP.

Sources: docs.x.ai, the Voice reference with its description of the socket, and Debugging Errors (September
2026). That ``text.clear`` stops speech, and is answered with ``audio.clear``, is known from pipecat 1.14.0.

The socket has no names for utterances and no flush. So the wire counts: an end mark is its own only if it
asked for one and nothing was cleared since, and a flush is an end after which the next text goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal
from urllib.parse import urlencode

import orjson
import pybase64
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec, default_bit_rate_kbps
from voxgate.clock import Clock
from voxgate.errors import ProviderDenied, ProviderRejected, ProviderUnavailable, VoxgateError
from voxgate.providers._audio import PCM_24K
from voxgate.providers._http import Ask
from voxgate.providers._unexplained import ExplainingVendor, Unexplained
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers._word_finder import WordFinder
from voxgate.providers.contract import CancelSupport, Capabilities, UpstreamFacts, WordTime, moved
from voxgate.speech.language import primary_language
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Voice, VoiceName
from voxgate.speech.voice_files import label_of

MAX_CHARACTERS = 15_000
_LANGUAGES = "en ar-EG ar-SA ar-AE bn zh fr de hi id it ja ko pt-BR pt-PT ru es-MX es-ES tr vi".split()
_MAIN = {"ar": "ar-EG", "es": "es-ES", "pt": "pt-BR"}
"""Which region of a language speaks for it."""
_KBPS = (32, 64, 96, 128, 192)
_LONGEST_BREATH_S = 1.0
"""Before the first word of an utterance."""
_DONE = '{"type":"text.done"}'
_CLEAR = '{"type":"text.clear"}'


def _formats() -> Iterable[AudioFormat]:
    for rate_hz in (8_000, 16_000, 24_000):
        yield AudioFormat(Codec.MULAW, rate_hz)
        yield AudioFormat(Codec.ALAW, rate_hz)
    for rate_hz in (22_050, 24_000, 44_100, 48_000):
        yield AudioFormat(Codec.MP3, rate_hz)
        for kbps in _KBPS[: 4 if rate_hz < 32_000 else 5]:
            yield AudioFormat(Codec.MP3, rate_hz, bit_rate_kbps=kbps)


FORMATS = tuple(_formats())
"""What passes through."""


class XaiSettings(VendorSettings):
    """The section ``[providers.xai]``."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket", description="`http`: every text, or sentence of one, is a request of its own."
    )
    word_times: bool = Field(default=True, description="Ask when each word is heard; sockets only.")
    optimize_streaming_latency: int = Field(
        default=0, ge=0, le=1, description="1: sooner the first audio, a little less well joined."
    )
    text_normalization: bool = Field(
        default=False, description="Let xAI write out numbers and abbreviations before it speaks."
    )


class Xai(ExplainingVendor):
    """Speaks with xAI."""

    name = "xAI"
    Settings = XaiSettings
    settings: XaiSettings
    public_url = "https://api.x.ai"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=300, max_age_s=1_800, drain_s=2)

    def __init__(self, settings: XaiSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        streams = settings.transport == "websocket"
        self.capabilities = Capabilities(
            text_stream=streams,
            speed=True,
            speeds=(0.7, 1.5),
            word_times=streams and settings.word_times,
            cancel=CancelSupport.HARD,
            max_characters=MAX_CHARACTERS,
            formats=FORMATS,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Files that pass through are whole replies of HTTP."""
        return self.settings.transport == "http" or utterance.passthrough in FORMATS

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for bare samples, or for a file."""
        sent = utterance.passthrough if utterance.passthrough in FORMATS else None
        output: dict[str, object] = {"codec": "pcm", "sample_rate": PCM_24K.rate_hz}
        if sent is not None:
            output = {"codec": str(sent.codec), "sample_rate": sent.rate_hz}
            if kbps := sent.bit_rate_kbps or default_bit_rate_kbps(sent.codec, sent.rate_hz):
                output["bit_rate"] = kbps * 1000
        fields: dict[str, object] = {
            "text": utterance.text,
            "voice_id": utterance.voice.voice_id,
            "language": language_of(utterance.language),
            "output_format": output,
            "optimize_streaming_latency": self.settings.optimize_streaming_latency,
            "text_normalization": self.settings.text_normalization,
        }
        if utterance.settings.speed != 1.0:
            fields["speed"] = utterance.settings.speed
        url = f"{account.base_url}/v1/tts"
        passes = sent is not None
        return Ask(url, _headers(account), json=fields, sent=sent or PCM_24K, passthrough=passes)

    def address(self, utterance: Utterance) -> Address:
        """Bind voice, language, pace and format."""
        account = self.credentials(utterance.tenant)
        query = {
            "voice": utterance.voice.voice_id,
            "language": language_of(utterance.language),
            "codec": "pcm",
            "sample_rate": PCM_24K.rate_hz,
            "optimize_streaming_latency": self.settings.optimize_streaming_latency,
            "text_normalization": str(self.settings.text_normalization).lower(),
            "with_timestamps": str(self.settings.word_times).lower(),
        }
        if utterance.settings.speed != 1.0:
            query["speed"] = utterance.settings.speed
        return Address(f"{account.ws_url}/v1/tts?{urlencode(query)}", tuple(_headers(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return XaiWire()

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """400 is the answer to a wrong key as well as to a wrong field."""
        if status == 400:
            return Unexplained("xAI refused the key, or the request")
        return super().refused(status, headers, body)

    async def explain(self, utterance: Utterance, error: Unexplained) -> VoxgateError:
        """Ask for something in which only the key can be wrong."""
        try:
            await self._list(self.credentials(utterance.tenant))
        except VoxgateError as failure:
            return failure
        return ProviderRejected("xAI refused the request")

    async def list_voices(self) -> list[Voice]:
        """List the voices."""
        try:
            records = orjson.loads(await self._list(self.own_account))["voices"]
            return [_voice(record) for record in records]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.broken() from None

    async def _list(self, account: Account) -> bytes:
        try:
            return await self.fetch(f"{account.base_url}/v1/tts/voices", _headers(account))
        except Unexplained:
            raise ProviderDenied("xAI refused the key") from None


class XaiWire(Wire):
    """One utterance at a time. What is written while an end mark is awaited waits here."""

    outlives_cancel = True

    def __init__(self) -> None:
        self._context: str | None = None
        self._clearing: str | None = None
        self._start("")

    def _start(self, context: str) -> None:
        self._context = context or None
        self._said = False  # text was sent that no end mark has answered yet
        self._asked = False  # for an end mark
        self._held: list[str] = []  # texts; an empty one is a flush
        self._ended = False
        self._heard_bytes = 0
        self._written = 0
        self._begin_part()

    def _begin_part(self) -> None:
        """Begin what the next end mark will answer: xAI counts characters, and seconds, anew."""
        self._part = WordFinder()
        self._part_begin = (self._written, self._heard_bytes / PCM_24K.rate_hz / 2)
        self._part_zero_s: float | None = None

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Remember whose turn it is."""
        self._start(context)
        return ()

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send text, or keep it until it can be sent."""
        if self._asked:
            self._held.append(text)
            return ()
        self._said = True
        self._written += len(text)
        self._part.add(text)
        pieces = (text[begin : begin + MAX_CHARACTERS] for begin in range(0, len(text), MAX_CHARACTERS))
        return [orjson.dumps({"type": "text.delta", "delta": piece}).decode() for piece in pieces]

    def flush(self, context: str) -> Iterable[Frame]:
        """End what was sent so far."""
        if self._asked:
            self._held.append("")
            return ()
        self._asked = self._said
        return (_DONE,) if self._said else ()

    def end(self, context: str) -> Iterable[Frame]:
        """End the rest."""
        self._ended = True
        return () if self._asked else self.flush(context)

    def complete(self, context: str) -> bool:
        """Tell whether all that was written was answered before it was known to be all."""
        return self._ended and not (self._said or self._held)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Stop, and believe nothing until that is confirmed."""
        self._start("")
        self._clearing = context
        return (_CLEAR,)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand an event."""
        fields = orjson.loads(frame)
        match fields["type"]:
            case "error":
                return (Heard(error=ProviderUnavailable("xAI failed to speak")),)
            case "audio.clear" if self._clearing is not None:
                context, self._clearing = self._clearing, None
                return (Heard(context, ended=True),)
            case "audio.delta" if self._context is not None and self._said:
                return (self._audio(fields),)
            case "audio.done" if self._context is not None and self._asked:
                return (self._done(fields),)
            case _:
                return ()

    def _audio(self, fields: Mapping[str, object]) -> Heard:
        audio = pybase64.b64decode(str(fields["delta"]), validate=True)
        words = self._words(fields.get("audio_timestamps"))
        self._heard_bytes += len(audio)
        return Heard(self._context, audio=audio, words=words)

    def _words(self, times: object) -> tuple[WordTime, ...]:
        if not isinstance(times, Mapping) or not times.get("graph_chars"):
            return ()
        starts_s = [float(start) for start, _ in times["graph_times"]]
        if self._part_zero_s is None:
            # The document's "session-relative" may mean that they go on from one utterance to the next.
            self._part_zero_s = starts_s[0] if starts_s[0] > _LONGEST_BREATH_S else 0.0
        characters, begin_s = self._part_begin
        words = self._part.find(times["graph_chars"], [start_s - self._part_zero_s for start_s in starts_s])
        return moved(words, characters, begin_s)

    def _done(self, fields: Mapping[str, object]) -> Heard:
        context, facts = self._context, UpstreamFacts(_text_or_none(fields.get("trace_id")))
        self._said = self._asked = False
        self._begin_part()
        frames: list[Frame] = []
        held, self._held = self._held, []
        for text in held:
            frames += self.text("", text) if text else self.flush("")
        if self._ended:
            frames += self.end("")
        over = self._ended and not (self._said or self._held)
        return Heard(context, facts=facts, ended=over, send=tuple(frames))


def language_of(tag: str | None) -> str:
    """Return xAI's code of a language, ``auto`` where none is asked for."""
    if tag is None:
        return "auto"
    for known in _LANGUAGES:
        if known.lower() == tag.lower():
            return known
    language = primary_language(tag)
    if language == "es" and "-" in tag:
        return "es-MX"  # anywhere but in Spain
    return _MAIN.get(language, language)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _headers(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.key}"}


def _voice(record: Mapping[str, object]) -> Voice:
    voice_id = str(record["voice_id"])
    label = str(record.get("name") or label_of(voice_id))
    return Voice(
        VoiceName(Xai.name, "", voice_id), label, (str(record.get("language") or "en"),), hosted=True
    )


PROVIDER = Xai
