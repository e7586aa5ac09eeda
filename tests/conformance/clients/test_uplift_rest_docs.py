"""The samples of the manual's pages on Uplift's REST API and on pronunciation do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.listening import seconds
from tests.support.samples import MANUAL, run_sample, samples
from tests.support.server import RunningServer
from voxgate.protocols.uplift.formats import FORMATS
from voxgate.protocols.uplift.rest_models import SynthesisRequest


def test_uplift_s_samples_run(shared_server: RunningServer, tmp_path: Path) -> None:
    *_, transcript = (
        run_sample(language, text, shared_server, tmp_path)
        for language, text in samples("reference/uplift-rest.md", "python", "sh")
    )
    for name, media_type in (("salaam.mp3", "mpeg"), ("later.mp3", "mpeg"), ("psba.wav", "wav")):
        assert seconds((tmp_path / name).read_bytes(), f"audio/{media_type}") > 0.4
    told = json.loads(transcript)
    assert told["transcript"] == told["text"]
    assert told["language"] == "en"


def test_pronunciation_s_samples_run(server: RunningServer, tmp_path: Path) -> None:
    size, made = (
        run_sample(language, text, server, tmp_path)
        for language, text in samples("reference/pronunciation.md", "python", "sh")
    )
    assert int(size) > 1000
    assert json.loads(made)["data"]["name"] == "brands"


def test_every_field_and_format_is_on_the_page() -> None:
    page = (MANUAL / "reference/uplift-rest.md").read_text(encoding="utf-8")
    assert [name for name in SynthesisRequest.model_fields if f"`{name}`" not in page] == []
    mp3 = ("MP3_22050_64", "MP3_22050_128")  # named by their endings
    assert [name for name in FORMATS if name not in mp3 and f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", ["uplift-rest.md", "pronunciation.md"])
def test_links_lead_somewhere(page: str) -> None:

    folder = MANUAL / "reference"
    for target in re.findall(r"\]\(([^)#]+)", (folder / page).read_text(encoding="utf-8")):
        assert (folder / target).exists(), target
