"""Vendors' own lists of their voices, kept fresh.

A vendor that is set up is asked for its voices when the server starts and every hour after that, behind
everybody's back: nothing waits for it. Until it has answered, and whenever it does not, the list it gave
last is in force; that one is kept on disk, so that a restart begins with it; and before there is any, the
list that comes with the package.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog

from voxgate.clock import Clock
from voxgate.errors import VoxgateError
from voxgate.providers.contract import Provider
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import Gender, Voice, VoiceName

REFRESH_S = 3600.0
RETRY_S = 300.0
"""After a vendor did not answer."""
TIMEOUT_S = 60.0
MAX_VOICES = 20_000
"""Of one vendor; what comes behind is left out."""

log = structlog.get_logger()


class VoiceLists:
    """Keeps the catalogue's lists of vendors fresh.

    Args:
        catalogue: to put them into.
        clock: time.
        folder: where the last lists are kept; None keeps none.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock, folder: Path | None = None) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.folder = folder
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, providers: Iterable[Provider], *, ask: bool) -> None:
        """Put the kept lists in force, and begin to ask if that is wanted."""
        for provider in providers:
            wait_s = self._restore(provider.name)
            if ask:
                task = asyncio.create_task(self._keep_fresh(provider, wait_s), name=f"voices-{provider.name}")
                self._tasks.append(task)

    async def aclose(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refresh(self, provider: Provider) -> bool:
        """Ask once; False when the vendor cannot be asked at all.

        Raises:
            VoxgateError: it did not answer.
            TimeoutError: likewise, in `TIMEOUT_S`.
        """
        async with asyncio.timeout(TIMEOUT_S):
            voices = await provider.list_voices()
        if voices is None:
            return False
        voices = voices[:MAX_VOICES]
        if voices:
            self.catalogue.relist(provider.name, voices)
            self._keep(provider.name, voices)  # once an hour, about a millisecond: not worth a thread
        log.info("voices listed", provider=provider.name, voices=len(voices))
        return True

    async def _keep_fresh(self, provider: Provider, wait_s: float) -> None:
        while True:
            await self.clock.sleep(wait_s)
            try:
                if not await self.refresh(provider):
                    return
                wait_s = REFRESH_S
            except (VoxgateError, TimeoutError) as error:
                code = error.code if isinstance(error, VoxgateError) else "timeout"
                log.warning("voices not listed", provider=provider.name, code=code)
                wait_s = RETRY_S

    def _path(self, provider: str) -> Path | None:
        return self.folder / f"{provider.lower()}.json" if self.folder is not None else None

    def _keep(self, provider: str, voices: Sequence[Voice]) -> None:
        path = self._path(provider)
        if path is None:
            return
        rows = [
            [voice.name.model, voice.name.voice_id, voice.label, voice.languages, voice.gender, voice.accent]
            for voice in voices
        ]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(orjson.dumps({"at_s": self.clock.wall_s(), "voices": rows}))
        fresh.replace(path)

    def _restore(self, provider: str) -> float:
        """Put a kept list in force; return how long until the vendor should be asked."""
        path = self._path(provider)
        try:
            kept: dict[str, Any] = orjson.loads(path.read_bytes()) if path is not None else {}
            voices = [_voice(provider, *row) for row in kept.get("voices", ())]
            if not voices:
                return 0.0
            self.catalogue.relist(provider, voices)
            age_s = self.clock.wall_s() - float(kept["at_s"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return 0.0  # there is none, or somebody else has written there: the vendor is asked
        return min(max(0.0, REFRESH_S - age_s), REFRESH_S)


def _voice(
    provider: str, model: str, voice_id: str, label: str, languages: Sequence[str], gender: str, accent: str
) -> Voice:
    name = VoiceName(provider, model, voice_id)
    return Voice(name, label, tuple(languages), Gender(gender), accent=accent)
