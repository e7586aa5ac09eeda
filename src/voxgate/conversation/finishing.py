"""Has the caller finished? Judged by the sound of it, by a model of the user's, in a worker process."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Protocol

import voxgate.engines
from voxgate.clock import Clock
from voxgate.conversation.recognizing import Segment
from voxgate.engines.pipe import FrameKind
from voxgate.engines.pool import PoolLimits, WorkerPool
from voxgate.engines.process import WorkerCommand
from voxgate.errors import ConfigurationError, EngineCrashed

MAX_JUDGED_BYTES = 8 * 16_000 * 2
"""The last eight seconds: what such models look at."""


class Finisher(Protocol):
    """Judges segments."""

    async def finished(self, segment: Segment) -> float:
        """Return how likely it is that the caller has no more to say, 0 to 1; waits for the segment's end."""
        ...


def turn_command(model: Path) -> WorkerCommand:
    """Return how to start a worker.

    Raises:
        ConfigurationError: the file is missing.
    """
    if not model.is_file():
        raise ConfigurationError(f"The turn model {model} is not there")
    program = Path(voxgate.engines.__path__[0]) / "turn_worker.py"
    return WorkerCommand("turn", (sys.executable, "-I", str(program), str(model.resolve())))


def turn_pool(model: Path, clock: Clock) -> WorkerPool:
    """Make the pool of a model's workers."""
    return WorkerPool(
        turn_command(model),
        clock,
        PoolLimits(min_workers=1, max_workers=2, max_wait_s=0.5, cancel_timeout_s=1.0),
    )


class ModelFinisher:
    """Judges by a model.

    Args:
        pool: of its workers.
        timeout_s: for one judgement; what comes later is of no use.
    """

    def __init__(self, pool: WorkerPool, timeout_s: float = 0.5) -> None:
        self._pool, self._timeout_s = pool, timeout_s

    async def finished(self, segment: Segment) -> float:
        """Send what was said, when it is over."""
        pcm = b"".join([piece async for piece in segment])[-MAX_JUDGED_BYTES:]
        try:
            async with asyncio.timeout(self._timeout_s), self._pool.lease() as job:
                job.send(FrameKind.JOB, b'{"do": "judge"}')
                job.send(FrameKind.INPUT, pcm)
                async for frame in job:
                    if frame.kind == FrameKind.DONE:
                        return float(json.loads(frame.payload)["finished"])
        except TimeoutError:
            raise EngineCrashed("The turn model did not answer in time") from None
        raise EngineCrashed("The turn model ended without an answer")
