"""Markdown, emoji and vendors' inline markup out of a text that is to be spoken."""

# ruff: noqa: RUF001 - signs that look like others are what is tested

from __future__ import annotations

import pytest

from voxgate.speech.markup import MarkdownStripper, strip_inline_markup, strip_markdown


@pytest.mark.parametrize(
    ("markdown", "spoken"),
    [
        ("# A title\nThe text", "A title\nThe text"),
        ("### A title ###", "A title"),
        ("**bold**, *italic*, ***both***, __bold__, _italic_", "bold, italic, both, bold, italic"),
        ("**Note:** be careful", "Note: be careful"),
        ("这是**重点**内容", "这是重点内容"),
        ("यह **बहुत** अच्छा है।", "यह बहुत अच्छा है।"),
        ("یہ **بہت** اچھا ہے۔", "یہ بہت اچھا ہے۔"),
        ("~~gone~~ here", "gone here"),
        ("Call `print` or ``x`` now", "Call print or x now"),
        ("See [the docs](https://example.com/a_(b)) now", "See the docs now"),
        ('A [text](url) and a [titled one](/x "Its title").', "A text and a titled one."),
        ("![A red car](car.png) there", "A red car there"),
        ("[![Badge](b.svg)](https://example.com)", "Badge"),
        ("See [docs][1].\n[1]: https://example.com", "See docs.\n"),
        ("<https://example.com/x>", "https://example.com/x"),
        ("A fact[^1] of life", "A fact of life"),
        ("- eggs\n* milk\n+ salt\n  - more salt\n• bread", "eggs\nmilk\nsalt\nmore salt\nbread"),
        ("- [ ] to do\n- [x] done", "to do\ndone"),
        ("1. First\n2. Second", "1. First\n2. Second"),
        ("> He said\n> > so", "He said\nso"),
        ("above\n---\nbelow\n***\n_ _ _\n===", "above\n\nbelow\n\n\n"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b\n\n1, 2"),
        ("Before\n```python\nx = 1\n```\nafter", "Before\nafter"),
        ("Before\n~~~\nx = 1\n~~~\nafter", "Before\nafter"),
        ("Before\n````\n```\nx\n```\n````\nafter", "Before\nafter"),
        ("- item\n  ```\n  x\n  ```\nafter", "item\nafter"),
        (r"\*not italic\* and 2 \* 3", "not italic and 2 * 3"),
        ("**Hello there.", "Hello there."),
        ("World** ok", "World ok"),
    ],
)
def test_markdown_is_stripped(markdown: str, spoken: str) -> None:
    assert strip_markdown(markdown) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 is 24",
        "2*3*4, 2**3 and a*b",
        "snake_case_name",
        "a < b and c > d",
        "C# is #1",
        "Read https://example.com/a_b/_c_/d?x=1#f_g, or www.example.com/_x",
        "mail me_too@example.com",
        "f***ing",
        "3 - 2 = 1 and -5",
        "[note] then (aside) and [a] (b)",
        "a || b | c",
        "~5 minutes",
        "o`zbek, l'été, rock 'n' roll",
        "© 2024 ™ ® № § ½ → ♯ ♭",
        "क्‍ष and می‌خواهم keep their joiners",
        "Fill in ___ here",
    ],
)
def test_what_only_looks_like_markdown_stays(text: str) -> None:
    assert strip_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hi 😀 there", "Hi there"),
        ("Done ✅.", "Done."),
        ("See you! 👋🏽", "See you!"),
        ("👩‍👩‍👧‍👦 family", " family"),
        ("From 🇵🇰🇩🇪 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "From and"),
        ("Press 1️⃣ or #️⃣", "Press 1 or #"),
        ("I ❤️ it ❤", "I it"),
        ("Go ➡️ on ☀️⚠️", "Go on"),
        ("©️ and ™️", "© and ™"),
        ("Really❓ Yes❗", "Really? Yes!"),
        ("2 ➕ 3", "2 + 3"),
        ("😀🎉😀", ""),
        ("F♯ → ① ❶", "F♯ → ① ❶"),
    ],
)
def test_emoji_are_stripped(text: str, spoken: str) -> None:
    assert strip_markdown(text) == spoken


@pytest.mark.parametrize(
    "markup",
    [
        *("[laughter]", "[pause]", "[long-pause]", "[happy]", "[very excited]", "(happy)", "(sighing)"),
        *('<emotion value="excited"/>', "<emotion value='*sad*' />", "<whisper>", "</whisper>"),
        *('<break time="1s"/>', '<speed ratio="1.5"/>', "<spell>", "<laugh-speak>"),
    ],
)
@pytest.mark.parametrize(
    "around", ["%s", "**%s**", "_%s_ x", "# %s", "- %s", "> %s", "[x](%s)", "%s(x)", "`%s`", "😀%s😀"]
)
def test_vendors_markup_survives(markup: str, around: str) -> None:
    assert markup in strip_markdown(around.replace("%s", markup))


def test_a_fenced_block_may_span_pieces() -> None:
    stripper = MarkdownStripper()
    pieces = ["Look:\n", "```py\n", "x = 1. ", "y = 2\n", "```\n", "Then **this. ", "That** too."]
    assert [stripper.feed(piece) for piece in pieces] == [
        "Look:\n",
        "",
        "",
        "",
        "",
        "Then this. ",
        "That too.",
    ]


def test_a_line_is_known_to_begin_across_pieces() -> None:
    stripper = MarkdownStripper()
    assert stripper.feed("We have ") == "We have "
    assert stripper.feed("- of all things - eggs\n") == "- of all things - eggs\n"
    assert stripper.feed("- milk\n") == "milk\n"
    assert stripper.feed("  ") == "  "
    assert stripper.feed("# salt") == "salt"


def test_reset_begins_a_new_text() -> None:
    stripper = MarkdownStripper()
    assert stripper.feed("```\ncode ") == ""
    stripper.reset()
    assert stripper.feed("- hello") == "hello"


def test_a_pair_of_ticks_on_one_line_is_not_a_fence() -> None:
    assert strip_markdown("```x = 1``` is code") == "x = 1 is code"


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hi [laughter] there.", "Hi there."),
        ("[laughter] Hi.", "Hi."),
        ("So [sigh].", "So."),
        ('<emotion value="excited"/>Great!', "Great!"),
        ("<EMOTION value='sad' /> Oh.", "Oh."),
        ("A <whisper>quiet</whisper> word", "A quiet word"),
        ("[pause] [long-pause][Hum Tune] la", "la"),
        ("[very happy] yes", "yes"),
        ("(happy) Yes. (sad) No (laughing) ha.", "Yes. No ha."),
        ("[la[laugh]ugh]", ""),
        ("Hello [laughter]\n[sigh] you", "Hello\nyou"),
    ],
)
def test_inline_markup_is_removed_for_voices_that_do_not_know_it(text: str, spoken: str) -> None:
    assert strip_inline_markup(text) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "She was (happy) to go",
        "[note] this",
        "a < b > c",
        "<b>bold</b>",
        "array[pause_index]",
        "content",
        "I (they) sigh",
    ],
)
def test_what_is_in_no_table_stays(text: str) -> None:
    assert strip_inline_markup(text) == text
