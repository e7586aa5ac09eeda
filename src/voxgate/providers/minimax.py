"""MiniMax, over its bidirectional WebSocket or over HTTP with server-sent events.

Files that are handed on untouched always come over HTTP: there a reply is one file.

Sources: see `_minimax_order` and `_minimax_wire`.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field

from voxgate.audio.format import AudioFormat
from voxgate.clock import Clock
from voxgate.errors import ProviderUnavailable, VoxgateError
from voxgate.providers._both import BothVendor
from voxgate.providers._http import Ask, Part, lines
from voxgate.providers._minimax_order import MP3_FILES, SPEEDS, failure, order, sent_for
from voxgate.providers._minimax_wire import MiniMaxWire
from voxgate.providers._vendor import Account, VendorSettings, refusal
from voxgate.providers._wire import Address, Habits, Wire
from voxgate.providers.contract import CancelSupport, Capabilities, UpstreamFacts
from voxgate.speech.language import guess_language
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Voice, VoiceName

_NATIVE_HZ = 32_000
_LISTS = ("system_voice", "voice_cloning", "voice_generation")
_MODEL = "speech-2.8-turbo"
"""Every model speaks every voice; they are listed under the newest that is made for talking."""


class MiniMaxSettings(VendorSettings):
    """What ``[providers.minimax]`` can say."""

    transport: Literal["websocket", "http"] = Field(
        default="websocket",
        description="`websocket` hands text on as it is written and can be interrupted; `http` makes a "
        "request for each sentence.",
    )


class MiniMax(BothVendor):
    """Speaks over a warm socket for each voice and setting."""

    name = "MiniMax"
    Settings = MiniMaxSettings
    public_url = "https://api.minimax.io"
    request_id_headers = ("trace-id", "x-trace-id", "minimax-request-id")
    habits = Habits(idle_s=100.0, max_age_s=1800.0)
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "websocket": {},
        "http": {"transport": "http"},
    }
    settings: MiniMaxSettings

    def __init__(self, settings: VendorSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        socket = self.settings.transport == "websocket"
        self.capabilities = Capabilities(
            text_stream=socket,
            speed=True,
            speeds=SPEEDS,
            pitch=True,
            volume=True,
            cancel=CancelSupport.HARD if socket else CancelSupport.NONE,
            max_characters=9_999,
            formats=MP3_FILES,
        )

    def over_http(self, utterance: Utterance) -> bool:
        """Files come over HTTP, and everything where the settings say so."""
        return self.settings.transport == "http" or utterance.passthrough in MP3_FILES

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Ask for samples, or for the very file that is wanted."""
        return sent_for(utterance)

    def address(self, utterance: Utterance) -> Address:
        """A socket speaks with one voice in one way."""
        account = self.credentials(utterance.tenant)
        binds = orjson.dumps(order(utterance, self.sent(utterance))).decode()
        headers = (("Authorization", f"Bearer {account.key}"),)
        return Address(f"{account.ws_url}/ws/v1/t2a_v2_bidi", headers, binds=binds)

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk."""
        return MiniMaxWire(self.name, order(utterance, self.sent(utterance)))

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for a stream of events, the last of which does not repeat everything."""
        sent = self.sent(utterance)
        body = order(utterance, sent) | {
            "text": utterance.text,
            "stream": True,
            "stream_options": {"exclude_aggregated_audio": True},
        }
        headers = {"Authorization": f"Bearer {account.key}"}
        passed = sent == utterance.passthrough
        return Ask(
            f"{account.base_url}/v1/t2a_v2", headers, body, sent=sent, passthrough=passed, wrapped=True
        )

    async def unwrap(self, body: AsyncIterator[bytes], ask: Ask) -> AsyncGenerator[Part, None]:
        """Read events; a refusal is an object without any."""
        heard = False
        async with aclosing(lines(body)) as every:
            async for line in every:
                if not line or line.startswith((b":", b"event:", b"id:")):
                    continue
                try:
                    message = orjson.loads(line.removeprefix(b"data:"))
                    part = self._part(message, repeats=heard)
                except (ValueError, LookupError, TypeError, AttributeError):
                    raise self.broken() from None
                heard = heard or bool(part.audio)
                yield part

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Say what a refusal by the gateway amounts to."""
        return refusal(self.name, status, headers, request_id=self.request_id(headers))

    async def list_voices(self) -> Sequence[Voice] | None:
        """Ask for all voices of the account, clones too."""
        account = self.own_account
        body = await self.fetch(
            f"{account.base_url}/v1/get_voice",
            {"Authorization": f"Bearer {account.key}"},
            json={"voice_type": "all"},
        )
        try:
            answer = orjson.loads(body)
            if code := answer["base_resp"]["status_code"]:
                raise failure(self.name, code, None)
            return list(self._voices(answer))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise ProviderUnavailable("The list of voices is none") from None

    def _part(self, message: Mapping[str, Any], *, repeats: bool) -> Part:
        base = message["base_resp"]
        trace_id = message.get("trace_id") or base.get("trace_id")
        if code := base["status_code"]:
            raise failure(self.name, code, trace_id)
        data = message.get("data") or {}
        last = data.get("status") == 2
        # The last event repeats the whole, where the vendor does not do as it was told.
        audio = b"" if last and repeats else unhexlify(data.get("audio") or "")
        info = message.get("extra_info") or {}
        facts = UpstreamFacts(trace_id, info.get("usage_characters")) if last else None
        return Part(audio, facts=facts, end=last)

    def _voices(self, answer: Mapping[str, Any]) -> Iterator[Voice]:
        for name in _LISTS:
            for voice in answer.get(name) or ():
                voice_id = voice["voice_id"]
                language = guess_language(voice_id)
                yield Voice(
                    VoiceName(self.name, _MODEL, voice_id),
                    voice.get("voice_name") or voice_id,
                    (language,) if language else (),
                    hosted=True,
                    rate_hz=_NATIVE_HZ,
                )


PROVIDER = MiniMax
