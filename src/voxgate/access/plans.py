"""Plans: what a key may use. Each key has one, by name; the settings say what the names mean."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from voxgate.access.keys import ApiKey
from voxgate.config import PlanSettings

DEFAULT_PLAN = "default"
"""Of keys that were made without one. Unlimited, unless the settings have a plan of this name."""

log = structlog.get_logger()


class Plans:
    """The plans of the settings.

    Args:
        settings: each plan under its name.
    """

    def __init__(self, settings: Mapping[str, PlanSettings]) -> None:
        self._plans = {DEFAULT_PLAN: PlanSettings(), **settings}
        self._missed: set[str] = set()

    def of(self, key: ApiKey) -> PlanSettings:
        """Return a key's plan; the default one, and a warning in the log, when there is none of its name."""
        plan = self._plans.get(key.plan)
        if plan is not None:
            return plan
        if key.plan not in self._missed:
            self._missed.add(key.plan)
            log.warning("no such plan, the default holds", plan=key.plan, key_id=key.key_id)
        return self._plans[DEFAULT_PLAN]
