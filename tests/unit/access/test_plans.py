from __future__ import annotations

from pathlib import Path

import pytest

from voxgate.access.keys import ApiKey
from voxgate.access.limits import Limits
from voxgate.access.plans import Plans
from voxgate.config import LimitSettings, PlanSettings, load_settings
from voxgate.errors import ConfigurationError, RateLimited

FREE = ApiKey("key_1", "Ada", "ada", plan="free")
PLAIN = ApiKey("key_2", "Bob", "bob")


def settings_from(text: str, folder: Path) -> Path:
    path = folder / "voxgate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_a_table_in_the_settings(tmp_path: Path) -> None:
    text = "[plans.free]\ncharacters_per_day = 5000\nrequests_per_minute = 20\nstreams = 2"
    plans = Plans(load_settings(settings_from(text, tmp_path)).plans)
    assert plans.of(FREE) == PlanSettings(characters_per_day=5000, requests_per_minute=20, streams=2)


def test_without_any_plan_there_is_no_limit() -> None:
    assert Plans({}).of(PLAIN) == PlanSettings()
    assert PlanSettings().characters_per_day == PlanSettings().streams == 0


def test_the_default_plan_can_be_given_limits() -> None:
    plan = PlanSettings(streams=4)
    assert Plans({"default": plan}).of(PLAIN) is plan


def test_a_plan_that_is_not_there_is_the_default_one() -> None:
    plan = PlanSettings(streams=4)
    assert Plans({"default": plan}).of(FREE) is plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[plans.free]\ncharacters = 5", "plans.free.characters is no setting"),
        ("[plans.free]\nstreams = -1", "plans.free.streams"),
        ('[plans."a b"]\nstreams = 1', "plans"),
    ],
)
def test_a_mistake_in_a_plan_is_told(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_settings(settings_from(text, tmp_path))


async def test_a_plan_says_how_many_requests_a_minute_may_have() -> None:
    plans = Plans(
        {"free": PlanSettings(requests_per_minute=2), "endless": PlanSettings(requests_per_minute=0)}
    )
    limits = Limits(LimitSettings(requests_per_minute=1), plans)
    for _ in range(2):
        await limits.check(FREE)
    with pytest.raises(RateLimited, match="2 requests a minute"):
        await limits.check(FREE)
    await limits.check(PLAIN)
    with pytest.raises(RateLimited, match="1 requests a minute"):
        await limits.check(PLAIN)
    for _ in range(10):
        await limits.check(ApiKey("key_3", "Eve", "eve", plan="endless"))
