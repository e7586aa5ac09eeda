"""Vendors that speak over HTTP and over WebSockets, now the one and now the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing

from voxgate.providers._http import HttpVendor
from voxgate.providers._socket import SocketVendor
from voxgate.providers.contract import Abort, AudioChunk
from voxgate.speech.utterance import Utterance


class BothVendor(SocketVendor, HttpVendor):
    """Has the methods of both. Text that is still being written goes over a socket, where it is taken."""

    @abstractmethod
    def over_http(self, utterance: Utterance) -> bool:
        """Choose the way of a text that is complete."""

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is complete."""
        way = HttpVendor if self.over_http(utterance) else SocketVendor
        async with aclosing(way.speak(self, utterance, abort)) as chunks:
            async for chunk in chunks:
                yield chunk
