"""Pieces of the API's description that the doors share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from voxgate.audio.format import AudioFormat
from voxgate.rest.answers import VOICE_HEADER

# Described here, checked by the routes' own class, before a body is read.
BEARER = Security(HTTPBearer(auto_error=False, description="An API key of this server."))

STAND_IN_HEADER: Mapping[str, Any] = {
    VOICE_HEADER: {
        "description": "The stand-in that speaks; absent when the voice asked for speaks itself.",
        "schema": {"type": "string"},
    }
}


class Problem(BaseModel):
    """What went wrong."""

    code: str
    title: str
    detail: str


class Problems(BaseModel):
    """A refusal of the server's own pages (`voxgate.server.answers.error_answer`)."""

    errors: list[Problem]


def audio_content(formats: Iterable[AudioFormat]) -> dict[str, Any]:
    """Describe audio as an answer, by media type."""
    return {
        media_type: {"schema": {"type": "string", "format": "binary"}}
        for media_type in sorted({each.media_type for each in formats})
    }


def refusals(
    model: type[BaseModel], descriptions: Mapping[int, str], example: Mapping[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Describe refusals, all of one shape, by status."""
    content = {"application/json": {"example": example}} if example else {}
    return {
        status: {"model": model, "description": description, "content": content}
        for status, description in descriptions.items()
    }
