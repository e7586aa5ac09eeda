"""Rows of measurements, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure, and the target it is held against, if it has one."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of all values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def spread(name: str, values: Sequence[float], unit: str, p50: float | None, p99: float | None) -> list[Row]:
    """Median and p99 of ``values``."""
    note = f"n={len(values)}"
    median = statistics.median(values) if values else float("nan")
    return [
        Row(f"{name}, p50", median, unit, p50, note=note),
        Row(f"{name}, p99", percentile(values, 0.99), unit, p99, note=note),
    ]


@dataclass
class Report:
    """All rows of one run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, *rows: Row) -> None:
        self.rows.extend(rows)
        for row in rows:
            print(f"  {row.name}: {row.value:.4g} {row.unit} {row.note}", flush=True)

    def show(self) -> None:
        table = Table("measured", "value", "unit", "target", "", "note")
        for row in self.rows:
            sign = "" if row.target is None else f"{'≥' if row.at_least else '≤'} {row.target:g}"
            mark = {None: "", True: "[green]reached", False: "[red]missed"}[row.reached]
            table.add_row(row.name, f"{row.value:.4g}", row.unit, sign, mark, row.note)
        Console(width=150).print(table)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**asdict(row), "reached": row.reached} for row in self.rows]
        machine = {
            "python": platform.python_version(),
            "system": platform.system(),
            "cpu": platform.machine(),
        }
        path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
