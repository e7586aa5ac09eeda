"""The samples of the manual's page on OpenAI's endpoint do what it says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.listening import seconds
from tests.support.samples import run_sample, samples
from tests.support.server import RunningServer

PAGE = "reference/openai.md"


def test_the_samples_run(shared_server: RunningServer, tmp_path: Path) -> None:
    whole, streamed, slow, voices = (
        run_sample(language, text, shared_server, tmp_path)
        for language, text in samples(PAGE, "python", "sh")
    )
    assert (whole, slow) == ("", "")
    assert seconds((tmp_path / "hello.mp3").read_bytes(), "audio/mpeg") > 0.5
    assert streamed.splitlines()[0].endswith(" bytes")
    assert seconds((tmp_path / "slow.wav").read_bytes(), "audio/wav") > 2
    assert {voice["gender"] for voice in json.loads(voices)["voices"]} == {"female"}
