from __future__ import annotations

import jwt
import pytest

from voxgate.access.keys import ApiKey
from voxgate.clock import LoopClock
from voxgate.errors import NotAuthenticated
from voxgate.protocols.uplift.rest_tokens import MediaTokens

KEY = ApiKey("key_1", "mine", "tenant")


class SteppedClock(LoopClock):
    at_s = 1_800_000_000.0

    def wall_s(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def tokens(clock: SteppedClock) -> MediaTokens:
    return MediaTokens(clock, ttl_s=60)


def test_a_token_names_its_key_and_tenant_and_no_more(tokens: MediaTokens) -> None:
    found = tokens.check(tokens.issue("media", KEY), "media")
    assert (found.key_id, found.tenant, found.name) == ("key_1", "tenant", "")


def test_it_is_good_for_one_piece_of_audio_and_a_while(tokens: MediaTokens, clock: SteppedClock) -> None:
    token = tokens.issue("media", KEY)
    with pytest.raises(NotAuthenticated, match="other audio"):
        tokens.check(token, "another")
    clock.at_s += 59
    tokens.check(token, "media")
    clock.at_s += 1
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.check(token, "media")


def test_nobody_else_s_is_taken(tokens: MediaTokens, clock: SteppedClock) -> None:
    stranger = MediaTokens(clock, ttl_s=60).issue("media", KEY)
    unsigned = jwt.encode({"aud": "voxgate-media", "sub": "media", "exp": 1e12}, None, "none")
    for token in (stranger, unsigned, "", "x", "a.b.c", "x" * 5000):
        with pytest.raises(NotAuthenticated):
            tokens.check(token, "media")
