"""``voxgate say``: text into speech."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxgate.cli.options import ConfigOption, KeyOption, ServerOption, ask_key
from voxgate.errors import InvalidRequest


def say(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to say; - reads standard input and speaks while it is being written.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Say what is in this file (UTF-8).", show_default=False),
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(
            "--voice",
            "-v",
            help="Name of a voice, as `voxgate voices` lists them; Telnyx.NaturalHD.astra if none is named.",
            show_default=False,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language of the text, such as ur or pt-BR, for a voice that speaks several."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.25, max=4.0, help="2 speaks twice as fast, 0.5 half as fast.")
    ] = 1.0,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write; - is standard output. Without it: out.mp3, or as the format is called.",
            show_default=False,
        ),
    ] = None,
    audio_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="mp3, wav, flac, opus, vorbis, aac, pcm, mulaw or alaw. Without it: as the file's name "
            "says, else mp3.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(help="Samples a second; 24000 if not set, 8000 for mulaw and alaw.", show_default=False),
    ] = None,
    play: Annotated[
        bool,
        typer.Option(
            "--play",
            help="Play it, and write a file only if --output names one. Needs PortAudio and "
            "pip install 'voxgate\\[play]'.",
        ),
    ] = False,
    server: ServerOption = None,
    key: KeyOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing about how it went.")] = False,
    config: ConfigOption = None,
) -> None:
    """Turn text into speech, with a running server or without any.

    With --server (or VOXGATE_URL) a running voxgate speaks, over its WebSocket. Without one the voice is
    made right here, and no server is needed.

    In the end it tells how long the first audio took from the first words, and the real-time factor: seconds
    of work for each second of speech. Below 1 it is made faster than it is heard.

    ```
    voxgate say "Hello, world."                     writes out.mp3
    voxgate say -f letter.txt -o letter.wav -v Local.Espeak.en-gb
    chatbot | voxgate say - -o - | ffplay -i -      speaks while it writes
    ```
    """
    words = " ".join(text or ())
    if bool(words) == (file is not None):
        raise InvalidRequest("Say what? Give a text, or - for standard input, or --file with a file's name")
    from_stdin = words == "-" or str(file) == "-"

    from voxgate.cli.saying.formats import choose_format
    from voxgate.cli.saying.task import Job, perform
    from voxgate.cli.saying.voice import Wish

    path = None if output in (None, "-") else Path(output)
    suffix, target = choose_format(audio_format, path, rate)
    if output is None and not play:
        path = Path("out").with_suffix(suffix)
    perform(
        Job(
            text=words,
            file=None if from_stdin else file,
            from_stdin=from_stdin,
            wish=Wish(voice, language, speed),
            target=target,
            path=path,
            to_stdout=output == "-",
            play=play,
            server=server,
            key=key if from_stdin else ask_key(server, key),
            config=config,
            quiet=quiet,
        )
    )
