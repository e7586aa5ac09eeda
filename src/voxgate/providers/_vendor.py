"""What all vendors share: settings, accounts, one warm HTTP session, long texts, and words for failures.

A vendor's module has one subclass of `HttpVendor` or `SocketVendor` and names it ``PROVIDER``; its section of
the settings, ``[providers.<module>]``, is that class's ``Settings``. Nothing else has to be told of it.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import ClassVar

import aiohttp
from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator

import voxgate
from voxgate.clock import Clock
from voxgate.config.section import Section
from voxgate.errors import (
    InvalidRequest,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    TextTooLong,
    VoxgateError,
)
from voxgate.providers.contract import Abort, AudioChunk, Provider, moved
from voxgate.speech.pieces import cut
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import Markup, Utterance

CONNECT_TIMEOUT_S = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one message of a socket or one line of a body: vendors send up to a few MiB."""
_REFUSAL_BYTES = 16 * 1024
"""Of a refusal's body that are read: enough for every vendor's error object."""


class AccountSettings(Section):
    """Whose credentials speak, and where.

    Attributes:
        api_key: the vendor's key.
        base_url: where the vendor's interface is, when not at its public address.
    """

    api_key: SecretStr | None = Field(default=None, description="The vendor's key.")
    base_url: str | None = Field(
        default=None, description="Where the vendor's interface is, when not at its public address."
    )

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None:
            TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/") if value is not None else None


class VendorSettings(AccountSettings):
    """What every vendor's section can say.

    Attributes:
        enabled: speak with this vendor.
        kind: the adapter, for a section that is called otherwise.
        tenants: credentials of single tenants, by tenant; theirs win over the section's own.
        max_connections: open at once; further utterances wait, a few seconds at most.
        max_wait_s: how long.
    """

    enabled: bool = Field(default=True, description="Speak with this provider.")
    kind: str | None = Field(
        default=None,
        description="The adapter that speaks, where the section's name is one of your own choice: "
        '`[providers.kokoro]` with `kind = "openai"` makes voices `kokoro.<model>.<voice>`.',
    )
    tenants: dict[str, AccountSettings] = Field(
        default={},
        description="A table `[providers.<name>.tenants.<tenant>]` for each tenant that speaks with a key, "
        "or at an address, of its own.",
        json_schema_extra={"default_text": "none"},
    )
    max_connections: int = Field(
        default=64, ge=1, le=10_000, description="Connections open at once; further utterances wait."
    )
    max_wait_s: float = Field(
        default=5.0, gt=0, le=600, description="Seconds that an utterance waits for one; then it is refused."
    )


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials to speak with.

    Attributes:
        name: of the tenant that has its own, or empty; safe to show.
        key: secret; empty when there is none.
        base_url: without a slash at its end.
    """

    name: str
    key: str
    base_url: str

    @property
    def ws_url(self) -> str:
        """`base_url` for sockets."""
        return self.base_url.replace("http", "ws", 1)

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


class Vendor(Provider):
    """A vendor's interface, reached over one pooled session.

    Args:
        settings: of its section.
        clock: time.

    Attributes:
        Settings: the section's class.
        public_url: where the vendor is when ``base_url`` does not say.
        needs_key: refuses to start without one.
        transports: the ways it can reach its vendor, each with the settings that choose it; the first is the
            default. Tests put each of them through everything.
    """

    Settings: ClassVar[type[VendorSettings]] = VendorSettings
    guarded = True
    public_url: ClassVar[str]
    needs_key: ClassVar[bool] = True
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {"": {}}

    @classmethod
    def make(cls, section: str, settings: VendorSettings, clock: Clock) -> Vendor:
        """Make the provider of a section of the settings; a section of another name is another provider."""
        vendor = cls(settings, clock)
        if settings.kind is not None:
            vendor.name = section
        return vendor

    def __init__(self, settings: VendorSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.max_connections)

    @property
    def http(self) -> aiohttp.ClientSession:
        """The session; only once started. It follows no redirect and knows no cookie."""
        if self._session is None:
            raise ProviderUnavailable(f"{self.name} is not started")
        return self._session

    async def start(self) -> None:
        """Open the session; connections come with the first utterance."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=50),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"voxgate/{voxgate.__version__}"},
            read_bufsize=64 * 1024,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def account(self, tenant: str) -> str:
        """Name the tenant if it has credentials of its own here."""
        return tenant if tenant in self.settings.tenants else ""

    def credentials(self, tenant: str) -> Account:
        """Find the credentials that speak for a tenant."""
        own = self.settings.tenants.get(tenant, self.settings)
        key = own.api_key or self.settings.api_key
        base_url = own.base_url or self.settings.base_url or self.public_url
        return Account(self.account(tenant), key.get_secret_value() if key else "", base_url)

    @cached_property
    def own_account(self) -> Account:
        """The section's own credentials."""
        return self.credentials("")

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak, in pieces when the text is longer than the vendor takes at once.

        Raises:
            InvalidRequest: there is nothing to say, or markup that the vendor does not take.
            TextTooLong: SSML that is too long; it cannot be cut.
            VoxgateError: what the vendor's failure amounts to.
        """
        can = self.abilities(utterance.voice)
        if utterance.markup is Markup.SSML and not can.ssml:
            raise InvalidRequest(f"{self.name} takes no SSML", field="text_type")
        if utterance.markup is Markup.TEXT and not speakable(utterance.text):
            raise InvalidRequest("There is nothing to say in this text", field="text")
        limit = can.max_characters
        if not limit or len(utterance.text) <= limit:
            async with aclosing(self.speak(utterance, abort)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        if utterance.markup is Markup.SSML:
            raise TextTooLong(f"{self.name} takes SSML of up to {limit} characters", field="text")
        offset, made_s = 0, 0.0
        for piece in cut(utterance.text, utterance.language, limit):
            begun_s = made_s
            async with aclosing(
                self.speak(replace(utterance, text=piece, passthrough=None), abort)
            ) as chunks:
                async for chunk in chunks:
                    made_s += chunk.duration_s
                    yield replace(chunk, words=moved(chunk.words, offset, begun_s))
            offset += len(piece)

    @abstractmethod
    def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text that is not too long; as `Provider.synthesize`."""

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Say what an HTTP refusal amounts to; a vendor with codes of its own overrides it."""
        return refusal(self.name, status, headers)

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        json: object = None,
        most_bytes: int = MAX_MESSAGE_BYTES,
    ) -> bytes:
        """Get a small document, such as a page of a voice list; POST where ``json`` is given.

        Raises:
            VoxgateError: it could not be had.
        """
        method = "GET" if json is None else "POST"
        try:
            async with self.http.request(
                method,
                url,
                headers=headers,
                json=json,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=30),
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise self.refused(response.status, response.headers, await begin_of(response))
                body = await response.content.read(most_bytes + 1)
                while len(body) <= most_bytes and (more := await response.content.read(most_bytes)):
                    body += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"{self.name} cannot be reached: {type(error).__name__}") from None
        if len(body) > most_bytes:
            raise ProviderUnavailable(f"{self.name} answered with more than {most_bytes} bytes")
        return body

    def broken(self) -> VoxgateError:
        """Word that the vendor sent something that is not its own protocol."""
        return ProviderUnavailable(f"{self.name} sent something that is not its protocol")

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of ``max_connections`` during the block.

        Raises:
            Overloaded: none became free within ``max_wait_s``.
        """
        try:
            async with asyncio.timeout(self.settings.max_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise Overloaded(f"All connections to {self.name} are taken", retry_after_s=1.0) from None
        try:
            yield
        finally:
            self._slots.release()

    def extra(self, utterance: Utterance) -> dict[str, object]:
        """The vendor's own fields, as the client gave them."""
        return dict(utterance.settings.extra)


async def begin_of(response: aiohttp.ClientResponse) -> bytes:
    """Read as much of a refusal as is needed to know what it is."""
    return await response.content.read(_REFUSAL_BYTES)


def refusal(
    vendor: str, status: int, headers: Mapping[str, str], *, request_id: str | None = None
) -> VoxgateError:
    """Say what an HTTP status amounts to, whoever sent it."""
    told = f"{vendor} answered with status {status}"
    if status in (401, 402, 403, 407):
        return ProviderDenied(told, provider_request_id=request_id)
    if status == 429:
        return Overloaded(f"{vendor} has too much to do", retry_after_s=retry_after_s(headers))
    if status == 503 and (after_s := retry_after_s(headers)) is not None:
        return Overloaded(f"{vendor} has too much to do", retry_after_s=after_s)
    if 400 <= status < 500 and status not in (408, 425):
        return ProviderRejected(told, provider_request_id=request_id)
    return ProviderUnavailable(told, provider_request_id=request_id)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` in seconds; the form with a date is not used by any vendor here."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(float(value), 3600.0) if value.isdecimal() else None
