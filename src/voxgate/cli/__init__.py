"""The command line: ``voxgate serve``, ``voxgate say`` and what else there is.

What each command needs is imported when it runs, so that ``voxgate --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from voxgate import __version__
from voxgate.cli.database import app as database
from voxgate.cli.doctor import doctor
from voxgate.cli.keys import app as keys
from voxgate.cli.say import say
from voxgate.cli.serve import serve
from voxgate.cli.settings import settings
from voxgate.cli.talk import talk
from voxgate.cli.voices import app as voices
from voxgate.errors import ConfigurationError, RequestError, VoxgateError

FAILED = 1
"""Exit status when it could not be done; also when whoever read our output has gone."""
WRONG_USE = 2
"""When a setting or an argument is wrong, as typer's own."""
INTERRUPTED = 130
"""On Ctrl+C, as shells have it."""

app = typer.Typer(
    help="One self-hosted server for real-time voice: text in while it is being written, "
    "speech out while it is being made.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("serve")(serve)
app.command("say")(say)
app.command("talk")(talk)
app.command("settings")(settings)
app.command("doctor")(doctor)
app.add_typer(voices, name="voices")
app.add_typer(keys, name="keys")
app.add_typer(database, name="db")


@app.command(hidden=True)
def manual() -> None:
    """Write the reference of the command line as Markdown, for the manual."""
    from voxgate.cli.manual import manual_page

    print(manual_page(app), end="")


def main() -> None:
    """Run the command line and end the program; whatever goes wrong is told in one line."""
    sys.exit(_run())


def _run() -> int:
    try:
        status = app(prog_name="voxgate", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        if told := error.format_message():  # nothing when the help was shown instead
            command = getattr(getattr(error, "ctx", None), "command_path", "voxgate")
            _say(f"{told.rstrip('.')} (see: {command} --help)")
        return WRONG_USE
    except (ConfigurationError, RequestError) as error:
        _say(error.message)
        return WRONG_USE
    except VoxgateError as error:
        _say(error.message)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return FAILED
    except typer.Abort:
        return FAILED
    except Exception as error:
        # The root of the program: what comes here is a mistake of ours, and nobody who types a command
        # should have to read a traceback.
        from voxgate.observe.logs import error_fields

        fields = error_fields(error)
        _say(f"this should not have happened: {fields['error_type']} at {', '.join(fields['places'])}")
        return FAILED
    return status if isinstance(status, int) else 0


def _forget_output() -> None:
    """Let what is left for a reader who has gone go nowhere, or Python would complain at the very end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
