"""A neural voice that was registered speaks at every door of a running server."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import neural_models
from tests.support.server import RunningServer
from voxgate.config.registered import register

TEXT = "Hello there, how are you?"


@pytest.fixture(scope="module")
def neural_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("neural")
    for engine, name in (("piper", "anna"), ("kokoro", "kokoro"), ("sherpa", "bert")):
        model = neural_models.tiny(engine, folder / engine, min_workers=1, max_workers=1)
        register(folder / "data", name, model)
    with RunningServer(folder) as running:
        yield running


def ask(server: RunningServer, path: str, body: dict[str, Any] | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers)  # noqa: S310 - on loopback
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
        assert answer.headers.get("X-Voxgate-Voice") is None, "somebody else has spoken"
        read: bytes = answer.read()
        return read


@pytest.mark.parametrize("voice", ["Piper.anna", "Kokoro.af_tiny", "Kokoro.bm_tiny", "Sherpa.bert"])
def test_it_speaks_over_rest(voice: str, neural_server: RunningServer) -> None:
    body = {"model": f"Local.{voice.partition('.')[0]}", "voice": voice.partition(".")[2], "input": TEXT}
    file = ask(neural_server, "/v1/audio/speech", {**body, "response_format": "wav"})
    with wave.open(io.BytesIO(file)) as sound:
        assert len(sound.readframes(sound.getnframes())) / sound.getframerate() / 2 > 0.8
    file = ask(neural_server, "/v2/text-to-speech/speech", {"text": TEXT, "voice": f"Local.{voice}"})
    assert len(file) > 1000


def test_it_is_listed_and_no_other_is_taken(neural_server: RunningServer) -> None:
    listed = json.loads(ask(neural_server, "/v2/text-to-speech/voices?provider=local"))["voices"]
    neural = {voice["id"] for voice in listed if voice["model_id"] in ("Piper", "Kokoro", "Sherpa")}
    assert neural == {"Local.Piper.anna", "Local.Kokoro.af_tiny", "Local.Kokoro.bm_tiny", "Local.Sherpa.bert"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(neural_server, "/v2/text-to-speech/speech", {"text": TEXT, "voice": "Local.Piper.nobody"})
    with refused.value:
        assert refused.value.code == 400
