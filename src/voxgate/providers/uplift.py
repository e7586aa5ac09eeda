"""Uplift AI (Orator), or another voxgate: many requests at once on one WebSocket, or REST.

Each request has an id of its own, never used twice on a connection, and its audio is one file. A cancelled
request is never heard of again. The vendor's one code for what it could not speak, ``synthesis_failed``, says
nothing of the reason, and the live service passes an unknown voice over in silence: voices are looked up in
the list that comes with voxgate, before. Speed is left to voxgate: it is not documented.

Sources: docs.upliftai.org, pages websocket-tts and api-reference; the SDK for the plain WebSocket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar, Literal

import orjson
import pybase64
from pydantic import Field

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import Clock
from voxgate.errors import (
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask
from voxgate.providers._vendor import Account, VendorSettings, refusal
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers.contract import CancelSupport, Capabilities
from voxgate.speech import voice_files
from voxgate.speech.utterance import Utterance

PCM = AudioFormat(Codec.PCM_S16LE, 22_050)
_NAMES: Mapping[AudioFormat, str] = {
    PCM: "PCM_22050_16",
    AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=32): "MP3_22050_32",
    AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=64): "MP3_22050_64",
    AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=128): "MP3_22050_128",
    AudioFormat(Codec.VORBIS, 22_050, Container.OGG): "OGG_22050_16",
    AudioFormat(Codec.MULAW, 8000): "ULAW_8000_8",
}
_FILES = tuple(each for each in _NAMES if each != PCM)
_REQUESTS_A_SOCKET = 55
"""The vendor takes 60 a minute on one."""


class UpliftSettings(VendorSettings):
    """What ``[providers.uplift]`` can say."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket",
        description="`websocket` keeps connections that many utterances share; `http` makes a request each.",
    )


class UpliftWire(Wire):
    """One connection.

    Args:
        vendor: for messages.
    """

    contexts: ClassVar[int] = 16
    outlives_cancel: ClassVar[bool] = True
    waits_for_ready: ClassVar[bool] = True

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self._begun = 0
        self._wanted: dict[str, Utterance] = {}
        self._silenced: set[str] = set()

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Remember what a request is about; it is sent with its text."""
        self._begun += 1
        self.reusable = self._begun < _REQUESTS_A_SOCKET
        self._wanted[context] = utterance
        return ()

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Ask for a text, all of it."""
        utterance = self._wanted.pop(context)
        fields = {"type": "synthesize", "requestId": context, **_body(utterance), "text": text}
        yield orjson.dumps(fields).decode()

    def end(self, context: str) -> Iterable[Frame]:
        """Nothing is to be said: the text was sent as a whole."""
        return ()

    def cancel(self, context: str) -> Iterable[Frame]:
        """Take a request back."""
        self._wanted.pop(context, None)
        self._silenced.add(context)
        yield orjson.dumps({"type": "cancel", "requestId": context}).decode()

    def complete(self, context: str) -> bool:
        """A cancelled request is not confirmed."""
        return context in self._silenced

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame."""
        message = orjson.loads(frame)
        context = message.get("requestId")
        match message["type"]:
            case "ready":
                yield Heard(ready=True)
            case "audio" if context is not None:
                yield Heard(context, audio=pybase64.b64decode(message["audio"], validate=True))
            case "audio_end" if context is not None:
                yield Heard(context, ended=True)
            case "error":
                yield Heard(context, error=_failure(self._vendor, message.get("code")))


class Uplift(BothVendor):
    """Speaks over a few sockets, or a request each."""

    name = "Uplift"
    Settings = UpliftSettings
    public_url = "https://api.upliftai.org"
    request_id_headers = ("x-uplift-ai-request-id",)
    habits = Habits(idle_s=60.0, max_age_s=1800.0)
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    settings: UpliftSettings

    def __init__(self, settings: VendorSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        socket = self.settings.transport == "websocket"
        self.capabilities = Capabilities(
            cancel=CancelSupport.HARD if socket else CancelSupport.NONE,
            max_characters=10_000 if socket else 2_500,
            formats=_FILES,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """As the settings say."""
        return self.settings.transport == "http"

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Ask for samples, or for the very file that is wanted."""
        return _sent(utterance)

    def address(self, utterance: Utterance) -> Address:
        """Any utterance can use any socket of its account."""
        self._check(utterance)
        account = self.credentials(utterance.tenant)
        url = f"{account.ws_url}/v1/text-to-speech/multi-stream"
        return Address(url, (("Authorization", f"Bearer {account.key}"),))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk."""
        return UpliftWire(self.name)

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for audio as it is made."""
        self._check(utterance)
        sent = self.sent(utterance)
        return Ask(
            f"{account.base_url}/v1/synthesis/text-to-speech/stream",
            {"Authorization": f"Bearer {account.key}"},
            {**_body(utterance), "text": utterance.text},
            sent=sent,
            passthrough=sent == utterance.passthrough,
        )

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Say what a refusal amounts to."""
        return refusal(self.name, status, headers, request_id=self.request_id(headers))

    def _check(self, utterance: Utterance) -> None:
        """Refuse a voice that Uplift does not have; another server's voices are its own affair."""
        if self.settings.kind is None and utterance.voice.voice_id.lower() not in _known_voices():
            raise InvalidVoice(f"{self.name} has no such voice", field="voice")


def _sent(utterance: Utterance) -> AudioFormat:
    wanted = utterance.passthrough
    return wanted if wanted is not None and wanted in _NAMES else PCM


def _body(utterance: Utterance) -> dict[str, object]:
    """Say who is to speak, and in which format."""
    extra = dict(utterance.settings.extra)
    replacements = extra.get("phraseReplacementConfigId")
    named = {"phraseReplacementConfigId": replacements} if replacements else {}
    voice = utterance.voice
    # Uplift has no models; another voxgate's compound names come in two parts.
    voice_id = f"{voice.model}.{voice.voice_id}" if voice.model else voice.voice_id
    return {"voiceId": voice_id, "outputFormat": _NAMES[_sent(utterance)], **named}


def _failure(vendor: str, code: object) -> VoxgateError:
    match code:
        case "auth_failed":
            return ProviderDenied(f"{vendor} does not accept the key")
        case "rate_limit_exceeded":
            return Overloaded(f"{vendor} has too much to do")
        case "text_too_long":
            return ProviderRejected(f"{vendor} does not take a text so long")
        case _:
            return ProviderUnavailable(f"{vendor} could not speak this")


@cache
def _known_voices() -> frozenset[str]:
    return frozenset(
        voice_id.lower()
        for file in voice_files.shipped()
        if file.provider == Uplift.name
        for group in file.groups
        for voice_id in group.labels
    )


PROVIDER = Uplift
