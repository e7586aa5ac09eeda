"""Every codec at every rate: what an independent decoder hears of it."""

from __future__ import annotations

import gc
import io
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from tests.unit.audio.decoding import by_ffmpeg, by_libsndfile, decode_independently
from tests.unit.audio.signals import fit_sine, from_pcm, main_frequency_hz, middle, noise, rms, sine
from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import RATES_HZ, AudioFormat, Codec, Container

FORMATS = [
    AudioFormat(codec, rate_hz, container)
    for (codec, container), rates in RATES_HZ.items()
    for rate_hz in sorted(rates)
]
ONE_OF_EACH = [
    AudioFormat(codec, 24000 if 24000 in rates else 22050, container)
    for (codec, container), rates in RATES_HZ.items()
]
SOURCE_HZ = 22050
TONE_HZ = 440

FRAME_SAMPLES = {Codec.AAC: 1024, Codec.VORBIS: 1024}
"""Where a codec's silence before the sound and its filled last frame show in the length."""


def name(target: AudioFormat) -> str:
    return f"{target.codec}-{target.container}-{target.rate_hz}"


def longest_excess_s(target: AudioFormat) -> float:
    """How much longer than the input a codec's output may be."""
    if target.codec is Codec.MP3:
        frame_samples = 576 if target.rate_hz < 32000 else 1152
        return (1105 + frame_samples) / target.rate_hz  # LAME's and the decoder's delay, and a filled frame
    return 2 * FRAME_SAMPLES.get(target.codec, 0.5) / target.rate_hz


@pytest.mark.parametrize("target", FORMATS, ids=name)
def test_a_tone_is_heard_at_its_pitch_for_its_time(target: AudioFormat) -> None:
    duration_s = 6.0
    tone = sine(TONE_HZ, SOURCE_HZ, duration_s)
    encoder = open_encoder(target, SOURCE_HZ)
    pieces = [encoder.feed(tone[at : at + 1764]) for at in range(0, len(tone), 1764)]
    pcm, rate_hz = decode_independently(b"".join([*pieces, encoder.finish()]), target)

    assert rate_hz == target.rate_hz
    seconds = len(pcm) / 2 / rate_hz
    assert seconds == pytest.approx(duration_s, rel=0.05)
    assert -0.05 <= seconds - duration_s <= longest_excess_s(target)
    steady = middle(pcm, rate_hz, 0.5)
    assert main_frequency_hz(steady, rate_hz) == pytest.approx(TONE_HZ, abs=0.5)
    amplitude, signal_to_noise_db = fit_sine(steady, TONE_HZ, rate_hz)
    assert amplitude == pytest.approx(10000, rel=0.06)  # LAME makes it 0.95 times as loud at low bit rates
    assert signal_to_noise_db > 20


@pytest.mark.parametrize("kbps", [32, 64, 128])
def test_mp3_keeps_the_bit_rate_that_was_asked_for(kbps: int) -> None:
    file = encode_whole(sine(TONE_HZ, 22050, 5.0), 22050, AudioFormat(Codec.MP3, 22050, bit_rate_kbps=kbps))
    assert len(file) * 8 / 5.0 == pytest.approx(kbps * 1000, rel=0.03)


@pytest.mark.parametrize("rate_hz", sorted(RATES_HZ[Codec.MP3, Container.RAW]))
def test_mp3_begins_with_a_frame_of_sound(rate_hz: int) -> None:
    """No ID3 tag, no Xing or Info frame, and a first frame that reaches back into no earlier one."""
    file = encode_whole(noise(SOURCE_HZ), SOURCE_HZ, AudioFormat(Codec.MP3, rate_hz))
    assert file[0] == 0xFF
    assert file[1] & 0xE0 == 0xE0
    assert b"Xing" not in file[:200]
    assert b"Info" not in file[:200]
    reaches_back = file[4] << 1 | file[5] >> 7 if rate_hz >= 32000 else file[4]
    assert reaches_back == 0


@pytest.mark.parametrize("bits", [16, 32])
def test_a_whole_wav_has_exact_sizes(bits: int) -> None:
    codec = Codec.PCM_S16LE if bits == 16 else Codec.PCM_S32LE
    file = encode_whole(noise(1000), 22050, AudioFormat(codec, 22050, Container.WAV))
    info = soundfile.info(io.BytesIO(file))
    assert (info.frames, info.samplerate, info.subtype) == (1000, 22050, f"PCM_{bits}")
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    assert int.from_bytes(file[40:44], "little") == len(file) - 44


def test_a_streamed_wav_leaves_its_sizes_open() -> None:
    encoder = open_encoder(AudioFormat(Codec.PCM_S16LE, 22050, Container.WAV), 22050)
    head = encoder.feed(noise(10))[:44]
    assert head[4:8] == head[40:44] == b"\xff\xff\xff\xff"


def test_a_whole_flac_says_how_long_it_is() -> None:
    pcm = noise(10_000)
    file = encode_whole(pcm, 22050, AudioFormat(Codec.FLAC, 22050, Container.FLAC))
    assert soundfile.info(io.BytesIO(file)).frames == 10_000
    assert by_ffmpeg(file) == (pcm, 22050)


def test_lossless_codecs_lose_nothing() -> None:
    pcm = noise(10_000)
    for target in ONE_OF_EACH:
        if target.codec in (Codec.PCM_S16LE, Codec.PCM_S32LE, Codec.FLAC):
            assert decode_independently(encode_whole(pcm, target.rate_hz, target), target)[0] == pcm


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_runs_join_as_one_stream(target: AudioFormat) -> None:
    """Three words in three runs: one player, given all of it in one piece, hears all three in order."""
    tones_hz = (300, 500, 700)
    stream = b""
    for run, tone_hz in enumerate(tones_hz):
        encoder = open_encoder(target, SOURCE_HZ, continues=run)
        stream += encoder.feed(sine(tone_hz, SOURCE_HZ)) + encoder.finish()
    bare = target.container is Container.RAW and target.codec is not Codec.MP3
    pcm, rate_hz = decode_independently(stream, target) if bare else by_ffmpeg(stream)
    samples = from_pcm(pcm)
    assert samples.size / rate_hz == pytest.approx(3.0, rel=0.09)
    for run, tone_hz in enumerate(tones_hz):
        heard = samples[int((run + 0.3) * rate_hz) : int((run + 0.9) * rate_hz)]
        assert main_frequency_hz(heard.astype("<i2").tobytes(), rate_hz) == pytest.approx(tone_hz, abs=2)


def test_the_runs_of_an_ogg_chain_are_numbered_apart() -> None:
    for target in ONE_OF_EACH:
        if target.container is Container.OGG:
            serials = set()
            for run in range(3):
                encoder = open_encoder(target, SOURCE_HZ, continues=run)
                page = encoder.feed(noise(5000)) + encoder.finish()
                serials.add(page[14:18])
            assert len(serials) == 3


@pytest.mark.parametrize("rate_hz", sorted(RATES_HZ[Codec.OPUS, Container.OGG]))
@pytest.mark.parametrize("samples", [1, 100, 479, 480, 481, 960, 4800, 5000])
def test_opus_ends_on_the_sample_and_says_so(rate_hz: int, samples: int) -> None:
    target = AudioFormat(Codec.OPUS, rate_hz, Container.OGG)
    encoder = open_encoder(target, rate_hz)
    early, late = encoder.feed(noise(samples)), encoder.finish()
    assert len(by_libsndfile(early + late)[0]) == 2 * samples
    kinds = [page[1] for page in (early + late).split(b"OggS")[1:]]
    assert kinds == [0x02, *([0x00] * (len(kinds) - 2)), 0x04]


def test_a_later_run_of_wav_has_no_header() -> None:
    encoder = open_encoder(AudioFormat(Codec.PCM_S16LE, 8000, Container.WAV), 8000, continues=True)
    pcm = noise(100)
    assert encoder.feed(pcm) + encoder.finish() == pcm


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_a_run_without_sound(target: AudioFormat) -> None:
    encoder = open_encoder(target, SOURCE_HZ)
    made = encoder.feed(b"") + encoder.finish()
    assert len(made) == (44 if target.container is Container.WAV else 0)


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_a_single_sample_is_not_lost(target: AudioFormat) -> None:
    file = encode_whole(b"\x01\x02", target.rate_hz, target)
    pcm, _ = decode_independently(file, target)
    assert len(pcm) >= 2


MOST_INPUT_MS = {
    Codec.MP3: 70,  # a whole frame, which no decoder can play a part of
    Codec.OPUS: 21,
    Codec.FLAC: 44,
    Codec.AAC: 90,
    Codec.VORBIS: 21,  # its headers; sound comes with a full page
}


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_first_bytes_need_little_input(target: AudioFormat) -> None:
    encoder = open_encoder(target, target.rate_hz)
    taken = 0
    while not encoder.feed(noise(target.rate_hz // 1000, seed=taken)):
        taken += target.rate_hz // 1000
    assert taken / target.rate_hz * 1000 <= MOST_INPUT_MS.get(target.codec, 1)


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_another_thread_may_encode(target: AudioFormat) -> None:
    pcm = noise(20_000)
    expected = encode_whole(pcm, SOURCE_HZ, target)
    made: list[bytes] = []
    thread = threading.Thread(target=lambda: made.append(encode_whole(pcm, SOURCE_HZ, target)))
    thread.start()
    thread.join()
    assert made == [expected]


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=name)
def test_an_abandoned_encoder_is_let_go(target: AudioFormat) -> None:
    encoder = open_encoder(target, SOURCE_HZ)
    encoder.feed(noise(5000))
    watch = weakref.ref(encoder)
    del encoder
    gc.collect()
    assert watch() is None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux shows them")
def test_encoders_start_no_threads() -> None:
    """Not even the codec libraries, behind Python's back."""

    def count() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    before = count()
    encoders = [open_encoder(target, SOURCE_HZ) for target in ONE_OF_EACH]
    for encoder in encoders:
        encoder.feed(noise(SOURCE_HZ))
    assert count() == before
    for encoder in encoders:
        encoder.finish()


def test_loudness_survives_the_telephone() -> None:
    tone = sine(997, 8000, amplitude=20000)
    for codec in (Codec.MULAW, Codec.ALAW):
        target = AudioFormat(codec, 8000)
        pcm, _ = decode_independently(encode_whole(tone, 8000, target), target)
        assert rms(pcm) == pytest.approx(rms(tone), rel=0.01)
        assert np.abs(from_pcm(pcm) - from_pcm(tone)).max() <= 516  # half of the widest step
