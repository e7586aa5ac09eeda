"""Hands data to something that blocks, in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress


class Taker:
    """Takes pieces in order; a daemon thread hands them on, since nobody could wake it from a write.

    Args:
        write: is given each piece, and may block.
        room: pieces that may wait; then whoever puts waits.
        failures: what ``write`` may raise besides `OSError`.
    """

    def __init__(
        self, write: Callable[[bytes], object], room: int, failures: tuple[type[Exception], ...] = ()
    ) -> None:
        self._write = write
        self._failures: tuple[type[Exception], ...] = (OSError, *failures)
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()  # as long as there is room
        self._room = asyncio.Semaphore(room)
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="say-taker", daemon=True)
        self._thread.start()

    async def put(self, piece: bytes) -> None:
        """Wait for room, and hand the piece over. Raises what an earlier write raised."""
        if not piece:
            return
        await self._room.acquire()
        if self._over.done():
            self._over.result()
        self._pieces.put(piece)

    async def finish(self) -> None:
        """Wait until all was written. Raises what a write raised."""
        self._pieces.put(None)
        await asyncio.shield(self._over)

    def stop(self, wait_s: float = 0.0) -> bool:
        """Write nothing more than what is being written.

        Args:
            wait_s: for that to end; whoever calls waits.

        Returns:
            Whether nothing is being written any more.
        """
        self._stopped = True
        self._pieces.put(None)
        self._over.cancel()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (piece := self._pieces.get()) is not None and not self._stopped:
                self._write(piece)
                self._tell(self._room.release)
        except self._failures as error:
            self._tell(self._end, error)
        else:
            self._tell(self._end, None)

    def _end(self, error: Exception | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)
            self._over.exception()  # whoever puts or finishes next is told; perhaps nobody does
        self._room.release()

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(callback, *arguments)
