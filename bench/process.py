"""A server under measurement: started, watched, ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

KEY = "bench-key-that-is-long-enough"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Measured:
    """A server process: its addresses, its CPU time and its memory."""

    def __init__(self, module: str, *, core: int | None = None, **environment: str) -> None:
        self._module, self._core, self._environment = module, core, environment

    def __enter__(self) -> Measured:
        self._folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        arguments = [sys.executable, "-m", self._module, str(self.port)]
        if self._module == "bench.server":
            arguments.append(self._folder.name)
        if self._core is not None:
            arguments.append(str(self._core))
        environment = {**os.environ, "VOXGATE_BOOTSTRAP_KEY": KEY, **self._environment}
        began_s = time.monotonic()
        self._process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
        self._wait_ready()
        self.start_s = time.monotonic() - began_s
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU time so far, without its workers'."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def children(self) -> int:
        """How many processes it has started that are still there."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        return sum(len((task / "children").read_text().split()) for task in tasks.iterdir())

    def memory_kib(self) -> float:
        """Resident memory, without its workers'."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * _PAGE / 1024

    def _wait_ready(self) -> None:
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            try:
                with urllib.request.urlopen(f"{self.http}/readyz", timeout=1) as answer:  # noqa: S310 - ours
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.005)
        raise RuntimeError("the server did not become ready")
