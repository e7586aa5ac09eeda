"""Where the text comes from: the command line, a file, or standard input while it is being written."""

from __future__ import annotations

import asyncio
import codecs
import threading
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

from voxgate.errors import InvalidRequest

PIECE_CHARACTERS = 2_000
"""Of text handed on at once."""
_READ_BYTES = 64 * 1024
_READS_AHEAD = 4
"""Reads that may wait to be spoken; then whoever writes waits."""


async def given(text: str) -> AsyncGenerator[str, None]:
    """Yield a text from the command line, in pieces."""
    # Bytes that are no UTF-8 come as surrogates, which have no way to be sent.
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    for begin in range(0, len(clean), PIECE_CHARACTERS):
        yield clean[begin : begin + PIECE_CHARACTERS]


async def arriving(source: Path | int) -> AsyncGenerator[str, None]:
    """Yield text as it comes.

    Args:
        source: a file, perhaps a named pipe; or the descriptor of standard input.

    Raises:
        InvalidRequest: it cannot be read, or is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    name = str(source) if isinstance(source, Path) else "Standard input"
    reader = _Reader(source)
    try:
        while True:
            read = await reader.next()
            text = decoder.decode(read, final=not read)
            for begin in range(0, len(text), PIECE_CHARACTERS):
                yield text[begin : begin + PIECE_CHARACTERS]
            if not read:
                return
    except OSError as error:
        raise InvalidRequest(f"{name} cannot be read: {error.strerror}", field="text") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name} is not UTF-8 text", field="text") from None
    finally:
        reader.stop()


class _Reader:
    """Reads in a thread, since files and terminals cannot be waited for otherwise.

    The thread is a daemon: nobody can wake it from a read, and the program must be able to end.
    """

    def __init__(self, source: Path | int) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes | OSError] = asyncio.Queue()  # as long as there is room, see below
        self._room = threading.Semaphore(_READS_AHEAD)
        self._stopped = False
        threading.Thread(target=self._run, name="say-reader", daemon=True).start()

    async def next(self) -> bytes:
        """Wait for what comes next; nothing at the end. Raises the `OSError` of the read."""
        read = await self._came.get()
        self._room.release()
        if isinstance(read, OSError):
            raise read
        return read

    def stop(self) -> None:
        self._stopped = True
        self._room.release()

    def _run(self) -> None:
        try:
            with open(self._source, "rb", buffering=0, closefd=isinstance(self._source, Path)) as file:
                while self._wait_for_room() and (read := file.read(_READ_BYTES)):
                    self._tell(read)
            self._tell(b"")
        except OSError as error:
            self._tell(error)

    def _wait_for_room(self) -> bool:
        self._room.acquire()
        return not self._stopped

    def _tell(self, read: bytes | OSError) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._came.put_nowait, read)
