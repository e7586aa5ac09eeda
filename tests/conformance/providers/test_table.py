"""The capability table says what the suite has just shown, no more and no less.

It runs behind the suite, and only when all of the suite has run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import voxgate
from tests.support.neural_models import need
from tests.support.shown import SHOWN
from tests.support.subjects import LIVE, NEURAL, Subject, subjects
from voxgate.clock import LoopClock
from voxgate.providers._table import FILE, ProviderRow, page, row, written
from voxgate.providers._vendor import Vendor
from voxgate.providers.espeak import EspeakProvider
from voxgate.providers.neural import NeuralProvider
from voxgate.providers.registry import vendor_class
from voxgate.testing.scripted import ScriptedProvider

TABLE = Path(voxgate.__path__[0], "data", FILE)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "providers.md"
TINY = "tiny models that the tests make; no real model"
HOW = "run: VOXGATE_WRITE_CAPABILITIES=1 pytest tests/conformance/providers"


def made(subject: Subject) -> Vendor:
    """Make the adapter: what it can do may depend on its settings."""
    vendor = vendor_class(subject.name)
    section = vendor.Settings(**{**subject.emulator().settings(), **subject.extra})  # type: ignore[arg-type]
    return vendor.make(subject.name, section, LoopClock())


def rows(config: pytest.Config) -> list[ProviderRow]:
    shown = config.stash[SHOWN]
    table = []
    for subject in subjects():
        vendor = made(subject)
        passed = shown.passed(subject.id)
        checked_by = subject.emulator.checked_by
        table.append(
            row(vendor.name, subject.name, subject.transport, vendor.capabilities, passed, checked_by)
        )
    for name, local in (("espeak", EspeakProvider), ("scripted", ScriptedProvider)):
        passed = shown.passed(Subject(name).id)
        table.append(row(local.name, "", "", local.capabilities, passed, "the engine itself"))
    for name in NEURAL:
        neural, passed = NeuralProvider(name, ()), shown.passed(Subject(name).id)
        table.append(row(neural.name, "neural", "", neural.capabilities, passed, TINY))
    return table


def test_the_table_is_what_was_shown(request: pytest.FixtureRequest) -> None:
    if LIVE:
        pytest.skip("the table is made with emulators")
    for name in NEURAL:
        need(name)
    shown = request.config.stash[SHOWN]
    names = [subject.id for subject in subjects()]
    whole = not shown.deselected and shown.collected == shown.ran
    if not whole or not all((name, "cancel") in shown.outcomes for name in names):
        pytest.skip("the whole suite has not run")
    if any("failed" in outcomes for outcomes in shown.outcomes.values()):
        pytest.skip("the suite has failed")
    table = rows(request.config)
    if os.environ.get("VOXGATE_WRITE_CAPABILITIES"):
        TABLE.write_text(written(table), encoding="utf-8")
        PAGE.write_text(page(table), encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == written(table), HOW
    assert PAGE.read_text(encoding="utf-8") == page(table), HOW
