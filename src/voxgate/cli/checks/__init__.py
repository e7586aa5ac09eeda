"""What ``voxgate doctor`` looks at.

Nothing here trusts that anything works. Packages may be missing, so each check imports what it needs itself,
and what others depend on is looked at first. No check changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voxgate.cli.checks.finding import Finding, Grade

__all__ = ["Finding", "Grade", "examine"]


def examine(config: Path | None, data_dir: Path | None) -> Iterator[Finding]:
    """Look at one thing after the other.

    Args:
        config: the settings file, if one was named.
        data_dir: the data folder, if one was named.
    """
    from voxgate.cli.checks import machine

    yield machine.check_python()
    packages = machine.check_packages()
    yield packages
    if packages.grade is Grade.BROKEN:
        return  # without them nothing below could be looked at

    from voxgate.cli.checks import installation
    from voxgate.cli.options import read_settings
    from voxgate.errors import ConfigurationError

    try:
        settings = read_settings(config, data_dir)
    except ConfigurationError as error:
        yield Finding(Grade.BROKEN, "settings", error.message, "`voxgate settings` shows what can be set.")
        return
    yield Finding(Grade.GOOD, "settings", "all of them can be used")
    yield installation.check_folder(settings.data_dir)
    yield installation.check_keys(settings)
    yield installation.check_port(settings.server)
    yield installation.check_engine(settings.espeak)
    yield from installation.check_neural_voices(settings)
    yield machine.check_clock(settings.data_dir)
    yield machine.check_disk(settings.data_dir)
    yield machine.check_open_files(settings.limits.connections)
