"""IPA in the letters that espeak understands.

espeak reads phonemes only in mnemonics of its own (``[[h@l'oU]]``), and every language has its own set: a
mnemonic that the voice's language lacks is silently skipped. So the table gives, for each symbol, what to
write, best first, and the first is taken that the language has. Source: espeak-ng docs, phonemes; the sets
are what espeak-ng 1.52 says of itself, and a test asks it again.
"""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from voxgate.errors import InvalidRequest

# A row: symbols that are written alike, then what to write, best first; "+" joins several mnemonics.
_CONSONANTS = """
    p p        b b        t t        d d        k k        ɡ,g g
    tʃ,ʧ tS    dʒ,ʤ dZ    ts,ʦ t+s   dz,ʣ d+z   tɕ,ʨ tS;   dʑ,ʥ d+Z;
    f,ɸ f      v v        ʋ v        θ T        ð D        s s        z z        ʃ S      ʒ Z
    ɕ S;       ʑ Z;       ç C        ʝ J^,j     x x        ɣ Q        χ X        ʁ,ʀ Q,r
    h,ɦ h      ħ H,h      ʕ ?        ʔ ?
    m,ɱ m      n n        ŋ,ɴ N      ɲ n^       n̩ n-       m̩ @+m      ŋ̍,ŋ̩ @+N
    l,ɫ l      l̩ l-       ʎ l^       ɭ l.       ɬ l#
    r,ɹ,ɻ r    ɹ̩ 3,@+r    ɾ *        ɽ r.       ɳ n.
    t̪ t[       d̪ d[       ʈ t.,t     ɖ d.,d     ʂ s.       ʐ z.
    c c        ɟ J        q q        β B        j,ʲ j      w,ʷ,ɰ w    ʍ w#,w     ɥ j
    pʰ p#,p    tʰ,t̪ʰ t#,t kʰ k#,k    cʰ c#,c    ʈʰ t.#,t   tʃʰ c#,tS
    bʰ,bʱ b#,b dʰ,dʱ,d̪ʰ,d̪ʱ d#,d      ɡʰ,ɡʱ,gʰ,gʱ g#,g    ɟʰ,ɟʱ J#,J ɖʰ,ɖʱ d.#,d dʒʰ,dʒʱ J#,dZ
    ɽʰ,ɽʱ r.+h
"""
_VOWELS = """
    i i        iː i:      ɪ I,i      ɪː I+:,i:  ᵻ,ɨ I#,I,i ɨː i:
    y y,u      yː y+:,u:  ʏ y,u
    e e        eː e+:     ø Y,W,e    øː Y:,W:,e+:          ɘ,ɵ @
    ɛ E,e      ɛː E:,e+:  œ W,Y,e    œː W:,Y:,e+:          ə @        əː @:      ɜ 3,@     ɜː 3:,@:
    ɚ 3,@+r    ɝ 3:,@+r   ə˞ 3,@+r   ɜ˞ 3:,@+r  ɚː,ɝː 3:,@:+r
    æ a        æː &:,a+:  a a        aː a+:     ɐ a#,a     ɐː a+:     ɶ W,a
    ɑ A,A:,a   ɑː A:,a+:  ɒ 0,O,o    ɒː O:,o+:  ʌ V,@,a    ɔ O,o      ɔː O:,o+:
    o o        oː o+:     ɤ V,@      u u        uː u:      ʊ U,u      ʊː U+:,u:  ɯ,ʉ u    ɯː,ʉː u:
    ã A~,a~,a+n ɑ̃ A~,a~,a+n  ɛ̃,æ̃ E~,E+n,e+n  ẽ e~,E~,e+n  ĩ i~,i+n  ɪ̃ I~,i+n
    ɔ̃ O~,o+n   õ o~,O~,o+n ũ u~,u+n  ʊ̃ U~,u+n  œ̃ W~,@+n   ə̃,ʌ̃ @+n
    ãː,ɑ̃ː a~+:,A~,a+n  ẽː,ɛ̃ː e~+:,E~,e+n   ĩː i~+:,i+n  õː,ɔ̃ː o~+:,O~,o+n  ũː u~+:,u+n
    aɪ aI,a+i  aʊ aU,a+u  eɪ eI,e+i  oʊ,əʊ oU,o+u          ɔɪ OI,o+i
    ɪə I@,i@   iə i@      ʊə U@,u+@  eə,ɛə e@   aɪə aI@,a+i+@
"""
# In English, a vowel and the r after it are one mnemonic, unless a vowel follows.
_RHOTIC = """
    ɑːɹ A@     ɑːr A@     ɑɹ A@      ɔːɹ O@     ɔːr O@     ɔɹ O@      oːɹ o@     oʊɹ o@
    ɛɹ e@      ɛr e@      eɹ e@      ʊɹ U@      ʊr U@      ɪɹ i@3     ɪr i@3     iːɹ i@3   aɪɚ aI3  aɪɹ aI3
    əɹ 3       ər 3       ɜːɹ 3:     ɜːr 3:     ɜɹ 3:
"""
_MARKS = {"ˈ": "'", "'": "'", "ˌ": ",", ",": ",", "ː": ":", ":": ":"}
# Finer than any voice here can tell: half length, syllable and foot marks, linking, narrow articulation.
_IGNORED = frozenset(
    "\u02d1.|\u2016\u203f\u02b0\u02b1\u02e0\u02e4\u207f\u0334\u0318\u0319\u0325\u032c\u031f\u0320\u0324"
    "\u0330\u0339\u031c\u031d\u031e\u033a\u033b\u033c\u032a\u0329\u033d\u0306\u0308\u030a\u030d\u031a"
)
_JOINS = dict.fromkeys(map(ord, "\u0361\u035c\u032f"))  # ties, and the sign for "no syllable of its own"

_BASE = frozenset(
    "p b t d k g tS dZ f v T D s z S Z h m n N l r j w x ? * t[ d[ n- l- r. n. l. s. z. c J q Q X C l# n^ l^"
    " J^ B S; Z; tS; a e i i: o u u: @ @: i@ e@ :".split()
)
_SETS = {
    "en": "a A: A~ a# E E: I I# O O: O~ U 3 3: V 0 aI aI@ aU eI oU OI I@ U@ w#",
    "ur": "a~ &: E E: e~ E~ I i~ I~ O O: O~ o~ U u~ U~ V aI aU eI oU OI U@"
    " t. d. p# t# k# b# d# g# t.# d.# c# J# H",
    "de": "A A: A~ E E: I O O: O~ U y W Y: W: W~ 3 3: aI aU eI oU OI U@",
    "fr": "A~ a# E E: E~ I O O: O~ y Y W Y: W: W~ V aI eI oU OI",
    "es": "E E: O O: U y Y Y: aI aU eI oU U@",
    "it": "E E: I O O: U y Y Y: aI aU eI oU OI U@",
    "pt": "A A: E E: e~ I i~ O O: o~ U u~ Y Y: aI aU eI oU OI U@",
    "ru": "A A: a# E E: I O O: y Y Y: V aI eI OI",
    "tr": "&: E E: I O O: U y Y W Y: W: aI aU eI oU OI U@",
    "ar": "H",
    "fa": "A A: eI oU",
}
_ALIKE = dict.fromkeys("hi sd mr gu pa te ta bn ne as or kn ml bal bpy kok".split(), "ur")


def ipa_to_espeak(ipa: str, language: str | None = None, *, field: str = "phoneme") -> str:
    """Write IPA in espeak's mnemonics, to stand between ``[[`` and ``]]``.

    Stress is marked before the syllable or before its vowel, as you like; slashes or brackets around the
    whole are dropped. What the language's voices cannot tell apart is written alike.

    Args:
        ipa: broad or narrow IPA; several words with spaces between.
        language: BCP-47 tag of the voice; English without one. One that is not in the tables gets the
            sounds that every language of espeak's has.
        field: what to name in an error.

    Raises:
        InvalidRequest: nothing in it, or a symbol that is not in the table; the message names it.
    """
    text = unicodedata.normalize("NFD", ipa.strip()).translate(_JOINS)
    if len(text) > 1 and (text[0], text[-1]) in {("/", "/"), ("[", "]")}:
        text = text[1:-1].strip()
    table = _table(_known(language))
    words = [_mnemonics(word, table, field) for word in text.split()]
    if all(mnemonic in _MARKS.values() for word in words for mnemonic in word):
        raise InvalidRequest("The phoneme has no sound in it", field=field)
    return " ".join("|".join(word) for word in words if word)


def _mnemonics(word: str, table: Mapping[str, str], field: str) -> list[str]:
    mnemonics = []
    at = 0
    while at < len(word):
        symbol = _symbol(word, at, table)
        if symbol not in table:
            raise InvalidRequest(
                f"The phoneme has {symbol!r} (U+{ord(symbol):04X}), which is not among the IPA symbols known",
                field=field,
            )
        mnemonics.append(table[symbol])
        at += len(symbol)
    return [mnemonic for mnemonic in mnemonics if mnemonic]


def _symbol(text: str, at: int, table: Mapping[str, str]) -> str:
    """The longest symbol of the table that stands here; else the one character."""
    for length in range(_LONGEST, 1, -1):
        symbol = text[at : at + length]
        if symbol in table and not (symbol in _RHOTIC_SYMBOLS and _vowel_follows(text, at + length)):
            return symbol
    return text[at]


def _vowel_follows(text: str, at: int) -> bool:
    rest = text[at:].lstrip("ˈˌ',.")
    return rest[:1] in _VOWEL_LETTERS and bool(rest)


def _rows(table: str) -> Iterator[tuple[str, list[str]]]:
    cells = unicodedata.normalize("NFD", table).split()
    for symbols, choices in zip(cells[::2], cells[1::2], strict=True):
        for symbol in symbols.split(","):
            yield symbol, choices.split(",")


_RHOTIC_SYMBOLS = frozenset(symbol for symbol, _ in _rows(_RHOTIC))
_VOWEL_LETTERS = frozenset(symbol[0] for symbol, _ in _rows(_VOWELS))
_LONGEST = max(len(symbol) for symbol, _ in _rows(_CONSONANTS + _VOWELS + _RHOTIC))


def _known(language: str | None) -> str:
    primary = re.split(r"[-_]", (language or "en").strip(), maxsplit=1)[0].lower()
    primary = _ALIKE.get(primary, primary)
    return primary if primary in _SETS else ""


@cache
def _table(language: str) -> Mapping[str, str]:
    """What to write for each symbol in a language's set, "" standing for a language that has none."""
    has = _BASE | {*_SETS.get(language, "").split()}
    table = {**dict.fromkeys(_IGNORED, ""), **_MARKS}
    for symbol, choices in _rows(_CONSONANTS + _VOWELS):
        chosen = next(choice for choice in choices if has.issuperset(choice.split("+")))
        table[symbol] = chosen.replace("+", "|")
    if language == "en":
        table |= {symbol: choice for symbol, (choice,) in _rows(_RHOTIC)}
    return MappingProxyType(table)
