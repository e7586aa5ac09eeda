"""What is said on Rime's sockets: v1, and the older ``/ws3``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import orjson
import pybase64

from voxgate.audio.format import AudioFormat, pcm_duration_s
from voxgate.errors import ProviderTimeout, VoxgateError
from voxgate.providers._rime_messages import Coding
from voxgate.providers._vendor import refusal
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers._word_list import WordList
from voxgate.providers.contract import UpstreamFacts
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Utterance

NAME = "Rime"
_PROTOCOL = 1
_STATUSES: Mapping[str, int] = {
    "invalid_input": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "resource_exhausted": 429,
}
"""HTTP's words for v1's kinds of errors; all other kinds are failures of the vendor's."""
_STATUS = re.compile(r"(\d{3})\b")


def failure(kind: str, request_id: str | None) -> VoxgateError:
    """Say what an error of v1 amounts to."""
    if kind == "timeout":
        return ProviderTimeout("Rime did not make audio in time", provider_request_id=request_id)
    return refusal(NAME, _STATUSES.get(kind, 500), {}, request_id=request_id)


def closing(reason: str) -> VoxgateError | None:
    """Say what the reason of a closing amounts to: it begins with a status of HTTP, where there is one."""
    found = _STATUS.match(reason)
    return refusal(NAME, int(found[1]), {}) if found else None


class V1Wire(Wire):
    """Messages of v1.

    The protocol has many contexts on a connection; here each utterance has one for itself, so that a slow
    reader holds up nobody.

    Args:
        coding: of the frames.
        start: makes the payload that opens a context.
    """

    outlives_cancel = True
    waits_for_ready = True

    def __init__(self, coding: Coding, start: Callable[[Utterance], Mapping[str, object]]) -> None:
        self._coding = coding
        self._start = start
        self._sentences = SentenceBuffer()

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Open a context that takes text."""
        self._sentences = SentenceBuffer(utterance.language)
        return (self._coding.write(context, "start", self._start(utterance)),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send whole sentences, one a message."""
        return self._say(context, self._sentences.feed(text))

    def flush(self, context: str) -> Iterable[Frame]:
        """Send what there is, a sentence or not."""
        return self._say(context, self._sentences.flush())

    def end(self, context: str) -> Iterable[Frame]:
        """Send the rest, and say that it is."""
        rest = self._say(context, self._sentences.flush())
        return (*rest, self._coding.write(context, "end", {}))

    def cancel(self, context: str) -> Iterable[Frame]:
        """Take it back; Rime says ``cancelled``."""
        return (self._coding.write(context, "cancel", {}),)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand an event."""
        event = self._coding.read(frame)
        match event.kind:
            case "audio":
                return (Heard(event.context, event.audio),)
            case "ready":
                if event.protocol != _PROTOCOL:
                    raise ValueError("another version of the protocol")
                return (Heard(ready=True),)
            case "started":
                return (Heard(event.context, facts=UpstreamFacts(event.request_id)),)
            case "done" | "cancelled":
                return (Heard(event.context, ended=True),)
            case "error":
                return (Heard(event.context or None, error=failure(event.error_kind, event.request_id)),)
            case _:
                return ()

    def closed(self, code: int, reason: str) -> VoxgateError | None:
        """Look for a status in the reason."""
        return closing(reason)

    def _say(self, context: str, sentences: Iterable[str]) -> tuple[Frame, ...]:
        return tuple(
            self._coding.write(context, "text", sentence) for sentence in sentences if speakable(sentence)
        )


class Ws3Wire(Wire):
    """Messages of ``/ws3`` with ``segment=never``: Rime speaks what is flushed, and says ``done`` each time.

    Args:
        sent: the format that the socket was opened for.
    """

    outlives_cancel = True

    def __init__(self, sent: AudioFormat) -> None:
        self._rate_hz = sent.rate_hz
        self._sentences = SentenceBuffer()
        self._words = WordList()
        self._context = ""
        self._flushed = 0
        self._complete = False
        self._bytes = 0
        self._begun_s = 0.0

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Begin to count; the socket's address says everything else."""
        self._sentences = SentenceBuffer(utterance.language)
        self._words = WordList()
        self._context, self._flushed, self._complete = context, 0, False
        self._bytes, self._begun_s = 0, 0.0
        return ()

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send whole sentences, all that are there at once, with one flush."""
        self._words.add(text)
        return self._say("".join(self._sentences.feed(text)))

    def flush(self, context: str) -> Iterable[Frame]:
        """Send what there is, a sentence or not."""
        return self._say("".join(self._sentences.flush()))

    def end(self, context: str) -> Iterable[Frame]:
        """Send the rest."""
        self._complete = True
        return self.flush(context)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Drop what was not begun; what is under way comes nevertheless, up to its ``done``."""
        self._complete = True
        self._flushed = min(self._flushed, 1)
        return ('{"operation":"clear"}',)

    def complete(self, context: str) -> bool:
        """Whether ``done`` was said for all that was flushed."""
        return self._complete and not self._flushed

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand an event."""
        event = orjson.loads(frame)
        kind, context = event["type"], event.get("contextId") or self._context
        match kind:
            case "chunk":
                audio = pybase64.b64decode(event["data"], validate=True)
                if context == self._context:
                    self._bytes += len(audio)
                return (Heard(context, audio),)
            case "timestamps":
                times = event["word_timestamps"]
                return (
                    Heard(context, words=self._words.find(times["words"], times["start"], self._begun_s)),
                )
            case "done":
                if context != self._context:
                    return ()
                self._flushed -= 1
                self._begun_s = pcm_duration_s(self._bytes, self._rate_hz)
                return (Heard(context, ended=self.complete(context)),)
            case "error":
                return (Heard(context, error=refusal(NAME, 400, {})),)
            case _:
                return ()

    def closed(self, code: int, reason: str) -> VoxgateError | None:
        """Look for a status in the reason."""
        return closing(reason)

    def _say(self, text: str) -> tuple[Frame, ...]:
        if not speakable(text):
            return ()
        self._flushed += 1
        message = {"text": text, "contextId": self._context}
        return (orjson.dumps(message).decode(), '{"operation":"flush"}')
