"""Murf: text over a WebSocket as it is written, one utterance at a time on each; or over HTTP.

Sources: Murf's OpenAPI and AsyncAPI documents (September 2026) and its docs' pages on WebSockets, context
ids, advanced settings and limits; its SDK 2.3.0.

What was begun is spoken to its end whatever comes, so a cancelled utterance keeps its socket until the vendor
has ended it. Other utterances could share that socket meanwhile, but then one slow reader would hold up the
rest, and the vendor allows ten times as many sockets as utterances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import orjson
import pybase64
from pydantic import Field

from voxgate.clock import Clock
from voxgate.errors import InvalidVoice, ProviderUnavailable, VoxgateError
from voxgate.providers._http import Ask
from voxgate.providers._unexplained import ExplainingVendor, Unexplained
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers.contract import CancelSupport, Capabilities
from voxgate.speech.language import normal_tag
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName
from voxgate.speech.voice_files import label_of

MAX_CHARACTERS = 3_000
_RATE_HZ = 24_000
_MODELS = ("FALCON", "GEN2")
_HOME = "https://api.murf.ai"
"""Where the list of voices is; speech is there and in regions."""
_EXTRA = ("style", "variation", "locale")


class MurfSettings(VendorSettings):
    """The section ``[providers.murfai]``."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket", description="`http`: every text, or sentence of one, is a request of its own."
    )
    max_connections: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="Utterances at once. Murf's usual plan allows 5 in us-east and 2 in other regions.",
    )
    max_buffer_delay_ms: int = Field(
        default=300,
        ge=0,
        le=1000,
        description="Milliseconds that less than a sentence waits for the rest of it.",
    )


class Murf(ExplainingVendor):
    """Speaks with Murf."""

    name = "MurfAI"
    Settings = MurfSettings
    settings: MurfSettings
    public_url = "https://global.api.murf.ai"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=160, max_age_s=300, drain_s=3)

    def __init__(self, settings: MurfSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        streams = settings.transport == "websocket"
        self.capabilities = Capabilities(
            text_stream=streams,
            speed=True,
            speeds=(0.5, 1.5),
            pitch=True,
            cancel=CancelSupport.SOFT if streams else CancelSupport.HARD,
            max_characters=MAX_CHARACTERS,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Go as the settings say."""
        return self.settings.transport == "http"

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for bare samples."""
        voice = voice_config(utterance)
        fields = {"text": utterance.text, "model": utterance.voice.model, "voiceId": voice.pop("voice_id")}
        output = {"format": "PCM", "sampleRate": _RATE_HZ, "channelType": "MONO"}
        return Ask(
            f"{account.base_url}/v1/speech/stream", _headers(account), json={**fields, **voice, **output}
        )

    def address(self, utterance: Utterance) -> Address:
        """Bind model and format."""
        account = self.credentials(utterance.tenant)
        output = {"format": "PCM", "sample_rate": _RATE_HZ, "channel_type": "MONO"}
        query = urlencode({"model": utterance.voice.model, **output})
        url = f"{account.ws_url}/v1/speech/stream-input?{query}"
        return Address(url, tuple(_headers(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return MurfWire(uuid4().hex, self.settings.max_buffer_delay_ms)

    async def explain(self, utterance: Utterance, error: Unexplained) -> VoxgateError:
        """An error on the socket is prose only: look whether the voice is there; if so, it is Murf's own."""
        try:
            voices = await self._voices(self.credentials(utterance.tenant), utterance.voice.model)
        except VoxgateError as failure:
            return failure
        wanted = utterance.voice.voice_id.casefold()
        for voice_id in (str(record["voiceId"]).casefold() for record in voices):
            if wanted == voice_id or wanted == voice_id.rpartition("-")[2]:
                return error
        return InvalidVoice("Murf has no such voice for this model", field="voice")

    async def list_voices(self) -> list[Voice]:
        """List the voices of each model."""
        listed = []
        for model in _MODELS:
            records = await self._voices(self.own_account, model)
            try:
                listed += [_voice(model, record) for record in records]
            except (TypeError, AttributeError):
                raise self.broken() from None
        return listed

    async def _voices(self, account: Account, model: str) -> list[dict[str, Any]]:
        host = urlsplit(account.base_url).hostname or ""
        home = _HOME if host.endswith(".api.murf.ai") else account.base_url
        url = f"{home}/v1/speech/voices?{urlencode({'model': model})}"
        try:
            records = orjson.loads(await self.fetch(url, _headers(account)))
            return [record for record in records if record["voiceId"]]
        except (ValueError, LookupError, TypeError):
            raise self.broken() from None


class MurfWire(Wire):
    """Contexts, one after the other.

    Args:
        prefix: makes ids unlike those of other sockets, since Murf counts them over all.
        max_delay_ms: that less than a sentence waits.
    """

    outlives_cancel = True

    def __init__(self, prefix: str, max_delay_ms: int) -> None:
        self._prefix = prefix
        self._max_delay_ms = max_delay_ms
        self._heard_audio = False

    def hello(self) -> Iterable[Frame]:
        """Set the buffer."""
        return (_frame({"min_buffer_size": 40, "max_buffer_delay_in_ms": self._max_delay_ms}),)

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Set the voice of a context."""
        self._heard_audio = False
        return (_frame({"voice_config": voice_config(utterance), "context_id": self._id(context)}),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send text, in pieces of what the vendor takes."""
        for begin in range(0, len(text), MAX_CHARACTERS):
            yield _frame({"text": text[begin : begin + MAX_CHARACTERS], "context_id": self._id(context)})

    def end(self, context: str) -> Iterable[Frame]:
        """End a context."""
        return (_frame({"text": "", "end": True, "context_id": self._id(context)}),)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Have dropped what was not begun."""
        return (_frame({"clear": True, "context_id": self._id(context)}),)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand audio, an end (``is_final`` in older documents), an error."""
        fields = orjson.loads(frame)
        context_id = fields.get("context_id")
        context = None if context_id is None else str(context_id).removeprefix(f"{self._prefix}-")
        if "error" in fields:
            told = "Murf failed in mid-speech" if self._heard_audio else "Murf refused, and does not say why"
            kind = ProviderUnavailable if self._heard_audio else Unexplained
            return (Heard(context, error=kind(told)),)
        audio = pybase64.b64decode(fields.get("audio") or "", validate=True)
        ended = fields.get("final") is True or fields.get("is_final") is True
        self._heard_audio = self._heard_audio or bool(audio)
        return (Heard(context, audio=audio, ended=ended),)

    def _id(self, context: str) -> str:
        return f"{self._prefix}-{context}"


def voice_config(utterance: Utterance) -> dict[str, object]:
    """Return Murf's fields of a voice; pace and pitch are percentages from -50 to 50."""
    settings = utterance.settings
    config: dict[str, object] = {"voice_id": utterance.voice.voice_id}
    if rate := _percent(settings.speed):
        config["rate"] = rate
    if pitch := _percent(2 ** (settings.pitch_semitones / 12)):
        config["pitch"] = pitch
    config.update((name, value) for name, value in settings.extra if name in _EXTRA)
    return config


def _percent(ratio: float) -> int:
    return max(-50, min(50, round((ratio - 1) * 100)))


def _frame(fields: dict[str, object]) -> Frame:
    return orjson.dumps(fields).decode()


def _headers(account: Account) -> dict[str, str]:
    return {"api-key": account.key}


def _voice(model: str, record: Mapping[str, Any]) -> Voice:
    voice_id = str(record["voiceId"])
    own = str(record.get("locale") or "-".join(voice_id.split("-")[:-1]))
    locales = dict.fromkeys([own, *(record.get("supportedLocales") or ())])
    gender = {"Male": Gender.MALE, "Female": Gender.FEMALE, "NonBinary": Gender.NEUTRAL}
    return Voice(
        VoiceName(Murf.name, model, voice_id),
        label_of(voice_id),
        tuple(normal_tag("en-GB" if locale == "en-UK" else locale) for locale in locales if locale),
        gender.get(str(record.get("gender")), Gender.UNKNOWN),
        hosted=True,
        accent=str(record.get("accent") or ""),
    )


PROVIDER = Murf
