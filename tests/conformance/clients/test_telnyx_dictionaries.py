"""Pronunciation dictionaries by Telnyx's own client, heard through both of its doors."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import telnyx
from tests.support.listening import decode
from tests.support.recognizer import PHRASES, understand
from tests.support.server import RunningServer
from tests.support.telnyx_client import audio_of, speak

IPA = "wˈɛɹ ɪz ðə nˈɪɹəst hˈɑːspɪɾəl"
SAID = "where is the nearest hospital"


@pytest.fixture
def client(server: RunningServer) -> Iterator[telnyx.Telnyx]:
    with telnyx.Telnyx(base_url=f"{server.url}/v2", api_key=server.key, max_retries=0) as made:
        yield made


def test_the_client_makes_reads_changes_and_forgets_them(client: telnyx.Telnyx) -> None:
    made = client.pronunciation_dicts.create(
        name="Names",
        items=[
            {"text": "Telnyx", "type": "phoneme", "phoneme": "ˈtɛl.nɪks", "alphabet": "ipa"},
            {"text": "ASAP", "type": "alias", "alias": "as soon as possible"},
        ],
    ).data
    assert made is not None
    assert made.id is not None
    assert (made.name, made.version, made.record_type) == ("Names", 1, "pronunciation_dict")
    assert made.items is not None
    assert [item.type for item in made.items] == ["phoneme", "alias"]
    assert made.created_at is not None
    assert made.created_at.tzinfo is not None
    assert client.pronunciation_dicts.retrieve(made.id).data == made
    changed = client.pronunciation_dicts.update(made.id, name="Brands").data
    assert changed is not None
    assert (changed.name, changed.version, changed.items) == ("Brands", 2, made.items)
    client.pronunciation_dicts.delete(made.id)
    with pytest.raises(telnyx.NotFoundError):
        client.pronunciation_dicts.retrieve(made.id)


def test_the_client_walks_through_the_pages(client: telnyx.Telnyx) -> None:
    for number in range(5):
        client.pronunciation_dicts.create(
            name=f"dictionary {number}", items=[{"text": "a", "type": "alias", "alias": "b"}]
        )
    names = [each.name for each in client.pronunciation_dicts.list(page_size=2)]
    assert names == [f"dictionary {number}" for number in range(5)]


def test_a_change_that_came_too_late_is_a_conflict(client: telnyx.Telnyx) -> None:
    made = client.pronunciation_dicts.create(
        name="Names", items=[{"text": "a", "type": "alias", "alias": "b"}]
    ).data
    assert made is not None
    assert made.id is not None
    client.pronunciation_dicts.update(made.id, name="Brands", extra_body={"version": 1})
    with pytest.raises(telnyx.ConflictError):
        client.pronunciation_dicts.update(made.id, name="Other", extra_body={"version": 1})


def test_a_symbol_that_is_not_known_is_named(client: telnyx.Telnyx) -> None:
    with pytest.raises(telnyx.BadRequestError, match="☃"):
        client.pronunciation_dicts.create(
            name="Names", items=[{"text": "a", "type": "phoneme", "phoneme": "☃", "alphabet": "ipa"}]
        )


@pytest.mark.speech
async def test_both_doors_say_it_as_the_dictionary_does(client: telnyx.Telnyx, server: RunningServer) -> None:
    made = client.pronunciation_dicts.create(
        name="Names",
        items=[
            {"text": "XQ7", "type": "phoneme", "phoneme": IPA, "alphabet": "ipa"},
            {"text": "YZ8", "type": "alias", "alias": PHRASES[0]},
        ],
    ).data
    assert made is not None
    assert made.id is not None
    voice = "Telnyx.NaturalHD.astra"
    for text, phrase in (("XQ7.", SAID), ("YZ8.", PHRASES[0])):
        plain = client.text_to_speech.generate_speech(text=text, voice=voice, output_type="base64_output")
        said = client.text_to_speech.generate_speech(
            text=text,
            voice=voice,
            output_type="base64_output",
            extra_body={"pronunciation_dict_id": made.id},
        )
        assert understand(decode(base64.b64decode(plain.base64_audio or ""), "audio/mpeg")) is None
        assert understand(decode(base64.b64decode(said.base64_audio or ""), "audio/mpeg")) == phrase
        frames = await speak(
            server, {"text": text}, voice=voice, audio_format="linear16", pronunciation_dict_id=made.id
        )
        assert understand(decode(audio_of(frames), "audio/pcm")) == phrase
        # What is told is what was written, not what was said.
        assert text in [frame.get("text") for frame in frames]


async def test_an_upgrade_with_an_unknown_dictionary_is_refused(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"{server.ws_url}/v2/text-to-speech/speech?pronunciation_dict_id=nobodys",
            additional_headers={"Authorization": f"Bearer {server.key}"},
        ):
            pass
    assert refused.value.response.status_code == 400
    assert b"pronunciation_dict_id" in refused.value.response.body
