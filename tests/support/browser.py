"""Chromium, driven as a person would: with a microphone that plays a file, and an ear at the loudspeaker."""

from __future__ import annotations

import base64
import os
import shutil
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.recognizer import understand
from voxgate.audio.resample import Resampler

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MICROPHONE_HZ = 48_000
EDGE = bytes(1600)
"""Silence on both sides of what is listened to, 50 ms."""
INAUDIBLE = 3
"""A sample of so little is silence: the player's fades end in it."""
SHORT_REST = 160
"""Samples that are left of a silence, 10 ms."""

# How long may be waited for what must come: more than a busy machine takes, for a failure only costs time.
expect.set_options(timeout=30_000)

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What leads to the loudspeaker is written down as well, as it is heard; not by the page's own thread, which
# is busy at times and would miss some of it. (The console lets a page run no worklet of the test's.)
_EAR = """
(() => {
  const { connect } = AudioNode.prototype;
  const { close } = AudioContext.prototype;
  AudioContext.prototype.close = function () {
    const lastBlock = new Promise((done) => setTimeout(done, 300));
    return lastBlock.then(() => close.call(this));
  };
  const heard = (window.heard = { rate: 0, pieces: [] });
  async function write(track) {
    const sounds = new MediaStreamTrackProcessor({ track, maxBufferSize: 10_000 }).readable;
    for await (const sound of sounds) {
      const piece = new Float32Array(sound.numberOfFrames);
      sound.copyTo(piece, { planeIndex: 0, format: "f32-planar" });
      sound.close();
      heard.pieces.push(piece);
    }
  }
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && this instanceof AudioWorkletNode && !this.numberOfInputs) {
      const ear = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
      heard.rate = this.context.sampleRate;
      connect.call(this, ear);
      write(ear.stream.getAudioTracks()[0]);
    }
    return connect.call(this, target, ...rest);
  };
})();
"""
_TELL = """
() => {
  const { rate, pieces } = window.heard;
  const samples = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) for (const float of piece) samples[at++] = Math.round(float * 32767);
  const bytes = new Uint8Array(samples.buffer);
  let text = "";
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return [rate, btoa(text)];
}
"""


def chromium() -> str:
    """Find a Chromium; without one the test is skipped, but not where every test must run."""
    for program in PROGRAMS:
        if path := shutil.which(program):
            return path
    message = "no Chromium here; on Debian or Ubuntu: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@asynccontextmanager
async def open_browser(
    *, microphone: Path | None = None, allow_microphone: bool = True, arguments: Sequence[str] = ()
) -> AsyncIterator[Browser]:
    """Run a browser for the block's time.

    Args:
        microphone: a WAV file that is heard once, from the moment the microphone is opened; without it there
            is no microphone.
        allow_microphone: whether the person lets the page have it.
        arguments: further ones.
    """
    given = [*_QUIET, *arguments]
    if microphone is not None:
        given += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    if allow_microphone:
        given.append("--use-fake-ui-for-media-stream")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=given)
        try:
            yield browser
        finally:
            await browser.close()


class Complaints(list[str]):
    """What a page complained of: exceptions, and everything on its console."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda message: self.append(f"{message.text} {message.location['url']}"))


async def listen_to(page: Page) -> None:
    """Write down what the page's loudspeaker plays, from the next load on."""
    await page.add_init_script(_EAR)


async def heard_by(page: Page, rate_hz: int = 16_000) -> bytes:
    """What has come out of the page's loudspeaker, as s16le mono PCM."""
    rate, text = await page.evaluate(_TELL)
    pcm = base64.b64decode(text)
    if rate in (0, rate_hz):
        return pcm
    resampler = Resampler(int(rate), rate_hz)
    return resampler.feed(pcm) + resampler.flush()


async def until_heard(page: Page) -> None:
    """Wait until something has come out of the page's loudspeaker that is no silence."""
    await page.wait_for_function(
        "() => window.heard.pieces.some((piece) => piece.some((float) => Math.abs(float) > 0.05))"
    )


async def words_heard(page: Page) -> str | None:
    """The phrase that has come out of the page's loudspeaker, or None when the recognizer knows none."""
    speech = _without_gaps(np.frombuffer(await heard_by(page), "<i2"))
    return understand(EDGE + speech.tobytes() + EDGE)


def _without_gaps(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Shorten every silence, as a person listens over the gap that audio leaves which comes late."""
    sounding = np.flatnonzero(np.abs(samples) > INAUDIBLE)
    kept = np.zeros(len(samples) + SHORT_REST, bool)
    for offset in range(SHORT_REST):
        kept[sounding + offset] = True
    return samples[kept[: len(samples)]]


async def forget_heard(page: Page) -> None:
    """Begin a new recording."""
    await page.evaluate("() => { window.heard.pieces = []; }")


def write_microphone(path: Path, pcm: bytes, rate_hz: int = 16_000) -> Path:
    """Write what the microphone is to hear, from s16le mono PCM."""
    resampler = Resampler(rate_hz, MICROPHONE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_HZ)
        file.writeframes(resampler.feed(pcm) + resampler.flush())
    return path


async def sign_in(page: Page, url: str, key: str, view: str = "speak") -> None:
    """Open the console at a view, with a key."""
    await page.goto(f"{url}/#{view}")
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Use this key").click()
    await page.locator(f"#{view}-title").wait_for()
