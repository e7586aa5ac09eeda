"""Carries out one ``voxgate say``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, closing
from dataclasses import dataclass
from pathlib import Path

from voxgate.audio.format import AudioFormat
from voxgate.cli.options import key_explained
from voxgate.cli.saying.outputs import FileOutput, Loudspeakers, Output, PipeOutput
from voxgate.cli.saying.progress import Progress
from voxgate.cli.saying.texts import arriving, given
from voxgate.cli.saying.track import Track
from voxgate.cli.saying.voice import Voice, Wish
from voxgate.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be said, by whom, and where to.

    Attributes:
        text: what to say, unless it comes from elsewhere.
        file: that it comes from.
        from_stdin: it comes from standard input.
        wish: how it is to be spoken.
        target: format of the file and of standard output, and rate of all outputs.
        path: file to write.
        to_stdout: write to standard output.
        play: play it.
        server: that speaks; None for the engine here.
        key: for the server.
        config: settings file for the engine here.
        quiet: tell nothing but errors.
    """

    text: str
    file: Path | None
    from_stdin: bool
    wish: Wish
    target: AudioFormat
    path: Path | None
    to_stdout: bool
    play: bool
    server: str | None
    key: str | None
    config: Path | None
    quiet: bool


def perform(job: Job) -> None:
    """Say it, and tell on standard error how it went.

    Raises:
        VoxgateError: it cannot be said, or not to its end; a file keeps what there is.
        KeyboardInterrupt: likewise.
    """
    typing = job.from_stdin and sys.stdin.isatty()
    if typing and not job.quiet:
        print("Type what to say; Ctrl+D ends it.", file=sys.stderr)
    progress = Progress(visible=not (job.quiet or typing))
    who = "stopped"
    try:
        with key_explained(job.server, job.key):
            who = asyncio.run(_perform(job, progress))
    finally:
        progress.erase()
        interrupted = sys.exc_info()[0]
        if not job.quiet and interrupted in (None, KeyboardInterrupt):
            where = f"{job.path}: " if job.path else ""
            print(f"{where}{progress.summary()}, {who}", file=sys.stderr)


async def _perform(job: Job, progress: Progress) -> str:
    """Say it; returns by whom it was said."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(closing(output)) for output in _outputs(job)]
        async with _open_voice(job) as voice:
            track = Track(job.target.rate_hz, voice.stretch)
            async with (
                aclosing(progress.watch(_texts(job))) as texts,
                aclosing(voice.speak(texts)) as chunks,
            ):
                async for chunk in chunks:
                    pcm = track.feed(chunk)
                    progress.heard(track.duration_s)
                    await _write(outputs, pcm)
            await _write(outputs, track.finish())
            progress.audio_s = track.duration_s
            if not track.duration_s:
                raise InvalidRequest("There is nothing to say in this text", field="text")
            for output in outputs:
                await output.finish()
            return _by_whom(voice)


def _outputs(job: Job) -> Iterator[Output]:
    if job.path is not None:
        yield FileOutput(job.path, job.target)
    if job.to_stdout:
        yield PipeOutput(job.target)
    if job.play:
        yield Loudspeakers(job.target.rate_hz)


async def _write(outputs: Sequence[Output], pcm: bytes) -> None:
    for output in outputs:
        await output.write(pcm)


def _open_voice(job: Job) -> AbstractAsyncContextManager[Voice]:
    # Each brings much with it that the other does not need.
    if job.server is not None:
        from voxgate.cli.saying.remote import server_voice

        return server_voice(job.server, job.key, job.wish)

    from voxgate.cli.saying.local import RUNNING, local_voice
    from voxgate.config import LogSettings, load_settings
    from voxgate.observe.logs import configure_logging

    configure_logging(LogSettings(level="error"))
    workers = {"min_workers": 1, "max_workers": RUNNING}
    return local_voice(load_settings(job.config, {"espeak": workers}), job.wish)


def _texts(job: Job) -> AsyncGenerator[str, None]:
    if job.from_stdin:
        return arriving(sys.stdin.fileno())
    return given(job.text) if job.file is None else arriving(job.file)


def _by_whom(voice: Voice) -> str:
    match voice.asked, voice.spoken_by:
        case None, None:
            return "by the server's voice"
        case None, other:
            return f"by {other}, which stands in"
        case asked, None:
            return f"by {asked}"
        case asked, other:
            return f"by {other}, which stands in for {asked}"
