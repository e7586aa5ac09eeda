"""A Telnyx-style session whose connection is lost: no audio is missing or there twice, or it is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.wire import Script, Servers, Wire, encoded, servers
from voxgate.client.backoff import Backoff
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.retry import Retry
from voxgate.client.telnyx import MAX_KEPT_CHARACTERS, Speech
from voxgate.client.telnyx_frames import SpeechOptions
from voxgate.errors import NotAuthenticated, Overloaded, ProviderRejected, ProviderUnavailable
from voxgate.testing.virtual_time import run

RETRY = Retry(Backoff(first_s=1, attempts=5), chance=lambda: 1.0)
PIECES = 3


def speaking(after: int | None = None) -> Script:
    """A server that speaks each text in pieces, and is cut off after so many messages."""

    async def script(wire: Wire) -> None:
        left = after

        async def tell(**fields: object) -> None:
            nonlocal left
            if left == 0:
                await wire.cut()
            if left is not None:
                left -= 1
            await wire.tell(**fields)

        assert await wire.heard() == {"text": " "}
        while (text := (await wire.heard())["text"]) != "":
            for piece in range(PIECES):
                await tell(audio=encoded(f"{text}{piece} ".encode()), text=None)
        await tell(audio=None, text="", isFinal=True)
        await wire.cut(1000)

    return script


async def heard(speech: Speech) -> tuple[list[Event], Exception | None]:
    events: list[Event] = []
    try:
        async for event in speech:
            events.append(event)
    except Exception as error:
        return events, error
    return events, None


def audio(events: Sequence[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Audio))


async def say(at: Servers, *texts: str, retry: Retry = RETRY) -> tuple[list[Event], Exception | None]:
    speech = await Speech.open(at.dial, SpeechOptions(), retry)
    for text in texts:
        await speech.send(text)
    await speech.end()
    try:
        return await heard(speech)
    finally:
        await speech.aclose()


@given(
    texts=st.lists(st.sampled_from(["one.", "two.", "three."]), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 14), max_size=4),
)
def test_wherever_it_is_cut_nothing_is_missing_or_twice(texts: list[str], cuts: list[int]) -> None:
    async def main() -> None:
        async with servers(*map(speaking, cuts), speaking()) as at:
            events, error = await say(at, *texts)
        wanted = "".join(f"{text}{piece} " for text in texts for piece in range(PIECES)).encode()
        begun = next((cut for cut in cuts if cut > 0), None)
        if error is None:
            assert audio(events) == wanted
            assert Final() in events
            assert sum(isinstance(event, Reconnected) for event in events) == len(at.dialled_s) - 1
        else:
            assert isinstance(error, Interrupted)
            assert begun is not None
            assert begun <= len(texts) * PIECES
            assert (
                audio(events)
                == b"".join(f"{text}{piece} ".encode() for text in texts for piece in range(PIECES))[
                    : len(audio(events))
                ]
            )
            assert sum(isinstance(event, Audio) for event in events) == begun

    run(main())


@pytest.mark.virtual_time
async def test_it_connects_again_with_growing_waits_and_sends_all_again() -> None:
    gone = ProviderUnavailable("gone")
    async with servers(speaking(0), gone, gone, speaking()) as at:
        events, error = await say(at, "one.", "two.")
    assert error is None
    assert events[0] == Reconnected(3)
    assert audio(events) == b"one.0 one.1 one.2 two.0 two.1 two.2 "
    first_s, *later_s = at.dialled_s
    assert [at_s - first_s for at_s in later_s] == [1, 3, 7]


@pytest.mark.virtual_time
async def test_it_gives_up_in_the_end() -> None:
    async with servers(speaking(0)) as at:
        events, error = await say(at, "one.")
    assert isinstance(error, ProviderUnavailable)
    assert error.status == 1006
    assert len(at.dialled_s) == 6
    assert audio(events) == b""


@pytest.mark.virtual_time
async def test_a_refusal_on_the_way_back_is_told() -> None:
    async with servers(speaking(0), NotAuthenticated("revoked")) as at:
        _, error = await say(at, "one.")
    assert isinstance(error, NotAuthenticated)


@pytest.mark.virtual_time
async def test_a_server_that_asks_for_time_gets_it() -> None:
    async with servers(speaking(0), Overloaded("full", retry_after_s=30), speaking()) as at:
        _, error = await say(at, "one.")
    assert error is None
    assert at.dialled_s[2] - at.dialled_s[1] == 31  # and a second of jitter


@pytest.mark.virtual_time
async def test_what_the_server_refused_is_not_said_again() -> None:
    async def refusing(wire: Wire) -> None:
        await wire.heard()
        await wire.tell(error="Invalid voice_id specified")
        await wire.cut(1008)

    async with servers(refusing, speaking()) as at:
        _, error = await say(at, "one.")
    assert isinstance(error, ProviderRejected)
    assert len(at.dialled_s) == 1


async def one_turn_then_cut(wire: Wire) -> None:
    """Speaks what comes until it has sent a final, and is cut off."""
    await wire.heard()
    text = (await wire.heard())["text"]
    await wire.tell(audio=encoded(text.encode()), text=None)
    await wire.tell(audio=None, text="", isFinal=True)
    await wire.cut()


@pytest.mark.virtual_time
async def test_a_turn_sent_in_one_piece_is_settled_by_its_final() -> None:
    async with servers(one_turn_then_cut, speaking()) as at:
        speech = await Speech.open(at.dial, SpeechOptions(), RETRY)
        await speech.send("First.")
        assert [await anext(speech), await anext(speech)] == [Audio(b"First."), Final()]
        await speech.send("two.")
        await speech.end()
        events, error = await heard(speech)
        await speech.aclose()
    assert error is None
    assert audio(events) == b"two.0 two.1 two.2 "


@pytest.mark.virtual_time
async def test_of_a_turn_in_pieces_nobody_knows_which_the_final_was_for() -> None:
    async with servers(one_turn_then_cut, speaking()) as at:
        speech = await Speech.open(at.dial, SpeechOptions(), RETRY)
        await speech.send("First.")
        await speech.send("two.")  # crosses the final on its way
        events, error = await heard(speech)
        await speech.aclose()
    assert isinstance(error, Interrupted)
    assert events == [Audio(b"First."), Final()]


@pytest.mark.virtual_time
async def test_after_an_interruption_only_the_new_text_is_said_again() -> None:
    async def deaf(wire: Wire) -> None:
        for _ in range(4):
            await wire.heard()
        await wire.cut()

    async with servers(deaf, speaking()) as at:
        speech = await Speech.open(at.dial, SpeechOptions(), RETRY)
        await speech.send("one.")
        await speech.interrupt("two.")
        await speech.end()
        events, error = await heard(speech)
        await speech.aclose()
    assert error is None
    assert audio(events) == b"two.0 two.1 two.2 "


@pytest.mark.virtual_time
async def test_more_than_is_kept_is_not_said_again() -> None:
    async with servers(speaking(0), speaking()) as at:
        _, error = await say(at, "x" * MAX_KEPT_CHARACTERS, "y")
    assert isinstance(error, Interrupted)


@pytest.mark.virtual_time
async def test_cancelling_while_it_waits_to_connect_again() -> None:
    async with servers(speaking(0), speaking()) as at:
        speech = await Speech.open(at.dial, SpeechOptions(), RETRY)
        await speech.send("one.")

        async def cancel_soon() -> None:
            await RETRY.clock.sleep(0.5)
            speech.cancel()

        import asyncio

        cancelling = asyncio.create_task(cancel_soon())
        events, error = await heard(speech)
        await cancelling
        await speech.aclose()
    assert (events, error) == ([], None)
