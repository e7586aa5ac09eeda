"""Notes which abilities of a provider a passing case has shown: the table in the manual is made of them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.shown import SHOWN, Shown

SUITE = "test_suite.py"


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(SHOWN, Shown())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.path.name == SUITE and report.when == "call" and isinstance(item, pytest.Function):
        shown = item.config.stash[SHOWN]
        callspec = getattr(item, "callspec", None)
        subject = callspec.params.get("subject") if callspec is not None else None
        ability = item.get_closest_marker("ability")
        shown.ran.add(item.nodeid)
        if subject is not None and ability is not None:
            shown.add(subject.id, ability.args[0], report.outcome)
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[SHOWN].deselected += item.path.name == SUITE


def pytest_collection_finish(session: pytest.Session) -> None:
    shown = session.config.stash[SHOWN]
    shown.collected = {item.nodeid for item in session.items if item.path.name == SUITE}
