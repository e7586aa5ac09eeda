"""Speech over HTTP: OpenAI's endpoint and the REST endpoints, from servers that do what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from voxgate.client import openai, telnyx_rest, uplift_rest
from voxgate.client.backoff import Backoff
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.playback import whole
from voxgate.client.retry import NEVER, Retry
from voxgate.errors import (
    ConfigurationError,
    Conflict,
    IncompleteAudio,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    ProviderTimeout,
    ProviderUnavailable,
    VoxgateError,
)

KEY = "vg_key"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Waits:
    """A clock that remembers what it was asked to wait, and does not."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return 0.0

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)


def patient(clock: Waits) -> Retry:
    return Retry(Backoff(first_s=1, attempts=3), clock=clock, chance=lambda: 1.0)


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[tuple[str, list[web.BaseRequest]]]:
    asked: list[web.BaseRequest] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        asked.append(request)
        return await answers[min(len(asked), len(answers)) - 1](request)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def speaking(*pieces: bytes, cut: bool = False) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"X-Voxgate-Voice": "Local.Espeak.ur", "Content-Type": "audio/mpeg"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.02)
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def refusing(status: int, body: object, **headers: str) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


async def spoken(server: str, retry: Retry = NEVER) -> tuple[list[Event], Exception | None]:
    events: list[Event] = []
    try:
        async with openai.speech(server, KEY, "Hi.", retry=retry) as speech:
            async for event in speech:
                events.append(event)
    except VoxgateError as error:
        return events, error
    return events, None


def audio(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Audio))


async def test_audio_comes_as_it_is_made_and_ends_with_a_final() -> None:
    async with serving(speaking(b"one", b"two")) as (server, _):
        async with openai.speech(server, KEY, "Hi.") as speech:
            assert (speech.spoken_by, speech.content_type) == ("Local.Espeak.ur", "audio/mpeg")
            events = [event async for event in speech]
    assert audio(events) == b"onetwo"
    assert events[-1] == Final()


async def body_of(request: web.BaseRequest) -> Any:
    return json.loads(await request.read())


async def test_what_each_endpoint_is_asked() -> None:
    async with serving(speaking(b"x")) as (server, asked):
        async with openai.speech(
            server,
            KEY,
            "Hi.",
            openai.SpeechOptions("nova", "tts-1-hd", "pcm", 1.5, "Softly.", 16_000, "en"),
        ) as speech:
            await whole(speech)
        telnyx = telnyx_rest.SpeechOptions(
            "Telnyx.NaturalHD.astra", "en", True, True, {"response_format": "wav"}
        )
        async with telnyx_rest.speech(server, KEY, "Hi.", telnyx) as speech:
            await whole(speech)
        async with uplift_rest.speech(server, KEY, "Hi.", uplift_rest.SpeechOptions("v_meklc281")) as speech:
            await whole(speech)
        async with uplift_rest.fetch(server, uplift_rest.Media("id", "secret token")) as speech:
            await whole(speech)
    assert [request.path for request in asked] == [
        "/v1/audio/speech",
        "/v2/text-to-speech/speech",
        "/v1/synthesis/text-to-speech/stream",
        "/v1/synthesis/stream-audio/id",
    ]
    assert await body_of(asked[0]) == {
        "input": "Hi.",
        "voice": "nova",
        "model": "tts-1-hd",
        "response_format": "pcm",
        "speed": 1.5,
        "instructions": "Softly.",
        "sample_rate": 16_000,
        "language": "en",
    }
    assert await body_of(asked[1]) == {
        "text": "Hi.",
        "voice": "Telnyx.NaturalHD.astra",
        "language": "en",
        "text_type": "ssml",
        "disable_cache": True,
        "voice_settings": {"response_format": "wav"},
    }
    assert await body_of(asked[2]) == {"text": "Hi.", "voiceId": "v_meklc281", "outputFormat": "PCM_22050_16"}
    assert asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert dict(asked[3].query) == {"token": "secret token"}
    assert "Authorization" not in asked[3].headers


async def test_audio_that_is_begun_and_fetched_later() -> None:
    body = {"mediaId": "id", "token": "t"}
    async with serving(refusing(503, {}), refusing(200, body)) as (server, asked):
        with pytest.raises(Overloaded):
            await uplift_rest.start(server, KEY, "Hi.")
        assert await uplift_rest.start(server, KEY, "Hi.") == uplift_rest.Media("id", "t")
    async with serving(refusing(503, {}), refusing(200, body)) as (server, asked):
        await uplift_rest.start(server, KEY, "Hi.", retry=patient(Waits()))
        assert len(asked) == 2
    async with serving(refusing(200, {})) as (server, _):
        with pytest.raises(ProviderUnavailable, match="no id"):
            await uplift_rest.start(server, KEY, "Hi.")


async def test_cut_before_the_first_audio_it_is_asked_for_again() -> None:
    clock = Waits()
    answers = (speaking(cut=True), refusing(503, {}, **{"Retry-After": "7"}), speaking(b"all"))
    async with serving(*answers) as (server, asked):
        events, error = await spoken(server, patient(clock))
    assert error is None
    assert events == [Reconnected(2), Audio(b"all"), Final()]
    assert clock.slept_s == [1, 8]
    assert [await body_of(request) for request in asked] == [await body_of(asked[0])] * 3


async def test_cut_in_the_middle_it_is_told() -> None:
    async with serving(speaking(b"some", cut=True), speaking(b"some", b"thing")) as (server, asked):
        events, error = await spoken(server, patient(Waits()))
    assert isinstance(error, Interrupted)
    assert audio(events) == b"some"
    assert len(asked) == 1


async def test_it_gives_up_in_the_end() -> None:
    clock = Waits()
    async with serving(speaking(cut=True)) as (server, asked):
        events, error = await spoken(server, patient(clock))
    assert isinstance(error, ProviderUnavailable)
    assert events == [Reconnected(1), Reconnected(2), Reconnected(3)]
    assert (clock.slept_s, len(asked)) == ([1, 2, 4], 4)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "No.", "param": "voice"}}, InvalidRequest),
        (401, {"error": {"message": "No."}}, NotAuthenticated),
        (409, {"message": "No."}, Conflict),
        (504, {"statusCode": 504, "message": "No."}, ProviderTimeout),
        (500, {"errors": [{"detail": "No."}]}, ProviderUnavailable),
    ],
)
async def test_a_refusal_is_an_error_with_its_status(
    status: int, body: object, kind: type[VoxgateError]
) -> None:
    async with serving(refusing(status, body)) as (server, asked):
        _, error = await spoken(server, patient(Waits()))
    assert type(error) is kind
    assert error.message.endswith("No.")
    assert error.status == status
    assert len(asked) == 1  # the first is tried once
    if isinstance(error, InvalidRequest):
        assert error.field == "voice"


async def test_an_empty_answer_is_told() -> None:
    async with serving(speaking()) as (server, _):
        _, error = await spoken(server)
    assert isinstance(error, IncompleteAudio)


async def test_after_cancel_nothing_comes_and_the_server_is_told() -> None:
    gone = asyncio.Event()

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
                await asyncio.sleep(0.001)
        finally:
            gone.set()

    async with serving(endless) as (server, _), openai.speech(server, KEY, "Hi.") as speech:
        await anext(speech)
        speech.cancel()
        assert [event async for event in speech] == []
        await gone.wait()


async def test_cancel_wakes_who_waits() -> None:
    over = asyncio.Event()

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await over.wait()
        return response

    async with serving(silent) as (server, _), openai.speech(server, KEY, "Hi.") as speech:
        waiting = asyncio.ensure_future(anext(speech, None))
        await asyncio.sleep(0.05)
        speech.cancel()
        assert await waiting is None
        over.set()


async def test_where_nobody_is_and_what_is_no_address() -> None:
    async with serving(speaking()) as (server, _):
        pass
    _, error = await spoken(server)
    assert isinstance(error, ProviderUnavailable)
    assert "Connection refused" in error.message
    _, error = await spoken("127.0.0.1")
    assert isinstance(error, ConfigurationError)
