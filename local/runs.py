"""What happened on the embedded AWS, read from where an operator would read it: logs and execution histories."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from local.stack import Stack, wait_until

ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


@dataclass(frozen=True)
class Batch:
    """A batch of a run: a child execution.

    Attributes
    ----------
    ids
        Primary ids of what it sent; empty where it was not opened.
    outcomes
        By primary id; empty while it runs and where it was stopped.
    stopped
        `{"Error", "Cause"}` where something ended the batch early.
    seconds
        How long it took, or None while it runs.
    """

    arn: str
    status: str
    number: int
    ids: tuple[str, ...] = ()
    outcomes: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] | None = None
    seconds: float | None = None

    def counts(self) -> Counter[str]:
        """Count its outcomes."""
        return Counter(self.outcomes.values())


@dataclass(frozen=True)
class Run:
    """An execution of the state machine, with its batches by number.

    Attributes
    ----------
    error, cause
        With which it failed.
    """

    run_id: str
    arn: str
    status: str
    batches: tuple[Batch, ...]
    error: str = ""
    cause: str = ""
    seconds: float | None = None

    @property
    def outcomes(self) -> dict[str, str]:
        """Give the outcomes of all batches, by primary id."""
        return {key: outcome for batch in self.batches for key, outcome in batch.outcomes.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        """Give what all batches sent."""
        return tuple(key for batch in self.batches for key in batch.ids)

    def counts(self) -> Counter[str]:
        """Count its outcomes."""
        return Counter(self.outcomes.values())


def statuses(stack: Stack) -> dict[str, str]:
    """Give the status of every run's execution, by ARN."""
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    listed = pages.paginate(stateMachineArn=stack.outputs["state_machine_arn"])
    return {item["executionArn"]: item["status"] for page in listed for item in page["executions"]}


def run(stack: Stack, execution_arn: str) -> Run:
    """Give a run as it is now."""
    described = stack.client("stepfunctions").describe_execution(executionArn=execution_arn)
    batches = sorted(map(partial(_batch, stack), children(stack, execution_arn)), key=lambda batch: batch.number)
    return Run(
        run_id=described["name"],
        arn=execution_arn,
        status=described["status"],
        batches=tuple(batches),
        error=described.get("error", ""),
        cause=described.get("cause", ""),
        seconds=_seconds(described),
    )


def follow(
    stack: Stack,
    execution_arn: str,
    waiting: Callable[[int, int], None] | None = None,
    seconds: float = 300.0,
) -> Run:
    """Wait for the end of a run, and give it; `waiting` gets how many of its batches have ended, of how many.

    Raises ``TimeoutError``: when it still runs after `seconds`.
    """
    client, give_up = stack.client("stepfunctions"), time.monotonic() + seconds
    total = len(json.loads(client.describe_execution(executionArn=execution_arn)["input"])["batches"])
    while client.describe_execution(executionArn=execution_arn)["status"] not in ENDED:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{execution_arn} still runs after {seconds:.0f} s")
        if waiting:
            waiting(_ended(client, execution_arn), total)
        time.sleep(0.1)
    return run(stack, execution_arn)


def _ended(client: Any, execution_arn: str) -> int:
    """Count the batches that have ended."""
    map_runs = client.list_map_runs(executionArn=execution_arn)["mapRuns"]
    counts = [client.describe_map_run(mapRunArn=each["mapRunArn"])["executionCounts"] for each in map_runs]
    return sum(count["succeeded"] + count["failed"] + count["aborted"] for count in counts)


def _batch(stack: Stack, described: dict[str, Any]) -> Batch:
    arn = described["executionArn"]
    states = {
        event["stateEnteredEventDetails"]["name"]: json.loads(event["stateEnteredEventDetails"]["input"])
        for event in history(stack, arn)
        if "stateEnteredEventDetails" in event
    }
    opened, closed = states.get("RequeueEach", {}), states.get("CloseBatch", {})
    return Batch(
        arn=arn,
        status=described["status"],
        number=json.loads(described["input"])["batch"],
        ids=tuple(item["primaryId"] for item in opened.get("communications", ())),
        outcomes={item["primaryId"]: item["outcome"] for item in closed.get("outcomes", ())},
        stopped=closed.get("stopped"),
        seconds=_seconds(described),
    )


def _seconds(described: dict[str, Any]) -> float | None:
    if "stopDate" not in described:
        return None
    return float((described["stopDate"] - described["startDate"]).total_seconds())


def history(stack: Stack, execution_arn: str) -> list[dict[str, Any]]:
    """Give the events of an execution."""
    pages = stack.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]


def children(stack: Stack, execution_arn: str) -> list[dict[str, Any]]:
    """Describe the child executions of an execution's Map Runs, in the order in which they were started."""
    client = stack.client("stepfunctions")
    runs = client.list_map_runs(executionArn=execution_arn)["mapRuns"]
    pages = [
        page for run in runs for page in client.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
    ]
    listed = [child["executionArn"] for page in pages for child in page["executions"]]
    described = [client.describe_execution(executionArn=arn) for arn in listed]
    return sorted(described, key=lambda child: child["startDate"])


def log(stack: Stack, function: str) -> list[dict[str, Any]]:
    """Give the lines of a function's log; one that is not JSON becomes `{"message": line}`."""
    client, group = stack.client("logs"), f"/aws/lambda/{stack.outputs['function_names'][function]}"
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [_line(event["message"]) for page in pages for event in page["events"]]


def _line(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"message": text}


def answers(stack: Stack) -> list[dict[str, Any]]:
    """Give what the lister answered, in order: Lambda drops the answer of an asynchronous call, the log has it."""
    names = ["runId", "listed", "eligible", "skipped", "batches", "execution", "truncated", "dryRun"]
    done = [line for line in log(stack, "list_failed") if line.get("message") in ("run started", "run done")]
    return [{name: line.get(name) for name in names} for line in done]  # what is null the log leaves out


def wait_for_answer(stack: Stack, run_id: str, seconds: float = 60.0, times: int = 1) -> dict[str, Any]:
    """Wait until the lister has answered for a run so often, and give its last answer."""

    def given() -> list[dict[str, Any]]:
        return [answer for answer in answers(stack) if answer["runId"] == run_id]

    wait_until(lambda: len(given()) >= times, f"the lister's answer for run {run_id}", seconds)
    return given()[-1]


def run_id_of(scheduled_time: str) -> str:
    """Name the run of a scheduled time: 2026-11-24T02:15:00Z gives 20261124T021500Z."""
    return scheduled_time.replace("-", "").replace(":", "")
