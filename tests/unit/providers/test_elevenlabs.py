"""ElevenLabs' adapter: what is asked for, and what is understood, without any I/O."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import (
    IncompleteAudio,
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._elevenlabs_wire import ElevenLabsWire
from voxgate.providers._http import Part
from voxgate.providers._wire import Heard
from voxgate.providers._word_finder import WordFinder
from voxgate.providers.contract import WordTime
from voxgate.providers.elevenlabs import FORMATS, ElevenLabs, ElevenLabsSettings
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

MP3 = AudioFormat(Codec.MP3, 44_100, bit_rate_kbps=128)


def elevenlabs(**settings: Any) -> ElevenLabs:
    return ElevenLabs(ElevenLabsSettings.model_validate({"api_key": "key", **settings}), LoopClock())


def utterance(voice: str = "ElevenLabs.eleven_flash_v2_5.abc", **changes: Any) -> Utterance:
    return Utterance(changes.pop("text", "Hi."), VoiceName.parse(voice), "tenant", **changes)


def asked(vendor: ElevenLabs, spoken: Utterance) -> tuple[str, dict[str, Any]]:
    ask = vendor.ask(spoken, vendor.credentials(spoken.tenant))
    assert isinstance(ask.json, dict)
    assert ask.headers == {"xi-api-key": "key"}
    return ask.url.removeprefix("https://api.elevenlabs.io/v1/text-to-speech/"), ask.json


# What is asked over HTTP.


@pytest.mark.parametrize(
    ("voice", "model"),
    [
        ("ElevenLabs.eleven_flash_v2_5.abc", "eleven_flash_v2_5"),
        ("ElevenLabs.v2.abc", "eleven_multilingual_v2"),
        ("ElevenLabs.MultiPL.v2.abc", "eleven_multilingual_v2"),
        ("ElevenLabs.v3.abc", "eleven_v3"),
        ("ElevenLabs.eleven_not_known_yet.abc", "eleven_not_known_yet"),
        ("ElevenLabs.abc", "eleven_flash_v2_5"),
    ],
)
def test_models(voice: str, model: str) -> None:
    url, fields = asked(elevenlabs(), utterance(voice))
    assert url == "abc/stream/with-timestamps?output_format=pcm_24000"
    assert fields == {"text": "Hi.", "model_id": model}


def test_a_model_of_ones_own_for_voices_without() -> None:
    _, fields = asked(elevenlabs(default_model="eleven_multilingual_v2"), utterance("ElevenLabs.abc"))
    assert fields["model_id"] == "eleven_multilingual_v2"


@pytest.mark.parametrize(
    ("model", "language", "code"),
    [
        ("eleven_flash_v2_5", "de-CH", "de"),
        ("eleven_flash_v2_5", "nb-NO", "no"),
        ("eleven_flash_v2_5", "tl", "fil"),
        ("eleven_v3", "hu", "hu"),
        ("eleven_flash_v2_5", "bal", None),
        ("eleven_flash_v2_5", None, None),
        ("eleven_multilingual_v2", "de", None),
        ("eleven_not_known_yet", "de", None),
    ],
)
def test_only_models_that_take_a_language_are_told(
    model: str, language: str | None, code: str | None
) -> None:
    spoken = utterance(f"ElevenLabs.{model}.abc", language=language)
    _, fields = asked(elevenlabs(), spoken)
    assert fields.get("language_code") == code
    assert (f"language_code={code}" in elevenlabs().address(spoken).url) is (code is not None)


def test_settings_are_the_vendors_own_and_the_speed() -> None:
    extra = (("model_id", "another"), ("stability", 0.3), ("style", None), ("use_speaker_boost", False))
    _, fields = asked(elevenlabs(), utterance(settings=SpeechSettings(speed=1.1, extra=extra)))
    assert fields["voice_settings"] == {"stability": 0.3, "use_speaker_boost": False, "speed": 1.1}


@pytest.mark.parametrize(("wanted", "word"), FORMATS.items())
def test_files_pass_through_bare(wanted: AudioFormat, word: str) -> None:
    vendor = elevenlabs(transport="websocket")
    spoken = utterance(passthrough=wanted)
    assert vendor.over_http(spoken)
    ask = vendor.ask(spoken, vendor.credentials("tenant"))
    assert ask.url.endswith(f"/abc/stream?output_format={word}")
    assert (ask.sent, ask.passthrough, ask.wrapped) == (wanted, True, False)


def test_nothing_is_kept_when_asked_for() -> None:
    vendor = elevenlabs(enable_logging=False)
    assert asked(vendor, utterance())[0].endswith("&enable_logging=false")
    assert vendor.address(utterance()).url.endswith("&enable_logging=false")


def test_names_are_put_into_addresses_safely() -> None:
    voice = VoiceName("ElevenLabs", "eleven_flash_v2_5", "a/b?c=d")
    spoken = Utterance("Hi.", voice, "tenant")
    assert asked(elevenlabs(), spoken)[0].startswith("a%2Fb%3Fc%3Dd/stream/")
    assert "/a%2Fb%3Fc%3Dd/multi-stream-input?" in elevenlabs().address(spoken).url


@pytest.mark.parametrize(
    ("transport", "model", "over_http", "takes_text"),
    [
        ("auto", "eleven_flash_v2_5", True, True),
        ("websocket", "eleven_flash_v2_5", False, True),
        ("http", "eleven_flash_v2_5", True, False),
        ("auto", "v3", True, False),
        ("websocket", "v3", True, False),
    ],
)
def test_which_way(transport: str, model: str, over_http: bool, takes_text: bool) -> None:
    vendor, spoken = elevenlabs(transport=transport), utterance(f"ElevenLabs.{model}.abc")
    assert vendor.over_http(spoken) is over_http
    assert vendor.abilities(spoken.voice).text_stream is takes_text
    assert vendor.abilities(spoken.voice).speed is (model != "v3")


def test_what_a_socket_binds() -> None:
    tenants = {"tenant": {"api_key": "another", "base_url": "http://localhost:1/"}}
    vendor = elevenlabs(tenants=tenants)
    address = vendor.address(utterance(settings=SpeechSettings(speed=1.1)))
    assert address.url == (
        "ws://localhost:1/v1/text-to-speech/abc/multi-stream-input?model_id=eleven_flash_v2_5"
        "&output_format=pcm_24000&auto_mode=true&sync_alignment=true&inactivity_timeout=180"
    )
    assert address.headers == (("xi-api-key", "another"),)
    assert address == vendor.address(utterance(text="Something else."))
    assert vendor.account("tenant") == "tenant"


# What is understood over HTTP.


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (401, {"status": "invalid_api_key"}, ProviderDenied),
        (400, {"code": "invalid_api_key", "type": "authentication_error"}, ProviderDenied),
        (401, {"status": "quota_exceeded"}, ProviderDenied),
        (403, {"code": "subscription_required", "status": "subscription_required"}, ProviderDenied),
        (404, {"code": "voice_not_found"}, InvalidVoice),
        (400, {"status": "voice_does_not_exist"}, InvalidVoice),
        (400, {"status": "max_character_limit_exceeded"}, ProviderRejected),
        (422, [{"type": "missing", "loc": ["body", "text"], "msg": "…"}], ProviderRejected),
        (429, {"status": "too_many_concurrent_requests"}, Overloaded),
        (429, {"status": "system_busy"}, Overloaded),
        (400, {"status": "system_busy"}, Overloaded),
        (400, {"status": "never_heard_of"}, ProviderRejected),
        (500, "Internal Server Error", ProviderUnavailable),
        (418, None, ProviderRejected),
    ],
)
def test_refusals(status: int, detail: object, kind: type[VoxgateError]) -> None:
    body = json.dumps({"detail": detail}).encode()
    error = elevenlabs().refused(status, {"request-id": "r1"}, body)
    assert type(error) is kind
    if isinstance(error, ProviderDenied | ProviderRejected | ProviderUnavailable):
        assert error.provider_request_id == "r1"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"text"', b"{}"])
def test_refusals_without_a_code_go_by_their_status(body: bytes) -> None:
    assert type(elevenlabs().refused(503, {}, body)) is ProviderUnavailable
    assert type(elevenlabs().refused(401, {}, body)) is ProviderDenied


def test_what_the_head_tells() -> None:
    facts = elevenlabs().told({"request-id": "r1", "character-cost": "12"})
    assert (facts.request_id, facts.characters) == ("r1", 12)
    assert elevenlabs().told({"character-cost": "many"}).characters is None


async def parts_of(*pieces: bytes, text: str = "Hi there.") -> list[Part]:
    vendor = elevenlabs()
    ask = vendor.ask(utterance(text=text), vendor.credentials("tenant"))

    async with aclosing(vendor.unwrap(Body(pieces), ask)) as parts:
        return [part async for part in parts]


class Body(AsyncIterator[bytes]):
    """A body that comes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def line(audio: bytes, characters: str = "", starts_s: list[float] | None = None) -> bytes:
    alignment = {"characters": list(characters), "character_start_times_seconds": starts_s or []}
    fields = {
        "audio_base64": base64.b64encode(audio).decode(),
        "alignment": alignment if characters else None,
    }
    return json.dumps(fields).encode() + b"\n"


async def test_lines_are_put_together_however_they_are_cut() -> None:
    body = (
        line(b"\x01\x02", "Hi", [0.0, 0.1])
        + b"\n"
        + line(b"\x03\x04", " there.", [0.2 + n / 10 for n in range(7)])
    )
    for size in (1, 7, len(body)):
        pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
        *parts, last = await parts_of(*pieces)
        assert b"".join(part.audio for part in parts) == b"\x01\x02\x03\x04"
        words = [word for part in parts for word in part.words]
        assert [(word.text_start, word.text_length) for word in words] == [(0, 2), (3, 6)]
        assert [word.at_s for word in words] == pytest.approx([0.0, 0.3])
        assert last.end


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]\n",
        b"{}\n",
        b'{"audio_base64": 5}\n',
        b'{"audio_base64": "!"}\n',
        b'{"audio_base64": "AA="}\n',
    ],
)
async def test_lines_that_are_none(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        await parts_of(body)


# Words.


def test_words_are_found_in_pieces_give_or_take_white_space() -> None:
    finder = WordFinder("One  two,\nthree")
    assert finder.find(list(" One "), [0.0, 0.0, 0.1, 0.2, 0.3]) == (WordTime(0, 3, 0.0),)
    assert finder.find(list("two, th"), [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]) == (
        WordTime(5, 4, 0.4),
        WordTime(10, 5, 0.9),
    )
    assert finder.find(list("ree"), [1.1, 1.2, 1.3]) == ()


@pytest.mark.parametrize(
    ("characters", "starts_s"),
    [("Tow", [0.0, 0.1, 0.2]), ("Two", [0.0, 0.1]), ("Two", [0.5, 0.1, 0.2])],
)
def test_what_does_not_match_ends_the_search(characters: str, starts_s: list[float]) -> None:
    finder = WordFinder("Two words")
    finder.find(list(characters), starts_s)
    assert finder.find(list(" words"), [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]) == ()


# Messages.


def frames(sent: Any) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in sent]


def begun(text: str = "Hi there.", **changes: Any) -> ElevenLabsWire:
    wire = ElevenLabsWire()
    wire.begin("c", utterance(**changes))
    wire.text("c", text)
    return wire


def heard(wire: ElevenLabsWire, **fields: Any) -> list[Heard]:
    return list(wire.read(json.dumps({"contextId": "c", **fields})))


def test_a_context_is_opened_with_its_settings() -> None:
    wire = ElevenLabsWire()
    assert frames(wire.begin("a", utterance())) == [{"text": " ", "context_id": "a"}]
    spoken = utterance(settings=SpeechSettings(speed=0.8, extra=(("stability", 0.5),)))
    assert frames(wire.begin("b", spoken)) == [
        {"text": " ", "voice_settings": {"stability": 0.5, "speed": 0.8}, "context_id": "b"}
    ]


def test_sentences_are_sent_when_they_are_complete_and_never_flushed() -> None:
    wire = ElevenLabsWire()
    wire.begin("c", utterance())
    assert frames(wire.text("c", "Hello there. How")) == [{"text": "Hello there. ", "context_id": "c"}]
    assert frames(wire.text("c", " are")) == []
    assert frames(wire.end("c")) == [
        {"text": "How are", "flush": True, "context_id": "c"},
        {"close_context": True, "context_id": "c"},
    ]


def test_the_end_flushes_though_all_was_sent() -> None:
    wire = begun()
    assert frames(wire.end("c")) == [
        {"flush": True, "context_id": "c"},
        {"close_context": True, "context_id": "c"},
    ]


def test_a_flush_sends_what_is_left_and_nothing_if_nothing_is() -> None:
    wire = begun("no end")
    assert frames(wire.flush("c")) == [{"text": "no end", "flush": True, "context_id": "c"}]
    assert frames(wire.flush("c")) == []


def test_cancelling_closes_once() -> None:
    wire = begun("no end")
    assert frames(wire.cancel("c")) == [{"close_context": True, "context_id": "c"}]
    assert frames(wire.cancel("c")) == []
    wire = begun()
    wire.end("c")
    assert frames(wire.cancel("c")) == []


def test_the_socket_is_closed_politely_and_an_idle_one_is_left_alone() -> None:
    assert frames(ElevenLabsWire().bye()) == [{"close_socket": True}]
    # An empty text would open a context of its own, and take one of the five places for ever.
    assert frames(ElevenLabsWire().keep_alive()) == []


@pytest.mark.parametrize("spelling", [{"contextId": "c"}, {"context_id": "c"}, {}])
def test_audio_in_every_spelling(spelling: dict[str, str]) -> None:
    wire = begun()
    frame = {"audio": base64.b64encode(b"\x01\x02\x03").decode(), "alignment": None, **spelling}
    assert list(wire.read(json.dumps(frame))) == [Heard("c", b"\x01\x02\x03")]


@pytest.mark.parametrize("spelling", ["isFinal", "is_final"])
def test_the_end_mark(spelling: str) -> None:
    wire = begun()
    wire.end("c")
    assert heard(wire, **{spelling: True, "audio": None}) == [Heard("c", ended=True)]
    assert heard(wire, **{spelling: False}) == []


def test_an_end_before_the_text_was_complete_is_none() -> None:
    wire = begun()
    [early] = heard(wire, isFinal=True)
    assert early.context == "c"
    assert isinstance(early.error, IncompleteAudio)


def test_the_end_of_a_cancelled_context_is_one() -> None:
    wire = begun()
    wire.cancel("c")
    assert heard(wire, isFinal=True) == [Heard("c", ended=True)]


@pytest.mark.parametrize("starts", ["charStartTimesMs", "charsStartTimesMs"])
def test_times_count_from_the_begin_of_their_own_audio(starts: str) -> None:
    wire = begun("Hi there.")
    second = base64.b64encode(bytes(48_000)).decode()
    [first] = heard(wire, audio=second, alignment={"chars": ["H", "i"], starts: [0, 40]})
    [then] = heard(wire, audio=second, alignment={"chars": [" ", "t"], starts: [10, 20]})
    assert first.words == (WordTime(0, 2, 0.0),)
    assert then.words == (WordTime(3, 6, 1.02),)


def test_late_audio_of_another_context_moves_no_word() -> None:
    wire = begun("Hi there.")
    [late] = wire.read(json.dumps({"contextId": "b", "audio": base64.b64encode(bytes(48_000)).decode()}))
    assert (late.context, len(late.audio)) == ("b", 48_000)
    [first] = heard(wire, audio="", alignment={"chars": ["H"], "charStartTimesMs": [40]})
    assert first.words == (WordTime(0, 2, 0.04),)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_api_key", ProviderDenied),
        ("authentication_required", ProviderDenied),
        ("quota_exceeded", ProviderDenied),
        ("voice_id_does_not_exist", InvalidVoice),
        ("max_active_conversations", Overloaded),
        ("unsupported_language", ProviderRejected),
        ("input_timeout_exceeded", ProviderUnavailable),
        ("never_heard_of", ProviderUnavailable),
    ],
)
def test_errors_fail_whatever_is_on_the_socket(code: str, kind: type[VoxgateError]) -> None:
    [error] = heard(begun(), error=code, message="Something about the text", code=1008)
    assert error.context is None
    assert type(error.error) is kind
    assert "text" not in error.error.message


@pytest.mark.parametrize(
    "frame",
    [
        "{", "[]", "5", b"\x00{garbage", '{"audio": "!"}', '{"audio": "AA="}', '{"audio": 5}',
        '{"audio": "", "alignment": 5}',
    ],
)  # fmt: skip
def test_what_is_no_message(frame: str | bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        begun().read(frame)
