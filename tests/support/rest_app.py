"""The REST doors without a server: an app over the scripted voice, and a client that sees every piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Message

from voxgate.access.keys import open_keys
from voxgate.access.limits import Limits
from voxgate.access.plans import Plans
from voxgate.access.quota import Quota
from voxgate.access.streams import StreamGate
from voxgate.clock import LoopClock
from voxgate.config import Settings
from voxgate.drain import Drain
from voxgate.protocols import openai
from voxgate.protocols.telnyx.rest import rest_routes
from voxgate.protocols.telnyx.rest_dictionaries import dictionary_routes
from voxgate.protocols.uplift.rest import rest_routes as uplift_routes
from voxgate.providers.registry import ProviderRegistry
from voxgate.services import Services
from voxgate.speech.audio_store import AudioStore
from voxgate.speech.cache import SpeechCache
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.receipt import Receipt
from voxgate.speech.routing import Router, StandInVoice
from voxgate.speech.speaker import Speaker
from voxgate.speech.voice import VoiceName
from voxgate.speech.voice_files import shipped
from voxgate.storage.database import open_database
from voxgate.storage.lexicons import Lexicons
from voxgate.testing.scripted import ScriptedProvider
from voxgate.transcription import Transcriber

KEY = "bootstrap-key-for-tests"
STAND_IN = VoiceName("Local", "Test", "plain")


_voice_files = lru_cache(maxsize=1)(shipped)


@dataclass(slots=True)
class Piece:
    """A piece of a body, and when it came on the loop's clock."""

    data: bytes
    at_s: float


@dataclass(slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 when nothing did.
        headers: by name in lower case.
        pieces: of the body, the empty ones left out.
        complete: whether the body came to its end.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    def json(self) -> Any:
        return json.loads(self.body)


class Call:
    """One request to an app, made straight through ASGI.

    Args:
        app: to ask.
        method: of HTTP.
        path: with the query, if any.
        body: sent as it is when bytes, else as JSON; None sends none.
        headers: beside the key and the content type; an empty value takes one of those away.
    """

    def __init__(
        self, app: ASGIApp, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.answer = Answer()
        self.first_piece = asyncio.Event()
        self.body_wanted = asyncio.Event()
        self._held, self._reads = False, True
        self._free, self._gone = asyncio.Event(), asyncio.Event()
        self._body: list[bytes] = [body if isinstance(body, bytes) else json.dumps(body).encode()]
        if body is None:
            self._body = [b""]
        path, _, query = path.partition("?")
        sent = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "host": "testserver"}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        self._app = app

    async def run(self) -> Answer:
        """Ask, and wait for the app to be done."""
        await self._app(self._scope, self._receive, self._send)
        return self.answer

    def hold_body(self) -> None:
        """Do not send the body until `send_body`."""
        self._held = True

    def send_body(self) -> None:
        """Send the body that was held."""
        self._held = False
        self._free.set()

    def stop_reading(self) -> None:
        """Take nothing of the answer's body."""
        self._reads = False

    def go_away(self) -> None:
        """Close the connection."""
        self._gone.set()
        self._free.set()

    async def _receive(self) -> Message:
        self.body_wanted.set()
        if self._held:
            await self._free.wait()
        if self._body and not self._held:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        if not self._reads:
            await asyncio.Event().wait()
        if message.get("body"):
            now_s = asyncio.get_running_loop().time()
            self.answer.pieces.append(Piece(bytes(message["body"]), now_s))
            self.first_piece.set()
        self.answer.complete = not message.get("more_body", False)


class RestApp:
    """The doors, over the scripted provider; it stands in for every vendor too.

    Attributes:
        provider: what was spoken.
        receipts: of all utterances.
        services: of the doors.
    """

    def __init__(self, services: Services, provider: ScriptedProvider, receipts: list[Receipt]) -> None:
        self.services = services
        self.provider = provider
        self.receipts = receipts
        self.asgi = FastAPI()
        self.asgi.router.routes.extend(rest_routes(services).routes)
        self.asgi.router.routes.extend(dictionary_routes(services).routes)
        self.asgi.router.routes.extend(openai.router(services).routes)
        self.asgi.router.routes.extend(uplift_routes(services))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Call:
        """Make a request that is not sent yet."""
        return Call(self.asgi, method, path, body, {name.replace("_", "-"): v for name, v in headers.items()})

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Make a request and wait for the whole answer."""
        return await self.call(method, path, body, **headers).run()


@asynccontextmanager
async def rest_app(folder: Path, *, stand_ins: bool = True, **settings: Any) -> AsyncIterator[RestApp]:
    """Put the doors together, with sections of `Settings` as given."""
    made = Settings(data_dir=folder, bootstrap_key=SecretStr(KEY), **settings)
    clock, receipts = LoopClock(), list[Receipt]()
    provider = ScriptedProvider(clock)
    registry = ProviderRegistry([provider])
    catalogue = Catalogue(_voice_files(), lambda name: registry.find(name) is not None)
    router = Router(
        catalogue, registry, (lambda voice, language: StandInVoice(STAND_IN)) if stand_ins else None
    )
    speaker = Speaker(router.candidates, SpeechCache(1 << 22, 1 << 20), clock, [receipts.append])
    transcriber = Transcriber(made.transcription, clock)
    async with open_database(folder) as database:
        plans = Plans(made.plans)
        quota = Quota(database, clock, plans)
        needed = {
            "settings": made,
            "clock": clock,
            "speaker": speaker,
            "router": router,
            "keys": open_keys(made, database, clock),
            "limits": Limits(made.limits),
            "quota": quota,
            "stream_gate": StreamGate(plans),
            "drain": Drain(),
            "lexicons": Lexicons(database, clock),
            "audio_store": AudioStore(
                clock, max_bytes=made.rest.audio_store_mib << 20, ttl_s=made.rest.audio_ttl_s
            ),
            "transcriber": transcriber,
        }
        # What other doors need is not here; a door that reached for it would fail.
        others: dict[str, Any] = dict.fromkeys(each.name for each in fields(Services))
        services = Services(**{**others, **needed})
        yield RestApp(services, provider, receipts)
        await speaker.aclose()
        await transcriber.aclose()
        await quota.aclose()
