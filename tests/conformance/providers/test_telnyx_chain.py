"""Telnyx's adapter against the Telnyx-style door of a voxgate: two readings of the same documents meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.server import RunningServer
from voxgate.clock import LoopClock
from voxgate.errors import InvalidVoice, ProviderDenied, ProviderRejected
from voxgate.providers.contract import Abort
from voxgate.providers.telnyx import Telnyx, TelnyxSettings
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import read_back, tones

PLAIN = Utterance("Hello there. And more.", VoiceName("Telnyx", "Test", "plain"), "tenant")


class Written(AsyncIterator[str]):
    """Text that comes in these pieces."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = iter(pieces)

    async def __anext__(self) -> str:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@asynccontextmanager
async def telnyx(server: RunningServer, transport: str, **settings: Any) -> AsyncIterator[Telnyx]:
    section = {"api_key": server.key, "base_url": server.url, "vendor": "Local", "transport": transport}
    vendor = Telnyx(TelnyxSettings.model_validate(section | settings), LoopClock())
    await vendor.start()
    try:
        yield vendor
    finally:
        await vendor.aclose()


async def test_over_a_socket_every_sample_arrives(shared_server: RunningServer) -> None:
    async with telnyx(shared_server, "websocket") as vendor:
        whole = [chunk.pcm async for chunk in vendor.synthesize(PLAIN, Abort())]
        assert b"".join(whole) == tones("Hello there.") + tones("And more.")
        text = Written(["Hello ", "there. ", "And", " more."])
        written = [chunk.pcm async for chunk in vendor.synthesize_text(PLAIN, text, Abort())]
        assert b"".join(written) == tones("Hello there.") + tones("And more.")


async def test_over_rest_the_answers_own_format_is_believed(shared_server: RunningServer) -> None:
    """A local voice has no field for the format, so MP3 comes; its beginning is the codec's own silence."""
    async with telnyx(shared_server, "http") as vendor:
        chunks = [chunk async for chunk in vendor.synthesize(PLAIN, Abort())]
        assert {chunk.rate_hz for chunk in chunks if chunk.pcm} == {24_000}
        assert "ello there. And more" in read_back(b"".join(chunk.pcm for chunk in chunks))


async def test_refusals_are_told_as_what_they_are(shared_server: RunningServer) -> None:
    nobody = Utterance("Hi.", VoiceName("Telnyx", "Test", "nobody"), "tenant")
    for transport, kind in (("websocket", InvalidVoice), ("http", ProviderRejected)):
        async with telnyx(shared_server, transport) as vendor:
            with pytest.raises(kind):
                _ = [chunk async for chunk in vendor.synthesize(nobody, Abort())]
    for transport in ("websocket", "http"):
        async with telnyx(shared_server, transport, api_key="wrong") as vendor:
            with pytest.raises(ProviderDenied):
                _ = [chunk async for chunk in vendor.synthesize(PLAIN, Abort())]


async def test_its_voices_are_listed(shared_server: RunningServer) -> None:
    async with telnyx(shared_server, "http") as vendor:
        voices = await vendor.list_voices()
        assert "Telnyx.Espeak.af" in {str(voice.name) for voice in voices}
