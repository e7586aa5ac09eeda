from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from voxgate.observe.metrics import FIRST_AUDIO_BOUNDS_MS, Figures
from voxgate.observe.receipts import log_receipt
from voxgate.speech.receipt import Outcome, Receipt

SPOKEN = Receipt(
    utterance_id=1,
    tenant="ada",
    voice="Telnyx.NaturalHD.astra",
    spoken_by="Local.Espeak.en-US+f2",
    provider="Local.Espeak",
    characters_accepted=10,
    characters_sent=10,
    audio_made_s=2.0,
    audio_delivered_s=1.5,
    first_audio_ms=3.0,
    cached=False,
    outcome=Outcome.COMPLETED,
)
CACHED = replace(SPOKEN, cached=True, characters_sent=0, first_audio_ms=0.1)
FAILED = replace(
    SPOKEN,
    provider="",
    outcome=Outcome.FAILED,
    error_code="overloaded",
    first_audio_ms=None,
    audio_made_s=0.0,
)
CANCELLED = replace(SPOKEN, outcome=Outcome.CANCELLED, first_audio_ms=99_999.0)


def test_figures_add_up() -> None:
    figures = Figures()
    for receipt in (SPOKEN, SPOKEN, CACHED, FAILED, CANCELLED):
        figures(receipt)
    assert figures.utterances == 5
    assert figures.outcomes == {"completed": 3, "failed": 1, "cancelled": 1}
    assert figures.errors == {"overloaded": 1}
    assert figures.providers == {"Local.Espeak": 4}
    assert (figures.cached, figures.characters_accepted, figures.characters_sent) == (1, 50, 40)
    assert (figures.audio_made_s, figures.audio_delivered_s) == (8.0, 7.5)


def test_first_audio_falls_into_the_bucket_whose_bound_it_does_not_exceed() -> None:
    figures = Figures()
    for receipt in (SPOKEN, CACHED, FAILED, CANCELLED, replace(SPOKEN, first_audio_ms=5.0)):
        figures(receipt)
    expected = [0] * (len(FIRST_AUDIO_BOUNDS_MS) + 1)
    expected[0] = 1  # 0.1 ms, from the cache
    expected[FIRST_AUDIO_BOUNDS_MS.index(5)] = 2  # 3 ms, and exactly 5
    expected[-1] = 1  # beyond every bound
    assert figures.first_audio == expected


@pytest.mark.parametrize(("receipt", "level"), [(SPOKEN, "debug"), (CANCELLED, "debug"), (FAILED, "warning")])
def test_a_receipt_is_one_event(receipt: Receipt, level: str) -> None:
    with capture_logs() as events:
        log_receipt(receipt)
    (event,) = events
    assert (event["event"], event["log_level"]) == ("utterance", level)
    assert (event["tenant"], event["outcome"]) == ("ada", receipt.outcome.value)
