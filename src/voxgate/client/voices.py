"""Asks a server which voices it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from voxgate.client.address import http_address
from voxgate.client.refusals import error_of_status, reason_of
from voxgate.errors import ConfigurationError, ProviderTimeout, ProviderUnavailable

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
        ConfigurationError: the address is none.
        RequestError: the server refuses the key or a filter.
        CapacityError: the server is full, or the key's limit is reached.
        ProviderUnavailable: there is no such server there, or it does not answer.
    """
    address = http_address(server, PATH)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(address, headers=headers, params=dict(filters or {})) as answer,
        ):
            if not answer.ok:
                raise error_of_status(answer.status, answer.headers, await answer.read())
            match await answer.json(content_type=None):
                case {"voices": [*records]} if all(isinstance(record, dict) for record in records):
                    return list(records)
    except TimeoutError:
        raise ProviderTimeout(f"No answer from {server} within {timeout_s:g} seconds") from None
    except aiohttp.InvalidURL:
        raise ConfigurationError(f"{server!r:.100} is no address of a server") from None
    except aiohttp.ClientConnectorError as error:
        raise ProviderUnavailable(f"Cannot reach {server}: {reason_of(error.os_error)}") from None
    except (aiohttp.ClientError, ValueError):
        pass  # no HTTP, or no JSON
    raise ProviderUnavailable(f"What answers at {server} gives no list of voices")
