"""Breakers: when a provider is left alone, and when it may try again."""

from __future__ import annotations

import pytest

from voxgate.errors import (
    InvalidRequest,
    Overloaded,
    ProviderDenied,
    ProviderTimeout,
    ProviderUnavailable,
)
from voxgate.speech.breaker import DENIED_S, FAILURES, FIRST_S, LONGEST_S, Breakers

KEY = ("Vendor", "")
OTHER = ("Vendor", "tenant")


def broken(times: int = FAILURES) -> Breakers:
    breakers = Breakers()
    for _ in range(times):
        breakers.failed(KEY, ProviderUnavailable("down"), 0.0)
    return breakers


def test_a_few_failures_are_forgiven() -> None:
    assert broken(FAILURES - 1).wait_s(KEY, 0.0) == 0.0


def test_failures_in_a_row_open_it_for_its_own_account_only() -> None:
    breakers = broken()
    assert breakers.wait_s(KEY, 0.0) == FIRST_S
    assert breakers.wait_s(OTHER, 0.0) == 0.0
    assert breakers.states(1.0) == {KEY: FIRST_S - 1.0}


def test_a_success_in_between_starts_the_count_again() -> None:
    breakers = broken(FAILURES - 1)
    breakers.succeeded(KEY)
    breakers.failed(KEY, ProviderTimeout("slow"), 0.0)
    assert breakers.wait_s(KEY, 0.0) == 0.0


def test_after_the_wait_one_may_try_and_the_others_wait() -> None:
    breakers = broken()
    assert breakers.wait_s(KEY, FIRST_S) == 0.0
    breakers.begin(KEY)
    assert breakers.wait_s(KEY, FIRST_S) > 0.0
    breakers.succeeded(KEY)
    assert breakers.wait_s(KEY, FIRST_S) == 0.0


def test_each_failed_try_doubles_the_wait_up_to_the_longest() -> None:
    breakers, now_s, waits = broken(), 0.0, []
    for _ in range(8):
        waits.append(breakers.wait_s(KEY, now_s))
        now_s += waits[-1]
        breakers.begin(KEY)
        breakers.failed(KEY, ProviderUnavailable("down"), now_s)
    assert waits == [min(FIRST_S * 2**turn, LONGEST_S) for turn in range(8)]


def test_a_try_that_nobody_waited_for_leaves_the_next_one_free() -> None:
    breakers = broken()
    breakers.begin(KEY)
    breakers.gave_up(KEY)
    assert breakers.wait_s(KEY, FIRST_S) == 0.0


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (ProviderDenied("no"), DENIED_S),
        (Overloaded("full", retry_after_s=7.0), 7.0),
        (Overloaded("full", retry_after_s=10_000.0), LONGEST_S),
        (Overloaded("full"), 0.0),
        (InvalidRequest("wrong"), 0.0),
    ],
)
def test_some_errors_open_it_at_once_and_some_never(
    error: Overloaded | ProviderDenied, wait_s: float
) -> None:
    breakers = Breakers()
    breakers.failed(KEY, error, 0.0)
    assert breakers.wait_s(KEY, 0.0) == wait_s


def test_what_the_caller_did_wrong_does_not_use_up_the_try() -> None:
    breakers = broken()
    breakers.begin(KEY)
    breakers.failed(KEY, InvalidRequest("wrong"), FIRST_S)
    assert breakers.wait_s(KEY, FIRST_S) == 0.0
