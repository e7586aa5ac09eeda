"""``voxgate serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings

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
    settings = read_settings(config, data_dir, host=host, port=port)

    import asyncio

    import uvloop

    from voxgate.observe.logs import configure_logging
    from voxgate.server.lifecycle import serve as serve_until_told

    configure_logging(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_told(settings, _announce))


async def _announce(services: Services, address: str) -> None:
    if services.settings.bootstrap_key is None and not await services.keys.list():
        _, secret = await services.keys.create("first")
        print(f"Your API key, shown only this once:  {secret}")
        print("More keys: voxgate keys create --name somebody\n")
    print(f"voxgate serves at {services.settings.server.public_url or address}")
    print(f"Try it:  curl -s {address}/readyz", flush=True)
