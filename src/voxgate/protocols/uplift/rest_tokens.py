"""Tokens to fetch one piece of audio with, instead of a key.

They are good for as long as the audio is kept, and only in this process, which alone keeps it: the random
key under which they are signed is never written down.
"""

from __future__ import annotations

import secrets

import jwt

from voxgate.access.keys import ApiKey
from voxgate.clock import Clock
from voxgate.errors import NotAuthenticated

_ALGORITHM, _AUDIENCE = "HS256", "voxgate-media"
_MAX_CHARACTERS = 4096


class MediaTokens:
    """Issues tokens and checks them.

    Args:
        clock: wall-clock time.
        ttl_s: how long a token is good.
    """

    def __init__(self, clock: Clock, *, ttl_s: float) -> None:
        self._clock, self._ttl_s = clock, ttl_s
        self._secret = secrets.token_bytes(32)

    def issue(self, media_id: str, key: ApiKey) -> str:
        """Make a token for one piece of audio of a key's tenant."""
        claims = {
            "aud": _AUDIENCE,
            "sub": media_id,
            "exp": self._clock.wall_s() + self._ttl_s,
            "key": key.key_id,
            "tenant": key.tenant,
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def check(self, token: str, media_id: str) -> ApiKey:
        """Return the key behind a token, with what is left of it; raises `NotAuthenticated`."""
        try:
            if len(token) > _MAX_CHARACTERS:
                raise NotAuthenticated("The token is too long to be one")
            claims = jwt.decode(
                token,
                self._secret,
                [_ALGORITHM],
                audience=_AUDIENCE,
                # Expiry is judged below, by the clock that was passed in.
                options={"require": ["exp", "sub"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            raise NotAuthenticated("The token is none of this server's") from None
        if claims["sub"] != media_id:
            raise NotAuthenticated("The token is for other audio")
        if claims["exp"] <= self._clock.wall_s():
            raise NotAuthenticated("The token has expired")
        return ApiKey(claims["key"], "", claims["tenant"])
