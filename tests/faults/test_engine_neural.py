"""What becomes of a neural voice that is cancelled, or dies, in the middle of what it cannot stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import neural_models
from tests.support.server import VOXGATE, clean_environment
from tests.unit.providers.neural_speech import ENDLESS, SENTENCE, SLOW_OVER, neural, pcm_of, utterance
from voxgate.errors import EngineCrashed
from voxgate.providers.contract import Abort
from voxgate.providers.neural import NeuralModel, NeuralProvider


async def begun(provider: NeuralProvider, abort: Abort) -> asyncio.Task[None]:
    """Begin to speak, and return in the middle of a piece that has no end."""
    first = await pcm_of(provider, SENTENCE, "anna")
    stream = provider.synthesize(utterance(provider, ENDLESS, "anna"), abort)
    heard = 0
    while heard < len(first):
        heard += len((await anext(stream)).pcm)

    async def go_on() -> None:
        async for _ in stream:
            pass

    task = asyncio.create_task(go_on())
    await asyncio.sleep(0.05)
    assert not task.done()
    return task


async def all_ready(model: NeuralModel) -> None:
    async with asyncio.timeout(60):
        while model.pool.idle_workers < 2:  # noqa: ASYNC110 - what is waited for are other processes
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("engine", ["piper", "kokoro"])
async def test_a_cancelled_model_stops_in_the_middle_of_a_run(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path, SLOW_OVER, min_workers=1, max_workers=1)
    voice = "af_tiny" if engine == "kokoro" else "anna"
    async with neural(anna=settings) as provider:
        abort = Abort()
        stream = provider.synthesize(utterance(provider, ENDLESS, voice), abort)
        await anext(stream)
        await asyncio.sleep(0.05)
        abort.abort()
        assert [chunk async for chunk in stream] == []
        async with asyncio.timeout(60):
            assert await pcm_of(provider, SENTENCE, voice)


async def test_a_model_that_does_not_stop_is_killed_and_a_spare_speaks(tmp_path: Path) -> None:
    settings = neural_models.tiny("sherpa", tmp_path, SLOW_OVER)
    async with neural(anna=settings) as provider:
        (model,) = provider.models
        await all_ready(model)
        pids, abort = model.pool.pids, Abort()
        task = await begun(provider, abort)
        abort.abort()
        await task
        assert await pcm_of(provider, SENTENCE, "anna")
        async with asyncio.timeout(10):
            while len(model.pool.pids & pids) == 2:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        await all_ready(model)
        assert len(model.pool.pids & pids) == 1


async def test_a_model_that_dies_in_the_middle_ends_its_stream_and_is_replaced(tmp_path: Path) -> None:
    settings = neural_models.tiny("piper", tmp_path, SLOW_OVER, min_workers=1, max_workers=1)
    async with neural(anna=settings) as provider:
        (model,) = provider.models
        (victim,) = model.pool.pids
        task = await begun(provider, Abort())
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(10):
            with pytest.raises(EngineCrashed):
                await task
        assert await pcm_of(provider, SENTENCE, "anna")
        assert model.pool.pids != {victim}


def test_the_server_says_which_file_is_missing_or_broken_and_does_not_start(tmp_path: Path) -> None:
    settings = neural_models.tiny("piper", tmp_path)
    for content, told in (
        (b"no model at all", f"voxgate: neural.anna: piper cannot load {settings.model}: "),
        (None, f"voxgate: neural.anna.model: there is no file {settings.model}"),
    ):
        if content is None:
            settings.model.unlink()
        else:
            settings.model.write_bytes(content)
        done = subprocess.run(
            VOXGATE,
            env=clean_environment(
                VOXGATE_DATA_DIR=str(tmp_path / "data"),
                VOXGATE_SERVER__PORT="0",
                VOXGATE_NEURAL__ANNA__ENGINE="piper",
                VOXGATE_NEURAL__ANNA__MODEL=str(settings.model),
            ),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2, done.stderr
        *_, last = done.stderr.splitlines()
        assert last.startswith(told)
        assert "Traceback" not in done.stderr
