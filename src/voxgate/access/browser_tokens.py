"""Tokens for browsers, which cannot put an API key into a WebSocket's headers, and should not have one.

A page's own server asks for a token with its API key and hands it to the page. The token is a JWT under
HS256 with a random key of this data folder; it is good for seconds, for one connection unless asked
otherwise, and only for what it was scoped to. It cannot be exchanged for another: tokens are made for API
keys alone.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import jwt

from voxgate.access.keys import ApiKey, KeyStore
from voxgate.clock import Clock
from voxgate.errors import NotAuthenticated, NotPermitted
from voxgate.speech.voice import VoiceName

MAX_TTL_S = 900
"""Fifteen minutes: what must last longer should ask again."""
MAX_TOKEN_CHARACTERS = 4096
_ALGORITHM, _AUDIENCE = "HS256", "voxgate-browser"
_REFUSED = "The token is wrong, expired or used up"


class Front(StrEnum):
    """A door that takes these tokens."""

    TELNYX = "telnyx"
    UPLIFT = "uplift"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is good for; an empty set means everything its API key may.

    Attributes:
        fronts: doors.
        voices: compound names, compared without regard to case.
        providers: provider segments, likewise.
        characters: of text in all; None for no bound.
        origin: the page's origin, ``https://app.example``; None for any.
        reusable: good for any number of connections until it expires.
    """

    fronts: frozenset[Front] = frozenset()
    voices: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    characters: int | None = None
    origin: str | None = None
    reusable: bool = False


@dataclass(slots=True)
class Budget:
    """Characters that are left; shared by all connections of a reusable token."""

    left: int | None = None

    def spend(self, characters: int) -> None:
        """Take from it; raises `NotPermitted`, and takes nothing, when that is more than is left."""
        if self.left is None:
            return
        if characters > self.left:
            raise NotPermitted("The token's characters are used up")
        self.left -= characters

    def refund(self, characters: int) -> None:
        """Give back what was taken and then not spoken."""
        if self.left is not None:
            self.left += characters


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do: everything its key may, or less.

    Attributes:
        key: whose it is.
        scope: of the token; None for an API key itself.
        budget: characters that may be spoken.
    """

    key: ApiKey
    scope: Scope | None = None
    budget: Budget = field(default_factory=Budget)

    def check_voice(self, name: VoiceName) -> None:
        """Raise `NotPermitted` for a voice outside the scope."""
        if self.scope is None:
            return
        if self.scope.voices and str(name).lower() not in self.scope.voices:
            raise NotPermitted("The token is not for this voice")
        if self.scope.providers and name.provider.lower() not in self.scope.providers:
            raise NotPermitted("The token is not for this provider")


class BrowserTokens:
    """Issues tokens and redeems them.

    Used and budgeted tokens are remembered in this process until they would have expired anyway.

    Args:
        secret: the random bytes under which they are signed.
        clock: wall-clock time.
        keys: to look whether the key behind a token is still good.
    """

    def __init__(self, secret: bytes, clock: Clock, keys: KeyStore) -> None:
        self._secret, self._clock, self._keys = secret, clock, keys
        self._used: dict[str, Budget] = {}
        self._expiries: deque[tuple[float, str]] = deque()

    def issue(self, key: ApiKey, scope: Scope, ttl_s: float) -> str:
        """Make a token for ``ttl_s`` seconds, at most ``MAX_TTL_S``."""
        now_s = self._clock.wall_s()
        claims = {
            "aud": _AUDIENCE,
            "exp": now_s + min(ttl_s, MAX_TTL_S),
            "jti": secrets.token_urlsafe(16),
            "key": [key.key_id, key.name, key.tenant, key.plan, key.identity_verified],
            "fronts": sorted(scope.fronts),
            "voices": sorted(scope.voices),
            "providers": sorted(scope.providers),
            "characters": scope.characters,
            "origin": scope.origin,
            "reusable": scope.reusable,
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    async def redeem(self, token: str, front: Front, origin: str | None) -> Grant:
        """Check a token for a connection and, unless it is reusable, use it up.

        Args:
            token: as the page sent it.
            front: the door it came to.
            origin: the Origin header of the upgrade.

        Raises:
            NotAuthenticated: it is not ours, expired or used, or its key was revoked.
            NotPermitted: it is for another door or another origin.
        """
        claims = self._read(token)
        key_id, name, tenant, plan, verified = claims["key"]
        if not await self._keys.is_good(key_id):
            raise NotAuthenticated(_REFUSED)
        scope = Scope(
            frozenset(map(Front, claims["fronts"])),
            frozenset(claims["voices"]),
            frozenset(claims["providers"]),
            claims["characters"],
            claims["origin"],
            claims["reusable"],
        )
        if scope.fronts and front not in scope.fronts:
            raise NotPermitted("The token is not for this door")
        if scope.origin is not None and origin != scope.origin:
            raise NotPermitted("The token is not for this origin")
        # No waiting from here on: of two that come at once, one finds it used.
        budget = self._use(claims["jti"], claims["exp"], scope)
        return Grant(ApiKey(key_id, name, tenant, plan, verified), scope, budget)

    def _read(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise NotAuthenticated(_REFUSED)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                [_ALGORITHM],
                audience=_AUDIENCE,
                # Expiry is judged below, by the clock that was passed in.
                options={"require": ["exp", "jti", "key"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            raise NotAuthenticated(_REFUSED) from None
        if claims["exp"] <= self._clock.wall_s():
            raise NotAuthenticated(_REFUSED)
        return claims

    def _use(self, token_id: str, expires_s: float, scope: Scope) -> Budget:
        now_s = self._clock.wall_s()
        while self._expiries and self._expiries[0][0] <= now_s:
            self._used.pop(self._expiries.popleft()[1], None)
        budget = self._used.get(token_id)
        if budget is not None and not scope.reusable:
            raise NotAuthenticated(_REFUSED)
        if budget is None:
            budget = self._used[token_id] = Budget(scope.characters)
            self._expiries.append((expires_s, token_id))
        return budget
