"""Warm worker processes of one engine, each leased for one job at a time.

Life of a worker::

    starting --READY--> idle --lease--> busy --DONE or FAILED--> idle
        |                                 |
        +------ exit, or too slow --------+--> gone, its job ends with EngineCrashed, it is replaced

Rules:

1. ``min_workers`` are kept warm. When a caller has waited ``GROW_AFTER_S`` for a worker, workers whose
   customers do not read finish on disk (`Job.overflow`); if there are none, more are started, up to
   ``max_workers``; those are let go after ``idle_timeout_s`` without work.
2. Callers are served first come, first served. At most ``max_waiting`` wait, each at most ``max_wait_s``;
   beyond that it is `Overloaded`, or `EngineCrashed` when the engine has no living worker.
3. A cancelled worker says that it is free within ``cancel_timeout_s`` or is killed.
4. A busy worker that is silent for ``stall_timeout_s`` is killed, unless it is the parent that does not
   read; None waits for ever.
5. A worker that dies is replaced at once. When workers die before they are ready, the next one is started
   alone and after a pause that doubles up to ``LONGEST_PAUSE_S``, so that a broken engine does not spin.
   "Before they are ready" includes the first second after, without a job done.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import structlog

from voxgate.clock import Clock
from voxgate.engines.job import BUFFER_BYTES, Job
from voxgate.engines.pipe import ENDINGS, Frame, FrameKind
from voxgate.engines.process import READ_BYTES, WorkerCommand, WorkerProcess
from voxgate.errors import EngineCrashed, Overloaded, VoxgateError

GROW_AFTER_S = 0.02
"""Longer than most jobs take, shorter than a worker takes to start."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0
MAX_OVERFLOWS = 256
"""Jobs whose output waits in files, for customers that do not read. Any more of these keep their workers."""
GIVE_UP_AFTER = 3
"""Failed starts in a row, before any worker was ready, that `WorkerPool.start` takes for an answer."""
WATCH_S = 1.0
"""How often silence and idleness are looked at, at least."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many, and how long.

    Attributes:
        min_workers: kept warm; None means one for each core.
        max_workers: at most; None means eight for each core.
        max_waiting: callers that may wait for a worker.
        max_wait_s: how long each of them waits.
        start_timeout_s: from start to READY.
        cancel_timeout_s: from cancel to free.
        stall_timeout_s: a busy worker's longest silence, None for any.
        idle_timeout_s: how long a worker above ``min_workers`` is kept without work.
    """

    min_workers: int | None = None
    max_workers: int | None = None
    max_waiting: int = 256
    max_wait_s: float = 5.0
    start_timeout_s: float = 10.0
    cancel_timeout_s: float = 0.1
    stall_timeout_s: float | None = 5.0
    idle_timeout_s: float = 60.0


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class WorkerPool:
    """Keeps workers of one command and leases them. Belongs to one event loop."""

    def __init__(self, command: WorkerCommand, clock: Clock, limits: PoolLimits | None = None) -> None:
        self.reason: str | None = None
        """What a worker said last when it could not load its engine."""
        self.greeting: dict[str, Any] = {}
        """What the worker that became ready last said about itself."""
        self._limits = limits or PoolLimits()
        self._command = command
        self._clock = clock
        self._max = max(1, self._limits.max_workers or 8 * _cores())
        self._min = min(self._max, self._limits.min_workers or _cores())
        self._starting: dict[WorkerProcess, float] = {}
        self._idle: dict[WorkerProcess, float] = {}  # since when; in the order of becoming idle
        self._busy: dict[WorkerProcess, Job] = {}
        self._retired: set[WorkerProcess] = set()
        self._waiting: deque[asyncio.Future[Job]] = deque()
        self._overflown: set[Job] = set()
        self._last_id = 0
        self._failed_starts = 0
        self._decided = asyncio.Event()
        self._ever_ready = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._growing = False
        self._retrying = False
        self._closing = False

    @property
    def workers(self) -> int:
        """Living workers, starting ones included."""
        return len(self._starting) + len(self._idle) + len(self._busy)

    @property
    def idle_workers(self) -> int:
        """Workers ready for a job."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers waiting for a worker."""
        return len(self._waiting)

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the living workers."""
        return frozenset(worker.pid for worker in (*self._starting, *self._idle, *self._busy))

    async def start(self) -> None:
        """Start ``min_workers`` at once and return when the first is ready.

        Raises:
            EngineCrashed: none is ready after ``start_timeout_s``, or ``GIVE_UP_AFTER`` have failed, or one
                has said that it cannot load its engine; nothing is left running.
        """
        self._spawn_in_background(self._watch())
        self._fill()
        try:
            async with asyncio.timeout(self._limits.start_timeout_s):
                await self._decided.wait()
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if not self._ever_ready:
            await self.aclose()
            raise EngineCrashed(f"No worker for {self._command.engine} became ready")

    async def aclose(self) -> None:
        """Kill every worker, end running jobs and waiting callers with an error, leave no process."""
        self._closing = True
        while self._waiting:
            _refuse(self._waiting.popleft(), Overloaded("The engine is shutting down"))
        # Their exits start the tasks that reap them.
        for worker in (*self._starting, *self._idle, *self._busy):
            worker.kill()
        background = [task for task in self._tasks if task.get_name() != "reap"]
        for task in background:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def lease(self, buffer_bytes: int = BUFFER_BYTES) -> AsyncIterator[Job]:
        """Lease a worker for one job; leaving the block before the job has ended cancels it.

        Args:
            buffer_bytes: payload held at most, for a customer that does not read; one read at least.

        Raises:
            Overloaded: too many callers wait already, or this one waited ``max_wait_s``.
            EngineCrashed: the same, while the engine has no living worker.
        """
        job = await self._acquire()
        job.buffer_bytes = max(READ_BYTES, buffer_bytes)
        try:
            yield job
        finally:
            job.cancel()

    async def _acquire(self) -> Job:
        if self._closing:
            raise Overloaded("The engine is shutting down")
        if self._idle and not self._waiting:
            # The one that worked last: its caches are warm, and the others may be let go.
            return self._assign(self._idle.popitem()[0])
        if len(self._waiting) >= self._limits.max_waiting:
            raise self._no_worker()
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._grow_soon()
        try:
            async with asyncio.timeout(self._limits.max_wait_s):
                return await future
        except TimeoutError as error:
            self._give_back(future)
            raise self._no_worker() from error
        except asyncio.CancelledError:
            self._give_back(future)
            raise

    def _assign(self, worker: WorkerProcess) -> Job:
        self._last_id = self._last_id % 0xFFFFFFFF + 1  # 0 belongs to no job, and a frame holds 32 bits
        job = Job(self._last_id, worker, self._cancelled, self._free)
        self._busy[worker] = job
        worker.last_heard_s = self._clock.now_s()
        return job

    def _no_worker(self) -> VoxgateError:
        if not self._idle and not self._busy:
            return EngineCrashed(f"No worker for {self._command.engine} is alive")
        return Overloaded(f"All workers for {self._command.engine} are busy", retry_after_s=1.0)

    def _give_back(self, future: asyncio.Future[Job]) -> None:
        """Let go of a place in the queue, or of the worker that came at the same moment."""
        if future in self._waiting:
            self._waiting.remove(future)
        elif future.done() and not future.cancelled() and future.exception() is None:
            future.result().cancel()

    # -- what workers do ---------------------------------------------------------------------------------

    def _on_frame(self, worker: WorkerProcess, frame: Frame) -> None:
        if worker in self._starting:
            if frame.kind == FrameKind.READY:
                self.greeting = json.loads(frame.payload)
                del self._starting[worker]
                self._ever_ready = True
                self._decided.set()
                self._free(worker)
                self._fill()
            elif frame.kind == FrameKind.FAILED:
                self.reason = json.loads(frame.payload).get("reason")
                _log.error("engine_cannot_load", engine=self._command.engine, reason=self.reason)
                self._decided.set()  # it would say so again
            return
        job = self._busy.get(worker)
        if job is None or job.request_id != frame.request_id:
            return
        job.take_in(frame)
        if frame.kind in ENDINGS:
            worker.resume()
            worker.proven = True
            self._failed_starts = 0
            self._free(worker)

    def _on_exit(self, worker: WorkerProcess) -> None:
        unproven = self._starting.pop(worker, None) is not None
        unproven |= self._idle.pop(worker, None) is not None and not worker.proven
        job = self._busy.pop(worker, None)
        self._spawn_in_background(self._reap(worker, retired=worker in self._retired), name="reap")
        self._retired.discard(worker)
        if job is not None:
            job.fail(EngineCrashed(f"A worker for {self._command.engine} died"))
        if unproven:
            self._start_failed()
        if not self._closing:
            self._fill()

    async def _reap(self, worker: WorkerProcess, *, retired: bool) -> None:
        status = await worker.reap()
        if not retired and not self._closing:
            _log.warning("engine_worker_gone", engine=self._command.engine, pid=worker.pid, status=status)

    def _free(self, worker: WorkerProcess) -> None:
        """Give a worker that has nothing to do to who waits longest."""
        self._busy.pop(worker, None)
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(self._assign(worker))
                return
        self._idle[worker] = self._clock.now_s()

    def _cancelled(self, worker: WorkerProcess, job: Job) -> None:
        self._spawn_in_background(self._expect_free(worker, job))

    async def _expect_free(self, worker: WorkerProcess, job: Job) -> None:
        await self._clock.sleep(self._limits.cancel_timeout_s)
        if self._busy.get(worker) is job:
            _log.warning("engine_ignored_cancel", engine=self._command.engine, pid=worker.pid)
            worker.kill()

    # -- how many ----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Start what is missing to ``min_workers``; after failed starts one at a time, with a pause."""
        if self.workers >= self._min:
            return
        if self._failed_starts:
            if not self._starting and not self._retrying:
                self._retrying = True
                self._spawn_in_background(self._retry())
            return
        while self.workers < self._min and not self._failed_starts:
            self._start_worker()

    async def _retry(self) -> None:
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failed_starts - 1, 16))
        _log.error(
            "engine_worker_did_not_start",
            engine=self._command.engine,
            failed_starts=self._failed_starts,
            pause_s=pause_s,
        )
        await self._clock.sleep(pause_s)
        self._retrying = False
        if self.workers < self._min:
            self._start_worker()

    def _start_failed(self) -> None:
        self._failed_starts += 1
        if self._failed_starts >= GIVE_UP_AFTER:
            self._decided.set()

    def _start_worker(self) -> None:
        try:
            worker = WorkerProcess(self._command, self._clock, self._on_frame, self._on_exit)
        except EngineCrashed:
            self._start_failed()
            self._fill()
            return
        self._starting[worker] = self._clock.now_s()

    def _grow_soon(self) -> None:
        if not self._growing:
            self._growing = True
            self._spawn_in_background(self._grow())

    async def _grow(self) -> None:
        while self._waiting:
            await self._clock.sleep(GROW_AFTER_S)
            if self._free_from_slow_readers():
                continue
            # No more at a time than can start side by side.
            at_once = min(_cores(), len(self._waiting)) - len(self._starting)
            for _ in range(min(at_once, self._max - self.workers)):
                if not self._failed_starts:
                    self._start_worker()
        self._growing = False

    def _free_from_slow_readers(self) -> int:
        """Let as many workers finish as are waited for, of those that wait for their customers."""
        self._overflown = {job for job in self._overflown if job.overflows}
        most = min(len(self._waiting), MAX_OVERFLOWS - len(self._overflown))
        late_s = self._clock.now_s() - GROW_AFTER_S
        held = [
            (worker.paused_since_s, job)
            for worker, job in self._busy.items()
            if worker.paused and worker.paused_since_s <= late_s and not job.overflows
        ]
        held.sort(key=itemgetter(0))
        freed = [job for _, job in held[:most] if job.overflow()]
        self._overflown.update(freed)
        return len(freed)

    async def _watch(self) -> None:
        """Now and then, kill what is stuck and let go what is idle."""
        while True:
            await self._clock.sleep(min(WATCH_S, (self._limits.stall_timeout_s or WATCH_S) / 4))
            now_s = self._clock.now_s()
            self._kill_stuck(now_s)
            self._retire_idle(now_s)

    def _kill_stuck(self, now_s: float) -> None:
        for worker, since_s in list(self._starting.items()):
            if now_s - since_s > self._limits.start_timeout_s:
                worker.kill()
        stall_timeout_s = self._limits.stall_timeout_s
        if stall_timeout_s is None:
            return
        for worker, job in list(self._busy.items()):
            if job.started and not worker.paused and now_s - worker.last_heard_s > stall_timeout_s:
                _log.warning("engine_stalled", engine=self._command.engine, pid=worker.pid)
                worker.kill()

    def _retire_idle(self, now_s: float) -> None:
        for worker, since_s in list(self._idle.items()):
            if now_s - since_s > WATCH_S:
                worker.proven = True
                self._failed_starts = 0
            if self.workers > self._min and now_s - since_s > self._limits.idle_timeout_s:
                del self._idle[worker]
                self._retired.add(worker)
                worker.kill()

    def _spawn_in_background(self, work: Coroutine[None, None, None], *, name: str = "engine pool") -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refuse(future: asyncio.Future[Job], error: VoxgateError) -> None:
    if not future.done():
        future.set_exception(error)
