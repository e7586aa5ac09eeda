"""Where sentences end in a text that may still go on.

`sentencex` says where sentences end, but it judges whole texts. This module adds what a text that is still
arriving needs: whether a boundary can yet be undone by what comes next (`is_settled`), and whether a text
that stops right after a mark really ends there (`ends_terminally`, `ends_ambiguously`). It also guards what
must never be cut, whatever sentencex says: numbers, runs of initials, addresses and inline tags.

All functions look at one bounded piece of text, are pure, and count in code points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import sentencex

from voxgate.speech.inline_markup import CUE, OPEN_CUE, OPEN_TAG, TAG, ends_in_open_tag

# The marks sentencex ends sentences with (Unicode Sentence_Break STerm and ATerm); a test compares.
SENTENCE_MARKS = (
    "\u0021\u002e\u003f\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d-\u083e\u0964-\u0965"
    "\u104a-\u104b\u1362\u1367-\u1368\u166e\u1735-\u1736\u1803\u1809\u1944-\u1945\u1aa8-\u1aab\u1b5a-\u1b5b"
    "\u1b5e-\u1b5f\u1b7d-\u1b7e\u1c3b-\u1c3c\u1c7e-\u1c7f\u2024\u203c-\u203d\u2047-\u2049\u2e2e\u2e3c"
    "\u2e53-\u2e54\u3002\ua4ff\ua60e-\ua60f\ua6f3\ua6f7\ua876-\ua877\ua8ce-\ua8cf\ua92f\ua9c8-\ua9c9"
    "\uaa5d-\uaa5f\uaaf0-\uaaf1\uabeb\ufe52\ufe56-\ufe57\uff01\uff0e\uff1f\uff61\U00010a56-\U00010a57"
    "\U00010f55-\U00010f59\U00010f86-\U00010f89\U00011047-\U00011048\U000110be-\U000110c1"
    "\U00011141-\U00011143\U000111c5-\U000111c6\U000111cd\U000111de-\U000111df\U00011238-\U00011239"
    "\U0001123b-\U0001123c\U000112a9\U0001144b-\U0001144c\U000115c2-\U000115c3\U000115c9-\U000115d7"
    "\U00011641-\U00011642\U0001173c-\U0001173e\U00011944\U00011946\U00011a42-\U00011a43"
    "\U00011a9b-\U00011a9c\U00011c41-\U00011c42\U00011ef7-\U00011ef8\U00016a6e-\U00016a6f\U00016af5"
    "\U00016b37-\U00016b38\U00016b44\U00016e98\U0001bc9f\U0001da88"
)
# An ellipsis and the Khmer signs end what a person says, though sentencex does not cut at them.
TERMINAL_MARKS = SENTENCE_MARKS + "\u2025\u2026\u22ef\u17d4\u17d5"
_FULL_STOPS = "\u002e\u06d4\u2024\ufe52\uff0e"
_CLOSERS = (
    "\"'\u2019\u201d\u00bb\u203a\u201c\u00ab)\\]}>"
    "\u300d\u300f\u300b\u3009\u3011\u3015\uff09\uff3d\uff5d\uff63"
    "*_~`"  # of Markdown, which is stripped after the cut
)
_BULLETS = (
    "\u2022\u25e6\u25aa\u25ab\u25a0\u25a1\u25cf\u25cb\u2043\u204c\u204d\u25c6\u25c7"
    "\u2605\u2606\u27a4\u27a2\u27a3\u25b6\u25b8\u25ba"
)
# Scripts written without spaces: one letter of them is all the look-ahead there is.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_LOOKAHEAD = 32  # sentencex looks at 30 bytes after a mark

_SENTENCE_END = re.compile(
    rf"(?P<marks>[{TERMINAL_MARKS}]+)"
    rf"(?P<closers>(?:[{_CLOSERS}]|[\u00a0\u202f]\u00bb|</[^<>]*>|\[\d+\])*)\Z"
)
_GLUED_CLOSERS = re.compile(rf"(?:[{_CLOSERS}]|</[A-Za-z][^<>]{{0,40}}>)+(?:\s+|\Z)")
_REFERENCES = re.compile(r"(?<=\s)(?:\[\d+\]\s*)+\Z")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S*\Z", re.IGNORECASE)
_INITIAL = re.compile(r"(?:(?<![^\W_])|(?<=[.\u06d4]))[^\W\d_]\Z")
_STARTS_WITH_INITIAL = re.compile(r"\s*[^\W\d_]\.")
_ITEM_NUMBER = re.compile(r"\W*\d{1,3}\Z")
_LAST_WORD = re.compile(r"[^\s.]*\Z")
_NEXT_WORD = re.compile(rf"[\W_]*(?P<word>[{_UNSPACED}]|[^\W_](?:\w|['\u2019])*(?=[^\w'\u2019]))")

_LIST_MARKER = rf"(?:[-*+\u2013\u2014{_BULLETS}]|(?:\d{{1,3}}|[a-z]|[ivxlcdm]{{2,5}})[.)]|\(\w{{1,2}}\))[ \t]"
_BLOCK_BREAK = re.compile(
    r"\n[^\S\n]*\n\s*"  # a blank line
    rf"|\n(?=[^\S\n]*(?:{_LIST_MARKER}|#{{1,6}}[ \t]|```|~~~|\|))"  # an item, heading, fence, table row
)
_HEADING_OR_FENCE = re.compile(r"\s*(?:#{1,6}[ \t]|```|~~~)[^\n]*\n\s*")

# Neutralized before sentencex sees a text; every replacement keeps the length.
_NEUTRALIZED = re.compile(
    rf"{TAG.pattern}|{OPEN_TAG.pattern}|{CUE.pattern}"  # inside a tag nothing ends
    r"|<(?![A-Za-z/])"  # "a < b" opens nothing
    r"|(?<!\w)'(?=(?:\d0s|tis|twas|em|cause|til|n)\b)"  # nor does an elision
    r"|(?:(?<=\s)|\A)(?:\d{1,3}|[A-Za-z]|[ivxlcdm]{2,5})\.?\)"  # lists are told by their lines here
    rf"|[{_BULLETS}\r\ud800-\udfff]",
    re.IGNORECASE,
)
_NEUTRAL = {"<": "~", "'": "\u2019", "\r": " "}

# What would undo a boundary, if anything could: a small word, a number, or a capitalised word that is in no
# list of sentence openers.
_PROBES = ("xq", "1", "Xq")
# What opens a span that sentencex never cuts, and what may close it. Any bracket closes any.
_CLOSING = {
    "`": ("`", "'", "``", "''"),
    **{quote: (quote,) for quote in "'\"\u201a\u201b\u201f"},
    **{pair[0]: (pair[1],) for pair in ("\u00ab\u00bb", "\u00bb\u00ab", "\u2039\u203a", "\u2018\u2019")},
    **{pair[0]: (pair[1],) for pair in ("\u201c\u201d", "\u201e\u201c", "\u300a\u300b", "\u300c\u300d")},
    **dict.fromkeys("([{<\uff08", (")",)),
}

# Abbreviations that a name follows; sentencex knows some of them in some languages.
_TITLES = frozenset("dr mr mrs ms prof mme mlle \u0921\u0949 \u0921\u093e \u092a\u094d\u0930\u094b".split())

# Codes sentencex does not know, and the nearest it does.
_LANGUAGE_ALIASES = dict(
    pair.split("=")
    for pair in (
        "eng=en deu=de fra=fr spa=es ita=it por=pt rus=ru jpn=ja kor=ko zho=zh cmn=zh yue=zh ara=ar arb=ar"
        " urd=ur hin=hi sd=ur snd=ur bal=ur nb=da nn=da no=da auto=en multi=en und=en"
    ).split()
)


def sentence_language(tag: str | None) -> str:
    """Turn a BCP-47 tag into the code sentencex knows: its primary language, English when there is none.

    sentencex has rules of its own for about 30 languages and falls back by kinship, at last to English;
    Urdu, Hindi, Chinese and Japanese marks are cut under every code, so a wrong one only costs abbreviations.
    """
    primary = re.split(r"[-_]", (tag or "").strip(), maxsplit=1)[0].lower()
    return _LANGUAGE_ALIASES.get(primary, primary) or "en"


def block_break(text: str) -> int | None:
    """Where the first block ends: after a blank line or heading, before a list item, fence or table row."""
    head = _HEADING_OR_FENCE.match(text)
    if head:
        return head.end()
    found = _BLOCK_BREAK.search(text, len(text) - len(text.lstrip()))
    return found.end() if found else None


def boundaries(block: str, language: str) -> Iterator[int]:
    """Yield, in order, where sentencex ends the sentences of one block, less the cuts it should not make.

    The end of the block is not among them. Whitespace after a sentence belongs to it.
    """
    end = 0
    for sentence in sentencex.segment(language, _NEUTRALIZED.sub(_neutral, block)):
        end += len(sentence)
        cut = _moved(block, end) if end < len(block) else end
        if cut >= len(block):
            return
        if _ends_a_sentence(block, cut, language):
            yield cut


def is_settled(block: str, end: int, language: str) -> bool:
    """Whether the first boundary of a block stays, however the block goes on.

    A boundary can be undone by the word after it ("p.m. then", "3. Mai") and by a quotation mark or
    bracket that closes later, since nothing is cut between those.
    """
    head, word = block[:end], _NEXT_WORD.match(block, end)
    if is_certain(head, language):
        return True
    if word is None or ends_in_open_tag(block):
        return False
    return _survives_closing(head, word["word"], language)


def is_certain(head: str, language: str) -> bool:
    """Whether a text that ends in whitespace is one whole sentence, whatever comes next."""
    if not head[-1:].isspace() or not _ends_plainly(head.rstrip()):
        return False
    return all(_first(head + probe, language) == len(head) for probe in _PROBES) and _survives_closing(
        head, "Xq", language
    )


def _survives_closing(head: str, word: str, language: str) -> bool:
    """Whether a sentence stays one if whatever is open in it is closed after the next word."""
    closing = {closer for character in {*head} for closer in _CLOSING.get(character, ())}
    return all(_first(head + word + closer, language) == len(head) for closer in {"", *closing})


def has_lookahead(block: str, end: int) -> bool:
    """Whether the word after a boundary is all there."""
    return len(block) - end >= _LOOKAHEAD or _NEXT_WORD.match(block, end) is not None


def ends_terminally(text: str) -> bool:
    """Whether a text stops right after a terminal mark, closing quotes and brackets allowed."""
    return not text[-1:].isspace() and _sentence_end(text) is not None


def ends_ambiguously(text: str, language: str) -> bool:
    """Whether the mark at the very end of a text may not be the end of a sentence.

    So it is with a full stop after a digit, an initial or an abbreviation, and with any mark inside an
    address or an unclosed tag.
    """
    found = _sentence_end(text)
    if found is None or ends_in_open_tag(text) or OPEN_CUE.search(text) or _ADDRESS.search(text):
        return True
    if found["marks"] not in _FULL_STOPS:
        return False
    before = text[: found.start()]
    if not found["closers"] and (before[-1:].isdigit() or _INITIAL.search(before)):
        return True
    return _last_word(before) in _titles(language) or _is_abbreviation(before, language)


def _first(block: str, language: str) -> int | None:
    return next(boundaries(block, language), None)


def _ends_a_sentence(text: str, end: int, language: str) -> bool:
    """Whether a boundary that sentencex found is one: after a mark, in no number, address or abbreviation."""
    head = text[:end].rstrip()
    glued = len(head) == end
    found = _sentence_end(head)
    if found is None or (glued and _ADDRESS.search(head)):
        return False
    if found["marks"] not in _FULL_STOPS or found["closers"]:
        return True
    before = head[: found.start()]
    if glued and before[-1:].isdigit():  # of "3.14", of "2.Beta"
        return False
    if _ITEM_NUMBER.match(before) or _last_word(before) in _titles(language):
        return False
    return not (found["marks"] == "." and _INITIAL.search(before) and _STARTS_WITH_INITIAL.match(text, end))


def _moved(text: str, end: int) -> int:
    """Take closing marks that sentencex leaves over into the sentence, and loose references out of it."""
    references = _REFERENCES.search(text, max(0, end - 64), end)
    if references:
        return references.start()
    closers = None if text[end - 1].isspace() else _GLUED_CLOSERS.match(text, end)
    return closers.end() if closers else end


def _neutral(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) > 1 and found[0] in "<[":
        return "(" + "_" * (len(found) - 2) + (")" if found[-1] in ">]" else "_")
    if found[-1] == ")":
        return found[:-1] + "]"
    return _NEUTRAL.get(found, "\u00b7")


def _sentence_end(text: str) -> re.Match[str] | None:
    return _SENTENCE_END.search(text, max(0, len(text) - 64))


def _ends_plainly(text: str) -> bool:
    """Whether a text ends in a mark, and that is not the full stop of an initial."""
    found = _sentence_end(text)
    if found is None:
        return False
    return found["marks"] not in _FULL_STOPS or not _INITIAL.search(text[: found.start()])


def _last_word(text: str) -> str:
    found = _LAST_WORD.search(text)
    return found[0].lstrip("([{\"'\u201c\u2018\u00ab").lower() if found else ""


@lru_cache(maxsize=256)
def _titles(language: str) -> frozenset[str]:
    """Those that sentencex would cut after in this language."""
    return frozenset(title for title in _TITLES if len(sentencex.segment(language, f"{title}. Xq")) > 1)


def _is_abbreviation(before: str, language: str) -> bool:
    """Whether sentencex, in this language or in English, reads a full stop here as an abbreviation's."""
    context = _NEUTRALIZED.sub(_neutral, " ".join(before[-64:].split()[-4:]))
    return any(len(sentencex.segment(code, f"{context}. Xq")) < 2 for code in {language, "en"})
