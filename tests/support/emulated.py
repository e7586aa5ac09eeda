"""Waiting for emulators of vendors, in virtual time."""

from __future__ import annotations

import asyncio

from voxgate.testing.emulators.base import Emulator


async def deserted(emulator: Emulator) -> None:
    """Wait until no request and no socket is being served; fail after a minute."""
    for _ in range(60):
        if not emulator.connections:
            return
        await asyncio.sleep(1)
    raise AssertionError("a connection is still open")
