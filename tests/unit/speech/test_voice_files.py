from __future__ import annotations

import pytest

from voxgate.speech.model import Delivery, Unlisted
from voxgate.speech.voice import Gender
from voxgate.speech.voice_files import label_of, parse, shipped


def test_models_named_together_share_their_facts() -> None:
    file = parse(
        """
        provider = "P"
        [[models]]
        names = ["a", "b"]
        delivery = "concatenated"
        unlisted = "clone"
        formats = ["wav"]
        rates_hz = [8000, 16000]
        """
    )
    first, second = file.models
    assert (first.title, second.title) == ("P.a", "P.b")
    assert (second.delivery, second.unlisted) == (Delivery.CONCATENATED, Unlisted.CLONE)
    assert (second.formats, second.rates_hz) == (("wav",), (8000, 16000))
    assert file.has_models


def test_ids_come_as_words_as_a_list_or_with_labels() -> None:
    file = parse(
        """
        provider = "P"
        [[models]]
        names = [""]
        [[voices]]
        models = ["P"]
        language = "de-DE en-GB"
        female = "one two-three"
        male = ["with a space"]
        [voices.neutral]
        id9 = "Nine"
        """
    )
    words, listed, labelled = file.groups
    assert (words.gender, words.labels) == (Gender.FEMALE, {"one": "One", "two-three": "Two Three"})
    assert (listed.gender, list(listed.labels)) == (Gender.MALE, ["with a space"])
    assert (labelled.gender, labelled.labels) == (Gender.NEUTRAL, {"id9": "Nine"})
    assert words.languages == ("de-DE", "en-GB")
    assert not file.has_models


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('surprise = "x"', TypeError),
        ('delivery = "thrown"', ValueError),
        ('unlisted = "maybe"', ValueError),
    ],
)
def test_a_slip_in_a_file_does_not_pass(line: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(f'provider = "P"\n[[models]]\nnames = [""]\n{line}\n')


def test_a_gender_that_does_not_exist_does_not_pass() -> None:
    text = 'provider = "P"\n[[models]]\nnames = [""]\n[[voices]]\nmodels = ["P"]\nfemales = "x"\n'
    with pytest.raises(ValueError, match="females"):
        parse(text)


@pytest.mark.parametrize(
    ("voice_id", "label"),
    [
        ("astra", "Astra"),
        ("andersen_johan", "Andersen Johan"),
        ("af_heart", "Heart"),
        ("en-US-AvaMultilingualNeural", "Ava Multilingual"),
        ("en-US-Emma:DragonHDLatestNeural", "Emma"),
        ("news-reader", "News Reader"),
        ("Aaron_en-US", "Aaron"),
        ("Joanna-Neural", "Joanna"),
        ("Lucia-longform", "Lucia"),
        ("---", "---"),
    ],
)
def test_labels_are_made_from_ids(voice_id: str, label: str) -> None:
    assert label_of(voice_id) == label


def test_each_shipped_file_is_of_another_provider_and_speaks_of_known_lists() -> None:
    files = shipped()
    names = [name.lower() for file in files for name in {file.provider.lower(), *file.aliases}]
    assert len(names) == len(set(names))
    titles = {facts.title for file in files for facts in file.models}
    assert {title for file in files for group in file.groups for title in group.lists} <= titles


def test_each_shipped_file_says_where_its_facts_are_from() -> None:
    from importlib import resources

    for entry in (resources.files("voxgate") / "data" / "voices").iterdir():
        head = entry.read_text("utf-8").partition("provider =")[0]
        assert head.startswith("# "), entry.name
        assert len(head) > 80, entry.name
