"""What is asked in a ``SynthesizeSpeech`` request, checked as Polly checks it.

Source: the API model in botocore 1.44.8 and the page on speech marks of the AWS docs.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from voxgate.testing.emulators import _polly
from voxgate.testing.emulators._ssml import (
    BadDocument,
    Character,
    Document,
    plain,
    runs,
    sentences,
    words,
)
from voxgate.testing.scripted import CHARACTER_MS

MAX_CHARACTERS, MAX_BILLED = 6000, 3000
"""Of one text, all of it and without tags."""
MAX_LEXICONS = 5

_STRINGS = ("Engine", "LanguageCode", "OutputFormat", "SampleRate", "Text", "TextType", "VoiceId")
_MARKS = ("sentence", "ssml", "viseme", "word")
_ENUMS = {
    "Engine": _polly.ENGINES,
    "LanguageCode": _polly.LANGUAGE_CODES,
    "OutputFormat": ("json", *_polly.FORMATS),
    "TextType": ("ssml", "text"),
}


class Refused(Exception):
    """A request that Polly refuses, and how."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message


class Order:
    """A request that was found good.

    Args:
        body: of the request.

    Attributes:
        format: ``OutputFormat``.
        engine: ``Engine``.
        voice: ``VoiceId``.
        rate_hz: of the audio; 0 for speech marks.
        spoken: the text without tags.

    Raises:
        Refused: it is not.
    """

    def __init__(self, body: bytes) -> None:
        given = _read_object(body)
        self.format: str = given["OutputFormat"]
        self.engine: str = given.get("Engine") or "standard"
        self._ssml = given.get("TextType") == "ssml"
        self._language: str | None = given.get("LanguageCode")
        self._marks = _read_list(given, "SpeechMarkTypes", len(_MARKS))
        self._document: Document | None = None
        self.voice = self._read_voice(given["VoiceId"])
        if _read_list(given, "LexiconNames", MAX_LEXICONS):
            raise Refused("LexiconNotFoundException", "Lexicon not found", 404)
        self._check_marks()
        self.rate_hz = self._read_rate(given.get("SampleRate"))
        self.spoken = self._read_text(given["Text"])

    def _read_voice(self, name: str) -> str:
        voice = _polly.VOICES.get(name)
        if voice is None and re.fullmatch(r"vc-[0-9a-f]+", name):
            raise Refused("ResourceNotFoundException", "There is no such custom voice", 404)
        if voice is None:
            raise _outside("VoiceId", tuple(_polly.VOICES))
        if self.engine not in voice.engines:
            raise Refused(
                "EngineNotSupportedException", f"This voice does not support the {self.engine} engine"
            )
        if self._language is not None and self._language not in voice.languages:
            raise Refused("LanguageNotSupportedException", "This voice does not speak the language")
        return name

    def _check_marks(self) -> None:
        if not set(self._marks) <= set(_MARKS):
            raise _outside("SpeechMarkTypes", _MARKS)
        if self._marks and self.format != "json":
            raise Refused("MarksNotSupportedForFormatException", "Speech marks come as json only")
        if self.format == "json" and not self._marks:
            raise invalid("SpeechMarkTypes", "Member must not be empty for json")
        if "ssml" in self._marks and not self._ssml:
            raise Refused("SsmlMarksNotSupportedForTextTypeException", "The text is no SSML")
        if self._marks and self.engine == "generative":
            raise Refused("EngineNotSupportedException", "The generative engine has no speech marks")

    def _read_rate(self, given: str | None) -> int:
        if self.format == "json":
            return 0
        if given is None:
            return _polly.default_rate_hz(self.format, self.engine)
        if given not in map(str, _polly.FORMATS[self.format].rates_hz):
            raise Refused("InvalidSampleRateException", f"{self.format} has no such sample rate")
        return int(given)

    def _read_text(self, text: str) -> list[Character]:
        try:
            self._document = _polly.read_ssml(text, self.engine) if self._ssml else None
        except BadDocument as error:
            raise Refused("InvalidSsmlException", f"Invalid SSML request: {error}") from None
        spoken = self._document.spoken() if self._document else plain(text)
        if len(text) > MAX_CHARACTERS or len(spoken) > MAX_BILLED:
            raise Refused("TextLengthExceededException", "Maximum text length has been exceeded")
        return spoken

    def settings(self) -> dict[str, object]:
        """Return what was asked besides, in Polly's words; of prosody the outermost."""
        tags = self._document.tags if self._document else []
        outer = next((tag for tag in tags if tag.name == "prosody"), None)
        language = {"LanguageCode": self._language} if self._language else {}
        return {**language, **(outer.attributes if outer else {})}

    def parts(self) -> list[tuple[str, float, float]]:
        """Return stretches of text with their pace and level."""
        return [(text, *_polly.prosody(tags)) for text, tags in runs(self.spoken)]

    def marks(self) -> bytes:
        """Return the speech marks, a line each, in order of time."""
        at_ms = [0.0]
        for character in self.spoken:
            at_ms.append(at_ms[-1] + CHARACTER_MS / _polly.prosody(character.tags)[0])
        found: list[tuple[float, int, dict[str, object]]] = []
        for rank, (kind, parts) in enumerate((("sentence", sentences), ("word", words)), 1):
            for part in parts(self.spoken) if kind in self._marks else ():
                place = {"start": part.start, "end": part.stop, "value": part.text}
                found.append((at_ms[part.begin], rank, {"type": kind} | place))
        for tag, index, start in self._document.marks if self._document and "ssml" in self._marks else ():
            mark = {"type": "ssml", "start": start, "end": start, "value": tag.attributes.get("name", "")}
            found.append((at_ms[min(index, len(at_ms) - 1)], 0, mark))
        if "viseme" in self._marks:
            found.append((at_ms[-1], 3, {"type": "viseme", "value": "sil"}))
        found.sort(key=lambda each: each[:2])
        return b"".join(orjson.dumps({"time": round(ms)} | mark) + b"\n" for ms, _, mark in found)


def check_enum(name: str, value: str | None) -> None:
    """Raise `Refused` for a value that the API model does not list."""
    known = _ENUMS.get(name)
    if known is not None and value is not None and value not in known:
        raise _outside(name, known)


def invalid(name: str, why: str) -> Refused:
    """Word what the API model's constraints refuse."""
    field = name[0].lower() + name[1:]
    return Refused(
        "ValidationException",
        f"1 validation error detected: Value at '{field}' failed to satisfy constraint: {why}",
    )


def _outside(name: str, known: tuple[str, ...]) -> Refused:
    return invalid(name, f"Member must satisfy enum value set: [{', '.join(known)}]")


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refused("SerializationException", "Start of structure or map expected")
    for name in _STRINGS:
        if not isinstance(given.get(name), str | None):
            raise Refused("SerializationException", "STRING_VALUE is expected")
        if given.get(name) is None and name in ("OutputFormat", "Text", "VoiceId"):
            raise invalid(name, "Member must not be null")
        check_enum(name, given.get(name))
    return given


def _read_list(given: dict[str, Any], name: str, most: int) -> list[str]:
    value = given.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refused("SerializationException", "Start of list expected")
    if len(value) > most:
        raise invalid(name, f"Member must have length less than or equal to {most}")
    return value
