"""An Uplift session over the scripted voice, with its client's side: a link that may stop being read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from voxgate.access.browser_tokens import Grant
from voxgate.access.keys import ApiKey
from voxgate.access.plans import Plans
from voxgate.access.quota import Quota
from voxgate.access.streams import StreamGate
from voxgate.clock import LoopClock
from voxgate.config import PlanSettings, Settings, UpliftSettings
from voxgate.drain import Drain
from voxgate.errors import InvalidRequest
from voxgate.protocols.uplift.messages import decode
from voxgate.protocols.uplift.socket_session import Disconnected, Session
from voxgate.providers.registry import ProviderRegistry
from voxgate.services import Services
from voxgate.speech.cache import SpeechCache
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.lexicon import Lexicon, LexiconEntry
from voxgate.speech.receipt import Receipt
from voxgate.speech.routing import Router
from voxgate.speech.speaker import Speaker
from voxgate.testing.scripted import ScriptedProvider

EXACT = "Local.Test.rate-22050"
"""Tones at the rate of the wire, so that what comes out can be compared to the byte."""
KEY = ApiKey("key_1", "Ada", "ada")


class Endless:
    """A quota without an end; ``spent`` says what was used of it."""

    def __init__(self) -> None:
        self.spent = 0

    def spend_now(self, key: ApiKey, characters: int) -> Spent | None:
        return Spent(self, characters)

    async def spend(self, key: ApiKey, characters: int) -> Spent:
        return Spent(self, characters)


class Spent:
    """What `Endless` gives."""

    def __init__(self, quota: Endless, characters: int) -> None:
        quota.spent += characters
        self._quota, self._characters = quota, characters

    def refund(self) -> None:
        self._quota.spent -= self._characters
        self._characters = 0


class Phrases:
    """One tenant's phrase replacements, which take their time to be found."""

    async def asked_for(self, tenant: str, lexicon_id: str | None, *, field: str) -> Lexicon | None:
        if lexicon_id is None:
            return None
        await asyncio.sleep(1)
        if (tenant, lexicon_id) != ("ada", "greeting"):
            raise InvalidRequest("There is no dictionary with this id", field=field)
        return Lexicon.compile([LexiconEntry("hi", "good day")])


class Talk:
    """One session: what it sent and when, and how much of it is read.

    Args:
        quota: what the key may use; without an end unless given.
        plan: of the key.
        grant: what the client may do.
        uplift: settings.
    """

    def __init__(
        self,
        *,
        quota: Any = None,
        plan: PlanSettings | None = None,
        grant: Grant | None = None,
        **uplift: Any,
    ) -> None:
        self.clock = LoopClock()
        self.provider = ScriptedProvider(self.clock)
        self.receipts: list[Receipt] = []
        registry = ProviderRegistry([self.provider])
        catalogue = Catalogue.shipped(lambda name: registry.find(name) is not None)
        router = Router(catalogue, registry, None)
        self.speaker = Speaker(
            router.candidates, SpeechCache(1 << 24, 0), self.clock, (self.receipts.append,)
        )
        self.quota = quota or Endless()
        self.drain = Drain()
        services = SimpleNamespace(
            settings=Settings(uplift=UpliftSettings(**{"default_voice": EXACT, **uplift})),
            clock=self.clock,
            speaker=self.speaker,
            router=router,
            quota=cast(Quota, self.quota),
            stream_gate=StreamGate(Plans({"default": plan} if plan else {})),
            lexicons=Phrases(),
            drain=self.drain,
        )
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.closed: tuple[int, str] | None = None
        self.closed_at_s = 0.0
        self.reads = asyncio.Event()  # whether the client reads
        self.reads.set()
        self.read_bytes = 0
        self.gone = self.aborted = False
        self.session = Session(cast(Services, services), grant or Grant(KEY), self)

    # The link.

    async def send(self, text: str, request: int | None) -> None:
        await self.reads.wait()  # as uvicorn does: first room, then the write
        if self.gone:
            raise Disconnected
        self.messages.append((self.clock.now_s(), json.loads(text)))

    def recall(self, request: int) -> None:
        pass

    def progress(self) -> object:
        return self.read_bytes

    async def close(self, code: int, reason: str) -> None:
        await self.reads.wait()
        self.closed, self.closed_at_s = (code, reason), self.clock.now_s()

    def abort(self) -> None:
        self.aborted = True

    # The client.

    def say(self, kind: str, **message: Any) -> None:
        self.session.receive(decode(json.dumps({"type": kind, **message})))

    def synthesize(self, request_id: str, text: str, **more: Any) -> None:
        self.say("synthesize", requestId=request_id, text=text, **more)

    def cancel(self, request_id: str) -> None:
        self.say("cancel", requestId=request_id)

    def of(self, request_id: str) -> list[dict[str, Any]]:
        return [message for _, message in self.messages if message.get("requestId") == request_id]

    def kinds(self, request_id: str) -> list[str]:
        return [message["type"] for message in self.of(request_id)]

    def audio(self, request_id: str) -> bytes:
        return b"".join(base64.b64decode(message.get("audio", "")) for message in self.of(request_id))

    def errors(self) -> list[tuple[str | None, str]]:
        messages = [message for _, message in self.messages if message["type"] == "error"]
        return [(message.get("requestId"), message["code"]) for message in messages]

    def ended(self) -> list[str]:
        """Ids of the requests that were sent to their end, in order."""
        return [message["requestId"] for _, message in self.messages if message["type"] == "audio_end"]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[asyncio.Task[None]]:
    """Run a session; by the end of the block the client leaves, if it did not end before."""
    with talk.drain.guest(talk.session.finish, talk.session.leave):
        session = asyncio.create_task(talk.session.run())
        await asyncio.sleep(0)
        try:
            yield session
        finally:
            talk.session.end()
            await session
            await talk.speaker.aclose()
    assert talk.speaker.streams == 0
    assert len(talk.receipts) == len({receipt.utterance_id for receipt in talk.receipts})
