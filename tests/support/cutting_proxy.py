"""A proxy on loopback that breaks connections where a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

_READ_BYTES = 512
"""Small, so that a cut falls where it was asked for and not where a read happened to end."""


class CuttingProxy:
    """Passes bytes on, both ways, and cuts each connection after so many bytes of the server's.

    Attributes:
        url: where it is, ``http://127.0.0.1:…``.
        connections: that were made so far.
    """

    def __init__(self, port: int, cuts: Sequence[int]) -> None:
        self.url = ""
        self.connections = 0
        self._port = port
        self._cuts = list(cuts)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        number, self.connections = self.connections, self.connections + 1
        cut_after = self._cuts[number] if number < len(self._cuts) else None
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        up = asyncio.create_task(_carry(reader, to_server))
        try:
            await _carry(from_server, writer, cut_after)
        finally:
            up.cancel()
            await asyncio.wait([up])
            for each in (writer, to_server):
                each.transport.abort()

    async def aclose(self) -> None:
        """Break what is left."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut_after: int | None = None
) -> None:
    left = cut_after
    with suppress(ConnectionError):
        while left != 0 and (
            data := await reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
        ):
            writer.write(data)
            await writer.drain()
            if left is not None:
                left -= len(data)
        if left == 0:
            await asyncio.sleep(0.05)  # for what was written to leave; an abort would take it back
        elif cut_after is None:
            writer.write_eof()


@asynccontextmanager
async def cutting_proxy(port: int, *cuts: int) -> AsyncIterator[CuttingProxy]:
    """Start one before a server on loopback.

    Args:
        port: of the server.
        cuts: bytes of the server's after which a connection is cut, for the first ones; later ones hold.
    """
    proxy = CuttingProxy(port, cuts)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with listening:
            yield proxy
    finally:
        await proxy.aclose()
