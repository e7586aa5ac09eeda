"""When to try again: the policy by itself, and carried out in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.client.backoff import Backoff
from voxgate.client.retry import NEVER, Retry
from voxgate.errors import NotAuthenticated, Overloaded, ProviderUnavailable, VoxgateError

GONE = ProviderUnavailable("gone")


def test_waits_grow_to_the_longest_and_then_no_more() -> None:
    backoff = Backoff(first_s=0.5, factor=2, longest_s=3, attempts=5)
    assert [backoff.delay_s(n, 1.0) for n in range(1, 7)] == [0.5, 1, 2, 3, 3, None]
    assert [backoff.delay_s(n, 0.0) for n in range(1, 7)] == [0.25, 0.5, 1, 1.5, 1.5, None]


@given(
    failures=st.integers(1, 10**6),
    chance=st.floats(0, 1),
    asked_s=st.none() | st.floats(0, 100),
    backoff=st.builds(
        Backoff,
        first_s=st.floats(0, 10),
        factor=st.floats(1, 10),
        longest_s=st.floats(0, 100),
        attempts=st.integers(0, 10**6),
        patience_s=st.floats(0, 100),
    ),
)
def test_a_wait_is_never_out_of_bounds(
    failures: int, chance: float, asked_s: float | None, backoff: Backoff
) -> None:
    delay_s = backoff.delay_s(failures, chance, asked_s)
    if failures > backoff.attempts or (asked_s is not None and asked_s > backoff.patience_s):
        assert delay_s is None
        return
    assert delay_s is not None
    assert (asked_s or 0) <= delay_s <= (asked_s or 0) + backoff.longest_s


@pytest.mark.parametrize("wrong", [{"first_s": -1}, {"factor": 0.5}, {"attempts": -1}, {"patience_s": -1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        Backoff(**wrong)  # type: ignore[arg-type]


async def tried(retry: Retry, *outcomes: VoxgateError | int) -> tuple[list[float], int]:
    """Run; returns when each try was made, counted from the first, and what came of it."""
    loop = asyncio.get_running_loop()
    began_s, times_s, left = loop.time(), [], list(outcomes)

    async def make() -> int:
        times_s.append(round(loop.time() - began_s, 3))
        outcome = left.pop(0)
        if isinstance(outcome, VoxgateError):
            raise outcome
        return outcome

    return times_s, await retry.run(make)


@pytest.mark.virtual_time
async def test_it_waits_on_the_clock_and_takes_the_chances_it_is_given() -> None:
    chances = iter([1.0, 0.0, 1.0])
    retry = Retry(Backoff(first_s=1), chance=lambda: next(chances))
    assert await tried(retry, GONE, GONE, GONE, 7) == ([0, 1, 2, 6], 7)


@pytest.mark.virtual_time
async def test_a_server_that_says_when_is_believed() -> None:
    retry = Retry(Backoff(first_s=1), chance=lambda: 0.5)
    assert await tried(retry, Overloaded("full", retry_after_s=20), 7) == ([0, 20.25], 7)
    with pytest.raises(Overloaded):
        await tried(retry, Overloaded("full", retry_after_s=3600), 7)


@pytest.mark.virtual_time
async def test_what_cannot_be_helped_is_not_tried_again() -> None:
    with pytest.raises(NotAuthenticated):
        await tried(Retry(), NotAuthenticated("no"), 7)
    with pytest.raises(ProviderUnavailable):
        await tried(NEVER, GONE, 7)


@pytest.mark.virtual_time
async def test_after_success_the_next_failure_is_the_first_again() -> None:
    loop = asyncio.get_running_loop()
    series = Retry(Backoff(first_s=1, attempts=2), chance=lambda: 1.0).series()
    for _ in range(3):
        await series.pause(GONE)
        series.forget()
    assert loop.time() == 1003
    await series.pause(GONE)
    await series.pause(GONE)
    with pytest.raises(ProviderUnavailable):
        await series.pause(GONE)
