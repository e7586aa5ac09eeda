"""One piece of work on a worker, as its customer sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from voxgate.engines.pipe import ENDINGS, Frame, FrameKind
from voxgate.engines.process import READ_BYTES, WorkerProcess
from voxgate.errors import VoxgateError

BUFFER_BYTES = 224 * 1024
"""Payload held for a customer that does not read. When it is full, the pipe is left alone and the worker
waits; no frame is dropped. It is room for 5 s at 22,050 Hz, so most utterances free their worker at once."""


class Job:
    """A worker leased for one job, and the frames that come back.

    Iterating gives every frame of the job in order. The last is `FrameKind.DONE` or `FrameKind.FAILED`;
    after `cancel` iteration ends at once, with no more frames. The worker is free as soon as its last
    frame has arrived, however slowly the frames are then read.

    Args:
        request_id: unique within the pool.
        worker: leased to this job until it ends.
        on_cancel: told, in the call to `cancel`, that a running job was cancelled.
        on_unused: told that the job ended without having been started.

    Attributes:
        buffer_bytes: payload held at most, for a customer that does not read.
        started: work was sent.
        cancelled: `cancel` was called.
        ended: the worker is no longer this job's.
    """

    def __init__(
        self,
        request_id: int,
        worker: WorkerProcess,
        on_cancel: Callable[[WorkerProcess, Job], None],
        on_unused: Callable[[WorkerProcess], None],
    ) -> None:
        self.request_id = request_id
        self.buffer_bytes = BUFFER_BYTES
        self.cancelled = False
        self.ended = False
        self._worker: WorkerProcess | None = worker
        self._on_cancel = on_cancel
        self._on_unused = on_unused
        self.started = False
        self._error: VoxgateError | None = None
        self._frames: deque[Frame] = deque()
        self._held_bytes = 0
        self._waiting: asyncio.Future[None] | None = None

    @property
    def held_bytes(self) -> int:
        """Payload waiting to be read."""
        return self._held_bytes

    def send(self, kind: int, payload: bytes) -> None:
        """Send the work, or input for it; dropped when the job is over."""
        if self._worker is not None and not self.cancelled:
            self.started = True
            self._worker.send(kind, self.request_id, payload)

    def cancel(self) -> None:
        """Tell the worker to stop, before this returns, and drop what has come. Nothing if it is over."""
        if self.cancelled:
            return
        self.cancelled = True
        self._frames.clear()
        self._held_bytes = 0
        self._wake()
        worker = self._worker
        if worker is None:
            return
        if not self.started:
            self._detach()
            self._on_unused(worker)
            return
        worker.send(FrameKind.CANCEL, self.request_id)
        worker.resume()
        self._on_cancel(worker, self)

    def take_in(self, frame: Frame) -> None:
        """Take a frame from the worker; the pool calls it."""
        ending = frame.kind in ENDINGS
        if ending:
            self._detach()
        if self.cancelled:
            return
        self._frames.append(frame)
        self._held_bytes += len(frame.payload)
        # One more read can still come in, hence its size.
        if self._worker is not None and self._held_bytes + READ_BYTES > self.buffer_bytes:
            self._worker.pause()
        self._wake()

    def fail(self, error: VoxgateError) -> None:
        """End the job with an error, after the frames that did arrive; the pool calls it."""
        self._error = error
        self._detach()
        self._wake()

    def __aiter__(self) -> Job:
        return self

    async def __anext__(self) -> Frame:
        while not self._frames:
            if self.cancelled:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        frame = self._frames.popleft()
        self._held_bytes -= len(frame.payload)
        if self._worker is not None and self._worker.paused and self._held_bytes <= self.buffer_bytes // 2:
            self._worker.resume()
        return frame

    def _detach(self) -> None:
        self.ended = True
        self._worker = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
