from __future__ import annotations

import struct
from typing import Any
from xml.etree import ElementTree  # only documents of our own are parsed

import orjson
import pytest
from pydantic import ValidationError

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import (
    InvalidMarkup,
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._azure_settings import AzureSettings
from voxgate.providers._azure_text import document_of, input_of
from voxgate.providers._azure_wire import AzureWire
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.azure import Azure, NoSocket
from voxgate.providers.contract import WordTime
from voxgate.speech.utterance import Markup, Pronunciation, SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

JENNY = "en-US-JennyNeural"
AVA = "en-US-AvaMultilingualNeural"
HEAD = (
    '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" '
    'xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang="{}">'
)


def azure(**settings: Any) -> Azure:
    return Azure(AzureSettings(**{"api_key": "secret", "region": "westeurope"} | settings), LoopClock())


def say(text: str = "Hello.", voice: str = JENNY, **changes: Any) -> Utterance:
    return Utterance(text, VoiceName("Azure", "", voice), "tenant", **changes)


def inner(utterance: Utterance) -> str:
    """Return what stands inside the voice of a document, which must parse."""
    text = document_of(utterance).text
    ElementTree.fromstring(text)  # noqa: S314 - it is our own
    return text.partition("<voice")[2].partition(">")[2].rpartition("</voice>")[0]


def test_a_text_becomes_ssml() -> None:
    document = document_of(say("Fish & <chips>", "de-DE-KatjaNeural"))
    assert document.text == (
        HEAD.format("de-DE") + '<voice name="de-DE-KatjaNeural">Fish &amp; &lt;chips&gt;</voice></speak>'
    )


@pytest.mark.parametrize(
    ("voice", "locale"),
    [
        ("en-US-Ava:DragonHDLatestNeural", "en-US"),
        ("zh-CN-liaoning-XiaobeiNeural", "zh-CN"),
        ('Acme"Voice', "en-US"),
    ],
)
def test_any_name_of_a_voice_is_taken(voice: str, locale: str) -> None:
    root = ElementTree.fromstring(document_of(say(voice=voice)).text)  # noqa: S314 - it is our own
    assert root.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == locale
    assert root[0].attrib["name"] == voice


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Hello."),
        ({"settings": SpeechSettings(speed=1.3333333)}, '<prosody rate="1.333">Hello.</prosody>'),
        ({"settings": SpeechSettings(speed=0.5)}, '<prosody rate="0.5">Hello.</prosody>'),
        ({"settings": SpeechSettings(pitch_semitones=-2.5)}, '<prosody pitch="-2.5st">Hello.</prosody>'),
        ({"settings": SpeechSettings(pitch_semitones=12)}, '<prosody pitch="+7st">Hello.</prosody>'),
        ({"settings": SpeechSettings(volume=0.5)}, "Hello."),
        (
            {"settings": SpeechSettings(speed=2.0, extra=(("role", "Boy"), ("style", "sad")))},
            '<mstts:express-as style="sad" role="Boy"><prosody rate="2">Hello.</prosody></mstts:express-as>',
        ),
        (
            {"pronunciations": (Pronunciation(0, 5, "həloʊ"),)},
            '<phoneme alphabet="ipa" ph="həloʊ">Hello</phoneme>.',
        ),
        ({"language": "de-DE"}, "Hello."),
        ({"language": "de_de", "voice": AVA}, '<lang xml:lang="de-DE">Hello.</lang>'),
        ({"language": "en-US", "voice": AVA}, "Hello."),
        ({"language": "de", "voice": AVA}, "Hello."),
        ({"language": "la-VA", "voice": AVA}, "Hello."),
    ],
)
def test_settings_become_elements(changes: dict[str, Any], expected: str) -> None:
    assert inner(say(**changes)) == expected


def test_an_effect_is_the_voices() -> None:
    utterance = say(settings=SpeechSettings(extra=(("effect", "eq_car"),)))
    assert f'<voice name="{JENNY}" effect="eq_car">Hello.</voice>' in document_of(utterance).text


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("<speak>Hi</speak>", HEAD.format("en-US") + f'<voice name="{JENNY}">Hi</voice></speak>'),
        (
            "<speak xml:lang='de-DE' version='1.1'>Hi</speak>",
            HEAD.format("de-DE").replace("1.0", "1.1") + f'<voice name="{JENNY}">Hi</voice></speak>',
        ),
        (
            '<speak><voice name="en-US-GuyNeural">Hi</voice></speak>',
            HEAD.format("en-US") + '<voice name="en-US-GuyNeural">Hi</voice></speak>',
        ),
    ],
)
def test_a_clients_document_gets_what_it_lacks(document: str, expected: str) -> None:
    assert document_of(say(document, markup=Markup.SSML)).text == expected


def test_a_clients_document_gets_the_settings() -> None:
    fast = SpeechSettings(speed=1.5)
    bare = document_of(say("<speak>Hi</speak>", markup=Markup.SSML, settings=fast)).text
    assert f'<voice name="{JENNY}"><prosody rate="1.5">Hi</prosody></voice>' in bare
    voices = "<speak><voice name='a'>Hi</voice><voice name='b'>you</voice></speak>"
    two = document_of(say(voices, markup=Markup.SSML, settings=fast)).text
    assert two.endswith(
        "<voice name='a'><prosody rate=\"1.5\">Hi</prosody></voice>"
        "<voice name='b'><prosody rate=\"1.5\">you</prosody></voice></speak>"
    )
    with pytest.raises(InvalidMarkup):
        document_of(say("<speak>Fish & chips</speak>", markup=Markup.SSML))


def test_streamed_text_has_settings_too() -> None:
    settings = SpeechSettings(speed=1.5, pitch_semitones=2, extra=(("style", "chat"),))
    assert input_of(say("", AVA, settings=settings, language="de-DE")) == {
        "bidirectionalStreamingMode": True,
        "voiceName": AVA,
        "language": "de-DE",
        "rate": "1.5",
        "pitch": "+2st",
        "style": "chat",
    }
    assert input_of(say(""))["language"] == "en-US"


# The adapter.


def test_what_is_asked_over_rest() -> None:
    provider = azure(deployment_id="a b")
    asked = provider.ask(say(), provider.credentials("tenant"))
    assert asked.url == (
        "https://westeurope.tts.speech.microsoft.com/cognitiveservices/v1?deploymentId=a%20b"
    )
    assert asked.headers == {
        "Ocp-Apim-Subscription-Key": "secret",
        "Content-Type": "application/ssml+xml",
        "X-Microsoft-OutputFormat": "raw-24khz-16bit-mono-pcm",
    }
    assert asked.body == document_of(say()).text.encode()
    assert not asked.passthrough


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=160), "audio-24khz-160kbitrate-mono-mp3"),
        (AudioFormat(Codec.MP3, 48_000, bit_rate_kbps=96), "audio-48khz-96kbitrate-mono-mp3"),
        (AudioFormat(Codec.OPUS, 48_000, Container.OGG), "ogg-48khz-16bit-mono-opus"),
        (AudioFormat(Codec.PCM_S16LE, 22_050), "raw-22050hz-16bit-mono-pcm"),
        (AudioFormat(Codec.MULAW, 8_000), "raw-8khz-8bit-mono-mulaw"),
    ],
)
def test_a_file_is_asked_for_as_the_caller_takes_it(wanted: AudioFormat, name: str) -> None:
    provider = azure(transport="websocket")
    utterance = say(passthrough=wanted)
    assert provider.over_http(utterance)
    asked = provider.ask(utterance, provider.credentials("tenant"))
    assert asked.headers["X-Microsoft-OutputFormat"] == name
    assert (asked.sent, asked.passthrough) == (wanted, True)


def test_a_socket_leads_to_the_second_version() -> None:
    provider = azure(base_url="https://acme.cognitiveservices.azure.com/tts/")
    address = provider.address(say())
    assert address.url == "wss://acme.cognitiveservices.azure.com/tts/cognitiveservices/websocket/v2"
    assert address.protocols == ("USP",)
    assert provider.address(say(voice=AVA)) == address
    assert provider.fresh_headers() != provider.fresh_headers()


@pytest.mark.parametrize(
    ("transport", "text_stream", "word_times"),
    [("auto", True, False), ("http", False, False), ("websocket", True, True)],
)
def test_what_it_can_do_depends_on_the_way(transport: str, text_stream: bool, word_times: bool) -> None:
    provider = azure(transport=transport)
    can = provider.capabilities
    assert (can.text_stream, can.word_times) == (text_stream, word_times)
    assert provider.over_http(say()) == (transport != "websocket")
    openai = VoiceName("Azure", "", "en-US-AlloyTurboMultilingualNeural")
    assert not provider.abilities(openai).text_stream


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderRejected),
        (401, ProviderDenied),
        (403, ProviderDenied),
        (404, NoSocket),
        (415, ProviderRejected),
        (429, Overloaded),
        (501, NoSocket),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
def test_refusals(status: int, kind: type[VoxgateError]) -> None:
    error = azure().refused(status, {"X-RequestId": "request-1"}, b"said")
    assert type(error) is kind
    assert "said" not in error.message
    if kind is not Overloaded:
        assert error.provider_request_id == "request-1"


def test_an_account_is_a_tenants_or_the_sections() -> None:
    provider = azure(
        tenants={
            "acme": {"api_key": "theirs", "region": "eastus"},
            "near": {"base_url": "http://127.0.0.1:9"},
            "keyed": {"api_key": "only"},
        }
    )
    found = {tenant: provider.credentials(tenant) for tenant in ("acme", "near", "keyed", "other")}
    assert {tenant: (account.key, account.base_url) for tenant, account in found.items()} == {
        "acme": ("theirs", "https://eastus.tts.speech.microsoft.com"),
        "near": ("secret", "http://127.0.0.1:9"),
        "keyed": ("only", "https://westeurope.tts.speech.microsoft.com"),
        "other": ("secret", "https://westeurope.tts.speech.microsoft.com"),
    }
    assert found["other"].name == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "secret"},
        {"api_key": "secret", "region": "west europe"},
        {"api_key": "secret", "region": "eastus", "transport": "grpc"},
        {"api_key": "secret", "region": "eastus", "tenants": {"acme": {"regoin": "eastus"}}},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AzureSettings(**settings)


# The wire.


def sent(frames: Any) -> list[tuple[str, str]]:
    """Return path and body of each message, whose headers must be in order."""
    found = []
    for frame in frames:
        head, _, body = frame.partition("\r\n\r\n")
        headers = dict(line.split(":", 1) for line in head.split("\r\n"))
        assert headers["X-Timestamp"] == "2001-09-09T01:46:40.123Z"
        found.append((headers["Path"], body))
    return found


class Talk:
    """A wire in the middle of a turn."""

    def __init__(self, utterance: Utterance, *, word_times: bool = True) -> None:
        self.wire = AzureWire("Azure", lambda: 1_000_000_000.123, word_times=word_times)
        self.hello = sent(self.wire.hello())
        frames = list(self.wire.begin("v1", utterance))
        self.request_id = str(frames[0]).partition("X-RequestId:")[2][:32]
        self.begun = sent(frames)

    def hear(self, path: str, body: object = None, request_id: str = "") -> list[Heard]:
        head = f"X-RequestId:{request_id or self.request_id}\r\nPath:{path}"
        return list(self.wire.read(f"{head}\r\n\r\n{orjson.dumps(body or {}).decode()}"))

    def audio(self, data: bytes, request_id: str = "") -> Frame:
        head = f"Path:audio\r\nX-RequestId:{request_id or self.request_id}\r\n".encode()
        return struct.pack(">H", len(head)) + head + data

    def words(self, *words: tuple[str, int]) -> tuple[WordTime, ...]:
        metadata = [
            {
                "Type": "WordBoundary",
                "Data": {"Offset": offset, "text": {"Text": word, "BoundaryType": "WordBoundary"}},
            }
            for word, offset in words
        ]
        (heard,) = self.hear("audio.metadata", {"Metadata": metadata})
        return heard.words


def test_a_turn_of_ssml() -> None:
    talk = Talk(say("Hi."))
    assert [path for path, _ in talk.hello] == ["speech.config"]
    ((path, context),) = talk.begun
    assert path == "synthesis.context"
    asked = orjson.loads(context)["synthesis"]
    assert asked["audio"]["outputFormat"] == "raw-24khz-16bit-mono-pcm"
    assert asked["audio"]["metadataOptions"]["wordBoundaryEnabled"]
    assert "input" not in asked
    assert sent(talk.wire.text("v1", "Hi.")) == [("ssml", document_of(say("Hi.")).text)]
    assert list(talk.wire.end("v1")) == list(talk.wire.flush("v1")) == list(talk.wire.cancel("v1")) == []


def test_a_turn_of_streamed_text() -> None:
    talk = Talk(say(""), word_times=False)
    asked = orjson.loads(talk.begun[0][1])["synthesis"]
    assert asked["input"] == input_of(say(""))
    assert not asked["audio"]["metadataOptions"]["wordBoundaryEnabled"]
    assert sent(talk.wire.text("v1", "Fish & \ud800")) == [("text.piece", "Fish &  ")]
    assert sent(talk.wire.end("v1")) == [("text.end", "")]


def test_what_is_heard() -> None:
    talk = Talk(say("Hi."))
    (start,) = talk.hear("turn.start")
    assert start.facts is not None
    assert start.facts.request_id == talk.request_id
    assert talk.hear("response") == talk.hear("something.new") == []
    assert list(talk.wire.read(talk.audio(b"\x01\x02\x03"))) == [Heard("v1", audio=b"\x01\x02\x03")]
    assert talk.hear("turn.end") == [Heard("v1", ended=True)]


def test_what_belongs_to_another_turn_says_nothing() -> None:
    talk = Talk(say("Hi."))
    other = "f" * 32
    assert talk.hear("turn.end", request_id=other) == []
    assert list(talk.wire.read(talk.audio(b"\x01\x02", other))) == []


@pytest.mark.parametrize(
    ("text", "markup", "words", "expected"),
    [
        (
            "Don't panic, Señor.",
            Markup.TEXT,
            [("Don&#39;t", 0), ("panic", 5_000_000), ("Señor", 10_000_000)],
            [WordTime(0, 5, 0.0), WordTime(6, 5, 0.5), WordTime(13, 5, 1.0)],
        ),
        ("It costs $5 now.", Markup.TEXT, [("dollars", 0), ("now", 10)], [WordTime(12, 3, 1e-6)]),
        (
            "<speak>Say <b a='say'>voice &amp; voice</b></speak>",
            Markup.SSML,
            [("Say", 0), ("voice", 10), ("voice", 20)],
            [WordTime(7, 3, 0.0), WordTime(22, 5, 1e-6), WordTime(34, 5, 2e-6)],
        ),
    ],
)
def test_words_are_found(
    text: str, markup: Markup, words: list[tuple[str, int]], expected: list[WordTime]
) -> None:
    talk = Talk(say(text, markup=markup))
    list(talk.wire.text("v1", text))
    assert talk.words(*words) == tuple(expected)


def test_only_boundaries_of_words_are_words() -> None:
    talk = Talk(say("Hi."))
    list(talk.wire.text("v1", "Hi."))
    data = {"Offset": 0, "text": {"Text": ".", "BoundaryType": "PunctuationBoundary"}}
    metadata = [{"Type": "WordBoundary", "Data": data}, {"Type": "SessionEnd", "Data": {"Offset": 0}}]
    assert talk.hear("audio.metadata", {"Metadata": metadata}) == [Heard("v1")]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{}",
        "Path:turn.end\r\n\r\n{}",
        b"",
        b"\x00",
        b"\x01\x00short",
        b"\x00\x04Path",
        b"\x00\x02\xff\xfe",
    ],
)
def test_what_is_no_message_is_found_out(frame: Frame) -> None:
    talk = Talk(say("Hi."))
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        list(talk.wire.read(frame))


def test_metadata_that_is_none_is_found_out() -> None:
    talk = Talk(say("Hi."))
    for body in ([1], {"Metadata": [{"Type": "WordBoundary"}]}, {"Metadata": 5}):
        with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
            talk.hear("audio.metadata", body)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1000, "", None),
        (1005, "", None),
        (1007, "Unsupported voice en-US-NobodyNeural.", InvalidVoice),
        (1007, "The request is throttled because you have exceeded the quota", Overloaded),
        (1007, "Ssml should be valid", ProviderRejected),
        (1011, "Internal server error.", ProviderUnavailable),
        (1013, "", ProviderUnavailable),
    ],
)
def test_why_the_service_closed(code: int, reason: str, kind: type[VoxgateError] | None) -> None:
    error = Talk(say("Hi.")).wire.closed(code, reason)
    assert type(error) is (kind or type(None))
    if error is not None and reason:
        assert reason not in error.message
