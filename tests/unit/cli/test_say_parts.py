"""The parts of ``voxgate say``: formats, track, progress, what reads and what writes."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.cli.saying.formats import KINDS, choose_format
from voxgate.cli.saying.progress import Progress
from voxgate.cli.saying.remote import speed_fields
from voxgate.cli.saying.taker import Taker
from voxgate.cli.saying.texts import PIECE_CHARACTERS, arriving, given
from voxgate.cli.saying.track import Track
from voxgate.errors import InvalidRequest, UnsupportedFormat
from voxgate.providers.contract import AudioChunk
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import read_back, tones


async def all_of(texts: AsyncGenerator[str, None]) -> list[str]:
    return [text async for text in texts]


# Formats.


@pytest.mark.parametrize("name", KINDS)
def test_a_format_is_known_by_its_name_and_by_every_suffix(name: str) -> None:
    suffix, by_name = choose_format(name.upper(), None, None)
    assert by_name.rate_hz == (8000 if name in ("mulaw", "alaw") else 24000)
    for known in KINDS[name].suffixes:
        assert choose_format(None, Path(f"a/b.c{known.upper()}"), None) == (suffix, by_name)


def test_a_name_wins_over_a_suffix_and_mp3_is_what_nobody_chose() -> None:
    assert choose_format("wav", Path("a.mp3"), 8000)[1] == AudioFormat(Codec.PCM_S16LE, 8000, Container.WAV)
    assert choose_format(None, None, None) == (".mp3", AudioFormat(Codec.MP3, 24000))
    assert choose_format(None, Path("speech"), None)[1].codec is Codec.MP3


@pytest.mark.parametrize(("name", "path"), [("mp4", None), (None, "a.xyz"), (None, "a.mp4")])
def test_what_is_no_format_is_told_with_those_that_are(name: str | None, path: str | None) -> None:
    with pytest.raises(UnsupportedFormat, match=r"mp3, wav, flac, opus"):
        choose_format(name, Path(path) if path else None, None)


def test_a_rate_that_a_format_has_not_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="8000, 12000, 16000, 24000, 48000"):
        choose_format("opus", None, 44100)


# Speed.


@pytest.mark.parametrize(
    ("voice", "speed", "fields", "stretch"),
    [
        ("Telnyx.NaturalHD.astra", 1.0, {}, 1.0),
        ("Telnyx.NaturalHD.astra", 1.5, {"voice_speed": 1.5}, 1.0),
        ("telnyx.naturalhd.astra", 4.0, {"voice_speed": 2.0}, 2.0),
        ("Local.Espeak.ur", 0.25, {"speed": 0.5}, 0.5),
        ("Telnyx.KokoroTTS.af_heart", 1.5, {}, 1.5),
        ("Azure.en-US-AvaNeural", 0.5, {}, 0.5),
    ],
)
def test_what_a_provider_cannot_speak_is_left_to_be_stretched(
    voice: str, speed: float, fields: dict[str, float], stretch: float
) -> None:
    facts = Catalogue.shipped().facts(VoiceName.parse(voice))
    assert speed_fields(facts, speed) == (fields, stretch)


# Track.


def chunks(pcm: bytes, rate_hz: int, size: int) -> list[AudioChunk]:
    return [AudioChunk(pcm[begin : begin + size], rate_hz) for begin in range(0, len(pcm), size)]


def through(track: Track, pieces: Sequence[AudioChunk]) -> bytes:
    return b"".join(track.feed(piece) for piece in pieces) + track.finish()


def test_a_track_carries_halves_of_samples_and_changes_the_rate() -> None:
    track = Track(16_000)
    pcm = through(track, chunks(tones("Hello there."), 24_000, 1001))
    assert read_back(pcm, rate_hz=16_000) == "Hello there."
    assert track.duration_s == pytest.approx(12 * 0.04, rel=1e-3)
    assert len(pcm) == round(track.duration_s * 16_000) * 2


def test_a_voice_with_another_rate_may_go_on() -> None:
    pieces = [*chunks(tones("abc"), 24_000, 999), *chunks(tones("def", rate_hz=8000), 8000, 777)]
    assert read_back(through(Track(24_000), pieces)) == "abcdef"


def test_stretching_changes_the_time_and_not_the_pitch() -> None:
    track = Track(24_000, stretch=0.5)
    pcm = through(track, chunks(tones("aaaaaaaaaaaaaaaaaaaaaaaaa"), 24_000, 5000))
    assert track.duration_s == pytest.approx(2.0, rel=0.01)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2")))
    one = np.abs(np.fft.rfft(np.frombuffer(tones("a" * 50), "<i2")))
    assert abs(int(spectrum.argmax()) - int(one.argmax())) <= 4  # half a hertz each


# Progress.


async def test_time_runs_from_the_first_words_to_the_first_and_the_last_audio() -> None:
    now_s = 100.0
    progress = Progress(visible=False, now_s=lambda: now_s)
    assert progress.summary() == "nothing yet"

    async def texts() -> AsyncGenerator[str, None]:
        yield "  \n"
        yield "Hello."
        yield "There."

    async with aclosing(progress.watch(texts())) as watched:
        await anext(watched)
        now_s = 105.0
        await anext(watched)
        now_s = 105.5
        await anext(watched)
    progress.heard(0.0)
    now_s = 107.0
    progress.heard(10.0)
    assert progress.summary() == "10.0 s of speech, first audio after 500 ms, real-time factor 0.200"


# Texts.


async def test_a_given_text_comes_in_pieces_that_can_be_sent() -> None:
    pieces = await all_of(given("ä" * 5000))
    assert "".join(pieces) == "ä" * 5000
    assert max(map(len, pieces)) == PIECE_CHARACTERS
    assert await all_of(given("caf\udce9 \udcc3\udca9")) == ["caf\ufffd é"]


async def test_text_arrives_while_it_is_written() -> None:
    reading, writing = os.pipe()
    texts = arriving(reading)
    try:
        written = "Grüße 🙂".encode()
        os.write(writing, b"\xef\xbb\xbf" + written[:3])
        assert await anext(texts) == "Gr"
        os.write(writing, written[3:-2])
        assert await anext(texts) == "üße "
        os.write(writing, written[-2:])
        assert await anext(texts) == "🙂"
    finally:
        os.close(writing)
    assert await anext(texts, None) is None
    os.close(reading)


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("word " * 100_000, encoding="utf-8-sig")
    assert "".join(await all_of(arriving(path))) == "word " * 100_000


async def test_a_writer_waits_for_a_reader_that_is_behind() -> None:
    reading, writing = os.pipe()
    written = 0

    def write() -> None:
        nonlocal written
        while written < 10_000_000:
            written += os.write(writing, bytes(65536))
        os.close(writing)

    writer = threading.Thread(target=write)
    texts = arriving(reading)
    writer.start()
    assert len(await anext(texts)) == PIECE_CHARACTERS
    before = -1
    while written != before:
        before = written
        await asyncio.sleep(0.1)
    assert written < 1_000_000
    assert (
        sum([len(text) async for text in texts])
        == written - PIECE_CHARACTERS
        == before * 0 + 10_027_008 - 2000
    )
    writer.join()
    os.close(reading)


@pytest.mark.parametrize("data", [b"caf\xe9", b"caf\xc3", "x".encode("utf-16")])
async def test_what_is_not_utf8_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "text"
    path.write_bytes(data)
    with pytest.raises(InvalidRequest, match="text is not UTF-8"):
        await all_of(arriving(path))


async def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        await all_of(arriving(tmp_path / "missing"))
    with pytest.raises(InvalidRequest, match="cannot be read: Is a directory"):
        await all_of(arriving(tmp_path))


# Taker.


async def test_pieces_are_written_in_order_and_finish_waits_for_the_last() -> None:
    written: list[bytes] = []
    taker = Taker(written.append, 2)
    for number in range(20):
        await taker.put(bytes([number]))
    await taker.put(b"")
    await taker.finish()
    assert written == [bytes([number]) for number in range(20)]
    taker.stop()


async def test_whoever_puts_waits_when_there_is_no_room() -> None:
    gate, written = threading.Semaphore(0), []

    def write(piece: bytes) -> None:
        gate.acquire()
        written.append(piece)

    taker = Taker(write, 2)
    await taker.put(b"1")
    await taker.put(b"2")
    third = asyncio.create_task(taker.put(b"3"))
    await asyncio.wait([third], timeout=0.05)
    assert not third.done()
    gate.release()
    await third
    gate.release(2)
    await taker.finish()
    assert written == [b"1", b"2", b"3"]


async def test_what_a_write_raises_is_raised_to_whoever_puts_or_finishes() -> None:
    def refuse(piece: bytes) -> None:
        raise BrokenPipeError

    taker = Taker(refuse, 1)
    await taker.put(b"1")
    with pytest.raises(BrokenPipeError):
        await taker.put(b"2")
    with pytest.raises(BrokenPipeError):
        await taker.finish()
    assert taker.stop(5.0)


async def test_a_taker_that_is_stopped_writes_nothing_more() -> None:
    gate, begun, written = threading.Semaphore(0), threading.Event(), []

    def write(piece: bytes) -> None:
        written.append(piece)
        begun.set()
        gate.acquire()

    taker = Taker(write, 5)
    for piece in (b"1", b"2", b"3"):
        await taker.put(piece)
    assert begun.wait(5.0)
    assert not taker.stop()
    gate.release(3)
    assert taker.stop(5.0)
    assert written == [b"1"]


def test_parts_do_not_need_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(visible=True)
    progress.heard(1.0)
    progress.erase()
    assert not sys.stderr.isatty()
    assert capsys.readouterr().err == ""
