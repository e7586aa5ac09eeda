"""Settings of neural voices of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from voxgate.config.section import Section

NeuralName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""It becomes the last part of a voice's name, so it has no dots."""


class NeuralSettings(Section):
    """A neural voice: a section ``[neural.<name>]`` for each model.

    Attributes:
        engine: what runs it.
        model: the ONNX file.
        config: Piper's JSON, when it is not beside the model as ``<model>.json``; Kokoro's ``config.json``.
        voices: Kokoro's file of voices.
        tokens: sherpa-onnx's ``tokens.txt``; likewise the lexicon and the folder ``espeak-ng-data``.
        vocoder: of a Matcha model.
        language: of its voices; Kokoro's names say theirs.
        gender: of its voice, if it has but one.
        threads: of one worker.
        min_workers: processes kept warm, each with the model in memory. With two, there is one at hand when
            the other was in the midst of a sentence that nobody wants any more, and had to be replaced.
        max_workers: processes at most.
    """

    engine: Literal["piper", "kokoro", "sherpa"]
    model: Path
    config: Path | None = None
    voices: Path | None = None
    tokens: Path | None = None
    lexicon: Path | None = None
    data_dir: Path | None = None
    vocoder: Path | None = None
    language: str = "en-US"
    gender: Literal["female", "male", "neutral", "unknown"] = "unknown"
    threads: int = Field(default=1, ge=1, le=64)
    min_workers: int = Field(default=2, ge=1, le=64)
    max_workers: int = Field(default=2, ge=1, le=64)

    def files(self) -> dict[str, Path]:
        """The files and folders that are named, and what each is."""
        named = ("model", "config", "voices", "tokens", "lexicon", "data_dir", "vocoder")
        return {name: path.expanduser() for name in named if (path := getattr(self, name)) is not None}
