"""The manual's samples do what the manual says: each is run, as it stands, against a real server.

A fenced block says in its first line what becomes of it:

==================  =================================================================================
``sh run``          run by bash, in a folder of the page's own, page from top to bottom
``python run``      run by Python, likewise
``text output``     what the run before it must have printed; ``…`` stands for anything
``… file=NAME``     saved under that name for the blocks that follow
``… not-run``       not run; the page must say so in words
==================  =================================================================================

Address and key come from ``VOXGATE_URL`` and ``VOXGATE_API_KEY``, as for any user.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.server import RunningServer, clean_environment

ROOT = Path(__file__).parents[2]
RUN_IN_A_BROWSER = {"web.md"}
"""Followed step by step, in a real browser, by ``tests/browser/test_web_guide.py``."""
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial.md",
    ROOT / "docs" / "reference" / "python-client.md",
    *(page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if page.name not in RUN_IN_A_BROWSER),
]
PROGRAMS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
MUST_SAY = {"sh", "python", "js", "javascript", "bash", "dart"}
"""Languages of blocks that somebody may paste and run."""

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sample:
    """A fenced block."""

    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def file(self) -> str | None:
        """The name to save it under."""
        return next((mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")), None)


def samples(page: Path) -> list[Sample]:
    source = page.read_text(encoding="utf-8")
    found = []
    for block in FENCE.finditer(source):
        language, *marks = block["info"].split() or [""]
        found.append(Sample(source.count("\n", 0, block.start()) + 1, language, tuple(marks), block["text"]))
    return found


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(sample: Sample, folder: Path, server: RunningServer) -> str:
    path = f"{Path(sys.executable).parent}:{clean_environment()['PATH']}"
    environment = clean_environment(
        VOXGATE_URL=server.url,
        VOXGATE_API_KEY=server.key,
        VOXGATE_DATA_DIR=str(folder / "data"),
        PATH=path,
        PYTHONDONTWRITEBYTECODE="1",
        COLUMNS="100",
    )
    done = subprocess.run(
        [*PROGRAMS[sample.language], sample.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"line {sample.line}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def matches(printed: str, expected: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def follow(page: Path, shared_server: RunningServer, tmp_path: Path) -> None:
    """Run a page's samples in order and compare what they print."""
    printed = None
    for sample in samples(page):
        if sample.file is not None:
            assert re.fullmatch(r"[\w.-]+", sample.file)
            (tmp_path / sample.file).write_text(sample.text, encoding="utf-8")
        if "run" in sample.marks:
            printed = run(sample, tmp_path, shared_server)
        elif "output" in sample.marks:
            assert printed is not None, f"line {sample.line}: nothing was run before"
            assert matches(printed, sample.text), f"line {sample.line}: it printed\n{printed}"
            printed = None


SPOKEN = {"README.md", "tutorial.md"}
"""Here a script speaks to an agent in real time; on a machine that stalls, a phrase may be missed once."""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_samples_of_a_page_run(page: Path, shared_server: RunningServer, tmp_path: Path) -> None:
    try:
        follow(page, shared_server, tmp_path)
    except (AssertionError, subprocess.TimeoutExpired):
        if page.name not in SPOKEN:
            raise
        follow(page, shared_server, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_sample_says_whether_it_is_run(page: Path) -> None:
    for sample in samples(page):
        if sample.language in MUST_SAY:
            assert sample.file or {"run", "not-run"} & set(sample.marks), f"line {sample.line} does not say"
        if "not-run" in sample.marks:
            prose = FENCE.sub("", page.read_text(encoding="utf-8"))
            assert re.search(r"\bnot (been )?(run|built|tried)\b", prose), (
                "the page does not say what is not run"
            )


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=name
)
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{target} is not there"


def test_an_output_that_differs_is_noticed() -> None:
    assert matches("it took 5 ms\n", "it took … ms")
    assert not matches("it took 5 s\n", "it took … ms")
    assert not matches("first\nsecond\n", "first")


def test_a_sample_that_fails_is_noticed(shared_server: RunningServer, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 7: status 3"):
        run(Sample(7, "sh", ("run",), "exit 3"), tmp_path, shared_server)
