"""Where lexicons are kept: each belongs to one tenant, and no other can see, use or change it.

A change says which version it changes. When somebody else was faster it is refused, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, delete, func, select, update
from sqlalchemy import insert as insert_into
from sqlalchemy.ext.asyncio import AsyncConnection

from voxgate.clock import Clock
from voxgate.errors import Conflict, InvalidRequest, NotFound
from voxgate.speech.lexicon import Lexicon, LexiconEntry
from voxgate.speech.lexicon_files import items_from_entries
from voxgate.storage.database import Database
from voxgate.storage.tables import lexicons

REMEMBERED_S = 2.0
"""How long an answer of the database is believed: another process's change is heard no later than this."""
REMEMBERED_ENTRIES = 20_000
"""Of compiled lexicons kept; beyond that the one used longest ago is compiled again when it is needed."""


class LexiconKind(StrEnum):
    """Who made it, and so in whose list it stands."""

    PRONUNCIATION = "pronunciation"
    PHRASES = "phrases"


MAX_LEXICONS = {LexiconKind.PRONUNCIATION: 50, LexiconKind.PHRASES: 100}
"""Of one tenant (source of the first: Telnyx docs, pronunciation dictionaries; Uplift names no limit)."""


@dataclass(frozen=True, slots=True)
class StoredLexicon:
    """One lexicon with its record.

    Attributes:
        lexicon_id: a UUID.
        kind: in whose list it stands.
        name: as its owner called it; unique among a tenant's pronunciation dictionaries.
        entries: as given, in order.
        version: 1 when new, and one more with every change.
        created_s: seconds since the Unix epoch.
        updated_s: likewise, of the last change.
    """

    lexicon_id: str
    kind: LexiconKind
    name: str
    entries: tuple[LexiconEntry, ...]
    version: int
    created_s: float
    updated_s: float


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found last, believed until then; ``size`` counts entries."""

    until_s: float
    version: int
    size: int
    lexicon: Lexicon


class Lexicons:
    """Keeps lexicons, and gives them ready to be applied.

    Args:
        database: where they are kept.
        clock: time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._remembered_entries = 0

    async def find(self, tenant: str, lexicon_id: str) -> Lexicon:
        """Return a tenant's lexicon of either kind, compiled; raises `NotFound`."""
        lexicon_id = lexicon_id.lower()
        known = self._remembered.get((tenant, lexicon_id))
        if known is not None and self._clock.now_s() < known.until_s:
            self._remembered.move_to_end((tenant, lexicon_id))
            return known.lexicon
        until_s = self._clock.now_s() + REMEMBERED_S
        async with self._database.read() as connection:
            row = await _row(connection, _is(tenant, lexicon_id))
        if known is None or known.version != row.version:
            entries = _entries(row)
            # A thousand entries take some 50 ms, in which others have their turn.
            lexicon = await asyncio.to_thread(Lexicon.compile, entries)
            known = _Known(until_s, row.version, len(entries), lexicon)
        self._remember((tenant, lexicon_id), replace(known, until_s=until_s))
        return known.lexicon

    async def asked_for(self, tenant: str, lexicon_id: str | None, *, field: str) -> Lexicon | None:
        """Return the one that a request names, None when it names none.

        Args:
            tenant: who asks.
            lexicon_id: what the request says.
            field: where it says so.

        Raises:
            InvalidRequest: the tenant has none with this id.
        """
        if lexicon_id is None:
            return None
        try:
            return await self.find(tenant, lexicon_id)
        except NotFound as error:
            raise InvalidRequest(error.message, field=field) from None

    async def create(
        self, tenant: str, kind: LexiconKind, name: str, entries: Sequence[LexiconEntry]
    ) -> StoredLexicon:
        """Keep a new one.

        Raises:
            InvalidRequest: the tenant has as many as it may have, or one of this name.
        """
        now_s = self._clock.wall_s()
        made = StoredLexicon(str(uuid.uuid4()), kind, name, tuple(entries), 1, now_s, now_s)
        async with self._database.write() as connection:
            count = select(func.count()).where(_of(tenant, kind))
            if (await connection.execute(count)).scalar_one() >= MAX_LEXICONS[kind]:
                raise InvalidRequest(f"There are {MAX_LEXICONS[kind]} already, and no more may be made")
            await _check_name(connection, tenant, kind, name)
            await connection.execute(
                insert_into(lexicons).values(
                    lexicon_id=made.lexicon_id,
                    tenant=tenant,
                    kind=kind.value,
                    name=name,
                    items=_items(entries),
                    version=made.version,
                    created_s=now_s,
                    updated_s=now_s,
                )
            )
        return made

    async def list(
        self, tenant: str, kind: LexiconKind, *, first: int = 0, most: int | None = None
    ) -> tuple[list[StoredLexicon], int]:
        """List a tenant's lexicons, the oldest first.

        Args:
            tenant: whose.
            kind: which.
            first: how many to pass over.
            most: how many to give; None for all.

        Returns:
            Those, and how many there are in all.
        """
        chosen = (
            select(lexicons).where(_of(tenant, kind)).order_by(lexicons.c.created_s, lexicons.c.lexicon_id)
        )
        async with self._database.read() as connection:
            total = (await connection.execute(select(func.count()).where(_of(tenant, kind)))).scalar_one()
            rows = await connection.execute(chosen.offset(first).limit(most))
            return [_stored(row) for row in rows], total

    async def get(self, tenant: str, kind: LexiconKind, lexicon_id: str) -> StoredLexicon:
        """Return one with its record; raises `NotFound`."""
        async with self._database.read() as connection:
            return _stored(await _row(connection, and_(_of(tenant, kind), _is(tenant, lexicon_id))))

    async def update(
        self,
        tenant: str,
        kind: LexiconKind,
        lexicon_id: str,
        *,
        version: int | None,
        name: str | None = None,
        entries: Sequence[LexiconEntry] | None = None,
    ) -> StoredLexicon:
        """Change the name, the entries or both.

        Args:
            tenant: whose.
            kind: which.
            lexicon_id: which one.
            version: what is being changed, as it was read; None changes it whatever it is.
            name: the new one, None to keep it.
            entries: the new ones, None to keep them.

        Raises:
            NotFound: there is none.
            Conflict: it is not of this version any more.
            InvalidRequest: the tenant has another one of this name.
        """
        this = and_(_of(tenant, kind), _is(tenant, lexicon_id))
        async with self._database.write() as connection:
            found = await _row(connection, this)
            if version is None:
                version = found.version
            if found.version != version:
                raise Conflict("It was changed meanwhile: fetch it again, and then change it")
            if name is not None and name != found.name:
                await _check_name(connection, tenant, kind, name)
            values: dict[str, Any] = {"version": version + 1, "updated_s": self._clock.wall_s()}
            values |= {"name": name} if name is not None else {}
            values |= {"items": _items(entries)} if entries is not None else {}
            # The version stands here too, for databases that let others write between the two statements.
            done = await connection.execute(
                update(lexicons).where(this, lexicons.c.version == version).values(**values)
            )
            if done.rowcount != 1:
                raise Conflict("It was changed meanwhile: fetch it again, and then change it")
            changed = _stored(await _row(connection, this))
        self._forget((tenant, lexicon_id.lower()))
        return changed

    async def delete(self, tenant: str, kind: LexiconKind, lexicon_id: str) -> None:
        """Forget one for good; raises `NotFound`."""
        async with self._database.write() as connection:
            done = await connection.execute(
                delete(lexicons).where(and_(_of(tenant, kind), _is(tenant, lexicon_id)))
            )
        self._forget((tenant, lexicon_id.lower()))
        if done.rowcount != 1:
            raise _not_found()

    def _remember(self, key: tuple[str, str], known: _Known) -> None:
        self._forget(key)
        self._remembered[key] = known
        self._remembered_entries += known.size
        while self._remembered_entries > REMEMBERED_ENTRIES and len(self._remembered) > 1:
            self._forget(next(iter(self._remembered)))

    def _forget(self, key: tuple[str, str]) -> None:
        known = self._remembered.pop(key, None)
        self._remembered_entries -= known.size if known is not None else 0


def _of(tenant: str, kind: LexiconKind) -> ColumnElement[bool]:
    return and_(lexicons.c.tenant == tenant, lexicons.c.kind == kind.value)


def _is(tenant: str, lexicon_id: str) -> ColumnElement[bool]:
    return and_(lexicons.c.tenant == tenant, lexicons.c.lexicon_id == lexicon_id.lower())


async def _row(connection: AsyncConnection, where: ColumnElement[bool]) -> Row[Any]:
    row = (await connection.execute(select(lexicons).where(where))).one_or_none()
    if row is None:
        raise _not_found()
    return row


def _not_found() -> NotFound:
    return NotFound("There is no dictionary with this id")


async def _check_name(connection: AsyncConnection, tenant: str, kind: LexiconKind, name: str) -> None:
    """Raise `InvalidRequest` when a name that must be unique is taken."""
    if kind is not LexiconKind.PRONUNCIATION:
        return
    same = select(lexicons.c.lexicon_id).where(_of(tenant, kind), lexicons.c.name == name)
    if (await connection.execute(same)).first() is not None:
        raise InvalidRequest("There is a dictionary of this name already", field="name")


def _items(entries: Sequence[LexiconEntry]) -> str:
    return orjson.dumps(items_from_entries(list(entries))).decode()


def _entries(row: Row[Any]) -> tuple[LexiconEntry, ...]:
    items = orjson.loads(row.items)
    return tuple(LexiconEntry(item["text"], item.get("alias"), item.get("phoneme")) for item in items)


def _stored(row: Row[Any]) -> StoredLexicon:
    kind = LexiconKind(row.kind)
    return StoredLexicon(
        row.lexicon_id, kind, row.name, _entries(row), row.version, row.created_s, row.updated_s
    )
