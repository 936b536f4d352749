"""Rows about a batch: the module's, and the seed's state machine as drawn, both deployed to one embedded AWS."""

from __future__ import annotations

import io
import itertools
import json
import math
import statistics
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import loop
from bench.model import CONCURRENCY
from bench.sandboxes import BENCH, MeasurementFailed
from bench.table import Row
from bench.usage import Meter, Usage, item_bytes
from local import runs
from local.application import seed
from local.stack import Stack

FULL, HALF = 20, 10
"""What a batch of each size uses tells what a batch uses, and what each communication in it."""

ROUNDS = 3
RETRIED = 10
COOLED_DOWN_SECONDS = 2 * 86_400
UNIT_BYTES = 1024
"""DynamoDB writes so much for one unit."""

_numbers = itertools.count(2_000_001)


@dataclass(frozen=True)
class Measured:
    """What a batch of 20 used of the module's and of the seed's, and the counts that the cost model prices."""

    module: Usage
    seed: Usage
    write_units: int
    counts: dict[str, dict[str, float]]


@contextmanager
def deployed() -> Iterator[Stack]:
    """Deploy the module, with an application in which nothing has failed yet."""
    with Stack(failed=0, name="bench") as stack:
        stack.apply(batch_size=FULL)
        yield stack


def measured() -> Measured:
    """Run batches of both, the first of each only to warm up."""
    with deployed() as stack:
        functions = {name: stack.outputs["function_names"][name] for name in FUNCTIONS}
        cold = _run(stack, functions, FULL)
        fulls = [_run(stack, functions, FULL) for _ in range(ROUNDS)]
        full, half = fulls[0], _run(stack, functions, HALF)
        retried = _run(stack, functions, FULL, retried=RETRIED)
        items = _items(stack)
        settled = _settle(stack, functions, len(items))
        drawn = Drawn(stack)
        drawn.run(FULL)
        drawn_full, drawn_half = drawn.run(FULL), drawn.run(HALF)
        _check(full.functions["requeue_communication"].invocations, FULL)
        _check(drawn_full.invocations, FULL)
        counts = {
            "batch_of_20": _batch(full),
            "module": _module(cold, full, half, retried, settled, items, stack) | _durations(fulls),
            "seed": _seed(drawn_full, drawn_half),
            "worker": loop.measured(stack),
        }
    units = int(FULL * counts["module"]["write_units"])
    return Measured(full, drawn_full, units, counts)


FUNCTIONS = ("list_failed", "requeue_communication", "summarise")


def rows(found: Measured) -> list[Row]:
    """Set the two side by side."""
    ours, theirs = found.module, found.seed
    steps = {name: ours.functions[name] for name in FUNCTIONS[1:]}
    billed, called = sum(log.billed_ms for log in steps.values()), sum(log.invocations for log in steps.values())
    more = ours.transitions - theirs.transitions
    return [
        Row(
            "a batch of 20: state transitions",
            f"{ours.transitions}",
            f"the seed as drawn {theirs.transitions}",
            f"{more:+}",
            "≤ 3 more",
            more <= 3,
        ),
        _side_by_side("history events", ours.events, theirs.events),
        _side_by_side("invocations", called, theirs.invocations),
        _side_by_side("billed milliseconds, the API's and the embedded DynamoDB's included", billed, theirs.billed_ms),
        _side_by_side("bytes into and out of states", ours.state_bytes, theirs.state_bytes),
        Row(
            "a batch of 20: DynamoDB write units, index included", f"{found.write_units}", "it keeps no ledger: 0", "–"
        ),
    ]


def _side_by_side(what: str, ours: int, theirs: int) -> Row:
    return Row(f"a batch of 20: {what}", f"{ours:,}", f"the seed as drawn {theirs:,}", f"{ours / theirs:.2f}")


class Drawn:
    """The seed's state machine, with a function that does the least, beside the module."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        role = stack.outputs["role_arns"]
        function = stack.client("lambda").create_function(
            FunctionName="seed-trigger",
            Runtime="python3.13",
            Handler="trigger.handler",
            Role=role["requeue_communication"],
            MemorySize=256,
            Timeout=30,
            Code={"ZipFile": _zipped(BENCH / "naive" / "trigger.py")},
            Environment={"Variables": {"BASE_URL": stack.application_url, "TOKEN": stack.token}},
        )
        topic = stack.client("sns").create_topic(Name="seed")["TopicArn"]
        text = (BENCH / "naive" / "seed.asl.json").read_text(encoding="utf-8")
        text = text.replace("${function}", function["FunctionArn"]).replace("${topic}", topic)
        machine = stack.client("stepfunctions").create_state_machine(
            name="seed", definition=text, roleArn=role["batch"]
        )
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
            raise MeasurementFailed(f"the seed's batch: {described['status']}, {states}")
        return meter.read([arn], {"trigger": "seed-trigger"})


def _run(stack: Stack, functions: Mapping[str, str], size: int, retried: int = 0) -> Usage:
    """Let so many fail, and the module send them back; give what the run used."""
    _compose(stack, size, retried)
    meter = Meter(stack)
    answer = _invoke(stack, functions["list_failed"])
    ended = list(runs.follow(stack, answer["executions"]))
    counts = sum((one.counts()["requeued"] for one in ended), 0)
    if counts != size:
        raise MeasurementFailed(f"{counts} of {size} communications requeued: {answer}")
    return meter.read(answer["executions"], functions)


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


def _invoke(stack: Stack, function: str) -> dict[str, Any]:
    answer = json.load(stack.client("lambda").invoke(FunctionName=function, Payload=b"{}")["Payload"])
    if "errorType" in answer:
        raise MeasurementFailed(f"list_failed: {answer}")
    return dict(answer)


def _items(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["ledger_table_name"])
    return [item for page in pages for item in page["Items"] if "primaryId" in item]


def _settle(stack: Stack, functions: Mapping[str, str], wanted: int) -> Usage:
    """Let a later run note that everything was delivered."""
    client, name = stack.client("lambda"), functions["list_failed"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables |= {"REDRIVE_CLOCK_OFFSET_SECONDS": str(COOLED_DOWN_SECONDS)}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    meter = Meter(stack)
    _invoke(stack, name)
    used = meter.read([], {"list_failed": name})
    if used.requests["dynamodb.UpdateItem"] < wanted:
        raise MeasurementFailed(f"{used.requests['dynamodb.UpdateItem']} of {wanted} noted as delivered")
    return used


def _batch(used: Usage) -> dict[str, float]:
    return {"transitions": used.transitions, "events": used.events, "state_bytes": used.state_bytes}


def _module(
    cold: Usage, full: Usage, half: Usage, retried: Usage, settled: Usage, items: list[dict[str, Any]], stack: Stack
) -> dict[str, float]:
    """Tell what each communication, batch, run and retry used, as differences between runs of known size."""
    each, per_batch = _line(full.transitions, half.transitions)
    requeue, lister = "requeue_communication", "list_failed"
    updates = full.requests["dynamodb.UpdateItem"] / FULL
    retry_updates = (retried.requests["dynamodb.UpdateItem"] - full.requests["dynamodb.UpdateItem"]) / RETRIED
    units = math.ceil(max(map(item_bytes, items)) / UNIT_BYTES)
    alarms = len(stack.outputs["alarm_arns"])
    metrics = set().union(*(log.metrics for used in (full, settled) for log in used.functions.values()))
    retry_log = retried.functions[requeue].log_bytes - full.functions[requeue].log_bytes
    return {
        "transitions": each,
        "batch_transitions": per_batch,
        "retry_transitions": (retried.transitions - full.transitions) / RETRIED,
        "requeues": full.functions[requeue].invocations / FULL,
        "retry_requeues": (retried.functions[requeue].invocations - full.functions[requeue].invocations) / RETRIED,
        "updates": updates,
        "retry_updates": retry_updates,
        "run_queries": full.requests["dynamodb.Query"],
        "run_deletes": full.requests["dynamodb.DeleteItem"],
        # of what waits for delivery the index has a copy: made by the conclusion, removed when it is delivered
        "write_units": units * (updates + 1),
        "retry_write_units": units * retry_updates,
        "delivered_write_units": units * 2,
        "item_bytes": round(sum(map(item_bytes, items)) / len(items)),
        "requeue_own_ms": round(full.functions[requeue].own_ms, 1),
        "requeue_cold_ms": round(statistics.median(cold.functions[requeue].cold), 1),
        "requeue_log_bytes": round(full.functions[requeue].log_bytes / FULL),
        "retry_log_bytes": round(retry_log / RETRIED),
        "summarise_own_ms": round(full.functions["summarise"].own_ms, 1),
        "summarise_log_bytes": full.functions["summarise"].log_bytes,
        "list_own_ms": round(full.functions[lister].own_ms, 1),
        "list_log_bytes": full.functions[lister].log_bytes,
        "alarms": alarms,
        "metrics_per_source": len(metrics) / len({metric[1:] for metric in metrics}) if metrics else 0,
    }


def _durations(fulls: Sequence[Usage]) -> dict[str, float]:
    """Tell how long a batch takes without the API's part: of its own, and for each turn of so many at a time."""
    turns = [used.map_seconds * 1000 - used.functions["requeue_communication"].api_ms / CONCURRENCY for used in fulls]
    return {
        "turn_ms": round(statistics.median(turns) / (FULL / CONCURRENCY), 1),
        "batch_ms": round(statistics.median(used.seconds - used.map_seconds for used in fulls) * 1000, 1),
    }


def _seed(full: Usage, half: Usage) -> dict[str, float]:
    each, per_batch = _line(full.transitions, half.transitions)
    log = full.functions["trigger"]
    return {
        "transitions": each,
        "batch_transitions": per_batch,
        "invocations": log.invocations / FULL,
        "own_ms": round(log.own_ms, 1),
        "log_bytes": round(log.log_bytes / FULL),
    }


def _line(full: int, half: int) -> tuple[float, float]:
    """Tell what each communication adds, and what a batch has besides."""
    each = (full - half) / (FULL - HALF)
    return each, full - FULL * each


def _zipped(file: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.write(file, file.name)
    return buffer.getvalue()
