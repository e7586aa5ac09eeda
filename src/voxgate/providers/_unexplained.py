"""Vendors that refuse without a reason that a program can read: a second question tells what is behind it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from voxgate.errors import ProviderUnavailable, VoxgateError
from voxgate.providers._both import BothVendor
from voxgate.providers.contract import Abort, AudioChunk
from voxgate.speech.utterance import Utterance


class Unexplained(ProviderUnavailable):
    """Refused, before any audio, and without a code or with one that says several things."""


class ExplainingVendor(BothVendor):
    """Asks a second question whenever speech ends in `Unexplained`."""

    @abstractmethod
    async def explain(self, utterance: Utterance, error: Unexplained) -> VoxgateError:
        """Find out why an utterance was refused, by a request that is cheap and speaks nothing."""

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is complete."""
        async with aclosing(self._explained(super().speak(utterance, abort), utterance)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is still being written."""
        speaking = super().synthesize_text(utterance, text, abort)
        async with aclosing(self._explained(speaking, utterance)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _explained(
        self, speaking: AsyncGenerator[AudioChunk, None], utterance: Utterance
    ) -> AsyncGenerator[AudioChunk, None]:
        try:
            async with aclosing(speaking) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Unexplained as error:
            raise await self.explain(utterance, error) from None
