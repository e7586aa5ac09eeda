"""Lexicons in the database: whose they are, which version they have, how soon a change is heard."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voxgate.clock import LoopClock
from voxgate.errors import Conflict, InvalidRequest, NotFound
from voxgate.speech.lexicon import LexiconEntry
from voxgate.storage import lexicons
from voxgate.storage.database import open_database
from voxgate.storage.lexicons import MAX_LEXICONS, REMEMBERED_S, LexiconKind, Lexicons

WORDS = [LexiconEntry("ASAP", alias="as soon as possible"), LexiconEntry("GIF", ipa="ɡɪf")]
OTHER = [LexiconEntry("ASAP", alias="at once")]
SPOKEN, PHRASES = LexiconKind.PRONUNCIATION, LexiconKind.PHRASES


class SteppedClock(LoopClock):
    """A clock that stands still until it is moved: the database's thread needs the real loop."""

    at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s

    def wall_s(self) -> float:
        return self.at_s


class Shelf:
    """Two processes with one database."""

    def __init__(self, here: Lexicons, elsewhere: Lexicons, clock: SteppedClock) -> None:
        self.here, self.elsewhere, self.clock = here, elsewhere, clock


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    clock = SteppedClock()
    async with open_database(tmp_path) as one, open_database(tmp_path) as other:
        yield Shelf(Lexicons(one, clock), Lexicons(other, clock), clock)


async def test_what_is_kept_comes_back_as_it_was(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    assert await shelf.elsewhere.get("a", SPOKEN, made.lexicon_id) == made
    assert (made.name, made.entries, made.version, made.created_s) == ("Names", tuple(WORDS), 1, 1000.0)
    lexicon = await shelf.elsewhere.find("a", made.lexicon_id.upper())
    assert lexicon.replace("the GIF asap") == "the GIF as soon as possible"


async def test_no_other_tenant_can_see_use_change_or_forget_it(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    await shelf.here.find("a", made.lexicon_id)  # remembered now, and still nobody else's
    with pytest.raises(NotFound):
        await shelf.here.find("b", made.lexicon_id)
    with pytest.raises(NotFound):
        await shelf.here.get("b", SPOKEN, made.lexicon_id)
    with pytest.raises(NotFound):
        await shelf.here.update("b", SPOKEN, made.lexicon_id, version=1, entries=OTHER)
    with pytest.raises(NotFound):
        await shelf.here.delete("b", SPOKEN, made.lexicon_id)
    assert await shelf.here.list("b", SPOKEN) == ([], 0)
    assert await shelf.here.get("a", SPOKEN, made.lexicon_id) == made


async def test_each_kind_stands_in_its_own_list_and_both_can_be_used(shelf: Shelf) -> None:
    made = await shelf.here.create("a", PHRASES, "", OTHER)
    assert await shelf.here.list("a", SPOKEN) == ([], 0)
    with pytest.raises(NotFound):
        await shelf.here.get("a", SPOKEN, made.lexicon_id)
    assert (await shelf.here.find("a", made.lexicon_id)).replace("ASAP") == "at once"


async def test_lists_come_in_pages_the_oldest_first(shelf: Shelf) -> None:
    for number in range(5):
        shelf.clock.at_s += 1
        await shelf.here.create("a", SPOKEN, f"dictionary {number}", OTHER)
    found, total = await shelf.here.list("a", SPOKEN, first=1, most=2)
    assert ([each.name for each in found], total) == (["dictionary 1", "dictionary 2"], 5)
    everything, _ = await shelf.here.list("a", SPOKEN)
    assert len(everything) == 5


async def test_a_change_makes_the_next_version(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    shelf.clock.at_s += 5
    changed = await shelf.here.update("a", SPOKEN, made.lexicon_id, version=1, entries=OTHER)
    assert (changed.version, changed.name, changed.entries) == (2, "Names", tuple(OTHER))
    assert (changed.created_s, changed.updated_s) == (1000.0, 1005.0)
    renamed = await shelf.here.update("a", SPOKEN, made.lexicon_id, version=2, name="Brands")
    assert (renamed.version, renamed.name, renamed.entries) == (3, "Brands", tuple(OTHER))


async def test_whoever_comes_second_is_told_and_nothing_is_lost(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    await shelf.elsewhere.update("a", SPOKEN, made.lexicon_id, version=1, entries=OTHER)
    with pytest.raises(Conflict):
        await shelf.here.update("a", SPOKEN, made.lexicon_id, version=1, name="Brands")
    kept = await shelf.here.get("a", SPOKEN, made.lexicon_id)
    assert (kept.name, kept.entries, kept.version) == ("Names", tuple(OTHER), 2)


async def test_a_change_is_heard_at_once_here_and_soon_elsewhere(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    for process in (shelf.here, shelf.elsewhere):
        assert (await process.find("a", made.lexicon_id)).replace("ASAP") == "as soon as possible"
    await shelf.here.update("a", SPOKEN, made.lexicon_id, version=1, entries=OTHER)
    assert (await shelf.here.find("a", made.lexicon_id)).replace("ASAP") == "at once"
    shelf.clock.at_s += REMEMBERED_S
    assert (await shelf.elsewhere.find("a", made.lexicon_id)).replace("ASAP") == "at once"


async def test_what_did_not_change_is_not_compiled_again(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    first = await shelf.here.find("a", made.lexicon_id)
    shelf.clock.at_s += REMEMBERED_S
    assert await shelf.here.find("a", made.lexicon_id) is first


async def test_what_is_forgotten_is_gone(shelf: Shelf) -> None:
    made = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    await shelf.here.find("a", made.lexicon_id)
    await shelf.here.delete("a", SPOKEN, made.lexicon_id)
    with pytest.raises(NotFound):
        await shelf.here.find("a", made.lexicon_id)
    with pytest.raises(NotFound):
        await shelf.here.delete("a", SPOKEN, made.lexicon_id)


async def test_names_of_dictionaries_are_unique_within_a_tenant(shelf: Shelf) -> None:
    one = await shelf.here.create("a", SPOKEN, "Names", WORDS)
    other = await shelf.here.create("a", SPOKEN, "Brands", WORDS)
    await shelf.here.create("b", SPOKEN, "Names", WORDS)
    for _ in range(2):
        await shelf.here.create("a", PHRASES, "Names", WORDS)
    with pytest.raises(InvalidRequest) as refused:
        await shelf.here.create("a", SPOKEN, "Names", WORDS)
    assert refused.value.field == "name"
    with pytest.raises(InvalidRequest):
        await shelf.here.update("a", SPOKEN, other.lexicon_id, version=1, name="Names")
    await shelf.here.update("a", SPOKEN, one.lexicon_id, version=1, name="Names")


async def test_a_tenant_has_so_many_and_no_more(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_LEXICONS, SPOKEN, 2)
    for name in ("one", "two"):
        await shelf.here.create("a", SPOKEN, name, OTHER)
    with pytest.raises(InvalidRequest, match="2 already"):
        await shelf.here.create("a", SPOKEN, "three", OTHER)
    await shelf.here.create("b", SPOKEN, "three", OTHER)


async def test_only_so_many_are_remembered(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicons, "REMEMBERED_ENTRIES", 2 * len(OTHER))
    made = [await shelf.here.create("a", PHRASES, "", OTHER) for _ in range(3)]
    first = await shelf.here.find("a", made[0].lexicon_id)
    for each in made[1:]:
        await shelf.here.find("a", each.lexicon_id)
    assert await shelf.here.find("a", made[0].lexicon_id) is not first
