"""IPA in espeak's mnemonics, and what espeak says of them."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voxgate.errors import InvalidRequest
from voxgate.speech import phonemes
from voxgate.speech.phonemes import ipa_to_espeak

PROGRAM = Path(__file__).parents[2] / "support" / "espeak_phonemes.py"
WORDS = """
    a about above actually address advice again almost although always amazing anchor animal answer apple
    around aunt autumn banana bathe beautiful because bird bottle bought boys breathe brother business
    button calm can't castle caught chaos cheese choir church circle clothes cloud coffee colonel comb
    computer could country courage cure danger daughter delicious doctor doubt dream earth education eight
    elephant enough environment exactly famous father favourite fear feature fire flower foreign forty
    friend garage genius ghost giant girl government graph guitar happy hear heart hello hierarchy hour
    house idea image island journey judge juice jungle kitchen knee knife knowledge language laugh leisure
    library listen little lovely lunch machine measure merry mirror moment money mother mountain music
    nation nature near neighbour nothing number ocean often onion orange other our ought outside oyster pair
    palm people perhaps phone picture pleasure poor practice psychology pure queen question quiet raspberry
    receipt rhythm right river rough salmon scene school science scissors separate seven should sign singing
    sister sixth soldier special squirrel station strength sugar sure sword system table taught teacher tear
    television theatre there think thirty this though thought three through thumb tired today together tomb
    tongue tour treasure tune twelve usual vague vegetable version very village vision voice walk water
    weather Wednesday weird whale where which white whole window wolf woman women wonder world worry wrist
    write yacht year yellow young zebra
""".split()


def espeak(asked: list[tuple[str, list[str]]]) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers: list[list[str]] = json.loads(done.stdout)
    return answers


def test_english_survives_the_way_there_and_back() -> None:
    """IPA of espeak's own, in our mnemonics, is pronounced by espeak as before."""
    (said,) = espeak([("en-us", WORDS)])
    (again,) = espeak([("en-us", [f"[[{ipa_to_espeak(ipa)}]]" for ipa in said])])
    assert len(said) == len(WORDS) > 200
    assert [pair for pair in zip(WORDS, said, again, strict=True) if pair[1] != pair[2]] == []


def test_several_words_stay_several() -> None:
    asked = [f"[[{ipa_to_espeak(ipa)}]]" for ipa in ("ˈnuː ˈjɔːɹk", "həˈloʊ ˈwɜːld", "ə ˈkæt")]
    assert espeak([("en-us", asked)]) == [["nˈuː jˈɔːɹk", "həlˈoʊ wˈɜːld", "ə kˈæt"]]


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        *(
            ("en-US", "en-us"),
            ("en-GB", "en-gb-x-rp"),
            ("ur", "ur"),
            ("hi", "hi"),
            ("sd", "sd"),
            ("pa", "pa"),
            ("bn", "bn"),
            *((code, code) for code in ("mr", "gu", "te", "ta", "ne", "as", "or", "kn", "ml", "bpy", "kok")),
        ),
        *(
            ("de", "de"),
            ("fr", "fr"),
            ("es", "es"),
            ("it", "it"),
            ("pt-BR", "pt-br"),
            ("ru", "ru"),
            ("tr", "tr"),
        ),
        *(
            ("ar", "ar"),
            ("fa", "fa"),
            ("ja", "ja"),
            ("ko", "ko"),
            ("pl", "pl"),
            ("sv", "sv"),
            ("vi", "vi"),
            ("id", "id"),
        ),
    ],
)
def test_no_language_skips_what_is_written_for_it(language: str, voice: str) -> None:
    """espeak skips mnemonics that a language has not; of ours, it has every one."""
    symbols = {
        mnemonic: ipa for ipa, mnemonic in phonemes._table(phonemes._known(language)).items() if mnemonic
    }
    sounds = {mnemonic: ipa for mnemonic, ipa in symbols.items() if mnemonic[0] not in "',:|"}
    pieces = sorted({piece for mnemonic in sounds for piece in mnemonic.split("|")} - {":"})
    (said,) = espeak([(voice, ["[[pap]]", "[[_]]", *(f"[[p|a|{piece}|a|p]]" for piece in pieces)])])
    silent = len(said[0].strip("ˈˌ"))
    assert [
        piece for piece, ipa in zip(pieces, said[2:], strict=True) if len(ipa.replace(" ", "")) < silent + 2
    ] == []


@pytest.mark.parametrize(
    ("ipa", "language", "mnemonics"),
    [
        ("həˈloʊ", None, "h|@|'|l|oU"),
        ("/təˈmɑːtəʊ/", "en-GB", "t|@|'|m|A:|t|oU"),
        ("[kæt]", "en", "k|a|t"),
        ("t͡ʃɝt͡ʃ", "en", "tS|3:|tS"),
        ("ˈkɑːɹ", "en", "'|k|A@"),
        ("ˈkɑːɹə", "en", "'|k|A:|r|@"),
        ("ˈnuː ˈjɔːɹk", "en", "'|n|u: '|j|O@|k"),
        ("kɪˈt̪aːb", "ur", "k|I|'|t[|a|:|b"),
        ("pʰuːl", "ur", "p#|u:|l"),
        ("pʰuːl", "en", "p|u:|l"),
        ("ˈʃøːn", "de", "'|S|Y:|n"),
        ("ˈʃøːn", "en", "'|S|e|:|n"),
        ("aɪ̯", "de", "aI"),
        ("vɛ̃", "fr", "v|E~"),
        ("'kat:", "it", "'|k|a|t|:"),
        ("ˈka.sa", "tlh", "'|k|a|s|a"),
    ],
)
def test_ipa_is_written_in_mnemonics(ipa: str, language: str | None, mnemonics: str) -> None:
    assert ipa_to_espeak(ipa, language) == mnemonics


@pytest.mark.parametrize(
    ("ipa", "symbol"),
    [("kʘt", "ʘ"), ("k4t", "4"), ("ǃa", "ǃ"), ("kat]]", "]"), ("ka˥", "˥")],
)
def test_a_symbol_outside_the_table_is_named(ipa: str, symbol: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ipa_to_espeak(ipa, field="items[2].phoneme")
    assert refused.value.field == "items[2].phoneme"
    assert repr(symbol) in refused.value.message
    assert f"U+{ord(symbol):04X}" in refused.value.message


@pytest.mark.parametrize("ipa", ["", "  ", "//", "/ /", "ˈ", "[]", ".", "ː"])
def test_a_phoneme_without_a_sound_is_refused(ipa: str) -> None:
    with pytest.raises(InvalidRequest):
        ipa_to_espeak(ipa)
