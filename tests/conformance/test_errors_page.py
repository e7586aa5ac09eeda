"""The manual's page of errors says what the doors really answer."""

from __future__ import annotations

from pathlib import Path

import orjson
from starlette.responses import Response

from voxgate import errors
from voxgate.errors import VoxgateError
from voxgate.protocols.openai.rest_errors import OpenAIDialect
from voxgate.protocols.telnyx.faults import fault_of, refusal_of
from voxgate.protocols.telnyx.rest_errors import TelnyxDialect
from voxgate.protocols.workbuddy.messages import SessionError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
NEVER_ANSWERED = {"VoxgateError", "ConfigurationError", "RequestError", "CapacityError"}
"""Roots of branches, and what stops the server from starting."""
BEFORE = (errors.RequestError, errors.CapacityError)
"""What an upgrade can be refused for."""
NEVER_AFTER = (errors.NotAuthenticated, errors.NotFound, errors.Conflict)
"""What is settled once the upgrade is granted."""
GIVEN = {"voice", "sample_rate"}
"""Query parameters of the upgrade."""


def answered() -> list[type[VoxgateError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, VoxgateError) and kind.__name__ not in NEVER_ANSWERED]


def body(response: Response) -> dict[str, dict[str, str]]:
    answer = orjson.loads(bytes(response.body))
    assert isinstance(answer, dict)
    return answer


def rest_row(kind: type[VoxgateError]) -> str:
    error = kind("…")
    telnyx = TelnyxDialect().refuse(error)
    told = orjson.loads(bytes(telnyx.body))["errors"][0]
    openai = OpenAIDialect().refuse(error)
    words = body(openai)["error"]
    assert telnyx.status_code == openai.status_code
    retry = "yes" if kind.retryable else "no"
    return (
        f"| `{kind.code}` | {telnyx.status_code} | {retry} | {told['code']} {told['title']} "
        f"| `{words['type']}`, `{words['code']}` |"
    )


def socket_row(kind: type[VoxgateError]) -> str:
    error = kind("…")
    before = after = "- "
    if issubclass(kind, BEFORE):
        refusal = refusal_of(error, GIVEN)
        told = orjson.loads(refusal.body)["errors"][0]
        before = f"{refusal.status.value}, {told['code']} {told['title']} "
    if not issubclass(kind, NEVER_AFTER):
        fault = fault_of(error)
        after = f"`{fault.message}`, {fault.code} "
    return f"| `{kind.code}` | {before}| {after}|"


def test_the_page_has_every_error_as_the_rest_doors_tell_it() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    missing = [row for row in map(rest_row, answered()) if row not in lines]
    assert not missing, "\n".join(missing)


def test_the_page_has_every_error_as_the_telnyx_socket_tells_it() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    missing = [row for row in map(socket_row, answered()) if row not in lines]
    assert not missing, "\n".join(missing)


def test_the_page_has_every_error_of_voice_sessions() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [
        row for each in SessionError if (row := f"| {each.value[0]} | {each.close_code} |") not in page
    ]
    assert not missing, "\n".join(missing)


def test_the_page_has_no_error_that_there_is_not() -> None:
    known = {kind.code for kind in answered()}
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} <= known
