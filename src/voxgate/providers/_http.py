"""Vendors that answer one request with one stream of audio over HTTP.

A vendor says what to ask (`HttpVendor.ask`, pure), how its audio is wrapped if it is (`HttpVendor.unwrap`),
and what its refusals mean (`Vendor.refused`). The rest is the same for all: the warm session, no redirects,
telling the upstream at once when nobody listens any more, finding out bodies that are cut short or are no
audio.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

import aiohttp

from voxgate.audio.format import AudioFormat
from voxgate.errors import IncompleteAudio, ProviderUnavailable
from voxgate.providers._audio import PCM_24K, AudioReader
from voxgate.providers._vendor import MAX_MESSAGE_BYTES, Account, Vendor, begin_of
from voxgate.providers.contract import Abort, AudioChunk, UpstreamFacts, WordTime
from voxgate.speech.utterance import Utterance

_NO_AUDIO = re.compile(r"^(text/(?!event-stream)|application/(json|xml|problem\+json))")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for speech.

    Attributes:
        url: whole, query included.
        headers: credentials among them; ``Content-Type`` where ``body`` is given.
        json: the body, as an object; or
        body: as bytes.
        sent: the format that is asked for.
        passthrough: ``sent`` is exactly what the caller takes as a finished file.
        wrapped: the answer is not bare audio: `HttpVendor.unwrap` takes it apart.
    """

    url: str
    headers: Mapping[str, str]
    json: object = None
    body: bytes | None = None
    sent: AudioFormat = PCM_24K
    passthrough: bool = False
    wrapped: bool = False


@dataclass(slots=True)
class Part:
    """Something found in a wrapped answer.

    Attributes:
        audio: coded bytes.
        words: that begin in them, counted from the reply's begin.
        facts: what the vendor told.
        end: the vendor's end mark: nothing behind it counts.
    """

    audio: bytes = b""
    words: tuple[WordTime, ...] = ()
    facts: UpstreamFacts | None = None
    end: bool = False


class HttpVendor(Vendor):
    """Speaks over HTTP. See the module."""

    request_id_headers: ClassVar[Sequence[str]] = ("x-request-id", "request-id")
    """Where the vendor tells its own id of a request."""

    @abstractmethod
    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Say what to ask for an utterance.

        Raises:
            VoxgateError: the vendor cannot speak it, as far as can be known without asking.
        """

    def unwrap(self, body: AsyncIterator[bytes], ask: Ask) -> AsyncGenerator[Part, None]:
        """Take a wrapped answer apart.

        It must yield a part with ``end``, or raise what the vendor's error means.
        """
        raise NotImplementedError

    def received(self, ask: Ask, headers: Mapping[str, str]) -> AudioFormat:
        """Say which audio comes; for a vendor that may send another than it was asked for, and says so."""
        return ask.sent

    def told(self, headers: Mapping[str, str]) -> UpstreamFacts:
        """Find what an answer's head tells."""
        return UpstreamFacts(self.request_id(headers))

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        """Find the vendor's own id of a request."""
        return next((headers[name] for name in self.request_id_headers if name in headers), None)

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Ask, and yield the audio as it comes."""
        ask = self.ask(utterance, self.credentials(utterance.tenant))
        async with self.answered(ask, abort) as response:
            yield AudioChunk(b"", ask.sent.rate_hz, facts=self.told(response.headers))
            reader = AudioReader(self.name, self.received(ask, response.headers), passthrough=ask.passthrough)
            async with aclosing(self._parts(response, ask)) as parts:
                async for part in parts:
                    chunk = reader.feed(part.audio) if part.audio else None
                    if chunk is not None or part.words or part.facts:
                        yield _with(chunk, part, ask.sent.rate_hz)
            if (rest := reader.finish()) is not None:
                yield rest

    @asynccontextmanager
    async def answered(self, ask: Ask, abort: Abort | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and look at the head of the answer; failures in the block become errors of ours as well.

        Raises:
            VoxgateError: it could not be reached, refused, or answered something that is no audio.
        """
        try:
            async with (
                self.slot(),
                self.http.post(
                    ask.url, headers=ask.headers, json=ask.json, data=ask.body, allow_redirects=False
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise self.refused(response.status, response.headers, await begin_of(response))
                if not ask.wrapped and _NO_AUDIO.match(response.content_type):
                    raise self.broken()
                if abort is not None:
                    abort.on_abort(response.close)
                yield response
        except aiohttp.ClientPayloadError:
            raise IncompleteAudio(f"{self.name}'s answer was cut short") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"{self.name} cannot be reached: {type(error).__name__}") from None

    async def _parts(self, response: aiohttp.ClientResponse, ask: Ask) -> AsyncGenerator[Part, None]:
        body = response.content.iter_any()
        if not ask.wrapped:
            async for piece in body:
                yield Part(piece)
            return
        async with aclosing(self.unwrap(body, ask)) as parts:
            async for part in parts:
                yield part
                if part.end:
                    return
        raise IncompleteAudio(f"{self.name}'s answer ended without its end mark")


async def lines(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Cut a body into lines, without their ends; a last line without an end counts too.

    Raises:
        ProviderUnavailable: a line is longer than `MAX_MESSAGE_BYTES`.
    """
    held = bytearray()
    async for piece in body:
        held += piece
        *whole, rest = held.split(b"\n")
        for line in whole:
            yield bytes(line).rstrip(b"\r")
        held = bytearray(rest)
        if len(held) > MAX_MESSAGE_BYTES:
            raise ProviderUnavailable("The upstream sent a line without an end")
    if held:
        yield bytes(held).rstrip(b"\r")


def _with(chunk: AudioChunk | None, part: Part, rate_hz: int) -> AudioChunk:
    if chunk is None:
        return AudioChunk(b"", rate_hz, part.words, part.facts)
    return AudioChunk(chunk.pcm, chunk.rate_hz, part.words, part.facts, chunk.coded)
