from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request
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
    TextTooLong,
    VoxgateError,
)
from voxgate.providers._aws_account import AwsSettings
from voxgate.providers._http import Ask
from voxgate.providers._ssml import Document
from voxgate.providers.aws import Aws, read_mark
from voxgate.providers.contract import WordTime
from voxgate.speech.utterance import Markup, Pronunciation, SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.emulators._sigv4 import verify

KEY = {"api_key": "secret", "access_key_id": "AKID"}


def polly(**settings: Any) -> Aws:
    return Aws(AwsSettings(**KEY | settings), LoopClock())


def ask(
    text: str = "Hello.", voice: str = "Joanna", provider: Aws | None = None, **changes: Any
) -> tuple[dict[str, Any], Ask]:
    provider = provider or polly()
    utterance = Utterance(text, VoiceName("AWS", "Polly", voice), "tenant", **changes)
    asked = provider.ask(utterance, provider.credentials("tenant"))
    assert asked.body is not None
    return orjson.loads(asked.body), asked


def test_a_text_is_asked_for_as_it_is() -> None:
    fields, asked = ask("Fish & chips")
    assert fields == {
        "Engine": "standard",
        "OutputFormat": "pcm",
        "SampleRate": "16000",
        "Text": "Fish & chips",
        "VoiceId": "Joanna",
    }
    assert asked.url == "https://polly.us-east-1.amazonaws.com/v1/speech"
    assert asked.sent == AudioFormat(Codec.PCM_S16LE, 16_000)
    assert not asked.passthrough


@pytest.mark.parametrize(
    ("voice", "extra", "expected"),
    [
        ("Joanna", (), ("Joanna", "standard")),
        ("Joanna-Neural", (), ("Joanna", "neural")),
        ("Ruth-longform", (), ("Ruth", "long-form")),
        ("Lucia-Generative", (), ("Lucia", "generative")),
        ("Joanna", (("engine", "neural"),), ("Joanna", "neural")),
        ("Joanna-Neural", (("engine", "standard"),), ("Joanna", "standard")),
    ],
)
def test_voice_and_engine(voice: str, extra: tuple[tuple[str, str], ...], expected: tuple[str, str]) -> None:
    fields, _ = ask(voice=voice, settings=SpeechSettings(extra=extra))
    assert (fields["VoiceId"], fields["Engine"]) == expected


@pytest.mark.parametrize(
    ("settings", "voice", "prosody"),
    [
        (SpeechSettings(speed=1.25), "Joanna", '<prosody rate="125%">'),
        (SpeechSettings(speed=0.2), "Joanna-Neural", '<prosody rate="20%">'),
        (SpeechSettings(volume=2.0), "Joanna", '<prosody volume="+6.02dB">'),
        (SpeechSettings(volume=0.5), "Joanna", '<prosody volume="-6.02dB">'),
        (SpeechSettings(volume=0.0), "Joanna", '<prosody volume="silent">'),
        (SpeechSettings(pitch_semitones=2), "Joanna", '<prosody pitch="+12.2%">'),
        (SpeechSettings(pitch_semitones=-12), "Joanna", '<prosody pitch="-33.3%">'),
        (SpeechSettings(pitch_semitones=12), "Joanna", '<prosody pitch="+50.0%">'),
        (
            SpeechSettings(speed=2.0, volume=0.5, pitch_semitones=2),
            "Joanna-Neural",
            '<prosody rate="200%" volume="-6.02dB">',
        ),
    ],
)
def test_settings_become_prosody(settings: SpeechSettings, voice: str, prosody: str) -> None:
    fields, _ = ask("Fish & chips", voice, settings=settings)
    assert fields["TextType"] == "ssml"
    assert fields["Text"] == f"<speak>{prosody}Fish &amp; chips</prosody></speak>"


def test_pitch_alone_is_no_reason_for_ssml_where_the_engine_has_none() -> None:
    fields, _ = ask(voice="Joanna-Neural", settings=SpeechSettings(pitch_semitones=2))
    assert "TextType" not in fields
    assert fields["Text"] == "Hello."


def test_pronunciations_become_phonemes() -> None:
    fields, _ = ask("Hello.", pronunciations=(Pronunciation(0, 5, "həloʊ"),))
    assert fields["Text"] == '<speak><phoneme alphabet="ipa" ph="həloʊ">Hello</phoneme>.</speak>'


def test_a_clients_document_gets_the_settings() -> None:
    document = "<speak xml:lang='en'>Hello <break/></speak>"
    assert ask(document, markup=Markup.SSML)[0]["Text"] == document
    fields, _ = ask(document, markup=Markup.SSML, settings=SpeechSettings(speed=1.5))
    assert fields["Text"] == ("<speak xml:lang='en'><prosody rate=\"150%\">Hello <break/></prosody></speak>")
    with pytest.raises(InvalidMarkup):
        ask("<speak>Fish & chips</speak>", markup=Markup.SSML)


@pytest.mark.parametrize(
    ("voice", "language", "code"),
    [
        ("Aditi", "hi-IN", "hi-IN"),
        ("Aditi", "en", "en-IN"),
        ("Aditi", "de", None),
        ("Kajal-Neural", "hi", "hi-IN"),
        ("Hala-Neural", "arb", "ar-AE"),
        ("Joanna", "hi-IN", None),
        ("Aditi", None, None),
    ],
)
def test_bilingual_voices_are_told_the_language(voice: str, language: str | None, code: str | None) -> None:
    assert ask(voice=voice, language=language)[0].get("LanguageCode") == code


@pytest.mark.parametrize(
    ("wanted", "name", "rate"),
    [
        (AudioFormat(Codec.MP3, 22_050), "mp3", "22050"),
        (AudioFormat(Codec.VORBIS, 24_000, Container.OGG), "ogg_vorbis", "24000"),
        (AudioFormat(Codec.OPUS, 48_000, Container.OGG), "ogg_opus", "48000"),
        (AudioFormat(Codec.MULAW, 8_000), "mulaw", "8000"),
        (AudioFormat(Codec.PCM_S16LE, 8_000), "pcm", "8000"),
    ],
)
def test_a_file_is_asked_for_as_the_caller_takes_it(wanted: AudioFormat, name: str, rate: str) -> None:
    fields, asked = ask(passthrough=wanted)
    assert (fields["OutputFormat"], fields["SampleRate"]) == (name, rate)
    assert asked.sent == wanted
    assert asked.passthrough


def test_a_file_that_polly_does_not_make_is_not_asked_for() -> None:
    fields, asked = ask(passthrough=AudioFormat(Codec.MP3, 24_000, bit_rate_kbps=96))
    assert fields["OutputFormat"] == "pcm"
    assert not asked.passthrough


@pytest.mark.parametrize(("voice", "rate"), [("Joanna", "22050"), ("Joanna-Neural", "24000")])
def test_vorbis_at_the_voices_own_rate(voice: str, rate: str) -> None:
    fields, asked = ask(voice=voice, provider=polly(upstream_format="ogg_vorbis"))
    assert (fields["OutputFormat"], fields["SampleRate"]) == ("ogg_vorbis", rate)
    assert not asked.passthrough


@pytest.mark.parametrize("token", [None, "session"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_requests_are_signed(token: str | None, region: str) -> None:
    _, asked = ask(provider=polly(session_token=token, region=region))
    address = urlsplit(asked.url)
    assert address.netloc == f"polly.{region}.amazonaws.com"
    assert asked.headers.get("X-Amz-Security-Token") == token
    request = make_mocked_request("POST", address.path, headers={**asked.headers, "Host": address.netloc})
    assert asked.body is not None
    verify(request, asked.body, {"AKID": "secret"}, region=region, service="polly", now=datetime.now(UTC))


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("ThrottlingException:", 400, Overloaded),
        ("ServiceQuotaExceededException:http://internal/", 402, Overloaded),
        ("UnrecognizedClientException", 403, ProviderDenied),
        ("InvalidSignatureException", 403, ProviderDenied),
        ("AccessDeniedException", 400, ProviderDenied),
        ("ExpiredTokenException", 403, ProviderDenied),
        ("MissingAuthenticationTokenException", 403, ProviderDenied),
        ("EngineNotSupportedException", 400, InvalidVoice),
        ("ResourceNotFoundException", 404, InvalidVoice),
        ("ValidationException", 400, ProviderRejected),
        ("LanguageNotSupportedException", 400, ProviderRejected),
        ("InvalidSsmlException", 400, InvalidMarkup),
        ("TextLengthExceededException", 400, TextTooLong),
        ("ServiceFailureException", 500, ProviderUnavailable),
        ("", 400, ProviderRejected),
        ("", 403, ProviderDenied),
        ("", 429, Overloaded),
        ("", 503, ProviderUnavailable),
    ],
)
@pytest.mark.parametrize("place", ["header", "body"])
def test_refusals_are_known_by_their_name(
    name: str, status: int, kind: type[VoxgateError], place: str
) -> None:
    headers = {"x-amzn-RequestId": "request-1"} | ({"x-amzn-ErrorType": name} if place == "header" else {})
    body = orjson.dumps({"__type": f"com.amazon#{name}", "message": "said"}) if place == "body" else b"<html>"
    error = polly().refused(status, headers, body)
    assert type(error) is kind
    assert "said" not in error.message
    if kind in (ProviderDenied, ProviderRejected, ProviderUnavailable):
        assert error.provider_request_id == "request-1"


def test_a_name_that_is_none_is_not_told() -> None:
    assert "<" not in polly().refused(400, {"x-amzn-ErrorType": "<script>"}, b"").message


def test_what_an_answer_tells() -> None:
    facts = polly().told({"x-amzn-RequestId": "request-1", "x-amzn-RequestCharacters": "12"})
    assert (facts.request_id, facts.characters) == ("request-1", 12)
    assert polly().told({"x-amzn-RequestCharacters": "many"}).characters is None


def test_speech_marks() -> None:
    document = Document.plain("Señor, hi")
    mark = {"time": 373, "type": "word", "start": 8, "end": 10, "value": "hi"}
    assert read_mark(orjson.dumps(mark), document) == (WordTime(7, 2, 0.373),)
    assert read_mark(orjson.dumps(mark | {"type": "sentence"}), document) == ()
    assert read_mark(orjson.dumps(mark | {"start": 80, "end": 90}), document) == ()
    for wrong in (b"{", b"{}", b"[]", orjson.dumps(mark | {"start": "x"})):
        with pytest.raises((ValueError, LookupError, TypeError)):
            read_mark(wrong, document)


def test_an_account_is_a_tenants_or_the_sections() -> None:
    provider = polly(
        region="eu-west-1",
        session_token="temporary",
        tenants={
            "acme": {"api_key": "theirs", "access_key_id": "AKACME", "region": "us-west-2"},
            "near": {"base_url": "http://127.0.0.1:9"},
        },
    )
    theirs, near, ours = (provider.credentials(tenant) for tenant in ("acme", "near", "other"))
    assert (theirs.key, theirs.key_id, theirs.token, theirs.region) == ("theirs", "AKACME", None, "us-west-2")
    assert theirs.base_url == "https://polly.us-west-2.amazonaws.com"
    assert (near.key, near.key_id, near.token, near.base_url) == (
        "secret",
        "AKID",
        "temporary",
        "http://127.0.0.1:9",
    )
    assert (ours.key, ours.region, ours.name) == ("secret", "eu-west-1", "")
    assert "theirs" not in repr(theirs)


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "secret"},
        {"access_key_id": "AKID"},
        KEY | {"tenants": {"acme": {"api_key": "theirs"}}},
        KEY | {"upstream_format": "mp3"},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AwsSettings(**settings)


def test_word_times_are_a_setting() -> None:
    assert not polly().capabilities.word_times
    assert polly(word_times=True).capabilities.word_times
