"""Small sums in words: "what is seven times eight" is fifty-six.

A tool of the built-in persona. Recognizers write numbers as words; people type them as digits; both work.
"""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = dict(
    zip(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen""".split(),
        range(20),
        strict=True,
    )
)
_TENS = dict(
    zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True)
)
_SCALES = {"thousand": 1_000, "million": 1_000_000}
_OPERATORS = {
    "plus": "+",
    "+": "+",
    "minus": "-",
    "-": "-",
    "less": "-",
    "times": "*",
    "*": "*",
    "x": "*",
    "multiplied": "*",
    "divided": "/",
    "over": "/",
    "/": "/",
}
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[a-z]+|[-+*/]")

UNIT_WORDS, TEN_WORDS = tuple(_UNITS), tuple(_TENS)
"""What numbers below a hundred are made of, for a recognizer's grammar."""
OPERATOR_WORDS = ("plus", "minus", "times", "multiplied by", "divided by")


class DivisionByZeroError(ArithmeticError):
    """The sum divides by zero."""


def calculate(text: str) -> Fraction | None:
    """Find a sum in ``text`` and work it out, or return None when there is none.

    Multiplication and division come before addition and subtraction.

    Raises:
        DivisionByZeroError: the sum divides by zero.
    """
    numbers: list[Fraction] = []
    operators: list[str] = []
    pending: list[str] = []
    for word in _TOKEN.findall(text.lower().replace("-", " - ")):
        if word in _OPERATORS and (number := _number(pending)) is not None:
            numbers.append(number)
            operators.append(_OPERATORS[word])
            pending = []
        elif _numeric(word) or (word == "and" and pending):
            pending.append(word)
        elif word not in ("by", "what", "is", "s", "how", "much", "calculate", "the", "sum", "of", "and"):
            if operators and _number(pending) is not None:
                break
            numbers, operators, pending = [], [], []
    last = _number(pending)
    if last is None or not operators:
        return None
    return _evaluate([*numbers, last], operators)


def spoken(value: Fraction) -> str:
    """Write a result the way a voice should say it: at most three decimals, no trailing zeros."""
    if value.denominator == 1:
        return str(value.numerator)
    rounded = f"{float(value):.3f}".rstrip("0").rstrip(".")
    return rounded if Fraction(rounded) == value else f"about {rounded}"


def _numeric(word: str) -> bool:
    return word[0].isdigit() or word in _UNITS or word in _TENS or word in _SCALES or word == "hundred"


def _number(words: list[str]) -> Fraction | None:
    words = [word for word in words if word != "and"]
    if not words:
        return None
    if words[0][0].isdigit():
        return Fraction(words[0]) if len(words) == 1 else None
    total = group = 0
    for word in words:
        if word in _UNITS:
            group += _UNITS[word]
        elif word in _TENS:
            group += _TENS[word]
        elif word == "hundred":
            group = max(1, group) * 100
        elif word in _SCALES:
            total += max(1, group) * _SCALES[word]
            group = 0
        else:
            return None
    return Fraction(total + group)


def _evaluate(numbers: list[Fraction], operators: list[str]) -> Fraction:
    terms, signs = [numbers[0]], [1]
    for operator, number in zip(operators, numbers[1:], strict=True):
        if operator == "*":
            terms[-1] *= number
        elif operator == "/":
            if number == 0:
                raise DivisionByZeroError
            terms[-1] /= number
        else:
            terms.append(number)
            signs.append(1 if operator == "+" else -1)
    return sum((sign * term for sign, term in zip(signs, terms, strict=True)), Fraction(0))
