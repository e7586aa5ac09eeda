"""ElevenLabs: whole texts over HTTP, text that is still being written over a WebSocket of contexts.

Sources: ElevenLabs' API reference (streaming with timestamps, multi-context WebSocket, voices) and its help
centre's page on errors.

A context ends for good only behind ``close_context``, and what was flushed before that is spoken whatever
comes; so an utterance is one context, and it alone has the socket: the vendor advises against unrelated
speech on one, and it makes speech faster than it is listened to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

import orjson
import pybase64
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.errors import Overloaded, VoxgateError
from voxgate.providers._audio import PCM_24K
from voxgate.providers._both import BothVendor
from voxgate.providers._elevenlabs_wire import ElevenLabsWire, failure, voice_settings
from voxgate.providers._http import Ask, Part, lines
from voxgate.providers._vendor import Account, VendorSettings, refusal
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers._word_finder import WordFinder
from voxgate.providers.contract import CancelSupport, Capabilities, UpstreamFacts
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

MODEL_ALIASES: Mapping[str, str] = {
    "v2": "eleven_multilingual_v2",
    "multipl.v2": "eleven_multilingual_v2",
    "v3": "eleven_v3",
    "flash": "eleven_flash_v2_5",
    "turbo": "eleven_turbo_v2_5",
}
"""What Telnyx calls models, in lower case (source: Telnyx docs, ElevenLabs page; v2 and v3 are a guess)."""
_MANY = "en ja zh de hi fr ko pt it es id nl tr fil pl sv bg ro ar cs el fi hr ms sk da ta uk ru hu no vi"
LANGUAGES: Mapping[str, frozenset[str]] = dict.fromkeys(
    ("eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_v3"), frozenset(_MANY.split())
)
"""Codes that models take; a model that is not here takes none (source: ElevenLabs docs, models page)."""

FORMATS: Mapping[AudioFormat, str] = {
    **{AudioFormat(Codec.MP3, 44_100, bit_rate_kbps=kbps): f"mp3_44100_{kbps}" for kbps in (32, 64, 96, 128)},
    AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=32): "mp3_22050_32",
    AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=48): "mp3_24000_48",
    AudioFormat(Codec.MULAW, 8_000): "ulaw_8000",
    AudioFormat(Codec.ALAW, 8_000): "alaw_8000",
}
"""What passes through, with the vendor's words; not what higher plans alone have."""
_NO_SOCKETS = ("eleven_v3", "eleven_v3_conversational")
_IDLE_S = 180
"""The longest that the vendor lets a socket be silent."""
_MAX_PAGES = 50


class ElevenLabsSettings(VendorSettings):
    """The section ``[providers.elevenlabs]``."""

    transport: Literal["auto", "websocket", "http"] = Field(
        default="auto",
        description="`auto`: whole texts over HTTP, text that is still being written over a WebSocket; or "
        "everything one way. Models that know no WebSockets are always asked over HTTP.",
    )
    default_model: str = Field(
        default="eleven_flash_v2_5", description="Model of voices whose name has none, `ElevenLabs.<voice>`."
    )
    enable_logging: bool = Field(
        default=True,
        description="Let ElevenLabs keep what is spoken in a history. `false` asks it to keep nothing, which "
        "it does for enterprise plans only.",
    )


class ElevenLabs(BothVendor):
    """Speaks with ElevenLabs."""

    name = "ElevenLabs"
    Settings = ElevenLabsSettings
    settings: ElevenLabsSettings
    public_url = "https://api.elevenlabs.io"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "auto": {},
        "websocket": {"transport": "websocket"},
        "http": {"transport": "http"},
    }
    habits = Habits(idle_s=_IDLE_S - 20, max_age_s=1_800)
    request_id_headers = ("request-id",)

    def __init__(self, settings: ElevenLabsSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.capabilities = Capabilities(
            text_stream=settings.transport != "http",
            speed=True,
            speeds=(0.7, 1.2),
            word_times=True,
            cancel=CancelSupport.NONE,  # over sockets soft, but what was flushed is spoken to its end
            max_characters=3_000,  # the least that any model takes
            formats=tuple(FORMATS),
        )

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Version 3 knows no sockets, and no speed (source: ElevenLabs docs, types of its SDK 2.78)."""
        can = self.capabilities
        return replace(can, text_stream=False, speed=False) if self._model(voice) in _NO_SOCKETS else can

    def over_http(self, utterance: Utterance) -> bool:
        """Files that pass through come over HTTP, and so does whatever the vendor speaks no other way."""
        needed = utterance.passthrough in FORMATS or self._model(utterance.voice) in _NO_SOCKETS
        return needed or self.settings.transport != "websocket"

    # Over HTTP.

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for PCM with the times of its characters, or for a bare file."""
        sent = utterance.passthrough if utterance.passthrough in FORMATS else None
        query = {"output_format": FORMATS[sent] if sent else "pcm_24000", **self._logging()}
        path = f"/v1/text-to-speech/{quote(utterance.voice.voice_id, safe='')}/stream"
        fields: dict[str, object] = {"text": utterance.text, "model_id": self._model(utterance.voice)}
        if language := self._language(utterance):
            fields["language_code"] = language
        if settings := voice_settings(utterance):
            fields["voice_settings"] = settings
        return Ask(
            f"{account.base_url}{path}{'' if sent else '/with-timestamps'}?{urlencode(query)}",
            {"xi-api-key": account.key},
            json=fields,
            sent=sent or PCM_24K,
            passthrough=sent is not None,
            wrapped=sent is None,
        )

    async def unwrap(self, body: AsyncIterator[bytes], ask: Ask) -> AsyncGenerator[Part, None]:
        """Read lines of audio and times; the body's own end is the end mark."""
        assert isinstance(ask.json, dict)  # noqa: S101 - made by `ask`
        words = WordFinder(str(ask.json["text"]))
        async with aclosing(lines(body)) as every:
            async for line in every:
                if line.strip():
                    yield self._part(line, words)
        yield Part(end=True)

    def _part(self, line: bytes, words: WordFinder) -> Part:
        try:
            fields = orjson.loads(line)
            times = fields.get("alignment") or {}
            return Part(
                pybase64.b64decode(fields["audio_base64"] or "", validate=True),
                words.find(times.get("characters", ()), times.get("character_start_times_seconds", ())),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.broken() from None

    def told(self, headers: Mapping[str, str]) -> UpstreamFacts:
        """Tell the request's id, and what it costs in characters."""
        cost = headers.get("character-cost", "")
        return UpstreamFacts(self.request_id(headers), int(cost) if cost.isdecimal() else None)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Look at the code in the body: the status alone tells too little."""
        request_id = self.request_id(headers)
        by_status = refusal(self.name, status, headers, request_id=request_id)
        if isinstance(by_status, Overloaded):
            return by_status
        return failure(_code_of(body), request_id) or by_status

    # Over WebSockets.

    def address(self, utterance: Utterance) -> Address:
        """Bind voice, model, language and format."""
        account = self.credentials(utterance.tenant)
        query = {
            "model_id": self._model(utterance.voice),
            "output_format": "pcm_24000",
            "auto_mode": "true",
            "sync_alignment": "true",
            "inactivity_timeout": str(_IDLE_S),
            **self._logging(),
        }
        if language := self._language(utterance):
            query["language_code"] = language
        voice = quote(utterance.voice.voice_id, safe="")
        return Address(
            f"{account.ws_url}/v1/text-to-speech/{voice}/multi-stream-input?{urlencode(query)}",
            (("xi-api-key", account.key),),
        )

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk on a new socket."""
        return ElevenLabsWire()

    # Voices.

    async def list_voices(self) -> list[Voice]:
        """List the account's voices, page by page."""
        account, token, voices = self.own_account, "", []
        for _ in range(_MAX_PAGES):
            query = urlencode({"page_size": 100, **({"next_page_token": token} if token else {})})
            url = f"{account.base_url}/v2/voices?{query}"
            try:
                page = orjson.loads(await self.fetch(url, {"xi-api-key": account.key}))
                voices += [_voice(record) for record in page["voices"]]
                token = page.get("next_page_token") or ""
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self.broken() from None
            if not (token and page.get("has_more")):
                break
        return voices

    def _model(self, voice: VoiceName) -> str:
        model = voice.model or self.settings.default_model
        return MODEL_ALIASES.get(model.lower(), model)

    def _language(self, utterance: Utterance) -> str | None:
        language = (utterance.language or "").lower().partition("-")[0]
        language = {"nb": "no", "nn": "no", "tl": "fil"}.get(language, language)
        return language if language in LANGUAGES.get(self._model(utterance.voice), ()) else None

    def _logging(self) -> dict[str, str]:
        return {} if self.settings.enable_logging else {"enable_logging": "false"}


def _code_of(body: bytes) -> str:
    """Find the vendor's code in a refusal: ``detail.code``, and ``detail.status`` before there was one."""
    try:
        detail = orjson.loads(body)["detail"]
        return str(detail.get("code") or detail.get("status") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _voice(record: Mapping[str, Any]) -> Voice:
    labels = record.get("labels") or {}
    locales = [each.get("locale") or each["language"] for each in record.get("verified_languages") or ()]
    languages = tuple(dict.fromkeys(locales)) or (
        (labels["language"],) if labels.get("language") else ("en",)
    )
    gender = str(labels.get("gender", "")).lower()
    return Voice(
        VoiceName(ElevenLabs.name, "", str(record["voice_id"])),
        str(record.get("name") or record["voice_id"]),
        languages,
        Gender(gender) if gender in tuple(Gender) else Gender.UNKNOWN,
        hosted=True,
        accent=str(labels.get("accent") or "").title(),
    )


PROVIDER = ElevenLabs
