"""How many characters a tenant may have spoken in a day, counted in the database.

Speech never waits for a commit, or nearly never. The server takes characters from the database a block at a
time, ahead of need (a lease, committed), and spends them in memory. A new block is taken when half of the
last one is spent, for all tenants that need one in one transaction. Only a first lease that nobody asked for
in time (`Quota.prepare`), or more text at once than was leased, has to wait.

So the limit is exact, however many processes share the database, and a crash loses what was leased and not
spent: one block and a half for each tenant and process, which counts as used. A server that stops gives it
back. Days are those of UTC.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans
from voxgate.clock import Clock
from voxgate.errors import Overloaded, RateLimited
from voxgate.storage.database import Database
from voxgate.storage.tables import daily_characters

BLOCK_CHARACTERS = 20_000
"""Leased at a time. Twice the longest text of a request, so that none has to wait for its own lease."""
BLOCKS_A_DAY = 20
"""A small plan is leased in as many blocks, so that a crash does not lose a day's worth."""
_DAY_S = 86_400

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Account:
    """What one tenant has on one plan and day, in this process.

    Attributes:
        tenant: whose.
        day: as ``2026-01-31``.
        limit: characters that the tenant may use in that day, all told; 0 for any number.
        left: leased and not spent.
        line: who waits for a lease, and for how many characters; nobody passes another.
        known: a lease was asked for, and answered, before.
        dry: the database had no more to give.
    """

    tenant: str
    day: str
    limit: int
    left: int = 0
    line: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)
    known: bool = False
    dry: bool = False

    @property
    def block(self) -> int:
        """How much is leased at a time."""
        if not self.limit:
            return BLOCK_CHARACTERS
        return max(1, min(BLOCK_CHARACTERS, self.limit // BLOCKS_A_DAY))


class Spending:
    """Characters that were spent; `refund` gives them back."""

    def __init__(self, account: _Account, characters: int) -> None:
        self._account = account
        self._characters = characters

    def refund(self) -> None:
        """Give back what was not used after all; a second call does nothing."""
        self._account.left += self._characters
        self._characters = 0


class Quota:
    """Counts the characters of every tenant.

    Args:
        database: where they are counted.
        clock: says which day it is.
        plans: say how many there may be.
    """

    def __init__(self, database: Database, clock: Clock, plans: Plans) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._day = ""
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._wanting: dict[_Account, None] = {}  # in the order in which they asked
        self._returning: list[_Account] = []
        self._writer: asyncio.Task[None] | None = None

    async def prepare(self, key: ApiKey) -> None:
        """Lease the first block of a key, so that its first request need not wait for it."""
        account = self._account(key)
        if not account.known:
            with suppress(RateLimited):  # it will be said when something is to be spoken
                await self._wait(account, 0)

    def spend_now(self, key: ApiKey, characters: int) -> Spending | None:
        """Spend characters that are leased; None when that has to wait, see `spend`."""
        account = self._account(key)
        if account.line or characters > account.left:
            return None
        account.left -= characters
        if account.left < account.block // 2 and not account.dry:
            self._want(account)
        return Spending(account, characters)

    async def spend(self, key: ApiKey, characters: int) -> Spending:
        """Spend characters, waiting for a lease if need be.

        Raises:
            RateLimited: the day's are used up, or these would be too many; nothing is spent.
            Overloaded: the database cannot be written to.
        """
        if spending := self.spend_now(key, characters):
            return spending
        account = self._account(key)
        await self._wait(account, characters)
        return Spending(account, characters)

    async def settle(self) -> None:
        """Wait until nothing is being written."""
        if self._writer is not None:
            await self._writer

    async def aclose(self) -> None:
        """Give back all that is leased and was not spent."""
        self._returning += self._accounts.values()
        self._accounts.clear()
        self._start_writing()
        await self.settle()

    # Accounts.

    def _account(self, key: ApiKey) -> _Account:
        day = datetime.fromtimestamp(self._clock.wall_s(), UTC).date().isoformat()
        if day != self._day:
            self._day = day
            self._returning += (account for account in self._accounts.values() if account.left)
            self._accounts.clear()
        name = (key.tenant, key.plan)
        account = self._accounts.get(name)
        if account is None:
            limit = self._plans.of(key).characters_per_day
            account = self._accounts[name] = _Account(key.tenant, day, limit)
        return account

    async def _wait(self, account: _Account, characters: int) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        account.line.append((characters, granted))
        self._want(account)
        try:
            await granted
        except asyncio.CancelledError:
            # It may have been granted at the same moment.
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                account.left += characters
            raise

    def _want(self, account: _Account) -> None:
        self._wanting[account] = None
        self._start_writing()

    # The writer: one task, as long as there is something to write.

    def _start_writing(self) -> None:
        if self._writer is None and (self._wanting or self._returning):
            self._writer = asyncio.create_task(self._write(), name="quota")

    async def _write(self) -> None:
        try:
            while self._wanting or self._returning:
                wanting, self._wanting = list(self._wanting), {}
                returning, self._returning = self._returning, []
                try:
                    await self._write_once(wanting, returning)
                except SQLAlchemyError as error:
                    log.error("usage cannot be written", error_type=type(error).__qualname__)
                    for account in wanting:
                        self._fail(account)
        finally:
            self._writer = None

    async def _write_once(self, wanting: list[_Account], returning: list[_Account]) -> None:
        asking = [_wanted(account) for account in wanting]
        async with self._database.write() as connection:
            for account in returning:
                left, account.left = account.left, 0
                await _add(connection, account, -left)
            granted = [
                await _add(connection, account, asked) for account, asked in zip(wanting, asking, strict=True)
            ]
        for account, asked, got in zip(wanting, asking, granted, strict=True):
            account.left += got
            account.known = True
            account.dry = got < asked
            self._serve(account)

    def _serve(self, account: _Account) -> None:
        """Answer those in line, in order, as far as the lease goes."""
        while account.line:
            characters, granted = account.line[0]
            if not granted.done():
                if characters <= account.left:
                    account.left -= characters
                    granted.set_result(None)
                elif account.dry:
                    granted.set_exception(self._used_up(account))
                else:  # it came while the lease was on its way
                    self._wanting[account] = None
                    return
            account.line.popleft()

    def _fail(self, account: _Account) -> None:
        while account.line:
            _, granted = account.line.popleft()
            if not granted.done():
                granted.set_exception(Overloaded("Usage cannot be counted just now", retry_after_s=1.0))

    def _used_up(self, account: _Account) -> RateLimited:
        return RateLimited(
            f"Your plan has {account.limit} characters a day, counted until midnight UTC",
            retry_after_s=_DAY_S - self._clock.wall_s() % _DAY_S,
        )


def _wanted(account: _Account) -> int:
    """How many characters to ask for: what is waited for, and a block to be ahead."""
    waited_for = sum(characters for characters, granted in account.line if not granted.done())
    return max(0, waited_for - account.left) + account.block


async def _add(connection: AsyncConnection, account: _Account, characters: int) -> int:
    """Add to what the database counts, up to the account's limit; return how many were added."""
    row = and_(daily_characters.c.tenant == account.tenant, daily_characters.c.day == account.day)
    chosen = select(daily_characters.c.characters).where(row).with_for_update()
    used = (await connection.execute(chosen)).scalar_one_or_none()
    if account.limit and characters > 0:
        characters = max(0, min(characters, account.limit - (used or 0)))
    if used is None:
        fresh = insert(daily_characters).values(tenant=account.tenant, day=account.day, characters=characters)
        await connection.execute(fresh)
    elif characters:
        await connection.execute(
            update(daily_characters).where(row).values(characters=daily_characters.c.characters + characters)
        )
    return characters
