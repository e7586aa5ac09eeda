"""Sessions over a scripted voice, in virtual time, on a link that may stop being read."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.support.uplift_talk import EXACT, KEY, Endless, Spent, Talk, talking
from voxgate.access.browser_tokens import Budget, Grant, Scope
from voxgate.access.keys import ApiKey
from voxgate.config import PlanSettings
from voxgate.errors import RateLimited
from voxgate.protocols.uplift.socket_session import MAX_OUTBOX
from voxgate.protocols.uplift.socket_speech import CONNECTION_BYTES, STREAM_BYTES
from voxgate.speech.receipt import Outcome
from voxgate.testing.scripted import CHARACTER_MS, read_back, tones

pytestmark = pytest.mark.virtual_time

CHARACTER_S = CHARACTER_MS / 1000
SECOND_BYTES = 2 * 22_050


def exact(text: str) -> bytes:
    return tones(text, rate_hz=22_050)


async def test_ready_comes_first_and_once() -> None:
    async with talking(talk := Talk()):
        await asyncio.sleep(1)
        talk.synthesize("a", "Hello.")
        await asyncio.sleep(1)
    kinds = [message["type"] for _, message in talk.messages]
    assert kinds.index("ready") == 0
    assert kinds.count("ready") == 1
    assert talk.messages[0][1]["sessionId"].startswith("session_")


async def test_a_request_is_start_pieces_in_order_and_end() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "Hello there.")
        await asyncio.sleep(1)
    assert talk.audio("a") == exact("Hello there.")
    kinds = talk.kinds("a")
    pieces = len(kinds) - 2
    assert kinds == ["audio_start", *["audio"] * pieces, "audio_end"]
    sequences = [message["sequence"] for message in talk.of("a") if message["type"] == "audio"]
    assert sequences == list(range(pieces))
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.COMPLETED]


async def test_pieces_are_even_and_about_four_kib() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "Ten chars " * 10)
        await asyncio.sleep(1)
    pieces = [message["audio"] for message in talk.of("a") if message["type"] == "audio"]
    sizes = [len(base64.b64decode(piece)) for piece in pieces]
    assert all(size % 2 == 0 for size in sizes)
    assert all(3_800 < size <= 4_608 for size in sizes[:-2])


async def test_a_chunk_goes_out_when_it_is_made() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "Ten chars.", voiceId=f"{EXACT}+paced+chunk-20")
        await asyncio.sleep(CHARACTER_S * 5)
        assert len(talk.audio("a")) >= SECOND_BYTES * CHARACTER_S * 5


async def test_no_more_requests_run_than_may_and_the_rest_wait_in_order() -> None:
    async with talking(talk := Talk(max_running=3)):
        for number in range(7):
            talk.synthesize(f"r{number}", f"text {number}", voiceId="Local.Test.paced")
        await asyncio.sleep(0.01)
        assert talk.provider.spoken == ["text 0", "text 1", "text 2"]
        await asyncio.sleep(CHARACTER_S * 6 + 0.01)
        assert talk.provider.spoken == [f"text {number}" for number in range(6)]
        await asyncio.sleep(1)
    assert sorted(talk.ended()) == [f"r{number}" for number in range(7)]


async def test_a_request_that_stalls_holds_up_no_other_and_those_share_evenly() -> None:
    talk = Talk()
    async with talking(talk):
        talk.synthesize("stalls", "It hangs.", voiceId=f"{EXACT}+hang-2")
        for number in range(4):
            talk.synthesize(f"r{number}", "The same text for each of them, and long enough.")
        await asyncio.sleep(1)
        order = [message["requestId"] for _, message in talk.messages if message["type"] == "audio"]
    assert len(talk.ended()) == 4
    middle = order[10:50]
    shares = [middle.count(f"r{number}") for number in range(4)]
    assert sum(shares) ** 2 / (4 * sum(share**2 for share in shares)) >= 0.95  # Jain's index


async def test_after_a_cancel_not_a_word() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "A long text that is cancelled.", voiceId="Local.Test.paced")
        await asyncio.sleep(0.3)
        heard = len(talk.of("a"))
        assert heard > 1
        talk.cancel("a")
        assert talk.provider.aborted == 1, "the provider is told in the same tick"
        await asyncio.sleep(5)
        assert len(talk.of("a")) == heard
    assert [receipt.outcome for receipt in talk.receipts] == [Outcome.CANCELLED]


async def test_what_waits_for_room_is_taken_back_by_a_cancel() -> None:
    async with talking(talk := Talk()):
        await asyncio.sleep(0)
        talk.reads.clear()
        talk.synthesize("a", "This one is cancelled.")
        talk.synthesize("b", "This one is not.")
        await asyncio.sleep(1)
        talk.cancel("a")
        await asyncio.sleep(1)
        talk.reads.set()
        await asyncio.sleep(1)
    assert talk.of("a") == []
    assert talk.audio("b") == exact("This one is not.")
    assert talk.kinds("b")[-1] == "audio_end"


async def test_a_cancel_lets_the_next_one_begin() -> None:
    async with talking(talk := Talk(max_running=1)):
        talk.synthesize("a", "It hangs.", voiceId="Local.Test.hang-0")
        talk.synthesize("b", "It waits.")
        talk.synthesize("c", "It waits, too.")
        await asyncio.sleep(0.1)
        talk.cancel("b")
        talk.cancel("a")
        await asyncio.sleep(1)
    assert talk.ended() == ["c"]
    assert talk.provider.spoken == ["It hangs.", "It waits, too."]


async def test_an_id_is_used_once_and_the_first_request_runs_on() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "The first.", voiceId=f"{EXACT}+paced")
        talk.synthesize("a", "The second.")
        await asyncio.sleep(2)
        talk.synthesize("a", "The third.")
        await asyncio.sleep(2)
    assert talk.errors() == [("a", "duplicate_request")] * 2
    assert talk.audio("a") == exact("The first.")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"voiceId": "nobody"}, "synthesis_failed"),
        ({"voiceId": "No.Such.Voice"}, "synthesis_failed"),
        ({"voiceId": "Local.Test.refuse"}, "synthesis_failed"),
        ({"voiceId": "Local.Test.empty"}, "synthesis_failed"),
        ({"voiceId": 7}, "synthesis_failed"),
        ({"outputFormat": "MP3_22050_96"}, "synthesis_failed"),
        ({"text": ""}, "synthesis_failed"),
        ({"text": None}, "synthesis_failed"),
        ({"text": "x" * 10_001}, "text_too_long"),
        ({"speed": 9}, "synthesis_failed"),
        ({"phraseReplacementConfigId": "unknown"}, "synthesis_failed"),
    ],
)
async def test_a_request_that_cannot_be_met_is_told_and_the_connection_stays(
    message: dict[str, Any], code: str
) -> None:
    async with talking(talk := Talk()):
        talk.say("synthesize", **{"requestId": "a", "text": "Hello.", **message})
        await asyncio.sleep(2)
        assert talk.errors() == [("a", code)]
        assert talk.kinds("a") == ["error"]
        talk.synthesize("b", "Still here.")
        await asyncio.sleep(1)
    assert talk.audio("b") == exact("Still here.")


async def test_a_failure_half_way_is_told_after_the_audio_made_before() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "It fails after five chunks.", voiceId=f"{EXACT}+fail-5")
        await asyncio.sleep(1)
    assert talk.audio("a") == exact("It fails after five chunks.")[: 5 * 882]
    assert talk.kinds("a")[-1] == "error"


async def test_limits_are_told_and_pass() -> None:
    async with talking(talk := Talk(synthesize_per_minute=2, cancel_per_minute=1)):
        for name in "abc":
            talk.synthesize(name, "Hi.")
        talk.cancel("x")
        talk.cancel("y")
        await asyncio.sleep(60)
        talk.synthesize("c", "Hi.")
        await asyncio.sleep(1)
    assert sorted(talk.errors()) == [("c", "rate_limit_exceeded"), ("y", "rate_limit_exceeded")]
    assert sorted(talk.ended()) == ["a", "b", "c"]


async def test_a_client_that_does_not_read_is_given_up() -> None:
    talk = Talk()
    async with talking(talk) as session:
        await asyncio.sleep(0)
        began_s = talk.clock.now_s()
        talk.reads.clear()
        for number in range(8):
            talk.synthesize(f"r{number}", f"{number}. " + "A long sentence, and then some more. " * 200)
        await asyncio.sleep(9.9)
        assert not session.done()
        made_bytes = sum(receipt.audio_made_s for receipt in talk.receipts) * SECOND_BYTES
        made_bytes += sum(stream._made_s for stream in talk.speaker._streams) * SECOND_BYTES
        assert made_bytes <= CONNECTION_BYTES, "synthesis waits for the reader"
        await session
        assert talk.clock.now_s() - began_s == pytest.approx(10)
        assert talk.aborted
    assert all(receipt.outcome is Outcome.CANCELLED for receipt in talk.receipts)


async def test_a_client_that_reads_slowly_is_not_given_up() -> None:
    talk = Talk()
    async with talking(talk) as session:
        await asyncio.sleep(0)
        talk.reads.clear()
        talk.synthesize("a", "Hello there.")
        for _ in range(6):
            await asyncio.sleep(9)
            talk.read_bytes += 1  # something was read, if not enough to make room
        assert not session.done()
        talk.reads.set()
        await asyncio.sleep(1)
    assert talk.audio("a") == exact("Hello there.")


async def test_nothing_is_read_from_a_client_that_does_not_read_its_answers() -> None:
    async with talking(talk := Talk()):
        await asyncio.sleep(0)
        talk.reads.clear()
        for _ in range(MAX_OUTBOX + 1):
            talk.say("nonsense")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.session.room(), 5)
        talk.reads.set()
        await talk.session.room()
        await asyncio.sleep(0)
    assert len(talk.errors()) == MAX_OUTBOX + 1


async def test_a_client_that_goes_away_ends_everything() -> None:
    talk = Talk()
    async with talking(talk) as session:
        talk.synthesize("a", "It hangs.", voiceId="Local.Test.hang-1")
        talk.synthesize("b", "Words", phraseReplacementConfigId="greeting")
        await asyncio.sleep(0.5)
        talk.gone = True
        talk.synthesize("c", "Nobody hears it.")
        await session
    assert talk.provider.aborted >= 1


async def test_when_the_server_is_about_to_stop_what_was_accepted_is_spoken() -> None:
    talk = Talk(max_running=1)
    async with talking(talk) as session:
        talk.synthesize("a", "The first.", voiceId=f"{EXACT}+paced")
        talk.synthesize("b", "The second.", voiceId=f"{EXACT}+paced")
        await asyncio.sleep(0.1)
        talk.drain.begin()
        talk.synthesize("c", "Too late.")
        await session
    assert talk.ended() == ["a", "b"]
    assert talk.errors() == [("c", "synthesis_failed")]
    assert talk.closed is not None
    assert talk.closed[0] == 1001


async def test_an_idle_connection_is_closed_at_once_when_the_server_is_about_to_stop() -> None:
    talk = Talk()
    async with talking(talk) as session:
        await asyncio.sleep(3)
        talk.drain.begin()
        await session
    assert talk.closed is not None
    assert talk.closed_at_s == talk.clock.now_s()


async def test_after_the_deadline_it_is_closed_whatever_runs() -> None:
    talk = Talk()
    async with talking(talk) as session:
        talk.synthesize("a", "It hangs.", voiceId="Local.Test.hang-1")
        await asyncio.sleep(0.1)
        talk.drain.begin()
        await asyncio.sleep(10)
        assert not session.done()
        talk.drain.dismiss()
        await session
    assert talk.closed is not None
    assert talk.closed[0] == 1001
    assert "audio_end" not in talk.kinds("a")


async def test_phrases_are_replaced_before_they_are_spoken() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "Oh hi there.", phraseReplacementConfigId="greeting")
        talk.synthesize("b", "Nothing to wait for.")
        await asyncio.sleep(2)
    assert talk.audio("a") == exact("Oh good day there.")
    assert sorted(talk.ended()) == ["a", "b"]


async def test_a_request_can_be_cancelled_while_it_is_judged() -> None:
    async with talking(talk := Talk()):
        talk.synthesize("a", "hi", phraseReplacementConfigId="greeting")
        talk.cancel("a")
        await asyncio.sleep(3)
    assert talk.of("a") == []
    assert talk.provider.spoken == []


async def test_speed_is_honoured_slow_and_fast() -> None:
    async with talking(talk := Talk()):
        for speed in (0.25, 0.5, 1.0, 2.0):
            talk.synthesize(f"{speed}", "Ten chars.", speed=speed)
        await asyncio.sleep(1)
    for speed in (0.25, 0.5, 1.0, 2.0):
        seconds = len(talk.audio(f"{speed}")) / SECOND_BYTES
        assert seconds == pytest.approx(10 * CHARACTER_S / speed, rel=0.02)


async def test_a_long_text_is_spoken_whole_and_begins_with_its_first_sentence() -> None:
    text = "It begins. " + "Then it goes on and on for a while. " * 20 + "And ends."
    async with talking(talk := Talk()):
        talk.synthesize("a", text, voiceId=EXACT)
        await asyncio.sleep(1)
    assert "".join(talk.provider.spoken) == text
    assert talk.provider.spoken[0] == "It begins. "
    assert read_back(talk.audio("a"), rate_hz=22_050).replace(" ", "") == text.replace(" ", "")


async def test_a_plan_says_how_much_is_spoken_at_once() -> None:
    async with talking(talk := Talk(plan=PlanSettings(streams=1))):
        for name in "abc":
            talk.synthesize(name, f"text {name}", voiceId="Local.Test.paced")
        await asyncio.sleep(0.1)
        assert talk.provider.spoken == ["text a"]
        talk.cancel("b")
        await asyncio.sleep(2)
    assert talk.ended() == ["a", "c"]


async def test_only_what_was_heard_is_counted() -> None:
    quota = Endless()
    async with talking(talk := Talk(quota=quota, max_running=1)):
        talk.synthesize("heard", "12345")
        talk.synthesize("half", "1234567", voiceId="Local.Test.paced")
        talk.synthesize("waits", "123", voiceId="Local.Test.paced")
        talk.synthesize("fails", "1", voiceId="Local.Test.refuse")
        await asyncio.sleep(0.1)
        assert quota.spent == 5 + 7 + 3 + 1
        talk.cancel("waits")
        talk.cancel("half")
        await asyncio.sleep(1)
        assert quota.spent == 5 + 7
        talk.synthesize("last", "It is judged for a second.", phraseReplacementConfigId="greeting")
    assert quota.spent == 5 + 7


class UsedUp(Endless):
    """Has to ask the database, and gets a no."""

    def spend_now(self, key: ApiKey, characters: int) -> Spent | None:
        return None

    async def spend(self, key: ApiKey, characters: int) -> Spent:
        await asyncio.sleep(0.1)
        raise RateLimited("Your plan has 10 characters a day", retry_after_s=3600)


async def test_when_the_day_is_used_up_it_is_told() -> None:
    async with talking(talk := Talk(quota=UsedUp())):
        talk.synthesize("a", "Too much.")
        await asyncio.sleep(1)
        talk.synthesize("a", "Still too much.")
        await asyncio.sleep(1)
    assert talk.errors() == [("a", "rate_limit_exceeded")] * 2


async def test_a_browsers_token_speaks_only_what_it_is_for() -> None:
    grant = Grant(KEY, Scope(voices=frozenset({EXACT.lower()})), Budget(10))
    async with talking(talk := Talk(grant=grant)):
        talk.synthesize("a", "Hello.")
        talk.synthesize("b", "Hi", voiceId="Local.Test.plain")
        talk.synthesize("c", "Too long.")
        talk.synthesize("d", "Bye.")
        await asyncio.sleep(1)
    assert sorted(talk.ended()) == ["a", "d"]
    assert talk.errors() == [("b", "synthesis_failed"), ("c", "synthesis_failed")]


async def test_a_token_gets_back_what_was_not_heard() -> None:
    grant = Grant(KEY, Scope(), Budget(10))
    async with talking(talk := Talk(grant=grant)):
        for name in ("a", "b"):
            talk.synthesize(name, "Ten chars.", voiceId="Local.Test.hang-0")
            await asyncio.sleep(0.1)
            talk.cancel(name)
        talk.synthesize("c", "Ten chars.", phraseReplacementConfigId="unknown")
        await asyncio.sleep(2)
        talk.synthesize("d", "Ten chars.")
        await asyncio.sleep(1)
    assert talk.ended() == ["d"]


async def test_the_next_piece_is_made_while_one_is_delivered() -> None:
    async with talking(talk := Talk()):
        text = "This is the first sentence. " + "And this is the second one, which is longer. " * 3
        talk.synthesize("a", text, voiceId=f"{EXACT}+paced")
        await asyncio.sleep(0.1)
        assert len(talk.provider.spoken) == 2


async def test_streams_share_what_may_wait_for_the_reader() -> None:
    async with talking(talk := Talk()):
        for number in range(8):
            talk.synthesize(f"r{number}", "It hangs.", voiceId="Local.Test.hang-1")
        await asyncio.sleep(0.1)
        shares = [stream.utterance.hold_bytes for stream in talk.speaker._streams]
        assert len(shares) == 8
        assert set(shares) == {STREAM_BYTES}
        assert sum(shares) <= CONNECTION_BYTES
        for number in range(8):
            talk.cancel(f"r{number}")
        # One after another, many pieces each: what they held is there for the next.
        for number in range(5):
            talk.synthesize(f"s{number}", "One sentence after the other. " * 50)
            await asyncio.sleep(1)
        talk.synthesize("last", "It hangs.", voiceId="Local.Test.hang-1")
        await asyncio.sleep(0.1)
        assert [stream.utterance.hold_bytes for stream in talk.speaker._streams] == [STREAM_BYTES]
