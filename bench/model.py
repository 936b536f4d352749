"""How often the module, and two other ways, do what AWS bills, for so many failed communications.

The counts are the benchmark's, in ``counts.toml``; what stands here as a number is a default of the module, a limit of
AWS, or an assumption that ``bench/cost.py`` prints.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

GB, CONCLUDE_GB = 256 / 1024, 512 / 1024
"""Memory of each function, and of ``conclude``: the module's defaults."""

PER_RUN, PLACES, PAGE = 10_000, 10, 100
"""The module's defaults: communications a run, sent at a time in it, and listed a page."""

WRITE_UNIT_BYTES, READ_UNIT_BYTES = 1024, 4096
"""DynamoDB writes and reads so much for one unit."""

READS_OF_A_BATCH = 3
"""Of the item that says what a batch sends: when it is opened, when it is closed, and when its run is concluded."""

BATCHES_PER_READ = 50
"""``conclude`` reads so many batches with each request."""

QUEUE_BATCH = 10
"""The most messages that SQS takes, gives and deletes with one request, and the default of the module's queue."""

WORKERS = 5
"""The default of the module's queue: invocations of its worker at a time."""

POLLS = 2
"""For each invocation Lambda receives once and deletes once, as far as SQS bills it."""

QUEUE_ALARMS = 3
"""Of modules/queue."""

COMPOSITE_ALARMS = 1
"""Of the module's alarms: what says that the schedule is silent."""

IDLE_POLLERS, IDLE_POLL_SECONDS, MONTH_SECONDS = 5, 20, 30 * 86_400
"""Where a mapping has a maximum concurrency, so many ask an empty queue, for so long each time."""


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
    write_units: float
    read_units: float
    log_bytes: float


def predict(work: Workload, counts: Mapping[str, Any]) -> Predicted:
    """Predict the module's own part until every run is concluded; what later runs read of them is not in it."""
    each = counts["module"]
    tries = work.failed * each["requeues"] + work.retries * each["retry_requeues"]
    log_bytes = work.failed * each["requeue_log_bytes"] + work.retries * each["retry_log_bytes"]
    log_bytes += work.batches * each["batch_log_bytes"]
    log_bytes += work.runs * (each["list_log_bytes"] + each["conclude_log_bytes"])
    bytes_of_a_batch = each["batch_item_bytes"] + work.batch_size * each["batch_item_bytes_each"]
    more_to_write = math.ceil(bytes_of_a_batch / WRITE_UNIT_BYTES) - 1
    more_to_read = READS_OF_A_BATCH * (math.ceil(bytes_of_a_batch / READ_UNIT_BYTES) - 1)
    return Predicted(
        transitions=round(_counted("transitions", work, each)),
        invocations={
            "list_failed": work.runs,
            "batch": round(work.batches * each["batch_calls"]),
            "requeue_communication": round(tries),
            "conclude": work.runs,
        },
        write_units=_counted("write_units", work, each) + work.batches * more_to_write,
        read_units=_counted("read_units", work, each) + work.batches * more_to_read,
        log_bytes=log_bytes,
    )


def _counted(what: str, work: Workload, each: Mapping[str, float]) -> float:
    """Add up what communications, retries, batches and runs have of something."""
    of_batches = work.batches * each[f"batch_{what}"] + work.runs * each[f"run_{what}"]
    return work.failed * each[what] + work.retries * each[f"retry_{what}"] + of_batches


@dataclass(frozen=True)
class PredictedQueue:
    """What a queue and the worker behind it do for a workload; requests to SQS are sends, changes, and the pollers'."""

    invocations: int
    sends: int
    changes: int
    polls: int
    own_ms: float
    log_bytes: float


def predict_queue(work: Workload, counts: Mapping[str, Any]) -> PredictedQueue:
    """Predict the delivery queue's part, with the most entries for each invocation; what comes back comes alone."""
    each = counts["worker"]
    batches = _in_runs(work, QUEUE_BATCH)
    invocations = batches + round(work.retries * each["retry_invocations"])
    return PredictedQueue(
        invocations=invocations,
        sends=batches,
        changes=round(work.retries * each["retry_changes"]),
        polls=invocations * POLLS,
        own_ms=work.failed * each["own_ms"] + work.retries * each["retry_own_ms"],
        log_bytes=work.failed * each["log_bytes"] + work.retries * each["retry_log_bytes"],
    )


def module(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units that the module uses, by price."""
    each, does = counts["module"], predict(work, counts)
    calls = does.invocations
    sandboxes = work.runs * min(PLACES, work.failed)
    milliseconds = calls["requeue_communication"] * (each["requeue_own_ms"] + work.api_ms)
    milliseconds += calls["batch"] * each["batch_own_ms"]
    milliseconds += sandboxes * max(0.0, each["requeue_cold_ms"] - each["requeue_own_ms"])
    concluding = (work.runs + work.batches / BATCHES_PER_READ) * each["conclude_own_ms"]
    return _listed(work, counts) + Counter(
        {
            "transition": does.transitions,
            "lambda_request": sum(calls.values()) - calls["list_failed"],
            "lambda_gb_second": milliseconds / 1000 * GB + concluding / 1000 * CONCLUDE_GB,
            "write_unit": does.write_units + work.runs * each["settled_run_write_units"],
            "read_unit": does.read_units + work.batches * each["settled_batch_read_units"],
            "log_gb": (does.log_bytes - work.runs * each["list_log_bytes"]) / 1e9,
            "publish": work.runs,
            "email": work.runs,
            "secret_call": sandboxes,
        }
    )


def seed(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of the seed's state machine: no ledger, no retry; a mail, the whole state, for each batch."""
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


def queue(work: Workload, counts: Mapping[str, Any]) -> Counter[str]:
    """Give the units of the delivery queue in place of batches: no ledger, no batch that ends, no mail for it."""
    each, does = counts["worker"], predict_queue(work, counts)
    sandboxes = work.runs * min(WORKERS, math.ceil(does.invocations / work.runs))
    milliseconds = does.own_ms + (work.failed + work.retries) * work.api_ms
    milliseconds += sandboxes * max(0.0, each["cold_ms"] - each["own_ms"] * QUEUE_BATCH)
    return _listed(work, counts) + Counter(
        {
            "queue_request": does.sends + does.changes + does.polls,
            "lambda_request": does.invocations,
            "lambda_gb_second": milliseconds / 1000 * GB,
            "log_gb": does.log_bytes / 1e9,
            "secret_call": sandboxes,
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
    "a minimal workflow without ledger or retries": seed,
    "SQS + Lambda": queue,
}


def dollars(units: Mapping[str, float], prices: Mapping[str, Any]) -> dict[str, float]:
    """Price the units, by service."""
    by_service: Counter[str] = Counter()
    for name, count in units.items():
        price = prices[name]
        by_service[price["service"]] += count / price["per"] * price["price"]
    return dict(by_service)


MINIMAL_BATCH = 20
"""The seed's batch."""


def against_minimal(
    work: Workload, counts: Mapping[str, Any], prices: Mapping[str, Any]
) -> tuple[float, float, dict[str, float]]:
    """Price the module, and the minimal workflow in batches of 20; give both, and by service what the module adds."""
    ours = dollars(module(work, counts), prices)
    theirs = dollars(seed(replace(work, batch_size=MINIMAL_BATCH), counts), prices)
    services = ours.keys() | theirs.keys()
    more = {service: ours.get(service, 0.0) - theirs.get(service, 0.0) for service in services}
    return sum(ours.values()), sum(theirs.values()), more
