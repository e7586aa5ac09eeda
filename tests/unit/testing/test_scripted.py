from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.clock import LoopClock
from voxgate.errors import InvalidVoice
from voxgate.providers.contract import Abort
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import CHARACTER_MS, Script, ScriptedProvider, read_back, tones

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)


@given(printable)
def test_what_was_said_can_be_read_back(text: str) -> None:
    assert read_back(tones(text)) == text


@given(printable, st.sampled_from([8000, 16_000, 48_000]))
def test_at_other_rates_too(text: str, rate_hz: int) -> None:
    assert read_back(tones(text, rate_hz=rate_hz), rate_hz=rate_hz) == text


def test_silence_and_noise_are_not_text() -> None:
    assert read_back(bytes(48_000)) == ""
    assert read_back(tones("abc")[::-1] + bytes(1)[:0]) != "abc"


@pytest.mark.parametrize("voice_id", ["", "late", "late-x", "nonsense", "plain-3", "paced+what", "fail"])
def test_unknown_directions_are_refused(voice_id: str) -> None:
    with pytest.raises(InvalidVoice):
        Script.parse(voice_id)


def test_directions_add_up() -> None:
    script = Script.parse("paced+late-30+chunk-10+rate-8000+fail-4")
    assert script == Script(late_ms=30, chunk_ms=10, rate_hz=8000, paced=True, fail_after=4)


@pytest.mark.virtual_time
async def test_paced_chunks_come_in_real_time() -> None:
    clock = LoopClock()
    provider = ScriptedProvider(clock)
    utterance = Utterance("Hello", VoiceName("Local", "Test", "paced+late-100"), "a")
    began, times = clock.now_s(), []
    async for _ in provider.synthesize(utterance, Abort()):
        times.append(round((clock.now_s() - began) * 1000))
    assert times == [100 + 20 * number for number in range(5 * CHARACTER_MS // 20)]


@pytest.mark.virtual_time
async def test_speed_and_volume_are_applied() -> None:
    provider = ScriptedProvider(LoopClock())
    settings = SpeechSettings(speed=2.0, volume=0.5)
    utterance = Utterance("Hello", VoiceName("Local", "Test", "plain"), "a", settings)
    pcm = b"".join([chunk.pcm async for chunk in provider.synthesize(utterance, Abort())])
    assert pcm == tones("Hello", speed=2.0, volume=0.5)
    assert len(pcm) == len(tones("Hello")) // 2
