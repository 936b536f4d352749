"""Rows measured in sandboxes: cold starts, a warm requeue, and long lists."""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import sandboxes
from bench.sandboxes import BENCH, MeasurementFailed, Package
from bench.server import KNOWN, LISTED_AT, REQUEST, run_id
from bench.table import Row, at_least, at_most
from local.aws.runtime import ROOT

ITEM = {
    "runId": "run",
    "batch": 1,
    "listedAt": 1764000000.0,
    "force": False,
    "paced": False,
    "communication": {"primaryId": "1", "operation": "send.email", "source": "email"},
}
DURATION = re.compile(r"^REPORT .*\tDuration: ([\d.]+) ms")
MB = 1_000_000
MANY = 50_000
"""Are listed by all turns together at least seven times; short lists take more turns for that."""


def plain_install(folder: Path) -> Path:
    """Install the layer's pins as people do; not compiled, for a zip does not keep the file times pip's need."""
    into = folder / "plain"
    if not into.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        command += ["--require-hashes", "-r", str(ROOT / "requirements/layer.txt"), "-t", str(into)]
        subprocess.run(command, check=True, capture_output=True)
    return into


def cold_starts(url: str, folder: Path, starts: int) -> list[Row]:
    """Start each function anew, in turns of random order: INIT and the first invocation."""
    naive, search, own = BENCH / "naive", (plain_install(folder),), (sandboxes.layer(folder),)
    packages = {
        "requeue_communication": (_deployed("requeue_communication", folder, own), ITEM),
        "list_failed": (_deployed("list_failed", folder, own), {}),
        "naive requeue_communication": (Package("requeue.handler", naive, search), ITEM),
        "naive list_failed": (Package("lister.handler", naive, search), {}),
        "empty": (Package("empty.handler", naive), {}),
    }
    variables = sandboxes.settings(url) | {
        "SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:api",
        "BASE_URL": url,
    }
    measured: dict[str, list[float]] = {name: [] for name in packages}
    for _ in range(starts):
        for name, (package, event) in random.sample(list(packages.items()), len(packages)):
            with sandboxes.sandbox(package, url, variables, folder) as started:
                _, lines = sandboxes.invoke(started, event)
            measured[name] += [float(found[1]) for line in lines if (found := DURATION.match(line))]
    median = {name: statistics.median(times) for name, times in measured.items()}
    return [
        at_most(
            0.5,
            f"cold start of `{name}`: INIT and first invocation",
            f"{median[name]:.0f} ms",
            f"naive {median[f'naive {name}']:.0f} ms, empty {median['empty']:.0f} ms",
            median[name] / median[f"naive {name}"],
            "× naive",
        )
        for name in ("requeue_communication", "list_failed")
    ]


def warm_requeue(url: str, folder: Path, turns: int) -> Row:
    """Requeue again and again in one sandbox."""
    search = (BENCH / "inside", sandboxes.layer(folder))
    package = Package("warm.handler", sandboxes.unpacked("requeue_communication", folder), search)
    with sandboxes.sandbox(package, url, sandboxes.settings(url) | {"BASE_URL": url}, folder) as started:
        times, _ = sandboxes.invoke(started, {"turns": turns, "item": ITEM})
    module, bare = (statistics.median(times[name]) for name in ("module", "bare"))
    what, peer = "warm requeue: processor time (two writes, log, metrics)", "bare `requests.post` and one `update_item`"
    return at_most(1.4, what, f"{module:.2f} ms", f"{peer} {bare:.2f} ms", module / bare, "× bare")


def listings(url: str, folder: Path, sizes: tuple[int, ...], turns: int) -> list[Row]:
    """List so many, each size in a fresh process."""
    rows = []
    search = (BENCH / "inside", sandboxes.layer(folder))
    package = Package("listing.handler", sandboxes.unpacked("list_failed", folder), search)
    for size in sizes:
        with sandboxes.sandbox(package, url, sandboxes.settings(url, size), folder) as started:
            event = {"turns": turns * max(1, min(10, MANY // size)), "url": f"{url}/failed/{size}"}
            sandboxes.invoke(started, event | {"turns": 1})  # makes clients and connections
            got, _ = sandboxes.invoke(started, event)
        whole, own, bare = (statistics.median(got[turn]) for turn in ("module", "without_calls", "bare"))
        # Of each turn by itself: a machine that is slower for a second is so for both.
        ratio = statistics.median(one / other for one, other in zip(got["bare"], got["without_calls"], strict=True))
        rows.append(
            at_least(
                0.9,
                f"listing {size:,}: without the ledger's calls ({size / whole:,.0f}/s with them)",
                f"{size / own:,.0f}/s",
                f"bare paging loop {size / bare:,.0f}/s",
                ratio,
                "× bare",
            )
        )
    return rows


def peaks(url: str, folder: Path, sizes: tuple[int, ...]) -> list[Row]:
    """Weigh the processes of the lister and of conclude: a whole invocation each, for the smallest and largest run."""
    found = []
    for name in ("list_failed", "conclude"):
        taken = []
        for size in (sizes[0], sizes[-1]):
            search = (BENCH / "inside", sandboxes.layer(folder))
            package = Package("peak.handler", sandboxes.unpacked(name, folder), search)
            with sandboxes.sandbox(package, url, sandboxes.settings(url, size), folder) as started:
                got, _ = sandboxes.invoke(started, {"function": name, "event": _event(name, size)})
            _check(name, size, got["answer"])
            taken.append(got["peak_bytes"])
        more = (taken[1] - taken[0]) / MB
        what = f"peak memory of `{name}` for {sizes[-1]:,}" + TURNED_AWAY * (name == "conclude")
        against = f"{taken[0] / MB:.0f} MB for {sizes[0]:,}"
        found.append(Row(what, f"{taken[1] / MB:.0f} MB", against, f"{more:+.0f} MB", "≤ 40 MB more", more <= 40))
    return found


TURNED_AWAY = ", one in ten turned away"


def _event(name: str, size: int) -> dict[str, Any]:
    if name == "list_failed":
        return {}
    run = {"runId": run_id(size), "request": REQUEST, "listedAt": LISTED_AT, "force": False, "batches": []}
    return {"execution": f"arn:aws:states:eu-west-1:123456789012:execution:run:{run_id(size)}", "run": run}


def _check(name: str, size: int, answer: dict[str, Any]) -> None:
    """See that everything was listed and dealt into batches, or counted and judged."""
    wanted, got = (size, answer["eligible"]) if name == "list_failed" else (size // KNOWN, answer["failed"])
    if got != wanted:
        raise MeasurementFailed(f"{name}: {got} instead of {wanted}: {answer}")


def _deployed(name: str, folder: Path, search: tuple[Path, ...]) -> Package:
    return Package(f"{name}.handler.handler", sandboxes.unpacked(name, folder), search)
