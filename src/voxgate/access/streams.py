"""How many streams of speech a tenant may have at once; those beyond wait their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans


class StreamGate:
    """Counts each tenant's streams, in this process.

    Args:
        plans: say how many there may be.
    """

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._lanes: dict[str, _Lane] = {}

    def enter(self, key: ApiKey, begin: Callable[[], None]) -> StreamPass:
        """Have ``begin`` called as soon as the key's plan allows one more stream: often in this very call.

        First come, first served. Whoever enters must `StreamPass.leave`, also without having begun.

        Args:
            key: whose stream it is; streams are counted by tenant.
            begin: called once, on the loop; must not block.
        """
        lane = self._lanes.setdefault(key.tenant, _Lane())
        entered = StreamPass(self, key.tenant, self._plans.of(key).streams, begin)
        lane.waiting.append(entered)
        self._admit(lane)
        return entered

    def leave(self, entered: StreamPass, tenant: str, *, running: bool) -> None:
        """Give up a place, or the wait for one; called by `StreamPass.leave`."""
        lane = self._lanes[tenant]
        if running:
            lane.running -= 1
        else:
            lane.waiting.remove(entered)
        self._admit(lane)
        if not lane.running and not lane.waiting:
            del self._lanes[tenant]

    @staticmethod
    def _admit(lane: _Lane) -> None:
        while lane.waiting and lane.waiting[0].fits(lane.running):
            lane.running += 1
            lane.waiting.popleft().begin()


class _Lane:
    def __init__(self) -> None:
        self.running = 0
        # Bounded by what the doors let wait on each connection.
        self.waiting: deque[StreamPass] = deque()


class StreamPass:
    """One stream's place, or its wait for one."""

    def __init__(self, gate: StreamGate, tenant: str, limit: int, begin: Callable[[], None]) -> None:
        self._gate = gate
        self._tenant = tenant
        self._limit = limit
        self._begin = begin
        self._running = self._left = False

    def fits(self, running: int) -> bool:
        """Whether there is a place when so many run."""
        return not self._limit or running < self._limit

    def begin(self) -> None:
        """Take the place."""
        self._running = True
        self._begin()

    def leave(self) -> None:
        """Make room for the next. A second call does nothing."""
        if not self._left:
            self._left = True
            self._gate.leave(self, self._tenant, running=self._running)
