"""SSML as Azure takes it, made into what is spoken.

Sources: Microsoft docs, "SSML document structure and events" and "Customize voice and sound with SSML".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxgate.testing.emulators._azure_rules import Refused, find_voice
from voxgate.testing.emulators._ssml import BadDocument, Character, Document, Tag, runs
from voxgate.testing.scripted import CHARACTER_MS

MAX_AUDIO_S = 600
"""Of one reply."""
MAX_ELEMENTS = 50
"""Of ``voice`` and ``audio`` together in one document."""

_PREFIXES = {
    "http://www.w3.org/2001/10/synthesis": "",
    "http://www.w3.org/2001/mstts": "mstts:",
    "https://www.w3.org/2001/mstts": "mstts:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
}
_KNOWN = frozenset(
    "speak voice audio bookmark break emphasis lang lexicon p phoneme prosody s say-as sub".split()
    + "mstts:audioduration mstts:backgroundaudio mstts:express-as mstts:silence mstts:ttsembedding".split()
    + "mstts:viseme".split()
)
_RATES = {"x-slow": 0.5, "slow": 0.64, "medium": 1.0, "default": 1.0, "fast": 1.55, "x-fast": 2.0}
_VOLUMES = {
    "silent": 0.0, "x-soft": 0.2, "soft": 0.4, "medium": 0.6, "loud": 0.8, "x-loud": 1.0, "default": 1.0,
}  # fmt: skip
_NUMBER = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)(%?)")


@dataclass(frozen=True, slots=True)
class Prosody:
    """How something is spoken, in Azure's words; what cannot be read counts as not said."""

    rate: str = ""
    volume: str = ""

    @property
    def speed(self) -> float:
        """Pace, as a ratio to the voice's own, within 0.5 and 2."""
        number = _NUMBER.fullmatch(self.rate)
        if number is None:
            return _RATES.get(self.rate, 1.0)
        sign, value = number[1], float(f"{number[1]}{number[2]}")
        ratio = 1 + value / 100 if number[3] else 1.0 if sign else value
        return min(2.0, max(0.5, ratio))

    @property
    def level(self) -> float:
        """Amplitude, as a ratio to the voice's own; the default is 100, the loudest there is in numbers."""
        number = _NUMBER.fullmatch(self.volume)
        if number is None:
            return _VOLUMES.get(self.volume, 1.0)
        value = float(f"{number[1]}{number[2]}")
        if number[3]:
            return max(0.0, 1 + value / 100)
        return min(1.0, max(0.0, 1 + value / 100 if number[1] else value / 100))


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text that is spoken in one way."""

    text: str
    prosody: Prosody = Prosody()

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.text) * CHARACTER_MS / 1000 / self.prosody.speed


class Script:
    """A document that the service speaks.

    Args:
        document: SSML.
        deployed: whether a deployment of custom voices is addressed.

    Attributes:
        parts: what is spoken.
        voice: the first one's short name.
        settings: what the first elements with settings say, in Azure's words.
        bookmarks: names, and how many characters come before each.

    Raises:
        Refused: the service does not take it.
    """

    def __init__(self, document: str, *, deployed: bool = False) -> None:
        try:
            parsed = Document(document, _PREFIXES)
        except BadDocument as error:
            raise Refused(f"Ssml should be valid XML: {error}") from None
        self._check(parsed.tags)
        voices = [tag.attributes["name"] for tag in parsed.tags if tag.name == "voice"]
        self._voices = {name: find_voice(name, deployed=deployed) for name in voices}
        self.voice = self._voices[voices[0]].short_name
        self.settings = self._read_settings(parsed.tags)
        self.bookmarks = [(tag.attributes.get("mark", ""), index) for tag, index, _ in parsed.marks]
        spoken = [character for character in parsed.spoken() if self._is_spoken(character)]
        self.parts = [Part(text, _prosody(tags)) for text, tags in runs(spoken)]

    @property
    def text(self) -> str:
        """All that is spoken."""
        return "".join(part.text for part in self.parts)

    def _check(self, tags: list[Tag]) -> None:
        root = tags[0]
        if root.name != "speak" or root.attributes.get("version") != "1.0":
            raise Refused("The root must be speak, version 1.0.")
        if not root.attributes.get("xml:lang"):
            raise Refused("Attribute xml:lang is missing in speak.")
        if unknown := {tag.name for tag in tags} - _KNOWN:
            raise Refused(f"Unknown element {min(unknown)}.")
        voices = [tag for tag in tags if tag.name == "voice"]
        if not voices or not all(tag.attributes.get("name") for tag in voices):
            raise Refused("Ssml should contain a voice with a name.")
        if sum(tag.name in ("voice", "audio") for tag in tags) > MAX_ELEMENTS:
            raise Refused(f"Ssml may contain {MAX_ELEMENTS} voice and audio elements.")

    def _is_spoken(self, character: Character) -> bool:
        """Refuse text outside of voices; skip languages that a multilingual voice does not speak."""
        named = [tag.attributes["name"] for tag in character.tags if tag.name == "voice"]
        if not named:
            if character.text == " ":
                return False
            raise Refused("Text must be inside a voice.")
        voice = self._voices[named[-1]]
        languages = [tag.attributes.get("xml:lang", "") for tag in character.tags if tag.name == "lang"]
        return not (languages and voice.locales) or languages[-1] in (voice.locale, *voice.locales)

    def _read_settings(self, tags: list[Tag]) -> dict[str, object]:
        settings: dict[str, object] = {}
        for name, fields in (
            ("voice", ("effect",)),
            ("prosody", ("rate", "volume", "pitch")),
            ("mstts:express-as", ("style", "styledegree", "role")),
            ("lang", ("xml:lang",)),
        ):
            tag = next((tag for tag in tags if tag.name == name), None)
            for field in fields if tag else ():
                if tag and field in tag.attributes:
                    settings[field] = tag.attributes[field]
        return settings


def _prosody(tags: tuple[Tag, ...]) -> Prosody:
    """The innermost value of each kind holds."""
    said: dict[str, str] = {}
    for tag in tags:
        if tag.name == "prosody":
            said |= tag.attributes
    return Prosody(said.get("rate", ""), said.get("volume", ""))
