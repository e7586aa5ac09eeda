"""The samples of the manual's page on Telnyx's REST endpoints do what it says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.listening import seconds
from tests.support.samples import MANUAL, run_sample, samples
from tests.support.server import RunningServer
from voxgate.protocols.telnyx.rest_models import SpeechRequest

PAGE = "reference/telnyx-rest.md"


def test_the_samples_run(shared_server: RunningServer, tmp_path: Path) -> None:
    *_, voices = (
        run_sample(language, text, shared_server, tmp_path)
        for language, text in samples(PAGE, "python", "sh")
    )
    for name, media_type in (("hello.mp3", "mpeg"), ("hello.wav", "wav"), ("later.mp3", "mpeg")):
        assert seconds((tmp_path / name).read_bytes(), f"audio/{media_type}") > 0.4
    assert {voice["provider"] for voice in json.loads(voices)["voices"]} == {"telnyx"}


def test_every_field_of_the_request_is_on_the_page() -> None:
    page = (MANUAL / PAGE).read_text(encoding="utf-8")
    assert [name for name in SpeechRequest.model_fields if f"`{name}`" not in page] == []
