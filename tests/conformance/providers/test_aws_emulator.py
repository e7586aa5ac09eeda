"""AWS's own client for Python is satisfied with the emulator of Polly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.support.decoding import decoded
from voxgate.testing.emulators.aws import ACCESS_KEY_ID, REGION, AwsEmulator
from voxgate.testing.emulators.base import Faults
from voxgate.testing.scripted import read_back

TEXT = "Table for two, please."


@contextmanager
def polly(emulator: AwsEmulator, **options: Any) -> Iterator[Any]:
    client = boto3.client(
        "polly",
        region_name=options.pop("region_name", REGION),
        endpoint_url=emulator.base_url,
        aws_access_key_id=options.pop("aws_access_key_id", ACCESS_KEY_ID),
        aws_secret_access_key=options.pop("aws_secret_access_key", emulator.key),
        config=Config(retries={"total_max_attempts": 1}, **options),
    )
    client.meta.events.register("before-send.polly", _close_afterwards)
    try:
        yield client
    finally:
        client.close()


def _close_afterwards(request: Any, **_: Any) -> None:
    # A refused request's connection would be left to the garbage collector.
    request.headers["Connection"] = "close"


def _speak(emulator: AwsEmulator, fields: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    with polly(emulator) as client:
        answer = client.synthesize_speech(
            **{"OutputFormat": "pcm", "Text": TEXT, "VoiceId": "Joanna"} | fields
        )
        with closing(answer["AudioStream"]) as stream:
            return stream.read(), answer


async def speak(emulator: AwsEmulator, **fields: Any) -> tuple[bytes, dict[str, Any]]:
    return await asyncio.to_thread(_speak, emulator, fields)


async def refused(emulator: AwsEmulator, **fields: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        await speak(emulator, **fields)
    answer: Any = caught.value.response
    assert answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@asynccontextmanager
async def running(**faults: Any) -> AsyncIterator[AwsEmulator]:
    async with AwsEmulator(faults=Faults(**faults)) as emulator:
        yield emulator


async def test_speaks_at_the_default_rate() -> None:
    async with running() as emulator:
        audio, answer = await speak(emulator)
        asked = emulator.asked[0]
    assert read_back(audio, rate_hz=16000) == TEXT
    assert (answer["ContentType"], answer["RequestCharacters"]) == ("audio/pcm", len(TEXT))
    assert (asked.text, asked.voice, asked.model, asked.rate_hz) == (TEXT, "Joanna", "standard", 16000)
    assert asked.done
    assert not asked.cancelled


@pytest.mark.parametrize("engine", ["standard", "neural", "generative"])
async def test_every_engine_speaks(engine: str) -> None:
    async with running() as emulator:
        audio, _ = await speak(emulator, Engine=engine, VoiceId="Matthew")
        assert emulator.asked[0].model == engine
    assert read_back(audio, rate_hz=16000) == TEXT


async def test_the_long_form_engine_speaks() -> None:
    async with running() as emulator:
        audio, _ = await speak(emulator, Engine="long-form", VoiceId="Ruth", SampleRate="8000")
    assert read_back(audio, rate_hz=8000) == TEXT


@pytest.mark.parametrize(
    ("name", "rate", "media_type", "rate_hz"),
    [
        ("mp3", None, "audio/mpeg", 22050),
        ("mp3", "48000", "audio/mpeg", 48000),
        ("mp3", "8000", "audio/mpeg", 8000),
        ("ogg_vorbis", "16000", "audio/ogg", 16000),
        ("ogg_opus", None, "audio/ogg", 48000),
        ("mulaw", None, "audio/mulaw", 8000),
        ("alaw", "8000", "audio/alaw", 8000),
    ],
)
async def test_coded_formats_can_be_heard(name: str, rate: str | None, media_type: str, rate_hz: int) -> None:
    async with running() as emulator:
        fields = {"SampleRate": rate} if rate else {}
        audio, answer = await speak(emulator, OutputFormat=name, **fields)
        assert emulator.asked[0].rate_hz == rate_hz
    assert answer["ContentType"] == media_type
    pcm, decoded_hz = decoded(audio, name.split("_")[0], rate_hz)
    assert decoded_hz == rate_hz
    assert TEXT in read_back(pcm, rate_hz=rate_hz)


async def test_ssml_is_spoken_as_it_says() -> None:
    document = '<speak>It is <prosody rate="200%" volume="+6dB">five &amp; a half</prosody>.</speak>'
    async with running() as emulator:
        slow = '<speak><prosody rate="50%">Slow</prosody></speak>'
        audio, answer = await speak(emulator, TextType="ssml", Text=document)
        halved, _ = await speak(emulator, TextType="ssml", Text=slow)
        assert emulator.asked[0].settings == {"rate": "200%", "volume": "+6dB"}
        assert emulator.asked[0].text == "It is five & a half."
    assert answer["RequestCharacters"] == len("It is five & a half.")
    assert read_back(audio[: 6 * 640 * 2], rate_hz=16000) == "It is "
    assert read_back(audio[6 * 640 * 2 : -640 * 2], rate_hz=16000, speed=2.0) == "five & a half"
    assert read_back(halved, rate_hz=16000, speed=0.5) == "Slow"


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ({"OutputFormat": "wav"}, "ValidationException", 400),
        ({"VoiceId": "Nobody"}, "ValidationException", 400),
        ({"VoiceId": "vc-9a8fa85dd3"}, "ResourceNotFoundException", 404),
        ({"Engine": "loud"}, "ValidationException", 400),
        ({"Engine": "generative"}, "EngineNotSupportedException", 400),
        ({"VoiceId": "Stephen"}, "EngineNotSupportedException", 400),
        ({"LanguageCode": "xx-XX"}, "ValidationException", 400),
        ({"LanguageCode": "de-DE"}, "LanguageNotSupportedException", 400),
        ({"SampleRate": "24000"}, "InvalidSampleRateException", 400),
        ({"OutputFormat": "ogg_opus", "SampleRate": "24000"}, "InvalidSampleRateException", 400),
        ({"LexiconNames": ["acronyms"]}, "LexiconNotFoundException", 404),
        ({"LexiconNames": list("abcdef")}, "ValidationException", 400),
        ({"Text": "a" * 3001}, "TextLengthExceededException", 400),
        ({"SpeechMarkTypes": ["word"]}, "MarksNotSupportedForFormatException", 400),
        ({"OutputFormat": "json"}, "ValidationException", 400),
        ({"OutputFormat": "json", "SpeechMarkTypes": ["letter"]}, "ValidationException", 400),
        (
            {"OutputFormat": "json", "SpeechMarkTypes": ["ssml"]},
            "SsmlMarksNotSupportedForTextTypeException",
            400,
        ),
        (
            {
                "OutputFormat": "json",
                "SpeechMarkTypes": ["word"],
                "VoiceId": "Ruth",
                "Engine": "generative",
            },
            "EngineNotSupportedException",
            400,
        ),
    ],
)
async def test_wrong_requests_are_refused(fields: dict[str, Any], code: str, status: int) -> None:
    async with running() as emulator:
        assert await refused(emulator, **fields) == (code, status)
        assert not emulator.asked


@pytest.mark.parametrize(
    ("document", "engine"),
    [
        ("<speak>Fish & chips</speak>", "standard"),
        ("<p>No root</p>", "standard"),
        ("<speak>Open <p>end</speak>", "standard"),
        ("<!DOCTYPE speak []><speak>Hello</speak>", "standard"),
        ("<speak><shout>Hello</shout></speak>", "standard"),
        ('<speak><prosody rate="300%">Hello</prosody></speak>', "standard"),
        ('<speak><prosody volume="6dB">Hello</prosody></speak>', "standard"),
        ('<speak><prosody pitch="+10%">Hello</prosody></speak>', "neural"),
        ("<speak><emphasis>Hello</emphasis></speak>", "neural"),
        ('<speak><amazon:effect name="whispered">Hello</amazon:effect></speak>', "neural"),
    ],
)
async def test_wrong_ssml_is_refused(document: str, engine: str) -> None:
    async with running() as emulator:
        code, _ = await refused(emulator, Text=document, TextType="ssml", Engine=engine)
    assert code == "InvalidSsmlException"


@pytest.mark.parametrize(
    ("document", "engine"),
    [
        ('<speak><prosody pitch="+10%">Hello</prosody></speak>', "standard"),
        ('<speak><amazon:effect name="drc">Hello</amazon:effect></speak>', "neural"),
        ('<speak><sub alias="Hello">Hi</sub></speak>', "neural"),
        ("<speak>\n  Hello <!-- there -->\n</speak>", "standard"),
        ("<speak><![CDATA[Hello]]></speak>", "standard"),
    ],
)
async def test_ssml_that_an_engine_takes(document: str, engine: str) -> None:
    async with running() as emulator:
        audio, _ = await speak(emulator, Text=document, TextType="ssml", Engine=engine)
    assert read_back(audio, rate_hz=16000) == "Hello"


async def test_tags_do_not_count() -> None:
    async with running() as emulator:
        text = f"<speak>{'<s>a</s>' * 700}</speak>"
        _, answer = await speak(emulator, Text=text, TextType="ssml")
        assert answer["RequestCharacters"] == 700
        code, _ = await refused(emulator, Text=f"<speak>{'<s>a</s>' * 750}</speak>", TextType="ssml")
    assert code == "TextLengthExceededException"


async def test_speech_marks_stand_where_the_words_do() -> None:
    async with running() as emulator:
        marks = {"OutputFormat": "json", "SpeechMarkTypes": ["sentence", "word", "viseme"]}
        body, answer = await speak(emulator, Text="Señor, hi. Bye.", **marks)
        assert not emulator.asked
        assert emulator.marked[0].text == "Señor, hi. Bye."
    assert answer["ContentType"] == "application/x-json-stream"
    assert [json.loads(line) for line in body.splitlines()] == [
        {"time": 0, "type": "sentence", "start": 0, "end": 11, "value": "Señor, hi."},
        {"time": 0, "type": "word", "start": 0, "end": 6, "value": "Señor"},
        {"time": 280, "type": "word", "start": 8, "end": 10, "value": "hi"},
        {"time": 440, "type": "sentence", "start": 12, "end": 16, "value": "Bye."},
        {"time": 440, "type": "word", "start": 12, "end": 15, "value": "Bye"},
        {"time": 600, "type": "viseme", "value": "sil"},
    ]


async def test_speech_marks_of_ssml_count_the_bytes_of_the_document() -> None:
    document = '<speak>A &lt;b&gt; <prosody rate="200%">c<mark name="here"/> d</prosody></speak>'
    async with running() as emulator:
        marks = {"OutputFormat": "json", "SpeechMarkTypes": ["ssml", "word"], "TextType": "ssml"}
        body, _ = await speak(emulator, Text=document, **marks)
    found = [json.loads(line) for line in body.splitlines()]
    here = document.index("<mark")
    assert found == [
        {"time": 0, "type": "word", "start": 7, "end": 8, "value": "A"},
        {"time": 120, "type": "word", "start": 13, "end": 14, "value": "b"},
        {"time": 240, "type": "word", "start": here - 1, "end": here, "value": "c"},
        {"time": 260, "type": "ssml", "start": here, "end": here, "value": "here"},
        {
            "time": 280,
            "type": "word",
            "start": document.index(" d</") + 1,
            "end": document.index("</pr"),
            "value": "d",
        },
    ]


def _list_voices(emulator: AwsEmulator, filters: dict[str, Any]) -> list[dict[str, Any]]:
    """All pages, each held against the API model, enumerations included."""
    shape = Session().get_service_model("polly").operation_model("DescribeVoices").output_shape
    with polly(emulator) as client:
        pages = list(client.get_paginator("describe_voices").paginate(**filters))
    for page in pages:
        page.pop("ResponseMetadata")
        report = ParamValidator().validate(page, shape)
        assert not report.has_errors(), report.generate_report()
        members = shape.members["Voices"].member.members
        for voice in page["Voices"]:
            assert voice["Id"] in members["Id"].enum
            assert voice["Gender"] in members["Gender"].enum
            assert voice["LanguageCode"] in members["LanguageCode"].enum
            assert set(voice["SupportedEngines"]) <= set(members["SupportedEngines"].member.enum)
    assert len(pages) == max(1, -(-sum(len(page["Voices"]) for page in pages) // 5))
    return [voice for page in pages for voice in page["Voices"]]


async def test_voices_come_in_pages_as_the_model_says() -> None:
    async with running() as emulator:
        voices = await asyncio.to_thread(_list_voices, emulator, {})
        long = await asyncio.to_thread(_list_voices, emulator, {"Engine": "long-form"})
        hindi = await asyncio.to_thread(
            _list_voices, emulator, {"LanguageCode": "hi-IN", "IncludeAdditionalLanguageCodes": True}
        )
        none = await asyncio.to_thread(_list_voices, emulator, {"LanguageCode": "hi-IN"})
    names = [voice["Id"] for voice in voices]
    assert len(names) == len(set(names)) > 15
    assert [voice["Id"] for voice in long] == ["Danielle", "Ruth"]
    assert [voice["Id"] for voice in hindi] == ["Aditi", "Kajal"]
    assert none == []


def _list_from(emulator: AwsEmulator, token: str) -> None:
    with polly(emulator) as client:
        client.describe_voices(NextToken=token)


@pytest.mark.parametrize("token", ["OTk=", "LTE=", "nonsense"])
async def test_a_made_up_page_is_refused(token: str) -> None:
    async with running() as emulator:
        with pytest.raises(ClientError) as caught:
            await asyncio.to_thread(_list_from, emulator, token)
    assert caught.value.response["Error"]["Code"] == "InvalidNextTokenException"


def _speak_as(emulator: AwsEmulator, options: dict[str, Any]) -> None:
    with polly(emulator, **options) as client:
        client.synthesize_speech(OutputFormat="pcm", Text=TEXT, VoiceId="Joanna")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIDNOBODY"}, "UnrecognizedClientException"),
        ({"region_name": "eu-central-1"}, "InvalidSignatureException"),
    ],
)
async def test_wrong_keys_are_refused(options: dict[str, Any], code: str) -> None:
    async with running() as emulator:
        with pytest.raises(ClientError) as caught:
            await asyncio.to_thread(_speak_as, emulator, options)
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    ("refuse_status", "code", "status"),
    [
        (401, "UnrecognizedClientException", 403),
        (429, "ThrottlingException", 400),
        (500, "ServiceFailureException", 500),
        (503, "ServiceUnavailableException", 503),
    ],
)
async def test_refusals_in_the_vendors_words(refuse_status: int, code: str, status: int) -> None:
    async with running(refuse_status=refuse_status) as emulator:
        assert await refused(emulator) == (code, status)


@pytest.mark.parametrize("fault", ["reset_after", "close_after", "error_after"])
async def test_a_body_that_breaks_off_is_noticed(fault: str) -> None:
    async with running(**{fault: 4800}) as emulator:
        with pytest.raises((ResponseStreamingError, IncompleteReadError)):
            await speak(emulator)
        assert not emulator.asked[0].done


def _leave_early(emulator: AwsEmulator) -> bytes:
    with polly(emulator) as client:
        answer = client.synthesize_speech(OutputFormat="pcm", Text=TEXT, VoiceId="Joanna")
        with closing(answer["AudioStream"]) as stream:
            begun: bytes = stream.read(4800)
            return begun


async def test_a_client_that_goes_away_is_noticed() -> None:
    async with running(silent_after=4800) as emulator:
        begun = await asyncio.to_thread(_leave_early, emulator)
        async with asyncio.timeout(10):
            while not emulator.asked[0].cancelled:  # noqa: ASYNC110 - the client is in another thread
                await asyncio.sleep(0.01)
    assert read_back(begun, rate_hz=16000) == TEXT[:4]


async def test_faults_of_the_audio() -> None:
    async with running(slice_bytes=333) as emulator:
        audio, _ = await speak(emulator)
        assert read_back(audio, rate_hz=16000) == TEXT
        emulator.faults = Faults(empty=True)
        assert (await speak(emulator))[0] == b""
        emulator.faults = Faults(wrong_rate_hz=8000)
        audio, _ = await speak(emulator)
        assert read_back(audio, rate_hz=8000) == TEXT
        emulator.faults = Faults(garbage_after=0)
        _, answer = await speak(emulator)
        assert answer["ContentType"].startswith("application/json")
