from __future__ import annotations

import asyncio

import pytest

from voxgate.providers._stretch import Stretch
from voxgate.speech.text_source import TextSource


def written(*pieces: str) -> TextSource:
    source = TextSource()
    for piece in pieces:
        source.write(piece) if piece else source.flush()
    source.end()
    return source


async def stretches(source: TextSource, most: int = 1000) -> list[tuple[str, bool]]:
    """Read a text as a provider does: each stretch's text, and whether there is something to say in it."""
    found, first = [], 0
    while True:
        stretch = Stretch(source, first, most)
        await stretch.begin()
        text = "".join([piece async for piece in stretch])
        assert stretch.characters == len(text)
        assert text == "".join([piece async for piece in stretch])  # it can be read again
        found.append((text, stretch.has_words))
        if stretch.behind is None:
            return found
        first = stretch.behind


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), [("", False)]),
        (("Hello ", "there."), [("Hello there.", True)]),
        (("Hello. ", "", "And ", "more."), [("Hello. ", True), ("And more.", True)]),
        (("Hello.", ""), [("Hello.", True), ("", False)]),
        (("", "", " ", "", "Hi"), [("", False), ("", False), (" ", False), ("Hi", True)]),
        ((" ... ", "now"), [(" ... now", True)]),
    ],
)
async def test_a_flush_ends_a_stretch(pieces: tuple[str, ...], expected: list[tuple[str, bool]]) -> None:
    assert await stretches(written(*pieces)) == expected


async def test_a_long_stretch_ends_between_words() -> None:
    source = written("aaaa ", "bbbb ", "cccc", "dd ", "e")
    assert [text for text, _ in await stretches(source, 8)] == ["aaaa bbbb ", "ccccdd e"]
    assert [text for text, _ in await stretches(source, 11)] == ["aaaa bbbb ccccdd ", "e"]


async def test_it_begins_with_the_first_word_and_not_before() -> None:
    source = TextSource()
    stretch = Stretch(source, 0, 1000)
    begun = asyncio.create_task(stretch.begin())
    source.write(" ")
    await asyncio.sleep(0)
    assert not begun.done()
    source.write("Hello")
    await begun
    assert stretch.has_words
