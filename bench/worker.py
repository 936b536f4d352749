"""The delivery queue: the module's worker behind it, and what each entry uses, as counts for the cost model."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.sandboxes import MeasurementFailed
from bench.usage import Log, Meter, Usage
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
    full = [delivery.send(ENTRIES) for _ in range(ROUNDS)]
    retried = [delivery.send(ENTRIES, retried=1) for _ in range(ROUNDS)]
    again = _alike(retried, _invocations) - _alike(full, _invocations)
    changes = _alike(retried, _changes) - _alike(full, _changes)
    entry_ms, entry_bytes = (_median(full, of) / ENTRIES for of in (_own_ms, _log_bytes))
    retry_ms, retry_bytes = (_median(retried, of) - _median(full, of) for of in (_own_ms, _log_bytes))
    return {
        "retry_invocations": again,
        "retry_changes": changes,
        "own_ms": round(entry_ms, 1),
        "retry_own_ms": round(max(0.0, retry_ms), 1),
        "cold_ms": round(statistics.median(_log(cold).cold), 1),
        "log_bytes": round(entry_bytes),
        "retry_log_bytes": round(retry_bytes),
    }


def _alike(rounds: Sequence[Usage], of: Callable[[Usage], int]) -> int:
    """Give what is the same in each round, with no sandbox started in any."""
    counts = {of(used) for used in rounds}
    if len(counts) > 1 or any(_log(used).cold for used in rounds):
        raise MeasurementFailed(f"rounds of the worker differ: {sorted(counts)}")
    return counts.pop()


def _log(used: Usage) -> Log:
    return used.functions["worker"]


def _invocations(used: Usage) -> int:
    return _log(used).invocations


def _changes(used: Usage) -> int:
    return used.requests["sqs.ChangeMessageVisibility"]


def _own_ms(used: Usage) -> float:
    return sum(_log(used).warm)


def _log_bytes(used: Usage) -> float:
    return _log(used).log_bytes


def _median(rounds: Sequence[Usage], of: Callable[[Usage], float]) -> float:
    return statistics.median(map(of, rounds))
