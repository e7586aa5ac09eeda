"""One piece of work on a worker, as its customer sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from voxgate.engines.overflow import MOST_BYTES, Overflow
from voxgate.engines.pipe import ENDINGS, Frame, FrameKind
from voxgate.engines.process import READ_BYTES, WorkerProcess
from voxgate.errors import Overloaded, VoxgateError

BUFFER_BYTES = 224 * 1024
"""Payload held for a customer that does not read. When it is full, the pipe is left alone and the worker
waits; no frame is dropped. It is room for 5 s at 22,050 Hz, so most utterances free their worker at once.
When the worker is wanted elsewhere, what it still has to say goes to a file: see `Job.overflow`."""


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
        self._overflow: Overflow | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def held_bytes(self) -> int:
        """Payload waiting in memory to be read."""
        return self._held_bytes

    @property
    def overflows(self) -> bool:
        """Whether there is a file."""
        return self._overflow is not None

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
        if self._overflow is not None:
            self._overflow.close()
            self._overflow = None
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

    def overflow(self) -> bool:
        """Have what is not read yet wait in a file from now on, so that the worker goes on and is soon free.

        Returns:
            whether that can be; the worker goes on waiting otherwise.
        """
        if self._worker is None or self._overflow is not None:
            return False
        try:
            self._overflow = Overflow()
        except OSError:
            return False
        self._worker.resume()
        return True

    def take_in(self, frame: Frame) -> None:
        """Take a frame from the worker; the pool calls it."""
        ending = frame.kind in ENDINGS
        if ending:
            self._detach()
        if self.cancelled or self._error is not None:
            return
        if self._overflow is not None:
            self._keep(self._overflow, frame)
        else:
            self._frames.append(frame)
            self._held_bytes += len(frame.payload)
        if self._worker is not None and self._is_full:
            self._worker.pause()
        self._wake()

    @property
    def _is_full(self) -> bool:
        # One more read can still come in, hence its size.
        if self._overflow is not None:
            return self._overflow.unread_bytes + READ_BYTES > MOST_BYTES
        return self._held_bytes + READ_BYTES > self.buffer_bytes

    @property
    def _has_room(self) -> bool:
        if self._overflow is not None:
            return self._overflow.unread_bytes <= MOST_BYTES // 2
        return self._held_bytes <= self.buffer_bytes // 2

    def _keep(self, overflow: Overflow, frame: Frame) -> None:
        try:
            overflow.put(frame)
        except OSError:
            self._error = Overloaded("There is no room on disk for what a slow reader has not read yet")
            if (worker := self._worker) is not None:
                self._detach()
                worker.send(FrameKind.CANCEL, self.request_id)
                self._on_cancel(worker, self)

    def fail(self, error: VoxgateError) -> None:
        """End the job with an error, after the frames that did arrive; the pool calls it."""
        self._error = error
        self._detach()
        self._wake()

    def __aiter__(self) -> Job:
        return self

    async def __anext__(self) -> Frame:
        while (frame := self._next()) is None:
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
        if self._worker is not None and self._worker.paused and self._has_room:
            self._worker.resume()
        return frame

    def _next(self) -> Frame | None:
        if self._frames:
            frame = self._frames.popleft()
            self._held_bytes -= len(frame.payload)
            return frame
        return self._overflow.take() if self._overflow is not None else None

    def _detach(self) -> None:
        self.ended = True
        self._worker = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
