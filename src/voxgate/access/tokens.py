"""Short-lived session tokens: signed, bound to a key and an agent.

A token is a JWT under HS256 with a random key of this data folder. It is good until it expires or its API
key is revoked; with single use switched on, also only once (in this process: a used token is remembered
until it would have expired anyway).
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

import jwt

from voxgate.access.keys import ApiKey
from voxgate.clock import Clock
from voxgate.errors import NotAuthenticated

TOKEN_FILE = "token.key"  # noqa: S105 - a file's name
MAX_TOKEN_CHARACTERS = 4096
_ALGORITHM, _AUDIENCE = "HS256", "voxgate-session"


@dataclass(frozen=True, slots=True)
class SessionClaim:
    """What a good token says.

    Attributes:
        key_id: the API key that asked for it.
        tenant: whose key that is.
        agent: the agent it is for.
    """

    key_id: str
    tenant: str
    agent: str


class SessionTokens:
    """Issues tokens and redeems them.

    Args:
        secret: the random bytes under which they are signed.
        clock: wall-clock time.
        ttl_s: how long a token is good.
        single_use: whether it is good once.
    """

    def __init__(self, secret: bytes, clock: Clock, *, ttl_s: float, single_use: bool) -> None:
        self._secret, self._clock = secret, clock
        self._ttl_s, self._single_use = ttl_s, single_use
        self._used: set[str] = set()
        self._expiries: deque[tuple[float, str]] = deque()

    def issue(self, key: ApiKey, agent: str) -> str:
        """Make a token for a session of ``agent``."""
        now_s = self._clock.wall_s()
        claims = {
            "aud": _AUDIENCE,
            "iat": int(now_s),
            "exp": now_s + self._ttl_s,
            "jti": secrets.token_urlsafe(16),
            "key": key.key_id,
            "tenant": key.tenant,
            "agent": agent,
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def redeem(self, token: str) -> SessionClaim:
        """Check a token and, with single use, use it up; there is no waiting in between.

        Raises:
            NotAuthenticated: it is not ours, expired, or used before.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise NotAuthenticated("Invalid or expired token")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [_ALGORITHM],
                audience=_AUDIENCE,
                # Expiry is judged below, by the clock that was passed in.
                options={"require": ["exp", "jti"], "verify_exp": False, "verify_iat": False},
            )
            claim = SessionClaim(claims["key"], claims["tenant"], claims["agent"])
            expires_s, token_id = float(claims["exp"]), str(claims["jti"])
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise NotAuthenticated("Invalid or expired token") from None
        now_s = self._clock.wall_s()
        if expires_s <= now_s:
            raise NotAuthenticated("Invalid or expired token")
        if self._single_use:
            self._use_up(token_id, expires_s, now_s)
        return claim

    def _use_up(self, token_id: str, expires_s: float, now_s: float) -> None:
        while self._expiries and self._expiries[0][0] <= now_s:
            self._used.discard(self._expiries.popleft()[1])
        if token_id in self._used:
            raise NotAuthenticated("Invalid or expired token")
        self._used.add(token_id)
        self._expiries.append((expires_s, token_id))
