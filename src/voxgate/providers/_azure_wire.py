"""Azure's WebSocket, version 2: a turn for each utterance, of SSML or of streamed text.

Source: what Microsoft's SDK 1.53 sends and takes; the protocol has no document. Nothing takes a turn back, so
a socket is closed to cancel.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any

import orjson

import voxgate
from voxgate.errors import (
    InvalidVoice,
    Overloaded,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._audio import PCM_24K
from voxgate.providers._azure_text import FORMATS, document_of, input_of
from voxgate.providers._ssml import clean
from voxgate.providers._wire import Frame, Heard, Wire
from voxgate.providers._word_list import WordList
from voxgate.providers.contract import UpstreamFacts
from voxgate.speech.utterance import Markup, Utterance

TICKS = 10_000_000
"""Of 100 ns, in a second: the unit of Azure's times."""

_UNWANTED = ("bookmarkEnabled", "punctuationBoundaryEnabled", "sentenceBoundaryEnabled", "visemeEnabled")
_TAG_OR_ENTITY = re.compile(r"<[^>]*>|&[^;\s]*;")


class AzureWire(Wire):
    """Messages of one socket.

    An utterance without a text is one whose text is streamed.

    Args:
        vendor: for messages.
        wall_s: seconds since the Unix epoch.
        word_times: ask when words begin.
    """

    def __init__(self, vendor: str, wall_s: Callable[[], float], *, word_times: bool) -> None:
        self._vendor = vendor
        self._wall_s = wall_s
        self._word_times = word_times
        self._context = ""
        self._request_id = ""
        self._utterance: Utterance | None = None
        self._words = WordList()

    def hello(self) -> Iterable[Frame]:
        """Say who we are, as the service wants it first."""
        system = {"name": "voxgate", "version": voxgate.__version__, "build": "Python", "lang": "Python"}
        yield self._message("speech.config", orjson.dumps({"context": {"system": system}}).decode())

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        """Say what is wanted of the next turn."""
        self._context, self._utterance = context, utterance
        self._request_id, self._words = uuid.uuid4().hex, WordList()
        metadata = dict.fromkeys(_UNWANTED, False)
        synthesis: dict[str, Any] = {
            "audio": {
                "outputFormat": FORMATS[PCM_24K],
                "metadataOptions": metadata
                | {"wordBoundaryEnabled": self._word_times, "sessionEndEnabled": True},
            },
            "language": {"autoDetection": False},
        }
        if not utterance.text:
            synthesis["input"] = input_of(utterance)
        yield self._message("synthesis.context", orjson.dumps({"synthesis": synthesis}).decode())

    def text(self, context: str, text: str) -> Iterable[Frame]:
        """Send a piece of streamed text, or all of it as SSML."""
        utterance = self._utterance
        if utterance is None or not utterance.text:
            self._words.add(text)
            yield self._message("text.piece", clean(text), "text/plain")
            return
        self._words.add(_readable(text) if utterance.markup is Markup.SSML else text)
        yield self._message("ssml", document_of(utterance).text, "application/ssml+xml")

    def end(self, context: str) -> Iterable[Frame]:
        """Say that streamed text is complete."""
        if self._utterance is None or not self._utterance.text:
            yield self._message("text.end", "", "text/plain")

    def read(self, frame: Frame) -> Iterable[Heard]:
        """Understand a message; those of other turns, and of kinds that we need not know, say nothing."""
        head, body = _split(frame)
        if head["x-requestid"] != self._request_id:
            return
        match head["path"]:
            case "turn.start":
                yield Heard(self._context, facts=UpstreamFacts(self._request_id))
            case "audio" if isinstance(body, bytes):
                yield Heard(self._context, audio=body)
            case "audio.metadata":
                yield Heard(self._context, words=self._found(orjson.loads(body)["Metadata"]))
            case "turn.end":
                yield Heard(self._context, ended=True)

    def closed(self, code: int, reason: str) -> VoxgateError | None:
        """Understand why the service closed; for 1007 the reason is all there is to know it by."""
        if code == 1007 and "throttl" in reason.lower():
            return Overloaded(f"{self._vendor} has too much to do")
        if code == 1007 and reason.startswith("Unsupported voice"):
            return InvalidVoice(f"{self._vendor} has no such voice", field="voice")
        if code == 1007:
            return ProviderRejected(
                f"{self._vendor} refused the request", provider_request_id=self._request_id or None
            )
        if code in (1011, 1012, 1013, 1014):
            return ProviderUnavailable(f"{self._vendor} closed the connection with code {code}")
        return None

    def _found(self, metadata: Iterable[Mapping[str, Any]]) -> Any:
        boundaries = [
            item["Data"]
            for item in metadata
            if item["Type"] == "WordBoundary" and item["Data"]["text"]["BoundaryType"] == "WordBoundary"
        ]
        return self._words.find(
            [unescape(data["text"]["Text"]) for data in boundaries],
            [int(data["Offset"]) / TICKS for data in boundaries],
        )

    def _message(self, path: str, body: str, content_type: str = "application/json") -> str:
        now = datetime.fromtimestamp(self._wall_s(), UTC).isoformat(timespec="milliseconds")
        head = {
            "X-Timestamp": now.replace("+00:00", "Z"),
            "Path": path,
            "Content-Type": content_type,
            "X-RequestId": self._request_id,
        }
        lines = "".join(f"{name}:{value}\r\n" for name, value in head.items() if value)
        return f"{lines}\r\n{body}"


def _readable(document: str) -> str:
    """Make a document's words findable without moving them: tags and entities become spaces."""
    return _TAG_OR_ENTITY.sub(lambda found: " " * len(found[0]), document)


def _split(frame: Frame) -> tuple[dict[str, str], str | bytes]:
    """Take a message apart: header names in lower case, and the body."""
    body: str | bytes
    if isinstance(frame, str):
        head, gap, body = frame.partition("\r\n\r\n")
        if not gap:
            raise ValueError("a message without an end of its header")
    else:
        end = 2 + int.from_bytes(frame[:2], "big")
        if len(frame) < end:
            raise ValueError("a message shorter than its header")
        head, body = frame[2:end].decode(), frame[end:]
    pairs = (line.partition(":") for line in head.split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, body
