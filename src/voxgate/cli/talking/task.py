"""Carries out one ``voxgate talk``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from voxgate.audio.format import AudioFormat
from voxgate.cli.options import key_explained
from voxgate.cli.saying.formats import KINDS, choose_format
from voxgate.cli.saying.outputs import FileOutput
from voxgate.cli.talking.call import Call
from voxgate.cli.talking.ends import End, Recorded, read_wav
from voxgate.cli.talking.report import Report, warn
from voxgate.client.workbuddy import RATE_HZ, connect
from voxgate.clock import LoopClock
from voxgate.errors import UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Job:
    """Who talks with whom.

    Attributes:
        recording: what is said; None for somebody at a microphone.
        output: file for what the agent says; None for none.
        agent: to talk with; None for the server's own.
        at_once: whether to speak over the agent's greeting.
        wait_s: of silence after which to hang up.
        as_json: write events as JSON.
        quiet: write nothing but errors.
        server: where the agent is.
        key: for it.
    """

    recording: Path | None
    output: Path | None
    agent: str | None
    at_once: bool
    wait_s: float
    as_json: bool
    quiet: bool
    server: str
    key: str | None


def perform(job: Job) -> None:
    """Hold the conversation; the file keeps what there is, however it ends.

    Raises:
        VoxgateError: it could not begin, or was interrupted.
        KeyboardInterrupt: somebody hung up.
    """
    report = Report(as_json=job.as_json, quiet=job.quiet)
    pcm = None if job.recording is None else read_wav(job.recording)
    try:
        with key_explained(job.server, job.key):
            asyncio.run(_perform(job, pcm, report))
    finally:
        how = sys.exc_info()[0]
        if not job.quiet and how in (None, KeyboardInterrupt):
            where = f"{job.output}: " if job.output and job.output.exists() else ""
            warn(f"{where}{report.summary()}")


async def _perform(job: Job, pcm: bytes | None, report: Report) -> None:
    clock = LoopClock()
    with ExitStack() as stack:
        output = None
        if job.output is not None:
            output = stack.enter_context(closing(FileOutput(job.output, _format_of(job.output))))
        async with connect(job.server, job.key, agent=job.agent) as conversation:
            end: End
            if pcm is not None:
                end = Recorded(pcm, clock)
            else:
                from voxgate.cli.talking.soundcard import SoundCard

                end = stack.enter_context(closing(SoundCard()))
            call = Call(conversation, end, output, report.tell, clock)
            await call.run(job.wait_s, at_once=job.at_once)
        if output is not None:
            await output.finish()


def _format_of(path: Path) -> AudioFormat:
    try:
        return choose_format(None, path, RATE_HZ)[1]
    except UnsupportedFormat:
        known = " ".join(suffix for kind in KINDS.values() for suffix in kind.suffixes)
        raise UnsupportedFormat(
            f"The name {path.name!r:.60} tells no format; it may end in {known}", field="output"
        ) from None
