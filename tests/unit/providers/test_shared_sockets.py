"""Sockets to a vendor that several utterances share: who waits for whom, and when one is closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from voxgate.clock import LoopClock
from voxgate.errors import Overloaded, ProviderUnavailable
from voxgate.providers._connection import SHARED_HOLD_BYTES
from voxgate.providers._socket import SocketVendor
from voxgate.providers._vendor import AccountSettings, VendorSettings
from voxgate.providers._wire import Address, Frame, Habits, Heard, Wire
from voxgate.providers.contract import Abort, CancelSupport, Capabilities
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

pytestmark = pytest.mark.virtual_time

SECOND = bytes(48_000)


class ExampleWire(Wire):
    """JSON for words, ``<context>:<samples>`` for audio."""

    contexts = 3
    outlives_cancel = True

    def begin(self, context: str, utterance: Utterance) -> Iterable[Frame]:
        return [json.dumps({"begin": context})]

    def text(self, context: str, text: str) -> Iterable[Frame]:
        return [json.dumps({"text": text, "for": context})]

    def end(self, context: str) -> Iterable[Frame]:
        return [json.dumps({"end": context})]

    def cancel(self, context: str) -> Iterable[Frame]:
        return [json.dumps({"cancel": context})]

    def read(self, frame: Frame) -> Iterable[Heard]:
        if isinstance(frame, bytes):
            context, _, audio = frame.partition(b":")
            return [Heard(context.decode(), audio=audio)]
        said = json.loads(frame)
        return [Heard(said["ended"], ended=True)]


class Example(SocketVendor):
    name = "Example"
    capabilities = Capabilities(cancel=CancelSupport.HARD)
    public_url = "http://127.0.0.1:1"
    habits = Habits(idle_s=30.0, ping_s=0.0, drain_s=1.0)

    def address(self, utterance: Utterance) -> Address:
        account = self.credentials(utterance.tenant)
        return Address(f"{account.ws_url}/speak", (("Authorization", account.key),))

    def wire(self, utterance: Utterance) -> Wire:
        return ExampleWire()


class Server:
    """The vendor. Texts say how many seconds it speaks; one that begins with ``deaf`` cannot be cancelled."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.sockets = 0
        self.heard: list[dict[str, str]] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        self.keys.append(request.headers["Authorization"])
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.sockets += 1
        tasks: dict[str, asyncio.Task[None]] = {}
        deaf: set[str] = set()
        try:
            async for message in socket:
                said = json.loads(message.data)
                self.heard.append(said)
                if "text" in said:
                    context = said["for"]
                    if said["text"].startswith("deaf"):
                        deaf.add(context)
                    tasks[context] = asyncio.create_task(self._speak(socket, context, said["text"]))
                elif "cancel" in said and said["cancel"] not in deaf:
                    tasks.pop(said["cancel"]).cancel()
                    await socket.send_str(json.dumps({"ended": said["cancel"]}))
        finally:
            self.sockets -= 1
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        return socket

    async def _speak(self, socket: web.WebSocketResponse, context: str, text: str) -> None:
        seconds = int(text.split()[-1])
        for _ in range(seconds):
            await socket.send_bytes(context.encode() + b":" + SECOND)
            await asyncio.sleep(0 if text.startswith("fast") else 0.5)
        await socket.send_str(json.dumps({"ended": context}))


@asynccontextmanager
async def vendor(**settings: object) -> AsyncIterator[tuple[Example, Server]]:
    server, app = Server(), web.Application()
    app.router.add_get("/speak", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    fields = {"api_key": SecretStr("house"), "base_url": url, **settings}
    example = Example(VendorSettings.model_validate(fields), LoopClock())
    await example.start()
    try:
        yield example, server
    finally:
        await example.aclose()
        await runner.cleanup()
        await asyncio.sleep(0)


def utterance(text: str, tenant: str = "tenant", hold_bytes: int = 256 * 1024) -> Utterance:
    return Utterance(text, VoiceName("Example", "", "one"), tenant, hold_bytes=hold_bytes)


async def seconds_of(example: Example, text: str, tenant: str = "tenant") -> float:
    chunks = example.synthesize(utterance(text, tenant), Abort())
    return sum([chunk.duration_s async for chunk in chunks])


async def test_three_share_a_socket_and_the_fourth_gets_another() -> None:
    async with vendor() as (example, server):
        heard = await asyncio.gather(*(seconds_of(example, f"paced {number}") for number in (2, 3, 4, 5)))
        assert heard == [2, 3, 4, 5]
        assert len(server.keys) == 2


async def test_the_next_takes_the_warm_socket_until_it_was_idle_for_too_long() -> None:
    async with vendor() as (example, server):
        for _ in range(3):
            assert await seconds_of(example, "fast 1") == 1
        assert (len(server.keys), server.sockets) == (1, 1)
        await asyncio.sleep(31)
        assert server.sockets == 0
        assert await seconds_of(example, "fast 1") == 1
        assert len(server.keys) == 2


async def test_tenants_with_keys_of_their_own_never_meet_on_a_socket() -> None:
    own = AccountSettings(api_key=SecretStr("theirs"))
    async with vendor(tenants={"b": own}) as (example, server):
        await asyncio.gather(*(seconds_of(example, "paced 1", tenant) for tenant in ("a", "b", "c")))
        assert sorted(server.keys) == ["house", "theirs"]
        assert (example.account("a"), example.account("b")) == ("", "b")


async def test_a_cancelled_utterance_leaves_its_neighbours_alone() -> None:
    async with vendor() as (example, server):
        abort = Abort()
        chunks = example.synthesize(utterance("paced 9"), abort)
        neighbour = asyncio.create_task(seconds_of(example, "paced 4"))
        await anext(chunks)
        abort.abort()
        assert [chunk async for chunk in chunks] == []
        assert await neighbour == 4
        assert [said["cancel"] for said in server.heard if "cancel" in said] == ["v1"]
        assert server.sockets == 1


async def test_where_the_vendor_ends_nothing_the_neighbour_still_finishes_and_then_the_socket_goes() -> None:
    async with vendor() as (example, server):
        chunks = example.synthesize(utterance("deaf 20"), Abort())
        await anext(chunks)
        neighbour = asyncio.create_task(seconds_of(example, "paced 6"))
        await asyncio.sleep(0.1)
        await chunks.aclose()
        await asyncio.sleep(1.5)
        assert await seconds_of(example, "fast 1") == 1  # on a socket of its own
        assert len(server.keys) == 2
        assert await neighbour == 6
        await asyncio.sleep(0.1)
        assert server.sockets == 1


async def test_a_reader_that_stops_holds_the_socket_only_while_nobody_else_is_on_it() -> None:
    async with vendor() as (example, _):
        slow = example.synthesize(utterance("fast 8", hold_bytes=96 * 1024), Abort())
        await anext(slow)
        await asyncio.sleep(60)  # alone: the vendor waits with it
        assert sum([chunk.duration_s async for chunk in slow]) == 7


async def test_where_it_shares_the_socket_it_may_hold_some_and_then_fails_alone() -> None:
    async with vendor() as (example, _):
        slow = example.synthesize(utterance("paced 60", hold_bytes=96 * 1024), Abort())
        first = await anext(slow)
        neighbour = asyncio.create_task(seconds_of(example, "paced 58"))
        await asyncio.sleep(40)
        assert await neighbour == 58
        held = [first]

        async def rest() -> None:
            async for chunk in slow:
                held.append(chunk)

        with pytest.raises(Overloaded):
            await rest()
        assert sum(len(chunk.pcm) for chunk in held) <= SHARED_HOLD_BYTES + 2 * len(SECOND)


async def test_with_every_connection_taken_one_waits_and_is_then_refused() -> None:
    async with vendor(max_connections=1, max_wait_s=3) as (example, _):
        busy = [asyncio.create_task(seconds_of(example, f"paced {number}")) for number in (12, 12, 12)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded) as refused:
            await seconds_of(example, "paced 1")
        assert refused.value.retry_after_s == 1.0
        assert await asyncio.gather(*busy) == [12, 12, 12]
        assert await seconds_of(example, "fast 1") == 1


async def test_an_idle_socket_makes_room_for_another_address() -> None:
    own = AccountSettings(api_key=SecretStr("theirs"))
    async with vendor(tenants={"b": own}, max_connections=1) as (example, server):
        assert await seconds_of(example, "fast 1", "a") == 1
        assert await seconds_of(example, "fast 1", "b") == 1
        assert server.keys == ["house", "theirs"]


async def test_a_vendor_that_is_not_there() -> None:
    async with vendor(base_url="http://127.0.0.1:9") as (example, _):
        with pytest.raises(ProviderUnavailable):
            await seconds_of(example, "fast 1")


async def test_an_address_shows_no_secret() -> None:
    async with vendor() as (example, _):
        address = example.address(utterance("x"))
        assert "house" not in repr(address) + repr(example.own_account)
