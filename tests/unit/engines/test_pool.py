"""Workers are leased one job at a time, cancelled in time, replaced when they die, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from voxgate.clock import LoopClock
from voxgate.engines.job import BUFFER_BYTES, Job
from voxgate.engines.pipe import Frame, FrameKind
from voxgate.engines.pool import PoolLimits, WorkerPool
from voxgate.engines.process import WorkerCommand
from voxgate.errors import EngineCrashed, Overloaded

PROGRAM = str(Path(__file__).with_name("scripted_worker.py"))


def command(*arguments: str) -> WorkerCommand:
    return WorkerCommand("scripted", (sys.executable, "-I", "-S", PROGRAM, *arguments))


@asynccontextmanager
async def pool_of(
    *,
    how: str = "ready",
    min_workers: int = 1,
    max_workers: int = 1,
    max_waiting: int = 256,
    max_wait_s: float = 10.0,
    start_timeout_s: float = 10.0,
    cancel_timeout_s: float = 10.0,
    stall_timeout_s: float | None = None,
    idle_timeout_s: float = 60.0,
) -> AsyncIterator[WorkerPool]:
    limits = PoolLimits(
        min_workers=min_workers,
        max_workers=max_workers,
        max_waiting=max_waiting,
        max_wait_s=max_wait_s,
        start_timeout_s=start_timeout_s,
        cancel_timeout_s=cancel_timeout_s,
        stall_timeout_s=stall_timeout_s,
        idle_timeout_s=idle_timeout_s,
    )
    pool = WorkerPool(command(how), LoopClock(), limits)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.aclose()


def begin(job: Job, **work: object) -> None:
    job.send(FrameKind.JOB, json.dumps(work).encode())


async def frames_of(job: Job) -> list[Frame]:
    return [frame async for frame in job]


async def complete(pool: WorkerPool, **work: object) -> list[Frame]:
    async with pool.lease() as job:
        begin(job, **work)
        return await frames_of(job)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for are other processes
            await asyncio.sleep(0.002)


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def opened_by(pid: int) -> list[str]:
    return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]


def numbers(frames: list[Frame]) -> list[int]:
    return [int.from_bytes(frame.payload[:4], "big") for frame in frames if frame.kind == FrameKind.AUDIO]


async def test_a_job_gives_its_frames_in_order_and_frees_its_worker() -> None:
    async with pool_of() as pool:
        pids = pool.pids
        for _ in range(3):
            frames = await complete(pool, chunks=50)
            assert numbers(frames) == list(range(50))
            assert [frame.kind for frame in frames].count(FrameKind.DONE) == 1
            assert frames[-1].kind == FrameKind.DONE
        assert pool.pids == pids
        assert pool.idle_workers == 1


async def test_all_the_warm_workers_come_up() -> None:
    async with pool_of(min_workers=3, max_workers=4) as pool:
        await until(lambda: pool.idle_workers == 3)
        assert pool.workers == 3


async def test_input_reaches_a_running_job() -> None:
    async with pool_of() as pool, pool.lease() as job:
        begin(job, chunks=0, hang=True)
        job.send(FrameKind.INPUT, b'{"heard": 1}')
        frame = await anext(job)
        assert (frame.kind, frame.payload) == (FrameKind.EVENT, b'{"heard": 1}')


async def test_twenty_at_once_are_served_by_three_in_the_order_they_came() -> None:
    async with pool_of(min_workers=1, max_workers=3) as pool:
        served: list[int] = []

        async def one(number: int) -> list[Frame]:
            async with pool.lease() as job:
                served.append(number)
                begin(job, chunks=20, size=2000)
                return await frames_of(job)

        results = await asyncio.gather(*(one(number) for number in range(20)))
        assert served == list(range(20))
        assert all(numbers(frames) == list(range(20)) for frames in results)
        assert pool.workers <= 3


async def test_a_caller_over_the_bound_is_turned_away_at_once() -> None:
    async with pool_of(max_waiting=2) as pool, pool.lease() as job:
        begin(job, hang=True)
        waiting = [asyncio.create_task(complete(pool)) for _ in range(2)]
        await until(lambda: pool.waiting == 2)
        with pytest.raises(Overloaded):
            await complete(pool)
        job.cancel()
        assert [numbers(frames) for frames in await asyncio.gather(*waiting)] == [[0], [0]]


async def test_a_caller_waits_no_longer_than_it_may() -> None:
    async with pool_of(max_wait_s=0.05) as pool, pool.lease() as job:
        begin(job, hang=True)
        with pytest.raises(Overloaded) as caught:
            await complete(pool)
        assert caught.value.retryable
        assert pool.waiting == 0


async def test_a_caller_who_leaves_the_queue_takes_no_worker_with_it() -> None:
    async with pool_of() as pool:
        async with pool.lease() as job:
            begin(job, hang=True)
            leaving = asyncio.create_task(complete(pool))
            await until(lambda: pool.waiting == 1)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert pool.waiting == 0
        await until(lambda: pool.idle_workers == 1)


async def test_a_caller_who_leaves_as_its_worker_comes_gives_it_back() -> None:
    async with pool_of() as pool:
        async with pool.lease() as job:
            leaving = asyncio.create_task(complete(pool))
            await until(lambda: pool.waiting == 1)
            job.cancel()  # hands the worker on within the call
            assert pool.waiting == 0
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
        assert pool.idle_workers == 1
        assert numbers(await complete(pool)) == [0]


async def test_cancelling_at_once_gives_the_worker_back_unused() -> None:
    async with pool_of() as pool:
        async with pool.lease() as job:
            job.cancel()
            assert pool.idle_workers == 1
            begin(job, hang=True)
            assert await frames_of(job) == []
        assert numbers(await complete(pool)) == [0]


async def test_cancelling_in_the_middle_ends_the_frames_and_frees_the_worker() -> None:
    async with pool_of() as pool:
        pids = pool.pids
        async with pool.lease() as job:
            begin(job, chunks=100_000, size=4000)
            for expected in range(30):
                assert numbers([await anext(job)]) == [expected]
            job.cancel()
            assert await frames_of(job) == []
            await until(lambda: pool.idle_workers == 1)
        assert pool.pids == pids
        assert numbers(await complete(pool, chunks=3)) == [0, 1, 2]


async def test_cancelling_frees_a_worker_that_waits_for_a_reader() -> None:
    async with pool_of() as pool:
        pids = pool.pids
        async with pool.lease() as job:
            begin(job, chunks=100_000, size=4000)
            await until(lambda: job.held_bytes > BUFFER_BYTES // 2)
            job.cancel()
            assert job.held_bytes == 0
            await until(lambda: pool.idle_workers == 1)
        assert pool.pids == pids


async def test_cancelling_after_the_end_means_nothing() -> None:
    async with pool_of() as pool:
        async with pool.lease() as job:
            begin(job)
            assert len(await frames_of(job)) == 2
            async with pool.lease() as next_job:
                begin(next_job, chunks=5)
                job.cancel()
                assert numbers(await frames_of(next_job)) == list(range(5))
        assert pool.idle_workers == 1


async def test_leaving_the_lease_early_cancels() -> None:
    async with pool_of() as pool:
        async with pool.lease() as job:
            begin(job, chunks=100_000, size=4000)
            await anext(job)
        await until(lambda: pool.idle_workers == 1)


async def test_a_worker_deaf_to_cancel_is_killed_and_replaced() -> None:
    async with pool_of(cancel_timeout_s=0.05) as pool:
        (deaf,) = pool.pids
        async with pool.lease() as job:
            begin(job, hang=True, deaf=True)
            await anext(job)
        assert numbers(await complete(pool)) == [0]
        assert deaf not in pool.pids


async def test_a_worker_that_dies_ends_its_stream_with_an_error_and_is_replaced() -> None:
    async with pool_of() as pool:
        (victim,) = pool.pids
        async with pool.lease() as job:
            begin(job, chunks=3, hang=True)
            assert numbers([await anext(job) for _ in range(3)]) == [0, 1, 2]
            os.kill(victim, signal.SIGKILL)
            with pytest.raises(EngineCrashed):
                await anext(job)
        assert numbers(await complete(pool)) == [0]


async def test_a_worker_that_dies_idle_is_replaced() -> None:
    async with pool_of() as pool:
        await complete(pool)
        (victim,) = pool.pids
        os.kill(victim, signal.SIGKILL)
        await until(lambda: pool.idle_workers == 1 and victim not in pool.pids)


async def test_what_arrived_before_a_crash_is_still_given() -> None:
    async with pool_of() as pool:
        (victim,) = pool.pids
        async with pool.lease() as job:
            begin(job, chunks=3, hang=True)
            await until(lambda: job.held_bytes == 12)
            os.kill(victim, signal.SIGKILL)
            await until(lambda: victim not in pool.pids)
            assert numbers([await anext(job) for _ in range(3)]) == [0, 1, 2]
            with pytest.raises(EngineCrashed):
                await anext(job)


async def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    async with pool_of(stall_timeout_s=0.1) as pool:
        (stopped,) = pool.pids
        async with pool.lease() as job:
            begin(job, chunks=1, hang=True)
            await anext(job)
            os.kill(stopped, signal.SIGSTOP)
            with pytest.raises(EngineCrashed):
                await anext(job)
        assert numbers(await complete(pool)) == [0]
        assert stopped not in pool.pids


async def test_bytes_that_are_no_frame_end_the_worker() -> None:
    async with pool_of() as pool:
        with pytest.raises(EngineCrashed):
            await complete(pool, garbage=True)
        assert numbers(await complete(pool)) == [0]


async def test_a_slow_reader_does_not_hold_the_worker() -> None:
    async with pool_of() as pool, pool.lease() as slow:
        begin(slow, chunks=40, size=4000)
        await until(lambda: pool.idle_workers == 1)
        assert numbers(await complete(pool)) == [0]
        assert numbers(await frames_of(slow)) == list(range(40))


async def test_a_reader_that_stops_holds_at_most_the_bound_and_loses_nothing() -> None:
    async with pool_of(stall_timeout_s=0.5) as pool, pool.lease() as stopped:
        begin(stopped, chunks=600, size=4000)
        held = 0
        for _ in range(800):  # longer than the stall timeout: not reading is not hanging
            await asyncio.sleep(0.001)
            held = max(held, stopped.held_bytes)
        assert BUFFER_BYTES // 2 < held <= BUFFER_BYTES
        assert pool.idle_workers == 0
        assert numbers(await frames_of(stopped)) == list(range(600))
        assert pool.idle_workers == 1


async def test_more_workers_start_under_load_and_leave_when_idle() -> None:
    async with pool_of(min_workers=1, max_workers=3, idle_timeout_s=0.05) as pool:
        jobs = [asyncio.create_task(complete(pool, hang=True)) for _ in range(3)]
        await until(lambda: pool.workers == 3 and pool.waiting == 0)
        for task in jobs:
            task.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await until(lambda: pool.workers == 1)
        assert pool.idle_workers == 1


@pytest.mark.parametrize("how", ["dies", "dies-when-ready"])
async def test_a_broken_engine_is_not_started_in_a_spin(how: str, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    limits = PoolLimits(min_workers=2, max_workers=4, start_timeout_s=1.0)
    pool = WorkerPool(command(how, str(starts)), LoopClock(), limits)
    if how == "dies":
        with pytest.raises(EngineCrashed):
            await pool.start()
    else:
        await pool.start()
        await asyncio.sleep(1.0)
    await pool.aclose()
    # Two at once, the others 0.1, 0.2, 0.4 s and so on apart.
    assert 2 <= starts.stat().st_size <= 6


async def test_a_worker_that_says_why_it_cannot_start_is_believed_at_once(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    limits = PoolLimits(min_workers=1, start_timeout_s=3600)
    pool = WorkerPool(command("cannot-load", str(starts)), LoopClock(), limits)
    with pytest.raises(EngineCrashed):
        await pool.start()
    assert pool.reason == "there is no engine"
    assert starts.stat().st_size == 1


async def test_an_engine_that_cannot_start_is_given_up_before_the_time_is_over() -> None:
    pool = WorkerPool(command("dies"), LoopClock(), PoolLimits(min_workers=1, start_timeout_s=3600))
    async with asyncio.timeout(10):
        with pytest.raises(EngineCrashed):
            await pool.start()


async def test_a_start_that_is_cancelled_leaves_nothing_running() -> None:
    pool = WorkerPool(command("never"), LoopClock(), PoolLimits(min_workers=2, start_timeout_s=3600))
    starting = asyncio.create_task(pool.start())
    await until(lambda: pool.workers == 2)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert pool.workers == 0


async def test_an_engine_that_never_gets_ready_is_an_error() -> None:
    limits = PoolLimits(min_workers=1, start_timeout_s=0.2)
    pool = WorkerPool(command("never"), LoopClock(), limits)
    with pytest.raises(EngineCrashed):
        await pool.start()
    assert pool.workers == 0


async def test_a_program_that_is_not_there_is_an_error() -> None:
    limits = PoolLimits(min_workers=1, start_timeout_s=0.1)
    pool = WorkerPool(WorkerCommand("missing", ("/nonexistent/worker",)), LoopClock(), limits)
    with pytest.raises(EngineCrashed):
        await pool.start()


async def test_closing_ends_waiting_callers_and_running_jobs() -> None:
    async with pool_of() as pool:
        running = asyncio.create_task(complete(pool, hang=True))
        await until(lambda: pool.idle_workers == 0)
        waiting = asyncio.create_task(complete(pool))
        await until(lambda: pool.waiting == 1)
        (pid,) = pool.pids
        await pool.aclose()
        with pytest.raises(EngineCrashed):
            await running
        with pytest.raises(Overloaded):
            await waiting
        with pytest.raises(Overloaded):
            await complete(pool)
        assert not exists(pid)


async def test_a_worker_has_its_own_session_and_none_of_the_servers_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        async with pool_of() as pool:
            (pid,) = pool.pids
            assert os.getsid(pid) == pid
            assert [name for name in opened_by(pid) if name.startswith("socket:")] == []


def test_the_pool_runs_on_uvloop() -> None:
    async def scenario() -> None:
        async with pool_of(min_workers=2, max_workers=3, cancel_timeout_s=0.05) as pool:
            results = await asyncio.gather(*(complete(pool, chunks=100, size=4000) for _ in range(6)))
            assert all(numbers(frames) == list(range(100)) for frames in results)
            async with pool.lease() as job:
                begin(job, chunks=100_000, size=4000)
                await until(lambda: job.held_bytes > BUFFER_BYTES // 2)
            async with pool.lease() as job:
                begin(job, hang=True, deaf=True)
                await anext(job)
            pids = pool.pids
            async with pool.lease() as job:
                begin(job, chunks=1, hang=True)
                await anext(job)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                with pytest.raises(EngineCrashed):
                    await anext(job)
            assert numbers(await complete(pool)) == [0]

    uvloop.run(scenario())
