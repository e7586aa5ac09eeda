import pytest

from voxgate.providers._word_list import WordList


def found(text: str, words: list[str]) -> list[str]:
    """Which words are found, each as the text spells it, with its place."""
    finder = WordList()
    finder.add(text)
    times = finder.find(words, [float(number) for number in range(len(words))])
    return [
        f"{time.text_start}:{text[time.text_start :][: time.text_length]}@{time.at_s:g}" for time in times
    ]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Hello there.", ["Hello", "there."], ["0:Hello@0", "6:there.@1"]),
        ("Hello, there", ["Hello", "there"], ["0:Hello@0", "7:there@1"]),
        ("the cat the", ["the", "cat", "the"], ["0:the@0", "4:cat@1", "8:the@2"]),
        # A word within a word is none.
        ("another other", ["other"], []),
        ("together, other", ["together,", "other"], ["0:together,@0", "10:other@1"]),
        # What was written out is passed over; what follows counts again.
        ("It costs 20 euros.", ["It", "costs", "twenty", "euros."],
         ["0:It@0", "3:costs@1", "12:euros.@3"]),
        # One word of the text is never taken for another that happens to be spelled alike.
        ("1 or one", ["one", "or", "one"], ["2:or@1", "5:one@2"]),
        ("[laugh] Oh no", ["Oh", "no"], ["11:no@1"]),
        ("x" * 100 + " far", ["near", "far"], []),
        ("quoted “word” here", ["“word”", "here"], ["14:here@1"]),
        ("", ["nothing"], []),
        ("Hi", ["", "Hi"], ["0:Hi@1"]),
    ],
)  # fmt: skip
def test_words_are_found_only_where_that_is_sure(text: str, words: list[str], expected: list[str]) -> None:
    assert found(text, words) == expected


def test_times_never_go_back_and_count_from_their_offset() -> None:
    finder = WordList()
    finder.add("one two ")
    assert [time.at_s for time in finder.find(["one", "two"], [0.0, 0.5], 1.0)] == [1.0, 1.5]
    finder.add("three four")
    assert [time.at_s for time in finder.find(["three", "four"], [0.0, 1.0], 1.0)] == [2.0]


def test_lists_of_different_length_lose_nothing_else() -> None:
    finder = WordList()
    finder.add("one two")
    assert len(finder.find(["one", "two"], [0.0])) == 1
