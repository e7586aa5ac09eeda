"""The command line: ``voxgate serve``, ``voxgate keys``, ``voxgate settings``.

What each command needs is imported when it runs, so that ``voxgate --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from voxgate import __version__
from voxgate.cli.keys import app as keys
from voxgate.cli.serve import serve
from voxgate.cli.settings import settings
from voxgate.errors import VoxgateError

WRONG_USE = 2
"""Exit status when a setting or an argument is wrong, as typer's own."""
OUR_MISTAKE = 1

app = typer.Typer(
    help="One self-hosted server for real-time voice: text in while it is being written, "
    "speech out while it is being made.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("serve")(serve)
app.command("settings")(settings)
app.add_typer(keys, name="keys")


def main() -> None:
    """Run the command line; a mistake is told in one line."""
    try:
        app()
    except VoxgateError as error:
        _say(error.message)
        sys.exit(WRONG_USE)
    except Exception as error:
        # The root of the program: what comes here is a mistake of ours, and nobody who types a command
        # should have to read a traceback.
        from voxgate.observe.logs import error_fields

        fields = error_fields(error)
        _say(f"this should not have happened: {fields['error_type']} at {', '.join(fields['places'])}")
        sys.exit(OUR_MISTAKE)


def _say(message: str) -> None:
    print(f"voxgate: {' '.join(message.split())}", file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"voxgate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass
