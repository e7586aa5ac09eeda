"""Word events become times of whole words, each once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxgate.providers.contract import WordTime
from voxgate.providers.espeak_words import WordTimes


def spoken(text: str, events: list[tuple[int, int, int]]) -> list[str]:
    return [text[w.text_start : w.text_start + w.text_length] for w in WordTimes(text, 1000).take(events)]


def test_events_become_words_with_times() -> None:
    times = WordTimes("Hello there", 22050)
    assert times.take([(0, 5, 0)]) == (WordTime(0, 5, 0.0),)
    assert times.take([(6, 5, 22050)]) == (WordTime(6, 5, 1.0),)


def test_a_number_is_one_word() -> None:
    text = "It is 12,345 or $3.50."
    events = [
        (0, 2, 0),
        (3, 2, 1),
        (6, 3, 2),
        (7, 3, 3),
        (9, 3, 4),
        (13, 2, 5),
        (16, 1, 6),
        (17, 4, 7),
        (18, 4, 8),
    ]
    assert spoken(text, events) == ["It", "is", "12,345", "or", "$", "3.50"]


def test_a_word_told_twice_is_reported_once() -> None:
    assert spoken("東京 ok", [(0, 2, 0), (0, 2, 500), (3, 2, 900)]) == ["東京", "ok"]


def test_a_word_longer_than_espeak_can_say_is_whole() -> None:
    text = "a" * 60 + " b"
    assert spoken(text, [(0, 31, 0), (61, 1, 900)]) == ["a" * 60, "b"]


def test_what_has_no_place_in_the_document_is_left_out() -> None:
    times = WordTimes("one two", 1000, lambda start, end: (start + 10, end + 10) if start else None)
    assert times.take([(0, 3, 0), (4, 3, 5)]) == (WordTime(14, 3, 0.005),)


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(-3, 50), st.integers(0, 31), st.integers(0, 10**6)), max_size=20),
)
def test_any_events_give_words_in_order_inside_the_text(
    text: str, events: list[tuple[int, int, int]]
) -> None:
    end = 0
    for word in WordTimes(text, 22050).take(events):
        assert end <= word.text_start < word.text_start + word.text_length <= len(text)
        end = word.text_start + word.text_length
