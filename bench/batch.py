"""Rows about a run and its batches, beside a minimal workflow without ledger or retries on the same embedded AWS.

Everything is sent one at a time, so that what a function takes is its own time, and not that of others it waits for on
the few cores of this machine.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import worker
from bench.model import QUEUE_ALARMS
from bench.sandboxes import BENCH, MeasurementFailed
from bench.table import Row
from bench.usage import Meter, Usage
from local import runs
from local.application import seed
from local.aws.dynamodb import size
from local.stack import DELIVERY_QUEUE, Stack

FULL, HALF, TWO, THREE = 20, 10, 40, 60
"""What runs of one batch of two sizes use, and one of two batches, tells what a run uses, a batch, and a communication;
and one of three, what the next run reads of it. ``tests/e2e/test_cost_model.py`` checks the model by others."""

SINGLES = 9
"""Of the minimal workflow, which sends all of a batch at once: one by itself tells its own time."""

RETRIED = 10
COOLED_DOWN_SECONDS = 2 * 86_400
MINIMAL = "a minimal workflow without ledger or retries"
FUNCTIONS = ("list_failed", "batch", "requeue_communication", "conclude")

_numbers = itertools.count(2_000_001)


@dataclass(frozen=True)
class Measured:
    """What a run of one batch of 20 used of the module's, and of the minimal workflow's, and what the model prices."""

    module: Usage
    minimal: Usage
    counts: dict[str, dict[str, float]]


def measured() -> Measured:
    """Run batches of both, the first of each only to warm up, with an application in which nothing has failed yet."""
    with Stack(failed=0, name="bench") as stack:
        stack.apply(batch_size=FULL, max_concurrency=1, queue=DELIVERY_QUEUE)
        functions = {name: stack.outputs["function_names"][name] for name in FUNCTIONS}
        cold = _run(stack, functions, FULL)
        retried = _run(stack, functions, FULL, retried=RETRIED)
        two, half = (_run(stack, functions, size) for size in (TWO, HALF))
        of_half = _batch_bytes(stack)
        full = _run(stack, functions, FULL)
        of_each = (_batch_bytes(stack) - of_half) / (FULL - HALF)
        _run(stack, functions, THREE)
        stack.move_clocks(COOLED_DOWN_SECONDS)
        settled, idle = _list(stack, functions), _list(stack, functions)
        of_batches = {
            "settled_batch_read_units": (settled.units["read"] - idle.units["read"]) / (THREE / FULL),
            "settled_run_write_units": settled.units["write"] - idle.units["write"],
            "batch_item_bytes": round(of_half - HALF * of_each),
            "batch_item_bytes_each": round(of_each, 1),
        }
        drawn = Drawn(stack)
        drawn.run(FULL)
        drawn_full, drawn_half, *singles = [drawn.run(size) for size in (FULL, HALF, *[1] * SINGLES)]
        _check(full.functions["requeue_communication"].invocations, FULL)
        _check(drawn_full.invocations, FULL)
        counts: dict[str, dict[str, float]] = {
            "module": _linear(full, half, two)
            | _retries(full, retried)
            | of_batches
            | _functions(cold, full, two, half, settled, len(stack.outputs["alarm_arns"]) - QUEUE_ALARMS),
            "seed": _seed(drawn_full, drawn_half, singles),
            "worker": worker.measured(stack),
        }
    return Measured(full, drawn_full, counts)


def rows(found: Measured) -> list[Row]:
    """Set the two side by side."""
    ours, theirs, each = found.module, found.minimal, found.counts["module"]
    called = ours.invocations - ours.functions["list_failed"].invocations
    of_batch = FULL * each["transitions"] + each["batch_transitions"]
    more = of_batch - theirs.transitions
    return [
        Row(
            "a batch of 20: state transitions, the start of its execution included",
            f"{of_batch:g}",
            f"{MINIMAL} {theirs.transitions}",
            f"{more:+g}",
            "≤ 3 more",
            more <= 3,
        ),
        Row("a run: state transitions besides its batches'", f"{each['run_transitions']:g}", "–"),
        _side_by_side("history events", ours.events, theirs.events),
        _side_by_side("invocations", called, theirs.invocations),
        _side_by_side("bytes into and out of states", ours.state_bytes, theirs.state_bytes),
    ]


def _side_by_side(what: str, ours: int, theirs: int) -> Row:
    what = f"a run of one batch of 20: {what}"
    return Row(what, f"{ours:,}", f"{MINIMAL} {theirs:,}", f"{ours / theirs:.2f}")


class Drawn:
    """The seed's state machine, with a function that does the least, beside the module."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        role, names = stack.outputs["role_arns"], stack.outputs["role_names"]
        may = {"Effect": "Allow", "Action": ["lambda:InvokeFunction", "sns:Publish"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        stack.client("iam").put_role_policy(RoleName=names["run"], PolicyName="seed", PolicyDocument=document)
        package = shutil.make_archive(str(stack.folder / "naive"), "zip", BENCH / "naive")
        function = stack.client("lambda").create_function(
            FunctionName="seed-trigger",
            Runtime="python3.13",
            Handler="trigger.handler",
            Role=role["requeue_communication"],
            MemorySize=256,
            Timeout=30,
            Code={"ZipFile": Path(package).read_bytes()},
            Environment={"Variables": {"BASE_URL": stack.application_url, "TOKEN": stack.token}},
        )
        topic = stack.client("sns").create_topic(Name="seed")["TopicArn"]
        text = (BENCH / "naive" / "seed.asl.json").read_text(encoding="utf-8")
        text = text.replace("${function}", function["FunctionArn"]).replace("${topic}", topic)
        machine = stack.client("stepfunctions").create_state_machine(name="seed", definition=text, roleArn=role["run"])
        self._arn = machine["stateMachineArn"]

    def run(self, size: int) -> Usage:
        """Send so many, one batch."""
        client, rows = self._stack.client("stepfunctions"), _compose(self._stack, size)
        meter = Meter(self._stack)
        entities = [{"primaryId": row["id"], "operation": f"send.{row['kind']}"} for row in rows]
        arn = client.start_execution(stateMachineArn=self._arn, input=json.dumps({"unsententities": entities}))
        arn = arn["executionArn"]
        while (described := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.1)
        states = [event.get("stateEnteredEventDetails", {}).get("name") for event in runs.history(self._stack, arn)]
        if described["status"] != "SUCCEEDED" or "AllDone" not in states:
            raise MeasurementFailed(f"the minimal workflow's batch: {described['status']}, {states}")
        return meter.read([arn], {"trigger": "seed-trigger"})


def _run(stack: Stack, functions: Mapping[str, str], size: int, retried: int = 0) -> Usage:
    """Let so many fail, and the module send them back; give what the run used.

    The table is empty: the digests before would keep this one back, and a run reads the records of those before it.
    """
    _empty(stack)
    _compose(stack, size, retried)
    meter = Meter(stack)
    answer = stack.invoke("list_failed", {})
    if not answer.get("execution"):
        raise MeasurementFailed(f"list_failed: {answer}")
    ended = runs.follow(stack, answer["execution"], seconds=900)
    if ended.counts()["requeued"] != size or ended.status != "SUCCEEDED":
        raise MeasurementFailed(f"{ended.counts()} of {size} communications, {ended.status}: {answer}")
    return meter.read([answer["execution"]], functions)


def _list(stack: Stack, functions: Mapping[str, str]) -> Usage:
    """Let the lister find nothing to send; give what it used."""
    meter = Meter(stack)
    answer = stack.invoke("list_failed", {})
    if answer.get("listed") != 0:
        raise MeasurementFailed(f"list_failed: {answer}")
    return meter.read([], {"list_failed": functions["list_failed"]})


def _check(invocations: int, wanted: int) -> None:
    """See that the log is whole."""
    if invocations != wanted:
        raise MeasurementFailed(f"the log tells of {invocations} invocations, not {wanted}")


def _compose(stack: Stack, size: int, retried: int = 0) -> list[dict[str, Any]]:
    rows = [
        seed.compose("email" if index % 2 else "sms", next(_numbers), "flaky:1" if index < retried else None)
        for index in range(size)
    ]
    stack.store.compose(rows)
    return rows


def _empty(stack: Stack) -> None:
    """Empty the table."""
    client, table = stack.client("dynamodb"), stack.outputs["ledger_table_name"]
    for item in _items(stack):
        client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


def _items(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["ledger_table_name"])
    return [item for page in pages for item in page["Items"]]


def _batch_bytes(stack: Stack) -> int:
    """Tell how large the item of the one batch is."""
    return next(size(item) for item in _items(stack) if item["sk"]["S"] == "batch")


COUNTED: dict[str, Callable[[Usage], float]] = {
    "transitions": lambda used: used.transitions,
    "write_units": lambda used: used.units["write"],
    "read_units": lambda used: used.units["read"],
}
"""What grows with a run's communications, with its batches, and with runs."""


def _linear(full: Usage, half: Usage, two: Usage) -> dict[str, float]:
    """Tell what each communication, batch and run used, as differences between runs of known size."""
    found: dict[str, float] = {}
    for name, of in COUNTED.items():
        each = (of(full) - of(half)) / (FULL - HALF)
        of_batch = of(two) - of(full) - (TWO - FULL) * each
        found |= {name: each, f"batch_{name}": of_batch, f"run_{name}": of(full) - FULL * each - of_batch}
    return found


def _retries(full: Usage, retried: Usage) -> dict[str, float]:
    requeue = "requeue_communication"
    more_log = retried.functions[requeue].log_bytes - full.functions[requeue].log_bytes
    more_invocations = retried.functions[requeue].invocations - full.functions[requeue].invocations
    return {f"retry_{name}": (of(retried) - of(full)) / RETRIED for name, of in COUNTED.items()} | {
        "retry_requeues": more_invocations / RETRIED,
        "retry_log_bytes": round(more_log / RETRIED),
    }


def _functions(cold: Usage, full: Usage, two: Usage, half: Usage, settled: Usage, alarms: int) -> dict[str, float]:
    """Tell how often each function is called, how long it takes by itself, and what it logs."""
    requeue, batch, conclude, lister = (
        full.functions[name] for name in ("requeue_communication", "batch", "conclude", "list_failed")
    )
    logs = [log for used in (full, settled) for log in used.functions.values()]
    metrics = {metric for log in logs for metric in log.metrics if len(metric) > 2}
    without_source = {metric for log in logs for metric in log.metrics} - metrics
    sources = {metric[1:] for metric in metrics}
    _check(two.functions["batch"].invocations, 2 * batch.invocations)
    return {
        "requeues": (requeue.invocations - half.functions["requeue_communication"].invocations) / (FULL - HALF),
        "batch_calls": batch.invocations,
        "requeue_own_ms": round(requeue.own_ms, 1),
        "requeue_cold_ms": round(statistics.median(cold.functions["requeue_communication"].cold), 1),
        "requeue_log_bytes": round(requeue.log_bytes / FULL),
        "batch_own_ms": round(batch.own_ms, 1),
        "batch_log_bytes": batch.log_bytes,
        "conclude_own_ms": round(conclude.own_ms, 1),
        "conclude_log_bytes": conclude.log_bytes,
        "list_own_ms": round(lister.own_ms, 1),
        "list_log_bytes": lister.log_bytes,
        "alarms": alarms,
        "metrics": len(without_source),
        "metrics_per_source": len(metrics) / len(sources) if sources else 0,
    }


def _seed(full: Usage, half: Usage, singles: Sequence[Usage]) -> dict[str, float]:
    each = (full.transitions - half.transitions) / (FULL - HALF)
    log = full.functions["trigger"]
    own = [took for used in singles for took in used.functions["trigger"].warm]
    return {
        "transitions": each,
        "batch_transitions": full.transitions - FULL * each,
        "invocations": log.invocations / FULL,
        "own_ms": round(statistics.median(own), 1),
        "log_bytes": round(log.log_bytes / FULL),
    }
