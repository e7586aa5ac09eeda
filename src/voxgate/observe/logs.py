"""Logging: one line for each event, to standard error, for people or as JSON.

Events are fixed strings and values are fields. Keys, spoken text and audio are never fields; what other
libraries log goes through `_Foreign`, which keeps the fixed part of a message and of an error only its type
and place, because the rest may hold anything.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from traceback import extract_tb
from typing import Any

import orjson
import structlog

from voxgate.config import LogSettings

log = structlog.get_logger()

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_PLACES = 6
"""Places of an error's traceback that are told, the innermost last."""


def configure_logging(settings: LogSettings) -> None:
    """Send every log line of this process to standard error in the format asked for."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _renderer(settings.format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)
    # uvicorn tells paths with their queries, its WebSocket parser tells whole messages, and what it calls
    # errors are refused upgrades and sockets that are cut off at the end; what matters we log ourselves.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(True)


def error_fields(error: BaseException) -> dict[str, Any]:
    """Tell of an unexpected error what cannot hold anybody's data: its type, and where it was raised."""
    places = [f"{Path(at.filename).name}:{at.lineno}" for at in extract_tb(error.__traceback__)]
    return {"error_type": type(error).__qualname__, "places": places[-_PLACES:]}


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody caught on the event loop; to be set as the loop's exception handler."""
    error = context.get("exception")
    fields = error_fields(error) if isinstance(error, BaseException) else {}
    # The rest of the message may quote what a callback was called with.
    about = " ".join(str(context.get("message", "")).split()[:3])
    log.error("unhandled on the event loop", about=about, **fields)


def _renderer(kind: str) -> structlog.typing.Processor:
    if kind == "json":
        return structlog.processors.JSONRenderer(serializer=_json)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, default=options.get("default", repr)).decode()


class _Foreign(logging.Handler):
    """Hands what other libraries log over to structlog, without the values in it."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = error_fields(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        message = str(record.msg).strip()
        log.log(record.levelno, "library", library=record.name, message=message, **fields)
