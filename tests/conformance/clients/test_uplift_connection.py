"""The Uplift connection of a started server, through every door, by clients that others wrote."""

from __future__ import annotations

import asyncio
import gc
import json
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import seconds
from tests.support.server import RunningServer
from tests.support.uplift_clients import DOORS, Open, Refused, node, python_socketio, websocket
from voxgate.testing.scripted import CHARACTER_MS, read_back, tones

EXACT = "Local.Test.rate-22050"
FORMATS = {
    "PCM_22050_16": ("audio/pcm", 22_050),
    "WAV_22050_16": ("audio/wav", 22_050),
    "WAV_22050_32": ("audio/wav", 22_050),
    "MP3_22050_32": ("audio/mpeg", 22_050),
    "MP3_22050_64": ("audio/mpeg", 22_050),
    "MP3_22050_128": ("audio/mpeg", 22_050),
    "OGG_22050_16": ("audio/ogg", 22_050),
    "ULAW_8000_8": ("audio/x-mulaw", 8000),
}
SOCKET_IO = {name: door for name, door in DOORS.items() if name != "websocket"}

every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
every_socketio = pytest.mark.parametrize("door", SOCKET_IO.values(), ids=SOCKET_IO.keys())


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect what python-socketio leaves of a connection that was refused, here and not in a later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def limited_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose keys may have 100 characters a day."""
    plans = {"default": {"characters_per_day": 100}}
    environment = {"VOXGATE_PLANS": json.dumps(plans), "VOXGATE_UPLIFT__JOIN_TIMEOUT_S": "0.5"}
    with RunningServer(tmp_path_factory.mktemp("limited"), environment=environment) as server:
        yield server


@every_door
async def test_ready_and_then_speech(shared_server: RunningServer, door: Open) -> None:
    async with door(shared_server) as client:
        ready = await client.next()
        assert ready.keys() == {"type", "sessionId"}
        assert ready["type"] == "ready"
        answer = await client.ask("a", "Hello there.", voiceId=EXACT)
    assert answer.kinds == ["audio_start", *["audio"] * len(answer.pieces), "audio_end"]
    assert answer.audio == tones("Hello there.", rate_hz=22_050)
    assert all(isinstance(answer.messages[at]["timestamp"], int) for at in (0, -1))


@every_door
async def test_every_format_is_one_whole_file_of_the_right_length(
    shared_server: RunningServer, door: Open
) -> None:
    text = "All formats are asked for at once, on one connection."
    async with door(shared_server) as client:
        for name in FORMATS:
            await client.synthesize(name, text, voiceId=EXACT, outputFormat=name)
        answers = await client.collect(*FORMATS)
    for answer, (name, (media_type, rate_hz)) in zip(answers, FORMATS.items(), strict=True):
        length_s = seconds(answer.audio, media_type, rate_hz)
        assert length_s == pytest.approx(len(text) * CHARACTER_MS / 1000, abs=0.12), name
        header = {"audio/wav": b"RIFF", "audio/ogg": b"OggS", "audio/mpeg": b"\xff"}.get(media_type, b"")
        assert answer.audio.startswith(header), name
        assert all(len(piece) % 2 == 0 for piece in answer.pieces) or "16" not in name or "OGG" in name


@every_door
async def test_requests_run_at_once_and_interleave(shared_server: RunningServer, door: Open) -> None:
    # New to the cache, from which speech would come all at once.
    texts = {f"r{number}": f"{uuid.uuid4()}, number {number} of five" for number in range(5)}
    order: list[str] = []
    async with door(shared_server) as client:
        for request_id, text in texts.items():
            await client.synthesize(request_id, text, voiceId=f"{EXACT}+paced")
        ended: set[str] = set()
        while ended != texts.keys():
            message = await client.next()
            if message["type"] == "audio":
                order.append(message["requestId"])
            elif message["type"] == "audio_end":
                ended.add(message["requestId"])
    assert set(order[:15]) == texts.keys()


@every_door
async def test_after_a_cancel_nothing_comes_and_the_others_go_on(
    shared_server: RunningServer, door: Open
) -> None:
    async with door(shared_server) as client:
        await client.synthesize("a", "This text is cancelled half-way. " * 20, voiceId=f"{EXACT}+paced")
        while (await client.next())["type"] != "audio":
            pass
        await client.cancel("a")
        # An answer to what was sent after the cancel: from here on all is said that will be said of `a`.
        assert (await client.ask("marker", "", voiceId=EXACT)).error is not None
        await client.synthesize("b", "This one is spoken to its end.", voiceId=f"{EXACT}+paced")
        messages: list[dict[str, object]] = []
        while not messages or messages[-1]["type"] != "audio_end":
            messages.append(await client.next())
    assert {message["requestId"] for message in messages} == {"b"}


@every_door
async def test_errors_are_told_with_the_id_and_the_connection_stays(
    shared_server: RunningServer, door: Open
) -> None:
    async with door(shared_server) as client:
        for request_id, code, fields in (
            ("voice", "synthesis_failed", {"voiceId": "nobody"}),
            ("format", "synthesis_failed", {"outputFormat": "MP3_22050_96"}),
            ("empty", "synthesis_failed", {"text": "  "}),
            ("long", "text_too_long", {"text": "x" * 10_001}),
            ("speed", "synthesis_failed", {"speed": "fast"}),
            ("phrases", "synthesis_failed", {"phraseReplacementConfigId": "none-of-yours"}),
            ("fails", "synthesis_failed", {"voiceId": "Local.Test.fail-0"}),
        ):
            answer = await client.ask(request_id, **{"text": "Hello.", **fields})
            assert answer.error is not None, request_id
            assert answer.error[0] == code, request_id
        answer = await client.ask("voice-2", "Hello.", voiceId=EXACT)
    assert read_back(answer.audio, rate_hz=22_050) == "Hello."


@every_door
async def test_an_id_can_be_used_once(shared_server: RunningServer, door: Open) -> None:
    async with door(shared_server) as client:
        await client.ask("a", "Hello.", voiceId=EXACT)
        answer = await client.ask("a", "Hello again.", voiceId=EXACT)
    assert answer.error is not None
    assert answer.error[0] == "duplicate_request"


@every_door
async def test_sixty_requests_a_minute(shared_server: RunningServer, door: Open) -> None:
    names = [f"r{number}" for number in range(61)]
    async with door(shared_server) as client:
        for name in names:
            await client.synthesize(name, "Hi", voiceId=EXACT)
        answers = await client.collect(*names)
    refused = [name for name, answer in zip(names, answers, strict=True) if answer.error is not None]
    assert refused == ["r60"]
    assert answers[-1].error is not None
    assert answers[-1].error[0] == "rate_limit_exceeded"


@every_door
async def test_a_hundred_cancels_a_minute(shared_server: RunningServer, door: Open) -> None:
    async with door(shared_server) as client:
        await client.next()
        for number in range(101):
            await client.cancel(f"r{number}")
        told = await client.next()
    assert (told["requestId"], told["code"]) == ("r100", "rate_limit_exceeded")


@every_door
async def test_a_wrong_key_is_refused(shared_server: RunningServer, door: Open) -> None:
    with pytest.raises(Refused) as refused:
        async with door(shared_server, "no-such-key"):
            pass
    if door is websocket:
        assert refused.value.code == 401
    else:
        assert (refused.value.message, refused.value.code) == ("Invalid API key", "auth_failed")


@every_door
async def test_the_days_characters(limited_server: RunningServer, door: Open) -> None:
    async with door(limited_server) as client:
        answer = await client.ask("a", "x" * 101, voiceId=EXACT)
    assert answer.error is not None
    assert answer.error[0] == "rate_limit_exceeded"
    assert "100 characters a day" in answer.error[1]


@every_socketio
async def test_the_transport_is_the_one_asked_for(shared_server: RunningServer, door: Open) -> None:
    async with door(shared_server) as client:
        await client.next()
        await client.ask("a", "Hello.", voiceId=EXACT)
        polls = getattr(door, "keywords", {}).get("transports") == ("polling",)
        assert client.facts["transport"] == ("polling" if polls else "websocket")


@every_socketio
async def test_an_unknown_event_is_told_and_the_events_of_the_library_cannot_be_raised(
    shared_server: RunningServer, door: Open
) -> None:
    async with door(shared_server) as client:
        await client.next()
        for event in ("sing", "message", "connect_to_me"):
            await client.emit(event, {"requestId": event})
            told = await client.next()
            assert (told["requestId"], told["code"]) == (event, "synthesis_failed")
        assert (await client.ask("a", "Hello.", voiceId=EXACT)).error is None


async def test_a_key_that_was_just_made_works_through_both_doors(
    shared_server: RunningServer, tmp_path: Path
) -> None:
    async with python_socketio(shared_server) as one, websocket(shared_server) as other:
        answers = await asyncio.gather(
            one.ask("a", "One.", voiceId=EXACT), other.ask("a", "Other.", voiceId=EXACT)
        )
    assert [read_back(answer.audio, rate_hz=22_050) for answer in answers] == ["One.", "Other."]


async def test_a_browser_client_that_sets_no_transport_ends_up_on_a_websocket(
    shared_server: RunningServer,
) -> None:
    async with node(shared_server) as client:
        for number in range(10):
            await client.synthesize(f"r{number}", "Audio flows while the transport changes. ", voiceId=EXACT)
        answers = await client.collect(*(f"r{number}" for number in range(10)))
        assert client.facts["transport"] == "websocket"
    expected = tones("Audio flows while the transport changes. ", rate_hz=22_050)
    assert all(answer.audio == expected for answer in answers)
