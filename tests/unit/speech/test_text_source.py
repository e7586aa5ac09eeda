"""Text while it is written: read by several, cut into sentences where that is wanted, never owed too soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import replace

import pytest

from voxgate.clock import LoopClock
from voxgate.errors import Overloaded, ProviderTimeout, ProviderUnavailable, TextTooLong, VoxgateError
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider, UpstreamFacts
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.prices import Prices
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import SpeechStream
from voxgate.speech.text_source import MAX_CHARACTERS, TextSource
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

pytestmark = pytest.mark.virtual_time


class Native(Provider):
    """Takes text as it comes, speaks it at flushes and at the end, and fails as it is told."""

    name = "Native"
    capabilities = Capabilities(text_stream=True)
    guarded = True

    def __init__(self, *, fails: VoxgateError | None = None, late_s: float = 0.0) -> None:
        self.fails = fails
        self.late_s = late_s
        self.asked = 0
        self.stopped = 0

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        self.asked += 1
        abort.on_abort(self._stop)
        await asyncio.sleep(self.late_s)
        if self.fails is not None:
            raise self.fails
        yield AudioChunk(b"", 24_000, facts=UpstreamFacts("request-1", 7))
        yield AudioChunk(tones(utterance.text), 24_000)

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        waiting = ""
        async for piece in text:
            waiting += piece
            if not piece and waiting:
                async for chunk in self.synthesize(replace(utterance, text=waiting), abort):
                    yield chunk
                waiting = ""
        if waiting:
            async for chunk in self.synthesize(replace(utterance, text=waiting), abort):
                yield chunk

    def _stop(self) -> None:
        self.stopped += 1


class House:
    def __init__(self, *providers: Provider, hedge_after_s: float = 0.0) -> None:
        self.providers = providers
        self.receipts: list[Receipt] = []
        self.speaker = Speaker(
            self._candidates,
            SpeechCache(0, 0),
            LoopClock(),
            [self.receipts.append],
            hedge_after_s=hedge_after_s,
            prices=Prices({"Native": 1_000_000}),
        )

    def _candidates(self, utterance: Utterance) -> Sequence[Candidate]:
        voices = {"Native": VoiceName("Native", "", "one"), "Local.Test": VoiceName("Local", "Test", "plain")}
        return [
            Candidate(each, replace(utterance, voice=voices[each.name]), stand_in=False)
            for each in self.providers
        ]

    def speak(self, text: str | TextSource, **settings: float) -> SpeechStream:
        source = text if isinstance(text, TextSource) else None
        written = text if isinstance(text, str) else ""
        voice = VoiceName("Native", "", "one")
        return self.speaker.speak(Utterance(written, voice, "a", SpeechSettings(**settings)), source)  # type: ignore[arg-type]


async def heard(stream: SpeechStream) -> bytes:
    return b"".join([chunk.pcm async for chunk in stream])


def test_pieces_are_read_by_each_reader_from_the_beginning() -> None:
    async def run() -> None:
        source = TextSource()
        source.write("One ")
        source.flush()

        async def read() -> list[str]:
            return [piece async for piece in source]

        first, second = asyncio.create_task(read()), asyncio.create_task(read())
        await asyncio.sleep(0)
        source.write("two.")
        source.end()
        source.write("too late")
        assert await first == await second == ["One ", "", "two."]
        assert (source.text, source.characters) == ("One two.", 8)

    asyncio.run(run())


def test_a_text_has_a_limit() -> None:
    source = TextSource()
    source.write("x" * MAX_CHARACTERS)
    with pytest.raises(TextTooLong):
        source.write("x")


async def test_sentences_are_cut_for_a_provider_that_wants_them() -> None:
    provider = ScriptedProvider(LoopClock())
    source = TextSource()
    stream = House(provider).speak(source)
    for piece in ("Hel", "lo there. How ", "are you? I ", "am"):
        source.write(piece)
        await asyncio.sleep(3600)
    source.end()
    assert read_back(await heard(stream)) == "Hello there. How are you? I am"
    assert [text.strip() for text in provider.spoken] == ["Hello there.", "How are you?", "I am"]
    receipt = await stream.receipt
    assert receipt.characters_accepted == receipt.characters_sent == len("Hello there. How are you? I am")
    assert receipt.outcome is Outcome.COMPLETED


async def test_a_provider_owes_nothing_before_it_is_asked() -> None:
    source = TextSource()
    stream = House(Native()).speak(source)
    source.write("Slowly ")
    await asyncio.sleep(10_000)
    source.write("written.")
    source.end()
    assert read_back(await heard(stream)) == "Slowly written."


async def test_but_then_it_is_not_waited_for_for_ever() -> None:
    source = TextSource()
    stream = House(Native(late_s=10**6)).speak(source)
    source.write("Hello.")
    source.end()
    with pytest.raises(ProviderTimeout):
        await heard(stream)


async def test_what_the_first_was_given_the_second_speaks_from_the_top() -> None:
    source = TextSource()
    failing, other = Native(fails=ProviderUnavailable("down")), ScriptedProvider(LoopClock())
    stream = House(failing, other).speak(source)
    source.write("One. ")
    source.flush()
    await asyncio.sleep(1)
    source.write("Two.")
    source.end()
    assert read_back(await heard(stream)).replace(" ", "") == "One.Two."


async def test_upstream_facts_reach_the_receipt() -> None:
    house = House(Native())
    stream = house.speak("Hello.")
    await heard(stream)
    receipt = await stream.receipt
    assert (receipt.provider_request_id, receipt.characters_billed, receipt.cost) == ("request-1", 7, 7.0)


async def test_a_provider_that_fails_again_and_again_is_not_asked_for_a_while() -> None:
    native, local = Native(fails=ProviderUnavailable("down")), ScriptedProvider(LoopClock())
    house = House(native, local)
    for _ in range(5):
        assert await heard(house.speak("Hello."))
    assert native.asked == 3
    await asyncio.sleep(6)
    native.fails = None
    stream = house.speak("Hello.")
    await heard(stream)
    assert stream.provider == "Native"


async def test_with_nobody_else_the_caller_is_told_what_to_wait_for() -> None:
    house = House(Native(fails=ProviderUnavailable("down")))
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await heard(house.speak("Hello."))
    with pytest.raises(Overloaded) as failure:
        await heard(house.speak("Hello."))
    assert failure.value.retry_after_s == pytest.approx(5.0)


async def test_a_slow_provider_gets_a_rival_and_the_first_that_is_heard_goes_on() -> None:
    slow, local = Native(late_s=5.0), ScriptedProvider(LoopClock())
    house = House(slow, local, hedge_after_s=0.3)
    stream = house.speak("Hello.")
    assert await heard(stream) == tones("Hello.")
    receipt = await stream.receipt
    assert receipt.provider == "Local.Test"
    assert receipt.first_audio_ms == pytest.approx(300, abs=1)
    assert slow.stopped == 1
    assert len(house.receipts) == 1


async def test_a_quick_provider_has_no_rival() -> None:
    local = ScriptedProvider(LoopClock())
    house = House(Native(late_s=0.1), local, hedge_after_s=0.3)
    stream = house.speak("Hello.")
    await heard(stream)
    assert stream.provider == "Native"
    assert not local.spoken


async def test_the_loser_of_a_race_may_fail_unheard() -> None:
    failing = Native(fails=ProviderUnavailable("down"), late_s=1.0)
    house = House(failing, ScriptedProvider(LoopClock()), hedge_after_s=0.3)
    assert await heard(house.speak("Hello.")) == tones("Hello.")
    hasty = Native(fails=ProviderUnavailable("down"))
    house = House(hasty, ScriptedProvider(LoopClock()), hedge_after_s=0.3)
    assert await heard(house.speak("Hello.")) == tones("Hello.")


async def test_both_fail() -> None:
    house = House(
        Native(fails=ProviderUnavailable("down"), late_s=1.0),
        Native(fails=ProviderUnavailable("down too")),
        hedge_after_s=0.3,
    )
    with pytest.raises(ProviderUnavailable):
        await heard(house.speak("Hello."))


@pytest.mark.parametrize("cancel_after_s", [0.0, 0.2, 0.4])
async def test_cancelling_stops_all_rivals(cancel_after_s: float) -> None:
    first, second = Native(late_s=5.0), Native(late_s=5.0)
    house = House(first, second, hedge_after_s=0.3)
    stream = house.speak("Hello.")
    await asyncio.sleep(cancel_after_s)
    stream.cancel()
    await asyncio.sleep(0.01)
    assert (first.stopped, second.stopped) == (first.asked, second.asked)
    assert (await stream.receipt).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("settings", "length", "peak"), [({"speed": 2.0}, 0.5, 1.0), ({"speed": 0.5, "volume": 0.5}, 2.0, 0.5)]
)
async def test_what_a_provider_cannot_is_done_to_its_audio(
    settings: dict[str, float], length: float, peak: float
) -> None:
    plain = await heard(House(Native()).speak("Hello there."))
    shaped = await heard(House(Native()).speak("Hello there.", **settings))
    assert len(shaped) / len(plain) == pytest.approx(length, rel=0.1)

    def loudest(pcm: bytes) -> int:
        return max(map(abs, memoryview(pcm).cast("h")))

    assert loudest(shaped) / loudest(plain) == pytest.approx(peak, rel=0.15)
