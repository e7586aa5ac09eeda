"""Pronunciation dictionaries over REST: what may be in them, whose they are, and that they are heard."""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.config import RestSettings
from voxgate.protocols.telnyx.rest_dictionaries import PATH
from voxgate.protocols.telnyx.rest_dictionary_models import Dictionaries, OneDictionary
from voxgate.protocols.telnyx.rest_models import ErrorEnvelope, ErrorRecord
from voxgate.testing.scripted import read_back

ALIAS = {"text": "ASAP", "type": "alias", "alias": "as soon as possible"}
PHONEME = {"text": "GIF", "type": "phoneme", "phoneme": "ɡɪf", "alphabet": "ipa"}
NAMES = {"name": "Names", "items": [ALIAS, PHONEME]}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RestApp]:
    async with rest_app(tmp_path) as app:
        yield app


async def made(app: RestApp, body: dict[str, Any] = NAMES, **headers: str) -> dict[str, Any]:
    answer = await app.ask("POST", PATH, body, **headers)
    assert answer.status == 201, answer.body
    return OneDictionary.model_validate(answer.json()).data.model_dump()


async def another_key(app: RestApp) -> str:
    _, secret = await app.services.keys.create("another tenant's")
    return f"Bearer {secret}"


def error(answer: Answer, status: int) -> ErrorRecord:
    assert answer.status == status, answer.body
    return ErrorEnvelope.model_validate(answer.json()).errors[0]


def form(file: bytes, *, name: str | None = None, filename: str = "brands.txt") -> tuple[bytes, str]:
    """A form as browsers send it, and its content type."""
    parts = [f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + file]
    if name is not None:
        parts.append(f'Content-Disposition: form-data; name="name"\r\n\r\n{name}'.encode())
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return body, "multipart/form-data; boundary=edge"


async def upload(app: RestApp, file: bytes, **options: str) -> Answer:
    body, content_type = form(file, **options)
    return await app.ask("POST", PATH, body, content_type=content_type)


async def speak(app: RestApp, text: str, dictionary_id: str, **headers: str) -> Answer:
    body = {
        "text": text,
        "voice": "Telnyx.NaturalHD.astra",
        "pronunciation_dict_id": dictionary_id,
        "telnyx": {"response_format": "pcm"},
    }
    return await app.ask("POST", "/v2/text-to-speech/speech", body, **headers)


async def test_a_dictionary_is_made_fetched_changed_and_forgotten(app: RestApp) -> None:
    new = await made(app)
    assert (new["name"], new["version"], new["record_type"]) == ("Names", 1, "pronunciation_dict")
    assert new["items"] == [ALIAS, PHONEME]
    assert TIME.fullmatch(new["created_at"])
    assert new["updated_at"] == new["created_at"]
    path = f"{PATH}/{new['id']}"
    assert (await app.ask("GET", path)).json() == {"data": {**new}}
    changed = (await app.ask("PATCH", path, {"items": [ALIAS]})).json()["data"]
    assert (changed["name"], changed["items"], changed["version"]) == ("Names", [ALIAS], 2)
    renamed = (await app.ask("PATCH", path, {"name": "Brands"})).json()["data"]
    assert (renamed["name"], renamed["items"], renamed["version"]) == ("Brands", [ALIAS], 3)
    assert (await app.ask("PATCH", path, {})).json()["data"] == renamed
    gone = await app.ask("DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    assert error(await app.ask("GET", path), 404).code == "10005"
    assert error(await app.ask("DELETE", path), 404).code == "10005"


async def test_lists_come_in_pages(app: RestApp) -> None:
    empty = Dictionaries.model_validate((await app.ask("GET", PATH)).json())
    assert (empty.data, empty.meta.total_pages, empty.meta.total_results) == ([], 0, 0)
    for number in range(5):
        await made(app, {**NAMES, "name": f"dictionary {number}"})
    page = (await app.ask("GET", f"{PATH}?page[number]=2&page[size]=2")).json()
    assert [each["name"] for each in page["data"]] == ["dictionary 2", "dictionary 3"]
    assert page["meta"] == {"page_number": 2, "page_size": 2, "total_pages": 3, "total_results": 5}
    assert (await app.ask("GET", f"{PATH}?page%5Bnumber%5D=9")).json()["data"] == []
    for query, field in (("page[number]=0", "page[number]"), ("page[size]=251", "page[size]")):
        wrong = error(await app.ask("GET", f"{PATH}?{query}"), 422)
        assert wrong.source is not None
        assert wrong.source.parameter == field


async def test_fifty_and_no_more(app: RestApp) -> None:
    for number in range(50):
        await made(app, {**NAMES, "name": f"dictionary {number}"})
    assert "50" in error(await app.ask("POST", PATH, NAMES), 400).detail
    assert len((await app.ask("GET", f"{PATH}?page[size]=250")).json()["data"]) == 50


async def test_tenants_never_meet(app: RestApp) -> None:
    other = await another_key(app)
    new = await made(app)
    path = f"{PATH}/{new['id']}"
    assert (await app.ask("GET", PATH, authorization=other)).json()["data"] == []
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        assert error(await app.ask(method, path, body, authorization=other), 404).code == "10005"
    told = error(await speak(app, "Now.", new["id"], authorization=other), 400)
    assert told.source is not None
    assert told.source.pointer == "/pronunciation_dict_id"
    await made(app, authorization=other)  # a name of another's is free
    assert (await app.ask("GET", path)).json()["data"] == new


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"items": [ALIAS]}, 422, "/name"),
        ({"name": "Names"}, 422, "/items"),
        ({"name": "", "items": [ALIAS]}, 422, "/name"),
        ({"name": "x" * 256, "items": [ALIAS]}, 422, "/name"),
        ({"name": 7, "items": [ALIAS]}, 422, "/name"),
        ({"name": "Names", "items": []}, 422, "/items"),
        ({"name": "Names", "items": {"text": "x"}}, 422, "/items"),
        ({"name": "Names", "items": [ALIAS] * 101}, 400, "/items"),
        ({"name": "Names", "items": [ALIAS, "x"]}, 400, "/items/1"),
        ({"name": "Names", "items": [{**ALIAS, "text": "x" * 201}]}, 400, "/items/0/text"),
        ({"name": "Names", "items": [{**ALIAS, "text": " "}]}, 400, "/items/0/text"),
        ({"name": "Names", "items": [{**ALIAS, "alias": "x" * 501}]}, 400, "/items/0/alias"),
        ({"name": "Names", "items": [{**ALIAS, "alias": None}]}, 400, "/items/0/alias"),
        ({"name": "Names", "items": [{**ALIAS, "type": "regex"}]}, 400, "/items/0/type"),
        ({"name": "Names", "items": [{**PHONEME, "alphabet": "x-sampa"}]}, 400, "/items/0/alphabet"),
        ({"name": "Names", "items": [{**PHONEME, "phoneme": "ɡ☃f"}]}, 400, "/items/0/phoneme"),
        ({"name": "Names", "items": [{**PHONEME, "phoneme": "ɪ" * 501}]}, 400, "/items/0/phoneme"),
    ],
)
async def test_what_is_wrong_is_named(app: RestApp, body: dict[str, Any], status: int, pointer: str) -> None:
    told = error(await app.ask("POST", PATH, body), status)
    assert told.source is not None
    assert told.source.pointer == pointer
    assert (await app.ask("GET", PATH)).json()["data"] == []


async def test_a_symbol_that_is_not_known_is_told(app: RestApp) -> None:
    body = {"name": "Names", "items": [ALIAS, {**PHONEME, "phoneme": "ɡɪ☃"}]}
    told = error(await app.ask("POST", PATH, body), 400)
    assert "☃" in told.detail
    assert "U+2603" in told.detail


@pytest.mark.parametrize(("body", "status"), [(b"{no json", 400), (b"[]", 400), (b"", 400), (b'"x"', 400)])
async def test_a_body_that_is_no_object_is_refused(app: RestApp, body: bytes, status: int) -> None:
    new = await made(app)
    assert (await app.ask("POST", PATH, body)).status == status
    assert (await app.ask("PATCH", f"{PATH}/{new['id']}", body)).status == status


async def test_a_name_is_taken_once(app: RestApp) -> None:
    await made(app)
    other = await made(app, {**NAMES, "name": "Brands"})
    for answer in (
        await app.ask("POST", PATH, NAMES),
        await app.ask("PATCH", f"{PATH}/{other['id']}", {"name": "Names"}),
    ):
        told = error(answer, 400)
        assert told.source is not None
        assert told.source.pointer == "/name"


async def test_whoever_changes_what_was_changed_meanwhile_is_told(app: RestApp) -> None:
    new = await made(app)
    path = f"{PATH}/{new['id']}"
    assert (await app.ask("PATCH", path, {"name": "Brands", "version": 1})).status == 200
    error(await app.ask("PATCH", path, {"name": "Other", "version": 1}), 409)
    assert (await app.ask("GET", path)).json()["data"]["name"] == "Brands"


async def test_of_two_changes_at_once_one_is_refused_and_none_is_lost(app: RestApp) -> None:
    """Both began with the same version; the one whose body comes later finds another."""
    new = await made(app)
    path = f"{PATH}/{new['id']}"
    slow = app.call("PATCH", path, {"name": "Slow"})
    slow.hold_body()
    running = asyncio.create_task(slow.run())
    await slow.body_wanted.wait()
    assert (await app.ask("PATCH", path, {"items": [ALIAS]})).status == 200
    slow.send_body()
    error(await running, 409)
    kept = (await app.ask("GET", path)).json()["data"]
    assert (kept["name"], kept["items"], kept["version"]) == ("Names", [ALIAS], 2)


class TestFiles:
    async def test_lines(self, app: RestApp) -> None:
        answer = await upload(app, "ASAP=as soon as possible\nGIF:/ɡɪf/\n".encode(), name="Names")
        assert answer.status == 201, answer.body
        data = answer.json()["data"]
        assert (data["name"], data["items"]) == ("Names", [ALIAS, PHONEME])

    async def test_pls(self, app: RestApp) -> None:
        document = (
            '<?xml version="1.0" encoding="UTF-8"?><lexicon version="1.0" alphabet="ipa" xml:lang="en-US" '
            'xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
            "<lexeme><grapheme>ASAP</grapheme><alias>as soon as possible</alias></lexeme>"
            "<lexeme><grapheme>GIF</grapheme><phoneme>ɡɪf</phoneme></lexeme></lexicon>"
        )
        answer = await upload(app, document.encode(), filename="Brands.pls")
        assert answer.status == 201, answer.body
        data = answer.json()["data"]
        assert (data["name"], data["items"]) == ("Brands", [ALIAS, PHONEME])

    async def test_external_entities_are_refused(self, app: RestApp) -> None:
        document = (
            b'<!DOCTYPE lexicon [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
            b"<lexicon><lexeme><grapheme>x</grapheme><alias>&secret;</alias></lexeme></lexicon>"
        )
        told = error(await upload(app, document), 400)
        assert told.source is not None
        assert told.source.pointer == "/file"
        assert "root:" not in told.detail

    @pytest.mark.parametrize(
        ("file", "hint"),
        [
            (b"", "no item"),
            (b"no sign between\n", "line 1"),
            ("good=fine\nGIF:/☃/".encode(), "U+2603"),
            (b"\xff\xff=x", "UTF-8"),
            (b"<lexicon>", "well-formed"),
            (b"".join(b"w%d=x\n" % n for n in range(101)), "100"),
        ],
    )
    async def test_what_is_wrong_is_told(self, app: RestApp, file: bytes, hint: str) -> None:
        told = error(await upload(app, file), 400)
        assert hint in told.detail
        assert (await app.ask("GET", PATH)).json()["data"] == []

    async def test_a_megabyte_and_no_more(self, app: RestApp) -> None:
        line = b"word=alias\n"
        full = line + b"\n" * (1_048_576 - len(line))
        assert (await upload(app, full)).status == 201
        error(await upload(app, full + b"\n"), 400)
        error(await upload(app, full * 2), 413)

    async def test_a_form_needs_a_file_and_a_name(self, app: RestApp) -> None:
        for body in (
            b"--edge--\r\n",
            b"nothing",
            b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--\r\n",
        ):
            answer = await app.ask("POST", PATH, body, content_type="multipart/form-data; boundary=edge")
            assert error(answer, 400).source is not None
        error(await app.ask("POST", PATH, b"x", content_type="multipart/form-data"), 400)
        told = error(await upload(app, b"a=b", filename="", name="x" * 256), 400)
        assert told.source is not None
        assert told.source.pointer == "/name"

    async def test_other_bodies_are_refused(self, app: RestApp) -> None:
        assert error(await app.ask("POST", PATH, b"a=b", content_type="text/plain"), 400).code == "10014"


async def test_json_may_be_as_large_as_the_settings_say(tmp_path: Path) -> None:
    async with rest_app(tmp_path, rest=RestSettings(max_body_kib=1)) as app:
        await made(app)
        error(await app.ask("POST", PATH, {**NAMES, "padding": "x" * 2000}), 413)


async def test_who_does_not_say_who_he_is_gets_nothing(app: RestApp) -> None:
    for method, path in (("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/x"), ("PATCH", f"{PATH}/x")):
        assert error(await app.ask(method, path, NAMES, authorization="Bearer wrong"), 401).code == "10009"


class TestSpeaking:
    async def test_the_words_that_were_replaced_are_what_is_heard(self, app: RestApp) -> None:
        new = await made(app)
        answer = await speak(app, "Send the GIF asap.", new["id"])
        assert answer.status == 200
        assert read_back(answer.body) == "Send the GIF as soon as possible."

    async def test_a_change_is_heard_at_once(self, app: RestApp) -> None:
        new = await made(app)
        for alias in ("at once", "right now"):
            body = {"items": [{**ALIAS, "alias": alias}]}
            assert (await app.ask("PATCH", f"{PATH}/{new['id']}", body)).status == 200
            assert read_back((await speak(app, "Do it ASAP", new["id"])).body) == f"Do it {alias}"

    async def test_what_is_forgotten_cannot_be_used(self, app: RestApp) -> None:
        new = await made(app)
        assert (await speak(app, "Now.", new["id"])).status == 200
        await app.ask("DELETE", f"{PATH}/{new['id']}")
        for unknown in (new["id"], "no-id", ""):
            told = error(await speak(app, "Now.", unknown), 400)
            assert told.source is not None
            assert told.source.pointer == "/pronunciation_dict_id"
