"""What it costs: counts that the benchmark measured, times list prices: ``python -m bench.cost --failed 1000000``.

``counts.toml`` is written by ``make bench``; ``prices.toml`` says where each price was read. What is neither is an
assumption, and printed beside the numbers.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import model
from bench.model import Workload, dollars
from bench.table import Row, at_most

HERE = Path(__file__).resolve().parent
COUNTS, PRICES = HERE / "counts.toml", HERE / "prices.toml"

SCALE = 1_000_000
IDLE_REQUESTS = model.IDLE_POLLERS * model.MONTH_SECONDS / model.IDLE_POLL_SECONDS


def table(work: Workload, counts: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """Write what each way costs, by service, and for a million."""
    costs = {way: dollars(units(work, counts), prices) for way, units in model.WAYS.items()}
    services = list(dict.fromkeys(service for cost in costs.values() for service in cost))
    services.sort(key=lambda service: -costs["this module"].get(service, 0.0))
    totals = {way: sum(cost.values()) for way, cost in costs.items()}
    lines = [
        f"| {work.failed:,} failed communications, USD | " + " | ".join(model.WAYS) + " |",
        "| --- |" + " ---: |" * len(model.WAYS),
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
    units = {
        "alarm_month": each["alarms"] - model.COMPOSITE_ALARMS,
        "composite_alarm_month": model.COMPOSITE_ALARMS,
        "metric_month": each["metrics"] + each["metrics_per_source"],
    }
    return sum(dollars(units, prices).values())


def standing_queue(prices: Mapping[str, Any]) -> float:
    """Give what the delivery queue costs a month besides while nothing is in the queue."""
    return sum(dollars({"alarm_month": model.QUEUE_ALARMS, "queue_request": IDLE_REQUESTS}, prices).values())


HOURLY_RUNS = 720
"""In a month, by the default schedule."""


def month(failed: int, counts: Mapping[str, Any], prices: Mapping[str, Any]) -> float:
    """Give what a month costs in which so many fail, spread over its hourly runs; without what stands."""
    of_a_run = Workload(math.ceil(failed / HOURLY_RUNS))
    return HOURLY_RUNS * sum(dollars(model.WAYS["this module"](of_a_run, counts), prices).values())


def assumptions(work: Workload, counts: Mapping[str, Any], prices: Mapping[str, Any]) -> list[str]:
    """Say what is neither measured nor a price."""
    each, worker = counts["module"], counts["worker"]
    priced = [price for price in prices.values() if isinstance(price, dict)]
    elsewhere = sum(price["read"] == "elsewhere" for price in priced)
    lost = 1 - (1 - work.retry_rate) ** model.MINIMAL_BATCH
    lines = f"""
Prices: list, {prices["region"]}, looked up {prices["looked_up"]}, no free tier taken off; {elsewhere} of \
the {len(priced)} come from elsewhere than AWS's pages (bench/prices.toml): look \
at its pages before you rely on them.
Batches of {work.batch_size}; the API answers in {work.api_ms:g} ms; {work.retry_rate:.1%} of the communications \
meet a 503 once; one address gets a mail for each run, of the minimal workflow for each batch.
256 MB for each function (conclude 512), arm64; its own time as measured by `make bench`, one at a time, \
{each["requeue_own_ms"]:.0f} ms for a warm requeue, in which the embedded AWS's answers are: DynamoDB's are quicker, \
Lambda's processors slower.
State transitions: each state entered, each retry, and one for each batch that the Distributed Map starts \
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html).
Runs of {model.PER_RUN:,}; {model.PLACES} at a time; for each of these places a cold start and a read of the secret \
in every run.
DynamoDB's units as consumed: {each["write_units"]:g} to write and {each["read_units"]:g} to read for each \
communication, {each["batch_write_units"]:g} and {each["batch_read_units"]:g} for each batch of 20, \
{each["run_write_units"]:g} and {each["run_read_units"]:g} for each run; and what a later run reads, to count what was \
delivered.
The minimal workflow has an execution and a mail for each {model.MINIMAL_BATCH}, and no ledger. It retries \
nothing: with that share of 503s, {lost:.0%} of its batches end at SendFailure, and what they cost again is not in \
here. It has the module's lister.
SQS + Lambda is modules/queue: {worker["own_ms"]:g} ms of the worker's own for each communication, and one that \
meets a 503 comes back alone, as measured. Not measured: {model.QUEUE_BATCH} with each request and invocation, the \
most that SQS gives; what Lambda's pollers ask, one request to receive and one to delete for each invocation; and \
{model.WORKERS} workers in a run, each with a cold start and a read of the secret. It has the module's lister, but no \
ledger and no end of a run with a mail for it: an operator sees, stops and hears of messages, not of a run.
Besides, each month, with one source: {standing(counts, prices):.2f} for alarms, and for metrics that are published \
every hour. The delivery queue: {standing_queue(prices):.2f} for {model.QUEUE_ALARMS} alarms and {IDLE_REQUESTS:,.0f} \
requests that find nothing, as {model.IDLE_POLLERS} pollers ask an empty queue with long polls of \
{model.IDLE_POLL_SECONDS} seconds, SQS's longest (fewer only where there is no maximum concurrency: \
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html), and up to \
{dollars({"metric_month": 1}, prices)["CloudWatch"]:.2f} for each metric of an operation while it is used.
The dashboard: {dollars({"dashboard_month": 1}, prices)["CloudWatch"]:.2f} a month (of an account's first three with \
at most 50 metrics each, nothing: https://aws.amazon.com/cloudwatch/pricing/). Its query of the last errors costs \
{dollars({"log_gb_scanned": 1}, prices)["CloudWatch Logs"]:.3f} for each GB of logs that it reads. It has no metrics \
of its own.
Not in here: traces of X-Ray (tracing = false ends them), the ledger's storage and point-in-time recovery, and the \
storage of logs.
"""
    return lines.strip().splitlines()


MOST = {20: 1.2, 100: 1.05}
"""What the module may cost of a minimal workflow in batches of 20, by the size of its own."""


def rows(counts: Mapping[str, Any], prices: Mapping[str, Any]) -> list[Row]:
    """Set what a million costs beside what it costs the minimal workflow."""
    found = []
    for size, limit in MOST.items():
        ours, theirs, more = model.against_minimal(Workload(SCALE, size), counts, prices)
        parts = sorted(more.items(), key=lambda part: -part[1])
        why = "; ".join(f"{service} {amount:+.2f}" for service, amount in parts if abs(amount) >= 0.01)
        what, peer = f"a million in batches of {size}: cost", "a minimal workflow without ledger or retries"
        peer = f"{peer} {theirs:.2f} USD"
        row = at_most(limit, what, f"{ours:.2f} USD", peer, ours / theirs, why=f"against it, USD: {why}.")
        found.append(row)
    return found


def read(path: Path) -> dict[str, Any]:
    """Read counts or prices."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def write_counts(counts: Mapping[str, Mapping[str, float]]) -> None:
    """Keep what was measured."""
    lines = ["# Written by `make bench`: what the embedded AWS counted. The cost model prices these."]
    for name, values in counts.items():
        lines += ["", f"[{name}]", *(f"{key} = {value:g}" for key, value in values.items())]
    COUNTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def arguments() -> argparse.ArgumentParser:
    """Make the parser of what ``make cost`` is asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    default = Workload(failed=1)
    parser.add_argument("--failed", type=_number(int, 1, 1_000_000_000), required=True)
    parser.add_argument("--batch-size", type=_number(int, 1, 100), default=default.batch_size)
    parser.add_argument("--api-ms", type=_number(float, 0, 60_000), default=default.api_ms)
    parser.add_argument("--retry-rate", type=_number(float, 0, 1), default=default.retry_rate)
    return parser


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    """Give what reads a number within limits."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if least <= (value := kind(text)) <= most:
                return value
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"must be {what} from {least:,} to {most:,}; it is {text!r}")

    return read


def main() -> None:
    """Print the table and the assumptions."""
    work = Workload(**vars(arguments().parse_args()))
    counts, prices = read(COUNTS), read(PRICES)
    print(table(work, counts, prices))
    print("\n".join(f"- {line}" for line in assumptions(work, counts, prices)))


if __name__ == "__main__":
    main()
