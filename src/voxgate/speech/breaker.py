"""Breakers: a provider that fails again and again is left alone for a while.

One breaker stands for a provider and an account. It is closed until ``FAILURES`` in a row; then it opens,
for ``FIRST_S`` the first time and twice as long each further time, up to ``LONGEST_S``. When that time is
over one utterance may try: if it is spoken the breaker closes, else it opens again. Refused credentials open
it at once, and so does a provider that says itself when to come back. What the caller did wrong never
counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxgate.errors import CapacityError, ProviderDenied, VoxgateError

FAILURES = 3
FIRST_S = 5.0
LONGEST_S = 120.0
DENIED_S = 60.0

BreakerKey: TypeAlias = tuple[str, str]
"""A provider's name and an account's."""


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    openings: int = 0
    until_s: float = 0.0
    trying: bool = False


class Breakers:
    """All breakers; time is passed in."""

    def __init__(self) -> None:
        self._breakers: dict[BreakerKey, _Breaker] = {}

    def wait_s(self, key: BreakerKey, now_s: float) -> float:
        """Tell how long to leave a provider alone; 0 when it may be asked."""
        breaker = self._breakers.get(key)
        if breaker is None or not breaker.until_s:
            return 0.0
        if breaker.trying:
            return FIRST_S
        return max(0.0, breaker.until_s - now_s)

    def begin(self, key: BreakerKey) -> None:
        """Say that an utterance is given to a provider that may be asked."""
        breaker = self._breakers.get(key)
        if breaker is not None and breaker.until_s:
            breaker.trying = True

    def succeeded(self, key: BreakerKey) -> None:
        """Say that a provider spoke."""
        self._breakers.pop(key, None)

    def failed(self, key: BreakerKey, error: VoxgateError, now_s: float) -> None:
        """Say that a provider did not speak."""
        breaker = self._breakers.get(key)
        if not error.fails_over:
            if breaker is not None:
                breaker.trying = False
            return
        breaker = self._breakers.setdefault(key, _Breaker())
        breaker.failures += 1
        told_s = error.retry_after_s if isinstance(error, CapacityError) else None
        if isinstance(error, ProviderDenied):
            wait_s = DENIED_S
        elif told_s is not None:
            wait_s = min(told_s, LONGEST_S)
        elif breaker.trying or breaker.failures >= FAILURES:
            wait_s = min(FIRST_S * 2**breaker.openings, LONGEST_S)
            breaker.openings = min(breaker.openings + 1, 10)
        else:
            return
        breaker.until_s, breaker.trying = now_s + wait_s, False

    def gave_up(self, key: BreakerKey) -> None:
        """Say that a try ended without a result: nobody waits for it any more."""
        if breaker := self._breakers.get(key):
            breaker.trying = False

    def states(self, now_s: float) -> dict[BreakerKey, float]:
        """List the open ones, with the seconds until each may be tried."""
        return {
            key: max(0.0, breaker.until_s - now_s)
            for key, breaker in self._breakers.items()
            if breaker.until_s
        }
