"""espeak speaks: every family of languages, at the pace, pitch and level asked for, and stops when told."""

# ruff: noqa: RUF001 - the letters of other scripts are meant

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.providers.espeak_speech import SENTENCE, VOICED, espeak, speech, utterance
from voxgate.errors import InvalidMarkup, InvalidVoice, TextTooLong
from voxgate.providers.contract import Abort
from voxgate.providers.espeak import LONG_DOCUMENT_CHARACTERS, MAX_CHARACTERS, RATE_HZ
from voxgate.providers.espeak_voices import LANGUAGES
from voxgate.speech.utterance import Markup

GREETINGS = {
    "en-us": "Hello, how are you today?",
    "en-gb": "Hello, how are you today?",
    "ur": "آپ کیسے ہیں؟ آج موسم اچھا ہے۔",
    "hi": "नमस्ते, आप कैसे हैं?",
    "ar": "مرحبا، كيف حالك اليوم؟",
    "fa": "سلام، حال شما چطور است؟",
    "cmn": "你好，今天天气很好。",
    "yue": "你好，今日天氣好好。",
    "es": "Hola, ¿cómo estás hoy?",
    "pt-br": "Olá, como vai você hoje?",
    "ru": "Привет, как дела сегодня?",
    "de": "Guten Tag, wie geht es Ihnen?",
    "tr": "Merhaba, bugün nasılsınız?",
    "sw": "Habari, hujambo leo?",
    "id": "Selamat pagi, apa kabar?",
    "ta": "வணக்கம், எப்படி இருக்கிறீர்கள்?",
    "ko": "안녕하세요, 오늘 날씨가 좋네요.",
    "ja": "こんにちは、げんきですか。",
    "th": "สวัสดีครับ วันนี้อากาศดี",
    "vi": "Xin chào, hôm nay thế nào?",
    "hu": "Jó napot, hogy van ma?",
    "ka": "გამარჯობა, როგორ ხარ?",
    "eu": "Kaixo, zer moduz zaude?",
    "am": "ሰላም እንዴት ነህ",
    "ur+f2": "آپ کیسے ہیں؟",
    "en-us+whisper": "Hello, how are you today?",
}


async def test_every_family_of_languages_is_heard() -> None:
    async with espeak() as provider:
        for voice, text in GREETINGS.items():
            said = await speech(provider, text, voice)
            assert 0.5 < said.duration_s < 10, voice
            assert said.rms > 300, voice
            assert len(said.words) > 0, voice


async def test_the_engine_has_every_language_that_the_table_names() -> None:
    async with espeak() as provider:
        resolved = {provider.table.resolve(language) for language in LANGUAGES}
        unnamed = {voice.identifier for voice in provider.voices()} - resolved
        # Other spellings of languages that are there.
        assert unnamed == {
            "gmw/en-Shaw", "sit/cmn-Latn-pinyin", "sit/yue-Latn-jyutping", "zle/ru-cl"
        }  # fmt: skip
        assert {"f1", "f2", "f3", "m1", "m2", "m3"} <= {v.short_name for v in provider.variants()}
        assert len(provider.voices()) > 130


@pytest.mark.parametrize("voice", ["xx", "en-us+nobody", "../../etc", "en-us+../../phondata"])
async def test_an_unknown_voice_is_refused(voice: str) -> None:
    async with espeak() as provider:
        with pytest.raises(InvalidVoice):
            await speech(provider, "Hello", voice)


async def test_words_come_with_their_place_and_time() -> None:
    text = "It costs 12,345 rupees, naïve café 👍🏽 friend."
    async with espeak() as provider:
        said = await speech(provider, text)
    found = [text[word.text_start : word.text_start + word.text_length] for word in said.words]
    assert found == ["It", "costs", "12,345", "rupees", "naïve", "café", "👍🏽", "friend"]
    times = [word.at_s for word in said.words]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert times[-1] < said.duration_s


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("voice", ["en-us", "ur", "es"])
async def test_speed_divides_the_duration(voice: str, speed: float) -> None:
    text = GREETINGS.get(voice, SENTENCE) if voice != "en-us" else SENTENCE
    async with espeak() as provider:
        normal = await speech(provider, text, voice)
        said = await speech(provider, text, voice, speed=speed)
    assert normal.duration_s / said.duration_s == pytest.approx(speed, rel=0.1)


async def test_speed_divides_the_duration_of_markup_too() -> None:
    document = f"<speak><p>{SENTENCE}</p></speak>"
    async with espeak() as provider:
        normal = await speech(provider, document, markup=Markup.SSML)
        said = await speech(provider, document, markup=Markup.SSML, speed=2.0)
    assert normal.duration_s / said.duration_s == pytest.approx(2.0, rel=0.1)


async def test_speed_out_of_reach_is_as_far_as_espeak_goes() -> None:
    async with espeak() as provider:
        half = await speech(provider, SENTENCE, speed=0.5)
        slowest = await speech(provider, SENTENCE, speed=0.01)
        fastest = await speech(provider, SENTENCE, speed=100.0)
    assert half.duration_s < slowest.duration_s < 1.2 * half.duration_s
    assert fastest.duration_s > 0.2


@pytest.mark.parametrize("semitones", [-8.0, -4.0, 4.0, 8.0])
@pytest.mark.parametrize("voice", ["en-us", "en-us+f3"])
async def test_pitch_moves_the_fundamental(voice: str, semitones: float) -> None:
    async with espeak() as provider:
        normal = await speech(provider, VOICED, voice)
        said = await speech(provider, VOICED, voice, pitch_semitones=semitones)
    shift = 12 * math.log2(said.fundamental_hz() / normal.fundamental_hz())
    assert shift == pytest.approx(semitones, abs=1.7)


@pytest.mark.parametrize(("volume", "tolerance"), [(0.1, 0.03), (0.5, 0.03), (1.5, 0.1), (2.0, 0.15)])
async def test_volume_scales_the_level(volume: float, tolerance: float) -> None:
    async with espeak() as provider:
        normal = await speech(provider, SENTENCE)
        said = await speech(provider, SENTENCE, volume=volume)
    assert said.rms / normal.rms == pytest.approx(volume, rel=tolerance)


async def test_volume_zero_is_silence_of_the_same_length() -> None:
    async with espeak() as provider:
        normal = await speech(provider, SENTENCE, "en-us+f3")
        said = await speech(provider, SENTENCE, "en-us+f3", volume=0.0)
    assert not said.samples.any()
    assert said.duration_s == pytest.approx(normal.duration_s, rel=0.02)


async def test_settings_of_one_utterance_do_not_stay_for_the_next() -> None:
    async with espeak() as provider:
        before = await speech(provider, VOICED)
        await speech(provider, VOICED, speed=2.0, pitch_semitones=8.0, volume=2.0)
        document = '<speak><prosody rate="slow" pitch="high"><p xml:lang="de">Guten Tag</p></prosody></speak>'
        await speech(provider, document, markup=Markup.SSML)
        after = await speech(provider, VOICED)
    assert after.duration_s == pytest.approx(before.duration_s, rel=0.02)
    assert after.rms == pytest.approx(before.rms, rel=0.05)
    assert after.fundamental_hz() == pytest.approx(before.fundamental_hz(), rel=0.05)


async def test_plain_text_is_not_markup_phonemes_or_commands() -> None:
    async with espeak() as provider:
        assert (await speech(provider, "a <break time='9s'/> b")).duration_s < 6
        said = await speech(provider, "<speak>no</speak>")
        assert [w.text_start for w in said.words][:2] == [1, 7]  # "speak" and "no" are read
        spelled = await speech(provider, "[[h@l'oU]]")
        assert len(spelled.words) > 1
        quiet = await speech(provider, "\x01 0A hello \x01 900S there")
        assert quiet.rms > 300
        assert quiet.duration_s > 0.5


async def test_markup_is_followed() -> None:
    async with espeak() as provider:
        plain = await speech(provider, "One. Two.")
        paused = await speech(provider, '<speak>One. <break time="2s"/>Two.</speak>', markup=Markup.SSML)
        assert paused.duration_s - plain.duration_s == pytest.approx(2.0, abs=0.5)
        document = '<speak>Hello <b>wor</b>ld, a &amp; b, <sub alias="World Wide Web">WWW</sub> end.</speak>'
        said = await speech(provider, document, markup=Markup.SSML)
        found = [document[w.text_start : w.text_start + w.text_length] for w in said.words]
        assert found == ["Hello", "wor</b>ld", "a", "b", "end"]


async def test_broken_markup_and_endless_text_are_refused_before_a_worker_is_taken() -> None:
    async with espeak() as provider:
        with pytest.raises(InvalidMarkup, match="line 1, column 9"):
            await speech(provider, "<speak>a", markup=Markup.SSML)
        with pytest.raises(TextTooLong):
            await speech(provider, "a" * (MAX_CHARACTERS + 1))
        assert provider.pool.idle_workers == 1


async def test_a_long_document_is_spoken_whole() -> None:
    document = "<speak>" + "<s>Yes &amp; no.</s>" * (LONG_DOCUMENT_CHARACTERS // 20) + "</speak>"
    async with espeak() as provider:
        said = await speech(provider, document, markup=Markup.SSML)
    assert said.words[-1].text_start == document.rindex("no")


async def test_phonemes_are_told() -> None:
    async with espeak() as provider:
        assert await provider.phonemes("Hello. World.", "en-gb") == ["həlˈəʊ", "wˈɜːld"]


async def test_cancelling_stops_at_once_and_frees_the_worker() -> None:
    async with espeak() as provider:
        for chunks in (1, 2, 40):
            abort = Abort()
            taken = 0
            async for _ in provider.synthesize(utterance(SENTENCE * 200), abort):
                taken += 1
                if taken == chunks:
                    abort.abort()
            assert taken == chunks
            assert (await speech(provider, "Yes")).rms > 300


async def test_cancelled_before_it_began_it_says_nothing() -> None:
    async with espeak() as provider:
        abort = Abort()
        abort.abort()
        assert [chunk async for chunk in provider.synthesize(utterance(SENTENCE), abort)] == []
        assert provider.pool.idle_workers == 1


async def test_closing_the_generator_or_its_task_frees_the_worker() -> None:
    async with espeak() as provider:
        stream = provider.synthesize(utterance(SENTENCE * 200), Abort())
        await anext(stream)
        await stream.aclose()
        assert (await speech(provider, "Yes")).rms > 300

        async def listen() -> None:
            async for _ in provider.synthesize(utterance(SENTENCE * 200), Abort()):
                await asyncio.sleep(3600)

        task = asyncio.create_task(listen())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await speech(provider, "Yes")).rms > 300


async def test_a_long_text_is_spoken_whole() -> None:
    text = "word " * 400
    async with espeak() as provider:
        said = await speech(provider, text)
    assert len(said.words) == 400
    assert said.words[-1].text_start == len(text) - 5


async def test_one_long_word_of_a_hundred_thousand_letters_can_be_cancelled() -> None:
    async with espeak() as provider:
        abort = Abort()
        async for _ in provider.synthesize(utterance("a" * MAX_CHARACTERS), abort):
            abort.abort()
        assert (await speech(provider, "Yes")).rms > 300


ODD = st.text(
    st.one_of(
        st.characters(codec=None, max_codepoint=0x24F),
        st.characters(codec=None, categories=["Cc", "Cs", "Cf", "Co", "So", "Po", "Nd", "Mn", "Zl", "Zp"]),
        st.sampled_from("<>&[]{}\"'-_/\\@#%|~`^*"),
    ),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=6))
def test_no_text_brings_a_worker_down(texts: list[str]) -> None:
    async def scenario() -> None:
        async with espeak() as provider:
            pids = provider.pool.pids
            for text in texts:
                said = await speech(provider, text)
                assert len(said.samples) > 0
                for word in said.words:
                    assert 0 <= word.text_start < word.text_start + word.text_length <= len(text)
            assert provider.pool.pids == pids

    asyncio.run(scenario())


async def test_chunks_are_small_and_whole() -> None:
    async with espeak() as provider:
        sizes = [
            len(chunk.pcm) async for chunk in provider.synthesize(utterance(SENTENCE), Abort()) if chunk.pcm
        ]
    assert all(size % 2 == 0 for size in sizes)
    assert max(sizes) <= 2 * RATE_HZ * 60 // 1000 + 2
    assert np.mean(sizes) > 1000
