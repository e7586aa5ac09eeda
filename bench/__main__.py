"""``python -m bench``: measure, print a table, write ``bench/out/bench.json``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench import conversation, providers, rest, telnyx, uplift
from bench.report import Report

PAGES = {
    "telnyx": telnyx.run,
    "rest": rest.run,
    "uplift": uplift.run,
    "conversation": conversation.run,
    "providers": providers.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="Measure voxgate on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a measurement")
    parser.add_argument("--only", choices=sorted(PAGES), help="one page of rows")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        # The load runs on the last core, the server on the first.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    report = Report()
    for name, run in PAGES.items():
        if options.only in (None, name):
            print(name)
            run(report, quick=options.quick)
    report.show()
    report.write(Path(__file__).parent / "out" / "bench.json")


if __name__ == "__main__":
    main()
