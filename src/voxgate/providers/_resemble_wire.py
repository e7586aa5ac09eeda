"""What is said on Resemble's socket: each message is a whole request; they are answered in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import orjson
import pybase64

from voxgate.audio.format import pcm_duration_s
from voxgate.errors import VoxgateError
from voxgate.providers._vendor import refusal
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers._word_finder import WordFinder
from voxgate.providers.contract import WordTime, moved
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Utterance

NAME = "Resemble"


@dataclass(slots=True)
class _Request:
    """One sentence under way.

    Attributes:
        number: its id.
        words: finds them in its text.
        offset: of its text in the utterance's.
    """

    number: int
    words: WordFinder
    offset: int


class ResembleWire(Wire):
    """An utterance's sentences, all asked for as soon as they are known; it ends with the last of them.

    Args:
        request: makes the fields of a request for some text; ``request_id`` is put in here.
        rate_hz: of the audio asked for.
    """

    outlives_cancel = True

    def __init__(self, request: Callable[[Utterance, str], Mapping[str, object]], rate_hz: int) -> None:
        self._request = request
        self._rate_hz = rate_hz
        self._numbers = 0
        self._context = ""
        self._utterance: Utterance | None = None
        self._sentences = SentenceBuffer()
        self._waiting: dict[int, _Request] = {}
        self._offset = 0
        self._bytes = 0
        self._begun_s = 0.0
        self._complete = False

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Begin; the vendor hears of it with the first sentence."""
        self._context, self._utterance = context, utterance
        self._sentences = SentenceBuffer(utterance.language)
        self._waiting = {}
        self._offset, self._bytes, self._begun_s, self._complete = 0, 0, 0.0, False
        return ()

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Ask for each whole sentence."""
        return self._ask(self._sentences.feed(text))

    def flush(self, context: str) -> Iterable[Frame]:
        """Ask for what there is, a sentence or not."""
        return self._ask(self._sentences.flush())

    def end(self, context: str) -> Iterable[Frame]:
        """Ask for the rest."""
        self._complete = True
        return self.flush(context)

    def cancel(self, context: str) -> Iterable[Frame]:
        """Ask for no more; what was asked for comes nevertheless."""
        self._complete = True
        return ()

    def complete(self, context: str) -> bool:
        """Whether all that was asked for has come."""
        return self._complete and not self._waiting

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a message."""
        event = orjson.loads(frame)
        kind, request = event["type"], self._waiting.get(event.get("request_id"))
        match kind:
            case "audio":
                audio = pybase64.b64decode(event["audio_content"], validate=True)
                if request is None:
                    return ()  # of an utterance that is over
                words = self._words(request, event.get("audio_timestamps") or {})
                self._bytes += len(audio)
                return (Heard(self._context, audio, words),)
            case "audio_end":
                if request is None:
                    return ()
                del self._waiting[request.number]
                self._begun_s = pcm_duration_s(self._bytes, self._rate_hz)
                return (Heard(self._context, ended=self.complete(self._context)),)
            case "error":
                lost = event.get("error_name") == "ConnectionFailure"
                return (Heard(None if lost else self._context, error=failure(event)),)
            case _:
                return ()

    def _ask(self, sentences: Iterable[str]) -> tuple[Frame, ...]:
        assert self._utterance is not None  # noqa: S101 - text comes behind `begin`
        frames = []
        for sentence in sentences:
            if speakable(sentence):
                self._numbers += 1
                request = _Request(self._numbers, WordFinder(sentence), self._offset)
                self._waiting[self._numbers] = request
                fields = {**self._request(self._utterance, sentence), "request_id": self._numbers}
                frames.append(orjson.dumps(fields).decode())
            self._offset += len(sentence)
        return tuple(frames)

    def _words(self, request: _Request, times: Mapping[str, list[object]]) -> tuple[WordTime, ...]:
        characters = [str(character) for character in times.get("graph_chars", ())]
        starts_s = [float(str(pair[0])) for pair in times.get("graph_times", ()) if isinstance(pair, list)]
        return moved(request.words.find(characters, starts_s), request.offset, self._begun_s)


def failure(event: Mapping[str, object]) -> VoxgateError:
    """Say what an error message amounts to: it bears a status of HTTP."""
    status = event.get("status_code")
    return refusal(NAME, status if isinstance(status, int) else 500, {})
