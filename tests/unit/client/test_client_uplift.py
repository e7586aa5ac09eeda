"""Many requests on one Uplift-style connection, which is lost at times; all in virtual time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.wire import Script, Servers, Wire, encoded, servers
from voxgate.client.backoff import Backoff
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.link import Cut
from voxgate.client.playback import playout, whole
from voxgate.client.retry import Retry
from voxgate.client.uplift import Connection, Speech, SpeechOptions
from voxgate.errors import (
    Conflict,
    IncompleteAudio,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    SynthesisError,
    TextTooLong,
    VoxgateError,
)
from voxgate.testing.virtual_time import run

RETRY = Retry(Backoff(first_s=1, attempts=6), chance=lambda: 1.0)
PIECES = 3


def speaking(after: int | None = None, *, life: int = 0, log: list[Any] | None = None) -> Script:
    """A server that speaks all requests at once, their pieces in turn; cut off after so many of these.

    What it speaks tells ``life``, so that audio of two connections cannot pass for that of one.
    """

    async def script(wire: Wire) -> None:
        left = after
        running: dict[str, tuple[str, int]] = {}
        arrived = asyncio.Event()

        async def listen() -> None:
            while True:
                asked = await wire.heard()
                if log is not None:
                    log.append(asked)
                if asked["type"] == "cancel":
                    running.pop(asked["requestId"], None)
                else:
                    running[asked["requestId"]] = (asked["text"], 0)
                arrived.set()

        await wire.tell(type="ready", sessionId="s")
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            while not wire.closed:
                for request_id, (text, piece) in list(running.items()):
                    if left == 0:
                        listening.cancel()
                        await wire.cut()
                        return
                    left = None if left is None else left - 1
                    await asyncio.sleep(0.01)  # or all would be there, the cut as well, before anybody reads
                    if piece < PIECES:
                        running[request_id] = (text, piece + 1)
                        data = encoded(f"{text}{life}.{piece} ".encode())
                        await wire.tell(type="audio", requestId=request_id, audio=data, sequence=piece)
                    else:
                        del running[request_id]
                        await wire.tell(type="audio_end", requestId=request_id, timestamp=1)
                if not running:
                    arrived.clear()
                    await arrived.wait()
                await asyncio.sleep(0)

    async def guarded(wire: Wire) -> None:
        try:
            await script(wire)
        except* Cut:
            pass  # the client has hung up

    return guarded


@asynccontextmanager
async def connected(
    *scripts: Script | VoxgateError, room_bytes: int = 1 << 20, retry: Retry = RETRY
) -> AsyncIterator[tuple[Connection, Servers]]:
    async with servers(*scripts) as at:
        connection = await Connection.open(at.dial, retry, room_bytes=room_bytes)
        try:
            yield connection, at
        finally:
            await connection.aclose()


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


def spoken(text: str, life: int) -> bytes:
    return "".join(f"{text}{life}.{piece} " for piece in range(PIECES)).encode()


def check_whole(text: str, events: Sequence[Event], error: Exception | None) -> None:
    """What was handed out is all that one connection spoke, or its beginning and an error that says so."""
    data = audio(events)
    lives = set(re.findall(rb"[a-z](\d+)\.", data))
    if error is None:
        assert len(lives) == 1
        assert data == spoken(text, int(lives.pop()))
        assert events[-1] == Final()
        assert sum(isinstance(event, Final) for event in events) == 1
    else:
        assert isinstance(error, Interrupted)
        assert len(lives) == 1
        assert spoken(text, int(lives.pop())).startswith(data)
        assert Final() not in events


CUTS = st.lists(st.integers(0, 16), max_size=5)


@given(count=st.integers(1, 4), cuts=CUTS)
def test_wherever_it_is_cut_nothing_is_missing_or_twice(count: int, cuts: list[int]) -> None:
    async def main() -> None:
        scripts = [speaking(cut, life=life) for life, cut in enumerate(cuts)]
        async with connected(*scripts, speaking(life=len(cuts))) as (connection, _):
            texts = "abcd"[:count]
            speeches = [await connection.speak(text) for text in texts]
            outcomes = await asyncio.gather(*map(heard, speeches))
        for text, (events, error) in zip(texts, outcomes, strict=True):
            check_whole(text, events, error)

    run(main())


@given(count=st.integers(1, 5), cuts=CUTS)
def test_what_is_played_in_order_loses_at_most_the_one_that_was_playing(count: int, cuts: list[int]) -> None:
    async def main() -> None:
        scripts = [speaking(cut, life=life) for life, cut in enumerate(cuts)]
        played, lost = b"", 0
        async with connected(*scripts, speaking(life=len(cuts))) as (connection, _), playout() as line:
            for text in "abcde"[:count]:
                await line.add(await connection.speak(text))
            line.finish()
            while True:
                try:
                    played += await anext(line)
                except StopAsyncIteration:
                    break
                except Interrupted:
                    lost += 1
        order = re.findall(rb"([a-e])(\d+)\.(\d) ", played)
        assert lost <= len(cuts)
        assert [(text, piece) for text, _, piece in order] == sorted(
            (text, piece) for text, _, piece in order
        )
        for text in {text for text, _, _ in order}:
            assert len({life for name, life, _ in order if name == text}) == 1
        assert len(order) >= (count - lost) * PIECES

    run(main())


@pytest.mark.virtual_time
async def test_what_was_asked_for_is_what_goes_over_the_wire() -> None:
    log: list[Any] = []
    options = SpeechOptions("v_meklc281", "MP3_22050_64", "config", 1.5)
    async with connected(speaking(log=log)) as (connection, _):
        one, two = await connection.speak("a", options), await connection.speak("b")
        assert await whole(one) == spoken("a", 0)
        assert await whole(two) == spoken("b", 0)
    ids = [asked.pop("requestId") for asked in log]
    assert len(set(ids)) == 2
    assert log == [
        {
            "type": "synthesize",
            "text": "a",
            "voiceId": "v_meklc281",
            "outputFormat": "MP3_22050_64",
            "phraseReplacementConfigId": "config",
            "speed": 1.5,
        },
        {"type": "synthesize", "text": "b", "outputFormat": "PCM_22050_16"},
    ]


@pytest.mark.virtual_time
async def test_a_lost_request_is_asked_for_under_a_new_id_and_says_so() -> None:
    log: list[Any] = []
    async with connected(speaking(0, log=log), speaking(log=log)) as (connection, at):
        events, error = await heard(await connection.speak("a"))
    assert error is None
    assert events[0] == Reconnected(1)
    assert log[0]["requestId"] != log[1]["requestId"]
    assert at.dialled_s[1] - at.dialled_s[0] == pytest.approx(1, abs=0.2)


@pytest.mark.virtual_time
async def test_a_request_that_is_cut_in_the_middle_is_told_and_the_others_are_spoken() -> None:
    async with connected(speaking(3), speaking(life=1)) as (connection, _):
        one, two = await connection.speak("a"), await connection.speak("b")
        assert await anext(one) == Audio(b"a0.0 ")
        events, error = await heard(one)
        assert events == [Audio(b"a0.1 ")]
        assert isinstance(error, Interrupted)
        assert isinstance(error.__cause__, ProviderUnavailable)
        assert await heard(two) == (
            [Reconnected(1), *(Audio(f"b1.{piece} ".encode()) for piece in range(PIECES)), Final()],
            None,
        )


@pytest.mark.virtual_time
async def test_waits_grow_until_something_was_spoken() -> None:
    gone = ProviderUnavailable("gone")
    async with connected(speaking(0), gone, gone, speaking(4), speaking()) as (connection, at):
        assert await whole(await connection.speak("a")) == spoken("a", 0)
        assert await whole(await connection.speak("b")) == spoken("b", 0)
    first_s, *later_s = at.dialled_s
    assert [at_s - first_s for at_s in later_s] == pytest.approx([1, 3, 7, 8], abs=0.2)


@pytest.mark.virtual_time
async def test_a_server_that_never_comes_back_is_told_and_the_next_request_begins_anew() -> None:
    gone = ProviderUnavailable("gone")
    async with connected(speaking(0), *[gone] * 6, speaking()) as (connection, at):
        events, error = await heard(await connection.speak("a"))
        assert (events, error) == ([Reconnected(1)], gone)
        assert len(at.dialled_s) == 7
        assert await whole(await connection.speak("b")) == spoken("b", 0)


@pytest.mark.virtual_time
async def test_a_request_that_kills_every_connection_is_given_up() -> None:
    async with connected(speaking(0)) as (connection, at):
        _, error = await heard(await connection.speak("a"))
    assert isinstance(error, ProviderUnavailable)
    assert len(at.dialled_s) == 7


@pytest.mark.virtual_time
async def test_an_idle_connection_that_is_lost_is_made_again_when_it_is_needed() -> None:
    async def one_and_gone(wire: Wire) -> None:
        await wire.tell(type="ready", sessionId="s")
        await wire.cut()

    async with connected(one_and_gone, speaking()) as (connection, at):
        await asyncio.sleep(3600)
        assert len(at.dialled_s) == 1
        assert await whole(await connection.speak("a")) == spoken("a", 0)
    assert at.dialled_s[1] - at.dialled_s[0] == 3600


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("auth_failed", NotAuthenticated),
        ("synthesis_failed", SynthesisError),
        ("duplicate_request", Conflict),
        ("rate_limit_exceeded", RateLimited),
        ("text_too_long", TextTooLong),
        ("something_new", SynthesisError),
    ],
)
@pytest.mark.virtual_time
async def test_an_error_belongs_to_its_request(code: str, kind: type[VoxgateError]) -> None:
    async def refusing(wire: Wire) -> None:
        await wire.tell(type="ready", sessionId="s")
        first, second = await wire.heard(), await wire.heard()
        await wire.tell(type="error", requestId=first["requestId"], code=code, message="Because.")
        second_id = second["requestId"]
        await wire.tell(type="audio", requestId=second_id, audio=encoded(b"fine"), sequence=0)
        await wire.tell(type="audio_end", requestId=second_id)

    async with connected(refusing) as (connection, _):
        one, two = await connection.speak("a"), await connection.speak("b")
        with pytest.raises(kind, match="Because"):
            await whole(one)
        assert await whole(two) == b"fine"


Messages = Callable[[str], list[dict[str, object]]]


async def outcome_of(messages: Messages) -> tuple[list[Event], Exception | None]:
    async def script(wire: Wire) -> None:
        await wire.tell(type="ready", sessionId="s")
        request_id = (await wire.heard())["requestId"]
        for message in messages(request_id):
            await wire.tell(**message)

    async with connected(script) as (connection, _):
        return await heard(await connection.speak("a"))


def piece(request_id: str, data: bytes, sequence: int) -> dict[str, object]:
    return {"type": "audio", "requestId": request_id, "audio": encoded(data), "sequence": sequence}


@pytest.mark.virtual_time
async def test_a_piece_that_comes_twice_is_handed_out_once() -> None:
    events, error = await outcome_of(
        lambda name: [
            {"type": "audio_start", "requestId": name, "timestamp": 1},
            piece(name, b"a", 0),
            piece(name, b"a", 0),
            piece(name, b"", 1),
            piece("a stranger", b"x", 0),
            {"type": "news"},
            piece(name, b"b", 2),
            {"type": "audio_end", "requestId": name},
        ]
    )
    assert (events, error) == ([Audio(b"a"), Audio(b"b"), Final()], None)


@pytest.mark.virtual_time
async def test_a_piece_that_is_missing_is_told() -> None:
    events, error = await outcome_of(lambda name: [piece(name, b"a", 0), piece(name, b"c", 2)])
    assert events == [Audio(b"a")]
    assert isinstance(error, IncompleteAudio)


@pytest.mark.virtual_time
async def test_success_without_audio_is_told() -> None:
    _, error = await outcome_of(lambda name: [{"type": "audio_end", "requestId": name}])
    assert isinstance(error, IncompleteAudio)


@pytest.mark.virtual_time
async def test_an_error_of_the_connection_is_everybodys() -> None:
    _, error = await outcome_of(lambda _: [{"type": "error", "code": "auth_failed", "message": "No."}])
    assert isinstance(error, NotAuthenticated)


@pytest.mark.parametrize("message", ["no JSON", "[]", '{"type": "audio", "requestId": "x"}', b"\x00"])
@pytest.mark.virtual_time
async def test_what_is_no_message_ends_what_runs(message: str | bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.tell(type="ready", sessionId="s")
        await wire.heard()
        await wire.tell(message)

    async with connected(script) as (connection, _):
        with pytest.raises(SynthesisError, match="no message"):
            await whole(await connection.speak("a"))


@pytest.mark.virtual_time
async def test_a_reader_that_does_not_read_makes_the_server_wait() -> None:
    told = 0

    async def flooding(wire: Wire) -> None:
        nonlocal told
        await wire.tell(type="ready", sessionId="s")
        name = (await wire.heard())["requestId"]
        while True:
            await wire.tell(**piece(name, b"x" * 100, told))
            told += 1

    async with connected(flooding, room_bytes=1000) as (connection, _):
        speech = await connection.speak("a")
        await asyncio.sleep(60)
        assert 10 <= told <= 30  # the buffer, and what is under way
        before = told
        for _ in range(20):
            await anext(speech)
        await asyncio.sleep(60)
        assert told == before + 20


def greedy(log: list[Any]) -> Script:
    """Speaks long texts at once, and short ones after whatever was asked for before."""

    async def script(wire: Wire) -> None:
        await wire.tell(type="ready", sessionId="s")
        cancelled: set[str] = set()
        waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def listen() -> None:
            while True:
                asked = await wire.heard()
                log.append((asked["type"], asked.get("text")))
                if asked["type"] == "cancel":
                    cancelled.add(asked["requestId"])
                else:
                    waiting.put_nowait(asked)

        listening = asyncio.create_task(listen())
        try:
            while True:
                asked = await waiting.get()
                name = asked["requestId"]
                for number in range(100 if asked["text"] == "long" else 1):
                    if name in cancelled:
                        break
                    await wire.tell(**piece(name, asked["text"].encode(), number))
                else:
                    await wire.tell(type="audio_end", requestId=name)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    return script


@pytest.mark.virtual_time
async def test_a_cancelled_request_stops_on_the_wire_and_the_others_go_on() -> None:
    log: list[Any] = []
    async with connected(greedy(log)) as (connection, _):
        long, short = await connection.speak("long"), await connection.speak("short")
        await anext(long)
        long.cancel()
        assert await heard(long) == ([], None)
        assert await whole(short) == b"short"
    assert log == [("synthesize", "long"), ("synthesize", "short"), ("cancel", None)]


@pytest.mark.virtual_time
async def test_a_full_buffer_makes_way_for_who_waits_and_is_asked_for_again() -> None:
    log: list[Any] = []
    async with connected(greedy(log), room_bytes=40) as (connection, _):
        long, short = await connection.speak("long"), await connection.speak("short")
        assert await whole(short) == b"short"
        assert await whole(long) == b"long" * 100
    assert log == [("synthesize", "long"), ("synthesize", "short"), ("cancel", None), ("synthesize", "long")]


@pytest.mark.virtual_time
async def test_one_that_was_begun_and_is_left_lying_is_told() -> None:
    async with connected(greedy([]), room_bytes=40) as (connection, _):
        long, short = await connection.speak("long"), await connection.speak("short")
        assert await anext(long) == Audio(b"long")
        assert await whole(short) == b"short"
        events, error = await heard(long)
    assert audio(events) == b"long" * 10
    assert isinstance(error, Overloaded)


@pytest.mark.virtual_time
async def test_what_was_put_off_ends_with_the_connection() -> None:
    async with connected(greedy([]), room_bytes=40) as (connection, _):
        long, short = await connection.speak("long"), await connection.speak("short")
        assert await whole(short) == b"short"
    assert await heard(long) == ([], None)
    with pytest.raises(InvalidRequest, match="closed"):
        await connection.speak("more")


@pytest.mark.virtual_time
async def test_a_server_that_is_never_ready_is_given_up() -> None:
    async def silent(wire: Wire) -> None:
        await wire.heard()

    async with servers(silent) as at:
        with pytest.raises(ProviderTimeout, match="10 seconds"):
            await Connection.open(at.dial)


@pytest.mark.virtual_time
async def test_a_server_that_refuses_after_the_upgrade_is_told() -> None:
    async def refusing(wire: Wire) -> None:
        await wire.tell(type="error", code="auth_failed", message="Invalid API key")
        await wire.cut(1008)

    async with servers(refusing) as at:
        with pytest.raises(NotAuthenticated):
            await Connection.open(at.dial)
