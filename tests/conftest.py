"""What every test stands on: virtual time, and a guard against anything left behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from voxgate.testing.virtual_time import VirtualTimeLoop

_running: list[pytest.Item] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which test is about to get its loop."""
    _running[:] = [item]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give tests marked ``virtual_time`` a loop whose clock jumps instead of waiting.

    ``item`` is the function, without the marks of single parameters: those show only when the test runs.
    """
    return {"loop": _new_loop}


def _new_loop() -> asyncio.AbstractEventLoop:
    virtual = any(item.get_closest_marker("virtual_time") for item in _running)
    return VirtualTimeLoop() if virtual else asyncio.new_event_loop()


def _child_processes() -> set[int]:
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split()} if path.exists() else set()


def _sockets() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return set()
    found = set()
    for entry in folder.iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _threads() -> set[threading.Thread]:
    # Those of asyncio.to_thread belong to the loop, which ends them when it is closed, after the guard looks.
    return {
        thread
        for thread in threading.enumerate()
        if not thread.daemon and not thread.name.startswith("asyncio_")
    }


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    """Fail a test whose tasks outlive it. (The runner itself would cancel them without a word.)"""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, f"the test left tasks behind: {', '.join(left)}"


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, thread, socket or task."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("_no_task_left")
    processes, threads, sockets = _child_processes(), _threads(), _sockets()
    yield

    def leftovers() -> list[str]:
        return [
            *(f"process {pid}" for pid in _child_processes() - processes),
            *(f"thread {thread.name}" for thread in _threads() - threads),
            *(f"open {name}" for name in _sockets() - sockets),
        ]

    # A collection takes a tenth of a second in a large test run, so only a suspicion is worth one.
    left = leftovers()
    if left:
        gc.collect()
        left = leftovers()
    assert not left, f"the test left behind: {', '.join(left)}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """The real server, for one test."""
    with RunningServer(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The real server, for all tests that leave it as they found it.

    They share a key, and a fast machine runs more of them in a minute than a key may ask for in one.
    """
    unlimited = {"VOXGATE_LIMITS__REQUESTS_PER_MINUTE": "0"}
    with RunningServer(tmp_path_factory.mktemp("shared-server"), environment=unlimited) as running:
        yield running
