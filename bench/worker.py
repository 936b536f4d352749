"""The delivery queue: the module's worker behind it, and what each entry uses, as counts for the cost model."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.sandboxes import MeasurementFailed
from bench.usage import Meter, Usage
from local.application import seed
from local.queues import enqueue, waiting
from local.stack import Stack, wait_until

ENTRIES, ROUNDS = 20, 3

_numbers = itertools.count(4_000_001)


class WorkedQueue:
    """A queue with the module's worker behind it, the application it asks, and how entries get through.

    Parameters
    ----------
    url
        Of the queue.
    worker
        The function's name on AWS.
    """

    def __init__(self, stack: Stack, url: str, worker: str) -> None:
        self._stack, self._sqs = stack, stack.client("sqs")
        self._url, self._worker = url, worker

    def send(self, size: int, retried: int = 0) -> Usage:
        """Put so many entries into the queue, and see them all sent; some meet a 503 once. Give what it used.

        Ten go in with each request, and nothing else is in the queue: the embedded AWS gives the worker the same ten. A
        single one that comes back comes alone.

        Raises ``MeasurementFailed``: not every entry was sent.
        """
        rows = [seed.compose("email" if index % 2 else "sms", next(_numbers)) for index in range(size)]
        self._stack.store.compose(rows)
        for row in rows[:: size // retried][:retried] if retried else []:
            self._stack.refusals(row).for_now(row["recipient"], times=1)
        meter = Meter(self._stack)
        enqueue(self._sqs, self._url, list(map(_entry, rows)))
        wait_until(lambda: not waiting(self._sqs, self._url), "the end of what is in the queue")
        used = meter.read([], {"worker": self._worker})
        first, last = rows[0]["number"], rows[-1]["number"]
        sent = "SELECT count(*) AS n FROM communication WHERE number BETWEEN ? AND ? AND sent = 1"
        if (count := self._stack.store.query(sent, first, last)[0]["n"]) != size:
            raise MeasurementFailed(f"{count} of {size} entries sent")
        return used


def _entry(row: Mapping[str, Any]) -> str:
    """Write the entry of a communication."""
    asked = {"primaryId": row["id"], "operation": f"send.{row['kind']}"}
    return json.dumps(asked | {"createdBy": "bench", "created": row["created"]})


def measured(stack: Stack) -> dict[str, float]:
    """Tell what each entry and each one that comes back used, as differences between rounds."""
    delivery = WorkedQueue(stack, stack.outputs["queue"]["url"], stack.outputs["function_names"]["worker"])
    cold = delivery.send(ENTRIES)
    delivery.send(ENTRIES, retried=4)  # some in each sandbox: the first that comes back there takes longer
    full, retried = (_typical([delivery.send(ENTRIES, retried) for _ in range(ROUNDS)]) for retried in (0, 1))
    return {
        "retry_invocations": retried["invocations"] - full["invocations"],
        "retry_changes": retried["changes"] - full["changes"],
        "own_ms": round(full["own_ms"] / ENTRIES, 1),
        "retry_own_ms": round(max(0.0, retried["own_ms"] - full["own_ms"]), 1),
        "cold_ms": round(statistics.median(cold.functions["worker"].cold), 1),
        "log_bytes": round(full["log_bytes"] / ENTRIES),
        "retry_log_bytes": round(retried["log_bytes"] - full["log_bytes"]),
    }


def _typical(rounds: Sequence[Usage]) -> dict[str, float]:
    """Give what the rounds have in common, with no sandbox started in any, and the medians of what differs."""
    logs = [used.functions["worker"] for used in rounds]
    changes = [used.requests["sqs.ChangeMessageVisibility"] for used in rounds]
    counts = {(log.invocations, count) for log, count in zip(logs, changes, strict=True)}
    if len(counts) > 1 or any(log.cold for log in logs):
        raise MeasurementFailed(f"rounds of the worker differ: {sorted(counts)}")
    return {
        "invocations": logs[0].invocations,
        "changes": changes[0],
        "own_ms": statistics.median(sum(log.warm) for log in logs),
        "log_bytes": statistics.median(log.log_bytes for log in logs),
    }
