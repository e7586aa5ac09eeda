"""An agent that needs no model: it answers from a small table.

A persona is a TOML file: a greeting, what to say when it did not understand, a goodbye, facts, and intents
(phrases that mean the same, and answers, which may name facts in braces). It also repeats itself, tells
the time and the date, and works out small sums. Its phrases make a grammar for the recognizer, which is
what makes hearing it reliable.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from voxgate.conversation.arithmetic import (
    OPERATOR_WORDS,
    TEN_WORDS,
    UNIT_WORDS,
    DivisionByZeroError,
    calculate,
    spoken,
)
from voxgate.conversation.turn import Message, Role
from voxgate.errors import ConfigurationError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_ENOUGH = 0.75
"""Share of an intent's words that must have been said."""
_WORD = re.compile(r"[\w']+")


class Intent(BaseModel):
    """Phrases that mean the same, and what to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phrases: Annotated[list[Text], Field(min_length=1)]
    answers: Annotated[list[Text], Field(min_length=1)]
    goodbye: bool = False


class PersonaFile(BaseModel):
    """The TOML file of a persona."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    greeting: str = ""
    not_understood: Annotated[list[Text], Field(min_length=1)]
    facts: dict[str, str] = {}
    intents: list[Intent] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """What a persona says."""

    sentences: tuple[str, ...]
    goodbye: bool = False


@dataclass(frozen=True)
class Persona:
    """Answers from a table."""

    file: PersonaFile
    _words: list[tuple[Intent, str, frozenset[str]]] = field(init=False)

    def __post_init__(self) -> None:
        table = [
            (intent, phrase, _words(phrase)) for intent in self.file.intents for phrase in intent.phrases
        ]
        object.__setattr__(self, "_words", table)

    @classmethod
    def load(cls, path: Path | None = None) -> Persona:
        """Read a persona's file, or the one that comes with voxgate.

        Raises:
            ConfigurationError: the file is missing or wrong; the message says where.
        """
        source = path or resources.files("voxgate") / "data" / "agents" / "persona.toml"
        try:
            file = PersonaFile.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
            for intent in file.intents:
                for answer in intent.answers:
                    answer.format_map(file.facts)
        except OSError as error:
            raise ConfigurationError(f"The persona file {source} cannot be read: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"The persona file {source} is not TOML: {error}") from None
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise ConfigurationError(
                f"The persona file {source} is wrong at {where}: {error.errors()[0]['msg']}"
            ) from None
        except (KeyError, ValueError, IndexError) as error:
            raise ConfigurationError(f"An answer in {source} names an unknown fact: {error}") from None
        return cls(file)

    def answer(self, history: Sequence[Message], now: datetime, *, unclear: bool = False) -> Answer:
        """Answer the last message of ``history``; ``now`` is the caller's local time."""
        turn = sum(message.role is Role.AGENT for message in history)
        if unclear or not history or history[-1].role is not Role.CALLER:
            return Answer((_one_of(self.file.not_understood, turn),))
        text = history[-1].text
        return (
            self._sum(text)
            or self._intent(text, turn, history, now)
            or Answer((_one_of(self.file.not_understood, turn),))
        )

    def _sum(self, text: str) -> Answer | None:
        try:
            value = calculate(text)
        except DivisionByZeroError:
            return Answer(("Nothing can be divided by zero.",))
        return None if value is None else Answer((f"That is {spoken(value)}.",))

    def _intent(self, text: str, turn: int, history: Sequence[Message], now: datetime) -> Answer | None:
        said = _words(text)
        best, score = None, 0.0
        for intent, _, words in self._words:
            share = len(words & said) / len(words)
            # Of two phrases that were said whole, the longer one tells more.
            if share >= _ENOUGH and share + len(words) / 1000 > score:
                best, score = intent, share + len(words) / 1000
        if best is None:
            return None
        answer = _one_of(best.answers, turn)
        if answer == "@repeat":
            return Answer((_last_said(history) or _one_of(self.file.not_understood, turn),))
        if answer == "@time":
            return Answer((f"It is {now.strftime('%I:%M %p').lstrip('0')}.",))
        if answer == "@date":
            return Answer((f"Today is {now.strftime('%A, %B')} {now.day}.",))
        return Answer((answer.format_map(self.file.facts),), best.goodbye)

    def phrases(self) -> frozenset[str]:
        """Every phrase it expects, lower case and without punctuation."""
        return frozenset(" ".join(_WORD.findall(phrase.lower())) for _, phrase, _ in self._words)

    def grammar(self) -> str:
        """Return a JSGF grammar of everything it understands, sums included."""
        units, tens, ones = " | ".join(UNIT_WORDS), " | ".join(TEN_WORDS), " | ".join(UNIT_WORDS[1:10])
        return (
            "#JSGF V1.0;\ngrammar persona;\n"
            # Fewer ways to say a number mean fewer to mishear one: up to ninety-nine is enough for speech.
            f"<number> = {units} | ({tens}) [{ones}];\n"
            f"<sum> = (what is | how much is | calculate) <number> ({' | '.join(OPERATOR_WORDS)}) <number>;\n"
            f"<phrase> = {' | '.join(sorted(self.phrases()))};\n"
            "public <all> = <phrase> | <sum>;\n"
        )


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _one_of(answers: Sequence[str], turn: int) -> str:
    return answers[turn % len(answers)]


def _last_said(history: Sequence[Message]) -> str | None:
    return next((message.text for message in reversed(history) if message.role is Role.AGENT), None)
