from __future__ import annotations

from pathlib import Path

from voxgate.protocols.telnyx.voice_settings_page import markdown
from voxgate.protocols.telnyx.voice_settings_table import TABLE

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "telnyx-websocket.md"


def test_the_page_is_up_to_date() -> None:
    _, marker, written = PAGE.read_text(encoding="utf-8").partition(
        "change voice_settings_table.py instead. -->\n\n"
    )
    assert marker
    assert written == markdown()


def test_the_table_has_every_field() -> None:
    text = markdown()
    for (provider, model), rows in TABLE.items():
        section = text.partition(f"{provider} {model}".strip())[2].partition("\n### ")[0]
        for field in rows:
            assert f"| `{field}` |" in section
