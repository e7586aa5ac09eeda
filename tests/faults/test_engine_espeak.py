"""What becomes of speech when its worker, or its server, dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.providers.espeak_speech import SENTENCE, espeak, speech, utterance
from voxgate.errors import EngineCrashed
from voxgate.providers.contract import Abort

SERVER = """
import asyncio, sys
from voxgate.clock import LoopClock
from voxgate.providers.contract import Abort
from voxgate.providers.espeak import EspeakProvider
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

async def main():
    provider = EspeakProvider(LoopClock(), min_workers=3)
    await provider.start()
    while provider.pool.idle_workers < 3:
        await asyncio.sleep(0.01)
    text = "Hello there, how are you today? " * 1000
    stream = provider.synthesize(Utterance(text, VoiceName.parse("Local.Espeak.en-us"), "t"), Abort())
    await anext(stream)
    print(*provider.pool.pids, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_worker_killed_in_mid_speech_ends_its_stream_and_the_next_speaks() -> None:
    async with espeak() as provider:
        (victim,) = provider.pool.pids
        stream = provider.synthesize(utterance(SENTENCE * 300), Abort())
        await anext(stream)
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(10):
            with pytest.raises(EngineCrashed):
                async for _ in stream:
                    pass
        assert (await speech(provider, SENTENCE)).rms > 300


async def test_a_worker_stopped_and_cancelled_is_replaced() -> None:
    async with espeak() as provider:
        (stopped,) = provider.pool.pids
        abort = Abort()
        async for _ in provider.synthesize(utterance(SENTENCE * 300), abort):
            os.kill(stopped, signal.SIGSTOP)
            abort.abort()
        async with asyncio.timeout(10):
            assert (await speech(provider, SENTENCE)).rms > 300
        assert stopped not in provider.pool.pids


async def test_a_terminals_signals_do_not_reach_speech() -> None:
    async with espeak() as provider:
        pids = provider.pool.pids
        chunks = 0
        async for _ in provider.synthesize(utterance(SENTENCE), Abort()):
            chunks += 1
            for pid in pids:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(pid, number)
        assert chunks > 10
        assert provider.pool.pids == pids


def test_workers_die_with_their_server_even_in_mid_speech() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 3
        assert all(_alive(pid) for pid in pids)
        server.kill()
    deadline_s = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert [pid for pid in pids if _alive(pid)] == []


def _alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits for a distant parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
