"""Speeches are played in the order in which they were added, whole, or as far as they come."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.playback import Playout, audio_of, playout, whole
from voxgate.errors import InvalidRequest, VoxgateError

pytestmark = pytest.mark.virtual_time


class Scripted:
    """A `Speaking` that says what it was given; a number is a pause in seconds."""

    def __init__(self, *script: Event | VoxgateError | float) -> None:
        self._script = deque(script)
        self.cancelled = False
        self._woken = asyncio.Event()

    def __aiter__(self) -> Scripted:
        return self

    async def __anext__(self) -> Event:
        while self._script and not self.cancelled:
            match self._script.popleft():
                case VoxgateError() as error:
                    raise error
                case float() | int() as pause_s:
                    try:
                        await asyncio.wait_for(self._woken.wait(), pause_s)
                    except TimeoutError:
                        pass
                case event:
                    return event
        raise StopAsyncIteration

    def cancel(self) -> None:
        self.cancelled = True
        self._woken.set()


async def played(line: Playout) -> bytes:
    return b"".join([piece async for piece in line])


async def test_the_order_is_that_of_adding_and_not_that_of_coming() -> None:
    async with playout() as line:
        await line.add(Scripted(5.0, Audio(b"1"), 5.0, Audio(b"2"), Final()))
        await line.add(Scripted(Reconnected(1), Audio(b"3"), Audio(b"", "text"), Final()))
        line.finish()
        assert await played(line) == b"123"
        with pytest.raises(InvalidRequest):
            await line.add(Scripted())


async def test_more_may_be_added_while_it_plays() -> None:
    async def add_slowly(line: Playout) -> None:
        for letter in b"abc":
            await asyncio.sleep(1)
            await line.add(Scripted(Audio(bytes([letter]))))
        line.finish()

    async with playout() as line:
        adding = asyncio.create_task(add_slowly(line))
        assert await played(line) == b"abc"
        await adding


async def test_what_waits_has_a_bound() -> None:
    loop = asyncio.get_running_loop()
    async with playout(room=2) as line:
        for _ in range(2):
            await line.add(Scripted(3.0, Audio(b"x")))
        adding = asyncio.create_task(line.add(Scripted(Audio(b"y"))))
        await asyncio.sleep(60)
        assert not adding.done()
        began_s = loop.time()
        assert [await anext(line), await anext(line)] == [b"x", b"x"]
        assert loop.time() - began_s == 6
        await adding
        line.finish()
        assert await played(line) == b"y"


async def test_an_interruption_cancels_all_and_more_may_follow() -> None:
    async with playout() as line:
        first, second = Scripted(Audio(b"1"), 3600.0, Audio(b"2")), Scripted(Audio(b"3"))
        await line.add(first)
        await line.add(second)
        assert await anext(line) == b"1"
        waiting = asyncio.create_task(anext(line))
        await asyncio.sleep(1)
        line.interrupt()
        assert (first.cancelled, second.cancelled) == (True, True)
        await line.add(Scripted(Audio(b"new")))
        assert await waiting == b"new"


async def test_one_that_fails_is_told_and_the_next_is_played() -> None:
    async with playout() as line:
        await line.add(Scripted(Audio(b"1"), Interrupted("lost")))
        await line.add(Scripted(Audio(b"2"), Final()))
        line.finish()
        assert await anext(line) == b"1"
        with pytest.raises(Interrupted):
            await anext(line)
        assert await played(line) == b"2"


async def test_leaving_cancels_what_is_left() -> None:
    speech = Scripted(Audio(b"1"), Audio(b"2"))
    async with playout() as line:
        await line.add(speech)
        await anext(line)
    assert speech.cancelled


async def test_the_audio_of_a_speech_alone() -> None:
    events = (Reconnected(1), Audio(b"1"), Audio(b"", "text"), Audio(b"2", "text"), Final())
    assert [piece async for piece in audio_of(Scripted(*events))] == [b"1", b"2"]
    assert await whole(Scripted(*events)) == b"12"
    with pytest.raises(Interrupted):
        await whole(Scripted(Audio(b"1"), Interrupted("lost")))
