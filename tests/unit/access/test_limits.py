from __future__ import annotations

import pytest

from voxgate.access.keys import ApiKey
from voxgate.access.limits import Limits
from voxgate.config import LimitSettings
from voxgate.errors import Overloaded, RateLimited

ADA, BOB = ApiKey("key_ada", "Ada", "ada"), ApiKey("key_bob", "Bob", "bob")


async def refused_after(limits: Limits, key: ApiKey, most: int) -> int:
    for count in range(most):
        try:
            await limits.check(key)
        except RateLimited:
            return count
    return most


async def test_a_key_may_ask_as_often_as_the_limit_says() -> None:
    # A window that begins in mid-test may let one or two more through, never fewer.
    assert 50 <= await refused_after(Limits(LimitSettings(requests_per_minute=50)), ADA, 100) <= 52


async def test_a_refusal_says_when_to_come_back() -> None:
    limits = Limits(LimitSettings(requests_per_minute=5))
    await refused_after(limits, ADA, 10)
    with pytest.raises(RateLimited) as refused:
        await limits.check(ADA)
    assert refused.value.retry_after_s is not None
    assert 0 <= refused.value.retry_after_s <= 60


async def test_one_key_does_not_use_up_another_ones_limit() -> None:
    limits = Limits(LimitSettings(requests_per_minute=3))
    assert await refused_after(limits, ADA, 10) < 10
    await limits.check(BOB)


async def test_zero_means_no_limit() -> None:
    limits = Limits(LimitSettings(requests_per_minute=0, connections=0, connections_per_key=0))
    assert await refused_after(limits, ADA, 2_000) == 2_000
    with limits.connection(ADA), limits.connection(ADA):
        assert limits.connections == 2


def test_connections_of_a_key_are_limited_until_one_ends() -> None:
    limits = Limits(LimitSettings(connections_per_key=2))
    with limits.connection(ADA):
        with limits.connection(ADA):
            with pytest.raises(RateLimited), limits.connection(ADA):
                raise AssertionError
            with limits.connection(BOB):
                assert limits.connections == 3
        with limits.connection(ADA):
            assert limits.connections == 2
    assert limits.connections == 0


def test_connections_of_the_server_are_limited() -> None:
    limits = Limits(LimitSettings(connections=1))
    with limits.connection(ADA), pytest.raises(Overloaded), limits.connection(BOB):
        raise AssertionError
    with limits.connection(BOB):
        assert limits.connections == 1


def test_a_connection_that_fails_is_not_counted_any_more() -> None:
    limits = Limits(LimitSettings(connections=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limits.connection(ADA):
            raise ZeroDivisionError
    assert limits.connections == 0
