from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.conversation.arithmetic import DivisionByZeroError, calculate, spoken
from voxgate.conversation.persona import Persona
from voxgate.conversation.turn import Message, Role
from voxgate.errors import ConfigurationError

NOON = datetime(2026, 11, 21, 12, 5)


def ask(text: str, *before: Message) -> str:
    answer = Persona.load().answer([*before, Message(Role.CALLER, text)], NOON)
    return " ".join(answer.sentences)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what time is it", "It is 12:05 PM."),
        ("what is the date today", "Today is Saturday, November 21."),
        ("when are you open please", "We are open from nine to five, Monday to Friday."),
        ("what is seven times eight", "That is 56."),
        ("ten divided by four", "That is 2.5."),
        ("one divided by three", "That is about 0.333."),
        ("one divided by zero", "Nothing can be divided by zero."),
        ("colourless green ideas", "Sorry, I did not understand that."),
    ],
)
def test_answers(text: str, expected: str) -> None:
    assert ask(text) == expected


def test_it_repeats_what_was_heard_of_it() -> None:
    assert ask("say that again", Message(Role.AGENT, "The code is five.")) == "The code is five."


def test_goodbye_ends_and_unclear_says_so() -> None:
    persona = Persona.load()
    assert persona.answer([Message(Role.CALLER, "goodbye")], NOON).goodbye
    answer = persona.answer([], NOON, unclear=True)
    assert answer.sentences == ("Sorry, I did not understand that.",)


def test_every_phrase_it_lists_is_understood_and_in_the_grammar() -> None:
    persona = Persona.load()
    for phrase in persona.phrases():
        assert "did not understand" not in ask(phrase, Message(Role.AGENT, "x")), phrase
        assert phrase in persona.grammar()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("name = 1", "name"),
        ("not toml", "TOML"),
        ('name="x"\nnot_understood=["?"]\n[[intents]]\nphrases=["a"]\nanswers=["{what}"]', "what"),
        ('name="x"\nnot_understood=["?"]\nsurprise=1', "surprise"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, toml: str, named: str) -> None:
    path = tmp_path / "persona.toml"
    path.write_text(toml)
    with pytest.raises(ConfigurationError, match=named):
        Persona.load(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Persona.load(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("two plus three times four", 14),
        ("one hundred and five minus five", 100),
        ("three thousand two hundred plus one", 3201),
        ("12 * 3.5", 42),
        ("what is twenty one minus thirty", -9),
        ("hello", None),
        ("seven", None),
        ("plus", None),
        ("five times", None),
    ],
)
def test_sums(text: str, value: int | None) -> None:
    assert calculate(text) == (None if value is None else Fraction(value))


@given(st.integers(0, 99999), st.sampled_from("+-*"), st.integers(0, 99999))
def test_sums_of_digits(left: int, operator: str, right: int) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right}[operator]
    assert calculate(f"{left} {operator} {right}") == expected


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    try:
        value = calculate(text)
    except DivisionByZeroError:
        return
    assert value is None or spoken(value)
