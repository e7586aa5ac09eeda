from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxgate.protocols.telnyx.backlog import QUEUED_PIECES, SLICE_CHARACTERS, Backlog, slices
from voxgate.protocols.telnyx.intake import TextIntake

texts = st.text(st.sampled_from("ab .,!?\n😀جہ。"), max_size=3 * SLICE_CHARACTERS)


def drain(backlog: Backlog) -> list[str]:
    pieces = []
    while not backlog.is_done:
        backlog.step()
        while (piece := backlog.take()) is not None:
            pieces.append(piece)
    return pieces


@given(texts)
def test_slices_are_short_and_joined_are_the_text(text: str) -> None:
    pieces = list(slices(text))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= SLICE_CHARACTERS
    assert all(pieces) or text == ""


def test_no_slice_ends_where_a_sentence_seems_to() -> None:
    text = "One sentence. Another one is 3.14 long! " * 100
    ends = [piece[-1] for piece in list(slices(text))[:-1]]
    assert ends
    assert not set(ends) & set(".!?")


def test_a_long_text_gives_the_same_pieces_as_in_one() -> None:
    text = "One sentence. Another one is 3.14 long! And Dr. Smith said: no. " * 100
    backlog, whole = Backlog(TextIntake("en")), TextIntake("en")
    backlog.put(text)
    backlog.flush()
    assert drain(backlog) == whole.feed(text) + whole.flush()


def test_cutting_stops_when_enough_is_ready_and_goes_on_when_it_is_not() -> None:
    backlog = Backlog(TextIntake("en"))
    backlog.put("Yes. " * 2000)
    wants, waiting = [], []
    for _ in range(2):
        backlog.step()
        wants.append(backlog.wants_step)
        waiting.append(backlog.characters)
        while not backlog.wants_step:
            assert backlog.take() is not None
    assert wants == [False, False]
    assert 9000 < waiting[0] <= 10_000
    assert waiting[1] < waiting[0]


def test_one_step_does_little_even_when_nothing_comes_of_it() -> None:
    backlog = Backlog(TextIntake("en"))
    backlog.put("*" * 10 * SLICE_CHARACTERS)
    backlog.step()
    assert backlog.wants_step
    assert backlog.characters >= 8 * SLICE_CHARACTERS


def test_a_flush_keeps_its_place() -> None:
    backlog = Backlog(TextIntake("en"))
    for text in ("first part", "second part"):
        backlog.put(text)
        backlog.flush()
    assert drain(backlog) == ["first part", "second part"]
    assert backlog.characters == 0


def test_what_is_cleared_is_gone() -> None:
    backlog = Backlog(TextIntake("en"))
    backlog.put("One. Two. " * 500)
    backlog.step()
    backlog.clear()
    assert (backlog.is_done, backlog.characters, backlog.take()) == (True, 0, None)


def test_the_queue_is_about_as_long_as_it_says() -> None:
    backlog = Backlog(TextIntake("en"))
    for _ in range(100):
        backlog.put("Yes.")
        backlog.step()
    pieces = 0
    while backlog.take() is not None:
        pieces += 1
    assert pieces == QUEUED_PIECES
