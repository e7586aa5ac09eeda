"""What a slow customer is owed waits on disk, so that its worker can go on to the next."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.unit.engines.test_pool import begin, complete, frames_of, numbers, pool_of, until
from voxgate.engines import pool
from voxgate.engines.overflow import Overflow
from voxgate.engines.pipe import Frame, FrameKind
from voxgate.errors import Overloaded


def open_files() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(entry))
        except OSError:
            continue
    return {name for name in found if name.endswith("(deleted)")}


def test_frames_come_out_as_they_went_in() -> None:
    queue = Overflow()
    frames = [Frame(FrameKind.AUDIO, 7, bytes([number]) * number * 100) for number in range(20)]
    for frame in frames[:10]:
        queue.put(frame)
    taken = [queue.take() for _ in range(5)]
    for frame in frames[10:]:
        queue.put(frame)
    while (found := queue.take()) is not None:
        taken.append(found)
    assert taken == frames
    assert queue.unread_bytes == 0
    queue.close()


async def test_a_worker_that_waits_for_its_customer_is_there_for_another() -> None:
    before = open_files()
    async with pool_of() as workers:
        async with workers.lease() as slow:
            begin(slow, chunks=600, size=4000)
            await until(lambda: slow.held_bytes > 0)
            assert numbers(await complete(workers)) == [0]
            assert slow.held_bytes <= slow.buffer_bytes
            assert len(open_files() - before) == 1
            assert numbers(await frames_of(slow)) == list(range(600))
        assert open_files() == before
        assert workers.idle_workers == 1


async def test_several_wait_for_one_worker() -> None:
    async with (
        pool_of() as workers,
        workers.lease() as first,
    ):
        begin(first, chunks=600, size=4000)
        async with workers.lease() as second:
            begin(second, chunks=500, size=4000)
            async with workers.lease() as third:
                begin(third, chunks=400, size=4000)
                assert numbers(await complete(workers)) == [0]
                for job, count in ((second, 500), (third, 400), (first, 600)):
                    assert numbers(await frames_of(job)) == list(range(count))


async def test_a_cancel_drops_the_file() -> None:
    before = open_files()
    async with pool_of() as workers, workers.lease() as slow:
        begin(slow, chunks=600, size=4000)
        await complete(workers)
        slow.cancel()
        assert open_files() == before
        assert await frames_of(slow) == []


async def test_what_is_longer_than_a_file_may_be_is_made_as_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voxgate.engines.job.MOST_BYTES", 1 << 18)
    async with pool_of(max_wait_s=0.5) as workers, workers.lease() as slow:
        begin(slow, chunks=600, size=4000)
        with pytest.raises(Overloaded):
            await complete(workers)
        assert numbers(await frames_of(slow)) == list(range(600))
        assert numbers(await complete(workers)) == [0]


async def test_there_are_only_so_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_OVERFLOWS", 0)
    async with pool_of(max_wait_s=0.2) as workers, workers.lease() as slow:
        begin(slow, chunks=600, size=4000)
        with pytest.raises(Overloaded):
            await complete(workers)
        assert numbers(await frames_of(slow)) == list(range(600))


async def test_without_a_disk_the_worker_goes_on_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(**_: object) -> None:
        raise OSError

    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    async with pool_of(max_wait_s=0.2) as workers, workers.lease() as slow:
        begin(slow, chunks=600, size=4000)
        with pytest.raises(Overloaded):
            await complete(workers)
        assert numbers(await frames_of(slow)) == list(range(600))


async def test_when_the_disk_is_full_the_job_fails_and_the_worker_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "pwrite", full)
    async with pool_of() as workers, workers.lease() as slow:
        begin(slow, chunks=600, size=4000)
        assert numbers(await complete(workers)) == [0]
        with pytest.raises(Overloaded):
            await frames_of(slow)
        await until(lambda: workers.idle_workers == 1)
