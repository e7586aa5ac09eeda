from __future__ import annotations

from functools import partial

from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans
from voxgate.access.streams import StreamGate, StreamPass
from voxgate.config import PlanSettings

ADA = ApiKey("key_1", "Ada", "ada", plan="free")
ADAS_OTHER = ApiKey("key_2", "Ada too", "ada", plan="free")
BOB = ApiKey("key_3", "Bob", "bob", plan="free")
EVE = ApiKey("key_4", "Eve", "eve")


class Gate:
    """A gate for two streams, and a list of who has begun."""

    def __init__(self) -> None:
        self.gate = StreamGate(Plans({"free": PlanSettings(streams=2)}))
        self.begun: list[str] = []

    def enter(self, key: ApiKey, name: str) -> StreamPass:
        return self.gate.enter(key, partial(self.begun.append, name))


def test_those_beyond_the_limit_wait_their_turn() -> None:
    gate = Gate()
    first, _, third, _ = [gate.enter(ADA, name) for name in "abcd"]
    assert gate.begun == ["a", "b"]
    first.leave()
    assert gate.begun == ["a", "b", "c"]
    third.leave()
    assert gate.begun == ["a", "b", "c", "d"]


def test_who_leaves_the_line_is_not_begun() -> None:
    gate = Gate()
    first, _, third, _ = [gate.enter(ADA, name) for name in "abcd"]
    third.leave()
    first.leave()
    assert gate.begun == ["a", "b", "d"]


def test_leaving_twice_makes_room_once() -> None:
    gate = Gate()
    first, *_ = [gate.enter(ADA, name) for name in "abcd"]
    first.leave()
    first.leave()
    assert gate.begun == ["a", "b", "c"]


def test_a_tenants_keys_share_its_places_and_other_tenants_have_their_own() -> None:
    gate = Gate()
    for key, name in ((ADA, "a"), (ADAS_OTHER, "b"), (ADAS_OTHER, "c"), (BOB, "d")):
        gate.enter(key, name)
    assert gate.begun == ["a", "b", "d"]


def test_without_a_limit_all_begin() -> None:
    gate = Gate()
    for name in "abcdefgh":
        gate.enter(EVE, name)
    assert gate.begun == list("abcdefgh")


def test_who_begins_may_leave_at_once() -> None:
    gate = Gate()
    entered: list[StreamPass] = []
    for _ in range(3):
        entered.append(gate.enter(ADA, "x"))
    gate.gate.enter(ADA, lambda: entered[1].leave())
    entered[0].leave()
    assert gate.begun == ["x", "x", "x"]
    entered[2].leave()
