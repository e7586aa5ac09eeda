"""The queue, the packets and the wire under python-engineio."""

from __future__ import annotations

import asyncio
import gc

import pytest
from engineio.packet import CLOSE, MESSAGE, NOOP, PING, Packet
from starlette.types import Message

from voxgate.protocols.uplift.socketio_engine import (
    MAX_PACKETS,
    PacketQueue,
    SentPackets,
    SpeechPacket,
    Wire,
)

pytestmark = pytest.mark.virtual_time


def message(text: str = "x") -> Packet:
    return Packet(MESSAGE, data=text)


async def full_queue() -> PacketQueue:
    queue = PacketQueue()
    for _ in range(MAX_PACKETS):
        await queue.put(message())
    return queue


async def test_messages_wait_for_room() -> None:
    queue = await full_queue()
    putting = asyncio.create_task(queue.put(message("last")))
    await asyncio.sleep(60)
    assert not putting.done()
    assert queue.qsize() == MAX_PACKETS
    await queue.get()
    await putting
    assert queue.qsize() == MAX_PACKETS


@pytest.mark.parametrize("kind", [PING, CLOSE, None])
async def test_pings_and_the_end_pass_a_full_queue(kind: int | None) -> None:
    queue = await full_queue()
    async with asyncio.timeout(1):
        await queue.put(Packet(kind) if kind is not None else None)
    assert queue.qsize() == MAX_PACKETS + 1


async def test_a_noop_is_only_put_where_a_poll_waits_for_it() -> None:
    queue = await full_queue()
    async with asyncio.timeout(1):
        await queue.put(Packet(NOOP))
    assert queue.qsize() == MAX_PACKETS
    empty = PacketQueue()
    await empty.put(Packet(NOOP))
    assert empty.qsize() == 1


async def test_the_end_drops_what_waits_and_frees_who_waits() -> None:
    queue = await full_queue()
    waiting = [asyncio.create_task(queue.put(message())), asyncio.create_task(queue.room(1))]
    await asyncio.sleep(0)
    queue.end()
    await asyncio.gather(*waiting)
    assert [await queue.get()] == [None]
    queue.task_done()
    await queue.put(message("too late"))
    assert queue.empty()
    async with asyncio.timeout(1):
        await queue.join()


async def test_taken_tells_that_the_client_reads() -> None:
    queue = await full_queue()
    assert queue.taken == 0
    await queue.get()
    assert queue.taken == 1


def test_a_recalled_packet_says_nothing() -> None:
    packet = SpeechPacket("2/ns,[]", 1)
    assert packet.encode() == "42/ns,[]"
    packet.recall()
    assert packet.encode() == packet.encode(b64=True) == "6"


def test_only_the_packets_of_one_request_are_recalled_and_written_ones_are_forgotten() -> None:
    sent = SentPackets()
    packets = {name: SpeechPacket(name, request) for name, request in (("a1", 1), ("a2", 1), ("b1", 2))}
    for packet in packets.values():
        sent.add(packet)
    encoded = packets["a1"].encode()
    del packet, packets["a2"]
    gc.collect()
    assert sent.recall(1) == [encoded]
    assert packets["a1"].encode() == "6"
    assert packets["b1"].encode() == "4b1"


class Server:
    """The other end of a wire: what was written, and whether there is room for more."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.written: list[Message] = []
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.wire = Wire(
            {"type": "websocket", "extensions": {"voxgate.unsent": lambda: 7}}, self.inbox.get, self.send
        )

    async def send(self, written: Message) -> None:
        await self.room.wait()
        self.written.append(written)

    def texts(self) -> list[str]:
        return [each["text"] for each in self.written if "text" in each]


def text(content: str) -> Message:
    return {"type": "websocket.send", "text": content}


async def test_a_wire_passes_what_is_said() -> None:
    server = Server()
    await server.wire.send(text("a"))
    server.inbox.put_nowait({"type": "websocket.receive", "text": "4b"})
    assert await server.wire.receive() == {"type": "websocket.receive", "text": "4b"}
    assert server.texts() == ["a"]
    assert server.wire.unsent == 7


@pytest.mark.parametrize("content", ["", "b", "7", "é"])
async def test_what_is_no_packet_is_taken_for_the_end(content: str) -> None:
    server = Server()
    server.inbox.put_nowait({"type": "websocket.receive", "text": content})
    assert (await server.wire.receive())["type"] == "websocket.disconnect"


async def test_a_text_that_waits_for_room_can_be_recalled() -> None:
    server = Server()
    server.room.clear()

    async def write() -> None:
        for content in ("stale", "fresh"):
            await server.wire.send(text(content))

    writing = asyncio.create_task(write())
    await asyncio.sleep(1)
    server.wire.recall(["another"])
    server.wire.recall(["stale"])
    await asyncio.sleep(1)
    server.wire.recall(["stale"])
    server.room.set()
    await writing
    assert server.texts() == ["fresh"]


async def test_a_cut_frees_reader_and_writer() -> None:
    server = Server()
    server.room.clear()
    reading = asyncio.create_task(server.wire.receive())
    writing = asyncio.create_task(server.wire.send(text("a")))
    await asyncio.sleep(1)
    server.wire.cut()
    server.wire.cut()
    assert (await reading)["type"] == "websocket.disconnect"
    await writing
    server.room.set()
    await server.wire.send(text("b"))
    assert (await server.wire.receive())["type"] == "websocket.disconnect"
    assert server.written == []


async def test_a_client_that_cannot_be_written_to_is_told_of() -> None:
    async def send(written: Message) -> None:
        raise BrokenPipeError

    broken: list[str] = []
    wire = Wire({"type": "websocket"}, asyncio.Queue[Message]().get, send)
    wire.on_broken = lambda: broken.append("told")
    with pytest.raises(BrokenPipeError):
        await wire.send(text("a"))
    assert broken == ["told"]


async def test_who_is_cancelled_by_others_is_cancelled() -> None:
    server = Server()
    server.room.clear()
    for waiting in (server.wire.receive(), server.wire.send(text("a"))):
        task = asyncio.create_task(waiting)
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_close_bears_the_code_that_was_set() -> None:
    server = Server()
    server.wire.close_code = 1001
    await server.wire.send({"type": "websocket.close"})
    assert server.written == [{"type": "websocket.close", "code": 1001}]
