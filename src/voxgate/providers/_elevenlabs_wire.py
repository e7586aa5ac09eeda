"""ElevenLabs' ``multi-stream-input``, and what its codes of errors mean.

Sources: ElevenLabs' AsyncAPI file, message types of its SDK 2.78, help centre's page on errors. Spellings of
field names vary between them, so each is taken.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import pybase64

from voxgate.audio.format import pcm_duration_s
from voxgate.errors import (
    IncompleteAudio,
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._audio import PCM_24K
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers._word_finder import WordFinder
from voxgate.speech.sentences import SentenceBuffer
from voxgate.speech.utterance import Utterance

_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost")
_DENIED = (
    "invalid_api_key", "unauthorized", "authentication_required", "missing_permissions", "quota_exceeded",
    "subscription_required", "detected_unusual_activity",
)  # fmt: skip
_BUSY = (
    "too_many_concurrent_requests", "concurrent_limit_exceeded", "rate_limit_exceeded", "system_busy",
    "max_active_conversations",
)  # fmt: skip
_NO_VOICE = ("voice_not_found", "voice_does_not_exist", "voice_id_does_not_exist")
_WRONG = (
    "max_character_limit_exceeded", "text_too_long", "input_text_empty", "unsupported_language",
    "unsupported_model", "model_not_found", "invalid_voice_settings", "invalid_message",
)  # fmt: skip


def voice_settings(utterance: Utterance) -> dict[str, object]:
    """Write ``voice_settings``: the client's own fields, and the speed."""
    settings: dict[str, object] = {
        name: value for name, value in utterance.settings.extra if name in _SETTINGS and value is not None
    }
    if utterance.settings.speed != 1.0:
        settings["speed"] = utterance.settings.speed
    return settings


def failure(code: str, request_id: str | None = None) -> VoxgateError | None:
    """Say what a code means; None for one that is not known."""
    if code in _NO_VOICE:
        return InvalidVoice("ElevenLabs knows no such voice", field="voice")
    if code in _BUSY:
        return Overloaded("ElevenLabs has too much to do")
    if code in _DENIED:
        return ProviderDenied("ElevenLabs refuses the key, or its plan does", provider_request_id=request_id)
    if code in _WRONG:
        return ProviderRejected("ElevenLabs refuses the request", provider_request_id=request_id)
    return None


class ElevenLabsWire(Wire):
    """Messages of one socket, one context after the other.

    Whole sentences are sent (``auto_mode`` wants them) and nothing is flushed that nobody asked to: what was
    flushed cannot be taken back.
    """

    outlives_cancel = True

    def __init__(self) -> None:
        self._context = ""
        self._complete = False
        self._sentences = SentenceBuffer()
        self._words = WordFinder()
        self._heard_bytes = 0

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Open a context."""
        self._context, self._complete, self._heard_bytes = context, False, 0
        self._sentences, self._words = SentenceBuffer(utterance.language), WordFinder()
        settings = voice_settings(utterance)
        return (_frame(context, text=" ", **({"voice_settings": settings} if settings else {})),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send the sentences that are complete."""
        return [self._say(sentence) for sentence in self._sentences.feed(text)]

    def flush(self, context: str) -> Iterable[Frame]:
        """Send what is left, to be spoken at once."""
        rest = "".join(self._sentences.flush())
        return (self._say(rest, flush=True),) if rest.strip() else ()

    def end(self, context: str) -> Iterable[Frame]:
        """Flush and close: only both together have an end mark."""
        self._complete = True
        rest = "".join(self._sentences.flush())
        last = self._say(rest, flush=True) if rest.strip() else _frame(context, flush=True)
        return last, _frame(context, close_context=True)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Close, unless that was said already."""
        if self._complete:
            return ()
        self._complete = True
        return (_frame(context, close_context=True),)

    def bye(self) -> Iterable[Frame]:
        """Close the socket."""
        return (orjson.dumps({"close_socket": True}).decode(),)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame."""
        fields = orjson.loads(frame)
        if fields.get("error") is not None:
            error = failure(str(fields["error"])) or ProviderUnavailable("ElevenLabs reports a failure")
            return (Heard(error=error),)
        context = fields.get("contextId") or fields.get("context_id") or self._context
        audio = pybase64.b64decode(fields.get("audio") or "", validate=True)
        ended = fields.get("isFinal") is True or fields.get("is_final") is True
        if context != self._context:  # one that was cancelled
            return (Heard(context, audio, ended=ended),)
        times = fields.get("alignment") or {}
        words = self._words.find(times.get("chars") or (), self._starts_s(times)) if times else ()
        self._heard_bytes += len(audio)
        if ended and not self._complete:
            error = IncompleteAudio("ElevenLabs closed a context before its text was complete")
            return (Heard(context, error=error),)
        return (Heard(context, audio, words, ended=ended),) if audio or words or ended else ()

    def _say(self, text: str, **more: object) -> str:
        self._words.add(text)
        return _frame(self._context, text=text, **more)

    def _starts_s(self, times: dict[str, list[float]]) -> list[float]:
        """Tell when characters begin: the vendor counts from the begin of their own piece of audio."""
        begin_s = pcm_duration_s(self._heard_bytes, PCM_24K.rate_hz)
        starts = times.get("charStartTimesMs") or times.get("charsStartTimesMs") or ()
        return [begin_s + start / 1000 for start in starts]


def _frame(context: str, **fields: object) -> str:
    return orjson.dumps({**fields, "context_id": context}).decode()
