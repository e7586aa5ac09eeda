"""What a connection remembers of its past: how often something happened, and which ids were used."""

from __future__ import annotations

from collections import deque


class SlidingMinute:
    """Lets something happen at most so often in any 60 seconds.

    Args:
        limit: how often; 0 means as often as one likes. As many times are kept.
    """

    WINDOW_S = 60.0
    __slots__ = ("_limit", "_times_s")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times_s: deque[float] | None = None  # not before it is needed: many a connection is idle

    def take(self, now_s: float) -> bool:
        """Count one more, unless that were too many; what is refused is not counted."""
        if not self._limit:
            return True
        if self._times_s is None:
            self._times_s = deque()
        times_s = self._times_s
        while times_s and now_s - times_s[0] >= self.WINDOW_S:
            times_s.popleft()
        if len(times_s) >= self._limit:
            return False
        times_s.append(now_s)
        return True


class RecentIds:
    """The ids used last; when there are too many, the oldest is forgotten.

    Args:
        most: how many are kept.
    """

    __slots__ = ("_ids", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}  # in the order in which they came

    def __contains__(self, used: str) -> bool:
        return used in self._ids

    def add(self, used: str) -> None:
        """Remember one."""
        self._ids[used] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def discard(self, unused: str) -> None:
        """Forget one, as if it had not been used."""
        self._ids.pop(unused, None)
