"""``voxgate doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from voxgate.cli.options import ConfigOption, DataDirOption

if TYPE_CHECKING:
    from voxgate.cli.checks import Finding

_COLOURS = {"ok": 32, "note": 33, "BAD": 31}


def doctor(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Look over this installation, and tell how to mend what is wrong with it.

    Looks at Python and the packages, the settings, the data folder with its keys, the port, the engine
    that speaks, your neural voices, the clock, the disk and the limit on open files. Changes nothing.

    Ends with status 1 when something is broken. A note is only worth knowing.
    """
    from voxgate.cli.checks import Grade, examine

    broken = 0
    for finding in examine(config, data_dir):
        _print(finding)
        broken += finding.grade is Grade.BROKEN
    print(f"\nBroken: {broken}." if broken else "\nAll is well.")
    if broken:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    mark = f"{finding.grade.value:<4}"
    if sys.stdout.isatty():
        mark = f"\x1b[{_COLOURS[finding.grade.value]}m{mark}\x1b[0m"
    print(f"{mark}  {finding.subject:<8}  {finding.told}", flush=True)
    if finding.mend:
        print(f"{'':16}{finding.mend}", flush=True)
