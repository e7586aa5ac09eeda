"""How long to wait before the next try. Pure: chance is passed in, and nobody sleeps here."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DOUBLINGS = 64  # a larger exponent only overflows


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter.

    The n-th wait is ``first_s * factor ** (n - 1)``, at most ``longest_s``, of which a random part of up to a
    half is left out, so that clients who were cut off together do not come back together.

    Attributes:
        first_s: the first wait in full, seconds.
        factor: by which each wait is longer than the one before.
        longest_s: more is never waited, unless the server asks for it.
        attempts: tries after the first failure; 0 never tries again.
        patience_s: the longest wait that a server may ask for; when it asks for more, its refusal stands.
    """

    first_s: float = 0.25
    factor: float = 2.0
    longest_s: float = 8.0
    attempts: int = 6
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what would make no sense."""
        if min(self.first_s, self.longest_s, self.attempts, self.patience_s) < 0 or self.factor < 1:
            raise ValueError("waits and attempts are not negative, and the factor is 1 or more")

    def delay_s(self, failures: int, chance: float, asked_s: float | None = None) -> float | None:
        """Return the seconds to wait, or None to give up.

        Args:
            failures: in a row so far, this one included.
            chance: from 0 to 1.
            asked_s: what the server asks for, as ``Retry-After`` does; it is kept to, and jitter comes on
                top.
        """
        if failures > self.attempts:
            return None
        full_s = min(self.longest_s, self.first_s * self.factor ** min(failures - 1, _MOST_DOUBLINGS))
        if asked_s is None:
            return full_s * (1 + chance) / 2
        return asked_s + full_s * chance / 2 if asked_s <= self.patience_s else None
