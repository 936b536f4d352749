"""What it costs: counts that the benchmark measured, times list prices: ``python -m bench.cost --failed 1000000``.

``counts.toml`` is written by ``make bench``; ``prices.toml`` says where each price was read. What is neither is an
assumption, and printed beside the numbers.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COUNTS, PRICES = HERE / "counts.toml", HERE / "prices.toml"

GB = 256 / 1024
"""Memory of each function: the module's default."""

PER_RUN, CONCURRENCY, PAGE = 10_000, 5, 100
"""The module's defaults: communications a run, sent at a time in a batch, and listed a page."""

KEYS_PER_READ = 100
SANDBOXES = 1_000
"""As many as an account runs side by side, unless it asked for more."""

EXPRESS_GB = 64 / 1024
"""Express workflows are billed in steps of 64 MB; a batch of ids needs one."""

QUEUE_BATCH = 10
"""Messages sent, received and deleted with one request."""

SCALE = 1_000_000


@dataclass(frozen=True)
class Workload:
    """What is to be priced.

    Attributes
    ----------
    api_ms
        What the application takes to answer.
    retry_rate
        Share of communications that the application answers with 503 once.
    """

    failed: int
    batch_size: int = 20
    api_ms: float = 200.0
    retry_rate: float = 0.02

    @property
    def runs(self) -> int:
        """Tell how many runs it takes."""
        return math.ceil(self.failed / PER_RUN)

    @property
    def batches(self) -> int:
        """Tell how many batches; a run's last one may be smaller."""
        full, rest = divmod(self.failed, PER_RUN)
        return full * math.ceil(PER_RUN / self.batch_size) + math.ceil(rest / self.batch_size)

    @property
    def retries(self) -> int:
        """Tell how many are sent a second time."""
        return round(self.failed * self.retry_rate)


@dataclass(frozen=True)
class Predicted:
    """What the module does for a workload, as AWS would count it."""

    transitions: int
    invocations: dict[str, int]
    requests: dict[str, int]
    requeue_ms: float
    log_bytes: float


def predict(work: Workload, counts: Mapping[str, Any]) -> Predicted:
    """Predict the module's own part until every batch has ended; what a later run notes as delivered is not in it."""
    each = counts["module"]
    tries = work.failed * each["requeues"] + work.retries * each["retry_requeues"]
    transitions = work.failed * each["transitions"] + work.batches * each["batch_transitions"]
    log_bytes = work.failed * each["requeue_log_bytes"] + work.retries * each["retry_log_bytes"]
    log_bytes += work.batches * each["summarise_log_bytes"] + work.runs * each["list_log_bytes"]
    return Predicted(
        transitions=round(transitions + work.retries * each["retry_transitions"]),
        invocations={
            "list_failed": work.runs,
            "requeue_communication": round(tries),
            "summarise": work.batches,
        },
        requests={
            "UpdateItem": round(work.failed * each["updates"] + work.retries * each["retry_updates"]),
            "BatchGetItem": _in_runs(work, KEYS_PER_READ),
            "Query": round(work.runs * each["run_queries"]),
            "DeleteItem": round(work.runs * each["run_deletes"]),
        },
        requeue_ms=each["requeue_own_ms"] + work.api_ms,
        log_bytes=log_bytes,
    )


def module(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units that the module uses, by price."""
    each, does = counts["module"], predict(work, counts)
    calls = does.invocations
    sandboxes = work.runs * min(SANDBOXES, math.ceil(work.batches / work.runs) * min(CONCURRENCY, work.batch_size))
    milliseconds = calls["requeue_communication"] * does.requeue_ms + calls["summarise"] * each["summarise_own_ms"]
    milliseconds += sandboxes * max(0.0, each["requeue_cold_ms"] - each["requeue_own_ms"])
    return _listed(work, counts) + Counter(
        {
            "transition": does.transitions,
            "lambda_request": calls["requeue_communication"] + calls["summarise"],
            "lambda_gb_second": milliseconds / 1000 * GB,
            "write_unit": work.failed * (each["write_units"] + each["delivered_write_units"])
            + work.retries * each["retry_write_units"]
            + does.requests["DeleteItem"],
            "read_unit": work.failed + does.requests["Query"] * 0.5,
            "log_gb": (does.log_bytes - work.runs * each["list_log_bytes"]) / 1e9,
            "publish": work.batches,
            "email": work.batches,
            "secret_call": sandboxes,
        }
    )


def seed(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of the seed's state machine as drawn: no ledger, no retry, the whole state as the mail."""
    each = counts["seed"]
    return _listed(work, counts) + Counter(
        {
            "transition": work.failed * each["transitions"] + work.batches * each["batch_transitions"],
            "lambda_request": work.failed * each["invocations"],
            "lambda_gb_second": work.failed * (each["own_ms"] + work.api_ms) / 1000 * GB,
            "log_gb": work.failed * each["log_bytes"] / 1e9,
            "publish": work.batches,
            "email": work.batches,
        }
    )


def express(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of the module's state machine as an Express workflow: the same, but for its own price."""
    does = predict(work, counts)
    turns = math.ceil(work.batch_size / CONCURRENCY) * (1 + work.retry_rate)
    seconds = (turns * does.requeue_ms + counts["module"]["summarise_own_ms"]) / 1000
    billed = math.ceil(seconds * 10) / 10
    units = module(work, counts)
    del units["transition"]
    return units + Counter({"express_request": work.batches, "express_gb_second": work.batches * billed * EXPRESS_GB})


def queue(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of a queue and a worker: no ledger, no batch that ends, no mail for it."""
    each = counts["module"]
    tries = work.failed + work.retries
    return _listed(work, counts) + Counter(
        {
            "queue_request": 3 * tries / QUEUE_BATCH,
            "lambda_request": tries / QUEUE_BATCH,
            "lambda_gb_second": tries * (each["requeue_own_ms"] + work.api_ms) / 1000 * GB,
            "log_gb": tries * each["requeue_log_bytes"] / 1e9,
        }
    )


def _listed(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of listing, which each of them needs; what a run of few takes is taken for each hundred."""
    each, pages = counts["module"], _in_runs(work, PAGE)
    return Counter(
        {
            "firing": work.runs,
            "lambda_request": work.runs,
            "lambda_gb_second": pages * (each["list_own_ms"] + work.api_ms) / 1000 * GB,
            "log_gb": work.runs * each["list_log_bytes"] / 1e9,
            "secret_call": work.runs,
        }
    )


def _in_runs(work: Workload, size: int) -> int:
    """Cut each run's communications into so many at a time."""
    full, rest = divmod(work.failed, PER_RUN)
    return full * math.ceil(PER_RUN / size) + math.ceil(rest / size)


WAYS: dict[str, Callable[[Workload, Mapping[str, Any]], Counter[str]]] = {
    "this module": module,
    "the seed as drawn": seed,
    "Express workflow": express,
    "SQS + Lambda": queue,
}


def dollars(units: Mapping[str, float], prices: Mapping[str, Any]) -> dict[str, float]:
    """Price the units, by service."""
    by_service: Counter[str] = Counter()
    for name, count in units.items():
        price = prices[name]
        by_service[price["service"]] += count / price["per"] * price["price"]
    return dict(by_service)


def table(work: Workload, counts: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """Write what each way costs, by service, and for a million."""
    costs = {way: dollars(units(work, counts), prices) for way, units in WAYS.items()}
    services = list(dict.fromkeys(service for cost in costs.values() for service in cost))
    services.sort(key=lambda service: -costs["this module"].get(service, 0.0))
    totals = {way: sum(cost.values()) for way, cost in costs.items()}
    lines = [
        f"| {work.failed:,} failed communications, USD | " + " | ".join(WAYS) + " |",
        "| --- |" + " ---: |" * len(WAYS),
    ]
    lines += [_line(service, [cost.get(service) for cost in costs.values()]) for service in services]
    lines.append(_line("**together**", list(totals.values())))
    lines.append(_line("for each million", [total / work.failed * SCALE for total in totals.values()]))
    return "\n".join(lines) + "\n"


def _line(what: str, amounts: list[float | None]) -> str:
    return f"| {what} | " + " | ".join("–" if amount is None else _amount(amount) for amount in amounts) + " |"


def _amount(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.005 else "< 0.01"


def standing(counts: Mapping[str, Any], prices: Mapping[str, Any]) -> float:
    """Give what it costs a month whatever it does, with one source."""
    each = counts["module"]
    units = {"alarm_month": each["alarms"], "metric_month": each["metrics_per_source"]}
    return sum(dollars(units, prices).values())


def assumptions(work: Workload, counts: Mapping[str, Any], prices: Mapping[str, Any]) -> list[str]:
    """Say what is neither measured nor a price."""
    each, elsewhere = counts["module"], [name for name, price in _priced(prices) if price["read"] != "page"]
    lost = 1 - (1 - work.retry_rate) ** work.batch_size
    lines = f"""
Prices: list, {prices["region"]}, {prices["date"]}, no free tier taken off; {len(elsewhere)} of \
the {len(_priced(prices))} were read elsewhere than on AWS's own page (bench/prices.toml): look \
there before you rely on them.
Batches of {work.batch_size}; the API answers in {work.api_ms:g} ms; {work.retry_rate:.1%} of the communications \
meet a 503 once; one address gets a mail for each batch.
256 MB for each function, arm64; its own time as measured by `make bench`, {each["requeue_own_ms"]:.0f} ms for a warm \
requeue, in which the embedded AWS's answers are: DynamoDB's are quicker, Lambda's processors slower.
Runs of {PER_RUN:,}; {CONCURRENCY} at a time in a batch; for every place in a batch a cold start and a read of \
the secret, but not more than {SANDBOXES:,} in a run.
The ledger's writes include the index's copy and the note, in a later run, that it was delivered.
The seed as drawn retries nothing: with that share of 503s, {lost:.0%} of its batches end at SendFailure, and \
what they cost again is not in here. It has the module's lister.
Express: at least once instead of exactly once, five minutes at most, and no history to look at; waits before a \
retry are not in here.
SQS + Lambda: ten messages with each request, a requeue's time for each; no ledger, no end of a batch and no mail \
for it; an empty queue is asked all the same, which is not in here.
Besides, each month, with one source: {standing(counts, prices):.2f} for alarms and metrics.
"""
    return lines.strip().splitlines()


def _priced(prices: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, price) for name, price in prices.items() if isinstance(price, dict)]


def read(path: Path) -> dict[str, Any]:
    """Read counts or prices."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def write_counts(counts: Mapping[str, Mapping[str, float]]) -> None:
    """Keep what was measured."""
    lines = ["# Written by `make bench`: what the embedded AWS counted. The cost model prices these."]
    for name, values in counts.items():
        lines += ["", f"[{name}]", *(f"{key} = {value:g}" for key, value in values.items())]
    COUNTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


LIMITS: dict[str, tuple[type[int] | type[float], float, float]] = {
    "FAILED": (int, 1, 1_000_000_000),
    "BATCH_SIZE": (int, 1, 100),
    "API_MS": (float, 0, 60_000),
    "RETRY_RATE": (float, 0, 1),
}
"""The variables of ``make cost``: what they are, from, to."""


def workload(given: Mapping[str, str]) -> Workload:
    """Read the variables of ``make cost``.

    Raises
    ------
    ValueError
        Names the variable, and says what it must be.
    """
    values = {name.lower(): _number(name, text) for name, text in given.items()}
    if "failed" not in values:
        raise ValueError("FAILED is missing: make cost FAILED=1000000")
    return Workload(**values)  # type: ignore[arg-type]


def _number(name: str, text: str) -> float:
    kind, least, most = LIMITS[name]
    value: float = math.nan
    with suppress(ValueError):
        value = kind(text)
    if not least <= value <= most:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name} must be {what} from {least:,} to {most:,}; it is {text!r}")
    return value


def main(arguments: list[str]) -> None:
    """Print the table and the assumptions."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    for name in LIMITS:
        parser.add_argument(f"--{name.lower().replace('_', '-')}", dest=name)
    given = {name: text for name, text in vars(parser.parse_args(arguments)).items() if text is not None}
    try:
        work = workload(given)
    except ValueError as wrong:
        sys.exit(str(wrong))
    counts, prices = read(COUNTS), read(PRICES)
    print(table(work, counts, prices))
    print("\n".join(f"- {line}" for line in assumptions(work, counts, prices)))


if __name__ == "__main__":
    main(sys.argv[1:])
