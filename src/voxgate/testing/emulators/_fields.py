"""Objects and queries that a client sent, checked field by field as a vendor does."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any


class Refused(Exception):
    """The vendor would refuse this.

    Args:
        message: what is wrong with it.
        status: of the HTTP answer.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Fields:
    """What a client sent. Every method raises `Refused` for a field that cannot hold what it was given.

    Args:
        given: by name; a null counts as absent.
        spelled: all values are strings, as in a query.
    """

    def __init__(self, given: Mapping[str, Any], *, spelled: bool = False) -> None:
        self._given = given
        self._spelled = spelled

    @classmethod
    def read(cls, text: str | bytes) -> Fields:
        """Read a JSON object."""
        try:
            given = json.loads(text)
        except ValueError:
            raise Refused("The message is not JSON") from None
        if not isinstance(given, dict):
            raise Refused("The message is not a JSON object")
        return cls(given)

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) is not None

    def known(self, *names: str) -> dict[str, object]:
        """Return those of these fields that were given."""
        return {name: self._given[name] for name in names if name in self}

    def text(self, name: str, default: str | None = None, *, most: int = 0) -> str:
        """Return a string of up to ``most`` characters; one without a default must be there."""
        value = self._given.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise Refused(f"{name} is required and must be a string")
        if most and len(value) > most:
            raise Refused(f"{name} is longer than {most} characters")
        return value

    def number(self, name: str, least: float, most: float, default: float) -> float:
        """Return a number within limits."""
        value = self._number(name, default)
        if not least <= value <= most:
            raise Refused(f"{name} must be from {least} to {most}")
        return value

    def integer(self, name: str, least: int, most: int, default: int) -> int:
        """Return a whole number within limits."""
        value = self._number(name, default)
        if value != int(value) or not least <= value <= most:
            raise Refused(f"{name} must be a whole number from {least} to {most}")
        return int(value)

    def one_of(self, name: str, numbers: Collection[int], default: int) -> int:
        """Return a whole number that is one of these."""
        value = self._number(name, default)
        if value not in numbers:
            raise Refused(f"{name} must be one of {', '.join(map(str, numbers))}")
        return int(value)

    def word(self, name: str, words: Collection[str], default: str, *, any_case: bool = False) -> str:
        """Return a string that is one of these words, as they are spelled here."""
        value = self.text(name, default)
        for word in words:
            if value == word or (any_case and value.casefold() == word.casefold()):
                return word
        raise Refused(f"{name} must be one of {', '.join(words)}")

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self._given.get(name)
        if self._spelled and value in ("true", "false"):
            return bool(value == "true")
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise Refused(f"{name} must be true or false")

    def part(self, name: str) -> Fields:
        """Return an object in a field; an empty one where there is none."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise Refused(f"{name} must be an object")
        return Fields(value or {})

    def _number(self, name: str, default: float) -> float:
        value = self._given.get(name)
        if value is None:
            return default
        if self._spelled and isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise Refused(f"{name} must be a number") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Refused(f"{name} must be a number")
        return float(value)
