"""``voxgate talk``: a conversation with an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxgate.cli.options import KeyOption, ServerOption, ask_key
from voxgate.errors import InvalidRequest


def talk(
    recording: Annotated[
        Path | None,
        typer.Argument(
            metavar="WAV",
            help="What you say: a WAV file of any rate, mono or stereo. It is spoken at the pace at which it "
            "was recorded.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File for what the agent says, pauses included; its name tells the format. Without it: "
            "agent.wav, and with --microphone none.",
            show_default=False,
        ),
    ] = None,
    microphone: Annotated[
        bool,
        typer.Option(
            "--microphone",
            "-m",
            help="Talk with your own voice, and hear the agent; best with headphones. Needs PortAudio and "
            "pip install 'voxgate\\[play]'. Ctrl+C hangs up.",
        ),
    ] = False,
    agent: Annotated[
        str | None,
        typer.Option(help="Name of the agent to talk with; the server's own if none is named."),
    ] = None,
    at_once: Annotated[
        bool,
        typer.Option(
            "--at-once",
            help="Speak at once. Without it your recording begins when the agent has said its greeting.",
        ),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=600,
            help="Seconds of silence, after your recording has ended, after which to hang up. More for an "
            "agent that thinks longer.",
        ),
    ] = 4.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write what happens as JSON, an event a line, for programs.")
    ] = False,
    server: ServerOption = None,
    key: KeyOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not write what is said, nor how it went.")
    ] = False,
) -> None:
    """Talk with an agent of a running voxgate.

    You speak from a WAV file or with a microphone, at the pace of a telephone call. What the server
    understood and what the agent answers is written while it happens, with the seconds since the call began.

    ```
    voxgate say "What can you do?" -o question.wav    makes something to ask
    voxgate talk question.wav -o answer.wav           asks it, and keeps the answer
    voxgate talk --microphone                         lets you ask it yourself
    ```
    """
    if (recording is None) != microphone:
        raise InvalidRequest("Say it how? Give a WAV file, or --microphone to speak yourself")
    if server is None:
        raise InvalidRequest(
            "Talk with whom? Name a running voxgate with --server or VOXGATE_URL (`voxgate serve` runs one)"
        )

    from voxgate.cli.talking.task import Job, perform

    perform(
        Job(
            recording=recording,
            output=output if output is not None or microphone else Path("agent.wav"),
            agent=agent,
            at_once=at_once,
            wait_s=wait,
            as_json=as_json,
            quiet=quiet,
            server=server,
            key=ask_key(server, key),
        )
    )
