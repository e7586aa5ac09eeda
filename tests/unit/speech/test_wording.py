"""A lexicon applied to an utterance: what is spoken, what is pronounced, what the cache tells apart."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.clock import LoopClock
from voxgate.errors import TextTooLong
from voxgate.providers.contract import Capabilities
from voxgate.speech.cache import CacheKey, SpeechCache
from voxgate.speech.candidate import Candidate
from voxgate.speech.lexicon import Lexicon, LexiconEntry
from voxgate.speech.speaker import PAUSE, Speaker
from voxgate.speech.utterance import Markup, Pronunciation, Utterance
from voxgate.speech.voice import VoiceName
from voxgate.speech.wording import MAX_SPOKEN_CHARACTERS, worded
from voxgate.testing.scripted import ScriptedProvider, read_back

VOICE = VoiceName("Local", "Test", "plain")
LEXICON = Lexicon.compile(
    [
        LexiconEntry("ASAP", alias="as soon as possible"),
        LexiconEntry("GIF", ipa="ɡɪf"),
        LexiconEntry("AT&T", alias="A T & T"),
    ]
)


def spoken(text: str, *, phonemes: bool = True, markup: Markup = Markup.TEXT) -> Utterance:
    return worded(Utterance(text, VOICE, "a", markup=markup, lexicon=LEXICON), phonemes=phonemes)


def test_without_a_lexicon_nothing_changes() -> None:
    utterance = Utterance("Send the GIF ASAP.", VOICE, "a")
    assert worded(utterance, phonemes=True) is utterance


def test_aliases_are_put_in_and_phonemes_stand_beside_the_words() -> None:
    utterance = spoken("Send it asap, the gif and the GIF.")
    assert utterance.text == "Send it as soon as possible, the gif and the GIF."
    assert [utterance.text[p.start : p.start + p.length] for p in utterance.pronunciations] == ["gif", "GIF"]
    assert {p.ipa for p in utterance.pronunciations} == {"ɡɪf"}
    assert utterance.lexicon is None


def test_who_cannot_pronounce_gets_the_words_alone() -> None:
    utterance = spoken("Send the GIF ASAP.", phonemes=False)
    assert utterance.text == "Send the GIF as soon as possible."
    assert utterance.pronunciations == ()


@given(st.lists(st.sampled_from(["GIF", "ASAP", "x", " ", ", ", "AT&T", "۔", "["]), max_size=30).map("".join))
def test_pronunciations_always_lie_on_their_words(text: str) -> None:
    utterance = spoken(text)
    end = 0
    for said in utterance.pronunciations:
        assert said.start >= end
        assert utterance.text[said.start : said.start + said.length] == "GIF"
        end = said.start + said.length


def test_a_line_does_not_become_hours() -> None:
    for entry in (LexiconEntry("a", alias="b" * 500), LexiconEntry("a", ipa="b" * 500)):
        utterance = Utterance("a " * 200, VOICE, "a", lexicon=Lexicon.compile([entry]))
        with pytest.raises(TextTooLong, match=str(MAX_SPOKEN_CHARACTERS)):
            worded(utterance, phonemes=True)


def test_a_long_text_that_is_not_reworded_is_not_too_long() -> None:
    text = "word " * 10_000
    assert spoken(text).text == text


class TestDocuments:
    def test_character_data_is_reworded(self) -> None:
        document = '<speak>The <emphasis level="strong">GIF</emphasis> ASAP &lt;now&gt;.</speak>'
        assert spoken(document, markup=Markup.SSML).text == (
            '<speak>The <emphasis level="strong"><phoneme alphabet="ipa" ph="ɡɪf">GIF</phoneme></emphasis>'
            " as soon as possible &lt;now&gt;.</speak>"
        )

    def test_names_attributes_and_comments_are_not(self) -> None:
        document = '<speak><!-- GIF --><x:GIF xmlns:x="GIF" ASAP="ASAP"/><?GIF ASAP?><![CDATA[GIF]]></speak>'
        assert spoken(document, markup=Markup.SSML).text == document

    def test_what_already_says_how_it_is_spoken_is_left_alone(self) -> None:
        document = (
            '<speak><sub alias="x">GIF</sub><say-as interpret-as="characters">ASAP</say-as>'
            '<phoneme alphabet="ipa" ph="x">GIF</phoneme></speak>'
        )
        assert spoken(document, markup=Markup.SSML).text == document

    def test_entities_are_read_and_written(self) -> None:
        assert spoken("<speak>AT&amp;T &#71;IF</speak>", markup=Markup.SSML).text == (
            '<speak>A T &amp; T <phoneme alphabet="ipa" ph="ɡɪf">GIF</phoneme></speak>'
        )

    @pytest.mark.parametrize(
        "document",
        [
            "<speak>GIF",
            "GIF & ASAP",
            '<!DOCTYPE speak [<!ENTITY e "GIF">]><speak>GIF &e;</speak>',
            "\ud800GIF",
        ],
    )
    def test_what_does_not_parse_is_left_for_others_to_refuse(self, document: str) -> None:
        assert spoken(document, markup=Markup.SSML).text == document

    @given(
        st.recursive(
            st.sampled_from(["GIF", " ASAP ", "&amp;", "نص", "<!-- x -->", "<br/>", "<![CDATA[GIF <]]>"]),
            lambda inner: st.lists(inner, max_size=4).map(lambda parts: f"<p a='>'>{''.join(parts)}</p>"),
            max_leaves=12,
        )
    )
    def test_a_document_stays_one_and_its_words_stay_in_order(self, body: str) -> None:
        document = f"<speak>{body}</speak>"
        before = "".join(ElementTree.fromstring(document).itertext())  # noqa: S314 - made here
        after = "".join(ElementTree.fromstring(spoken(document, markup=Markup.SSML).text).itertext())  # noqa: S314
        assert after.replace("as soon as possible", "ASAP") == before


class Pronouncing(ScriptedProvider):
    """Can pronounce, and remembers what it was asked for."""

    capabilities = Capabilities(phonemes=True)


def speaker(provider: ScriptedProvider) -> Speaker:
    def candidates(utterance: Utterance) -> Sequence[Candidate]:
        return [Candidate(provider, utterance, stand_in=False)]

    return Speaker(candidates, SpeechCache(1 << 20, 1 << 20), LoopClock())


async def heard(speaker: Speaker, utterance: Utterance) -> tuple[str, bool]:
    stream = speaker.speak(utterance)
    pcm = b"".join([chunk.pcm async for chunk in stream])
    await asyncio.sleep(0)  # the pump keeps what was spoken whole
    return read_back(pcm), stream.cached


async def test_the_words_that_were_replaced_are_what_is_heard() -> None:
    utterance = Utterance("the GIF asap", VOICE, "a", lexicon=LEXICON)
    assert await heard(speaker(ScriptedProvider(LoopClock())), utterance) == (
        "the GIF as soon as possible",
        False,
    )


async def test_the_cache_tells_pronunciations_apart() -> None:
    same = speaker(Pronouncing(LoopClock()))
    plain = Utterance("the GIF", VOICE, "a")
    other = Lexicon.compile([LexiconEntry("GIF", ipa="dʒɪf")])
    assert [(await heard(same, plain))[1] for _ in range(2)] == [False, True]
    for lexicon in (LEXICON, other):
        assert [(await heard(same, replace(plain, lexicon=lexicon)))[1] for _ in range(2)] == [False, True]


def test_the_key_of_a_pronounced_text_is_not_that_of_a_plain_one() -> None:
    plain = Utterance("the GIF", VOICE, "a")
    said = replace(plain, pronunciations=(Pronunciation(4, 3, "ɡɪf"),))
    assert CacheKey.of(plain) != CacheKey.of(said)


async def test_a_text_of_which_nothing_is_left_is_a_pause() -> None:
    lexicon = Lexicon.compile([LexiconEntry("um", alias="")])
    for text, pause in (("Um.", True), ("Um, yes.", False), ("...", False)):
        provider = ScriptedProvider(LoopClock())
        stream = speaker(provider).speak(Utterance(text, VOICE, "a", lexicon=lexicon))
        assert (b"".join([chunk.pcm async for chunk in stream]) == PAUSE.pcm) is pause
        assert bool(provider.spoken) is not pause
