"""Neural voices of the user's own: which there are, how texts are cut, and what is wrong with a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import neural_models
from tests.unit.providers.neural_speech import SENTENCE, neural, pcm_of, utterance
from voxgate.clock import LoopClock
from voxgate.config.neural import NeuralSettings
from voxgate.errors import ConfigurationError, InvalidRequest, InvalidVoice, TextTooLong
from voxgate.providers.contract import Abort
from voxgate.providers.neural import MAX_CHARACTERS, PIECE_CHARACTERS, open_neural, pieces
from voxgate.speech.voice import Gender

LONG = "It goes on and on, with a comma here and there, but no full stop in sight, " * 4 + "and then it ends."


def piper(folder: Path, **changes: Any) -> NeuralSettings:
    return neural_models.tiny("piper", folder, **{"min_workers": 1, "max_workers": 1, **changes})


async def test_a_model_is_a_voice_in_the_language_that_was_set(tmp_path: Path) -> None:
    async with neural(anna=piper(tmp_path, language="de_de", gender="female")) as provider:
        (voice,) = provider.voices()
        assert str(voice.name) == "Local.Piper.anna"
        assert (voice.languages, voice.gender, voice.label) == (("de-DE",), Gender.FEMALE, "Anna")
        assert voice.rate_hz == neural_models.PIPER_HZ
        one = await pcm_of(provider, SENTENCE, "anna")
        assert await pcm_of(provider, SENTENCE, "ANNA") == one
        assert len(await pcm_of(provider, SENTENCE, "anna", speed=2.0)) == pytest.approx(
            len(one) / 2, rel=0.01
        )


async def test_chunks_are_whole_samples_at_the_models_rate(tmp_path: Path) -> None:
    async with neural(anna=piper(tmp_path)) as provider:
        asked = utterance(provider, SENTENCE, "anna")
        chunks = [chunk async for chunk in provider.synthesize(asked, Abort())]
        assert {chunk.rate_hz for chunk in chunks} == {neural_models.PIPER_HZ}
        assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)
        assert len(chunks) > 3


async def test_a_model_with_speakers_is_a_voice_for_each(tmp_path: Path) -> None:
    neural_models.need("piper")
    settings = neural_models.piper(tmp_path, speakers=("Bo", "mr. x")).model_copy(update={"min_workers": 1})
    async with neural(duo=settings) as provider:
        voices = [str(voice.name) for voice in provider.voices()]
        assert voices == ["Local.Piper.duo", "Local.Piper.duo+Bo", "Local.Piper.duo+mr_ x"]
        first = await pcm_of(provider, SENTENCE, "duo")
        assert await pcm_of(provider, SENTENCE, "duo+bo") == first
        assert await pcm_of(provider, SENTENCE, "duo+mr_ x") != first
        for stranger in ("duo+nobody", "nobody", "+"):
            with pytest.raises(InvalidVoice):
                await pcm_of(provider, SENTENCE, stranger)


async def test_kokoros_names_say_who_and_which_language_and_two_models_do_not_clash(tmp_path: Path) -> None:
    one, two = (neural_models.tiny("kokoro", tmp_path / name, min_workers=1) for name in ("1", "2"))
    async with neural(one=one, two=two) as provider:
        said = [(voice.name.voice_id, voice.languages[0], voice.gender) for voice in provider.voices()]
        assert said == [
            ("af_tiny", "en-US", Gender.FEMALE),
            ("bm_tiny", "en-GB", Gender.MALE),
            ("two+af_tiny", "en-US", Gender.FEMALE),
            ("two+bm_tiny", "en-GB", Gender.MALE),
        ]
        first = await pcm_of(provider, SENTENCE, "af_tiny")
        assert await pcm_of(provider, SENTENCE, "two+af_tiny") == first
        assert await pcm_of(provider, SENTENCE, "bm_tiny") != first


@pytest.mark.parametrize("text", ["", "  ", "...", "\U0001f600"])
async def test_nothing_to_say_is_an_error_and_no_hang(text: str, tmp_path: Path) -> None:
    async with neural(anna=piper(tmp_path)) as provider:
        with pytest.raises(InvalidRequest):
            await pcm_of(provider, text, "anna")
        assert await pcm_of(provider, SENTENCE, "anna")


async def test_a_text_without_end_is_refused(tmp_path: Path) -> None:
    async with neural(anna=piper(tmp_path)) as provider:
        with pytest.raises(TextTooLong):
            await pcm_of(provider, "x" * (MAX_CHARACTERS + 1), "anna")


async def test_half_a_character_does_not_keep_the_rest_from_being_spoken(tmp_path: Path) -> None:
    async with neural(anna=piper(tmp_path)) as provider:
        assert len(await pcm_of(provider, "Hello \ud83d there.", "anna")) > 1000


def test_sentences_are_pieces_and_long_ones_are_cut() -> None:
    assert [piece.strip() for piece in pieces("One. Two! Three?", "en")] == ["One.", "Two!", "Three?"]
    cut = list(pieces(LONG, "en"))
    assert "".join(cut) == LONG
    assert max(map(len, cut)) <= PIECE_CHARACTERS
    assert all(piece.rstrip().endswith((",", ".")) for piece in cut)
    unbroken = list(pieces("x" * 1000, None))
    assert "".join(unbroken) == "x" * 1000
    assert max(map(len, unbroken)) <= PIECE_CHARACTERS


def refusal(**models: NeuralSettings) -> str:
    with pytest.raises(ConfigurationError) as refused:
        list(open_neural(models, LoopClock()))
    return refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    model = tmp_path / "x.onnx"
    assert (
        refusal(a=NeuralSettings(engine="piper", model=model)) == f"neural.a.model: there is no file {model}"
    )
    model.touch()
    told = f"neural.a.config: there is no file {model}.json"
    assert refusal(a=NeuralSettings(engine="piper", model=model)) == told
    told = f"neural.a.model: there is no file {tmp_path}"
    assert refusal(a=NeuralSettings(engine="piper", model=tmp_path)) == told
    assert refusal(a=NeuralSettings(engine="kokoro", model=model)) == "neural.a.voices is needed for kokoro"
    assert refusal(a=NeuralSettings(engine="sherpa", model=model)) == "neural.a.tokens is needed for sherpa"
    data = tmp_path / "data"
    told = f"neural.a.data_dir: there is no folder {data}"
    assert refusal(a=NeuralSettings(engine="sherpa", model=model, tokens=model, data_dir=data)) == told


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    settings = piper(tmp_path)
    assert refusal(Anna=settings, anna=settings) == "neural.anna: Anna is the same name"


async def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = neural_models.tiny("piper", tmp_path)
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ConfigurationError) as refused:
        async with neural(anna=settings):
            pass
    mend = "its package is not installed: pip install 'voxgate[piper]'"
    assert refused.value.message == f"neural.anna: piper cannot load {settings.model}: {mend}"


@pytest.mark.parametrize("engine", ["piper", "kokoro", "sherpa"])
async def test_a_model_that_cannot_be_loaded_is_named_and_leaves_nothing(engine: str, tmp_path: Path) -> None:
    settings = neural_models.tiny(engine, tmp_path)
    settings.model.write_bytes(b"no model at all")
    with pytest.raises(ConfigurationError) as refused:
        async with neural(anna=settings):
            pass
    told = refused.value.message
    assert told.startswith(f"neural.anna: {engine} cannot load {settings.model}: ")
    assert "\n" not in told
