from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans
from voxgate.access.quota import BLOCK_CHARACTERS, Quota
from voxgate.config import PlanSettings
from voxgate.errors import Overloaded, RateLimited
from voxgate.storage.database import Database, open_database
from voxgate.storage.tables import daily_characters

PLANS = Plans(
    {
        "small": PlanSettings(characters_per_day=1000),
        "large": PlanSettings(characters_per_day=1_000_000),
    }
)
SMALL = ApiKey("key_1", "Ada", "ada", plan="small")
LARGE = ApiKey("key_2", "Bob", "bob", plan="large")
FREE = ApiKey("key_3", "Eve", "eve")
NOON_S = 1_774_008_000.0  # 2026-03-20, 12:00 UTC
TODAY, TOMORROW = "2026-03-20", "2026-03-21"


class Wall:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_s = NOON_S

    def now_s(self) -> float:
        return self.at_s

    def wall_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(0)


class CountedDatabase(Database):
    """Counts the transactions that write."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.writes = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._inner.read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self.writes += 1
        async with self._inner.write() as connection:
            yield connection


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[CountedDatabase]:
    async with open_database(tmp_path) as opened:
        yield CountedDatabase(opened)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def quota(database: Database, wall: Wall) -> AsyncIterator[Quota]:
    opened = Quota(database, wall, PLANS)
    yield opened
    await opened.aclose()


async def counted(database: Database, tenant: str, day: str = TODAY) -> int:
    chosen = select(daily_characters.c.characters).where(
        daily_characters.c.tenant == tenant, daily_characters.c.day == day
    )
    async with database.read() as connection:
        return (await connection.execute(chosen)).scalar_one_or_none() or 0


async def spend_all(quota: Quota, key: ApiKey, characters: int, most: int = 10_000) -> int:
    """Spend until no more is given; return how much that was."""
    for count in range(most):
        try:
            await quota.spend(key, characters)
        except RateLimited:
            return count * characters
    return most * characters


async def test_the_limit_is_exact(quota: Quota) -> None:
    assert await spend_all(quota, SMALL, 7) == 1000 // 7 * 7
    await quota.spend(SMALL, 1000 % 7)
    with pytest.raises(RateLimited):
        await quota.spend(SMALL, 1)


async def test_what_was_spent_is_counted_when_the_server_stops(database: Database, wall: Wall) -> None:
    quota = Quota(database, wall, PLANS)
    await quota.spend(LARGE, 123)
    await quota.spend(FREE, 45)
    await quota.aclose()
    assert (await counted(database, "bob"), await counted(database, "eve")) == (123, 45)


async def test_two_servers_together_give_no_more_than_the_limit(database: Database, wall: Wall) -> None:
    one, other = Quota(database, wall, PLANS), Quota(database, wall, PLANS)
    spent = 0
    while True:
        before = spent
        for quota in (one, other):
            spent += 10 * (await spend_all(quota, SMALL, 10, most=1) > 0)
        if spent == before:
            break
    assert spent == 1000
    await one.aclose()
    await other.aclose()
    assert await counted(database, "ada") == 1000


async def test_many_at_once_give_no_more_than_the_limit(quota: Quota) -> None:
    results = await asyncio.gather(*(quota.spend(SMALL, 30) for _ in range(50)), return_exceptions=True)
    assert sum(not isinstance(result, RateLimited) for result in results) == 1000 // 30


async def test_once_prepared_speech_waits_for_no_commit(quota: Quota, database: Database) -> None:
    await quota.prepare(LARGE)
    # Nobody gets to write while this block runs, yet there is always enough to spend.
    async with database.write():
        assert quota.spend_now(LARGE, 10_000) is not None
        assert quota.spend_now(LARGE, 10_000) is not None


async def test_the_next_block_is_leased_before_the_last_one_is_spent(
    quota: Quota, database: Database
) -> None:
    await quota.prepare(LARGE)
    for _ in range(20):
        assert quota.spend_now(LARGE, 10_000) is not None
        await quota.settle()


async def test_a_crash_loses_no_more_than_a_block_and_a_half(database: Database, wall: Wall) -> None:
    crashed = Quota(database, wall, PLANS)
    for _ in range(50):
        await crashed.spend(LARGE, 1000)
    await crashed.settle()
    lost = await counted(database, "bob") - 50_000
    assert 0 <= lost <= BLOCK_CHARACTERS * 3 // 2
    # Nothing that was spent is ever forgotten.
    again = Quota(database, wall, PLANS)
    assert await spend_all(again, LARGE, 1000) == (1_000_000 - 50_000 - lost) // 1000 * 1000
    await again.aclose()


async def test_a_small_plan_is_leased_in_small_blocks(quota: Quota, database: Database) -> None:
    await quota.prepare(SMALL)
    assert await counted(database, "ada") == 50


async def test_more_than_a_block_at_once_is_waited_for(quota: Quota) -> None:
    assert quota.spend_now(LARGE, BLOCK_CHARACTERS * 5) is None
    await quota.spend(LARGE, BLOCK_CHARACTERS * 5)


async def test_what_is_given_back_can_be_spent(quota: Quota) -> None:
    spending = await quota.spend(SMALL, 1000)
    with pytest.raises(RateLimited):
        await quota.spend(SMALL, 1)
    spending.refund()
    spending.refund()
    assert await spend_all(quota, SMALL, 100) == 1000


async def test_a_new_day_begins_at_midnight_utc(quota: Quota, database: Database, wall: Wall) -> None:
    await quota.spend(SMALL, 990)
    with pytest.raises(RateLimited) as refused:
        await quota.spend(SMALL, 990)
    assert refused.value.retry_after_s == 12 * 3600
    wall.at_s += 12 * 3600
    await quota.spend(SMALL, 980)
    await quota.aclose()
    assert await counted(database, "ada") == 990
    assert await counted(database, "ada", TOMORROW) == 980


async def test_nobody_in_line_is_passed(quota: Quota) -> None:
    waits = [asyncio.create_task(quota.spend(LARGE, characters)) for characters in (90_000, 10, 10)]
    await asyncio.sleep(0)
    assert quota.spend_now(LARGE, 1) is None
    await asyncio.gather(*waits)
    assert quota.spend_now(LARGE, 1) is not None


async def test_who_stops_waiting_spends_nothing(quota: Quota) -> None:
    waiting = asyncio.create_task(quota.spend(SMALL, 900))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await spend_all(quota, SMALL, 100) == 1000


async def test_tenants_do_not_share(quota: Quota) -> None:
    other = ApiKey("key_9", "Dan", "dan", plan="small")
    assert await spend_all(quota, SMALL, 100) == 1000
    assert await spend_all(quota, other, 100) == 1000


async def test_keys_of_one_tenant_share(quota: Quota) -> None:
    second = ApiKey("key_9", "Ada again", "ada", plan="small")
    await quota.spend(SMALL, 600)
    assert await spend_all(quota, second, 100) == 400


async def test_leases_of_many_tenants_are_written_together(quota: Quota, database: CountedDatabase) -> None:
    keys = [ApiKey(f"key_{number}", "x", f"tenant {number}") for number in range(50)]
    await asyncio.gather(*(quota.spend(key, 10) for key in keys))
    assert database.writes == 1


async def test_a_database_that_cannot_be_written_to_refuses(tmp_path: Path, wall: Wall) -> None:
    async with open_database(tmp_path) as database:
        async with database.write() as connection:
            await connection.run_sync(daily_characters.drop)
        quota = Quota(database, wall, PLANS)
        with pytest.raises(Overloaded):
            await quota.spend(SMALL, 1)
        await quota.aclose()
