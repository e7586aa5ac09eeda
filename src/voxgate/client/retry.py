"""Trying again, by a `Backoff`; time and randomness are passed in."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from voxgate.client.backoff import Backoff
from voxgate.clock import Clock, LoopClock
from voxgate.errors import CapacityError, VoxgateError

_Made = TypeVar("_Made")


class Retry:
    """When and how often a client tries again. One may serve any number of clients.

    Args:
        backoff: how long to wait.
        clock: to wait on.
        chance: gives a number from 0 to 1 each time.
    """

    def __init__(
        self,
        backoff: Backoff | None = None,
        *,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.backoff = backoff or Backoff()
        self.clock = clock or LoopClock()
        self.chance = chance

    def series(self) -> Series:
        """Begin to count failures."""
        return Series(self)

    async def run(self, make: Callable[[], Awaitable[_Made]]) -> _Made:
        """Make something, however often it takes.

        Raises:
            VoxgateError: trying again cannot help, or did not.
        """
        series = self.series()
        while True:
            try:
                return await make()
            except VoxgateError as error:
                await series.pause(error)


NEVER = Retry(Backoff(attempts=0))
"""Does not try again."""


class Series:
    """Failures in a row. Made by `Retry.series`."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self.failures = 0

    def forget(self) -> None:
        """Something went well: the next failure is the first again."""
        self.failures = 0

    async def pause(self, error: VoxgateError) -> None:
        """Count a failure, and wait until it is time for the next try.

        Raises:
            VoxgateError: the failure itself, when trying again cannot help or was done often enough.
        """
        self.failures += 1
        asked_s = error.retry_after_s if isinstance(error, CapacityError) else None
        delay_s = self._retry.backoff.delay_s(self.failures, self._retry.chance(), asked_s)
        if delay_s is None or not error.retryable:
            raise error
        await self._retry.clock.sleep(delay_s)
