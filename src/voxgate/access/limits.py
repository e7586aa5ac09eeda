"""How much a key may ask for: requests in a minute, and connections at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans
from voxgate.config import LimitSettings
from voxgate.errors import Overloaded, RateLimited


class Limits:
    """Counts what each key does, in this process's memory.

    Requests are counted in a sliding window: what was asked for in the last 60 seconds, with the minute
    before weighed by how much of it still lies within them.

    Args:
        settings: the limits; 0 means none.
        plans: may say otherwise, for the keys that have them.
    """

    def __init__(self, settings: LimitSettings, plans: Plans | None = None) -> None:
        self._settings = settings
        self._plans = plans or Plans({})
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._connections: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._connections.total()

    async def check(self, key: ApiKey) -> None:
        """Count one request, REST or upgrade.

        Raises:
            RateLimited: the key's minute is used up; the request is not counted.
        """
        of_plan = self._plans.of(key).requests_per_minute
        limit = self._settings.requests_per_minute if of_plan is None else of_plan
        if limit == 0:
            return
        per_minute = RateLimitItemPerMinute(limit)
        if not await self._limiter.hit(per_minute, key.key_id):
            window = await self._limiter.get_window_stats(per_minute, key.key_id)
            raise RateLimited(
                f"This key may make {limit} requests a minute",
                retry_after_s=max(0.0, window.reset_time - time.time()),
            )

    @contextmanager
    def connection(self, key: ApiKey) -> Iterator[None]:
        """Count an open connection for as long as the block runs.

        Raises:
            RateLimited: the key has as many as it may have.
            Overloaded: the server has.
        """
        of_key, of_server = self._settings.connections_per_key, self._settings.connections
        if of_key and self._connections[key.key_id] >= of_key:
            raise RateLimited(f"This key may have {of_key} connections at a time")
        if of_server and self.connections >= of_server:
            raise Overloaded("The server has as many connections as it takes")
        self._connections[key.key_id] += 1
        try:
            yield
        finally:
            self._connections[key.key_id] -= 1
            if not self._connections[key.key_id]:
                del self._connections[key.key_id]
