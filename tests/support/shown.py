"""What the conformance suite has shown in this run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest


@dataclass
class Shown:
    """Outcomes by subject and ability.

    Attributes:
        collected: cases that were to run.
        ran: that did.
        deselected: how many were not to run.
        outcomes: ``passed``, ``failed`` or ``skipped``, by subject and ability.
    """

    collected: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    deselected: int = 0
    outcomes: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def add(self, subject: str, ability: str, outcome: str) -> None:
        self.outcomes.setdefault((subject, ability), set()).add(outcome)

    def passed(self, subject: str) -> set[str]:
        """Abilities all of whose cases have passed."""
        return {
            ability
            for (whose, ability), outcomes in self.outcomes.items()
            if whose == subject and outcomes == {"passed"}
        }


SHOWN = pytest.StashKey[Shown]()
