from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voxgate.access.keys import BOOTSTRAP, REMEMBERED_KEYS, REMEMBERED_S, KeyStore
from voxgate.clock import LoopClock
from voxgate.errors import NotFound
from voxgate.storage.database import FILE_NAME, Database, open_database

PEPPER = bytes(32)
BOOTSTRAP_SECRET = "bootstrap-secret"


def all_bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


class SteppedClock(LoopClock):
    """A clock that stands still until it is moved: the database's thread needs the real loop."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as database:
        yield database


@pytest.fixture
def keys(database: Database, clock: SteppedClock) -> KeyStore:
    return KeyStore(database, clock, PEPPER, BOOTSTRAP_SECRET)


async def test_a_secret_proves_its_key(keys: KeyStore) -> None:
    key, secret = await keys.create("Ada", identity_verified=True, plan="gold")
    assert await keys.authenticate(secret) == key
    assert (key.name, key.identity_verified, key.plan, key.revoked_s) == ("Ada", True, "gold", None)


async def test_secrets_and_tenants_are_all_different(keys: KeyStore) -> None:
    made = [await keys.create("same name") for _ in range(5)]
    assert len({secret for _, secret in made}) == 5
    assert len({key.tenant for key, _ in made}) == 5
    assert all(secret.startswith("vg_") and len(secret) == 46 for _, secret in made)


async def test_two_keys_can_share_a_tenant(keys: KeyStore) -> None:
    first, _ = await keys.create("first")
    second, _ = await keys.create("second", tenant=first.tenant)
    assert second.tenant == first.tenant


@pytest.mark.parametrize("secret", ["", "vg_wrong", "\udcff", "x" * 100_000, BOOTSTRAP_SECRET + "x", " "])
async def test_a_wrong_secret_proves_nothing(keys: KeyStore, secret: str) -> None:
    await keys.create("somebody")
    assert await keys.authenticate(secret) is None


async def test_the_bootstrap_secret_is_good_and_not_stored(keys: KeyStore, tmp_path: Path) -> None:
    assert await keys.authenticate(BOOTSTRAP_SECRET) is BOOTSTRAP
    assert not BOOTSTRAP.identity_verified
    assert await keys.list() == []


async def test_without_a_bootstrap_secret_nothing_passes_for_it(
    database: Database, clock: SteppedClock
) -> None:
    keys = KeyStore(database, clock, PEPPER)
    assert await keys.authenticate("") is None
    assert await keys.authenticate("None") is None


async def test_no_secret_is_stored(keys: KeyStore, tmp_path: Path) -> None:
    _, secret = await keys.create("somebody")
    stored = all_bytes_in(tmp_path)
    assert b"somebody" in stored, f"{FILE_NAME} is not where the keys are"
    assert secret.encode() not in stored
    assert secret.removeprefix("vg_").encode() not in stored


async def test_the_hash_depends_on_the_pepper(
    keys: KeyStore, database: Database, clock: SteppedClock
) -> None:
    _, secret = await keys.create("somebody")
    assert await KeyStore(database, clock, b"x" * 32).authenticate(secret) is None


async def test_keys_are_listed_in_order_with_the_revoked_ones(keys: KeyStore) -> None:
    first, _ = await keys.create("first")
    second, _ = await keys.create("second")
    await keys.revoke(first.key_id)
    listed = await keys.list()
    assert [key.key_id for key in listed] == [first.key_id, second.key_id]
    assert [key.revoked_s is None for key in listed] == [False, True]


async def test_a_revoked_key_is_refused_at_once_here(keys: KeyStore) -> None:
    key, secret = await keys.create("somebody")
    assert await keys.authenticate(secret) == key
    await keys.revoke(key.key_id)
    assert await keys.authenticate(secret) is None


async def test_only_a_good_key_can_be_revoked(keys: KeyStore) -> None:
    key, _ = await keys.create("somebody")
    await keys.revoke(key.key_id)
    for key_id in (key.key_id, "key_unknown", "bootstrap"):
        with pytest.raises(NotFound):
            await keys.revoke(key_id)


async def test_an_answer_is_remembered_for_a_moment_only(
    keys: KeyStore, database: Database, clock: SteppedClock
) -> None:
    key, secret = await keys.create("somebody")
    assert await keys.authenticate(secret) == key
    await KeyStore(database, clock, PEPPER).revoke(key.key_id)  # as another process does
    clock.at_s += REMEMBERED_S * 0.99
    assert await keys.authenticate(secret) == key
    clock.at_s += REMEMBERED_S * 0.02
    assert await keys.authenticate(secret) is None


async def test_wrong_secrets_do_not_fill_the_memory(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxgate.access.keys.REMEMBERED_KEYS", 3)
    assert REMEMBERED_KEYS > 3
    _, secret = await keys.create("somebody")
    for number in range(10):
        assert await keys.authenticate(f"vg_{number}") is None
    assert len(keys._remembered) == 3
    assert await keys.authenticate(secret) is not None
