from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.errors import (
    InvalidVoice,
    NotAuthenticated,
    Overloaded,
    ProviderRejected,
    RateLimited,
    TextTooLong,
    VoxgateError,
)
from voxgate.protocols.uplift.messages import (
    MAX_ID_CHARACTERS,
    Audio,
    AudioEnd,
    AudioStart,
    Cancel,
    Code,
    Error,
    Kind,
    Ready,
    ServerMessage,
    Synthesize,
    Wrong,
    code_of,
    decode,
    encode,
    read,
)

NOW_MS = 1_763_000_000_123
ASKED = {"requestId": "a", "text": "Hello"}


def test_a_request_with_every_field() -> None:
    asked = {
        "type": "synthesize",
        "requestId": "g0_1",
        "text": "آپ کیسے ہیں؟",
        "voiceId": "helpdesk-agent",
        "outputFormat": "MP3_22050_32",
        "phraseReplacementConfigId": "c1",
        "speed": 1.5,
        "somethingNew": {"x": [1]},
    }
    assert decode(json.dumps(asked)) == Synthesize(
        "g0_1", "آپ کیسے ہیں؟", "helpdesk-agent", "MP3_22050_32", "c1", 1.5
    )


def test_a_request_with_the_least() -> None:
    asked = read("synthesize", ASKED)
    assert asked == Synthesize("a", "Hello", None, "PCM_22050_16", None, 1.0)


def test_half_an_emoji_is_replaced_and_the_rest_is_read() -> None:
    whole, half = "a😀", "a😀"[:1] + "\ud83d"
    assert decode(json.dumps({"type": "synthesize", **ASKED, "text": whole})) == Synthesize("a", whole)
    assert decode(json.dumps({"type": "synthesize", **ASKED, "text": half})) == Synthesize("a", "a\ufffd")
    assert decode(json.dumps({"type": "cancel", "requestId": "\udc00"})) == Cancel("\ufffd")
    assert isinstance(decode('{"speed": NaN, "text": "\\ud83d"}'), Wrong)


def test_a_null_is_as_good_as_nothing() -> None:
    nothing = dict.fromkeys(("voiceId", "outputFormat", "phraseReplacementConfigId", "speed"))
    assert read("synthesize", {**ASKED, **nothing}) == Synthesize("a", "Hello")


def test_the_event_name_counts_and_not_the_type() -> None:
    assert read("synthesize", {**ASKED, "type": "cancel"}) == Synthesize("a", "Hello")
    assert read("cancel", {"requestId": "a"}) == Cancel("a")


@pytest.mark.parametrize(
    "message",
    [None, "", "no JSON", "[]", "7", "null", "{", '{"requestId": "a"}', '{"type": "ping", "requestId": "a"}'],
)
def test_a_message_of_no_kind(message: str | None) -> None:
    wrong = decode(message)
    assert isinstance(wrong, Wrong)
    assert wrong.kind is Kind.UNKNOWN
    assert wrong.request_id == ("a" if message and '"a"' in message else None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text": None}, "text"),
        ({"text": 5}, "text"),
        ({"text": " \n"}, "text"),
        ({"voiceId": 5}, "voiceId"),
        ({"outputFormat": []}, "outputFormat"),
        ({"outputFormat": "OPUS"}, "outputFormat"),
        ({"phraseReplacementConfigId": 5}, "phraseReplacementConfigId"),
        ({"speed": "fast"}, "speed"),
        ({"speed": True}, "speed"),
        ({"speed": 0.1}, "speed"),
        ({"speed": 4.1}, "speed"),
    ],
)
def test_a_wrong_field_is_named_and_the_id_comes_back(change: dict[str, Any], named: str) -> None:
    wrong = read("synthesize", {**ASKED, **change})
    assert isinstance(wrong, Wrong)
    assert (wrong.kind, wrong.request_id) == (Kind.SYNTHESIZE, "a")
    assert named in wrong.reason


@pytest.mark.parametrize("kind", ["synthesize", "cancel"])
@pytest.mark.parametrize("request_id", [None, "", 5, ["a"], "x" * (MAX_ID_CHARACTERS + 1)])
def test_without_an_id_that_can_be_used(kind: str, request_id: object) -> None:
    wrong = read(kind, {"text": "Hello", "requestId": request_id})
    assert isinstance(wrong, Wrong)
    assert wrong.kind is Kind(kind)
    assert not wrong.request_id
    assert "requestId" in wrong.reason


@given(st.text(max_size=20), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_whatever_is_sent_is_read_without_an_error(kind: str, fields: object) -> None:
    assert isinstance(read(kind, fields), Wrong)
    for named in Kind:
        read(named.value, {"requestId": fields, "text": fields, "speed": fields, "voiceId": fields})


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (Ready("session_1"), {"type": "ready", "sessionId": "session_1"}),
        (AudioStart("a"), {"type": "audio_start", "requestId": "a", "timestamp": NOW_MS}),
        (Audio("a", b"\x00\xff\x10", 3), {"type": "audio", "requestId": "a", "audio": "AP8Q", "sequence": 3}),
        (AudioEnd("a"), {"type": "audio_end", "requestId": "a", "timestamp": NOW_MS}),
        (
            Error("a", Code.TEXT_TOO_LONG, "Too long"),
            {"type": "error", "requestId": "a", "code": "text_too_long", "message": "Too long"},
        ),
        (
            Error(None, Code.SYNTHESIS_FAILED, "What?"),
            {"type": "error", "code": "synthesis_failed", "message": "What?"},
        ),
    ],
)
def test_messages_to_the_client(message: ServerMessage, fields: dict[str, Any]) -> None:
    assert json.loads(encode(message, NOW_MS)) == fields


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotAuthenticated("x"), "auth_failed"),
        (RateLimited("x"), "rate_limit_exceeded"),
        (TextTooLong("x"), "text_too_long"),
        (InvalidVoice("x"), "synthesis_failed"),
        (Overloaded("x"), "synthesis_failed"),
        (ProviderRejected("x"), "synthesis_failed"),
    ],
)
def test_errors_have_documented_codes(error: VoxgateError, code: str) -> None:
    assert code_of(error).value == code
