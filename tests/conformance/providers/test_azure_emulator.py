"""Microsoft's own client, and one written from the documents, are satisfied with the emulator of Azure."""

from __future__ import annotations

import asyncio
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any

import aiohttp
import azure.cognitiveservices.speech as sdk
import pytest

from tests.support.decoding import decoded
from voxgate.testing.emulators.azure import AzureEmulator
from voxgate.testing.emulators.base import Faults
from voxgate.testing.scripted import read_back

TEXT = "Table for two, please."
PCM_24K = "raw-24khz-16bit-mono-pcm"
PATIENCE_S = 20
Formats = sdk.SpeechSynthesisOutputFormat


def ssml(inner: str, voice: str = "en-US-JennyNeural") -> str:
    return (
        "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' "
        "xmlns:mstts='https://www.w3.org/2001/mstts' xml:lang='en-US'>"
        f"<voice name='{voice}'>{inner}</voice></speak>"
    )


@asynccontextmanager
async def running(**faults: Any) -> AsyncIterator[AzureEmulator]:
    async with AzureEmulator(faults=Faults(**faults)) as emulator:
        yield emulator


@contextmanager
def synthesizer(
    emulator: AzureEmulator,
    version: int = 1,
    *,
    voice: str = "en-US-JennyNeural",
    output: Any = Formats.Raw24Khz16BitMonoPcm,
    key: str = "",
    token: str = "",
) -> Iterator[sdk.SpeechSynthesizer]:
    config = sdk.SpeechConfig(
        endpoint=f"{emulator.ws_url}/cognitiveservices/websocket/v{version}",
        subscription=None if token else key or emulator.key,
    )
    if token:
        config.authorization_token = token
    config.speech_synthesis_voice_name = voice
    config.set_speech_synthesis_output_format(output)
    config.set_property(sdk.PropertyId.SpeechServiceResponse_RequestSentenceBoundary, "true")
    made = sdk.SpeechSynthesizer(config, audio_config=None)
    connection = sdk.Connection.from_speech_synthesizer(made)
    try:
        yield made
    finally:
        connection.close()


def _speak(emulator: AzureEmulator, text: str, options: dict[str, Any]) -> Any:
    with synthesizer(emulator, **options) as speaker:
        asked = speaker.speak_ssml_async(text) if text.startswith("<") else speaker.speak_text_async(text)
        return asked.get()


async def speak(emulator: AzureEmulator, text: str = TEXT, **options: Any) -> Any:
    """Speak with the SDK, and see its connection closed."""
    result = await asyncio.to_thread(_speak, emulator, text, options)
    await until(lambda: emulator.connections == 0)
    return result


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the client has threads of its own
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", [1, 2])
async def test_the_sdk_is_spoken_to(version: int) -> None:
    async with running() as emulator:
        result = await speak(emulator, "Fish & chips < $5.", version=version)
        asked = emulator.asked[0]
    assert result.reason is sdk.ResultReason.SynthesizingAudioCompleted
    assert read_back(result.audio_data) == "Fish & chips < $5."
    assert result.audio_duration.total_seconds() == pytest.approx(0.72)
    assert (asked.text, asked.voice) == ("Fish & chips < $5.", "en-US-JennyNeural")
    assert (asked.format, asked.rate_hz) == (PCM_24K, 24000)
    assert asked.done
    assert not asked.cancelled


@pytest.mark.parametrize(
    ("output", "container", "rate_hz"),
    [
        (Formats.Raw8Khz16BitMonoPcm, "", 8000),
        (Formats.Raw22050Hz16BitMonoPcm, "", 22050),
        (Formats.Raw48Khz16BitMonoPcm, "", 48000),
        (Formats.Raw8Khz8BitMonoMULaw, "mulaw", 8000),
        (Formats.Raw8Khz8BitMonoALaw, "alaw", 8000),
        (Formats.Riff16Khz16BitMonoPcm, "wav", 16000),
        (Formats.Audio16Khz32KBitRateMonoMp3, "mp3", 16000),
        (Formats.Audio24Khz160KBitRateMonoMp3, "mp3", 24000),
        (Formats.Audio48Khz192KBitRateMonoMp3, "mp3", 48000),
        (Formats.Ogg24Khz16BitMonoOpus, "ogg", 48000),
    ],
)
async def test_formats_can_be_heard(output: Any, container: str, rate_hz: int) -> None:
    async with running() as emulator:
        result = await speak(emulator, output=output)
        asked = emulator.asked[0]
    pcm, decoded_hz = (
        decoded(result.audio_data, container, rate_hz) if container else (result.audio_data, rate_hz)
    )
    assert decoded_hz == rate_hz
    assert asked.rate_hz == rate_hz or container == "ogg"
    assert TEXT in read_back(pcm, rate_hz=rate_hz)


def _speak_with_events(emulator: AzureEmulator, text: str, number: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    complete = threading.Event()

    def note(*event: Any) -> None:
        found.append(event)
        if len(found) >= number:
            complete.set()

    with synthesizer(emulator) as speaker:
        speaker.synthesis_word_boundary.connect(
            lambda event: note(
                event.boundary_type.name, event.text, event.text_offset, event.audio_offset // 10_000
            )
        )
        speaker.bookmark_reached.connect(
            lambda event: note("Bookmark", event.text, 0, event.audio_offset // 10_000)
        )
        speaker.viseme_received.connect(
            lambda event: note("Viseme", event.viseme_id, 0, event.audio_offset // 10_000)
        )
        speaker.speak_ssml_async(text).get()
        assert complete.wait(PATIENCE_S), found
    return found


async def test_the_sdk_sees_where_words_are() -> None:
    text = ssml("Hello, <bookmark mark='here'/>you.")
    async with running() as emulator:
        found = await asyncio.to_thread(_speak_with_events, emulator, text, 7)
        await until(lambda: emulator.connections == 0)
    sentence = [event for event in found if event[0] == "Sentence"]
    assert [(event[1], event[3]) for event in sentence] == [("Hello, you.", 0)]
    assert sorted(event for event in found if event[0] != "Sentence") == [
        ("Bookmark", "here", 0, 280),
        ("Punctuation", ",", text.index(","), 200),
        ("Punctuation", ".", text.rindex("."), 400),
        ("Viseme", 0, 0, 440),
        ("Word", "Hello", text.index("Hello"), 0),
        ("Word", "you", text.index("you"), 280),
    ]


def _speak_twice(emulator: AzureEmulator) -> list[str]:
    with synthesizer(emulator) as speaker:
        first = speaker.speak_text_async("One.").get()
        second = speaker.speak_ssml_async(ssml("Two.", "en-GB-SoniaNeural")).get()
        return [read_back(first.audio_data), read_back(second.audio_data)]


async def test_turns_follow_one_another_on_one_connection() -> None:
    async with running() as emulator:
        assert await asyncio.to_thread(_speak_twice, emulator) == ["One.", "Two."]
        await until(lambda: emulator.connections == 0)
        assert emulator.peak_connections == 1
        assert [asked.voice for asked in emulator.asked] == ["en-US-JennyNeural", "en-GB-SoniaNeural"]


async def test_a_token_opens_the_door_too() -> None:
    async with running() as emulator, aiohttp.ClientSession(emulator.base_url) as session:
        headers = {"Ocp-Apim-Subscription-Key": emulator.key}
        async with session.post("/sts/v1.0/issueToken", headers=headers) as response:
            token = await response.text()
        async with session.post("/sts/v1.0/issueToken") as response:
            assert response.status == 401
        result = await speak(emulator, token=token)
    assert read_back(result.audio_data) == TEXT


async def cancelled(emulator: AzureEmulator, text: str = TEXT, **options: Any) -> tuple[str, str, Any]:
    """Speak in vain; return the SDK's code, its details and the result."""
    result = await speak(emulator, text, **options)
    assert result.reason is sdk.ResultReason.Canceled
    assert result.cancellation_details.reason is sdk.CancellationReason.Error
    return result.cancellation_details.error_code.name, result.cancellation_details.error_details, result


async def test_the_sdk_understands_a_wrong_key() -> None:
    async with running() as emulator:
        code, details, _ = await cancelled(emulator, key="wrong")
        assert not emulator.asked
    assert code == "AuthenticationFailure"
    assert "401" in details


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "AuthenticationFailure"), (429, "TooManyRequests"), (503, "ServiceUnavailable")],
)
async def test_the_sdk_understands_refusals(status: int, code: str) -> None:
    async with running(refuse_status=status) as emulator:
        assert (await cancelled(emulator))[0] == code


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (ssml("Hello", "en-US-NobodyNeural"), "Unsupported voice en-US-NobodyNeural."),
        (ssml("Fish & chips"), "valid XML"),
        (ssml("<mstts:shout>Hello</mstts:shout>"), "Unknown element mstts:shout."),
        (ssml("Hello").replace("version='1.0'", ""), "version"),
        ("<speak version='1.0' xml:lang='en-US'>Hello</speak>", "voice"),
        (ssml(f"{'a' * 70_000}"), "64 KB"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
async def test_the_sdk_is_told_what_is_wrong(document: str, reason: str, version: int) -> None:
    async with running() as emulator:
        _, details, _ = await cancelled(emulator, document, version=version)
    assert "1007" in details
    assert reason in details


async def test_a_reply_of_more_than_ten_minutes_is_refused() -> None:
    async with running() as emulator:
        document = ssml(f"<prosody rate='0.5'>{'a' * 7501}</prosody>")
        _, details, _ = await cancelled(emulator, document)
    assert "600000" in details


@pytest.mark.parametrize("fault", ["reset_after", "close_after", "error_after"])
async def test_the_sdk_notices_a_reply_that_breaks_off(fault: str) -> None:
    async with running(**{fault: 4800}) as emulator:
        _, _, result = await cancelled(emulator)
        assert not emulator.asked[0].done
        assert emulator.speech(TEXT, 24000)[:4800].startswith(result.audio_data)


def _stop(emulator: AzureEmulator) -> Any:
    heard = threading.Event()
    with synthesizer(emulator) as speaker:
        speaker.synthesizing.connect(lambda event: heard.set())
        result = speaker.speak_text_async(TEXT)
        assert heard.wait(PATIENCE_S)
        speaker.stop_speaking_async().get()
        return result.get()


async def test_a_client_that_stops_is_noticed() -> None:
    async with running(silent_after=4800) as emulator:
        result = await asyncio.to_thread(_stop, emulator)
        await until(lambda: emulator.connections == 0)
        assert emulator.asked[0].cancelled
    assert result.reason is sdk.ResultReason.Canceled


def _stream_text(
    emulator: AzureEmulator, pieces: list[str], voice: str, wait_for_audio: bool, **settings: Any
) -> Any:
    heard = threading.Event()
    with synthesizer(emulator, 2, voice=voice) as speaker:
        speaker.synthesizing.connect(lambda event: heard.set())
        request = sdk.SpeechSynthesisRequest(input_type=sdk.SpeechSynthesisRequestInputType.TextStream)
        for name, value in settings.items():
            setattr(request, name, value)
        result = speaker.speak_async(request)
        for number, piece in enumerate(pieces):
            request.input_stream.write(piece)
            if wait_for_audio and number == len(pieces) - 2:
                assert heard.wait(PATIENCE_S), (
                    "the first sentence is not spoken before the text is at its end"
                )
        request.input_stream.close()
        return result.get()


async def stream_text(
    emulator: AzureEmulator,
    pieces: list[str],
    *,
    voice: str = "en-US-AvaMultilingualNeural",
    wait_for_audio: bool = False,
    **settings: Any,
) -> Any:
    result = await asyncio.to_thread(_stream_text, emulator, pieces, voice, wait_for_audio, **settings)
    await until(lambda: emulator.connections == 0)
    return result


async def test_streamed_text_is_spoken_before_its_end() -> None:
    async with running() as emulator:
        pieces = ["Table for", " two. An", "d a chair"]
        result = await stream_text(
            emulator, pieces, wait_for_audio=True, rate="1.6", volume="50", style="chat"
        )
        asked = emulator.asked[0]
    assert read_back(result.audio_data, speed=1.6) == "Table for two. And a chair"
    assert asked.text == "Table for two. And a chair"
    assert asked.voice == "en-US-AvaMultilingualNeural"
    assert (asked.settings["rate"], asked.settings["volume"], asked.settings["style"]) == (
        "1.6",
        "50",
        "chat",
    )
    assert asked.done


async def test_an_unknown_voice_is_refused_before_text_comes() -> None:
    async with running() as emulator:
        result = await stream_text(emulator, ["Hello."], voice="en-US-NobodyNeural")
    assert "Unsupported voice" in result.cancellation_details.error_details


REST = "/cognitiveservices/v1"
HEADERS = {
    "Ocp-Apim-Subscription-Key": "emulated-key",
    "Content-Type": "application/ssml+xml",
    "X-Microsoft-OutputFormat": PCM_24K,
    "User-Agent": "tests",
}


@asynccontextmanager
async def posting(
    emulator: AzureEmulator, document: str, path: str = REST, /, **headers: str | None
) -> AsyncIterator[aiohttp.ClientResponse]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in (HEADERS | given).items() if value is not None}
    skipped = ("User-Agent", "Content-Type")
    async with (
        aiohttp.ClientSession(emulator.base_url, skip_auto_headers=skipped) as session,
        session.post(path, data=document.encode(), headers=kept) as response,
    ):
        yield response


@pytest.mark.parametrize("path", [REST, f"/tts{REST}"])
async def test_rest_speaks(path: str) -> None:
    async with running() as emulator, posting(emulator, ssml(TEXT), path) as response:
        assert response.status == 200
        assert response.headers["X-RequestId"]
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert read_back(await response.read()) == TEXT
        assert emulator.asked[0].done


async def test_rest_sends_files() -> None:
    riff = "riff-24khz-16bit-mono-pcm"
    async with running() as emulator:
        async with posting(emulator, ssml(TEXT), X_Microsoft_OutputFormat=riff) as response:
            assert response.content_type == "audio/x-wav"
            with wave.open(BytesIO(await response.read())) as file:
                assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
                assert read_back(file.readframes(file.getnframes())) == TEXT
        mp3 = "audio-24khz-48kbitrate-mono-mp3"
        async with posting(emulator, ssml(TEXT), X_Microsoft_OutputFormat=mp3) as response:
            assert response.content_type == "audio/mpeg"
            pcm, rate_hz = decoded(await response.read(), "mp3")
    assert TEXT in read_back(pcm, rate_hz=rate_hz)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Ocp_Apim_Subscription_Key": "wrong"}, 401),
        ({"Ocp_Apim_Subscription_Key": None}, 401),
        ({"Ocp_Apim_Subscription_Key": None, "Authorization": "Bearer nonsense"}, 401),
        ({"Content_Type": "application/json"}, 415),
        ({"Content_Type": None}, 415),
        ({"X_Microsoft_OutputFormat": None}, 400),
        ({"X_Microsoft_OutputFormat": "raw-24khz"}, 400),
        ({"User_Agent": None}, 400),
        ({"User_Agent": "a" * 255}, 400),
    ],
)
async def test_rest_checks_headers(headers: dict[str, str | None], status: int) -> None:
    async with running() as emulator, posting(emulator, ssml(TEXT), **headers) as response:
        assert response.status == status
        assert not emulator.asked


@pytest.mark.parametrize(
    "document",
    [
        "",
        "Hello",
        ssml("Fish & chips"),
        ssml("Hello", "en-US-NobodyNeural"),
        ssml("<shout>Hello</shout>"),
        ssml("Hello").replace("xml:lang='en-US'", ""),
        ssml("Hello").replace("2001/10/synthesis", "2001/10/elsewhere"),
        ssml("Hello").replace("xmlns:mstts", "xmlns:other").replace("Hello", "<mstts:silence/>"),
        ssml("Hello").replace("</speak>", "aside</speak>"),
        ssml("Hello").replace("</speak>", "<voice name='en-US-GuyNeural'>a</voice>" * 50 + "</speak>"),
        f"<!DOCTYPE speak []>{ssml('Hello')}",
    ],
)
async def test_rest_checks_ssml(document: str) -> None:
    async with running() as emulator, posting(emulator, document) as response:
        assert response.status == 400
        assert await response.text()
        assert not emulator.asked


@pytest.mark.parametrize(
    ("inner", "speed", "volume"),
    [
        ("<prosody rate='1.5'>Hello</prosody>", 1.5, 1.0),
        ("<prosody rate='+50.00%'>Hello</prosody>", 1.5, 1.0),
        ("<prosody rate='-50%'>Hello</prosody>", 0.5, 1.0),
        ("<prosody rate='fast'>Hello</prosody>", 1.55, 1.0),
        ("<prosody rate='9'>Hello</prosody>", 2.0, 1.0),
        ("<prosody rate='often'>Hello</prosody>", 1.0, 1.0),
        ("<prosody volume='50'>Hello</prosody>", 1.0, 0.5),
        ("<prosody volume='-25'>Hello</prosody>", 1.0, 0.75),
        ("<prosody volume='-50%'>Hello</prosody>", 1.0, 0.5),
        ("<prosody volume='120'>Hello</prosody>", 1.0, 1.0),
        ("<prosody rate='2'><prosody volume='soft'>Hello</prosody></prosody>", 2.0, 0.4),
        ("<mstts:express-as style='sad'><prosody pitch='-2st'>Hello</prosody></mstts:express-as>", 1.0, 1.0),
        ("<lang xml:lang='de-DE'>Hello</lang>", 1.0, 1.0),
    ],
)
async def test_ssml_is_spoken_as_it_says(inner: str, speed: float, volume: float) -> None:
    async with running() as emulator:
        async with posting(emulator, ssml(inner)) as response:
            audio = await response.read()
        assert audio == emulator.speech("Hello", 24000, speed=speed, volume=volume)


async def test_settings_are_noted_in_the_vendors_words() -> None:
    inner = (
        "<mstts:express-as style='sad' styledegree='2'><prosody rate='1.5' pitch='+10%'>Hi</prosody>"
        "</mstts:express-as>"
    )
    async with running() as emulator:
        async with posting(emulator, ssml(inner).replace("<voice", "<voice effect='eq_car'")) as response:
            assert response.status == 200
        assert emulator.asked[0].settings == {
            "effect": "eq_car",
            "rate": "1.5",
            "pitch": "+10%",
            "style": "sad",
            "styledegree": "2",
        }


async def test_a_multilingual_voice_is_silent_in_languages_that_it_does_not_speak() -> None:
    inner = "Hi. <lang xml:lang='de-DE'>Hallo. </lang><lang xml:lang='zu-ZA'>Sawubona.</lang>"
    async with running() as emulator:
        async with posting(emulator, ssml(inner, "en-US-AvaMultilingualNeural")) as response:
            assert read_back(await response.read()).rstrip() == "Hi. Hallo."


async def test_a_deployment_has_voices_of_its_own() -> None:
    async with running() as emulator:
        document = ssml(TEXT, "AcmeVoice")
        async with posting(emulator, document) as response:
            assert response.status == 400
        async with posting(emulator, document, f"{REST}?deploymentId=1") as response:
            assert response.status == 200


async def test_rest_cuts_after_ten_minutes() -> None:
    async with running() as emulator:
        document = ssml(f"<prosody rate='0.5'>{'a' * 7600}</prosody>")
        mulaw = "raw-8khz-8bit-mono-mulaw"
        async with posting(emulator, document, X_Microsoft_OutputFormat=mulaw) as response:
            assert len(await response.read()) == 600 * 8000


async def test_voices_are_listed_as_documented() -> None:
    async with running() as emulator, aiohttp.ClientSession(emulator.base_url) as session:
        async with session.get("/cognitiveservices/voices/list") as response:
            assert response.status == 401
        async with session.get("/cognitiveservices/voices/list", headers=HEADERS) as response:
            voices = await response.json()
    jenny = next(voice for voice in voices if voice["ShortName"] == "en-US-JennyNeural")
    assert jenny["Name"] == "Microsoft Server Speech Text to Speech Voice (en-US, JennyNeural)"
    assert (jenny["Gender"], jenny["Locale"], jenny["VoiceType"]) == ("Female", "en-US", "Neural")
    assert jenny["SampleRateHertz"].isdecimal()
    assert "cheerful" in jenny["StyleList"]
    assert "RolePlayList" not in jenny
    assert any(voice.get("SecondaryLocaleList") for voice in voices)
    async with AzureEmulator() as emulator, posting(emulator, ssml(TEXT, jenny["Name"])) as response:
        assert response.status == 200
        assert emulator.asked[0].voice == "en-US-JennyNeural"


ID = "0123456789abcdef0123456789abcdef"
CONFIG = "Path:speech.config\r\n\r\n{}"
CONTEXT = (
    f"Path:synthesis.context\r\nX-RequestId:{ID}\r\n\r\n"
    f'{{"synthesis":{{"audio":{{"outputFormat":"{PCM_24K}"}}}}}}'
)
SPEAK = f"Path:ssml\r\nX-RequestId:{ID}\r\nContent-Type:application/ssml+xml\r\n\r\n{ssml('Hi')}"


@asynccontextmanager
async def connected(
    emulator: AzureEmulator, version: int = 1
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    path = f"/cognitiveservices/websocket/v{version}"
    async with (
        aiohttp.ClientSession(emulator.base_url) as session,
        session.ws_connect(path, headers=HEADERS, protocols=["USP"]) as socket,
    ):
        assert socket.protocol == "USP"
        yield socket


@pytest.mark.virtual_time
async def test_a_turn_message_by_message() -> None:
    async with running() as emulator, connected(emulator) as socket:
        for message in (CONFIG, CONTEXT, SPEAK):
            await socket.send_str(message)
        start, response = await socket.receive_str(), await socket.receive_str()
        audio, empty = await socket.receive_bytes(), await socket.receive_bytes()
        end = await socket.receive_str()
    for path, message in (("turn.start", start), ("response", response), ("turn.end", end)):
        head, _, body = message.partition("\r\n\r\n")
        assert f"Path:{path}" in head.split("\r\n")
        assert f"X-RequestId:{ID}" in head.split("\r\n")
        assert body.startswith("{")
    size = int.from_bytes(audio[:2], "big")
    assert b"Path:audio\r\n" in audio[2 : 2 + size]
    assert read_back(audio[2 + size :]) == "Hi"
    assert len(empty) == 2 + int.from_bytes(empty[:2], "big")


@pytest.mark.parametrize(
    "messages",
    [
        [CONTEXT],
        [CONFIG, "no header"],
        [CONFIG, SPEAK],
        [CONFIG, CONTEXT, CONTEXT],
        [CONFIG, CONTEXT, SPEAK.replace(ID, ID[::-1])],
        [CONFIG, CONTEXT, SPEAK, SPEAK],
        [CONFIG, CONTEXT.replace(ID, "1")],
        [CONFIG, CONTEXT.replace(PCM_24K, "wav")],
        [CONFIG, CONTEXT.replace('synthesis"', 'speech"')],
        [CONFIG, CONTEXT, SPEAK.replace("ssml", "text.piece")],
        [CONFIG, CONTEXT.replace("}}}", '},"input":{"bidirectionalStreamingMode":true}}}')],
    ],
)
@pytest.mark.virtual_time
async def test_messages_out_of_order_are_refused(messages: list[str]) -> None:
    async with running(late_s=60) as emulator, connected(emulator) as socket:
        for message in messages:
            await socket.send_str(message)
        async for _ in socket:
            pass
        assert socket.close_code == 1007


@pytest.mark.virtual_time
async def test_a_connection_ends_after_ten_minutes() -> None:
    async with running() as emulator, connected(emulator) as socket:
        await socket.send_str(CONFIG)
        began_s = asyncio.get_running_loop().time()
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(600, abs=5)


@pytest.mark.virtual_time
async def test_a_token_ends_after_ten_minutes() -> None:
    async with running() as emulator, aiohttp.ClientSession(emulator.base_url) as session:
        async with session.post("/sts/v1.0/issueToken", headers=HEADERS) as response:
            headers = {"Authorization": f"Bearer {await response.text()}"}
        async with session.get("/cognitiveservices/voices/list", headers=headers) as response:
            assert response.status == 200
        await asyncio.sleep(601)
        async with session.get("/cognitiveservices/voices/list", headers=headers) as response:
            assert response.status == 401


@pytest.mark.virtual_time
async def test_faults_of_a_turn() -> None:
    async with running(audio_after_end=True) as emulator, connected(emulator) as socket:
        for message in (CONFIG, CONTEXT, SPEAK):
            await socket.send_str(message)
        while "Path:turn.end" not in str((await socket.receive()).data):
            pass
        stale = await socket.receive_bytes()
        assert len(stale) > 900
        emulator.faults = Faults(empty=True)
        await socket.send_str(CONTEXT)
        await socket.send_str(SPEAK)
        messages = [await socket.receive() for _ in range(4)]
        assert [message.type for message in messages] == [
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
            aiohttp.WSMsgType.TEXT,
        ]
