from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from voxgate.protocols.telnyx.frames import (
    MAX_AUDIO_BYTES,
    AudioFrame,
    ClientFrame,
    ErrorFrame,
    FinalFrame,
    Malformed,
    audio_frames,
    decode,
    encode,
)

MAX_FRAME_BYTES = 256 * 1024


FRAMES = [
    ('{"text":" "}', ClientFrame(" ")),
    (
        '{"text":" ","voice_settings":{"voice_speed":1.2}}',
        ClientFrame(" ", voice_settings={"voice_speed": 1.2}),
    ),
    ('{"text":"Hello."}', ClientFrame("Hello.")),
    ('{"text":""}', ClientFrame("")),
    ('{"text":"frag","flush":true}', ClientFrame("frag", flush=True)),
    ('{"flush":true}', ClientFrame(None, flush=True)),
    ('{"force":true}', ClientFrame(None, force=True)),
    ('{"text":"New.","force":true}', ClientFrame("New.", force=True)),
    ('{"text":"a","flush":null,"force":null,"voice_settings":null}', ClientFrame("a")),
    ('{"text":"a","flush":false,"try_trigger_generation":true,"x":{"y":[1]}}', ClientFrame("a")),
    ('{"text":"\\ud83d\\ude00"}', ClientFrame("😀")),
]


def test_frames_are_read() -> None:
    for message, frame in FRAMES:
        assert decode(message) == frame, message


MALFORMED: list[str | bytes] = [
    "",
    "hello",
    "{",
    "[]",
    "null",
    "1",
    '"text"',
    "{}",
    '{"text":null}',
    '{"text":5}',
    '{"text":["a"]}',
    '{"text":"a","flush":"yes"}',
    '{"text":"a","flush":1}',
    '{"text":"a","force":"true"}',
    '{"text":"a","voice_settings":"fast"}',
    '{"flush":false}',
    '{"force":false}',
    '{"voice_settings":{}}',
    '{"text":"\\ud800"}',
    '{"text":NaN}',
    '{"text":"a"} {"text":"b"}',
    "[" * 100_000,
    b"\xff\xfe",
]


def test_anything_else_is_malformed() -> None:
    assert [message for message in MALFORMED if decode(message) != Malformed()] == []


def test_frames_are_written_as_documented() -> None:
    chunk = AudioFrame(b"\x00\xff", "Hi.", cached=True, first_audio_ms=245)
    assert json.loads(encode(chunk)) == {
        "type": "audio_chunk",
        "audio": "AP8=",
        "text": "Hi.",
        "isFinal": False,
        "cached": True,
        "timeToFirstAudioFrameMs": 245,
    }
    assert json.loads(encode(FinalFrame())) == {"type": "final", "audio": None, "text": "", "isFinal": True}
    assert json.loads(encode(ErrorFrame("No."))) == {"type": "error", "error": "No."}


def test_without_type_they_are_telnyxs_own_to_the_letter() -> None:
    def plain(frame: AudioFrame | FinalFrame | ErrorFrame) -> str:
        return encode(frame, type_field=False)

    assert plain(AudioFrame(b"\x00", None)) == '{"audio":"AA==","text":null,"isFinal":false,"cached":false}'
    assert plain(AudioFrame(None, "Hi.")) == '{"audio":null,"text":"Hi.","isFinal":false,"cached":false}'
    assert plain(FinalFrame()) == '{"audio":null,"text":"","isFinal":true}'
    assert plain(ErrorFrame("Invalid message")) == '{"error":"Invalid message"}'


@given(
    st.integers(0, 2 * MAX_AUDIO_BYTES + 5),
    st.none() | st.text(min_size=1, max_size=50),
    st.sampled_from([1, 2, 70, 2_100]),
    st.none() | st.integers(0, 9),
)
def test_everything_fits_and_nothing_is_lost(
    size: int, text: str | None, times: int, first_audio_ms: int | None
) -> None:
    audio = bytes(size)
    text = text and text * times
    told = list(audio_frames(audio, text, cached=True, first_audio_ms=first_audio_ms))
    written = [json.loads(encode(frame)) for frame in told]
    assert all(len(encode(frame).encode()) <= MAX_FRAME_BYTES for frame in told)
    assert b"".join(base64.b64decode(frame["audio"] or "") for frame in written) == audio
    assert "".join(frame["text"] or "" for frame in written) == (text or "")
    assert all(frame["audio"] or frame["text"] for frame in written)
    first = [frame.get("timeToFirstAudioFrameMs") for frame in written]
    assert first == [first_audio_ms] * bool(first) + [None] * (len(first) - 1)


def test_a_sentence_of_usual_size_is_one_frame() -> None:
    assert list(audio_frames(b"abc", "Hello.")) == [AudioFrame(b"abc", "Hello.")]
    assert list(audio_frames(b"", None)) == []
