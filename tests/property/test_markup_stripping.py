"""Whatever the text: stripping ends, shortens, is stable, and eats neither prose nor vendors' markup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxgate.speech.inline_markup import strip_inline_markup
from voxgate.speech.markup import MarkdownStripper, strip_markdown

SIGNS = [
    *(
        "*",
        "**",
        "_",
        "__",
        "`",
        "```",
        "~~",
        "~~~",
        "#",
        "# ",
        ">",
        "> ",
        "- ",
        "|",
        "---",
        "\\",
        "!",
        "[",
        "]",
        "(",
        ")",
    ),
    *(
        "](",
        "[^1]",
        "]: ",
        "<",
        ">",
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "\t",
        "😀",
        "👩\u200d👧",
        "\ufe0f",
        "\u20e3",
        "1",
        "ab",
        "é",
        "ہے",
    ),
    *(
        "https://a.b/c_d",
        "www.x.y",
        "\U000f0000",
        "\U00100000",
        "[laughter]",
        '<emotion value="x"/>',
        "(happy)",
        "<i>",
    ),
]
VENDOR_MARKUP = [
    "[laughter]",
    "[pause]",
    "[Long-Pause]",
    '<emotion value="excited"/>',
    "<whisper>",
    "</whisper>",
    "(happy)",
]

markdown = st.one_of(st.lists(st.sampled_from(SIGNS), max_size=25).map("".join), st.text(max_size=80))
prose = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "hello",
                "3.14",
                "it's",
                "ہاں،",
                "यह",
                "你好",
                "(so)",
                "50%",
                "$5",
                "a/b",
                "and",
                "Dr.",
                "-",
                "\u2013",
                "5:30",
                "R&D",
            ]
        ),
        st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8),
    ),
    max_size=12,
).map(lambda words: "So " + " ".join(words) + ".")


@given(markdown)
def test_output_is_stable_and_never_longer(text: str) -> None:
    stripped = strip_markdown(text)
    assert len(stripped) <= len(text)
    assert strip_markdown(stripped) == stripped


@given(st.lists(markdown, max_size=6))
def test_pieces_never_grow(pieces: list[str]) -> None:
    stripper = MarkdownStripper()
    for piece in pieces:
        assert len(stripper.feed(piece)) <= len(piece)


@given(prose)
def test_prose_passes_untouched(text: str) -> None:
    assert strip_markdown(text) == text
    stripper = MarkdownStripper()
    assert "".join(stripper.feed(word + " ") for word in text.split(" ")) == text + " "


@given(markdown, st.sampled_from(VENDOR_MARKUP), markdown)
def test_vendors_markup_survives_whatever_surrounds_it(before: str, markup: str, after: str) -> None:
    # Except in a block of code, of which nothing is spoken.
    for fence in ("```", "~~~"):
        before, after = before.replace(fence, ""), after.replace(fence, "")
    if "``" in before[-2:] or "~~" in before[-2:]:
        before += "x"
    assert markup in strip_markdown(f"{before} {markup} {after}")


@given(markdown)
def test_inline_markup_is_removed_for_good(text: str) -> None:
    stripped = strip_inline_markup(text)
    assert len(stripped) <= len(text)
    assert strip_inline_markup(stripped) == stripped
    assert not {"[laughter]", "<whisper>", '<emotion value="x"/>'} & {*stripped.split()}
