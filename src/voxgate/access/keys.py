"""API keys: who is asking.

A secret (``vg_`` and 32 random bytes) is shown once, when its key is made. What is stored is its
HMAC-SHA-256 under a random key that lives in a file of its own in the data folder: a stolen copy of the
database alone proves nothing and can be guessed against by nobody.

The secret's hash is looked up, so how long the database takes says nothing about a secret; the hashes
themselves are compared in constant time. What was found is remembered for a moment, so that a busy key does
not ask the database each time, and a revoked one is refused soon, whichever process revoked it.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy import insert as insert_into

from voxgate.clock import Clock
from voxgate.config import Settings
from voxgate.errors import NotFound
from voxgate.storage.database import Database
from voxgate.storage.files import kept_secret
from voxgate.storage.tables import api_keys

PEPPER_FILE = "pepper.key"
"""In the data folder; without it every stored key is worthless, so it belongs in the same backup."""
SECRET_PREFIX = "vg_"  # noqa: S105 - says what kind of secret it is, and is none itself
REMEMBERED_S = 2.0
"""How long an answer of the database is believed; a revoked key works for no longer than this."""
REMEMBERED_KEYS = 10_000
"""Answers kept; beyond that the oldest is forgotten, and asked for again when it is needed."""
MAX_SECRET_CHARACTERS = 512
"""No secret is longer; what is longer is refused before any work is done on it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret.

    Attributes:
        key_id: public name of the key, for lists and logs.
        name: what its owner called it.
        tenant: whose it is; nothing is ever shared between two tenants.
        plan: what may be used.
        identity_verified: whether its owner may use cloned voices.
        created_s: when it was made, seconds since the Unix epoch.
        revoked_s: when it was revoked; None while it is good.
    """

    key_id: str
    name: str
    tenant: str
    plan: str = "default"
    identity_verified: bool = False
    created_s: float = 0.0
    revoked_s: float | None = None


class KeyStore:
    """Makes, finds and revokes keys.

    Args:
        database: where they are kept.
        clock: time.
        pepper: the random bytes under which secrets are hashed (`voxgate.storage.files.kept_secret`).
        bootstrap_secret: a secret that is good without being stored.
    """

    def __init__(
        self, database: Database, clock: Clock, pepper: bytes, bootstrap_secret: str | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._pepper = pepper
        self._bootstrap_hash = self._hash(bootstrap_secret) if bootstrap_secret else None
        self._looking_up = asyncio.Lock()
        self._remembered: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()

    async def authenticate(self, secret: str) -> ApiKey | None:
        """Return the key with this secret, or None when there is none or it was revoked."""
        if not 0 < len(secret) <= MAX_SECRET_CHARACTERS:
            return None
        hashed = self._hash(secret)
        if self._bootstrap_hash is not None and hmac.compare_digest(hashed, self._bootstrap_hash):
            return BOOTSTRAP
        if not self._knows(hashed):
            # One at a time: a hundred clients that come at once with one key ask the database once.
            async with self._looking_up:
                if not self._knows(hashed):
                    asked_s = self._clock.now_s()
                    self._remember(hashed, asked_s + REMEMBERED_S, await self._look_up(hashed))
        return self._remembered[hashed][1]

    async def create(
        self, name: str, *, identity_verified: bool = False, plan: str = "default", tenant: str | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key; returns it and its secret, which can never be read again.

        Args:
            name: for people, to tell keys apart.
            identity_verified: allow cloned voices.
            plan: what may be used.
            tenant: whose it is; a tenant of its own when None.
        """
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        key_id = f"key_{secrets.token_hex(8)}"
        key = ApiKey(key_id, name, tenant or key_id, plan, identity_verified, self._clock.wall_s())
        async with self._database.write() as connection:
            await connection.execute(
                insert_into(api_keys).values(
                    key_id=key.key_id,
                    name=key.name,
                    tenant=key.tenant,
                    plan=key.plan,
                    identity_verified=key.identity_verified,
                    created_s=key.created_s,
                    secret_hash=self._hash(secret),
                )
            )
        return key, secret

    async def list(self) -> list[ApiKey]:
        """List all keys, the revoked ones too, the oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(api_keys).order_by(api_keys.c.created_s))
            return [_key(row) for row in rows]

    async def revoke(self, key_id: str) -> None:
        """Make a key worthless, in every process within `REMEMBERED_S`; raises `NotFound`."""
        chosen = update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.revoked_s.is_(None))
        async with self._database.write() as connection:
            done = await connection.execute(chosen.values(revoked_s=self._clock.wall_s()))
        if done.rowcount != 1:
            raise NotFound(f"There is no key {key_id} that could be revoked")
        self._remembered.clear()

    async def is_good(self, key_id: str) -> bool:
        """Tell whether a key that was authenticated earlier has not been revoked since."""
        if key_id == BOOTSTRAP.key_id:
            return self._bootstrap_hash is not None
        chosen = select(api_keys.c.key_id).where(api_keys.c.key_id == key_id, api_keys.c.revoked_s.is_(None))
        async with self._database.read() as connection:
            return (await connection.execute(chosen)).one_or_none() is not None

    async def _look_up(self, hashed: bytes) -> ApiKey | None:
        chosen = select(api_keys).where(api_keys.c.secret_hash == hashed, api_keys.c.revoked_s.is_(None))
        async with self._database.read() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        if row is None or not hmac.compare_digest(row.secret_hash, hashed):
            return None
        return _key(row)

    def _knows(self, hashed: bytes) -> bool:
        until_s, _ = self._remembered.get(hashed, (0.0, None))
        return self._clock.now_s() < until_s

    def _remember(self, hashed: bytes, until_s: float, key: ApiKey | None) -> None:
        self._remembered[hashed] = until_s, key
        self._remembered.move_to_end(hashed)
        if len(self._remembered) > REMEMBERED_KEYS:
            self._remembered.popitem(last=False)

    def _hash(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, secret.encode(errors="surrogatepass"), "sha256")


BOOTSTRAP = ApiKey("bootstrap", "bootstrap", "bootstrap")
"""Who asks with the bootstrap key. May do what any new key may do, and no more."""


def open_keys(settings: Settings, database: Database, clock: Clock) -> KeyStore:
    """Make the store of a data folder; the first time, also the random key that its hashes stand under.

    Raises:
        ConfigurationError: the file with that key is damaged.
    """
    bootstrap = settings.bootstrap_key.get_secret_value() if settings.bootstrap_key else None
    return KeyStore(database, clock, kept_secret(settings.data_dir / PEPPER_FILE), bootstrap)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.key_id, row.name, row.tenant, row.plan, row.identity_verified, row.created_s, row.revoked_s
    )
