"""The real server, as a process of its own, for tests that talk to it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

KEY = "bootstrap-key-for-tests"
VOXGATE = (sys.executable, "-m", "voxgate", "serve")
START_S = 120.0
"""More than any start takes, so that a test fails with the server's own words instead of hanging."""


class RunningServer:
    """A server on a free loopback port, with a data folder of its own; ready when the block begins.

    At the block's end it is told to stop by SIGTERM, must exit with status 0 and leave no process behind.

    Args:
        folder: empty, for its data and its log.
        program: what to run; it prints ``serves at <address>`` when it is ready.
        environment: further variables, such as ``VOXGATE_TELNYX__FINAL_QUIET_MS``; None
            takes one of those away that are set here.
    """

    key = KEY

    def __init__(
        self,
        folder: Path,
        *,
        program: Sequence[str] = VOXGATE,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self.data_dir = folder / "data"
        self._log = folder / "log.txt"
        self._program = program
        settings: dict[str, str | None] = {
            "VOXGATE_DATA_DIR": str(self.data_dir),
            "VOXGATE_BOOTSTRAP_KEY": KEY,
            "VOXGATE_SERVER__PORT": "0",
            "VOXGATE_LOG__LEVEL": "debug",
            "VOXGATE_LOG__FORMAT": "json",
            **(environment or {}),
        }
        self._environment = clean_environment(
            **{name: value for name, value in settings.items() if value is not None}
        )
        self.url = ""
        """Where it is, ``http://127.0.0.1:…``."""
        self.process: subprocess.Popen[bytes]

    @property
    def ws_url(self) -> str:
        """Where it is, for WebSockets."""
        return self.url.replace("http", "ws", 1)

    @property
    def port(self) -> int:
        """What it listens on."""
        return int(self.url.rpartition(":")[2])

    def log(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def workers(self) -> set[int]:
        """The processes that it has started and that are still there."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Wait until it has ended, and return its exit status."""
        return self.process.wait(timeout_s)

    def __enter__(self) -> RunningServer:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._program, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until_s = time.monotonic() + START_S
        while not (found := re.search(r"serves at (http://\S+)", self.log())):
            if self.process.poll() is not None or time.monotonic() > until_s:
                self._kill()
                raise AssertionError(f"the server did not start: {self.log()}")
            time.sleep(0.01)
        self.url = found[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        workers = self.workers() if self.process.poll() is None else set()
        try:
            self.signal()
            status = self.wait()
        finally:
            self._kill()
        if error is None:
            assert status == 0, f"the server ended with status {status}: {self.log()}"
            left = [pid for pid in workers if Path(f"/proc/{pid}").exists()]
            assert not left, f"the server left processes behind: {left}"

    def _kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment, without any setting of voxgate but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOXGATE_")}
    return {**kept, **variables}


@contextmanager
def listening_elsewhere() -> Iterator[int]:
    """A port that another program has taken."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]
