"""The table of what each provider can do, as its tests have shown it.

``voxgate/data/capabilities.json`` is written by the conformance suite: an ability is in it only if a case
that shows it has passed. `page` makes the manual's page of it; ``GET /v1/capabilities`` answers with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib import resources

from pydantic import BaseModel, Field

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.providers.contract import CancelSupport, Capabilities

FILE = "capabilities.json"
NATIVE, EMULATED, ABSENT = "native", "emulated", "absent"
ABILITIES = ("text_stream", "ssml", "speed", "pitch", "volume", "word_times", "voices", "cancel")
_PAGES = {"neural": "../how-to/neural-voices.md"}
"""Where the manual tells of a section that is no vendor's."""
_MADE_HERE = frozenset({"text_stream", "speed", "volume"})
"""What voxgate does itself for a provider that cannot."""


class ProviderRow(BaseModel):
    """A provider over one transport, and what it can do."""

    provider: str = Field(description="As in the names of voices.")
    section: str = Field(description="Name of its section in the settings; empty for the local engines.")
    transport: str = Field(description="Empty where there is but one.")
    abilities: dict[str, str] = Field(
        description="For each ability `native`, `emulated` (done by voxgate) or `absent`; for `cancel` what "
        "it does when told to stop: `hard` stops, `soft` drops what it has not begun, `none` nothing."
    )
    speeds: tuple[float, float] | None = Field(description="The lowest and highest native speed, if any.")
    formats: list[str] = Field(description="Files of the provider that are handed on untouched.")
    max_characters: int = Field(description="Of one request to it; 0 when unlimited.")
    checked_by: str = Field(
        description="Whose client is satisfied with the emulator that the adapter was tested against, or "
        "that there is none."
    )


def row(
    name: str, section: str, transport: str, can: Capabilities, passed: Collection[str], checked_by: str
) -> ProviderRow:
    """Make a row of what a provider declares and what was shown.

    Args:
        name: of the provider.
        section: of the settings.
        transport: over which.
        can: what it declares.
        passed: abilities with a passing case.
        checked_by: whose client the emulator satisfies.
    """
    abilities = {}
    for ability in ABILITIES[:-1]:
        declared = bool(getattr(can, ability, True))  # a list of voices is declared by answering
        shown = ability in passed
        made_here = EMULATED if ability in _MADE_HERE else ABSENT
        abilities[ability] = (NATIVE if declared else made_here) if shown else ABSENT
    abilities["cancel"] = (can.cancel if "cancel" in passed else CancelSupport.NONE).value
    return ProviderRow(
        provider=name,
        section=section,
        transport=transport,
        abilities=abilities,
        speeds=can.speeds if abilities["speed"] == NATIVE and section else None,
        formats=[spelled(each) for each in can.formats] if "formats" in passed else [],
        max_characters=can.max_characters,
        checked_by=checked_by,
    )


def spelled(made: AudioFormat) -> str:
    """Name a format: ``mp3 24000 Hz 48 kbit/s``."""
    codec = "pcm" if made.codec is Codec.PCM_S16LE else made.codec.value
    container = made.container.value if made.container in (Container.WAV, Container.OGG) else ""
    rate = f"{made.bit_rate_kbps} kbit/s" if made.bit_rate_kbps else ""
    return " ".join(filter(None, (container, codec, f"{made.rate_hz} Hz", rate)))


@cache
def rows() -> Sequence[ProviderRow]:
    """Read the table that comes with the package."""
    text = (resources.files("voxgate") / "data" / FILE).read_text("utf-8")
    return [ProviderRow.model_validate(each) for each in json.loads(text)["providers"]]


def written(table: Sequence[ProviderRow]) -> str:
    """Write the table for the package."""
    return json.dumps({"providers": [each.model_dump() for each in table]}, indent=1) + "\n"


_HEAD = """\
# Providers

Voices are spoken by providers: vendors whose section stands in the settings, and the engines that are always
here. A section with a key is all it takes:

```toml
[providers.elevenlabs]
api_key = "..."
```

or `VOXGATE_PROVIDERS__ELEVENLABS__API_KEY=...`. From then on the vendor speaks its voices itself, and lists
them as its account has them. Further settings of each vendor: [settings](settings.md#providers).
[When a provider fails](../how-to/survive-an-outage.md) tells how others step in.

What a provider cannot do is done here where that is possible: *emulated*. Text that is still being written is
cut into sentences, speed is changed by stretching at the same pitch, volume by scaling.

**No vendor was ever called by those who wrote this.** Each adapter was put through one suite of tests
against an emulator that was written from the vendor's documents. *Checked by* tells whose client was
satisfied with the emulator: that is evidence that we and the emulator understand the vendor's interface as
the vendor's own client does; it is no proof that the vendor behaves so. With keys of your own,
`VOXGATE_LIVE_TESTS=1` runs the suite against the vendors themselves.

<!-- Written by the conformance suite: VOXGATE_WRITE_CAPABILITIES=1 pytest tests/conformance/providers -->

## What each can do

"""


def page(table: Sequence[ProviderRow]) -> str:
    """Write the manual's page of providers, as Markdown."""
    return _HEAD + "".join(_page_lines(table))


def _page_lines(table: Sequence[ProviderRow]) -> Iterator[str]:
    yield "| provider | text as it is written | SSML | speed | pitch | volume | word times | lists voices "
    yield "| cancel |\n|---|---|---|---|---|---|---|---|---|\n"
    for each in table:
        cells = [each.abilities[ability] for ability in ABILITIES]
        if each.speeds is not None:
            low, high = each.speeds
            cells[2] += f", {low:g} to {high:g}"
        yield f"| {_title(each)} | {' | '.join(cells)} |\n"
    yield "\n## How it was checked\n\n| provider | section | checked by | characters a request |\n"
    yield "|---|---|---|---|\n"
    for each in table:
        where = _PAGES.get(each.section, f"providers/{each.section}.md")
        section = f"[`{each.section}`]({where})" if each.section else "always there"
        most = f"{each.max_characters:,}" if each.max_characters else "unlimited"
        yield f"| {_title(each)} | {section} | {each.checked_by} | {most} |\n"
    yield "\n## Files that are handed on untouched\n\n"
    yield "Where a whole reply is wanted in exactly this format. Anything else is made here from PCM.\n\n"
    yield "| provider | formats |\n|---|---|\n"
    for each in table:
        if each.formats:
            yield f"| {_title(each)} | {'; '.join(each.formats)} |\n"


def _title(each: ProviderRow) -> str:
    return f"{each.provider} ({each.transport})" if each.transport else each.provider
