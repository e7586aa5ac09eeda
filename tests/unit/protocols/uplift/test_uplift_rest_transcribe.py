"""Transcription over REST: every kind of file, its bounds, and what is understood by whom."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiohttp import web
from pydantic import AnyHttpUrl, SecretStr

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.audio import wav
from voxgate.audio.encoder import open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.config import TranscriptionSettings
from voxgate.protocols.uplift.rest_models import Transcript
from voxgate.protocols.uplift.rest_transcribe import PATH

RATE_HZ = 16_000


def tone(seconds: float = 0.5, rate_hz: int = RATE_HZ) -> bytes:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


def encoded(codec: Codec, container: Container) -> bytes:
    encoder = open_encoder(AudioFormat(codec, RATE_HZ, container), RATE_HZ)
    return encoder.feed(tone()) + encoder.finish()


def m4a() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(tone(), "<i2")[None], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return out.getvalue()


FILES: Mapping[str, Callable[[], bytes]] = {
    "speech.wav": lambda: wav.header(RATE_HZ, 16, len(tone())) + tone(),
    "speech.mp3": lambda: encoded(Codec.MP3, Container.RAW),
    "speech.ogg": lambda: encoded(Codec.VORBIS, Container.OGG),
    "speech.opus": lambda: encoded(Codec.OPUS, Container.OGG),
    "speech.flac": lambda: encoded(Codec.FLAC, Container.FLAC),
    "speech.m4a": m4a,
    "speech.pcm": tone,
    "SPEECH.RAW": tone,
}


class Listener:
    """An OpenAI-compatible server that says how much it was given."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.hold = asyncio.Event()
        self.hold.set()

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.asked.append(
            {
                "key": request.headers.get("Authorization"),
                "model": form["model"],
                "language": form.get("language"),
                "pcm": file.file.read()[44:],
            }
        )
        await self.hold.wait()
        return web.json_response({"text": f" heard {len(self.asked)} "}, status=self.status)


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    made = Listener()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/audio/transcriptions", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        made.hold.set()
        await runner.cleanup()


class Remote:
    """The doors, with a server of ours to recognize."""

    def __init__(self, app: RestApp, listener: Listener) -> None:
        self.app, self.listener = app, listener


@asynccontextmanager
async def remote_app(folder: Path, **settings: Any) -> AsyncIterator[Remote]:
    async with listener() as (made, url):
        transcription = TranscriptionSettings(
            **{"url": AnyHttpUrl(url), "model": "tiny", "api_key": SecretStr("remote-key"), **settings}
        )
        async with rest_app(folder, transcription=transcription) as app:
            yield Remote(app, made)


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Remote]:
    async with remote_app(tmp_path) as remote:
        yield remote


async def upload(
    app: RestApp, file: bytes | None, name: str = "speech.wav", kind: str = "", **fields: str
) -> Answer:
    body, content_type = form(file, name, kind, **fields)
    return await app.ask("POST", PATH, body, content_type=content_type)


def form(file: bytes | None, name: str = "speech.wav", kind: str = "", **fields: str) -> tuple[bytes, str]:
    """A form as clients send it, and its content type."""
    parts = [
        f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
        for key, value in fields.items()
    ]
    if file is not None:
        typed = f"Content-Type: {kind}\r\n" if kind else ""
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n{typed}\r\n'
        parts.append(head.encode() + file)
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return body, "multipart/form-data; boundary=edge"


def problem(answer: Answer, status: int) -> str:
    assert answer.status == status == answer.json()["statusCode"], answer.body
    assert answer.headers["x-uplift-ai-request-id"]
    return str(answer.json()["message"])


@pytest.mark.parametrize("name", FILES)
async def test_every_kind_of_file_is_decoded(remote: Remote, name: str) -> None:
    answer = await upload(remote.app, FILES[name](), name)
    assert answer.status == 200, answer.body
    assert answer.json() == {"transcript": "heard 1", "text": "heard 1"}
    Transcript.model_validate(answer.json())
    assert answer.headers["access-control-allow-origin"] == "*"
    samples = np.frombuffer(remote.listener.asked[0]["pcm"], "<i2")
    assert len(samples) / RATE_HZ == pytest.approx(0.5, abs=0.12)
    peak = np.argmax(np.abs(np.fft.rfft(samples.astype(float)))) * RATE_HZ / len(samples)
    assert peak == pytest.approx(440, abs=4)


async def test_the_first_bytes_say_what_a_file_is_whatever_it_is_called(remote: Remote) -> None:
    for name in ("audio", "audio.mp3", ""):
        answer = await upload(remote.app, FILES["speech.flac"](), name or "x")
        assert answer.status == 200


async def test_raw_pcm_may_have_a_rate_of_its_own(remote: Remote) -> None:
    for kind in ("audio/pcm;rate=8000", "audio/x-raw; rate=8000"):
        assert (await upload(remote.app, tone(1, 8000), "x", kind)).status == 200
        assert len(remote.listener.asked[-1]["pcm"]) / 2 / RATE_HZ == pytest.approx(1, abs=0.01)
    for rate in ("x", "0", "-8000", "9999999", "8000.5"):
        assert "rate" in problem(await upload(remote.app, tone(), "x", f"audio/pcm;rate={rate}"), 400)


async def test_a_server_of_the_settings_is_asked_as_it_wants(remote: Remote) -> None:
    await upload(remote.app, tone(), "x.pcm", language="ur-PK", model="scribe", domain="farming")
    asked = remote.listener.asked[0]
    assert (asked["key"], asked["model"], asked["language"]) == ("Bearer remote-key", "tiny", "ur")
    await upload(remote.app, tone(), "x.pcm")
    assert remote.listener.asked[1]["language"] is None


async def test_long_speech_is_heard_in_pieces(remote: Remote) -> None:
    pcm = tone(20) + bytes(2 * RATE_HZ) + tone(20)
    answer = await upload(remote.app, pcm, "x.pcm")
    assert answer.json()["text"] == "heard 1 heard 2"
    assert b"".join(asked["pcm"] for asked in remote.listener.asked) == pcm


@pytest.mark.parametrize(("status", "told"), [(401, 502), (400, 400), (429, 503), (500, 502)])
async def test_what_the_server_refuses_is_told(remote: Remote, status: int, told: int) -> None:
    remote.listener.status = status
    problem(await upload(remote.app, tone(), "x.pcm"), told)


@pytest.mark.parametrize(
    ("file", "name", "hint"),
    [
        (b"", "x.wav", ""),
        (b"", "x.pcm", "two bytes"),
        (b"x" * 999, "x.pcm", "two bytes"),
        (b"not sound at all, but text. " * 10, "x.mp3", ""),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "x.png", ""),
        (FILES["speech.flac"]()[:60], "x.flac", ""),
    ],
)
async def test_what_holds_no_sound_is_told(remote: Remote, file: bytes, name: str, hint: str) -> None:
    assert hint in problem(await upload(remote.app, file, name), 400)
    assert remote.listener.asked == []


async def test_a_form_with_a_file_is_needed(remote: Remote) -> None:
    assert "file" in problem(await upload(remote.app, None, language="en"), 400)
    assert "file" in problem(await remote.app.ask("POST", PATH, {"file": "x"}), 400)
    whole, content_type = form(tone())
    for body in (whole[:200], whole[:-10], b""):
        problem(await remote.app.ask("POST", PATH, body, content_type=content_type), 400)
    for wrong in ("multipart/form-data; boundary=other", "multipart/form-data"):
        problem(await remote.app.ask("POST", PATH, whole, content_type=wrong), 400)
    assert remote.listener.asked == []


async def test_sound_and_files_have_bounds(tmp_path: Path) -> None:
    async with remote_app(tmp_path, max_seconds=1, max_file_mib=1) as remote:
        assert (await upload(remote.app, tone(1), "x.pcm")).status == 200
        for name in ("x.pcm", "x.wav"):
            head = wav.header(RATE_HZ, 16, len(tone(1.1))) if name == "x.wav" else b""
            assert "1 second" in problem(await upload(remote.app, head + tone(1.1), name), 400)
        full = tone(0.5) + bytes(1 << 20)
        assert str(1 << 20) in problem(await upload(remote.app, full, "x.pcm"), 400)
        problem(await upload(remote.app, bytes(2 << 20), "x.pcm"), 413)
        assert len(remote.listener.asked) == 1


async def test_without_a_good_key_no_file_is_read(remote: Remote) -> None:
    body, content_type = form(tone())
    answer = await remote.app.ask("POST", PATH, body, content_type=content_type, authorization="Bearer x")
    problem(answer, 401)


async def test_so_many_at_a_time_and_the_rest_wait(tmp_path: Path) -> None:
    async with remote_app(tmp_path, workers=1) as remote:
        remote.listener.hold.clear()
        running = [asyncio.create_task(upload(remote.app, tone(), "x.pcm")) for _ in range(3)]
        async with asyncio.timeout(10):
            while not remote.listener.asked:  # noqa: ASYNC110 - filled by the server
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert len(remote.listener.asked) == 1
        remote.listener.hold.set()
        assert [answer.status for answer in await asyncio.gather(*running)] == [200] * 3


async def test_who_leaves_makes_room(tmp_path: Path) -> None:
    async with remote_app(tmp_path, workers=1) as remote:
        remote.listener.hold.clear()
        body, content_type = form(tone(), "x.pcm")
        call = remote.app.call("POST", PATH, body, content_type=content_type)
        running = asyncio.create_task(call.run())
        async with asyncio.timeout(10):
            while not remote.listener.asked:  # noqa: ASYNC110 - filled by the server
                await asyncio.sleep(0.01)
        call.go_away()
        await running
        remote.listener.hold.set()
        assert (await upload(remote.app, tone(), "x.pcm")).status == 200


async def test_locally_only_english_is_understood_and_that_is_said(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for language in ("ur", "ur-PK", "Urdu"):
            assert "English only" in problem(await upload(app, tone(), "x.pcm", language=language), 400)


@pytest.mark.speech
async def test_locally_a_worker_process_hears_english(tmp_path: Path) -> None:
    from tests.support.speech import local_voice, say

    async with local_voice() as voice:
        pcm = bytes(RATE_HZ) + await say(voice, "What is the weather tomorrow?") + bytes(RATE_HZ)
    async with rest_app(tmp_path, transcription=TranscriptionSettings(workers=1)) as app:
        answer = await upload(app, wav.header(RATE_HZ, 16, len(pcm)) + pcm, language="en-GB")
        silence = await upload(app, bytes(2 * RATE_HZ), "x.pcm")
    told = answer.json()
    assert told["language"] == "en"
    assert told["transcript"] == told["text"]
    assert "weather" in told["text"]
    assert silence.status == 200
