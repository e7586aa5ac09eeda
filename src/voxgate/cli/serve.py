"""``voxgate serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings
from voxgate.cli.program import program_name

if TYPE_CHECKING:
    from voxgate.services import Services


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on, 127.0.0.1 if not set; 0.0.0.0 for every one."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 8080 if not set; 0 for any that is free.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run the server until Ctrl+C or SIGTERM.

    The first run makes an API key and shows it once. A second Ctrl+C ends at once, without waiting for
    speech that is under way.
    """
    import gc

    # Until the server is ready: what is imported stays, and to look it over again and again takes a fifth
    # of the start.
    gc.disable()
    settings = read_settings(config, data_dir, host=host, port=port)

    import asyncio

    import uvloop

    from voxgate.observe.logs import configure_logging
    from voxgate.server.lifecycle import serve as serve_until_told

    configure_logging(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_told(settings, _announce))


async def _announce(services: Services, address: str) -> None:
    program, key = program_name(), ""
    if services.settings.bootstrap_key is None and not await services.keys.list():
        _, secret = await services.keys.create("first")
        key = f"VOXGATE_API_KEY={secret} "
        print(f"Your API key, shown only this once:  {secret}")
        print(f"More keys: {program} keys create --name somebody\n")
    print(f"voxgate serves at {services.settings.server.public_url or address}")
    # Without a key in it, the command asks for one.
    print(f'Try it:  {key}{program} say "Hello, world." --server {address}', flush=True)
