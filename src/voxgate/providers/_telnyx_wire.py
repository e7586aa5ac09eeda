"""Telnyx's text-to-speech socket, one utterance on each.

Sources: Telnyx docs, WebSocket messages and errors pages, and what public clients saw of the live service:
``type`` is not sent, MP3 comes as a file for each sentence with an ID3 tag before it, and audio stands in
frames without text, or in those with text, and with old servers in both.

A final may come whenever all text so far was spoken (the docs), or at the end only (as seen). So the last
one is known by what it follows: all letters that were sent have come back as text, or the socket is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import orjson
import pybase64

from voxgate.audio.sniff import id3_bytes
from voxgate.errors import IncompleteAudio, InvalidVoice, ProviderRejected, ProviderUnavailable, VoxgateError
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.speech.sentences import SentenceBuffer
from voxgate.speech.utterance import Utterance

_CLOSED_WELL, _POLICY = 1000, 1008
_TAGS = (b"ID3\x03\x00", b"ID3\x04\x00")
"""How MP3 begins with Telnyx; a bare frame could be told from samples by nothing."""


class TelnyxWire(Wire):
    """Messages of one socket.

    Args:
        settings: makes the ``voice_settings`` of an utterance.
        tagged: the audio is MP3, which may have tags where frames begin.
    """

    reusable = False

    def __init__(self, settings: Callable[[Utterance], Mapping[str, object]], *, tagged: bool) -> None:
        self._settings = settings
        self._tagged = tagged
        self._tag_bytes = 0
        self._context = ""
        self._sentences = SentenceBuffer()
        self._complete = False
        self._finished = False
        self._letters_owed = 0
        self._streamed = False

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Send the frame that has to be the first."""
        self._context = context
        self._sentences = SentenceBuffer(utterance.language)
        settings = self._settings(utterance)
        return (_frame(" ", **({"voice_settings": settings} if settings else {})),)

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send the sentences that are complete; some have seen that only a flush makes it speak."""
        return [self._say(sentence) for sentence in self._sentences.feed(text)]

    def flush(self, context: str) -> Iterable[Frame]:
        """Send what is left."""
        rest = "".join(self._sentences.flush())
        return (self._say(rest),) if rest.strip() else ()

    def end(self, context: str) -> Iterable[Frame]:
        """Send what is left, and the end."""
        self._complete = True
        return *self.flush(context), _frame("")

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a frame."""
        fields = orjson.loads(frame)
        if fields.get("error") is not None:
            return (Heard(self._context, error=_failure(str(fields["error"]))),)
        audio = pybase64.b64decode(fields.get("audio") or "", validate=True)
        text = fields.get("text") or ""
        if text:
            self._letters_owed -= _letters(text)
            audio, self._streamed = b"" if self._streamed else audio, False
        elif audio:
            self._streamed = True
        if fields.get("isFinal") is True and self._complete:
            self._finished = True
        ended = self._finished and self._letters_owed <= 0
        if not self._tagged and audio.startswith(_TAGS):
            return (Heard(self._context, error=IncompleteAudio("Telnyx sent MP3 in place of samples")),)
        audio = self._bare(audio)
        return (Heard(self._context, audio, ended=ended),) if audio or ended else ()

    def parting(self, code: int) -> Iterable[Heard]:
        """Behind the last final the socket is closed."""
        return (Heard(self._context, ended=True),) if self._finished and code == _CLOSED_WELL else ()

    def closed(self, code: int, reason: str) -> VoxgateError | None:
        """A fault of ours is told by the code, where it is told at all."""
        return ProviderRejected("Telnyx refuses the request") if code == _POLICY else None

    def _say(self, text: str) -> str:
        self._letters_owed += _letters(text)
        return _frame(text, flush=True)

    def _bare(self, audio: bytes) -> bytes:
        """Take out a tag; it may be longer than its frame."""
        if self._tagged and not self._tag_bytes:
            self._tag_bytes = id3_bytes(audio)
        skipped = min(self._tag_bytes, len(audio))
        self._tag_bytes -= skipped
        return audio[skipped:]


def _failure(error: str) -> VoxgateError:
    """Look an error up; Telnyx has no codes for these, but a fixed word for each (docs, errors page)."""
    match error:
        case "Invalid voice_id specified":
            return InvalidVoice("Telnyx knows no such voice", field="voice")
        case "Invalid message" | "Provider error message":
            return ProviderRejected("Telnyx refuses the request")
        case _:
            return ProviderUnavailable("Telnyx reports a failure")


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _frame(text: str, **more: object) -> str:
    return orjson.dumps({"text": text, **more}).decode()
