"""ElevenLabs' message types, made strict, against the contexts of the emulator of its server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from elevenlabs.types import (
    AudioOutputMulti,
    CloseContext,
    CloseSocket,
    FinalOutputMulti,
    FlushContext,
    InitializeConnectionMulti,
    KeepContextAlive,
    RealtimeVoiceSettings,
    SendTextMulti,
)
from pydantic import BaseModel, ConfigDict
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.elevenlabs import ElevenLabs
from voxgate.testing.scripted import CHARACTER_MS, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
VOICE = "JBFqnCBsd6RMkjVDRZzb"
FLASH = "eleven_flash_v2_5"


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabs]:
    async with ElevenLabs() as running:
        yield running


class Audio(AudioOutputMulti):
    model_config = ConfigDict(extra="forbid", strict=True)


class Final(FinalOutputMulti):
    model_config = ConfigDict(extra="forbid", strict=True)


class Error(BaseModel):
    """What the service says before it closes; its client has no type for it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    message: str
    error: str
    code: int


Frame = Audio | Final | Error


class Talk:
    """A socket that sends and reads nothing but the client's own types."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: BaseModel) -> None:
        for message in messages:
            await self.socket.send(message.model_dump_json(exclude_none=True, by_alias=True))

    async def open(self, name: str, *texts: str, **settings: Any) -> None:
        await self.send(
            InitializeConnectionMulti(
                context_id=name, voice_settings=RealtimeVoiceSettings(**settings) if settings else None
            ),
            *(SendTextMulti(text=text, context_id=name) for text in texts),
        )

    async def say(self, name: str, *texts: str) -> None:
        """Speak texts to their end in a context of their own."""
        await self.open(name, *texts)
        await self.send(
            FlushContext(context_id=name, flush=True), CloseContext(context_id=name, close_context=True)
        )

    async def read(self) -> Frame:
        fields = json.loads(await self.socket.recv())
        kind: type[Frame] = Error if "error" in fields else Final if "isFinal" in fields else Audio
        return kind.model_validate(fields)

    async def until_final(self, *names: str) -> dict[str | None, bytes]:
        """Read until each of the contexts has come to its end; return their audio."""
        audio: dict[str | None, bytes] = {}
        open_ = set(names)
        while open_:
            match await self.read():
                case Audio() as chunk:
                    audio[chunk.context_id] = audio.get(chunk.context_id, b"") + base64.b64decode(chunk.audio)
                case Final() as final:
                    assert final.context_id is not None
                    open_.remove(final.context_id)
                case Error() as error:
                    raise AssertionError(error)
        return audio

    async def failure(self) -> tuple[str, int]:
        """Read to the end; return the last error and the close code."""
        error = ""
        while True:
            try:
                frame = await self.read()
            except ConnectionClosed as closed:
                return error, closed.rcvd.code if closed.rcvd else 1006
            error = frame.error if isinstance(frame, Error) else error


@asynccontextmanager
async def talk(
    server: ElevenLabs, key: str | None = None, voice: str = VOICE, **query: str
) -> AsyncIterator[Talk]:
    options = {"model_id": FLASH, "output_format": "pcm_24000"} | query
    async with connect(
        f"{server.ws_url}/v1/text-to-speech/{voice}/multi-stream-input?{urlencode(options)}",
        additional_headers={"xi-api-key": key or server.key},
        ping_interval=None,
    ) as socket:
        yield Talk(socket)


async def test_a_context_speaks_and_ends(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.say("a", "Hello ", "there. ")
        assert await socket.until_final("a") == {"a": tones("Hello there.")}
    [asked] = server.asked
    assert (asked.text, asked.voice, asked.model, asked.rate_hz) == ("Hello there.", VOICE, FLASH, 24_000)
    assert asked.done


async def test_a_flush_alone_has_no_end(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a", "Hello there. ")
        await socket.send(FlushContext(context_id="a", flush=True))
        audio = b""
        while audio != tones("Hello there."):
            frame = await socket.read()
            assert isinstance(frame, Audio)
            audio += base64.b64decode(frame.audio)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await socket.read()
        await socket.send(CloseContext(context_id="a", close_context=True))
        assert isinstance(await socket.read(), Final)


async def test_contexts_speak_at_once_and_end_each(server: ElevenLabs) -> None:
    server.faults = Faults(piece_s=0.1)
    names = "abcde"
    async with talk(server) as socket:
        for name in names:
            await socket.say(name, f"I am {name}. ")
        assert await socket.until_final(*names) == {name: tones(f"I am {name}.") for name in names}


async def test_the_sixth_context_is_one_too_many(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        for name in "abcdef":
            await socket.open(name)
        assert await socket.failure() == ("max_active_conversations", 1008)


async def test_a_closed_context_counts_until_its_end(server: ElevenLabs) -> None:
    server.faults = Faults(late_s=5)
    async with talk(server) as socket:
        for name in "abcde":
            await socket.say(name, "Hello. ")
        await socket.open("f")
        assert await socket.failure() == ("max_active_conversations", 1008)


async def test_an_id_can_be_used_again(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        for number in range(7):
            await socket.say("a", f"Number {number}. ")
            assert await socket.until_final("a") == {"a": tones(f"Number {number}.")}


async def test_what_was_flushed_is_spoken_after_the_close(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=9_600, pause_s=1)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.until_final("a") == {"a": tones(TEXT)}


async def test_what_was_not_flushed_ends_with_the_close(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=9_600, pause_s=1)
    async with talk(server, auto_mode="true") as socket:
        await socket.open("a", f"{TEXT} ")
        await socket.read()
        await socket.send(CloseContext(context_id="a", close_context=True))
        audio = await socket.until_final("a")
    assert len(audio.get("a", b"")) <= 9_600
    assert server.asked[0].cancelled
    assert not server.asked[0].done


async def test_text_waits_for_the_schedule(server: ElevenLabs) -> None:
    text = "x" * 119
    async with talk(server) as socket:
        await socket.open("a", text)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await socket.read()
        await socket.send(SendTextMulti(text="y", context_id="a"))
        audio = b""
        while len(audio) < len(tones(text + "y")):
            frame = await socket.read()
            assert isinstance(frame, Audio)
            audio += base64.b64decode(frame.audio)
    assert audio == tones(text + "y")


async def test_settings_are_applied(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a", "Hello. ", speed=0.8, stability=0.4)
        await socket.send(
            FlushContext(context_id="a", flush=True), CloseContext(context_id="a", close_context=True)
        )
        assert await socket.until_final("a") == {"a": tones("Hello.", speed=0.8)}
    assert server.asked[0].settings == {"speed": 0.8, "stability": 0.4}


async def test_characters_are_told_with_their_times(server: ElevenLabs) -> None:
    async with talk(server, sync_alignment="true") as socket:
        await socket.say("a", f"{TEXT} ")
        begin_ms, starts, characters = 0.0, list[float](), list[str]()
        while isinstance(frame := await socket.read(), Audio):
            if frame.alignment is not None:
                assert frame.alignment.chars
                assert frame.alignment.char_durations_ms == [CHARACTER_MS] * len(frame.alignment.chars)
                characters += frame.alignment.chars
                starts += [begin_ms + start for start in frame.alignment.char_start_times_ms or ()]
            begin_ms += len(base64.b64decode(frame.audio)) / 48
    assert "".join(characters) == TEXT
    assert starts == [number * CHARACTER_MS for number in range(len(TEXT))]


async def test_settings_come_first_or_not_at_all(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.send(KeepContextAlive(context_id="a"))
        await socket.open("a", speed=1.1)
        assert await socket.failure() == ("invalid_message", 1008)


async def test_a_silent_socket_is_closed(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a")
        began_s = asyncio.get_running_loop().time()
        assert await socket.failure() == ("input_timeout_exceeded", 1008)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(20, abs=0.1)


async def test_it_is_kept_alive_by_empty_texts(server: ElevenLabs) -> None:
    async with talk(server, inactivity_timeout="30") as socket:
        await socket.open("a")
        for _ in range(5):
            await asyncio.sleep(25)
            await socket.send(KeepContextAlive(context_id="a"))
        await socket.send(
            SendTextMulti(text="Still here. ", context_id="a", flush=True),
            CloseContext(context_id="a", close_context=True),
        )
        assert await socket.until_final("a") == {"a": tones("Still here.")}


async def test_a_silent_context_is_closed_beside_a_busy_one(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("idle", "Never flushed. ")
        await socket.open("busy")
        await asyncio.sleep(15)
        await socket.send(KeepContextAlive(context_id="busy"))
        assert await socket.until_final("idle") == {}
    assert server.asked[0].cancelled


async def test_speaking_is_not_silence(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=4_800, pause_s=100)
    async with talk(server) as socket:
        await socket.say("a", "Hello. ")
        assert await socket.until_final("a") == {"a": tones("Hello.")}


async def test_the_socket_is_closed_behind_what_was_flushed(server: ElevenLabs) -> None:
    server.faults = Faults(late_s=1)
    async with talk(server) as socket:
        await socket.open("a", "Spoken. ")
        await socket.send(FlushContext(context_id="a", flush=True))
        await socket.open("b", "Never. ")
        await socket.send(CloseSocket(close_socket=True))
        assert await socket.until_final("a", "b") == {"a": tones("Spoken.")}
        assert await socket.failure() == ("", 1000)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"key": "another"}, "invalid_api_key"),
        ({"voice": "nobodyHasThisVoice00"}, "voice_id_does_not_exist"),
    ],
)
async def test_key_and_voice_are_judged_after_the_upgrade(
    server: ElevenLabs, how: dict[str, str], error: str
) -> None:
    async with talk(server, **how) as socket:
        await socket.open("a", "Hello. ")
        assert await socket.failure() == (error, 1008)


async def test_the_key_may_come_in_the_first_message(server: ElevenLabs) -> None:
    url = f"{server.ws_url}/v1/text-to-speech/{VOICE}/multi-stream-input?output_format=pcm_24000"
    async with connect(url) as raw:
        socket = Talk(raw)
        await socket.send(
            InitializeConnectionMulti(context_id="a", xi_api_key=server.key),
            SendTextMulti(text="Hello. ", context_id="a", flush=True),
            CloseContext(context_id="a", close_context=True),
        )
        assert await socket.until_final("a") == {"a": tones("Hello.")}
    async with connect(url) as raw:
        await Talk(raw).send(InitializeConnectionMulti(context_id="a"))
        assert await Talk(raw).failure() == ("authentication_required", 1008)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"model_id": "eleven_v3"}, 400),
        ({"model_id": "eleven_nothing"}, 400),
        ({"language_code": "tlh"}, 400),
        ({"output_format": "wav_24000"}, 403),
        ({"inactivity_timeout": "181"}, 403),
    ],
)
async def test_addresses_are_judged_before_the_upgrade(
    server: ElevenLabs, query: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(server, **query):
            pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("message", ["{", "[]", '{"text": 5}', '{"text": "a", "context_id": 1}'])
async def test_what_is_no_message_ends_it(server: ElevenLabs, message: str) -> None:
    async with talk(server) as socket:
        await socket.socket.send(message)
        assert await socket.failure() == ("invalid_message", 1008)


async def test_its_own_errors_name_no_context(server: ElevenLabs) -> None:
    server.faults = Faults(error_after=9_600)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.failure() == ("unexpected_error", 1008)
    assert not server.asked[0].cancelled
    assert not server.asked[0].done


@pytest.mark.parametrize(
    ("faults", "code"), [(Faults(close_after=9_600), 1000), (Faults(reset_after=9_600), 1006)]
)
async def test_it_can_break_off(server: ElevenLabs, faults: Faults, code: int) -> None:
    server.faults = faults
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.failure() == ("", code)


async def test_who_leaves_a_socket_is_noted(server: ElevenLabs) -> None:
    server.faults = Faults(silent_after=9_600)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        await socket.read()
    await asyncio.sleep(1)
    assert server.asked[0].cancelled
    assert server.connections == 0


async def test_a_stale_piece_after_the_end(server: ElevenLabs) -> None:
    server.faults = Faults(audio_after_end=True)
    async with talk(server) as socket:
        await socket.say("a", "Hello. ")
        await socket.until_final("a")
        stale = await socket.read()
    assert isinstance(stale, Audio)
    assert stale.context_id == "a"
