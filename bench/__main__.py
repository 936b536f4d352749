"""Measure everything and print the table: ``python -m bench [--quick | --full]``.

Without ``--quick`` it also goes into docs/benchmark.md, and what was counted into bench/counts.toml.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import batch, cost, drain, functions, packages, plans
from bench.server import SIZES
from bench.table import Row, markdown
from local import terraform
from local.aws.runtime import ROOT
from local.processes import serving

PAGE = ROOT / "docs" / "benchmark.md"
DRAINED_QUICK, DRAINED, DRAINED_FULL = 400, 2_000, 10_000


def main() -> None:
    """Measure; what does not work raises, what is slow is only said."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="few turns, nothing written")
    kind.add_argument("--full", action="store_true", help=f"drain {DRAINED_FULL:,} instead of {DRAINED:,}")
    asked = parser.parse_args()
    quick, drained = asked.quick, DRAINED_QUICK if asked.quick else DRAINED_FULL if asked.full else DRAINED
    (ROOT / ".local").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / ".local"))
    try:
        rows = measured(folder, quick, drained)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = markdown(rows)
    print(table)
    if not quick:
        PAGE.write_text(page(table), encoding="utf-8")
        print(f"Written to {PAGE.relative_to(ROOT)}.")


def measured(folder: Path, quick: bool, failed: int) -> list[Row]:
    """Give every row; so many are drained."""
    starts, turns = (3, 50) if quick else (40, 500)
    sizes = SIZES[:2] if quick else SIZES
    rows: list[Row] = []
    with serving("bench.server", [], folder) as ready:
        url = ready["url"]
        steps: list[tuple[str, Callable[[], list[Row]]]] = [
            ("cold starts", lambda: functions.cold_starts(url, folder, starts)),
            ("packages", lambda: packages.sizes(functions.plain_install(folder))),
            ("warm requeue", lambda: [functions.warm_requeue(url, folder, turns)]),
            ("listing", lambda: functions.listings(url, folder, sizes, 3 if quick else 7)),
            ("memory", lambda: functions.peaks(url, folder, sizes)),
            ("build.py", lambda: packages.builds(folder, 1 if quick else 5)),
            ("plans", lambda: [plans.plan(folder, 1 if quick else 5)]),
            ("runs", lambda: _runs(keep=not quick)),
            ("a drained backlog", lambda: drain.drained(failed)),
        ]
        for what, step in steps:
            print(f"Measuring {what} …", flush=True)
            rows += step()
    return rows


def _runs(*, keep: bool) -> list[Row]:
    """Measure runs, keep the counts for the cost model, and see what they cost."""
    found = batch.measured()
    if keep:
        cost.write_counts(found.counts)
    return [*batch.rows(found), *cost.rows(found.counts, cost.read(cost.PRICES))]


def page(table: str) -> str:
    """Write the page: date, machine, table."""
    version = terraform.run(["version"]).stdout.splitlines()[0]
    facts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{_cpu()}, {os.cpu_count()} cores, {_memory()} GB",
        f"Linux {platform.release()}, Python {platform.python_version()}, {version}",
    ]
    return f"# Benchmark\n\nWritten by `make bench`. {'; '.join(facts)}.\n\n{table}"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


if __name__ == "__main__":
    main()
