"""Checks of the machine: Python, packages, clock, disk, limits."""

from __future__ import annotations

import importlib
import re
import resource
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from voxgate.cli.checks.finding import Finding, Grade, nearest_folder

OLDEST_PYTHON = (3, 11)
BINARIES = ("av", "httptools", "lameenc", "numpy", "orjson", "pybase64", "pydantic_core", "uvloop")
"""Modules that are compiled: a wheel for another machine or system shows when they are imported."""
EARLIEST_S = 1_790_000_000
"""September 2026, when this was written. No clock that is right shows less."""
CLOCK_SLACK_S = 120
TIGHT_DISK_MIB, FULL_DISK_MIB = 500, 20

_MIB = 1 << 20
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?\s*(?P<limits>[^;]*)(;(?P<marker>.*))?")
_LIMIT = re.compile(r"(>=|<)\s*([\d.]+)")


def check_python() -> Finding:
    """Is it recent enough?"""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding(
            Grade.BROKEN,
            "Python",
            f"{version} at {sys.executable} is too old",
            "voxgate needs Python 3.11 or later: make a new virtual environment with one.",
        )
    return Finding(Grade.GOOD, "Python", f"{version} at {sys.executable}")


def check_packages() -> Finding:
    """Is every package there that voxgate needs, recent enough, and made for this machine?"""
    try:
        requirements = metadata.requires("voxgate") or []
    except metadata.PackageNotFoundError:
        return Finding(Grade.BROKEN, "packages", "voxgate itself is not installed", _install("voxgate"))
    wrong = [*_wrong_versions(requirements), *_wrong_binaries()]
    if wrong:
        return Finding(Grade.BROKEN, "packages", "; ".join(wrong), _install("--force-reinstall voxgate"))
    needed = sum("extra ==" not in requirement for requirement in requirements)
    try:
        metadata.version("sounddevice")
    except metadata.PackageNotFoundError:
        return Finding(
            Grade.GOOD, "packages", f"all {needed} are there (sounddevice, for `say --play`, is not)"
        )
    return Finding(Grade.GOOD, "packages", f"all {needed} are there")


def _wrong_versions(requirements: Iterable[str]) -> Iterator[str]:
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found is None or found["marker"]:
            continue  # a marker is an extra's, or another system's
        try:
            version = metadata.version(found["name"])
        except metadata.PackageNotFoundError:
            yield f"{found['name']} is missing"
            continue
        if not all(_is_within(version, *limit) for limit in _LIMIT.findall(found["limits"])):
            yield f"{found['name']} is {version} and should be {found['limits'].strip()}"


def _is_within(version: str, operator: str, limit: str) -> bool:
    have, bound = (tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (version, limit))
    return have >= bound if operator == ">=" else have < bound


def _wrong_binaries() -> Iterator[str]:
    for name in BINARIES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            reason = str(error).partition("\n")[0]
            yield f"{name} cannot be loaded ({reason})"


def _install(what: str) -> str:
    return f"{sys.executable} -m pip install {what}"


def check_clock(data_dir: Path) -> Finding:
    """Is it plausible, and not earlier than what was written here before?"""
    now_s = time.time()
    shown = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    written_s = max((path.stat().st_mtime for path in data_dir.glob("*")), default=0.0)
    if now_s < max(EARLIEST_S, written_s - CLOCK_SLACK_S):
        return Finding(
            Grade.BROKEN,
            "clock",
            f"{shown} is in the past",
            "Set the clock, for example with: timedatectl set-ntp true",
        )
    return Finding(Grade.GOOD, "clock", shown)


def check_disk(data_dir: Path) -> Finding:
    """Is there room for what must last?"""
    folder = nearest_folder(data_dir)
    free_mib = shutil.disk_usage(folder).free // _MIB
    told = f"{free_mib:,} MiB free at {folder}"
    mend = "Make room there, or choose another folder with --data-dir or VOXGATE_DATA_DIR."
    if free_mib < FULL_DISK_MIB:
        return Finding(Grade.BROKEN, "disk", told, mend)
    if free_mib < TIGHT_DISK_MIB:
        return Finding(Grade.NOTE, "disk", told, mend)
    return Finding(Grade.GOOD, "disk", told)


def check_open_files(connections: int) -> Finding:
    """May this user hold as many sockets as the settings allow connections?"""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 200  # for workers, files and what is just being accepted
    told = f"{allowed:,} may be open at a time"
    if connections and allowed != resource.RLIM_INFINITY and allowed < wanted:
        return Finding(
            Grade.NOTE,
            "files",
            f"{told}, and limits.connections allows {connections:,} sockets",
            f"Before starting the server: ulimit -n {wanted} (or set limits.connections lower).",
        )
    return Finding(Grade.GOOD, "files", "any number may be open" if allowed < 0 else told)
