"""Phrase replacements over REST: kept, changed, each tenant's own, and heard."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.protocols.uplift.rest_models import PhraseReplacementConfig
from voxgate.protocols.uplift.rest_phrases import PATH
from voxgate.storage.lexicons import MAX_LEXICONS, LexiconKind
from voxgate.testing.scripted import read_back

BANK = {"phrase": "Meezan Bank", "replacement": "Mee zaan Bank"}
PSBA = {"phrase": "PSBA", "replacement": "پی ایس بی اے"}
BODY = {"phraseReplacements": [BANK, PSBA]}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RestApp]:
    async with rest_app(tmp_path) as app:
        yield app


async def made(app: RestApp, body: dict[str, Any] = BODY, **headers: str) -> str:
    answer = await app.ask("POST", PATH, body, **headers)
    assert answer.status == 201, answer.body
    return PhraseReplacementConfig.model_validate(answer.json()).configId


async def speak(app: RestApp, text: str, config_id: str, **headers: str) -> Answer:
    body = {"text": text, "outputFormat": "PCM_22050_16", "phraseReplacementConfigId": config_id}
    return await app.ask("POST", "/v1/synthesis/text-to-speech/stream", body, **headers)


def problem(answer: Answer, status: int) -> str:
    assert answer.status == status == answer.json()["statusCode"], answer.body
    assert answer.headers["access-control-allow-origin"] == "*"
    return str(answer.json()["message"])


async def test_a_configuration_is_made_fetched_changed_and_forgotten(app: RestApp) -> None:
    config_id = await made(app)
    uuid.UUID(config_id)
    path = f"{PATH}/{config_id}"
    assert (await app.ask("GET", path)).json() == {"configId": config_id, **BODY}
    changed = await app.ask("POST", path, {"phraseReplacements": [PSBA]})
    assert (changed.status, changed.json()) == (200, {"configId": config_id, "phraseReplacements": [PSBA]})
    assert (await app.ask("GET", path)).json()["phraseReplacements"] == [PSBA]
    assert (await app.ask("DELETE", path)).status == 200
    for method, body in (("GET", None), ("POST", BODY), ("DELETE", None)):
        problem(await app.ask(method, path, body), 404)


async def test_a_name_is_kept_and_may_be_used_again(app: RestApp) -> None:
    for _ in range(2):
        answer = await app.ask("POST", PATH, {"name": "Banks", **BODY})
        assert (answer.status, answer.json()["name"]) == (201, "Banks")
    config_id = answer.json()["configId"]
    kept = await app.ask("POST", f"{PATH}/{config_id}", {"phraseReplacements": []})
    assert kept.json() == {"configId": config_id, "name": "Banks", "phraseReplacements": []}


async def test_the_list_is_a_bare_array_the_oldest_first(app: RestApp) -> None:
    assert (await app.ask("GET", PATH)).json() == []
    ids = [await made(app) for _ in range(3)]
    assert [each["configId"] for each in (await app.ask("GET", PATH)).json()] == ids


async def test_tenants_never_meet(app: RestApp) -> None:
    config_id = await made(app)
    _, secret = await app.services.keys.create("another tenant's")
    other = f"Bearer {secret}"
    assert (await app.ask("GET", PATH, authorization=other)).json() == []
    for method, body in (("GET", None), ("POST", {"phraseReplacements": []}), ("DELETE", None)):
        problem(await app.ask(method, f"{PATH}/{config_id}", body, authorization=other), 404)
    problem(await speak(app, "PSBA", config_id, authorization=other), 400)
    assert (await app.ask("GET", f"{PATH}/{config_id}")).json()["phraseReplacements"] == [BANK, PSBA]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({}, "phraseReplacements"),
        ({"phraseReplacements": None}, "phraseReplacements"),
        ({"phraseReplacements": {"phrase": "x"}}, "phraseReplacements"),
        ({"phraseReplacements": ["x"]}, "not an object"),
        ({"phraseReplacements": [{"phrase": "x"}]}, "replacement"),
        ({"phraseReplacements": [{"phrase": 7, "replacement": "x"}]}, "phrase"),
        ({"phraseReplacements": [{"phrase": " ", "replacement": "x"}]}, "empty"),
        ({"phraseReplacements": [{"phrase": "x" * 201, "replacement": "x"}]}, "200"),
        ({"phraseReplacements": [{"phrase": "x", "replacement": "x" * 501}]}, "500"),
        ({"phraseReplacements": [BANK] * 1001}, "1000"),
        ({"name": 7, **BODY}, "name"),
        ([BANK], "object"),
    ],
)
async def test_what_is_wrong_is_told(app: RestApp, body: Any, hint: str) -> None:
    assert hint in problem(await app.ask("POST", PATH, body), 400)
    config_id = await made(app)
    assert hint in problem(await app.ask("POST", f"{PATH}/{config_id}", body), 400)
    assert (await app.ask("GET", f"{PATH}/{config_id}")).json()["phraseReplacements"] == [BANK, PSBA]


async def test_so_many_and_no_more(app: RestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_LEXICONS, LexiconKind.PHRASES, 2)
    for _ in range(2):
        await made(app)
    assert "2" in problem(await app.ask("POST", PATH, BODY), 400)


async def test_a_thousand_phrases_are_found_again(app: RestApp) -> None:
    phrases = [{"phrase": f"w{number}", "replacement": f"x{number}"} for number in range(1000)]
    config_id = await made(app, {"phraseReplacements": phrases})
    assert read_back((await speak(app, "Say w999.", config_id)).body, rate_hz=22_050) == "Say x999."


async def test_of_two_changes_at_once_neither_fails(app: RestApp) -> None:
    config_id = await made(app)
    path = f"{PATH}/{config_id}"
    answers = await asyncio.gather(
        *(app.ask("POST", path, {"phraseReplacements": [each]}) for each in (BANK, PSBA))
    )
    assert [answer.status for answer in answers] == [200, 200]
    assert (await app.ask("GET", path)).json()["phraseReplacements"] in ([BANK], [PSBA])


async def test_the_longest_phrase_is_what_is_replaced(app: RestApp) -> None:
    phrases = [
        {"phrase": "bank", "replacement": "house"},
        {"phrase": "meezan bank", "replacement": "balance"},
    ]
    config_id = await made(app, {"phraseReplacements": phrases})
    answer = await speak(app, "Meezan Bank, a BANK, banks.", config_id)
    assert read_back(answer.body, rate_hz=22_050) == "balance, a house, banks."


async def test_a_page_of_any_origin_may_ask_first(app: RestApp) -> None:
    for path, method in ((PATH, "POST"), (f"{PATH}/some-id", "DELETE")):
        answer = await app.ask("OPTIONS", path, authorization="", origin="https://app.example")
        assert answer.status == 204
        assert method in answer.headers["access-control-allow-methods"]


async def test_without_a_good_key_nothing_is_told(app: RestApp) -> None:
    config_id = await made(app)
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}/{config_id}")):
        problem(await app.ask(method, path, BODY, authorization="Bearer wrong"), 401)
