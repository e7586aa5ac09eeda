"""voxgate's own Python clients against the real server, and through a proxy that cuts them off.

The voices of ``Local.Test`` say the same for the same text, every time: so it can be seen that after a cut
nothing of it is missing, and nothing there twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.cutting_proxy import cutting_proxy
from tests.support.listening import seconds
from tests.support.server import RunningServer
from voxgate.audio.wav_reader import WavReader
from voxgate.client import openai, telnyx, telnyx_rest, uplift, uplift_rest, workbuddy
from voxgate.client.backoff import Backoff
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected, Speaking
from voxgate.client.playback import playout, whole
from voxgate.client.retry import Retry
from voxgate.client.socket import open_link
from voxgate.client.voices import fetch_voices
from voxgate.errors import InvalidRequest, NotAuthenticated, ProviderUnavailable, SynthesisError, VoxgateError
from voxgate.testing.scripted import CHARACTER_MS, read_back

VOICE = "Local.Test.plain"
TEXT = "Nothing is lost"
SOON = Retry(Backoff(first_s=0.01, longest_s=0.05, attempts=8))

HANDSHAKE_BYTES = 600
"""More than the answer to an upgrade has, and the head of an answer over HTTP."""


async def outcome(speech: Speaking) -> tuple[list[Event], Exception | None]:
    events: list[Event] = []
    try:
        async for event in speech:
            events.append(event)
    except VoxgateError as error:
        return events, error
    return events, None


def audio(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Audio))


async def telnyx_speech(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    options = telnyx.SpeechOptions(voice=VOICE, rate_hz=24_000)
    async with telnyx.connect(url, key, options, retry=retry) as speech:
        await speech.send(TEXT)
        await speech.end()
        return await outcome(speech)


async def uplift_speech(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    async with uplift.connect(url, key, retry=retry) as connection:
        return await outcome(await connection.speak(TEXT, uplift.SpeechOptions(VOICE)))


async def openai_speech(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    options = openai.SpeechOptions(voice=VOICE, response_format="pcm")
    async with openai.speech(url, key, TEXT, options, retry=retry) as speech:
        return await outcome(speech)


async def telnyx_rest_speech(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    async with telnyx_rest.speech(url, key, TEXT, telnyx_rest.SpeechOptions(VOICE), retry=retry) as speech:
        return await outcome(speech)


async def uplift_rest_speech(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    async with uplift_rest.speech(url, key, TEXT, uplift_rest.SpeechOptions(VOICE), retry=retry) as speech:
        return await outcome(speech)


async def uplift_fetched(
    url: str, key: str, retry: Retry | None = None
) -> tuple[list[Event], Exception | None]:
    media = await uplift_rest.start(url, key, TEXT, uplift_rest.SpeechOptions(VOICE), retry=retry)
    async with uplift_rest.fetch(url, media, retry=retry) as speech:
        return await outcome(speech)


Way = Callable[[str, str, Retry | None], Awaitable[tuple[list[Event], Exception | None]]]
WAYS: dict[str, Way] = {
    "telnyx": telnyx_speech,
    "uplift": uplift_speech,
    "openai": openai_speech,
    "telnyx over REST": telnyx_rest_speech,
    "uplift over REST": uplift_rest_speech,
    "uplift, fetched": uplift_fetched,
}


async def whatever(way: Way, url: str, key: str) -> tuple[list[Event], Exception | None]:
    try:
        return await way(url, key, SOON)
    except VoxgateError as never_begun:
        return [], never_begun


@pytest.mark.parametrize("way", WAYS)
async def test_every_client_gets_what_was_said(shared_server: RunningServer, way: str) -> None:
    events, error = await WAYS[way](shared_server.url, shared_server.key, None)
    assert error is None
    assert events[-1] == Final()
    if way == "telnyx over REST":  # which has no field for the format of a local voice
        assert abs(seconds(audio(events), "audio/mpeg") - len(TEXT) * CHARACTER_MS / 1000) < 0.15
    else:
        assert read_back(audio(events), rate_hz=22_050 if "uplift" in way else 24_000) == TEXT


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 40_000), min_size=1, max_size=3))
def test_wherever_the_line_is_cut_nothing_is_missing_or_twice(
    shared_server: RunningServer, way: str, cuts: list[int]
) -> None:
    async def main() -> None:
        wanted, error = await WAYS[way](shared_server.url, shared_server.key, None)
        assert error is None
        async with cutting_proxy(shared_server.port, *cuts) as proxy:
            events, error = await whatever(WAYS[way], proxy.url, shared_server.key)
        if isinstance(error, ProviderUnavailable):
            # The first connection is tried once, and it was cut before it stood.
            assert min(cuts) < HANDSHAKE_BYTES
            assert events == []
        elif error is None:
            assert audio(events) == audio(wanted)
            assert events[-1] == Final()
        else:
            assert isinstance(error, Interrupted)
            assert audio(wanted).startswith(audio(events))
            assert audio(events)

    asyncio.run(main())


async def test_a_cut_before_the_first_audio_goes_unheard(shared_server: RunningServer) -> None:
    async with cutting_proxy(shared_server.port, HANDSHAKE_BYTES, 50, 0) as proxy:
        events, error = await telnyx_speech(proxy.url, shared_server.key, SOON)
    assert error is None
    assert isinstance(events[0], Reconnected)
    assert proxy.connections == 4


async def test_many_requests_on_one_connection_are_played_in_order(shared_server: RunningServer) -> None:
    texts = ["First", "second", "third", "fourth"]
    options = uplift.SpeechOptions(VOICE)
    async with uplift.connect(shared_server.url, shared_server.key) as connection, playout() as line:
        for text in texts:
            await line.add(await connection.speak(text, options))
        line.finish()
        played = b"".join([piece async for piece in line])
        alone = [await whole(await connection.speak(text, options)) for text in texts]
    assert played == b"".join(alone)


async def test_a_cut_costs_at_most_what_was_playing(shared_server: RunningServer) -> None:
    texts = ["First", "second", "third", "fourth", "fifth"]
    options = uplift.SpeechOptions(VOICE)
    async with uplift.connect(shared_server.url, shared_server.key) as connection:
        alone = [await whole(await connection.speak(text, options)) for text in texts]
    async with cutting_proxy(shared_server.port, 30_000) as proxy:
        async with uplift.connect(proxy.url, shared_server.key, retry=SOON) as connection, playout() as line:
            for text in texts:
                await line.add(await connection.speak(text, options))
            line.finish()
            played, lost = b"", 0
            while True:
                try:
                    played += await anext(line)
                except StopAsyncIteration:
                    break
                except Interrupted:
                    lost += 1
        assert proxy.connections == 2
    assert lost <= 1
    missing = [piece for piece in alone if piece not in played]
    assert len(missing) == lost
    if not lost:
        assert played == b"".join(alone)


async def test_refusals_are_told_before_anything_is_asked(shared_server: RunningServer) -> None:
    for connect in (telnyx.connect, uplift.connect, workbuddy.connect):
        with pytest.raises(NotAuthenticated) as refused:
            async with connect(shared_server.url, "wrong"):
                pass
        assert refused.value.status == 401
    for speech in (openai.speech, telnyx_rest.speech, uplift_rest.speech):
        with pytest.raises(NotAuthenticated):
            async with speech(shared_server.url, "wrong", "Hi."):
                pass
    with pytest.raises(NotAuthenticated):
        await workbuddy.heartbeat(shared_server.url, "wrong")
    with pytest.raises(InvalidRequest) as named:
        async with openai.speech(shared_server.url, shared_server.key, "Hi.", openai.SpeechOptions("nobody")):
            pass
    assert named.value.field == "voice"


async def test_one_bad_request_leaves_its_connection_to_the_others(shared_server: RunningServer) -> None:
    async with uplift.connect(shared_server.url, shared_server.key) as connection:
        bad = await connection.speak("Hi.", uplift.SpeechOptions("v_nobody"))
        good = await connection.speak("Hi.", uplift.SpeechOptions(VOICE))
        with pytest.raises(SynthesisError):
            await whole(bad)
        assert await whole(good)


async def test_the_format_asked_for_is_the_one_that_comes(shared_server: RunningServer) -> None:
    options = openai.SpeechOptions(VOICE, response_format="wav", rate_hz=16_000)
    async with openai.speech(shared_server.url, shared_server.key, TEXT, options) as speech:
        reader = WavReader()
        pcm = reader.feed(await whole(speech))
    assert reader.rate_hz == 16_000
    assert pcm
    assert speech.content_type == "audio/wav"


async def test_which_voices_there_are_and_who_stands_in(shared_server: RunningServer) -> None:
    voices = await fetch_voices(shared_server.url, shared_server.key, {"language": "ur"})
    assert voices
    async with openai.speech(shared_server.url, shared_server.key, "Hi.") as speech:
        assert speech.spoken_by is not None
        assert speech.spoken_by.startswith("Local.Espeak.")


async def test_a_conversation_that_is_cut_off_is_over_and_told(shared_server: RunningServer) -> None:
    async with cutting_proxy(shared_server.port) as proxy:
        heard = 0
        token, address = await workbuddy.fetch_token(proxy.url, shared_server.key)
        assert address.startswith(proxy.url.replace("http", "ws"))
        conversation = await workbuddy.Conversation.begin(await open_link(address, None, 10), token)
        with pytest.raises(Interrupted):  # noqa: PT012 - what comes before counts as well
            async for event in conversation:
                if isinstance(event, Audio):
                    heard += len(event.data)
                if heard >= 10 * workbuddy.FRAME_BYTES:
                    await proxy.aclose()
        await conversation.aclose()
    assert heard >= 10 * workbuddy.FRAME_BYTES


async def test_a_conversation_begins_and_ends(shared_server: RunningServer) -> None:
    await workbuddy.heartbeat(shared_server.url, shared_server.key)
    async with workbuddy.connect(shared_server.url, shared_server.key) as conversation:
        await conversation.send(bytes(workbuddy.FRAME_BYTES))
        kinds = set()
        async for event in conversation:
            kinds.add(type(event))
            if {Audio, workbuddy.AgentText} <= kinds:
                break
