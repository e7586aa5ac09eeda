"""Murf's emulator against Murf's own SDK: its message types, made strict, and its HTTP client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args
from urllib.parse import urlencode

import aiohttp
import pydantic
import pytest
from murf.base_client import AsyncBaseClient
from murf.core.api_error import ApiError
from murf.environment import MurfEnvironment
from murf.errors import BadRequestError, ForbiddenError, PaymentRequiredError
from murf.types.api_voice import ApiVoice
from murf.types.audio_output import AudioOutput
from murf.types.clear_context import ClearContext
from murf.types.final_output import FinalOutput
from murf.types.send_text import SendText
from murf.types.set_advanced_settings import SetAdvancedSettings
from murf.types.set_voice_configuration_or_initialize_context import SetVoiceConfigurationOrInitializeContext

from tests.support.decoding import decoded
from tests.support.emulated import deserted
from voxgate.audio import g711
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.murfai import MurfEmulator
from voxgate.testing.scripted import CHARACTER_MS, read_back

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."


def strict(model: Any) -> type[pydantic.BaseModel]:
    """Return a model of the SDK that takes no field but its own, of no type but its own."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = [part for part in get_args(field.annotation) if isinstance(part, type)]
        nested = [part for part in inner if issubclass(part, pydantic.BaseModel)]
        annotation = strict(nested[0]) | None if nested else field.annotation
        fields[name] = (annotation, ... if field.is_required() else None)
    config = pydantic.ConfigDict(extra="forbid", strict=True)
    return pydantic.create_model(f"Strict{model.__name__}", __config__=config, **fields)


SENT = [strict(m) for m in (SendText, ClearContext, SetAdvancedSettings)]
SENT.append(strict(SetVoiceConfigurationOrInitializeContext))
AUDIO, FINAL = strict(AudioOutput), strict(FinalOutput)


def is_one(message: dict[str, Any], *models: type[pydantic.BaseModel]) -> bool:
    for model in models:
        try:
            model.model_validate(message)
        except pydantic.ValidationError:
            continue
        return True
    return False


class Client:
    """Sends and gets only what is in the SDK, errors aside: it has none for the socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        assert is_one(message, *SENT), message
        await self.socket.send_json(message)

    async def get(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json(timeout=600)
        assert is_one(message, AUDIO, FINAL) or message.keys() == {"error", "context_id"}, message
        return message

    async def until(self, *context_ids: str | None, word: str = "final") -> dict[str | None, bytes]:
        """Return the audio of contexts until the last of them has its end."""
        audio: dict[str | None, bytes] = {}
        left = set(context_ids)
        while left:
            message = await self.get()
            context_id = message.get("context_id")
            if word in message:
                left.remove(context_id)
            audio[context_id] = audio.get(context_id, b"") + base64.b64decode(message.get("audio", ""))
        return audio


@pytest.fixture
async def murf() -> AsyncIterator[MurfEmulator]:
    async with MurfEmulator() as emulator:
        yield emulator


@asynccontextmanager
async def connected(murf: MurfEmulator, key: str | None = None, **query: str) -> AsyncIterator[Client]:
    chosen = {"model": "FALCON", "format": "PCM", "sample_rate": "24000", "channel_type": "MONO", **query}
    headers = {"api-key": key or murf.key}
    url = f"{murf.ws_url}/v1/speech/stream-input?{urlencode(chosen)}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        yield Client(socket)


@asynccontextmanager
async def sdk(murf: MurfEmulator, key: str | None = None) -> AsyncIterator[AsyncBaseClient]:
    names = (
        "base global_router us_east us_west india canada south_korea uae japan australia eu_central uk "
        "south_america"
    )
    addresses = dict.fromkeys(names.split(), murf.base_url)
    environment = MurfEnvironment(production=f"{murf.ws_url}/v1/speech", **addresses)
    client = AsyncBaseClient(environment=environment, api_key=key or murf.key)
    try:
        yield client
    finally:
        await client._client_wrapper.httpx_client.httpx_client.aclose()


async def test_a_context_is_spoken_to_its_final(murf: MurfEmulator) -> None:
    async with connected(murf) as client:
        await client.send(min_buffer_size=60, max_buffer_delay_in_ms=500)
        config = {"voice_id": "en-US-natalie", "style": "Conversation", "rate": 25, "pitch": -5}
        await client.send(voice_config=config, context_id="turn_1")
        await client.send(text=TEXT, context_id="turn_1", end=True)
        spoken = await client.until("turn_1")
    assert read_back(spoken["turn_1"], speed=1.25) == TEXT
    asked = murf.asked[0]
    assert (asked.text, asked.voice, asked.model) == (TEXT, "en-US-natalie", "FALCON")
    assert (asked.rate_hz, asked.format, asked.done) == (24_000, "PCM", True)
    assert asked.settings == {"style": "Conversation", "rate": 25, "pitch": -5}


async def test_speech_begins_with_the_first_sentence(murf: MurfEmulator) -> None:
    async with connected(murf) as client:
        await client.send(text="One is done. Two is", context_id="a")
        first = await client.get()
        assert "audio" in first
        await client.send(text=" done as well.", context_id="a")
        await client.send(text="", context_id="a", end=True)
        rest = (await client.until("a"))["a"]
    assert read_back(base64.b64decode(first["audio"]) + rest) == "One is done. Two is done as well."


async def test_less_than_a_sentence_waits_for_more_or_for_a_while(murf: MurfEmulator) -> None:
    loop = asyncio.get_running_loop()
    async with connected(murf) as client:
        await client.send(min_buffer_size=40, max_buffer_delay_in_ms=800)
        begin_s = loop.time()
        await client.send(text="I just wanted to say that", context_id="a")
        assert "audio" in await client.get()
        assert loop.time() - begin_s > 0.79
        begin_s = loop.time()
        await client.send(text="and this is more than forty characters long", context_id="b")
        assert (await client.get())["context_id"] in ("a", "b")
        assert loop.time() - begin_s < 0.79


async def test_contexts_run_side_by_side(murf: MurfEmulator) -> None:
    murf.faults = Faults(piece_s=0.05)
    texts: dict[str | None, str] = {name: f"This is {name}. " * 5 for name in ("a", "b", "c")}
    async with connected(murf) as client:
        for name, text in texts.items():
            assert name is not None
            await client.send(text=text, context_id=name, end=True)
        spoken = await client.until(*texts)
    assert {name: read_back(pcm) for name, pcm in spoken.items()} == texts


async def test_clear_drops_only_what_was_not_begun(murf: MurfEmulator) -> None:
    murf.faults = Faults(piece_s=0.05)
    async with connected(murf) as client:
        await client.send(text="This is begun. And this", context_id="a")
        assert "audio" in await client.get()
        await client.send(clear=True, context_id="a")
        await client.send(text="Something else.", context_id="b", end=True)
        spoken = await client.until("a", "b")
    assert murf.asked[0].text == "This is begun."
    assert murf.asked[0].cancelled
    assert not murf.asked[0].done
    assert read_back(spoken["b"]) == "Something else."


async def test_clear_of_what_waits_leaves_nothing_to_come(murf: MurfEmulator) -> None:
    async with connected(murf) as client:
        await client.send(text="Not a sentence", context_id="a")
        await client.send(clear=True, context_id="a")
        await client.send(clear=True, context_id="never there")
        await client.send(text="Else.", context_id="b", end=True)
        assert (await client.until("b")).keys() == {"b"}
    assert murf.places.taken == 0


async def test_turns_of_one_context_come_one_after_the_other(murf: MurfEmulator) -> None:
    murf.faults = Faults(piece_s=0.05)
    async with connected(murf) as client:
        for text in ("First. ", "Second. ", "Third."):
            await client.send(text=text, end=True)
        assert murf.places.taken <= 1
        spoken = [(await client.until(None))[None] for _ in range(3)]
    assert [read_back(pcm) for pcm in spoken] == ["First. ", "Second. ", "Third."]
    await deserted(murf)
    assert murf.places.taken == 0


async def test_more_contexts_than_the_plan_allows_are_refused_over_all_sockets(murf: MurfEmulator) -> None:
    murf.faults = Faults(pause_after=4800, pause_s=60)
    async with connected(murf) as client, connected(murf) as other:
        for number in range(5):
            await client.send(text=TEXT, context_id=f"{number}", end=True)
            assert "audio" in await client.get()
        await other.send(text=TEXT, context_id="too many", end=True)
        refused = await other.get()
        assert refused == {"error": "Exceeded Active context limit", "context_id": "too many"}
        async with sdk(murf) as http:
            with pytest.raises(ApiError) as caught:
                await anext(http.text_to_speech.stream(text=TEXT, voice_id="natalie"))
        assert caught.value.status_code == 429
        await client.until("0", "1", "2", "3", "4")
        murf.faults = Faults()
        await other.send(text=TEXT, context_id="now", end=True)
        assert read_back((await other.until("now"))["now"]) == TEXT


async def test_ten_sockets_a_context_and_no_more() -> None:
    async with MurfEmulator(max_contexts=1) as murf, aiohttp.ClientSession() as session:
        url, headers = f"{murf.ws_url}/v1/speech/stream-input", {"api-key": murf.key}
        sockets = [await session.ws_connect(url, headers=headers) for _ in range(10)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url, headers=headers)
        assert caught.value.status == 429
        for socket in sockets:
            await socket.close()


async def test_three_minutes_of_silence_close_a_socket(murf: MurfEmulator) -> None:
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    async with connected(murf) as client:
        await asyncio.sleep(100)
        await client.send(text="Still there.", context_id="a", end=True)
        await client.until("a")
        message = await client.socket.receive(timeout=600)
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert 280 <= loop.time() - begin_s < 290


@pytest.mark.parametrize(
    ("query", "key", "status"),
    [
        ({}, "wrong", 403),
        ({"model": "GEN1"}, None, 400),
        ({"format": "AAC"}, None, 400),
        ({"sample_rate": "22050"}, None, 400),
        ({"sample_rate": "many"}, None, 400),
        ({"channel_type": "STEREO"}, None, 400),
    ],
)
async def test_a_socket_is_refused_before_it_opens(
    murf: MurfEmulator, query: dict[str, str], key: str | None, status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(murf, key, **query):
            pass
    assert caught.value.status == status


@pytest.mark.parametrize("name", ["api-key", "api_key"])
async def test_the_key_may_stand_in_the_query(murf: MurfEmulator, name: str) -> None:
    async with aiohttp.ClientSession() as session:
        await (await session.ws_connect(f"{murf.ws_url}/v1/speech/stream-input?{name}={murf.key}")).close()


@pytest.mark.parametrize(
    "message",
    [
        {"text": "x" * 3001, "context_id": "a"},
        {"text": 7, "context_id": "a"},
        {"text": "Hello.", "context_id": "a", "voice_config": {"voice_id": "nobody"}},
        {"text": "Hello.", "context_id": "a", "voice_config": {"voice_id": "fr-FR-natalie"}},
        {"text": "Hello.", "context_id": "a", "voice_config": {"rate": 51}},
        {"text": "Hello.", "context_id": "a", "voice_config": {"pitch": -50.5}},
        {"text": "Hello.", "context_id": "a", "voice_config": {"variation": 6}},
        {"text": "Hello.", "context_id": "a", "voice_config": {"locale": "de-DE"}},
        {"text": "Hello.", "context_id": "a", "voice_config": []},
        {"min_buffer_size": 39, "context_id": "a"},
        {"max_buffer_delay_in_ms": 1001, "context_id": "a"},
        {"hello": "there", "context_id": "a"},
    ],
)
async def test_a_bad_message_is_an_error_of_its_context(murf: MurfEmulator, message: dict[str, Any]) -> None:
    async with connected(murf) as client:
        await client.socket.send_json(message)
        refused = await client.get()
        assert refused.keys() == {"error", "context_id"}
        assert refused["context_id"] == "a"
        await client.send(text="Goes on.", context_id="b", end=True)
        assert read_back((await client.until("b"))["b"]) == "Goes on."


async def test_an_error_ends_a_context_that_is_being_spoken(murf: MurfEmulator) -> None:
    murf.faults = Faults(piece_s=0.1)
    async with connected(murf) as client:
        await client.send(text=TEXT, context_id="a")
        await client.get()
        await client.socket.send_json({"text": "x" * 3001, "context_id": "a"})
        await client.until("a", word="error")
        await client.send(text="Else.", context_id="b", end=True)
        assert (await client.until("b")).keys() == {"b"}
    assert murf.asked[0].cancelled
    assert murf.places.taken == 0


@pytest.mark.parametrize("data", ["no json", "[1]"])
async def test_what_is_no_object_is_an_error(murf: MurfEmulator, data: str) -> None:
    async with connected(murf) as client:
        await client.socket.send_str(data)
        assert "error" in await client.get()


async def test_an_end_needs_no_text(murf: MurfEmulator) -> None:
    async with connected(murf) as client:
        await client.send(text="Murf's own pipecat service ends so", context_id="a")
        await client.socket.send_json({"context_id": "a", "end": True})
        assert read_back((await client.until("a"))["a"]) == "Murf's own pipecat service ends so"


@pytest.mark.parametrize("word", ["PCM", "pcm", "WAV", "MP3", "FLAC", "OGG", "ULAW", "ALAW"])
@pytest.mark.parametrize("rate_hz", [8000, 24000, 44100])
async def test_every_format_sounds(murf: MurfEmulator, word: str, rate_hz: int) -> None:
    async with connected(murf, format=word, sample_rate=str(rate_hz)) as client:
        await client.send(text="All of it.", context_id="a")
        await client.send(text=" And more.", context_id="a", end=True)
        audio = (await client.until("a"))["a"]
    match word:
        case "PCM" | "pcm":
            pcm, made_hz = audio, rate_hz
        case "ULAW":
            pcm, made_hz = g711.decode_mulaw(audio), rate_hz
        case "ALAW":
            pcm, made_hz = g711.decode_alaw(audio), rate_hz
        case _:
            pcm, made_hz = decoded(audio, word.lower())
    assert made_hz == rate_hz
    assert read_back(pcm, rate_hz=made_hz).startswith("All of it. And more")


@pytest.mark.parametrize(("model", "rate_hz"), [("FALCON", 24_000), ("falcon-2", 24_000), ("GEN2", 44_100)])
async def test_wav_at_the_models_rate_is_the_default(murf: MurfEmulator, model: str, rate_hz: int) -> None:
    url = f"{murf.ws_url}/v1/speech/stream-input?model={model}"
    headers = {"api-key": murf.key}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        client = Client(socket)
        await client.send(text="Hello.", context_id="a", end=True)
        pcm, made_hz = decoded((await client.until("a"))["a"], "wav")
    assert made_hz == rate_hz
    assert read_back(pcm, rate_hz=rate_hz) == "Hello."
    assert murf.asked[0].voice == "en-US-daniel"


async def test_faults_are_carried_out_in_the_middle_of_a_reply(murf: MurfEmulator) -> None:
    character = 2 * 24 * CHARACTER_MS
    murf.faults = Faults(error_after=25 * character)
    async with connected(murf) as client:
        await client.send(text="A sentence. Another one. A third, and last one.", context_id="a")
        await client.send(text="", context_id="a", end=True)
        audio = (await client.until("a", word="error"))["a"]
        assert read_back(audio) == "A sentence. Another one. "
        murf.faults = Faults(close_after=character)
        await client.send(text="Cut.", context_id="b", end=True)
        assert "audio" in await client.get()
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_audio_may_come_behind_the_end(murf: MurfEmulator) -> None:
    murf.faults = Faults(audio_after_end=True)
    async with connected(murf) as client:
        await client.send(text="Hello.", context_id="a", end=True)
        await client.until("a")
        assert "audio" in await client.get()


async def test_a_client_that_goes_away_cancels(murf: MurfEmulator) -> None:
    murf.faults = Faults(silent_after=4800)
    async with connected(murf) as client:
        await client.send(text=TEXT, context_id="a", end=True)
        await client.get()
    await deserted(murf)
    assert murf.asked[0].cancelled
    assert (murf.places.taken, murf.sockets) == (0, 0)


async def test_the_sdk_streams(murf: MurfEmulator) -> None:
    async with sdk(murf) as client:
        pieces = [
            piece
            async for piece in client.text_to_speech.stream(
                text=TEXT, voice_id="Natalie", model="FALCON", format="PCM", sample_rate=16000, rate=-20
            )
        ]
    assert read_back(b"".join(pieces), rate_hz=16_000, speed=0.8) == TEXT
    assert (murf.asked[0].voice, murf.asked[0].format) == ("en-US-natalie", "PCM")
    assert murf.asked[0].done


async def test_the_sdk_is_refused_in_its_own_words(murf: MurfEmulator) -> None:
    async def stream(key: str | None = None, **how: Any) -> None:
        async with sdk(murf, key) as client:
            asked = {"text": TEXT, "voice_id": "natalie", **how}
            async for _ in client.text_to_speech.stream(**asked):
                pass

    with pytest.raises(ForbiddenError):
        await stream("wrong")
    for wrong in ({"voice_id": "nobody"}, {"sample_rate": 11025}, {"text": "x" * 3001}, {"rate": 60}):
        with pytest.raises(BadRequestError):
            await stream(**wrong)
    murf.faults = Faults(refuse_status=402)
    with pytest.raises(PaymentRequiredError):
        await stream()


async def test_the_sdk_lists_voices(murf: MurfEmulator) -> None:
    async with sdk(murf) as client:
        falcon = await client.text_to_speech.get_voices(model="FALCON")
        legacy = await client.text_to_speech.get_voices()
        with pytest.raises(BadRequestError):
            await client.text_to_speech.get_voices(model="GEN1")
    assert all(isinstance(voice, ApiVoice) for voice in falcon)
    voices = {voice.voice_id: voice for voice in falcon}
    assert "en-US-natalie" in voices
    assert voices["en-US-natalie"].gender == "Female"
    supported = voices["en-IN-nikhil"].supported_locales
    assert supported is not None
    assert supported.keys() == {"en-IN", "hi-IN"}
    assert "de-DE-josephine" in {voice.voice_id for voice in legacy} - voices.keys()
