"""``voxgate voices``: which voices there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from voxgate.cli.neural_voices import add, known_gender, remove
from voxgate.cli.options import ConfigOption, KeyOption, ServerOption, ask_key, key_explained

Record = dict[str, Any]
_SHOWN = ("id", "language", "gender", "name")

app = typer.Typer(subcommand_metavar="[COMMAND [ARGS]...]")


@app.callback(invoke_without_command=True)
def voices(
    context: typer.Context,
    provider: Annotated[
        str | None, typer.Option(help="Only this provider's, such as local or azure.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Only this model's, such as NaturalHD.", show_default=False)
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Only those that speak this language, such as ur or en-GB.", show_default=False),
    ] = None,
    gender: Annotated[
        str | None, typer.Option(help="female, male, neutral or unknown.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
    server: ServerOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """List voices: the names that --voice takes.

    With --server (or VOXGATE_URL) these are the voices of a running voxgate, else those that a server
    started here would have. Where the fourth column says "stand-in" the voice's vendor is not set up, and a
    local voice of the same language speaks for it.
    """
    if context.invoked_subcommand is not None:
        return

    import asyncio

    wanted = {"provider": provider, "model": model, "language": language, "gender": known_gender(gender)}
    filters = {name: value for name, value in wanted.items() if value is not None}
    if server is not None:
        from voxgate.client.voices import fetch_voices

        key = ask_key(server, key)
        with key_explained(server, key):
            found = asyncio.run(fetch_voices(server, key, filters))
    else:
        found = asyncio.run(_here(config, filters))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        _print_table(found)
    else:
        print("There is no such voice.")


app.command()(add)
app.command()(remove)


async def _here(config: Path | None, filters: dict[str, Any]) -> list[Record]:
    from voxgate.clock import LoopClock
    from voxgate.config import LogSettings, load_settings
    from voxgate.observe.logs import configure_logging
    from voxgate.server.speech import open_speech

    configure_logging(LogSettings(level="error"))
    settings = load_settings(config, {"espeak": {"min_workers": 1, "max_workers": 1}})
    async with open_speech(settings, LoopClock(), lean=True) as (router, _):
        return [voice.record() for voice in router.catalogue.voices(**filters)]


def _print_table(records: list[Record]) -> None:
    rows = [("VOICE", "LANGUAGE", "GENDER", "SPOKEN BY", "CALLED"), *map(_row, records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(record: Record) -> tuple[str, str, str, str, str]:
    voice, language, gender, label = (str(record.get(name, "")) for name in _SHOWN)
    return voice, language, gender, "itself" if record.get("hosted") else "stand-in", label
