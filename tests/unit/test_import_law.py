"""The import law: what is pure stays pure, and the layers know only what lies below them.

Pure code takes no asyncio, sockets, files, clocks or randomness: events in, effects out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import voxgate

SOURCE = Path(voxgate.__path__[0])

PURE = (
    "audio.*",
    "conversation.arithmetic",
    "conversation.completeness",
    "conversation.endpoint",
    "conversation.turn",
    "errors",
    "protocols.*.*",
    "speech.boundaries",
    "speech.emoji",
    "speech.inline_markup",
    "speech.language",
    "speech.lexicon",
    "speech.lexicon_files",
    "speech.long_text",
    "speech.markup",
    "speech.model",
    "speech.phonemes",
    "speech.pieces",
    "speech.polly",
    "speech.receipt",
    "speech.sentences",
    "speech.standin",
    "speech.utterance",
    "speech.voice",
    "speech.wording",
)
SHELLS = ("protocols.*.rest*", "protocols.*.socket*", "protocols.*.upgrade")
"""What stands right of the bar in the protocols' folders: it carries bytes between a socket and pure code."""

STANDARD = {
    "abc", "bisect", "collections", "collections.abc", "contextlib", "dataclasses", "enum", "fractions",
    "functools", "heapq", "html", "http", "io", "itertools", "json", "math", "operator", "re", "string",
    "struct", "types", "typing", "unicodedata", "urllib.parse", "xml.parsers", "xml.parsers.expat", "zlib",
}  # fmt: skip
CODECS = {
    "av",
    "av.filter",
    "lameenc",
    "numpy",
    "numpy.typing",
    "orjson",
    "pybase64",
    "sentencex",
    "soundfile",
}


def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, text: str) -> Iterator[str]:
    """List what a module imports, wherever in it: ours as ``voxgate.…``, down to the module."""
    package = f"voxgate.{name}".split(".")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: -node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            inner = [f"{module}.{alias.name}" for alias in node.names]
            ours = [full for full in inner if full.removeprefix("voxgate.") in MODULES]
            yield from ours
            if len(ours) < len(inner) and module != "__future__":
                yield module


def is_pure(name: str) -> bool:
    package = MODULES.get(name, Path()).name == "__init__.py"
    shell = any(fnmatch(name, pattern) for pattern in SHELLS)
    return not package and not shell and any(fnmatch(name, pattern) for pattern in PURE)


def breaches(name: str, text: str) -> list[str]:
    """List the imports of a module that the law forbids."""
    found = set(imports(name, text))
    ours = {full.removeprefix("voxgate.") for full in found if full.startswith("voxgate.")}
    bad = set()
    if is_pure(name):
        bad |= {full for full in found if not full.startswith("voxgate") and full not in STANDARD | CODECS}
        bad |= {inner for inner in ours if not is_pure(inner)}
    layer, *rest = name.split(".")
    if layer in ("providers", "engines"):
        bad |= {inner for inner in ours if inner.split(".")[0] in ("protocols", "conversation", "server")}
    if layer == "protocols":
        own = ".".join(["protocols", *rest[:1]])
        strangers = {inner for inner in ours if inner.startswith("protocols.") and not below(inner, own)}
        bad |= strangers | {inner for inner in ours if below(inner, "server")}
    if fnmatch(name, "engines.*_worker"):
        bad |= {full for full in found if full.split(".")[0] == "voxgate"}
    return sorted(bad)


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_what_it_may(name: str) -> None:
    assert not breaches(name, MODULES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("audio.format", "import asyncio"),
        ("audio.format", "def late():\n    import random"),
        ("audio.format", "from time import monotonic"),
        ("audio.format", "from voxgate.clock import Clock"),
        ("audio.format", "from voxgate import clock"),
        ("audio.format", "from ..speech import stream"),
        ("speech.voice", "from voxgate.speech.speaker import Speaker"),
        ("protocols.telnyx.frames", "import structlog"),
        ("protocols.telnyx.frames", "from . import socket"),
        ("protocols.telnyx.socket", "from voxgate.server.app import build_app"),
        ("protocols.telnyx.socket", "from voxgate.protocols.uplift.messages import x"),
        ("providers.espeak", "from voxgate.protocols import telnyx"),
        ("engines.pool", "import voxgate.conversation.turn"),
        ("engines.espeak_worker", "from voxgate.errors import VoxgateError"),
    ],
)
def test_a_breach_is_found(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "protocols.telnyx.socket", Path("socket.py"))
    assert breaches(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("audio.format", "from voxgate.errors import UnsupportedFormat\nimport struct"),
        ("protocols.telnyx.socket", "import asyncio\nfrom voxgate.speech.speaker import Speaker"),
        ("protocols.telnyx.socket", "from voxgate.protocols.telnyx import frames"),
        ("providers.espeak", "from voxgate.engines.pool import WorkerPool"),
    ],
)
def test_what_is_allowed_is_no_breach(name: str, text: str) -> None:
    assert not breaches(name, text)


def test_the_lists_name_modules_that_exist() -> None:
    """A pattern that fits nothing guards nothing; these may come later."""
    later = {"speech.lexicon", "speech.markup", *SHELLS}
    unused = {pattern for pattern in PURE if not any(fnmatch(name, pattern) for name in MODULES)}
    assert unused <= later
