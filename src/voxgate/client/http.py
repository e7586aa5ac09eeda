"""Asking a server over HTTP; the same for every protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import aiohttp

from voxgate.client.address import http_address
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.refusals import error_of_status, reason_of
from voxgate.client.retry import Retry
from voxgate.client.socket import bearer, check_key
from voxgate.errors import (
    ConfigurationError,
    IncompleteAudio,
    ProviderTimeout,
    ProviderUnavailable,
    VoxgateError,
)

VOICE_HEADER = "X-Voxgate-Voice"
SILENCE_S = 60.0
"""Without a byte of audio, after which an answer is taken to be lost."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a server.

    Attributes:
        method: of HTTP.
        path: beginning with a slash.
        body: JSON, if any.
        query: names and values.
    """

    method: str
    path: str
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@asynccontextmanager
async def answer_to(
    call: Call, server: str, key: str | None, *, timeout_s: float, whole: bool = True
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask, and give the answer out if it is a good one.

    Args:
        call: what is asked.
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        timeout_s: for the whole answer, or where it streams for the connection and the first byte of it.
        whole: whether the answer is read at once.

    Raises:
        ConfigurationError: the address is none.
        RequestError: the server refuses the key or what is asked.
        CapacityError: the server is full, or the key's limit is reached.
        SynthesisError: there is no such server there, or it does not answer, or it failed.
    """
    check_key(key)
    address = http_address(server, call.path)
    timeout = (
        aiohttp.ClientTimeout(total=timeout_s)
        if whole
        else aiohttp.ClientTimeout(connect=timeout_s, sock_read=max(timeout_s, SILENCE_S))
    )
    with _explained(server, timeout_s):
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.request(
                call.method,
                address,
                headers=bearer(key),
                json=None if call.body is None else dict(call.body),
                params=dict(call.query),
            ) as answer,
        ):
            if not answer.ok:
                raise error_of_status(answer.status, answer.headers, await answer.read())
            yield answer


async def ask_json(call: Call, server: str, key: str | None, *, timeout_s: float) -> Any:
    """Ask, and return the JSON of the answer, or None when it is none; raises as `answer_to`."""
    async with answer_to(call, server, key, timeout_s=timeout_s) as answer:
        try:
            return await answer.json(content_type=None)
        except ValueError:
            return None


@contextmanager
def _explained(server: str, timeout_s: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise ProviderTimeout(f"No answer from {server} within {timeout_s:g} seconds") from None
    except aiohttp.InvalidURL:
        raise ConfigurationError(f"{server!r:.100} is no address of a server") from None
    except aiohttp.ClientConnectorError as error:
        raise ProviderUnavailable(f"Cannot reach {server}: {reason_of(error.os_error)}") from None
    except aiohttp.ClientError:
        raise ProviderUnavailable(f"The connection to {server} broke, or it speaks no HTTP") from None


@asynccontextmanager
async def open_speech(
    call: Call, server: str, key: str | None, *, timeout_s: float, retry: Retry | None
) -> AsyncIterator[Speech]:
    """Ask for speech, and let go of it at the block's end; raises as `answer_to`."""
    speech = Speech(call, server, key, timeout_s, retry or Retry())
    try:
        await speech._open()
        yield speech
    finally:
        await speech.aclose()


class Speech:
    """Speech over HTTP: an iterator of events, the audio as it comes. Made by a protocol's ``speech``.

    When the connection is lost before any audio was handed out, the same is asked for again. Afterwards
    `Interrupted` is raised.

    Attributes:
        spoken_by: the voice that really speaks where it stands in for another, as the server names it.
        content_type: of the audio.
    """

    def __init__(self, call: Call, server: str, key: str | None, timeout_s: float, retry: Retry) -> None:
        self._call, self._server, self._key, self._timeout_s = call, server, key, timeout_s
        self._series = retry.series()
        self._held = AsyncExitStack()
        self._answer: aiohttp.ClientResponse | None = None
        self._handed_out = False
        self._over = False
        self.spoken_by: str | None = None
        self.content_type = ""

    def __aiter__(self) -> Speech:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            Interrupted: the connection was lost when audio had been handed out already.
            VoxgateError: the server could not speak it.
        """
        if self._over or self._answer is None:
            raise StopAsyncIteration
        try:
            with _explained(self._server, SILENCE_S):
                piece = await self._answer.content.readany()
        except VoxgateError as error:
            if self._over:
                raise StopAsyncIteration from None
            return await self._recover(error)
        if self._over:
            raise StopAsyncIteration
        if piece:
            self._handed_out = True
            return Audio(piece)
        self._over = True
        if not self._handed_out:
            raise IncompleteAudio("The server sent no audio")
        return Final()

    def cancel(self) -> None:
        """Hang up at once: the server stops speaking, and nothing more is given out."""
        self._over = True
        if self._answer is not None:
            self._answer.close()

    async def aclose(self) -> None:
        """Hang up."""
        self.cancel()
        await self._held.aclose()

    async def _recover(self, error: VoxgateError) -> Reconnected:
        if self._handed_out:
            self._over = True
            raise Interrupted("The connection was lost in the middle of the speech") from error
        while True:
            await self._held.aclose()
            await self._series.pause(error)
            try:
                await self._open()
            except VoxgateError as failed:
                error = failed
            else:
                return Reconnected(self._series.failures)

    async def _open(self) -> None:
        answering = answer_to(self._call, self._server, self._key, timeout_s=self._timeout_s, whole=False)
        self._answer = await self._held.enter_async_context(answering)
        self.spoken_by = self._answer.headers.get(VOICE_HEADER)
        self.content_type = self._answer.content_type
