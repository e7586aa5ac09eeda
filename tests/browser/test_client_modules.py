"""The pure modules of the JavaScript client: jitter buffer, resampling, and what takes codecs apart."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

from tests.support.browser import open_browser
from tests.support.server import RunningServer
from tests.support.telnyx_client import audio_of, speak
from voxgate.audio import g711

TONES = """
async ([fromHz, toneHz, piece]) => {
  const { Resampler } = await import("/console/client/resampler.js");
  const angle = (2 * Math.PI * toneHz) / fromHz;
  const input = Float32Array.from({ length: fromHz }, (_, at) => Math.sin(angle * at));
  const resampler = new Resampler(fromHz, 16000);
  const output = [];
  for (let at = 0; at < input.length; at += piece) {
    output.push(...resampler.feed(input.subarray(at, at + piece)));
  }
  return output;
}
"""
PLAYED = """
async (steps) => {
  const { Playout } = await import("/console/client/playout.js");
  const playout = new Playout(1000, { jitterMs: 40, maxMs: 200 }); // a sample is a millisecond
  const told = [];
  let next = 1;
  for (const [step, count] of steps) {
    if (step === "push") playout.push(Int16Array.from({ length: count }, () => 32 * next++));
    else if (step === "end") playout.end();
    else if (step === "clear") playout.clear();
    else {
      const output = new Float32Array(count);
      playout.read(output);
      told.push([...output].map((float) => Math.round(float * 1024)));
    }
  }
  const { played, buffered, dropped, underruns, playing, drained } = playout;
  return { told, played, buffered, dropped, underruns, playing, drained };
}
"""


@pytest.fixture
async def page(shared_server: RunningServer) -> AsyncIterator[Page]:
    """A page of the console's origin."""
    async with open_browser() as browser:
        page = await browser.new_page()
        await page.goto(shared_server.url)
        yield page


async def play(page: Page, *steps: tuple[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = await page.evaluate(PLAYED, list(steps))
    return result


async def test_the_jitter_buffer(page: Page) -> None:
    # It waits for 40 ms of audio, and then plays all of it, in order.
    result = await play(page, ("push", 30), ("read", 10), ("push", 20), ("read", 50))
    assert result["told"] == [[0] * 10, list(range(1, 51))]
    assert (result["played"], result["underruns"], result["drained"]) == (50, 0, True)

    # What is shorter is played when no more comes, or when none has come for a while.
    result = await play(page, ("push", 5), ("end", 0), ("read", 5))
    assert result["told"] == [[1, 2, 3, 4, 5]]
    result = await play(page, ("push", 5), ("read", 60), ("read", 59), ("read", 5))
    assert result["told"][2] == [1, 2, 3, 4, 5]

    # Running dry in mid-speech is counted, and the buffer grows; the end of speech is none.
    result = await play(
        page, ("push", 40), ("read", 60), ("push", 45), ("read", 10), ("push", 15), ("read", 10)
    )
    assert result["underruns"] == 1
    assert result["told"][1] == [0] * 10
    assert result["told"][2][-1] == 50
    result = await play(page, ("push", 40), ("read", 60), ("read", 400), ("push", 40), ("read", 40))
    assert result["underruns"] == 0
    result = await play(page, ("push", 40), ("end", 0), ("read", 60), ("push", 40), ("read", 40))
    assert result["underruns"] == 0

    # More than it holds: the oldest goes.
    result = await play(page, ("push", 100), ("push", 100), ("push", 50), ("read", 3))
    assert (result["told"], result["dropped"]) == ([[101, 102, 103]], 100)


async def test_cleared_means_silent(page: Page) -> None:
    result = await play(page, ("push", 100), ("read", 50), ("clear", 0), ("read", 10), ("read", 100))
    faded, rest = result["told"][1][:5], result["told"][1][5:]
    assert faded == sorted(faded, reverse=True)  # no click
    assert faded[-1] == 0
    assert rest == [0] * 5
    assert result["told"][2] == [0] * 100
    assert (result["buffered"], result["drained"]) == (0, True)
    # What comes afterwards begins anew.
    result = await play(
        page, ("push", 100), ("read", 50), ("clear", 0), ("read", 20), ("push", 40), ("read", 40)
    )
    assert result["told"][2][-1] == 140


@pytest.mark.parametrize("from_hz", [48_000, 44_100, 16_000, 32_000, 8_000])
async def test_resampling(page: Page, from_hz: int) -> None:
    tone = np.array(await page.evaluate(TONES, [from_hz, 1000, 128]))
    assert abs(len(tone) - 16_000) <= 16_000 * 40 / min(from_hz, 16_000)
    at_s = np.arange(len(tone) - 400) / 16_000
    kept = tone[200:-200]
    wave = np.exp(2j * np.pi * 1000 * at_s)
    assert abs(2 * np.mean(kept * wave)) == pytest.approx(1, abs=0.01)  # as loud as before
    left = kept - 2 * np.real(np.mean(kept * np.conj(wave)) * wave)
    assert np.sqrt(np.mean(left**2)) < 0.003  # and nothing else
    in_other_pieces = np.array(await page.evaluate(TONES, [from_hz, 1000, 777]))
    assert np.allclose(tone[: len(in_other_pieces)], in_other_pieces[: len(tone)])


async def test_what_would_fold_back_is_filtered_out(page: Page) -> None:
    for tone_hz in (9_000, 12_000, 20_000):
        folded = np.array(await page.evaluate(TONES, [48_000, tone_hz, 128]))
        assert np.sqrt(np.mean(folded[200:-200] ** 2)) < 0.003


async def test_g711(page: Page) -> None:

    every = bytes(range(256))
    decoded = await page.evaluate(
        """async () => {
          const { samplesFromMulaw, samplesFromAlaw } = await import("/console/client/pcm.js");
          const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
          return [[...samplesFromMulaw(every)], [...samplesFromAlaw(every)]];
        }"""
    )
    assert decoded[0] == np.frombuffer(g711.decode_mulaw(every), "<i2").tolist()
    assert decoded[1] == np.frombuffer(g711.decode_alaw(every), "<i2").tolist()


async def test_mp3_is_cut_into_frames_wherever_it_was_cut_before(
    page: Page, shared_server: RunningServer
) -> None:
    for rate in (8000, 24_000, 44_100):
        query: dict[str, str | int] = {
            "voice": "Local.Test.plain",
            "audio_format": "mp3",
            "sample_rate": rate,
        }
        sent = audio_of(await speak(shared_server, {"text": "abcdefghij."}, **query))
        tagged = b"ID3\x04\0\0\0\0\0\x05hello" + sent
        for piece in (1, 100, 1 << 20):
            frames = await page.evaluate(
                """async ([text, piece]) => {
                  const { Mp3Cutter } = await import("/console/client/mp3.js");
                  const { fromBase64 } = await import("/console/client/pcm.js");
                  const bytes = fromBase64(text);
                  const cutter = new Mp3Cutter();
                  const frames = [];
                  for (let at = 0; at < bytes.length; at += piece) {
                    frames.push(...cutter.feed(bytes.subarray(at, at + piece)));
                  }
                  return frames.map(({ data, sampleRate, samples }) => [data.length, sampleRate, samples]);
                }""",
                [base64.b64encode(tagged).decode(), piece],
            )
            assert sum(length for length, *_ in frames) == len(sent)
            assert {rate_hz for _, rate_hz, _ in frames} == {rate}
