"""Asks a server which voices it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxgate.client.http import Call, ask_json
from voxgate.errors import ProviderUnavailable

PATH = "/v2/text-to-speech/voices"


async def fetch_voices(
    server: str, key: str | None, filters: Mapping[str, str] | None = None, *, timeout_s: float = 30.0
) -> list[dict[str, Any]]:
    """Return the records of a server's voices, as `voxgate.speech.voice.Voice.record` makes them.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        filters: any of ``provider``, ``model``, ``language`` and ``gender``.
        timeout_s: for the whole answer.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    call = Call("GET", PATH, query=dict(filters or {}))
    match await ask_json(call, server, key, timeout_s=timeout_s):
        case {"voices": [*records]} if all(isinstance(record, dict) for record in records):
            return list(records)
    raise ProviderUnavailable(f"What answers at {server} gives no list of voices")
