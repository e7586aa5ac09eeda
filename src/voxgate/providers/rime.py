"""Rime: its WebSocket v1 of contexts, the older ``/ws3``, and HTTP.

Sources: the package rime-api 0.4.0 (v1), Rime's docs of 2026-08 (``/ws3``, HTTP, errors, speed, voices).

v1 has Coda and Mist v3; what else there is is asked over HTTP. Text goes out in whole sentences, as v1 wants
it and as ``/ws3`` takes it with a flush behind each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import ClassVar, Literal
from urllib.parse import urlencode

import orjson
import structlog
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.providers import _rime_messages as messages
from voxgate.providers._audio import PCM_24K
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask
from voxgate.providers._rime_wires import NAME, V1Wire, Ws3Wire
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import CancelSupport, Capabilities
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.language import normal_tag, primary_language
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName
from voxgate.speech.voice_files import label_of

log = structlog.get_logger()

MODEL_IDS: Mapping[str, str] = {
    "coda": "coda",
    "arcanav3": "coda",
    "arcana": "coda",
    "mistv3": "mistv3",
    "mist": "mistv3",
    "mistv2": "mistv2",
}
"""The vendor's ids of models; in its cloud Arcana has been Coda since 2026-08-15."""
_V1_HOSTS: Mapping[str, str] = {"coda": "coda", "mistv3": "mist"}
_LISTED: Mapping[str, str] = {"coda": "Coda", "arcana": "ArcanaV3", "mistv3": "mistv3", "mistv2": "mistv2"}
_LANGUAGES: Mapping[str, str] = {
    "eng": "en", "spa": "es", "fra": "fr", "ger": "de", "deu": "de", "por": "pt", "jpn": "ja", "ara": "ar",
    "hin": "hi", "heb": "he", "ita": "it", "tam": "ta", "tel": "te", "kor": "ko", "nld": "nl",
}  # fmt: skip
"""Codes of three letters, as the list of voices has them."""
MULAW_8K = AudioFormat(Codec.MULAW, 8_000)
_FORMATS: Mapping[AudioFormat, tuple[str, str]] = {
    PCM_24K: ("audio/pcm", "pcm"),
    MULAW_8K: ("audio/pcmu", "mulaw"),
}
"""What is asked for, in the words of v1 and of ``/ws3``."""
_MAX_CHARACTERS = 1_000


class RimeSettings(VendorSettings):
    """The section ``[providers.rime]``."""

    transport: Literal["websocket", "ws3", "http"] = Field(
        default="websocket",
        description="`websocket`: the newest one, v1, for the models that it has, and HTTP for others; "
        "`ws3`: the older one; `http`: a request for each sentence.",
    )
    websocket_url: str | None = Field(
        default=None,
        description="Address of v1; `{model}` in it stands for `coda` or `mist`. "
        "By default `wss://{model}.api.rime.ai/ws`, or `/{model}/ws` below a `base_url` that is not Rime's.",
    )
    ws3_url: str | None = Field(
        default=None,
        description="Address of the older socket, such as `wss://users-east-ws.rime.ai/ws3`. By default "
        "`wss://users-ws.rime.ai/ws3`, or `/ws3` below a `base_url` that is not Rime's.",
    )


class Rime(BothVendor):
    """Speaks with Rime.

    Attributes:
        coding: of the frames of v1.
    """

    name = NAME
    Settings = RimeSettings
    settings: RimeSettings
    public_url = "https://users.rime.ai"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "ws3": {"transport": "ws3"},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=240, max_age_s=300)
    coding: ClassVar[messages.Coding] = messages.coding()

    def __init__(self, settings: RimeSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        cancels = {"websocket": CancelSupport.HARD, "ws3": CancelSupport.NONE, "http": CancelSupport.HARD}
        self.capabilities = Capabilities(
            text_stream=settings.transport != "http",
            speed=True,
            speeds=(0.4, 2.5),
            word_times=settings.transport == "ws3",
            cancel=cancels[settings.transport],
            max_characters=_MAX_CHARACTERS,
            formats=(MULAW_8K,),
        )
        self._warned = False

    def over_http(self, utterance: Utterance) -> bool:
        """Models that v1 has not go over HTTP."""
        return self.settings.transport == "http" or not self._v1_has(utterance.voice)

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Over HTTP text is not taken as it is written."""
        if self._v1_has(voice):
            return self.capabilities
        return replace(self.capabilities, text_stream=False)

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Ask for µ-law if that is what is wanted in the end, else for PCM."""
        return MULAW_8K if utterance.passthrough == MULAW_8K else PCM_24K

    # Over HTTP.

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for bare samples."""
        sent = self.sent(utterance)
        model = self._model(utterance.voice)
        fields: dict[str, object] = {
            "speaker": utterance.voice.voice_id,
            "text": utterance.text,
            "modelId": model,
            "samplingRate": sent.rate_hz,
        }
        if language := spoken_language(utterance):
            fields["lang"] = language
        speed = utterance.settings.speed
        if speed != 1.0:
            fields["speedAlpha" if model == "mistv2" else "timeScaleFactor"] = round(1 / speed, 4)
        accept = {PCM_24K: "audio/L16", MULAW_8K: "audio/PCMU"}[sent]
        headers = {"Authorization": f"Bearer {account.key}", "Accept": accept}
        url = f"{account.base_url}/v1/rime-tts"
        return Ask(url, headers, json=fields, sent=sent, passthrough=sent == MULAW_8K)

    # Over WebSockets.

    def address(self, utterance: Utterance) -> Address:
        """Bind the model; with ``/ws3`` all settings."""
        account = self.credentials(utterance.tenant)
        headers = (("Authorization", f"Bearer {account.key}"),)
        ours = account.base_url.endswith(".rime.ai")  # a region's, perhaps
        if self.settings.transport == "ws3":
            url = "wss://users-ws.rime.ai/ws3" if ours else f"{account.ws_url}/ws3"
            return Address(f"{self.settings.ws3_url or url}?{urlencode(self._query(utterance))}", headers)
        url = "wss://{model}.api.rime.ai/ws" if ours else f"{account.ws_url}/{{model}}/ws"
        host = _V1_HOSTS[self._model(utterance.voice)]
        url = (self.settings.websocket_url or url).replace("{model}", host)
        return Address(url, headers, (self.coding.subprotocol,))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        if self.settings.transport == "ws3":
            return Ws3Wire(self.sent(utterance))
        return V1Wire(self.coding, self.start_of)

    def start_of(self, utterance: Utterance) -> dict[str, object]:
        """Open a context of v1."""
        sent = self.sent(utterance)
        audio: dict[str, object] = {"audioFormat": _FORMATS[sent][0], "samplingRate": sent.rate_hz}
        if utterance.settings.speed != 1.0:
            audio["timeScaleFactor"] = round(1 / utterance.settings.speed, 4)
        start: dict[str, object] = {"speaker": utterance.voice.voice_id, "audioParameters": audio}
        language = spoken_language(utterance)
        return {**start, "language": language} if language else start

    def _query(self, utterance: Utterance) -> dict[str, object]:
        sent = self.sent(utterance)
        query: dict[str, object] = {
            "speaker": utterance.voice.voice_id,
            "modelId": self._model(utterance.voice),
            "audioFormat": _FORMATS[sent][1],
            "samplingRate": sent.rate_hz,
            "segment": "never",
        }
        if language := spoken_language(utterance):
            query["lang"] = language
        if utterance.settings.speed != 1.0:
            query["timeScaleFactor"] = round(1 / utterance.settings.speed, 4)
        return query

    # Voices.

    async def list_voices(self) -> list[Voice]:
        """Read the public list; a speaker of several languages is one voice."""
        url = f"{self.own_account.base_url}/data/voices/voice_details.json"
        try:
            records = orjson.loads(await self.fetch(url, {}))
            voices: dict[VoiceName, Voice] = {}
            for record in records:
                if (voice := _voice(record)) is not None:
                    known = voices.get(voice.name, voice)
                    languages = dict.fromkeys((*known.languages, *voice.languages))
                    voices[voice.name] = replace(known, languages=tuple(languages))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.broken() from None
        return list(voices.values())

    def _v1_has(self, voice: VoiceName) -> bool:
        return self.settings.transport != "websocket" or self._model(voice) in _V1_HOSTS

    def _model(self, voice: VoiceName) -> str:
        model = voice.model.lower()
        if model.startswith("arcana") and not self._warned:
            self._warned = True
            log.warning("rime_speaks_arcana_with_coda")
        return MODEL_IDS.get(model, voice.model) or "coda"


def spoken_language(utterance: Utterance) -> str | None:
    """Tell the language to ask for: Rime takes English unless told, whatever the speaker speaks."""
    voice = utterance.voice
    tag = utterance.language or _listed().get((voice.model.lower(), voice.voice_id.lower()))
    return primary_language(tag) if tag else None


@cache
def _listed() -> Mapping[tuple[str, str], str]:
    """The main language of every speaker that the catalogue comes with."""
    return {
        (voice.name.model.lower(), voice.name.voice_id.lower()): voice.languages[0]
        for voice in Catalogue.shipped().voices(provider=NAME)
    }


def _voice(record: Mapping[str, str]) -> Voice | None:
    """Read a record; None for one of a model that is not offered any more."""
    model = _LISTED.get(record["modelId"])
    language = _LANGUAGES.get(record["lang"], record["lang"])
    country = record.get("country") or ""
    if re.fullmatch("[A-Z]{2}", country):
        language = normal_tag(f"{language}-{'GB' if country == 'UK' else country}")
    if model is None:
        return None
    gender = (record.get("gender") or "").lower()
    return Voice(
        VoiceName(NAME, model, record["speaker"]),
        label_of(record["speaker"]),
        (language,),
        Gender(gender) if gender in set(Gender) else Gender.UNKNOWN,
    )


PROVIDER = Rime
