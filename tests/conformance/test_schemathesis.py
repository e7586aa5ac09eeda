"""Whatever is sent to what ``/openapi.json`` describes: no 500, and every answer is as described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.support.server import RunningServer

Operation = APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]

EXAMPLES = 20
"""Requests for each operation, of each kind: as its schema says, and as it forbids."""

UNDECIDED: list[CheckFunction] = [
    # No schema can say which voices there are, or that a text holds something to say: such requests are
    # well-formed and refused with 400 all the same.
    positive_data_acceptance,
]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The real server, without a limit on requests."""
    limits = {"VOXGATE_LIMITS__REQUESTS_PER_MINUTE": "0"}
    with RunningServer(tmp_path_factory.mktemp("open-server"), environment=limits) as running:
        yield running


VOICES = st.sampled_from([None, "Local.Test.plain", "Telnyx.NaturalHD.astra"])
"""Put into bodies that have a voice, or there would hardly ever be a voice that exists."""


def send(operation: Operation, cases: st.SearchStrategy[Case], key: str, count: int) -> None:
    """Send requests and check each answer in every way that schemathesis knows."""

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, VOICES)
    def check(case: Case, voice: str | None) -> None:
        well_formed = case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE
        if voice is not None and well_formed and isinstance(case.body, dict) and "voice" in case.body:
            case.body["voice"] = voice
        headers = {"Authorization": f"Bearer {key}"}
        # In an address everything is a string, so what a query's schema forbids often reads as a good one.
        undecided = UNDECIDED if operation.body else [*UNDECIDED, negative_data_rejection]
        case.call_and_validate(headers=headers, excluded_checks=undecided, timeout=30)

    check()


def operations(server: RunningServer) -> list[Operation]:
    described = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    found = [result.ok() for result in described.get_all_operations() if isinstance(result, Ok)]
    assert {operation.path for operation in found} >= {"/v1/audio/speech", "/v2/text-to-speech/speech"}
    return found


def takes_anything(operation: Operation) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_answer_is_as_described(
    open_server: RunningServer, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    for operation in operations(open_server):
        if mode is GenerationMode.NEGATIVE and not takes_anything(operation):
            continue
        with subtests.test(operation.label):
            send(operation, operation.as_strategy(generation_mode=mode), open_server.key, EXAMPLES)


def test_every_example_is_answered_as_described(
    open_server: RunningServer, subtests: pytest.Subtests
) -> None:
    sent = 0
    for operation in operations(open_server):
        for cases in operation.get_strategies_from_examples():
            sent += 1
            with subtests.test(operation.label):
                send(operation, cases, open_server.key, 3)
    assert sent >= 7
