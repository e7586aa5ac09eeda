"""Time as an argument.

Code that waits takes a `Clock`. The real one reads the running event loop, so a test that runs on
`voxgate.testing.virtual_time` moves every timer, `asyncio.timeout` included, without waiting.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time, wall-clock time and sleep."""

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""
        ...

    def wall_s(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait for ``delay_s`` seconds of this clock."""
        ...


class LoopClock:
    """The running event loop's time."""

    def now_s(self) -> float:
        """Return the loop's monotonic seconds."""
        return asyncio.get_running_loop().time()

    def wall_s(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()

    async def sleep(self, delay_s: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(delay_s)
