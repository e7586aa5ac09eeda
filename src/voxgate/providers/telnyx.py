"""Telnyx: its own voices, and those of other vendors that its account reaches.

Whole texts go over REST, which keeps its connections; a socket serves one utterance only. Text that is still
being written goes over a socket, where the model has one.

Sources: Telnyx docs (text to speech, provider pages of each model), types of its SDK 4.189; for sockets see
`_telnyx_wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import orjson
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.errors import InvalidVoice, VoxgateError
from voxgate.providers._audio import PCM_24K
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask
from voxgate.providers._telnyx_wire import TelnyxWire
from voxgate.providers._vendor import Account, VendorSettings, refusal
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import CancelSupport, Capabilities
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

_SPEECH = "/v2/text-to-speech/speech"


@dataclass(frozen=True, slots=True)
class Model:
    """How a model speaks.

    Attributes:
        sent: what is asked of it: its own rate, so that nobody resamples twice.
        sockets: whether it speaks over WebSockets.
        speeds: the range of ``voice_speed``; None where it is accepted and not applied.
        language: the field that takes the language, if one does.
        own: further fields of its own.
    """

    sent: AudioFormat = PCM_24K
    sockets: bool = True
    speeds: tuple[float, float] | None = None
    language: str = ""
    own: tuple[str, ...] = ()


_NATURAL = Model(
    speeds=(0.5, 2.0), own=("temperature", "embedding_scale", "diffusion_steps", "phonemizer", "emotion")
)
MODELS: Mapping[str, Model] = {
    "naturalhd": _NATURAL,
    "natural": _NATURAL,
    # Whatever is asked for, it is MP3 that comes, at 22.05 kHz.
    "kokorotts": Model(AudioFormat(Codec.MP3, 22_050)),
    "qwen3tts": Model(language="language_boost", own=("force_xvector",)),
    # The docs give 0.5 to 2; its engine refuses what is not in this range (source: SDK).
    "ultra": Model(sockets=False, speeds=(0.6, 1.5), language="language_boost", own=("emotion",)),
    "bayan": Model(AudioFormat(Codec.PCM_S16LE, 16_000), speeds=(0.5, 2.0)),
    "sukhan": Model(AudioFormat(Codec.PCM_S16LE, 22_050)),
}
"""By name in lower case; others are taken for like the first, without a speed."""
_OTHER = Model()
_WORDS = {Codec.PCM_S16LE: ("linear16", "pcm"), Codec.MP3: ("mp3", "mp3")}
"""What sockets and REST call a codec."""


class TelnyxSettings(VendorSettings):
    """The section ``[providers.telnyx]``."""

    transport: Literal["auto", "websocket", "http"] = Field(
        default="auto",
        description="`auto`: whole texts over REST, text that is still being written over a WebSocket; or "
        "everything one way. Models that know no WebSockets are always asked over REST.",
    )
    vendor: str = Field(
        default="Telnyx",
        description="What the names sent to Telnyx begin with: another vendor that the account reaches, such "
        'as `azure`, for a section of a name of its own with `kind = "telnyx"`.',
    )


class Telnyx(BothVendor):
    """Speaks with Telnyx."""

    name = "Telnyx"
    Settings = TelnyxSettings
    settings: TelnyxSettings
    public_url = "https://api.telnyx.com"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "auto": {},
        "websocket": {"transport": "websocket"},
        "http": {"transport": "http"},
    }
    habits = Habits()
    request_id_headers = ("x-request-id",)

    def __init__(self, settings: TelnyxSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.capabilities = Capabilities(
            text_stream=settings.transport != "http",
            speed=True,
            speeds=(0.5, 2.0),
            cancel=CancelSupport.NONE,  # the connection is closed
            max_characters=3_000,  # Telnyx tells no limit; this is the least of the vendors behind it
        )

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Not every model is fast or slow at will, or speaks over sockets."""
        model, can = self._model(voice), self.capabilities
        return replace(
            can,
            text_stream=can.text_stream and model.sockets,
            speed=model.speeds is not None,
            speeds=model.speeds or can.speeds,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Sockets are for those who want nothing else."""
        return self.settings.transport != "websocket" or not self._model(utterance.voice).sockets

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Say which audio is asked for."""
        return self._model(utterance.voice).sent

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for a body of audio."""
        sent = self.sent(utterance)
        _, word = _WORDS[sent.codec]
        settings = {**self._settings(utterance), "response_format": word, "sampling_rate": sent.rate_hz}
        fields: dict[str, object] = {
            "voice": self._voice_name(utterance.voice),
            "text": utterance.text,
            "output_type": "binary_output",
            "voice_settings": settings,
            **({"language": utterance.language} if utterance.language else {}),
            **({} if utterance.cacheable else {"disable_cache": True}),
        }
        return Ask(f"{account.base_url}{_SPEECH}", _key(account), json=fields, sent=sent)

    def received(self, ask: Ask, headers: Mapping[str, str]) -> AudioFormat:
        """Believe the answer: some models send MP3 whatever they are asked for."""
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return AudioFormat(Codec.MP3, 24_000) if media_type in ("audio/mpeg", "audio/mp3") else ask.sent

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Go by the status: behind most refusals is one and the same code."""
        return refusal(self.name, status, headers, request_id=self.request_id(headers))

    def address(self, utterance: Utterance) -> Address:
        """Bind the voice and the format."""
        account, sent = self.credentials(utterance.tenant), self.sent(utterance)
        word, _ = _WORDS[sent.codec]
        query = {
            "voice": self._voice_name(utterance.voice),
            "audio_format": word,
            "sample_rate": sent.rate_hz,
            "inactivity_timeout": 180,
            **({"language": utterance.language} if utterance.language else {}),
            **({} if utterance.cacheable else {"disable_cache": "true"}),
        }
        return Address(f"{account.ws_url}{_SPEECH}?{urlencode(query)}", tuple(_key(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return TelnyxWire(self._settings, tagged=self.sent(utterance).codec is Codec.MP3)

    async def list_voices(self) -> list[Voice]:
        """List the voices that the account may use; there is one page."""
        account = self.own_account
        query = urlencode({"provider": self.settings.vendor.lower()})
        body = await self.fetch(f"{account.base_url}/v2/text-to-speech/voices?{query}", _key(account))
        try:
            records = orjson.loads(body)["voices"]
            voices = [self._listed(record) for record in records]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.broken() from None
        return [voice for voice in voices if voice is not None]

    def _model(self, voice: VoiceName) -> Model:
        return MODELS.get(voice.model.lower(), _OTHER)

    def _voice_name(self, voice: VoiceName) -> str:
        return str(replace(voice, provider=self.settings.vendor))

    def _settings(self, utterance: Utterance) -> dict[str, object]:
        model, settings = self._model(utterance.voice), utterance.settings
        fields: dict[str, object] = {
            name: value for name, value in settings.extra if name in model.own and value is not None
        }
        if model.speeds is not None and settings.speed != 1.0:
            fields["voice_speed"] = settings.speed
        if model.language and utterance.language:
            fields[model.language] = utterance.language.partition("-")[0].lower()
        return fields

    def _listed(self, record: Mapping[str, Any]) -> Voice | None:
        """Read a record; its compound name stands in ``id``, or is to be put together."""
        parts = (record.get("provider"), record.get("model_id"), record.get("voice_id"))
        joined = ".".join(str(part) for part in parts if part)
        prefix = f"{self.settings.vendor.lower()}."
        spellings = (str(each or "") for each in (record.get("id"), record.get("voice_id"), joined))
        try:
            name = VoiceName.parse(next(each for each in spellings if each.lower().startswith(prefix)))
        except (StopIteration, InvalidVoice):
            return None
        gender = str(record.get("gender") or "").lower()
        return Voice(
            replace(name, provider=self.name),
            str(record.get("label") or record.get("name") or name.voice_id),
            (str(record.get("language") or "en"),),
            Gender(gender) if gender in tuple(Gender) else Gender.UNKNOWN,
            hosted=True,
            accent=str(record.get("accent") or ""),
        )


def _key(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.key}"}


PROVIDER = Telnyx
