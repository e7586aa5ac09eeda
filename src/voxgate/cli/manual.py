"""``voxgate manual``: the reference of the command line, for the manual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

_HEAD = """\
# The command line

`voxgate --help` lists the commands, and `voxgate say --help` explains one of them.

```console
$ voxgate say "Hello, world."
out.mp3: 1.1 s of speech, first audio after 7 ms, real-time factor 0.012, by Local.Espeak.en-us+f1,
which stands in for Telnyx.NaturalHD.astra
```

needs no server and no key: the voice is made in the process itself. With `--server`, or `VOXGATE_URL`, a
running voxgate speaks over its WebSocket, and `VOXGATE_API_KEY` (or `--key`) says who asks:

```console
$ export VOXGATE_URL=http://127.0.0.1:8080 VOXGATE_API_KEY=vg_...
$ voxgate say --file letter.txt --voice Local.Espeak.en-gb -o letter.flac
```

Text can be written while it is spoken, and audio heard while it is made:

```console
$ my-chatbot | voxgate say - --format wav -o - | aplay
```

- Each run tells the time to the **first audio**, from the first words, and the **real-time factor**: seconds
  of work for each second of speech. Below 1 speech is made faster than it is heard. With standard input,
  waiting for text is part of it.
- A server is asked for plain PCM, and the file is encoded here: every voice can be had in every format.
- What a voice cannot speak at the speed asked for is stretched here, at the same pitch.
- A server that has 20,000 characters to speak gets more as it speaks them, so a text may be of any length.
- On Ctrl+C, and when something goes wrong half-way, a file keeps what it has, as a whole file.
- `--play` needs the package sounddevice (`pip install 'voxgate[play]'`) and the system's PortAudio
  (`apt-get install libportaudio2`). It has been tested without a sound card only.

## Talk with an agent

`voxgate talk` holds a conversation with an agent of a running voxgate, from a WAV file or with a
microphone, and writes down who said what:

```console
$ voxgate say "What can you do?" -o question.wav
$ voxgate talk question.wav -o answer.wav
   0.0  agent  Hello, this is Vox. How can I help you?
   4.7  you    what can you do
   4.7  agent  You can ask me for the time, the date, the opening hours, the address, or a small sum.
   4.7         (first sound after 211 ms)
answer.wav: 1 answer, the first sound after 211 ms at most
```

- Line by line: the seconds since the call began, who spoke, and what the server made of it. `--json`
  writes every event with all its fields, by the names of the [reference](voice-sessions.md#events).
- The recording may have any rate; it is brought to 16,000 Hz, mono. It is spoken at the pace of a call,
  since a server drops what comes faster; it begins when the greeting has ended, or with `--at-once` over
  it.
- The answer is written as it was heard, with the pauses, and without what an interruption cut off.
- A conversation whose connection is lost is over, with status 1: there is no way back into a session.
- `--microphone` needs sounddevice and PortAudio, as `--play` does. It was not run with a real sound
  card. There is no echo cancellation, so wear headphones.

## Exit statuses

| status | when |
|---|---|
| 0 | done |
| 1 | it could not be done: nobody answers, the voice fails, `doctor` finds something broken |
| 1 | whoever read the output has gone; nothing is said then |
| 2 | used wrongly: an option, setting, voice, key or text that cannot be |
| 130 | Ctrl+C |

What went wrong is told in one line on standard error that begins with `voxgate: `.

## The database

`voxgate serve` brings the database of an earlier version up to date when it starts. `voxgate db upgrade` does
only that. Either keeps the file as it was beside it, as `voxgate.db.version-1`. To undo an upgrade, stop the
servers, remove `voxgate.db-wal` and `voxgate.db-shm` if they are there, and move the copy to `voxgate.db`.

<!-- What follows is written by `voxgate manual`; change the commands' help instead. -->
"""


def manual_page(app: typer.Typer) -> str:
    """Write the page that documents every command and option, as Markdown."""
    return _HEAD + "".join(_command(typer.main.get_command(app), "voxgate"))


def _command(command: Any, name: str) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    if not isinstance(command, TyperGroup):
        yield from _section(command, name, context)
        return
    if command.invoke_without_command:
        yield from _section(command, name, context)
    for inner in command.commands.values():
        if not inner.hidden:
            yield from _command(inner, f"{name} {inner.name}")


def _section(command: Any, name: str, context: Any) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\n## {name}\n\n{command.help}\n\n```text\n{name} {usage}\n```\n\n"
    yield "| option | meaning |\n|---|---|\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            option, meaning = (text.replace("\\[", "[").replace("|", "\\|") for text in record)
            yield f"| `{option}` | {meaning} |\n"
