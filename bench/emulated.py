"""``python -m bench.emulated SECTION SETTINGS FILE``: a vendor's emulator in real time, with stamps.

Whatever text it is asked for, it sends frames of 20 ms, each of which begins with the time at which it was
made, for as long as a text of that many characters would sound. Where it is it writes into FILE. It ends when
its standard input does.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.voice import CHUNK_MS, stamped_chunk
from voxgate.testing.emulators.base import Emulator


async def stamped_pieces(
    emulator: Emulator, request: web.Request, audio: bytes, *_: int
) -> AsyncIterator[bytes]:
    """Instead of `Emulator.pieces`: as much, but made when it is sent."""
    loop = asyncio.get_running_loop()
    began_s, size = loop.time(), len(stamped_chunk())
    for number in range(max(1, len(audio) // size)):
        await asyncio.sleep(max(0.0, began_s + number * CHUNK_MS / 1000 - loop.time()))
        yield stamped_chunk()


async def serve(section: str, extra: dict[str, Any], address_file: Path) -> None:
    kind: type[Emulator] = importlib.import_module(f"voxgate.testing.emulators.{section}").EMULATOR
    kind.pieces = stamped_pieces  # type: ignore[method-assign, assignment]
    make = getattr(kind, "suited", None)
    emulator = make(extra) if make is not None else kind()
    async with emulator:
        told = json.dumps({"settings": emulator.settings(), "voice": emulator.voice})
        await asyncio.to_thread(address_file.write_text, told)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])))
