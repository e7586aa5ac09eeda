"""Phonemes in a text: what espeak makes of them, and that nobody else's brackets are taken for any."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.recognizer import RATE_HZ as HEARD_HZ
from tests.support.recognizer import understand
from tests.unit.providers.espeak_speech import espeak
from voxgate.audio.resample import Resampler
from voxgate.errors import TextTooLong
from voxgate.providers.contract import Abort, WordTime
from voxgate.providers.espeak import RATE_HZ, EspeakProvider
from voxgate.providers.espeak_markup import prepare
from voxgate.providers.espeak_phonemes import language_of, with_phonemes
from voxgate.speech.lexicon import Lexicon, LexiconEntry
from voxgate.speech.utterance import Markup, Pronunciation, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.speech.wording import worded

TRACE = Path(__file__).parents[2] / "support" / "espeak_phonemes.py"
JIF = Lexicon.compile([LexiconEntry("GIF", ipa="ˈdʒɪf")])
SPOKEN_IPA = "wˈɛɹ ɪz ðə nˈɪɹəst hˈɑːspɪɾəl"


def asked(text: str, lexicon: Lexicon = JIF, voice: str = "en-us", markup: Markup = Markup.TEXT) -> Utterance:
    name = VoiceName("Local", "Espeak", voice)
    return worded(Utterance(text, name, "t", markup=markup, lexicon=lexicon), phonemes=True)


def written(text: str, lexicon: Lexicon = JIF, voice: str = "en-us") -> str:
    utterance = asked(text, lexicon, voice)
    return with_phonemes(utterance.text, utterance.pronunciations, language_of(voice)).text


def traced(*texts: str, voice: str = "en-us") -> list[str]:
    """What espeak says it would pronounce, with phonemes switched on."""
    done = subprocess.run(
        [sys.executable, str(TRACE)],
        input=json.dumps([[voice, texts]]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers: list[list[str]] = json.loads(done.stdout)
    return answers[0]


async def spoken(provider: EspeakProvider, utterance: Utterance) -> tuple[bytes, list[WordTime]]:
    """PCM at the recognizer's rate, and the words."""
    resampler, pcm = Resampler(RATE_HZ, HEARD_HZ), b""
    words: list[WordTime] = []
    async for chunk in provider.synthesize(utterance, Abort()):
        pcm += resampler.feed(chunk.pcm)
        words += chunk.words
    return pcm + resampler.flush(), words


def test_an_entry_changes_what_espeak_says() -> None:
    assert traced("The GIF is here.", written("The GIF is here.")) == ["ðə ɡˈɪf ɪz hˈɪɹ", "ðə dʒˈɪf ɪz hˈɪɹ"]


def test_the_language_of_the_voice_decides_which_phonemes_there_are() -> None:
    lexicon = Lexicon.compile([LexiconEntry("x", ipa="ˈʈɑʈ")])  # retroflex: a sound of Urdu's, not of English
    assert traced(written("x", lexicon, "ur"), voice="ur") == ["ʈˈaʈ"]
    assert traced(written("x", lexicon, "en-us")) == ["tˈɑːt"]
    assert written("x", lexicon, "inc/ur+m3") == written("x", lexicon, "ur")


def test_phonemes_survive_whatever_stands_beside_them() -> None:
    marks = "()[]{}<>\"'“”‘’«»-–—/\\…*#&@|.,;:!?؟۔。"
    texts = [f"one {mark}GIF{mark} two" for mark in marks] + ["GIF", "GIF GIF", "GIF, GIF. GIF", "[[GIF]]"]
    said = traced(*map(written, texts))
    assert [text for text, phonemes in zip(texts, said, strict=True) if "dʒˈɪf" not in phonemes] == []
    assert said[-3].count("dʒˈɪf") == 2
    assert said[-2].count("dʒˈɪf") == 3


def test_a_genitive_is_spoken_as_part_of_the_word() -> None:
    lexicon = Lexicon.compile(
        [LexiconEntry("Max", ipa="mæks"), LexiconEntry("cat", ipa="kæt"), LexiconEntry("dog", ipa="dɔɡ")]
    )
    texts = [written(text, lexicon) for text in ("Max's.", "cat\u2019s.", "dog's.", "the dogs' cat 's")]
    assert traced(*texts) == ["mæksᵻz", "kæts", "dɔɡz", "ðə dˈɑːɡz kæt ˈɛs"]
    assert "[[" in written("Max's", lexicon, "de")
    assert written("Max's", lexicon, "de").endswith("]] 's")


def test_brackets_of_others_are_not_phonemes() -> None:
    texts = ["say [[h@l'oU]] GIF", "say [[[h@l'oU]]] GIF", "[[ [[h@l'oU GIF", "GIF[[h@l'oU]]"]
    for phonemes in traced(*map(written, texts)):
        assert "dʒˈɪf" in phonemes
        assert "həlˈoʊ" not in phonemes


PIECES = ("GIF", "word", " ", "[", "[[", "]", "(", "!", "ا", "𝒳")


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_every_place_leads_back_to_the_text(text: str) -> None:
    utterance = asked(text)
    phonemic = with_phonemes(utterance.text, utterance.pronunciations, "en-us")
    inside: set[tuple[int, int]] = set()
    for at, character in enumerate(phonemic.text):
        place = phonemic.place(at, at + 1)
        if place is None:
            assert character == " "  # put in around brackets
        elif place[1] - place[0] > 1:
            inside.add(place)
            assert utterance.text[slice(*place)] == "GIF"
        else:
            assert character in (utterance.text[place[0]], " ")
    assert inside == {(said.start, said.start + said.length) for said in utterance.pronunciations}
    assert phonemic.text.count("[[") == len(utterance.pronunciations)


async def test_words_have_their_times_where_they_were_written() -> None:
    async with espeak() as provider:
        utterance = asked("Say (GIF) once, and GIF again.")
        _, words = await spoken(provider, utterance)
    told = [utterance.text[word.text_start : word.text_start + word.text_length] for word in words]
    assert told == ["Say", "GIF", "once", "and", "GIF", "again"]
    assert [word.at_s for word in words] == sorted({word.at_s for word in words})


@pytest.mark.speech
async def test_a_pronounced_word_is_what_is_heard() -> None:
    lexicon = Lexicon.compile([LexiconEntry("XQ7", ipa=SPOKEN_IPA)])
    async with espeak() as provider:
        plain, _ = await spoken(provider, Utterance("XQ7.", VoiceName("Local", "Espeak", "en-us"), "t"))
        said, _ = await spoken(provider, asked("XQ7.", lexicon))
        document = asked("<speak>XQ7</speak>", lexicon, markup=Markup.SSML)
        in_markup, _ = await spoken(provider, document)
    assert understand(plain) != "where is the nearest hospital"
    assert understand(said) == "where is the nearest hospital"
    assert understand(in_markup) == "where is the nearest hospital"


class TestMarkup:
    def test_a_phoneme_in_ipa_is_pronounced(self) -> None:
        markup = prepare('<speak>The <phoneme alphabet="ipa" ph="ˈdʒɪf">GIF</phoneme> is here.</speak>')
        assert markup.phonemes
        assert traced(markup.text) == traced("The [[dZ'If]] is here.")

    @pytest.mark.parametrize("attributes", ['alphabet="x-sampa" ph="gIf"', 'ph="gɪf"', 'alphabet="ipa"', ""])
    def test_of_any_other_the_words_are_spoken(self, attributes: str) -> None:
        markup = prepare(f"<speak>The <phoneme {attributes}>GIF</phoneme></speak>")
        assert markup.text == "The GIF"
        assert not markup.phonemes

    def test_a_symbol_that_is_not_known_leaves_the_words(self) -> None:
        markup = prepare('<speak><phoneme alphabet="ipa" ph="☃">GIF</phoneme></speak>')
        assert (markup.text, markup.phonemes) == ("GIF", False)

    def test_brackets_of_others_are_not_phonemes(self) -> None:
        document = '<speak>[[f|U]] [<mark name="x"/>[f|U]] <phoneme alphabet="ipa" ph="ɪ">x</phoneme></speak>'
        markup = prepare(document)
        assert markup.text.count("[[") == 1
        assert prepare("<speak>[[f|U]]</speak>").phonemes is False


async def test_too_many_phonemes_are_refused() -> None:
    utterance = Utterance("a", VoiceName("Local", "Espeak", "en-us"), "t")
    endless = Utterance("a", utterance.voice, "t", pronunciations=(Pronunciation(0, 1, "b" * 100_001),))
    async with espeak() as provider:
        with pytest.raises(TextTooLong):
            await spoken(provider, endless)
