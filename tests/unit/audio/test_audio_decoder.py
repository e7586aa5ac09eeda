"""Files and streams back to PCM."""

from __future__ import annotations

import io
from typing import cast

import av
import numpy as np
import pytest

from tests.unit.audio.signals import main_frequency_hz, middle, noise, rms, sine
from voxgate.audio import wav
from voxgate.audio.decoder import Decoder, decode
from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import InvalidRequest

TONE = sine(440, 24000, 2.0)
ID3_TAG = b"ID3\x04\0\0\0\0\x02\x10" + b"\xff\xfb" * 136  # with what looks like frames inside


def container_file(container: str, codec: str) -> bytes:
    """The tone in stereo, in a container that voxgate does not write."""
    file = io.BytesIO()
    samples = np.frombuffer(TONE, "<i2").astype(np.float32) / 32768
    with av.open(file, "w", format=container) as output:
        stream = cast("av.AudioStream", output.add_stream(codec, rate=24000, layout="stereo"))
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), "fltp", "stereo")
        frame.sample_rate = 24000
        frame.pts = 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def encoded(codec: Codec, container: Container = Container.RAW) -> bytes:
    return encode_whole(TONE, 24000, AudioFormat(codec, 24000, container))


FILES = {
    "wav": encoded(Codec.PCM_S16LE, Container.WAV),
    "wav-32": encoded(Codec.PCM_S32LE, Container.WAV),
    "mp3": encoded(Codec.MP3),
    "mp3-tagged": ID3_TAG + encoded(Codec.MP3) + b"TAG" + bytes(125),
    "opus": encoded(Codec.OPUS, Container.OGG),
    "vorbis": encoded(Codec.VORBIS, Container.OGG),
    "flac": encoded(Codec.FLAC, Container.FLAC),
    "aac": encoded(Codec.AAC, Container.ADTS),
    "m4a": container_file("mp4", "aac"),
    "webm": container_file("webm", "libopus"),
}
STREAMED = ("wav", "wav-32", "mp3", "mp3-tagged", "aac")


def assert_the_tone(pcm: bytes, rate_hz: int) -> None:
    assert len(pcm) / 2 / rate_hz == pytest.approx(2.0, abs=0.11)
    assert main_frequency_hz(middle(pcm, rate_hz, 0.3), rate_hz) == pytest.approx(440, abs=1)
    assert rms(middle(pcm, rate_hz, 0.3)) == pytest.approx(rms(TONE), rel=0.06)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("rate_hz", [None, 16000])
def test_whole_files(kind: str, rate_hz: int | None) -> None:
    audio = decode(FILES[kind], rate_hz=rate_hz)
    assert audio.rate_hz == rate_hz or (48000 if kind in ("opus", "webm") else 24000)
    assert_the_tone(audio.pcm, audio.rate_hz)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("rate_hz", [None, 16000])
def test_streams(kind: str, rate_hz: int | None) -> None:
    decoder = Decoder(rate_hz=rate_hz)
    data = FILES[kind]
    early = b"".join(decoder.feed(data[at : at + 500]) for at in range(0, len(data) // 2, 500))
    assert bool(early) == (kind in STREAMED)
    rest = decoder.feed(data[-(-(len(data) // 2) // 500) * 500 :])
    assert_the_tone(early + rest + decoder.finish(), decoder.rate_hz)


def test_a_wav_of_whole_numbers_comes_back_exactly() -> None:
    assert decode(FILES["wav"]).pcm == TONE
    assert decode(FILES["wav-32"]).pcm == TONE
    assert decode(FILES["flac"]).pcm == TONE


def test_runs_that_were_joined_are_all_heard() -> None:
    for codec, container in ((Codec.MP3, Container.RAW), (Codec.OPUS, Container.OGG)):
        stream = b""
        for run in range(3):
            encoder = open_encoder(AudioFormat(codec, 24000, container), 24000, continues=run)
            stream += encoder.feed(TONE) + encoder.finish()
        assert len(decode(stream, rate_hz=24000).pcm) / 48000 == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize("kind", FILES)
def test_too_much_sound_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequest):
        decode(FILES[kind], max_seconds=1.5)
    decoder = Decoder(max_seconds=1.5)
    with pytest.raises(InvalidRequest):
        decoder.feed(FILES[kind]), decoder.finish()


def test_what_has_to_be_kept_is_bounded() -> None:
    decoder = Decoder(max_seconds=1.0)
    decoder.feed(FILES["opus"][:1000])
    with pytest.raises(InvalidRequest):
        decoder.feed(bytes(600_000))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="one byte"),
        pytest.param(b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile:///etc/hostname\n", id="playlist"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/hostname\n", id="list of files"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), id="picture"),
        pytest.param(b"{}" * 50, id="JSON"),
        pytest.param(noise(4000, amplitude=30000)[100:].replace(b"\xff", b"\xfe"), id="noise"),
        pytest.param(FILES["m4a"][:600], id="M4A cut short"),
        pytest.param(FILES["opus"][:60], id="Ogg cut short"),
        pytest.param(b"fLaC" + bytes(200), id="FLAC without frames"),
        pytest.param(b"ID3\x04\0\0\0\0\x7f\x7f" + bytes(200), id="ID3 without end"),
        pytest.param(wav.header(16000, 16, 0), id="WAV without samples"),
        pytest.param(wav.header(100, 16) + TONE, id="WAV at a rate of no sound"),
    ],
)
def test_what_cannot_be_decoded_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(data)
    decoder = Decoder()
    with pytest.raises(InvalidRequest):
        decoder.feed(data), decoder.finish()
