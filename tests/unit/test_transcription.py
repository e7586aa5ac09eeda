"""Whose turn it is to be transcribed, and what becomes of failures; a server of ours recognizes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import AnyHttpUrl

from voxgate import transcription
from voxgate.clock import LoopClock
from voxgate.config import TranscriptionSettings
from voxgate.errors import InvalidRequest, Overloaded, ProviderUnavailable
from voxgate.transcription import Transcriber

SPEECH = bytes(32_000)


class Answers:
    """What a server answers, in order: a status each, and the last for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.asked = list(statuses), 0

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.asked += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.json_response({"text": f"text {self.asked}"}, status=status)


@asynccontextmanager
async def transcriber(answers: Answers, workers: int = 1) -> AsyncIterator[Transcriber]:
    app = web.Application()
    app.router.add_post("/audio/transcriptions", answers.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = AnyHttpUrl(f"http://127.0.0.1:{runner.addresses[0][1]}")
    made = Transcriber(TranscriptionSettings(url=url, workers=workers), LoopClock())
    try:
        yield made
    finally:
        await made.aclose()
        await runner.cleanup()


async def test_what_may_pass_is_tried_once_more() -> None:
    answers = Answers(500, 200)
    async with transcriber(answers) as made:
        assert await made.transcribe(SPEECH) == "text 2"


async def test_what_fails_twice_fails() -> None:
    answers = Answers(500)
    async with transcriber(answers) as made:
        with pytest.raises(ProviderUnavailable):
            await made.transcribe(SPEECH)
    assert answers.asked == 2


async def test_one_after_the_other_has_its_turn() -> None:
    order: list[str] = []
    async with transcriber(Answers(200)) as made:

        async def work(name: str) -> None:
            async with made.turn():
                order.append(f"{name} begins")
                await asyncio.sleep(0.01)
                order.append(f"{name} ends")

        await asyncio.gather(*(work(name) for name in "abc"))
    assert order == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_too_many_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcription, "MAX_WAITING", 1)
    async with transcriber(Answers(200)) as made, made.turn():
        waiting = asyncio.create_task(made.turn().__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            async with made.turn():
                pass
        assert refused.value.retry_after_s
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.virtual_time
async def test_nobody_waits_for_ever() -> None:
    made = Transcriber(TranscriptionSettings(workers=1), LoopClock())
    async with made.turn():
        with pytest.raises(Overloaded):
            async with made.turn():
                pass
    async with made.turn():  # the line is free again
        pass
    await made.aclose()


async def test_only_the_local_recognizer_minds_the_language() -> None:
    local = Transcriber(TranscriptionSettings(workers=1), LoopClock())
    assert local.language == "en"
    for language in (None, "", "en", "EN-gb", "English"):
        local.check_language(language)
    with pytest.raises(InvalidRequest) as refused:
        local.check_language("ur")
    assert refused.value.field == "language"
    async with transcriber(Answers(200)) as remote:
        assert remote.language is None
        remote.check_language("ur")
    await local.aclose()


async def test_a_server_that_only_speaks_carries_no_recognizer() -> None:
    local = Transcriber(TranscriptionSettings(workers=1), LoopClock())
    assert local._pool is None
    await local.aclose()
