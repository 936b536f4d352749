"""What work on the embedded AWS used: read from histories, logs and the count of requests, as a bill would be."""

from __future__ import annotations

import json
import re
import statistics
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local import runs
from local.stack import Stack

REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms\t")
BYTES_PER_EVENT = 26
"""CloudWatch Logs adds them to each event (API reference, PutLogEvents)."""

TRANSITIONS_PER_CHILD = 1
"""A Distributed Map is charged one for each child execution it starts; an iteration of an inline one costs nothing:
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html (Transitions in Distributed Map state).
"""


@dataclass
class Log:
    """What a function's log says of its invocations.

    Attributes
    ----------
    cold, warm
        Milliseconds of each invocation without the API's part, of a sandbox's first one and of every other.
    metrics
        Each metric with its dimensions, as CloudWatch counts them.
    """

    invocations: int = 0
    log_bytes: int = 0
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    metrics: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def own_ms(self) -> float:
        """Give the median of a warm invocation, or of a cold one where there are no others."""
        return statistics.median(self.warm or self.cold or [0.0])


@dataclass
class Usage:
    """What was used: by Step Functions, by each function, and the requests to DynamoDB, SQS and their like.

    Attributes
    ----------
    units
        DynamoDB's capacity: ``read`` and ``write``.
    """

    transitions: int = 0
    events: int = 0
    state_bytes: int = 0
    functions: dict[str, Log] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=dict)

    @property
    def invocations(self) -> int:
        """Add up the invocations."""
        return sum(log.invocations for log in self.functions.values())


class Meter:
    """Stands at zero when it is made; ``read`` tells what was used since."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._since = int(time.time() * 1000)
        self._before, self._units_before = counted(stack)

    def read(self, executions: Iterable[str], functions: Mapping[str, str]) -> Usage:
        """Tell what these executions with their children, and functions, by their names here and on AWS, used."""
        requests, units = counted(self._stack)
        used = {kind: count - self._units_before[kind] for kind, count in units.items()}
        usage = Usage(requests=requests - self._before, units=used)
        for arn in executions:
            batches = [child["executionArn"] for child in runs.children(self._stack, arn)]
            for each in [arn, *batches]:
                count_events(usage, runs.history(self._stack, each))
            usage.transitions += len(batches) * TRANSITIONS_PER_CHILD
        pages = self._stack.client("logs").get_paginator("filter_log_events")
        for name, deployed in functions.items():
            found = pages.paginate(logGroupName=f"/aws/lambda/{deployed}", startTime=0)
            usage.functions[name] = read_log((event for page in found for event in page["events"]), self._since)
        return usage


def counted(stack: Stack) -> tuple[Counter[str], dict[str, float]]:
    """Count the requests of the JSON services so far, ``dynamodb.UpdateItem``, and DynamoDB's units of capacity."""
    with urllib.request.urlopen(f"{stack.endpoint}/_local/faults", timeout=30) as answer:
        told = json.load(answer)
    return Counter(told["requests"]), told["units"]


def count_events(usage: Usage, events: Sequence[Mapping[str, Any]]) -> None:
    """Add an execution's history: a transition is a state entered, and every try of a task after its first."""
    kinds = Counter(event["type"] for event in events)
    entered = sum(count for kind, count in kinds.items() if kind.endswith("StateEntered"))
    retries = kinds["TaskScheduled"] + kinds["LambdaFunctionScheduled"] - kinds["TaskStateEntered"]
    usage.transitions += entered + retries
    usage.events += sum(kinds.values())
    for event in events:
        entering, leaving = event.get("stateEnteredEventDetails", {}), event.get("stateExitedEventDetails", {})
        usage.state_bytes += len(entering.get("input", "").encode()) + len(leaving.get("output", "").encode())


def read_log(events: Iterable[Mapping[str, Any]], since: int) -> Log:
    """Read a function's log; a sandbox writes a stream of its own, so the first report in it is of a cold start."""
    log, streams = Log(), set()
    api: Counter[str] = Counter()
    for event in events:
        text, stream = event["message"], event["logStreamName"]
        report = REPORT.match(text)
        is_first = report is not None and stream not in streams
        if is_first:
            streams.add(stream)
        api[stream] += _metrics(text, log, counted=event["timestamp"] >= since)
        if report:
            waited = api.pop(stream)
            own = float(report[1]) - waited
            if event["timestamp"] >= since:
                log.invocations += 1
                (log.cold if is_first else log.warm).append(own)
        if event["timestamp"] >= since:
            log.log_bytes += len(text.encode()) + BYTES_PER_EVENT
    return log


def _metrics(text: str, log: Log, *, counted: bool) -> Any:
    """Note the metrics in a line, and give the API's latency in it."""
    if '"_aws"' not in text:
        return 0.0
    line = json.loads(text)
    for group in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in group["Dimensions"]:
            values = [str(line[name]) for name in dimensions]
            if counted:
                log.metrics |= {(metric["Name"], *values) for metric in group["Metrics"]}
    latency = line.get("ApiLatency", 0.0)
    return sum(latency) if isinstance(latency, list) else latency
