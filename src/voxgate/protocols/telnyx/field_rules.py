"""What a field of ``voice_settings`` may hold.

Each rule reads a JSON value into our terms, or raises `ValueError`, and says what it accepts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from voxgate.protocols.telnyx.formats import read_azure
from voxgate.speech.language import is_tag

MAX_TEXT_CHARACTERS = 200
"""Of a string that is passed on to a vendor."""


class Rule(Protocol):
    """What a field may hold."""

    def read(self, value: Any) -> Any:
        """Return the value in our terms; raises `ValueError` when it is none that the field may hold."""
        ...

    def __str__(self) -> str:
        """Say what is accepted, in Markdown."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number, within limits where the vendor documents any."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    def read(self, value: Any) -> int | float:
        """Return it."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            raise ValueError
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValueError
        return value

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        return kind if math.isinf(self.high) else f"{kind} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A sample rate in Hz: a number or, as some vendors write it, a string of digits."""

    def read(self, value: Any) -> int:
        """Return the rate; which rates there are is judged together with the format."""
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 6:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        raise ValueError

    def __str__(self) -> str:
        return "Hz, as a number or a string"


@dataclass(frozen=True, slots=True)
class Words:
    """One of some words, without regard to case.

    Args:
        meanings: what each, in lower case, means in our terms.
    """

    meanings: Mapping[str, Any]

    def read(self, value: Any) -> Any:
        """Return what the word means."""
        if not isinstance(value, str) or value.lower() not in self.meanings:
            raise ValueError
        return self.meanings[value.lower()]

    def __str__(self) -> str:
        return ", ".join(f"`{word}`" for word in self.meanings)


@dataclass(frozen=True, slots=True)
class AzureFormat:
    """An audio format in Azure's words."""

    def read(self, value: Any) -> tuple[str, int, int | None]:
        """Return our name of the format, the rate in Hz and the bit rate in kbit/s."""
        known = read_azure(value.lower()) if isinstance(value, str) else None
        if known is None:
            raise ValueError
        return known

    def __str__(self) -> str:
        return "Azure's names, such as `audio-24khz-160kbitrate-mono-mp3`"


@dataclass(frozen=True, slots=True)
class Language:
    """A language tag, or ``auto``; with names, also one of those.

    Args:
        names: tags by name in lower case.
    """

    names: Mapping[str, str] | None = None

    def read(self, value: Any) -> str | None:
        """Return the tag, or None for ``auto``."""
        if not isinstance(value, str):
            raise ValueError
        word = value.strip().lower()
        if word == "auto":
            return None
        tag = (self.names or {}).get(word, value.strip())
        if not is_tag(tag):
            raise ValueError
        return tag

    def __str__(self) -> str:
        return "language tag, English name, or `auto`" if self.names else "language tag, or `auto`"


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    def read(self, value: Any) -> str:
        """Return it."""
        if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS:
            raise ValueError
        return value

    def __str__(self) -> str:
        return f"string of up to {MAX_TEXT_CHARACTERS} characters"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        """Return it."""
        if not isinstance(value, bool):
            raise ValueError
        return value

    def __str__(self) -> str:
        return "`true` or `false`"


@dataclass(frozen=True, slots=True)
class Anything:
    """Anything; it is not looked at."""

    def read(self, value: Any) -> None:
        """Return nothing."""

    def __str__(self) -> str:
        return "anything"
