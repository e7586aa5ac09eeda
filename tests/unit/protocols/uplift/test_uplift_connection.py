"""The machine by example; what holds whatever comes in is in ``tests/property``."""

from __future__ import annotations

import pytest

from voxgate.errors import RateLimited
from voxgate.protocols.uplift.connection import (
    CHUNK_BYTES,
    MAX_WAITING,
    REMEMBERED_IDS,
    ConnectionSettings,
    UpliftConnection,
)
from voxgate.protocols.uplift.events import (
    Admit,
    Admitted,
    Close,
    Effect,
    Ended,
    Event,
    Made,
    Received,
    Refund,
    Refused,
    Send,
    ServerClosing,
    Speak,
    Stop,
)
from voxgate.protocols.uplift.messages import (
    Audio,
    AudioEnd,
    AudioStart,
    Cancel,
    Code,
    Error,
    Synthesize,
)

ENDLESS = ConnectionSettings(synthesize_per_minute=0, cancel_per_minute=0)


def ask(request_id: str, text: str = "Hello", at_s: float = 0.0) -> Received:
    return Received(at_s, Synthesize(request_id, text))


def tell(machine: UpliftConnection, *events: Event) -> list[Effect]:
    return [effect for event in events for effect in machine.handle(event)]


def codes(effects: list[Effect]) -> list[tuple[str | None, Code]]:
    messages = [effect.message for effect in effects if isinstance(effect, Send)]
    return [(message.request_id, message.code) for message in messages if isinstance(message, Error)]


def test_a_request_from_its_message_to_its_end() -> None:
    machine = UpliftConnection(ConnectionSettings())
    assert machine.handle(ask("a")) == [Admit(1, Synthesize("a", "Hello"))]
    assert machine.handle(Admitted(1)) == [Speak(1)]
    assert machine.handle(Made(1, b"")) == []
    assert machine.handle(Made(1, b"1234")) == [
        Send(AudioStart("a"), 1),
        Send(Audio("a", b"1234", 0), 1),
    ]
    assert machine.handle(Ended(1, b"56")) == [Send(Audio("a", b"56", 1), 1), Send(AudioEnd("a"), 1)]


def test_much_audio_is_split_evenly_and_never_within_a_sample() -> None:
    machine = UpliftConnection(ConnectionSettings())
    tell(machine, ask("a"), Admitted(1))
    effects = machine.handle(Made(1, bytes(2 * CHUNK_BYTES + 2)))
    sizes = [
        len(effect.message.audio)
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, Audio)
    ]
    assert sizes == [3074, 3074, 3070]


def test_the_last_ten_thousand_ids_are_remembered() -> None:
    machine = UpliftConnection(ENDLESS)
    for number in range(REMEMBERED_IDS + 1):
        tell(machine, ask(f"r{number}"), Admitted(number + 1), Ended(number + 1, b"12"))
    assert codes(machine.handle(ask(f"r{REMEMBERED_IDS}"))) == [
        (f"r{REMEMBERED_IDS}", Code.DUPLICATE_REQUEST)
    ]
    assert codes(machine.handle(ask("r1"))) == [("r1", Code.DUPLICATE_REQUEST)]
    assert codes(machine.handle(ask("r0"))) == []


def test_the_id_of_a_request_that_was_refused_can_be_used_again() -> None:
    machine = UpliftConnection(ConnectionSettings())
    assert codes(tell(machine, ask("a"), Refused(1, RateLimited("enough")))) == [
        ("a", Code.RATE_LIMIT_EXCEEDED)
    ]
    assert codes(machine.handle(ask("a", "x" * 10_001))) == [("a", Code.TEXT_TOO_LONG)]
    assert machine.handle(ask("a")) == [Admit(2, Synthesize("a", "Hello"))]


def test_who_is_judged_slowly_keeps_the_place_in_line() -> None:
    machine = UpliftConnection(ConnectionSettings())
    tell(machine, ask("slow"), ask("quick"))
    assert machine.handle(Admitted(2)) == []
    assert machine.handle(Admitted(1)) == [Speak(1), Speak(2)]


def test_a_cancel_in_line_leaves_the_others_in_order() -> None:
    machine = UpliftConnection(ConnectionSettings(max_running=1))
    tell(machine, *(ask(name) for name in "abc"), *map(Admitted, (1, 2, 3)))
    assert machine.handle(Received(0, Cancel("b"))) == [Refund(2), Stop(2)]
    assert machine.handle(Received(0, Cancel("a"))) == [Refund(1), Stop(1), Speak(3)]


@pytest.mark.parametrize("cancelled", ["never", "over"])
def test_a_cancel_of_nothing_is_passed_over(cancelled: str) -> None:
    machine = UpliftConnection(ConnectionSettings())
    tell(machine, ask("over"), Admitted(1), Ended(1, b"12"))
    assert machine.handle(Received(0, Cancel(cancelled))) == []


def test_only_so_many_may_wait() -> None:
    machine = UpliftConnection(ConnectionSettings(max_running=1, synthesize_per_minute=0))
    tell(machine, ask("running"), Admitted(1))
    effects = tell(machine, *(ask(f"r{number}") for number in range(MAX_WAITING + 1)))
    assert codes(effects) == [(f"r{MAX_WAITING}", Code.RATE_LIMIT_EXCEEDED)]


def test_only_so_much_text_may_wait_but_one_text_may_always() -> None:
    settings = ConnectionSettings(max_running=1, max_waiting_characters=5)
    machine = UpliftConnection(settings)
    tell(machine, ask("running", "x" * 50), Admitted(1))
    assert codes(machine.handle(ask("long", "x" * 50))) == []
    assert codes(machine.handle(ask("more", "x"))) == [("more", Code.RATE_LIMIT_EXCEEDED)]


def test_sixty_a_minute_then_no_more_until_the_first_is_a_minute_old() -> None:
    machine = UpliftConnection(ConnectionSettings(max_running=64))
    for number in range(60):
        assert codes(machine.handle(ask(f"r{number}", at_s=number / 2))) == []
    assert codes(machine.handle(ask("next", at_s=59.9))) == [("next", Code.RATE_LIMIT_EXCEEDED)]
    assert codes(machine.handle(ask("next", at_s=60.0))) == []
    assert codes(machine.handle(ask("last", at_s=60.1))) == [("last", Code.RATE_LIMIT_EXCEEDED)]


def test_an_idle_connection_closes_as_soon_as_the_server_stops() -> None:
    machine = UpliftConnection(ConnectionSettings())
    assert machine.handle(ServerClosing()) == [Close(1001, "The server is about to stop")]
    assert machine.handle(ask("a")) == []
