"""Rows about vendors' adapters, each against its emulator in another process: what they add and cost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.report import Report, Row, spread
from bench.voice import CHUNK_MS, RATE_HZ, stamp_of
from voxgate.clock import LoopClock
from voxgate.providers.registry import vendor_class, vendor_names
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import CHARACTER_MS

STREAMS = 16
TEXT = "This sentence lasts for about three seconds, and that is long enough."
_FRAME = RATE_HZ * CHUNK_MS // 1000 * 2


@contextmanager
def emulated(section: str, extra: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Run the emulator on the load's core; the adapter is measured on this one."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "address")
        arguments = [sys.executable, "-m", "bench.emulated", section, json.dumps(dict(extra)), str(told)]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE) as process:
            until_s = time.monotonic() + 30
            while not (told.exists() and told.read_text()):
                if process.poll() is not None or time.monotonic() > until_s:
                    raise RuntimeError(f"the emulator of {section} did not start")
                time.sleep(0.01)
            try:
                yield json.loads(told.read_text())
            finally:
                assert process.stdin is not None
                process.stdin.close()


async def measure(
    section: str, told: dict[str, Any], extra: Mapping[str, object]
) -> tuple[list[float], float]:
    """Return each stream's first chunk's way in milliseconds, and CPU milliseconds a second of audio."""
    vendor = vendor_class(section)
    settings = vendor.Settings.model_validate({**told["settings"], **extra})
    provider = vendor.make(section, settings, LoopClock())
    await provider.start()
    speaker = Speaker(
        lambda utterance: [Candidate(provider, utterance, stand_in=False)], SpeechCache(0, 0), LoopClock()
    )
    voice = VoiceName.parse(told["voice"])

    streams = min(STREAMS, settings.max_connections)

    async def stream() -> tuple[float, float]:
        first_ms, audio_s = 0.0, 0.0
        async for chunk in speaker.speak(Utterance(TEXT, voice, "bench", cacheable=False)):
            if not first_ms and len(chunk.pcm) >= _FRAME:
                first_ms = (time.monotonic_ns() - stamp_of(chunk.pcm)) / 1e6
            audio_s += chunk.duration_s
        return first_ms, audio_s

    try:
        await asyncio.gather(*(stream() for _ in range(streams)))  # sockets are warm from here on
        began_s, firsts, audio_s = time.process_time(), [], 0.0
        for first_ms, heard_s in await asyncio.gather(*(stream() for _ in range(streams))):
            firsts.append(first_ms)
            audio_s += heard_s
        return firsts, (time.process_time() - began_s) * 1000 / audio_s
    finally:
        await speaker.aclose()
        await provider.aclose()


def run(report: Report, *, quick: bool) -> None:
    """All rows of this page."""
    length_s = len(TEXT) * CHARACTER_MS / 1000
    for section in vendor_names():
        for transport, extra in vendor_class(section).transports.items():
            name = f"{section} over {transport}" if transport else section
            with emulated(section, extra) as told:
                if hasattr(os, "sched_setaffinity"):
                    before = os.sched_getaffinity(0)
                    os.sched_setaffinity(0, {0})
                try:
                    firsts, cpu_ms = asyncio.run(measure(section, told, extra))
                finally:
                    if hasattr(os, "sched_setaffinity"):
                        os.sched_setaffinity(0, before)
            report.add(*spread(f"{name}: first chunk's way", firsts, "ms", None, None))
            note = f"{len(firsts)} streams of {length_s:.1f} s"
            report.add(Row(f"{name}: CPU a second of audio", cpu_ms, "ms", 4.0, note=note))
        if quick:
            break
