"""An MP3 run that is cut off between two feeds leaves no piece of a frame behind."""

from __future__ import annotations

import pytest

from tests.unit.audio.signals import sine
from voxgate.audio.format import RATES_HZ, AudioFormat, Codec, Container, bit_rates_kbps
from voxgate.audio.mp3 import Mp3Encoder

# In kbit/s by index: ISO 11172-3, 2.4.2.3; ISO 13818-3, 2.4.2.3.
_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def frame_length(header: bytes) -> int:
    assert header[0] == 0xFF
    assert header[1] & 0xE6 == 0xE2, "not layer III"
    version = header[1] >> 3 & 3
    kbps = (_MPEG1 if version == 3 else _MPEG2)[header[2] >> 4]
    rate_hz = _RATES_HZ[version][header[2] >> 2 & 3]
    return (144 if version == 3 else 72) * kbps * 1000 // rate_hz + (header[2] >> 1 & 1)


@pytest.mark.parametrize("rate_hz", sorted(RATES_HZ[Codec.MP3, Container.RAW]))
def test_each_feed_gives_whole_frames(rate_hz: int) -> None:
    choices = bit_rates_kbps(Codec.MP3, rate_hz)
    for kbps in (None, choices[0], choices[-1]):
        encoder, fed = Mp3Encoder(AudioFormat(Codec.MP3, rate_hz, bit_rate_kbps=kbps)), 0
        signal = sine(440, rate_hz, 1.0)
        step = rate_hz // 50 * 2
        for begin in range(0, len(signal), step):
            data = encoder.feed(signal[begin : begin + step])
            while data:
                length = frame_length(data[:4])
                assert length <= len(data), "a piece of a frame"
                data, fed = data[length:], fed + 1
        assert fed > 10
        rest = encoder.finish()
        assert frame_length(rest[:4]) <= len(rest)
