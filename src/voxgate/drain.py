"""The end of the server's life, as its connections see it.

Every connection is counted while it lives. When the server is told to stop, `Drain.begin` refuses new
ones; running ones learn of it through `Drain.on_begin`, finish what they are saying and leave. The server
waits for the count to reach zero, up to a deadline, and then asks the rest to leave at once (`on_deadline`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class _Guest:
    on_begin: Callable[[], None]
    on_deadline: Callable[[], None]


class Drain:
    """Counts connections and tells them when to go."""

    def __init__(self) -> None:
        self.begun = False
        """Whether new connections are to be refused."""
        self._guests: set[_Guest] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """How many are here now."""
        return len(self._guests)

    @contextmanager
    def guest(self, on_begin: Callable[[], None], on_deadline: Callable[[], None]) -> Iterator[None]:
        """Count a connection for as long as the block runs.

        Args:
            on_begin: called once, on the loop, when the server begins to stop (at once if it has begun):
                finish what is being said, say goodbye, leave.
            on_deadline: called when the time for that is over: leave now.
        """
        guest = _Guest(on_begin, on_deadline)
        self._guests.add(guest)
        self._empty.clear()
        if self.begun:
            on_begin()
        try:
            yield
        finally:
            self._guests.discard(guest)
            if not self._guests:
                self._empty.set()

    def begin(self) -> None:
        """Refuse new connections and ask those here to finish."""
        if not self.begun:
            self.begun = True
            for guest in tuple(self._guests):
                guest.on_begin()

    async def wait_until_empty(self, deadline_s: float) -> bool:
        """Wait for the last one to leave; False when ``deadline_s`` went by first."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def dismiss(self) -> None:
        """Ask whoever is still here to leave at once."""
        for guest in tuple(self._guests):
            guest.on_deadline()
