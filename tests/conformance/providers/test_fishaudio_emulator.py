"""Fish Audio's emulator against Fish Audio's own SDK, and its message types where the SDK has no client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import ormsgpack
import pydantic
import pytest
from fishaudio import AsyncFishAudio
from fishaudio.exceptions import (
    APIError,
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    ServerError,
    WebSocketError,
)
from fishaudio.types import CloseEvent, FlushEvent, Prosody, StartEvent, TextEvent, TTSConfig, TTSRequest
from httpx_ws import WebSocketNetworkError

from tests.support.decoding import decoded
from tests.support.emulated import deserted
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.fishaudio import FishAudioEmulator
from voxgate.testing.scripted import CHARACTER_MS, read_back

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
ARIA = "933563129e564b19a115bedd57b7406a"
PCM = TTSConfig(format="pcm", sample_rate=24_000, reference_id=ARIA)


class Event(pydantic.BaseModel):
    """A server's event, as the AsyncAPI document has it. No other field may be there."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Audio(Event):
    event: Literal["audio"]
    audio: bytes


class TimedAudio(Audio):
    content: str
    alignment: dict[str, Any] | None
    chunk_seq: int
    chunk_audio_offset_sec: float


class Finish(Event):
    event: Literal["finish"]
    reason: Literal["stop", "error"]


class Full(Event):
    event: Literal["error"]
    error: str
    max_concurrency: int


EVENTS = pydantic.TypeAdapter[Event](Audio | TimedAudio | Finish | Full)


class Client:
    """Sends the SDK's message types, and takes only what is documented."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, event: pydantic.BaseModel) -> None:
        await self.socket.send_bytes(ormsgpack.packb(event.model_dump()))

    async def start(self, **request: Any) -> None:
        chosen = {"text": "", "format": "pcm", "sample_rate": 24_000, "reference_id": ARIA, **request}
        await self.send(StartEvent(request=TTSRequest(**chosen)))

    async def get(self) -> Event:
        packed = await self.socket.receive_bytes(timeout=600)
        return EVENTS.validate_python(ormsgpack.unpackb(packed))

    async def until_finish(self) -> list[Event]:
        events = [await self.get()]
        while not isinstance(events[-1], Finish):
            events.append(await self.get())
        return events


def sound(events: list[Event]) -> bytes:
    return b"".join(event.audio for event in events if isinstance(event, Audio))


@pytest.fixture
async def fish() -> AsyncIterator[FishAudioEmulator]:
    async with FishAudioEmulator() as emulator:
        yield emulator


@asynccontextmanager
async def connected(
    fish: FishAudioEmulator, path: str = "/v1/tts/live", model: str = "s2.1-pro"
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {fish.key}", "model": model}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{fish.ws_url}{path}", headers=headers) as socket,
    ):
        yield Client(socket)


@asynccontextmanager
async def sdk(fish: FishAudioEmulator, key: str | None = None) -> AsyncIterator[AsyncFishAudio]:
    async with AsyncFishAudio(api_key=key or fish.key, base_url=fish.base_url) as client:
        yield client


async def words(text: str) -> AsyncIterator[str]:
    for word in text.split(" "):
        yield f"{word} "


async def test_the_sdk_speaks_over_the_socket(fish: FishAudioEmulator) -> None:
    config = PCM.model_copy(update={"prosody": Prosody(speed=1.25, volume=-6)})
    async with sdk(fish) as client:
        stream = client.tts.stream_websocket(words(TEXT), config=config, model="s2-pro")
        audio = b"".join([piece async for piece in stream])
    assert read_back(audio, speed=1.25) == f"{TEXT} "
    asked = fish.asked[0]
    assert (asked.text, asked.voice, asked.model) == (f"{TEXT} ", ARIA, "s2-pro")
    assert (asked.rate_hz, asked.format, asked.done) == (24_000, "pcm", True)
    await deserted(fish)
    assert fish.places.taken == 0


async def test_the_sdk_flushes(fish: FishAudioEmulator) -> None:
    async def texts() -> AsyncIterator[str | TextEvent | FlushEvent]:
        yield "No end of a sentence"
        yield FlushEvent()
        yield TextEvent(text=", but spoken.")

    async with sdk(fish) as client:
        stream = client.tts.stream_websocket(texts(), config=PCM)
        audio = b"".join([piece async for piece in stream])
    assert read_back(audio) == "No end of a sentence, but spoken."


@pytest.mark.parametrize("format_", ["mp3", "wav", "opus"])
async def test_the_sdk_speaks_in_every_format_over_both_transports(
    fish: FishAudioEmulator, format_: Any
) -> None:
    config = TTSConfig(format=format_, reference_id=ARIA)
    async with sdk(fish) as client:
        stream = client.tts.stream_websocket(words("All of it. And more."), config=config)
        streamed = b"".join([piece async for piece in stream])
        whole = await client.tts.convert(text="All of it. And more. ", config=config)
    rate_hz = 48_000 if format_ == "opus" else 44_100
    for audio in (streamed, whole):
        pcm, made_hz = decoded(audio, "ogg" if format_ == "opus" else format_)
        assert made_hz == rate_hz
        assert read_back(pcm, rate_hz=rate_hz).startswith("All of it. And more.")


@pytest.mark.parametrize(
    "fault", [Faults(error_after=4800), Faults(close_after=4800), Faults(reset_after=4800)]
)
async def test_the_sdk_hears_of_a_failure(fish: FishAudioEmulator, fault: Faults) -> None:
    fish.faults = fault
    pieces = []

    async def listen() -> None:
        async with sdk(fish) as client:
            async for piece in client.tts.stream_websocket(words(TEXT), config=PCM):
                pieces.append(piece)

    with pytest.raises(ExceptionGroup) as caught:
        await listen()
    assert caught.group_contains((WebSocketError, WebSocketNetworkError))
    assert len(b"".join(pieces)) <= 4800
    assert not fish.asked[0].done


async def test_the_sdk_is_refused_in_its_own_words(fish: FishAudioEmulator) -> None:
    async with sdk(fish, "wrong") as client:
        with pytest.raises(AuthenticationError) as denied:
            await client.tts.convert(text=TEXT)
        assert denied.value.message == "Invalid Token"
    async with sdk(fish) as client:
        with pytest.raises(APIError) as bad:
            await client.tts.convert(text=TEXT, reference_id="0" * 32)
        assert bad.value.status == 400
        with pytest.raises(APIError):
            await client.tts.convert(text=TEXT, config=TTSConfig(format="pcm", sample_rate=22_050))
        with pytest.raises(NotFoundError):
            await client.voices.get("0" * 32)
        fish.faults = Faults(refuse_status=429)
        with pytest.raises(RateLimitError):
            await client.tts.convert(text=TEXT)
        fish.faults = Faults(refuse_status=503)
        with pytest.raises(ServerError):
            await client.tts.convert(text=TEXT)


async def test_the_sdk_lists_voices_in_pages(fish: FishAudioEmulator) -> None:
    async with sdk(fish) as client:
        pages = [await client.voices.list(page_size=10, page_number=number) for number in (1, 2, 3)]
        found = await client.voices.list(title="aria", language="en")
        aria = await client.voices.get(ARIA)
    assert [len(page.items) for page in pages] == [10, 10, 5]
    assert len({voice.id for page in pages for voice in page.items}) == pages[0].total == 25
    assert [voice.title for voice in found.items] == [aria.title] == ["Aria"]


async def test_a_sentence_is_held_back_until_text_follows_it(fish: FishAudioEmulator) -> None:
    async with connected(fish) as client:
        await client.start()
        await client.send(TextEvent(text="One is done."))
        await client.send(TextEvent(text=" Two is"))
        first = await client.get()
        assert isinstance(first, Audio)
        await client.send(TextEvent(text=" done as well."))
        await client.send(CloseEvent())
        events = [first, *await client.until_finish()]
        assert read_back(sound(events)) == "One is done. Two is done as well."
        assert events[-1] == Finish(event="finish", reason="stop")
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_chunk_of_text_is_not_held_back(fish: FishAudioEmulator) -> None:
    async with connected(fish) as client:
        await client.start(chunk_length=100)
        await client.send(TextEvent(text="no end " * 15))
        assert isinstance(await client.get(), Audio)


async def test_text_may_stand_in_the_start(fish: FishAudioEmulator) -> None:
    async with connected(fish) as client:
        await client.start(text=TEXT)
        await client.send(CloseEvent())
        assert read_back(sound(await client.until_finish())) == TEXT


@pytest.mark.parametrize("model", ["s1", "s2-pro", "s2.1-pro", "s2.1-pro-free", "speech-9", ""])
async def test_an_unknown_model_is_the_newest_one(fish: FishAudioEmulator, model: str) -> None:
    async with connected(fish, model=model) as client:
        await client.start(text="Hello.")
        await client.send(CloseEvent())
        await client.until_finish()
    assert fish.asked[0].model == (model if model.startswith("s") and model != "speech-9" else "s2.1-pro")


@pytest.mark.parametrize("keeps_sockets", [False, True])
async def test_a_socket_is_closed_or_takes_another_start(*, keeps_sockets: bool) -> None:
    async with FishAudioEmulator(keeps_sockets=keeps_sockets) as fish, connected(fish) as client:
        for _ in range(2 if keeps_sockets else 1):
            await client.start(text="Hello.")
            await client.send(CloseEvent())
            assert read_back(sound(await client.until_finish())) == "Hello."
        if not keeps_sockets:
            assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


def packed(**event: Any) -> bytes:
    return ormsgpack.packb(event)


@pytest.mark.parametrize(
    "messages",
    [
        ["in text"],
        [b"\xc1"],
        [packed(event="text", text="Too early.")],
        [packed(event="flush")],
        [packed(event="start")],
        [packed(event="start", request={"text": "", "format": "aac"})],
        [packed(event="start", request={"text": "", "format": "pcm", "sample_rate": 48_000})],
        [packed(event="start", request={"text": "", "reference_id": "nobody"})],
        [packed(event="start", request={"text": "", "prosody": {"speed": 2.1}})],
        [packed(event="start", request={"text": "", "prosody": {"volume": -21}})],
        [packed(event="start", request={"text": "", "chunk_length": 99})],
        [packed(event="start", request={"text": "", "latency": "fast"})],
        [packed(event="start", request={"text": "", "top_p": 1.1})],
        [packed(event="start", request={"text": ""}), packed(event="start", request={"text": ""})],
        [packed(event="start", request={"text": ""}), packed(event="text")],
        [packed(event="start", request={"text": ""}), packed(event="close")],
    ],
)
async def test_whatever_is_wrong_finishes_with_an_error(
    fish: FishAudioEmulator, messages: list[str | bytes]
) -> None:
    async with connected(fish) as client:
        for message in messages:
            if isinstance(message, str):
                await client.socket.send_str(message)
            else:
                await client.socket.send_bytes(message)
        assert await client.get() == Finish(event="finish", reason="error")
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE
    await deserted(fish)
    assert fish.places.taken == 0


async def test_too_many_at_once_are_told_by_an_event_or_a_status() -> None:
    async with FishAudioEmulator(max_concurrency=1) as fish, connected(fish) as client:
        await client.start(text=TEXT)
        async with connected(fish) as other, sdk(fish) as http:
            await other.start()
            refused = await other.get()
            assert refused == Full(event="error", error="Concurrency limit exceeded", max_concurrency=1)
            with pytest.raises(RateLimitError):
                await http.tts.convert(text=TEXT)
            await client.send(CloseEvent())
            await client.until_finish()
            await other.start(text="Now.")
            await other.send(CloseEvent())
            assert read_back(sound(await other.until_finish())) == "Now."


async def test_a_client_that_goes_away_cancels(fish: FishAudioEmulator) -> None:
    async with connected(fish) as client:
        await client.start(text=TEXT)
    await deserted(fish)
    assert fish.asked[0].cancelled
    assert not fish.asked[0].done
    assert fish.places.taken == 0


async def test_timestamps_come_with_each_chunk(fish: FishAudioEmulator) -> None:
    async with connected(fish, "/v1/tts/live/with-timestamp") as client:
        for _ in range(2):
            await client.start(prosody=Prosody(speed=2.0))
            await client.send(TextEvent(text="Hello there. You"))
            await client.send(TextEvent(text=" too."))
            await client.send(CloseEvent())
            events = await client.until_finish()
            assert read_back(sound(events), speed=2.0) == "Hello there. You too."
    snapshots = {
        event.chunk_seq: (event.content, event.alignment, event.chunk_audio_offset_sec)
        for event in events
        if isinstance(event, TimedAudio) and event.alignment
    }
    heard = [
        (segment["text"], offset_s + segment["start"])
        for _, alignment, offset_s in snapshots.values()
        for segment in alignment["segments"]
    ]
    width_s = CHARACTER_MS / 1000 / 2
    assert [content for content, _, _ in snapshots.values()] == ["Hello there.", " You too."]
    assert heard == [
        (word, pytest.approx(at * width_s))
        for word, at in [("Hello", 0), ("there.", 6), ("You", 13), ("too.", 17)]
    ]


async def test_a_body_that_is_no_object_is_refused_in_plain_text(fish: FishAudioEmulator) -> None:
    headers = {"Authorization": f"Bearer {fish.key}"}
    async with aiohttp.ClientSession(base_url=fish.base_url, headers=headers) as session:
        for media_type, body in (("application/json", b"{"), ("application/msgpack", b"\xc1")):
            async with session.post("/v1/tts", data=body, headers={"Content-Type": media_type}) as answer:
                assert (answer.status, answer.content_type) == (400, "text/plain")
        async with session.post("/v1/tts", json={"text": "Hello.", "format": "pcm"}) as answer:
            assert read_back(await answer.read(), rate_hz=44_100) == "Hello."
