"""What is said on Inworld's socket: a context for each utterance, its sentences spoken as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import orjson
import pybase64

from voxgate.audio.format import pcm_duration_s
from voxgate.errors import ProviderTimeout, VoxgateError
from voxgate.providers._vendor import refusal
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers._word_list import WordList
from voxgate.providers.contract import UpstreamFacts, WordTime
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Utterance

NAME = "Inworld"
_STATUSES: Mapping[int, int] = {3: 400, 5: 404, 6: 400, 7: 403, 8: 429, 9: 400, 11: 400, 16: 401}
"""HTTP's words for gRPC's codes; all others are failures of the vendor's."""
_DEADLINE_EXCEEDED = 4


def failure(code: object) -> VoxgateError:
    """Say what a code of gRPC amounts to."""
    if code == _DEADLINE_EXCEEDED:
        return ProviderTimeout(f"{NAME} did not make audio in time")
    return refusal(NAME, _STATUSES.get(code, 500) if isinstance(code, int) else 500, {})


def samples(piece: bytes) -> bytes:
    """Take off a WAV header: some of the vendor's pages say that each piece of PCM has one."""
    if not piece.startswith(b"RIFF") or (data := piece.find(b"data", 12)) < 0:
        return piece
    return piece[data + 8 :]


class Synthesis:
    """Follows the syntheses of one utterance: times of words begin anew with each.

    Args:
        rate_hz: of the audio; 0 if it is not bare samples.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._words = WordList()
        self._bytes = 0
        self._begun_s = 0.0
        self._counted = 0
        self._now = 0
        self.sentences = SentenceBuffer()

    def add(self, text: str) -> None:
        """Take text that is sent."""
        self._words.add(text)

    def chunk(self, fields: Mapping[str, Any]) -> tuple[bytes, tuple[WordTime, ...]]:
        """Read a piece of audio, and which words begin where."""
        audio = pybase64.b64decode(fields.get("audioContent") or "", validate=True)
        if self._rate_hz:
            audio = samples(audio)
            self._bytes += len(audio)
        self._now = int((fields.get("usage") or {}).get("processedCharactersCount") or self._now)
        times = (fields.get("timestampInfo") or {}).get("wordAlignment") or {}
        return audio, self._words.find(
            times.get("words", ()), times.get("wordStartTimeSeconds", ()), self._begun_s
        )

    def over(self) -> None:
        """One synthesis is done; the next begins."""
        self._counted, self._now = self._counted + self._now, 0
        self._begun_s = pcm_duration_s(self._bytes, self._rate_hz) if self._rate_hz else 0.0

    @property
    def facts(self) -> UpstreamFacts:
        """What the vendor told so far."""
        return UpstreamFacts(characters=self._counted + self._now or None)


class InworldWire(Wire):
    """Messages of ``voice:streamBidirectional``, for an utterance that has the socket for itself.

    Args:
        create: makes the body that opens a context.
        rate_hz: of the samples.
    """

    outlives_cancel = True

    def __init__(self, create: Callable[[Utterance], Mapping[str, object]], rate_hz: int) -> None:
        self._create = create
        self._rate_hz = rate_hz
        self._syntheses: dict[str, Synthesis] = {}

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Open a context; there is no need to wait for its confirmation."""
        synthesis = self._syntheses[context] = Synthesis(self._rate_hz)
        synthesis.sentences = SentenceBuffer(utterance.language)
        return (_frame(context, "create", self._create(utterance)),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send whole sentences: the context speaks each message at once."""
        synthesis = self._syntheses[context]
        synthesis.add(text)
        return _messages(context, synthesis.sentences.feed(text))

    def flush(self, context: str) -> Iterable[Frame]:
        """Send what there is, a sentence or not."""
        rest = _messages(context, self._syntheses[context].sentences.flush())
        return (*rest, _frame(context, "flush_context", {})) if rest else ()

    def end(self, context: str) -> Iterable[Frame]:
        """Send the rest, and close the context, which speaks all of it first."""
        rest = _messages(context, self._syntheses[context].sentences.flush())
        return (*rest, _frame(context, "close_context", {}))

    def cancel(self, context: str) -> Iterable[Frame]:
        """Take it back; the vendor closes the context."""
        return (_frame(context, "cancel_context", {}),)

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a message."""
        message = orjson.loads(frame)
        if (error := message.get("error")) is not None:
            return (Heard(error=failure(error.get("code"))),)
        result = message["result"]
        context = result.get("contextId") or None
        if code := (result.get("status") or {}).get("code"):
            self._syntheses.pop(context or "", None)
            return (Heard(context, error=failure(code)),)
        if (synthesis := self._syntheses.get(context or "")) is None:
            return ()
        if (chunk := result.get("audioChunk")) is not None:
            audio, words = synthesis.chunk(chunk)
            return (Heard(context, audio, words),)
        if "flushCompleted" in result:
            synthesis.over()
        elif "contextClosed" in result:
            del self._syntheses[context or ""]
            return (Heard(context, facts=synthesis.facts, ended=True),)
        return ()


class SharedInworldWire(InworldWire):
    """The same, for short texts: the vendor has five contexts on a connection; one is kept in reserve."""

    contexts: ClassVar[int] = 4


def _messages(context: str, sentences: Iterable[str]) -> tuple[Frame, ...]:
    return tuple(
        _frame(context, "send_text", {"text": sentence}) for sentence in sentences if speakable(sentence)
    )


def _frame(context: str, verb: str, body: Mapping[str, object]) -> Frame:
    return orjson.dumps({"contextId": context, verb: body}).decode()
