"""What every section of the settings has in common."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings that belong together; unknown ones are refused, and none changes while the server runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def cores() -> int:
    """Count the processor cores that this process may use: in a container not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
