import asyncio
import time

import pytest

from voxgate.clock import LoopClock


@pytest.mark.virtual_time
async def test_an_hour_passes_without_waiting() -> None:
    clock, really = LoopClock(), time.monotonic()
    before = clock.now_s()
    await clock.sleep(3600)
    assert clock.now_s() - before == pytest.approx(3600)
    assert time.monotonic() - really < 60


@pytest.mark.virtual_time
async def test_timeouts_and_sleeps_share_the_clock() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await asyncio.sleep(11)


async def test_without_the_marker_the_loop_is_real() -> None:
    assert type(asyncio.get_running_loop()).__name__ != "VirtualTimeLoop"
