"""Writes the table of ``voice_settings`` for the documentation.

``python -m voxgate.protocols.telnyx.voice_settings_page`` prints what stands in
``docs/reference/telnyx-websocket.md`` below its marker.
"""

from __future__ import annotations

from collections.abc import Iterator

from voxgate.protocols.telnyx.voice_settings_table import TABLE


def markdown() -> str:
    """Return the table, a section for each provider or model."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    titles: dict[int, list[str]] = {}
    for (provider, model), rows in TABLE.items():
        titles.setdefault(id(rows), []).append(f"{provider} {model}".strip())
    for rows in {id(rows): rows for rows in TABLE.values()}.values():
        yield f"### {', '.join(titles[id(rows)])}"
        yield ""
        yield "| field | takes | effect |"
        yield "|---|---|---|"
        for row in rows.values():
            yield f"| `{row.field}` | {row.rule} | {row.effect.value} |"
        yield ""


if __name__ == "__main__":
    print(markdown(), end="")
