"""The providers of this server, found by the name of a voice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from voxgate.providers.contract import Provider
from voxgate.speech.voice import VoiceName


class ProviderRegistry:
    """Holds each provider once, under its name without regard to case.

    A name is a voice's provider segment (``ElevenLabs``) or, for the local engines, provider and model
    (``Local.Espeak``).
    """

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {provider.name.lower(): provider for provider in providers}

    def find(self, voice: VoiceName) -> Provider | None:
        """Return the provider that speaks ``voice`` itself, or None when there is none here."""
        local = self._providers.get(f"{voice.provider}.{voice.model}".lower())
        return local or self._providers.get(voice.provider.lower())

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    async def start(self) -> None:
        """Start all of them at once."""
        async with asyncio.TaskGroup() as group:
            for provider in self._providers.values():
                group.create_task(provider.start())

    async def aclose(self) -> None:
        """Close all of them; one that fails does not keep the others open."""
        results = await asyncio.gather(
            *(provider.aclose() for provider in self._providers.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
