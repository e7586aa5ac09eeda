from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from voxgate.config import LogSettings
from voxgate.observe.logs import configure_logging, error_fields, log_loop_error

CANARY = "the canary"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, levels = logging.getLogger(), {}
    handlers, level = root.handlers[:], root.level
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        levels[name] = logging.getLogger(name).level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    structlog.get_logger().info("something happened", count=3, voices=("a", "b"), odd=object)
    (event,) = events(capsys)
    assert (event["event"], event["level"], event["count"]) == ("something happened", "info", 3)
    assert event["voices"] == ["a", "b"]
    assert event["timestamp"].endswith("Z")


def test_the_console_format_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings())
    structlog.get_logger().info("something happened", text="two\nlines")
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json", level="warning"))
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [event["event"] for event in events(capsys)] == ["loud"]


def test_other_libraries_are_heard_without_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json", level="debug"))
    log = logging.getLogger("some.library")
    log.info("chatter")
    log.warning("no answer from %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("failed for %s", CANARY)
    captured = capsys.readouterr().err
    assert CANARY not in captured
    first, second = (json.loads(line) for line in captured.splitlines())
    assert (first["library"], first["level"], first["message"]) == (
        "some.library",
        "warning",
        "no answer from %s",
    )
    assert (second["error_type"], second["level"]) == ("ValueError", "error")
    assert second["places"][-1].startswith("test_logs.py:")


def test_warnings_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(CANARY, stacklevel=1)
    (event,) = events(capsys)
    assert event["library"] == "py.warnings"


@pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access"])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_uvicorn_is_silent_because_it_quotes_queries_and_frames(
    name: str, level: int, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogSettings(level="debug"))
    assert not logging.getLogger(name).isEnabledFor(level)


async def test_an_error_on_the_loop_is_told_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)

    def fail(text: str) -> None:
        raise RuntimeError(text)

    loop.call_soon(fail, CANARY)
    await asyncio.sleep(0)
    captured = capsys.readouterr().err
    assert CANARY not in captured
    event = json.loads(captured)
    assert (event["level"], event["error_type"]) == ("error", "RuntimeError")
    assert event["about"] == "Exception in callback"


def test_an_error_that_was_never_raised_has_no_places() -> None:
    assert error_fields(ValueError(CANARY)) == {"error_type": "ValueError", "places": []}
