"""Whatever somebody writes into ``voice``: it is a name, or it is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.errors import InvalidVoice, NotPermitted
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.standin import stand_in
from voxgate.speech.voice import VoiceName

CATALOGUE = Catalogue.shipped()

part = st.text(st.characters(exclude_characters=".", exclude_categories=("C", "Z")), min_size=1, max_size=20)
model = st.one_of(st.just(""), st.lists(part, min_size=1, max_size=3).map(".".join))
listed = st.sampled_from([str(voice.name) for voice in CATALOGUE.voices()])
provider = st.sampled_from([*CATALOGUE.providers, "aws", "fish", "murf", "nobody"])
name_like = st.builds(VoiceName, provider, model, part).map(str)


@given(st.builds(VoiceName, part, model, part))
def test_a_name_survives_being_written_and_read(name: VoiceName) -> None:
    assert VoiceName.parse(str(name)) == name


@given(st.text(max_size=300))
def test_anything_is_a_name_or_refused(text: str) -> None:
    try:
        name = VoiceName.parse(text)
    except InvalidVoice:
        return
    assert str(name) == text.strip()
    assert name.provider.strip()
    assert name.voice_id.strip()
    assert str(name).isprintable()


@given(st.text(st.sampled_from("aB1-_:. "), max_size=30).filter(lambda text: "." not in text.strip()))
def test_one_segment_is_never_a_name(text: str) -> None:
    with pytest.raises(InvalidVoice):
        VoiceName.parse(text)


@given(st.one_of(name_like, listed), st.booleans())
def test_judging_a_name_ends_in_a_voice_or_a_known_refusal(text: str, verified: bool) -> None:
    try:
        voice = CATALOGUE.find(VoiceName.parse(text), identity_verified=verified)
    except (InvalidVoice, NotPermitted):
        return
    assert voice.languages
    assert voice.facts.provider == voice.name.provider
    # What was found goes by its canonical name from now on.
    assert CATALOGUE.find(voice.name, identity_verified=True) == voice
    assert stand_in(voice) == stand_in(CATALOGUE.find(voice.name, identity_verified=True))


@given(listed, st.data())
def test_case_never_matters_to_a_listed_voice(text: str, data: st.DataObject) -> None:
    shouted = "".join(data.draw(st.sampled_from([letter.upper(), letter.lower()])) for letter in text)
    found = CATALOGUE.find(VoiceName.parse(shouted))
    # Some letters change for good when their case does (ß, İ): such a name may be taken for a new one.
    if shouted.lower() == text.lower():
        assert str(found.name) == text


@given(listed)
def test_a_listed_voice_needs_no_verified_identity(text: str) -> None:
    assert str(CATALOGUE.find(VoiceName.parse(text)).name) == text
