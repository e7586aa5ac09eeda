"""One worker process and its two pipes, driven by the event loop.

The pipes are read and written through ``add_reader`` and ``add_writer``, which work alike on asyncio's own
loop and on uvloop, need no thread, and let the parent take exactly as much as it has room for. A write
goes into the pipe within the call, so that a cancellation is on its way before the caller goes on.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voxgate.clock import Clock
from voxgate.engines.pipe import MAX_PAYLOAD_BYTES, Frame, FrameParser, encode_frame
from voxgate.errors import EngineCrashed

READ_BYTES = 65536
"""Taken from a worker at a time: as much as Linux lets a pipe hold."""

MOST_UNWRITTEN_BYTES = 2 * MAX_PAYLOAD_BYTES
"""A worker that leaves more than this unread is stuck, and killed."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How to start a worker.

    Attributes:
        engine: what to call it in logs.
        argv: the program and its arguments.
    """

    engine: str
    argv: tuple[str, ...]


class WorkerProcess:
    """A running worker. Made inside a running event loop; starting takes the loop about a millisecond.

    The child gets a session of its own, so that Ctrl-C in a terminal reaches only the server, and none of
    the server's files or sockets but its two pipes. Its standard error is dropped: it could hold text.

    Args:
        command: what to start.
        clock: for `last_heard_s`.
        on_frame: called with each frame; it may call `pause`, and then still gets what was already read,
            at most `READ_BYTES`.
        on_exit: called once, when the worker has closed its output, sent bytes that are no frame, or
            was killed.

    Attributes:
        gone: killed, or found dead.
        paused: not being read.
        paused_since_s: the clock's time when that began.
        proven: has done a job; the pool's to set.
        last_heard_s: the clock's time when it last sent something.

    Raises:
        EngineCrashed: the program cannot be started at all.
    """

    def __init__(
        self,
        command: WorkerCommand,
        clock: Clock,
        on_frame: Callable[[WorkerProcess, Frame], None],
        on_exit: Callable[[WorkerProcess], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._on_frame = on_frame
        self._on_exit = on_exit
        self._parser = FrameParser()
        self._unwritten = bytearray()
        self.gone = False
        self.paused = False
        self.paused_since_s = 0.0
        self.proven = False
        self.last_heard_s = clock.now_s()
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - argv is ours, never a caller's
                command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineCrashed(f"The worker for {command.engine} cannot be started") from error
        if self._popen.stdin is None or self._popen.stdout is None:
            raise EngineCrashed(f"The worker for {command.engine} has no pipes")
        self._stdin, self._stdout = self._popen.stdin, self._popen.stdout
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        self._loop.add_reader(self._stdout.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def send(self, kind: int, request_id: int, payload: bytes = b"") -> None:
        """Write a frame now as far as the pipe takes it, and the rest as soon as it takes more."""
        if self.gone:
            return
        self._unwritten += encode_frame(kind, request_id, payload)
        self._write()
        if len(self._unwritten) > MOST_UNWRITTEN_BYTES:
            _log.error("engine_does_not_read", pid=self.pid)
            self.kill()

    def pause(self) -> None:
        """Stop reading: when the pipe is full, the worker waits."""
        if not self.paused and not self.gone:
            self.paused = True
            self.paused_since_s = self._clock.now_s()
            self._loop.remove_reader(self._stdout.fileno())

    def resume(self) -> None:
        """Read again; the worker's silence counts from now."""
        if self.paused and not self.gone:
            self.paused = False
            self.last_heard_s = self._clock.now_s()
            self._loop.add_reader(self._stdout.fileno(), self._readable)

    def kill(self) -> None:
        """End the worker, whatever it is doing. `on_exit` is called before this returns."""
        if not self.gone:
            self.gone = True
            self._loop.remove_reader(self._stdout.fileno())
            self._loop.remove_writer(self._stdin.fileno())
            self._stdin.close()
            self._stdout.close()
            self._popen.kill()
            self._on_exit(self)

    async def reap(self) -> int:
        """Wait until the killed process has left the process table; return its exit status."""
        delay_s = 0.001
        while (status := self._popen.poll()) is None:
            await self._clock.sleep(delay_s)
            delay_s = min(0.05, delay_s * 2)
        return status

    def _readable(self) -> None:
        try:
            data = os.read(self._stdout.fileno(), READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.kill()
            return
        self.last_heard_s = self._clock.now_s()
        try:
            frames = self._parser.feed(data)
        except EngineCrashed:
            _log.error("engine_sent_garbage", pid=self.pid)
            self.kill()
            return
        for frame in frames:
            if not self.gone:
                self._on_frame(self, frame)

    def _write(self) -> None:
        try:
            written = os.write(self._stdin.fileno(), self._unwritten)
        except BlockingIOError:
            written = 0
        except BrokenPipeError:
            # Its output ends too; what it still said is read first.
            self._unwritten.clear()
            self._loop.remove_writer(self._stdin.fileno())
            return
        del self._unwritten[:written]
        if self._unwritten:
            self._loop.add_writer(self._stdin.fileno(), self._write)
        else:
            self._loop.remove_writer(self._stdin.fileno())
