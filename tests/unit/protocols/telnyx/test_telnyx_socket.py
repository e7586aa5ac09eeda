"""The shell over a scripted voice, in virtual time, on a socket that may stop being read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.config import Settings, TelnyxSettings
from voxgate.drain import Drain
from voxgate.protocols.telnyx.events import StreamSettings
from voxgate.protocols.telnyx.handshake import SpeechPlan
from voxgate.protocols.telnyx.socket import Session, SessionFacts
from voxgate.protocols.telnyx.stream import TelnyxStream
from voxgate.services import Services
from voxgate.speech.cache import SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.speaker import Speaker
from voxgate.speech.utterance import Markup, SpeechSettings
from voxgate.speech.voice import VoiceName
from voxgate.testing.scripted import CHARACTER_MS, ScriptedProvider, read_back, tones

pytestmark = pytest.mark.virtual_time

PCM = AudioFormat(Codec.PCM_S16LE, 24_000)
CHARACTER_S = CHARACTER_MS / 1000


class Talk:
    """One session with its client's side: what it said and when, and how much it has read."""

    def __init__(
        self,
        voice_id: str = "plain",
        *,
        audio_format: AudioFormat = PCM,
        settings: TelnyxSettings | None = None,
        **stream: Any,
    ) -> None:
        self.clock = LoopClock()
        self.provider = ScriptedProvider(self.clock)
        self.receipts: list[Receipt] = []
        self.speaker = Speaker(
            lambda utterance: (Candidate(self.provider, utterance, stand_in=False),),
            SpeechCache(1 << 24, 1 << 22),
            self.clock,
            (self.receipts.append,),
        )
        self.drain = Drain()
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()  # whether the client reads
        self.reads.set()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        services = SimpleNamespace(
            settings=Settings(telnyx=settings or TelnyxSettings()),
            clock=self.clock,
            speaker=self.speaker,
            drain=self.drain,
        )
        plan = SpeechPlan(audio_format, SpeechSettings(), None, Markup.TEXT)
        machine = TelnyxStream(StreamSettings(**stream), lambda given: plan, self.clock.now_s())
        facts = SessionFacts("tenant", VoiceName("Local", "Test", voice_id), cacheable=False)
        self.websocket = WebSocket({"type": "websocket"}, self._receive, self._send)
        self.session = Session(cast(Services, services), self.websocket, machine, facts)

    async def _receive(self) -> Message:
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        await self.reads.wait()  # as uvicorn does: first room, then the write
        if message["type"] == "websocket.send":
            self.frames.append((self.clock.now_s(), json.loads(message["text"])))
        elif message["type"] == "websocket.close":
            self.closed = message["code"], message["reason"]
            self.leave()

    def say(self, **frame: Any) -> None:
        """Send a frame."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def leave(self) -> None:
        """Be gone."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})

    @property
    def pcm(self) -> bytes:
        return b"".join(base64.b64decode(frame.get("audio") or "") for _, frame in self.frames)

    @property
    def texts(self) -> list[str]:
        return [frame["text"] for _, frame in self.frames if frame.get("text")]

    def times(self, wanted: Callable[[dict[str, Any]], Any]) -> list[float]:
        return [at_s for at_s, frame in self.frames if wanted(frame)]

    @property
    def finals(self) -> list[float]:
        return self.times(lambda frame: frame.get("isFinal"))


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[asyncio.Task[None]]:
    """Run a session; by the end of the block the client leaves, if it did not end before."""
    talk._inbox.put_nowait({"type": "websocket.connect"})
    await talk.websocket.accept()
    session = asyncio.create_task(talk.session.run())
    talk.say(text=" ")
    try:
        yield session
    finally:
        talk.leave()
        await session
        await talk.speaker.aclose()
    assert talk.speaker.streams == 0
    assert len(talk.receipts) == len({receipt.utterance_id for receipt in talk.receipts})


async def test_text_becomes_audio_then_text_then_one_final() -> None:
    talk = Talk()
    async with talking(talk) as session:
        talk.say(text="One two. Three")
        talk.say(text="")
        await session
    assert talk.pcm == tones("One two.") + tones("Three")
    assert talk.texts == ["One two.", "Three"]
    assert [frame["isFinal"] for _, frame in talk.frames][-1:] == [True]
    assert len(talk.finals) == 1
    assert talk.closed == (1000, "")


async def test_a_text_too_long_to_be_cut_at_once_is_spoken_to_its_end() -> None:
    talk = Talk()
    async with talking(talk) as session:
        talk.say(text="Yes. " * 1000 + "and the rest")
        talk.say(text="")
        await session
    assert talk.texts == ["Yes."] * 1000 + ["and the rest"]
    assert len(talk.finals) == 1


async def test_a_frame_holds_no_more_than_100_ms() -> None:
    talk = Talk("chunk-1000")
    async with talking(talk) as session:
        talk.say(text="A long sentence.")
        talk.say(text="")
        await session
    longest = max(len(base64.b64decode(frame.get("audio") or "")) for _, frame in talk.frames)
    assert longest == 24_000 // 10 * 2


async def test_small_chunks_go_out_at_once_and_together_when_there_are_many() -> None:
    fast, paced = Talk("chunk-10"), Talk("chunk-10+paced")
    for talk in (fast, paced):
        async with talking(talk) as session:
            talk.say(text="Ten chars.")
            talk.say(text="")
            await session
    assert len(fast.times(lambda frame: frame.get("audio"))) <= 6
    assert len(paced.times(lambda frame: frame.get("audio"))) == 40


async def test_the_final_comes_a_quiet_moment_after_the_end_of_playout() -> None:
    talk = Talk("late-1000")
    async with talking(talk):
        began_s = talk.clock.now_s()
        talk.say(text="Ten chars.")
        await asyncio.sleep(10)
        (final_s,) = talk.finals
    assert final_s - began_s == pytest.approx(1.0 + 10 * CHARACTER_S + 0.4, abs=0.01)


async def test_no_final_while_more_is_coming_and_none_when_it_is_turned_off() -> None:
    talk, without = Talk(), Talk(final_quiet_s=0.0)
    for each in (talk, without):
        async with talking(each):
            for _ in range(5):
                each.say(text="Yes. ")
                await asyncio.sleep(0.3)
            each.say(text="And th")
            await asyncio.sleep(5)
    assert talk.finals == []
    assert without.finals == []


async def test_the_next_sentence_is_made_while_one_is_being_sent() -> None:
    talk = Talk("paced")
    async with talking(talk):
        talk.say(text="First sentence here. Second one. Third one. ")
        await asyncio.sleep(0.1)
        assert talk.provider.spoken == ["First sentence here.", "Second one."]
        await asyncio.sleep(60)
    assert talk.texts == ["First sentence here.", "Second one.", "Third one."]
    assert read_back(talk.pcm) == "First sentence here.Second one.Third one."


async def test_an_interruption_stops_at_once_and_nothing_old_follows() -> None:
    talk = Talk("paced")
    async with talking(talk):
        talk.say(text="Old words that will not be heard to their end. More old words. And")
        await asyncio.sleep(0.5)
        before = len(talk.frames)
        talk.say(force=True, text="New.")
        await asyncio.sleep(0)
        await asyncio.sleep(10)
        talk.say(text="")
        await asyncio.sleep(1)
        new = [frame for _, frame in talk.frames[before:]]
    heard = b"".join(base64.b64decode(frame.get("audio") or "") for frame in new)
    assert heard == tones("New.")
    assert [frame["text"] for frame in new if frame.get("text")] == ["New."]
    assert sum(bool(frame.get("isFinal")) for frame in new) == 2
    assert talk.provider.aborted == 2
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.CANCELLED] * 2 + [Outcome.COMPLETED]


async def test_a_frame_that_waits_for_room_is_recalled() -> None:
    talk = Talk()
    async with talking(talk):
        talk.reads.clear()
        talk.say(text="Old words.")
        await asyncio.sleep(1)
        talk.say(force=True)
        talk.say(force=True)
        talk.say(text="New.")
        await asyncio.sleep(1)
        talk.reads.set()
        await asyncio.sleep(5)
    assert talk.pcm == tones("New.")
    assert talk.texts == ["New."]


async def test_a_recalled_header_comes_with_the_next_run() -> None:
    talk = Talk(audio_format=AudioFormat(Codec.PCM_S16LE, 24_000, Container.WAV))
    async with talking(talk):
        talk.reads.clear()
        talk.say(text="Old words.")
        await asyncio.sleep(1)
        talk.say(text="New.", force=True)
        await asyncio.sleep(1)
        talk.reads.set()
        await asyncio.sleep(5)
        talk.say(text="More.")
        await asyncio.sleep(5)
    assert talk.pcm[:4] == b"RIFF"
    assert talk.pcm.count(b"RIFF") == 1
    assert talk.pcm[44:] == tones("New.") + tones("More.")


async def test_a_client_that_does_not_read_stops_its_own_synthesis() -> None:
    talk = Talk("chunk-1000")
    async with talking(talk):
        talk.reads.clear()
        talk.say(text="a, " * 3000 + ". " + "Next. " * 50)
        await asyncio.sleep(60)
        assert len(talk.provider.spoken) == 2
        assert len(talk.session._outbox) <= 1
        made_s = sum(stream._made_s for stream in talk.session._streams.values())
        assert made_s < 20
    assert {receipt.outcome for receipt in talk.receipts} == {Outcome.CANCELLED}


async def test_audio_stays_within_the_bound_ahead_of_real_time() -> None:
    talk = Talk(settings=TelnyxSettings(max_ahead_ms=60), max_ahead_s=0.06)
    async with talking(talk) as session:
        began_s = talk.clock.now_s()
        talk.say(text="A sentence of some length. And another one.")
        talk.say(text="")
        await session
    sent_s = 0.0
    for at_s, frame in talk.frames:
        sent_s += len(base64.b64decode(frame.get("audio") or "")) / 48_000
        assert sent_s - (at_s - began_s) <= 0.06 + 0.061
    assert talk.pcm == tones("A sentence of some length.") + tones("And another one.")


async def test_silence_closes_but_not_while_audio_is_being_made() -> None:
    talk = Talk("paced+chunk-100", inactivity_timeout_s=2.0)
    async with talking(talk) as session:
        began_s = talk.clock.now_s()
        talk.say(text="x" * 250 + ".")
        await session
        assert talk.clock.now_s() - began_s == pytest.approx(251 * CHARACTER_S + 2.0, abs=0.2)
    assert talk.closed == (1000, "")
    assert talk.pcm == tones("x" * 250 + ".")


async def test_silence_speaks_what_still_waits_before_it_closes() -> None:
    talk = Talk(inactivity_timeout_s=2.0)
    async with talking(talk) as session:
        talk.say(text="no end")
        await session
    assert talk.pcm == tones("no end")
    assert len(talk.finals) == 1
    assert talk.closed == (1000, "")


async def test_spaces_keep_a_session_alive() -> None:
    talk = Talk(inactivity_timeout_s=2.0)
    async with talking(talk) as session:
        for _ in range(10):
            await asyncio.sleep(1.5)
            talk.say(text=" ")
        assert not session.done()
        await session
    assert talk.frames == []
    assert talk.closed == (1000, "")


async def test_a_full_stop_in_doubt_is_spoken_after_a_quiet_moment() -> None:
    talk = Talk()
    async with talking(talk):
        began_s = talk.clock.now_s()
        talk.say(text="It is 3.")
        await asyncio.sleep(5)
        (said_s,) = talk.times(lambda frame: frame.get("text"))
    assert said_s - began_s == pytest.approx(0.15, abs=0.01)


async def test_an_idle_session_holds_no_encoder_and_has_sent_all() -> None:
    talk = Talk(audio_format=AudioFormat(Codec.MP3, 24_000), final_quiet_s=0.0)
    async with talking(talk):
        talk.say(text="Hello there.")
        await asyncio.sleep(0.01)
        encoder = talk.session._encoder
        assert encoder is not None
        was_open, sent = encoder.is_open, len(talk.frames)
        await asyncio.sleep(1)
        assert (was_open, encoder.is_open) == (True, False)
        assert [frame["text"] for _, frame in talk.frames[sent:]] == [None]


async def test_a_server_that_is_about_to_stop_lets_a_session_finish() -> None:
    talk = Talk("paced")
    async with talking(talk) as session:
        talk.say(text="Let me finish this. And this")
        await asyncio.sleep(0.2)
        talk.drain.begin()
        await session
        assert await talk.drain.wait_until_empty(0)
    assert read_back(talk.pcm) == "Let me finish this.And this"
    assert len(talk.finals) == 1
    assert talk.closed == (1001, "")


async def test_at_the_deadline_a_session_leaves_at_once() -> None:
    talk = Talk("paced")
    async with talking(talk) as session:
        talk.say(text="This will take too long to be heard to its end.")
        await asyncio.sleep(0.2)
        talk.drain.begin()
        await asyncio.sleep(0.2)
        talk.drain.dismiss()
        await session
    assert talk.finals == []
    assert talk.closed == (1001, "")
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.CANCELLED]


async def test_a_client_that_vanishes_cancels_everything() -> None:
    talk = Talk("paced")
    async with talking(talk) as session:
        talk.say(text="One sentence. Another sentence. A third one.")
        await asyncio.sleep(0.2)
        talk.leave()
        await session
    assert talk.provider.aborted == 2
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.CANCELLED] * 2


async def test_a_client_that_vanishes_while_a_frame_waits() -> None:
    talk = Talk()
    async with talking(talk) as session:
        talk.reads.clear()
        talk.say(text="One sentence.")
        await asyncio.sleep(0.2)
        talk.leave()
        await session
    assert talk.frames == []


async def test_what_was_made_before_a_failure_is_heard() -> None:
    talk = Talk("fail-3", audio_format=AudioFormat(Codec.MULAW, 8000))
    async with talking(talk) as session:
        talk.say(text="Not to the end. Never reached.")
        await session
    assert len(talk.pcm) == pytest.approx(3 * 160, abs=2)
    assert talk.frames[-1][1]["error"] == "Error in audio response"
    assert talk.closed == (1011, "Error in audio response")
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.FAILED, Outcome.CANCELLED]


async def test_a_flood_of_frames_leaves_others_their_turn() -> None:
    talk, turns = Talk(), 0
    async with talking(talk):
        for _ in range(400):
            talk.say(text=" ")
        while turns < 1000 and not talk._inbox.empty():
            turns += 1
            await asyncio.sleep(0)
    assert 400 // 8 <= turns < 1000
