"""vLLM-Omni's WebSocket: text goes in while it is being written, samples come back in binary frames.

The server does one thing after another and knows no cancel: a socket is for one utterance at a time, and
closing it stops the engine. ``input.done`` is a flush; the configuration stands until the next one. Errors
come as prose without a code, so models and voices are looked up in the server's lists before.

Source: vLLM-Omni 0.30.0, ``serving_speech_stream.py``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import Clock
from voxgate.errors import (
    IncompleteAudio,
    InvalidVoice,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._openai_voices import read_models, read_voices
from voxgate.providers._socket import SocketVendor
from voxgate.providers._vendor import Account, VendorSettings
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers.contract import Abort, AudioChunk, Capabilities
from voxgate.providers.openai import OpenAI, OpenAISettings, endpoint, headers_of
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

_LIST_AGE_S = 300.0


class VllmWire(Wire):
    """One socket.

    Args:
        settings: of the section.
        vendor: for messages.
    """

    def __init__(self, settings: OpenAISettings, vendor: str) -> None:
        self._settings = settings
        self._vendor = vendor
        self._context = ""
        self._flushes = 0
        self._complete = False

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Configure the socket for an utterance."""
        self._context, self._flushes, self._complete = context, 0, False
        config: dict[str, object] = {
            "type": "session.config",
            "model": utterance.voice.model,
            "voice": utterance.voice.voice_id,
            "response_format": "pcm",
            "stream_audio": True,
            "split_granularity": "sentence",
        }
        yield _frame({**self._settings.fields, **dict(utterance.settings.extra), **config})

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Hand over a piece of text."""
        yield _frame({"type": "input.text", "text": text})

    def flush(self, context: str) -> Iterable[Frame]:
        """Have all text so far spoken; each flush is answered with ``session.done``."""
        self._flushes += 1
        yield _frame({"type": "input.done"})

    def end(self, context: str) -> Iterable[Frame]:
        """Say that the text is complete."""
        self._complete = True
        return self.flush(context)

    def bye(self) -> Iterable[Frame]:
        """Take leave."""
        yield _frame({"type": "session.close"})

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame. What fails gives the socket up: more of it might still be on its way."""
        if isinstance(frame, bytes):
            yield Heard(self._context, audio=frame)
            return
        message = orjson.loads(frame)
        rate_hz = self._settings.rate_hz
        match message["type"]:
            case "audio.start" if message.get("sample_rate", rate_hz) != rate_hz:
                told = f"{self._vendor} makes {message['sample_rate']} Hz; its section's rate_hz is {rate_hz}"
                yield Heard(error=IncompleteAudio(told))
            case "error":
                yield Heard(error=self._failure())
            case "audio.done" if message.get("error"):
                yield Heard(error=self._failure())
            case "session.done":
                self._flushes -= 1
                if self._complete and self._flushes == 0:
                    yield Heard(self._context, ended=True)

    def _failure(self) -> VoxgateError:
        return ProviderUnavailable(f"{self._vendor} could not speak this")


@dataclass(frozen=True, slots=True)
class _Lists:
    """Which models and voices a server has, as far as it tells, and how long to believe it."""

    known: frozenset[tuple[str, str]] | None
    until_s: float

    def check(self, voice: VoiceName) -> None:
        if self.known is not None and (voice.model, voice.voice_id.lower()) not in self.known:
            raise InvalidVoice("The server has no such model, or it has no such voice", field="voice")


class VllmSocket(SocketVendor):
    """Speaks over vLLM-Omni's WebSocket."""

    name = OpenAI.name
    Settings = OpenAISettings
    public_url = OpenAI.public_url
    needs_key = False
    capabilities = Capabilities(text_stream=True)
    habits = Habits(idle_s=25.0)
    settings: OpenAISettings

    def __init__(self, settings: VendorSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._lists: dict[str, _Lists] = {}

    def address(self, utterance: Utterance) -> Address:
        """Any utterance can use any socket of its account."""
        account = self.credentials(utterance.tenant)
        url = endpoint(account, "audio/speech/stream").replace("http", "ws", 1)
        return Address(url, tuple(headers_of(account).items()))

    def wire(self, utterance: Utterance) -> Wire:
        """Begin to talk."""
        return VllmWire(self.settings, self.name)

    def sent(self, utterance: Utterance) -> AudioFormat:
        """Ask for bare samples at the model's rate."""
        return AudioFormat(Codec.PCM_S16LE, self.settings.rate_hz)

    async def converse(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak, if model and voice are known."""
        account = self.credentials(utterance.tenant)
        lists = self._lists.get(account.base_url)
        if lists is None or self.clock.now_s() >= lists.until_s:
            lists = self._lists[account.base_url] = await self._ask(account)
        lists.check(utterance.voice)
        async with aclosing(super().converse(utterance, text, abort)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _ask(self, account: Account) -> _Lists:
        headers, until_s = headers_of(account), self.clock.now_s() + _LIST_AGE_S
        try:
            models = read_models(await self.fetch(endpoint(account, "models"), headers))
            voices = read_voices(await self.fetch(endpoint(account, "audio/voices"), headers))
        except ProviderRejected:  # an older server, without one of these
            return _Lists(None, until_s)
        known = {(model, voice.voice_id.lower()) for model in models for voice in voices}
        return _Lists(frozenset(known), until_s)


def _frame(message: dict[str, object]) -> str:
    return orjson.dumps(message).decode()
