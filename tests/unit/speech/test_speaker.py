"""The Speaker over the scripted voice: what is heard, what is accounted, what stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

import pytest

from voxgate.clock import LoopClock
from voxgate.errors import (
    IncompleteAudio,
    InvalidVoice,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    SynthesisError,
    VoxgateError,
)
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import BUFFER_BYTES, SpeechStream
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

pytestmark = pytest.mark.virtual_time


class Candidates:
    """A router that names the scripted voices it was given, in order."""

    def __init__(self, *voices: str, provider: Provider) -> None:
        self.voices, self.provider = voices, provider

    def candidates(self, utterance: Utterance) -> Sequence[Candidate]:
        if not self.voices:
            raise InvalidVoice("No provider here speaks that voice", field="voice")
        return [
            Candidate(self.provider, replace(utterance, voice=VoiceName("Local", "Test", voice)), False)
            for voice in self.voices
        ]


class House:
    """A Speaker with a scripted provider, and the Receipts it left."""

    def __init__(self, *voices: str, provider: Provider | None = None, cache_bytes: int = 1 << 20) -> None:
        self.provider = provider or ScriptedProvider(LoopClock())
        self.receipts: list[Receipt] = []
        self.cache = SpeechCache(cache_bytes, 512 * 1024)
        self.speaker = Speaker(
            Candidates(*voices, provider=self.provider).candidates,
            self.cache,
            LoopClock(),
            [self.receipts.append],
        )

    def speak(self, text: str = "Hello", *, tenant: str = "a", cacheable: bool = True) -> SpeechStream:
        voice = VoiceName.parse("Local.Test.asked")
        return self.speaker.speak(Utterance(text, voice, tenant, cacheable=cacheable))


async def heard(stream: SpeechStream) -> bytes:
    return b"".join([chunk.pcm async for chunk in stream])


async def test_every_sample_arrives_once_and_the_receipt_tells() -> None:
    house = House("plain")
    assert await heard(house.speak()) == tones("Hello")
    (receipt,) = house.receipts
    assert receipt.outcome is Outcome.COMPLETED
    assert (receipt.characters_accepted, receipt.characters_sent) == (5, 5)
    assert receipt.audio_made_s == receipt.audio_delivered_s == pytest.approx(0.2)
    assert receipt.spoken_by == "Local.Test.plain"
    assert receipt.voice == "Local.Test.asked"
    assert house.speaker.streams == 0


async def test_taking_never_waits_and_cuts_to_the_asked_size() -> None:
    house = House("late-50+chunk-1000")
    stream = house.speak()
    assert (stream.take(), stream.over) == (None, False)
    await asyncio.sleep(0.06)
    pieces = []
    while (chunk := stream.take(30)) is not None:
        pieces.append(chunk)
    assert {len(piece.pcm) for piece in pieces[:-1]} == {24 * 30 * 2}
    assert b"".join(piece.pcm for piece in pieces) == tones("Hello")
    assert [bool(piece.words) for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert stream.over
    assert stream.first_audio_ms == pytest.approx(50)


async def test_cancel_tells_the_provider_in_the_same_call_and_nothing_follows() -> None:
    house = House("paced")
    provider = house.provider
    assert isinstance(provider, ScriptedProvider)
    stream = house.speak("A long sentence")
    await asyncio.sleep(0.1)
    assert stream.take() is not None
    stream.cancel()
    assert provider.aborted == 1
    assert stream.over
    assert stream.take() is None
    assert (await stream.receipt).outcome is Outcome.CANCELLED
    stream.cancel()
    await asyncio.sleep(1)
    assert len(house.receipts) == 1
    assert house.receipts[0].audio_delivered_s < house.receipts[0].audio_made_s


async def test_cancelled_before_it_began_and_after_it_was_all_made() -> None:
    house = House("plain")
    house.speak().cancel()
    late = house.speak()
    await asyncio.sleep(0.1)
    late.cancel()
    assert [receipt.outcome for receipt in house.receipts] == [Outcome.CANCELLED] * 2
    assert house.receipts[1].audio_delivered_s == 0
    await asyncio.sleep(0)


async def test_a_reader_that_stops_holds_no_more_than_the_buffer() -> None:
    house = House("plain")
    stream = house.speak("x" * 1000)
    await asyncio.sleep(1)
    held = stream._held_bytes
    assert BUFFER_BYTES <= held < BUFFER_BYTES + 2000
    assert await heard(stream) == tones("x" * 1000)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("fail-3", ProviderUnavailable),
        ("refuse", ProviderRejected),
        ("empty", IncompleteAudio),
        ("hang-0", ProviderTimeout),
        ("hang-2", ProviderTimeout),
    ],
)
async def test_failures_end_the_stream_after_what_was_made(script: str, error: type[VoxgateError]) -> None:
    house = House(script)
    stream, audio = house.speak(), []

    async def listen() -> None:
        async for chunk in stream:
            audio.append(chunk.pcm)

    with pytest.raises(error):
        await listen()
    assert tones("Hello").startswith(b"".join(audio))
    (receipt,) = house.receipts
    assert receipt.outcome is Outcome.FAILED
    assert receipt.error_code == error.code


async def test_nobody_to_speak_is_an_error_of_the_stream() -> None:
    house = House()
    with pytest.raises(InvalidVoice):
        await heard(house.speak())


async def test_the_next_candidate_speaks_while_nothing_was_heard() -> None:
    house = House("fail-0", "full", "plain")
    assert read_back(await heard(house.speak())) == "Hello"
    assert house.receipts[0].spoken_by == "Local.Test.plain"


async def test_after_the_first_audio_nobody_starts_again_from_the_top() -> None:
    house = House("fail-2", "plain")
    with pytest.raises(ProviderUnavailable):
        await heard(house.speak())


async def test_an_error_that_will_not_pass_is_not_tried_elsewhere() -> None:
    house = House("refuse", "plain")
    with pytest.raises(ProviderRejected):
        await heard(house.speak())


async def test_whole_speech_is_kept_for_its_tenant_only() -> None:
    house = House("paced")
    provider = house.provider
    assert isinstance(provider, ScriptedProvider)
    first = await heard(house.speak())
    again = house.speak()
    assert await heard(again) == first
    assert again.cached
    assert again.first_audio_ms == 0
    assert house.receipts[-1].cached
    assert house.receipts[-1].characters_sent == 0
    assert provider.spoken == ["Hello"]
    other = house.speak(tenant="b")
    await heard(other)
    assert not other.cached
    fresh = house.speak(cacheable=False)
    await heard(fresh)
    assert not fresh.cached


async def test_half_speech_is_not_kept() -> None:
    house = House("paced")
    stream = house.speak()
    await asyncio.sleep(0.1)
    stream.cancel()
    await asyncio.sleep(0)
    assert house.cache.size_bytes == 0


class Broken(Provider):
    name = "Local.Test"
    capabilities = Capabilities()
    closed = False

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        try:
            yield AudioChunk(b"\0\0", 8000)
            raise ZeroDivisionError(utterance.text)
        finally:
            self.closed = True


async def test_a_bug_in_a_provider_ends_its_own_stream_and_says_nothing_of_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    house = House("any", provider=Broken())
    with pytest.raises(SynthesisError):
        await heard(house.speak("canary"))
    assert isinstance(house.provider, Broken)
    assert house.provider.closed
    assert "canary" not in "".join(capsys.readouterr())


async def test_closing_cancels_what_is_running() -> None:
    house = House("paced")
    streams = [house.speak() for _ in range(3)]
    await asyncio.sleep(0.05)
    await house.speaker.aclose()
    assert all(stream.over for stream in streams)
    assert [receipt.outcome for receipt in house.receipts] == [Outcome.CANCELLED] * 3


@pytest.mark.parametrize("when", [0, 0.01, 0.05, 0.3])
async def test_one_receipt_whatever_happens(when: float) -> None:
    scripts: list[Callable[[], House]] = [
        lambda: House("paced"),
        lambda: House("fail-1"),
        lambda: House("refuse"),
        lambda: House("hang-1"),
    ]
    for make in scripts:
        house = make()
        stream = house.speak()
        await asyncio.sleep(when)
        while stream.take() is not None:
            pass
        stream.cancel()
        await asyncio.sleep(20)
        assert len(house.receipts) == 1


class Stray(Provider):
    """Lets a cancellation escape that was meant for work of its own."""

    name = "Local.Test"
    capabilities = Capabilities()

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        yield AudioChunk(b"\0\0", 24_000)
        work = asyncio.ensure_future(asyncio.Event().wait())
        work.cancel()
        await work


async def test_a_cancellation_that_nobody_asked_for_is_a_failure_not_a_hang() -> None:
    house = House("plain", provider=Stray())
    with pytest.raises(ProviderUnavailable):
        await heard(house.speak())
    assert house.receipts[0].outcome is Outcome.FAILED
