"""Pronunciation dictionaries, as OpenAPI describes them (source: Telnyx API reference and SDK 4.189)."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from voxgate.speech.lexicon import MAX_TEXT_CHARS, MAX_VALUE_CHARS
from voxgate.speech.lexicon_files import MAX_ITEMS, items_from_entries
from voxgate.storage.lexicons import StoredLexicon

MAX_NAME_CHARACTERS = 255
_EXAMPLE: dict[str, Any] = {
    "name": "Brand names",
    "items": [
        {"text": "Telnyx", "type": "phoneme", "phoneme": "ˈtɛl.nɪks", "alphabet": "ipa"},
        {"text": "ASAP", "type": "alias", "alias": "as soon as possible"},
    ],
}


class AliasItem(BaseModel):
    """Other words to say."""

    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARS, description="What to look for, in any case.")
    type: Literal["alias"]
    alias: str = Field(max_length=MAX_VALUE_CHARS)


class PhonemeItem(BaseModel):
    """How to pronounce it."""

    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARS, description="What to look for, in any case.")
    type: Literal["phoneme"]
    phoneme: str = Field(min_length=1, max_length=MAX_VALUE_CHARS)
    alphabet: Literal["ipa"] = "ipa"


_ITEMS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_ITEMS,
    "items": {"anyOf": [AliasItem.model_json_schema(), PhonemeItem.model_json_schema()]},
}

# Read by `voxgate.speech.lexicon_files`, which says which item is wrong, and in what.
Items = Annotated[list[Any], Field(min_length=1), WithJsonSchema(_ITEMS_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS, description="Unique.")]


class NewDictionary(BaseModel):
    """A dictionary to be made. Unknown fields are ignored."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    items: Items


class DictionaryChange(BaseModel):
    """What to change of a dictionary; what is not given stays."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [{"name": "Brands", "version": 1}]})

    name: Name | None = None
    items: Items | None = None
    version: int | None = Field(
        default=None,
        description="An extension: what is being changed, as it was read. When it is not given, only a "
        "change made during this very request is a conflict.",
    )


class Dictionary(BaseModel):
    """A dictionary."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "c215a3e1-be41-4701-97e8-1d3c22f9a5b7",
                    "record_type": "pronunciation_dict",
                    **_EXAMPLE,
                    "version": 1,
                    "created_at": "2026-11-21T12:00:00.000Z",
                    "updated_at": "2026-11-21T12:00:00.000Z",
                }
            ]
        }
    )

    id: str
    record_type: Literal["pronunciation_dict"] = "pronunciation_dict"
    name: str
    items: list[AliasItem | PhonemeItem]
    version: int = Field(description="Goes up with every change.")
    created_at: str
    updated_at: str


class OneDictionary(BaseModel):
    """An answer with one dictionary."""

    data: Dictionary


class Page(BaseModel):
    """Which part of a list this is."""

    page_number: int
    page_size: int
    total_pages: int
    total_results: int


class Dictionaries(BaseModel):
    """An answer with a page of dictionaries, the oldest first."""

    data: list[Dictionary]
    meta: Page


def record(stored: StoredLexicon) -> dict[str, Any]:
    """Make the record of a dictionary, a `Dictionary`."""
    return {
        "id": stored.lexicon_id,
        "record_type": "pronunciation_dict",
        "name": stored.name,
        "items": items_from_entries(list(stored.entries)),
        "version": stored.version,
        "created_at": _written(stored.created_s),
        "updated_at": _written(stored.updated_s),
    }


def _written(wall_s: float) -> str:
    """Write a time as Telnyx does: in UTC, with milliseconds."""
    time = datetime.fromtimestamp(wall_s, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"
