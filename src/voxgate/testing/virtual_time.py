"""An event loop whose clock jumps to the next timer instead of waiting for it.

Every timer of asyncio runs on the loop's own ``time()``: ``sleep``, ``timeout``, ``call_later`` and
`voxgate.clock.LoopClock`. So code under test needs no change, and an hour of silence takes no time.
Processes do not belong on this loop: it would jump ahead while they are busy. Sockets do where both ends of
them live on it: loopback hands bytes over at once, and before each jump the loop looks twice.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

_GRACE_S = 0.002
"""Of real time, for what the kernel has still to deliver between two sockets of one loop."""


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the loop's clock by what it was asked to wait, and does not wait."""

    elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Nothing is scheduled: only a real event (a thread's wake-up) can go on from here.
            return super().select(5)
        if len(self.get_map()) > 1 and (ready := super().select(_GRACE_S)):
            return ready
        self.elapsed_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, beginning at 1,000 seconds."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return virtual seconds."""
        return 1000.0 + self._jumping.elapsed_s


def run(main: Any) -> Any:
    """Run a coroutine to its end on a fresh `VirtualTimeLoop` and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
