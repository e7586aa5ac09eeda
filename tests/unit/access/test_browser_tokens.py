from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import jwt
import pytest

from voxgate.access.browser_tokens import BrowserTokens, Front, Scope
from voxgate.access.keys import ApiKey
from voxgate.errors import NotAuthenticated, NotPermitted
from voxgate.speech.voice import VoiceName

KEY = ApiKey("key_1", "page", "tenant", identity_verified=True)
SECRET = b"s" * 32


@dataclass
class Wall:
    at_s: float = 1000.0

    def now_s(self) -> float:
        return self.at_s

    def wall_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        self.at_s += delay_s


@dataclass
class Keys:
    """Stands for the key store, of which only this is asked."""

    revoked: set[str] = field(default_factory=set)

    async def is_good(self, key_id: str) -> bool:
        await asyncio.sleep(0)
        return key_id not in self.revoked


def house() -> tuple[BrowserTokens, Wall, Keys]:
    wall, keys = Wall(), Keys()
    return BrowserTokens(SECRET, wall, keys), wall, keys  # type: ignore[arg-type]


async def test_a_token_stands_for_its_key_once() -> None:
    tokens, _, _ = house()
    token = tokens.issue(KEY, Scope(), 60)
    grant = await tokens.redeem(token, Front.TELNYX, None)
    assert grant.key == KEY
    with pytest.raises(NotAuthenticated):
        await tokens.redeem(token, Front.TELNYX, None)


async def test_of_a_hundred_at_once_one_succeeds() -> None:
    tokens, _, _ = house()
    token = tokens.issue(KEY, Scope(), 60)
    tries = [tokens.redeem(token, Front.TELNYX, None) for _ in range(100)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def test_it_expires_and_never_lives_longer_than_fifteen_minutes() -> None:
    tokens, wall, _ = house()
    short, long = tokens.issue(KEY, Scope(reusable=True), 60), tokens.issue(KEY, Scope(reusable=True), 1e9)
    wall.at_s += 59
    await tokens.redeem(short, Front.UPLIFT, None)
    wall.at_s += 1
    with pytest.raises(NotAuthenticated):
        await tokens.redeem(short, Front.UPLIFT, None)
    wall.at_s = 1000 + 899
    await tokens.redeem(long, Front.UPLIFT, None)
    wall.at_s = 1000 + 900
    with pytest.raises(NotAuthenticated):
        await tokens.redeem(long, Front.UPLIFT, None)


async def test_the_scope_holds() -> None:
    tokens, _, _ = house()
    scope = Scope(
        frozenset({Front.TELNYX}),
        frozenset({"telnyx.naturalhd.astra"}),
        frozenset({"telnyx"}),
        origin="https://app.example",
    )
    token = tokens.issue(KEY, scope, 60)
    for front, origin in (
        (Front.UPLIFT, "https://app.example"),
        (Front.TELNYX, "https://other.example"),
        (Front.TELNYX, None),
    ):
        with pytest.raises(NotPermitted):
            await tokens.redeem(token, front, origin)
    # What was refused for its scope was not used up.
    grant = await tokens.redeem(token, Front.TELNYX, "https://app.example")
    grant.check_voice(VoiceName.parse("Telnyx.NaturalHD.Astra"))
    for name in ("Telnyx.NaturalHD.luna", "AWS.Polly.Joanna"):
        with pytest.raises(NotPermitted):
            grant.check_voice(VoiceName.parse(name))


async def test_the_budget_is_shared_and_not_overdrawn() -> None:
    tokens, _, _ = house()
    token = tokens.issue(KEY, Scope(characters=10, reusable=True), 60)
    first = await tokens.redeem(token, Front.TELNYX, None)
    second = await tokens.redeem(token, Front.TELNYX, None)
    first.budget.spend(6)
    with pytest.raises(NotPermitted):
        second.budget.spend(5)
    second.budget.spend(4)
    with pytest.raises(NotPermitted):
        first.budget.spend(1)


async def test_a_revoked_key_takes_its_tokens_along() -> None:
    tokens, _, keys = house()
    token = tokens.issue(KEY, Scope(), 60)
    keys.revoked.add("key_1")
    with pytest.raises(NotAuthenticated):
        await tokens.redeem(token, Front.TELNYX, None)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "a.b.c",
        "x" * 5000,
        jwt.encode({"aud": "voxgate-browser", "exp": 1e12, "jti": "1", "key": []}, b"o" * 32, "HS256"),
        jwt.encode({"aud": "voxgate-session", "exp": 1e12, "jti": "1", "key": []}, SECRET, "HS256"),
        jwt.encode({"aud": "voxgate-browser", "exp": 1e12, "jti": "1", "key": []}, None, "none"),
    ],
)
async def test_what_is_not_ours_is_refused(forged: str) -> None:
    tokens, _, _ = house()
    with pytest.raises(NotAuthenticated):
        await tokens.redeem(forged, Front.TELNYX, None)
