"""``voxgate settings``: what can be set, and what is."""

from __future__ import annotations

from typing import Annotated

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings


def settings(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write the whole reference instead, for the manual.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show every setting with its value, and say what is wrong with them if something is."""
    if markdown:
        from voxgate.cli.page import settings_page

        print(settings_page(), end="")
        return

    from voxgate.cli.page import settings_in_force

    for name, value in settings_in_force(read_settings(config, data_dir)):
        print(f"{name} = {value}")
