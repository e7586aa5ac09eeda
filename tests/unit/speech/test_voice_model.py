from __future__ import annotations

import pytest

from voxgate.errors import NotPermitted, UnsupportedFormat
from voxgate.speech.model import ModelFacts, Unlisted

EXACT = ModelFacts("Telnyx", "Sukhan", formats=("mp3", "linear16"), rates_hz=(22_050,), exact=True)


def test_a_model_kept_from_the_websocket_says_so() -> None:
    with pytest.raises(NotPermitted, match=r"Telnyx\.Ultra"):
        ModelFacts("Telnyx", "Ultra", websocket=False).check_websocket()


def test_other_models_are_let_through() -> None:
    ModelFacts("Telnyx", "NaturalHD").check_websocket()


@pytest.mark.parametrize(
    ("audio_format", "rate_hz", "field"),
    [("wav", None, "audio_format"), ("wav", 22_050, "audio_format"), ("mp3", 24_000, "sample_rate")],
)
def test_an_exact_model_refuses_everything_else(audio_format: str, rate_hz: int | None, field: str) -> None:
    with pytest.raises(UnsupportedFormat) as refused:
        EXACT.check_format(audio_format, rate_hz)
    assert refused.value.field == field


@pytest.mark.parametrize(("audio_format", "rate_hz"), [("mp3", None), ("linear16", 22_050)])
def test_an_exact_model_makes_what_it_lists(audio_format: str, rate_hz: int | None) -> None:
    EXACT.check_format(audio_format, rate_hz)


def test_a_model_that_is_not_exact_leaves_the_rest_to_the_encoders() -> None:
    ModelFacts("Telnyx", "NaturalHD", formats=("mp3",), rates_hz=(24_000,)).check_format("alaw", 11_025)


def test_only_a_refused_list_is_closed() -> None:
    assert ModelFacts(unlisted=Unlisted.REFUSED).closed
    assert not ModelFacts(unlisted=Unlisted.CLONE).closed
    assert not ModelFacts(unlisted=Unlisted.TAKEN).closed
