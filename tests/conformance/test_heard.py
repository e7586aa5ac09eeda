"""Is it speech? A recognizer that knows 22 phrases listens to what comes out of the WebSocket."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from tests.support.recognizer import PHRASES, RATE_HZ, _decoder, understand
from tests.support.server import RunningServer
from tests.support.telnyx_client import audio_of, speak

pytestmark = pytest.mark.speech

DEMUXERS = {
    "mp3": "mp3",
    "wav": "wav",
    "ogg_vorbis": "ogg",
    "linear16": "s16le",
    "mulaw": "mulaw",
    "alaw": "alaw",
}
"""How FFmpeg, which coded none of these, is told to read each."""


def decode(data: bytes, audio_format: str, rate_hz: int) -> bytes:
    """Decode with FFmpeg to s16le mono PCM at the recognizer's rate."""
    raw = audio_format in ("linear16", "mulaw", "alaw")
    options = {"sample_rate": str(rate_hz)} if raw else {}
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    pieces = []
    with av.open(io.BytesIO(data), mode="r", format=DEMUXERS[audio_format], options=options) as container:
        for frame in [*container.decode(audio=0), None]:
            pieces += [resampled.to_ndarray().tobytes() for resampled in resampler.resample(frame)]
    return b"".join(pieces)


async def heard(
    server: RunningServer, text: str, audio_format: str, rate_hz: int, **query: str
) -> str | None:
    frames = await speak(
        server,
        {"text": text},
        voice="Telnyx.NaturalHD.astra",
        audio_format=audio_format,
        sample_rate=rate_hz,
    )
    return understand(decode(audio_of(frames), audio_format, rate_hz))


@pytest.mark.parametrize("phrase", PHRASES)
async def test_every_phrase_is_understood(shared_server: RunningServer, phrase: str) -> None:
    assert await heard(shared_server, f"{phrase}.", "mp3", 24_000) == phrase


@pytest.mark.parametrize(
    ("audio_format", "rate_hz"),
    [
        ("mp3", 16_000),
        ("mp3", 48_000),
        ("linear16", 24_000),
        ("linear16", 96_000),
        ("wav", 22_050),
        ("mulaw", 16_000),
        ("alaw", 16_000),
    ],
)
async def test_in_every_codec(shared_server: RunningServer, audio_format: str, rate_hz: int) -> None:
    for phrase in (PHRASES[3], PHRASES[8], PHRASES[19], PHRASES[21]):
        assert await heard(shared_server, f"{phrase}.", audio_format, rate_hz) == phrase


async def test_over_the_telephone(shared_server: RunningServer) -> None:
    """At 8 kHz the recognizer, trained on 16, lacks half of what it listens for; most is understood still."""
    understood = [
        phrase for phrase in PHRASES if await heard(shared_server, f"{phrase}.", "mulaw", 8000) == phrase
    ]
    assert len(understood) >= len(PHRASES) // 2


@pytest.mark.parametrize(
    "text",
    [
        "seven purple elephants are dancing",
        "the committee rejected every single proposal",
        "la la la la la la",
        "my bicycle needs a new front wheel",
        "the kitchen door is closed now",
        "thank you very much and see you soon",
    ],
)
async def test_other_words_are_not_taken_for_a_phrase(shared_server: RunningServer, text: str) -> None:
    assert await heard(shared_server, f"{text}.", "mp3", 24_000) is None


async def test_half_a_clip_is_not_understood(shared_server: RunningServer) -> None:
    for phrase in PHRASES[:5]:
        frames = await speak(
            shared_server,
            {"text": f"{phrase}."},
            voice="Telnyx.NaturalHD.astra",
            audio_format="linear16",
            sample_rate=16_000,
        )
        pcm = audio_of(frames)
        assert understand(pcm[: len(pcm) // 4 * 2]) is None


NOISE = np.random.default_rng(1).normal(0, 3000, RATE_HZ * 2).astype("<i2").tobytes()
SILENCE = bytes(RATE_HZ * 4)


def test_noise_and_silence_are_not_understood() -> None:
    assert understand(NOISE) is None
    assert understand(SILENCE) is None


async def test_what_was_heard_before_changes_nothing(shared_server: RunningServer) -> None:
    """Not by a hair: the recognizer scores a sound the same, whatever it listened to before."""
    frames = await speak(
        shared_server,
        {"text": f"{PHRASES[0]}."},
        voice="Telnyx.NaturalHD.astra",
        audio_format="linear16",
        sample_rate=RATE_HZ,
    )
    pcm = audio_of(frames)
    scores = set()
    for before in (pcm, NOISE, SILENCE, pcm):
        understand(before)
        assert understand(pcm) == PHRASES[0]
        scores.add(_decoder().hyp().best_score)
    assert len(scores) == 1
