from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import Overloaded, ProviderUnavailable
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.delivery import (
    SLOWEST_SPOKEN,
    Delivery,
    split_speed,
)
from voxgate.speech.pieces import PIECE_CHARACTERS, cut
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.sentences import speakable
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import ScriptedProvider, read_back, tones

PCM = AudioFormat(Codec.PCM_S16LE, 24_000)
WAV = AudioFormat(Codec.PCM_S16LE, 24_000, Container.WAV)

pytestmark = pytest.mark.virtual_time


class Room:
    """A Speaker over the scripted voice."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.provider = ScriptedProvider(LoopClock())
        self.speaker = Speaker(self._candidates, SpeechCache(0, 0), LoopClock(), [self.receipts.append])

    def _candidates(self, utterance: Utterance) -> Sequence[Candidate]:
        return (Candidate(self.provider, utterance, stand_in=False),)

    def delivery(
        self, *texts: str, script: str = "plain", target: AudioFormat = PCM, stretch: float = 1.0
    ) -> Delivery:
        voice = VoiceName("Local", "Test", script)
        return self.deliver([Utterance(text, voice, "tenant") for text in texts], target, stretch)

    def deliver(
        self, utterances: Sequence[Utterance], target: AudioFormat = PCM, stretch: float = 1.0
    ) -> Delivery:
        return Delivery(self.speaker, utterances, target, stretch=stretch)

    @property
    def outcomes(self) -> list[Outcome]:
        return [receipt.outcome for receipt in self.receipts]


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    made = Room()
    yield made
    await made.speaker.aclose()


async def whole(delivery: Delivery) -> bytes:
    await delivery.begin()
    async with aclosing(delivery.chunks()) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_pieces_sound_one_after_the_other_each_once() -> None:
    async with room() as made:
        pcm = await whole(made.delivery("One. ", "Two. ", "Three."))
        assert pcm == tones("One. ") + tones("Two. ") + tones("Three.")
        assert made.provider.spoken == ["One. ", "Two. ", "Three."]
        assert made.outcomes == [Outcome.COMPLETED] * 3


async def test_the_first_audio_comes_before_the_last_is_made() -> None:
    async with room() as made:
        delivery = made.delivery("A text of some length.", script="paced")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await delivery.begin()
        first_s = loop.time() - began_s
        async with aclosing(delivery.chunks()) as pieces:
            pcm = b"".join([piece async for piece in pieces])
        assert read_back(pcm) == "A text of some length."
        assert first_s < 0.1 < 0.8 < loop.time() - began_s


async def test_only_the_next_piece_is_made_ahead() -> None:
    async with room() as made:
        delivery = made.delivery(*(f"Sentence {number}. " for number in range(6)))
        await delivery.begin()
        await asyncio.sleep(60)
        assert len(made.provider.spoken) == 2
        delivery.cancel()


async def test_a_failure_before_audio_is_raised_by_begin() -> None:
    async with room() as made:
        delivery = made.delivery("Hello.", script="fail-0")
        with pytest.raises(ProviderUnavailable):
            await delivery.begin()
        delivery.cancel()
        assert made.outcomes == [Outcome.FAILED]


async def test_a_failure_in_mid_speech_is_raised_where_the_audio_ends() -> None:
    async with room() as made:
        delivery = made.delivery("Hello there.", script="fail-5")
        await delivery.begin()
        pieces = delivery.chunks()
        assert await anext(pieces) + await anext(pieces) == tones("Hello there.")[: 5 * 24 * 20 * 2]
        with pytest.raises(ProviderUnavailable):
            await anext(pieces)
        delivery.cancel()


async def test_cancel_stops_what_is_spoken_and_what_is_made_ahead() -> None:
    async with room() as made:
        delivery = made.delivery("One is long enough. ", "Two. ", "Three.", script="paced")
        await delivery.begin()
        await asyncio.sleep(0.01)
        delivery.cancel()
        assert made.outcomes == [Outcome.CANCELLED] * 2
        assert made.provider.aborted == 2
        assert [piece async for piece in delivery.chunks()] == []
        assert delivery.cancelled
        assert len(made.receipts) == 2


async def test_cancel_after_the_end_changes_nothing() -> None:
    async with room() as made:
        delivery = made.delivery("Hello.")
        await whole(delivery)
        delivery.cancel()
        assert not delivery.cancelled
        assert made.outcomes == [Outcome.COMPLETED]


async def test_speech_that_the_server_stops_is_not_taken_for_whole() -> None:
    async with room() as made:
        delivery = made.delivery("Hello there.", script="paced")
        await delivery.begin()
        await made.speaker.aclose()
        with pytest.raises(Overloaded):
            async for _ in delivery.chunks():
                pass


@pytest.mark.parametrize("stretch", [0.25 / SLOWEST_SPOKEN, 0.5])
async def test_stretching_makes_it_last_longer(stretch: float) -> None:
    async with room() as made:
        delivery = made.delivery("Slowly now.", stretch=stretch)
        pcm = await whole(delivery)
        expected = len(tones("Slowly now.")) / stretch
        assert len(pcm) == pytest.approx(expected, rel=0.01)
        assert delivery.audio_s == pytest.approx(expected / 2 / 24_000, rel=0.01)


async def test_pieces_at_different_rates_make_one_stream_with_one_header() -> None:
    async with room() as made:
        texts = ("One. ", "plain"), ("Two. ", "rate-16000"), ("Three.", "plain")
        utterances = [Utterance(text, VoiceName("Local", "Test", script), "tenant") for text, script in texts]
        file = await whole(made.deliver(utterances, WAV))
        assert file.startswith(b"RIFF")
        assert file.count(b"RIFF") == 1
        assert read_back(file[44:]) == "One. Two. Three."


async def test_chunking_does_not_change_the_bytes() -> None:
    mp3 = AudioFormat(Codec.MP3, 24_000)
    async with room() as made:
        files = {
            await whole(made.delivery("The same bytes, always. ", "Twice.", script=script, target=mp3))
            for script in ("plain", "chunk-7", "chunk-500", "paced")
        }
        assert len(files) == 1


async def test_the_voice_that_speaks_is_known_once_there_is_audio() -> None:
    async with room() as made:
        delivery = made.delivery("Hello.")
        await delivery.begin()
        assert delivery.spoken_by == "Local.Test.plain"
        delivery.cancel()


TEXT = st.lists(
    st.sampled_from(["Hello there. ", "x" * 90 + " ", "... ", "Is it? ", "3.14 ", "\n\n", "नमस्ते। ", "*** "]),
    max_size=60,
).map("".join)


@given(TEXT)
def test_cutting_loses_nothing_and_leaves_something_to_say_in_each_piece(text: str) -> None:
    pieces = list(cut(text))
    assert "".join(pieces) == text
    if speakable(text):
        assert all(map(speakable, pieces))
    if len(text) > PIECE_CHARACTERS:
        assert len(pieces[0]) <= 2 * PIECE_CHARACTERS


def test_a_short_text_is_one_piece() -> None:
    assert list(cut("One. Two. Three.")) == ["One. Two. Three."]


def test_the_first_piece_of_a_long_text_is_its_first_sentence() -> None:
    pieces = list(cut("It begins here. " + "This goes on and on. " * 100))
    assert pieces[0] == "It begins here. "
    assert all(PIECE_CHARACTERS / 2 < len(piece) <= PIECE_CHARACTERS for piece in pieces[1:-1])


@pytest.mark.parametrize("speed", [0.25, 0.5, SLOWEST_SPOKEN, 1.0, 4.0])
def test_a_split_speed_multiplies_to_what_was_asked(speed: float) -> None:
    spoken, stretch = split_speed(speed)
    assert spoken * stretch == pytest.approx(speed)
    assert spoken >= SLOWEST_SPOKEN
    assert (stretch == 1.0) == (speed >= SLOWEST_SPOKEN)
