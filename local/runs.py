"""What happened on the embedded AWS, read from where an operator would read it: logs and execution histories."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local.stack import Stack, wait_until

ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


@dataclass(frozen=True)
class Execution:
    """An execution of the state machine.

    Attributes
    ----------
    ids
        Primary ids of its communications.
    outcomes
        By primary id; empty while it runs and where it was stopped.
    stopped
        `{"Error", "Cause"}` where something ended the batch early.
    seconds
        How long it took, or None while it runs.
    """

    arn: str
    status: str
    batch: int
    ids: tuple[str, ...]
    seconds: float | None = None
    outcomes: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] | None = None

    def counts(self) -> Counter[str]:
        """Count its outcomes."""
        return Counter(self.outcomes.values())


def statuses(stack: Stack) -> dict[str, str]:
    """Give the status of every execution, by ARN."""
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    listed = pages.paginate(stateMachineArn=stack.outputs["state_machine_arn"])
    return {item["executionArn"]: item["status"] for page in listed for item in page["executions"]}


def executions(stack: Stack, run_id: str = "") -> list[Execution]:
    """Give the executions of a run, or all, by batch."""
    wanted = [arn for arn in statuses(stack) if arn.rpartition(":")[2].startswith(run_id)]
    return sorted((execution(stack, arn) for arn in wanted), key=lambda one: one.batch)


def execution(stack: Stack, arn: str) -> Execution:
    """Give an execution as it is now."""
    described = stack.client("stepfunctions").describe_execution(executionArn=arn)
    given = json.loads(described["input"])
    has_ended = described["status"] in ENDED
    collected = _collected(history(stack, arn)) if has_ended else {}
    return Execution(
        arn=arn,
        status=described["status"],
        batch=given["batch"],
        ids=tuple(item["primaryId"] for item in given["communications"]),
        seconds=(described["stopDate"] - described["startDate"]).total_seconds() if has_ended else None,
        outcomes={item["primaryId"]: item["outcome"] for item in collected.get("outcomes", [])},
        stopped=collected.get("stopped"),
    )


def follow(
    stack: Stack, arns: list[str], waiting: Callable[[int], None] = lambda _running: None, seconds: float = 300.0
) -> Iterator[Execution]:
    """Give each execution when it ends; `waiting` gets how many still run.

    Raises
    ------
    TimeoutError
        When some still run after `seconds`.
    """
    give_up = time.monotonic() + seconds
    running = list(arns)
    while running:
        now = statuses(stack)
        for arn in [arn for arn in running if now.get(arn) in ENDED]:
            running.remove(arn)
            yield execution(stack, arn)
        waiting(len(running))
        if time.monotonic() > give_up:
            raise TimeoutError(f"{len(running)} executions still run after {seconds:.0f} s")
        time.sleep(0.25 if running else 0)


def _collected(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the data with which the execution came to its summary."""
    for event in events:
        entered = event.get("stateEnteredEventDetails", {})
        if entered.get("name") == "Summarise":
            collected: dict[str, Any] = json.loads(entered["input"])
            return collected
    return {}


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


def answers(stack: Stack) -> dict[str, dict[str, Any]]:
    """Give what the lister answered, by run: Lambda drops the answer of an asynchronous call, the log has it."""
    done = [line for line in log(stack, "list_failed") if line.get("message") == "run done"]
    names = ["runId", "listed", "eligible", "skipped", "batches", "executions", "truncated", "dryRun"]
    return {line["runId"]: {name: line[name] for name in names} for line in done}


def wait_for_answer(stack: Stack, run_id: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until the lister has ended a run and give its answer."""
    wait_until(lambda: run_id in answers(stack), f"the lister's answer for run {run_id}", seconds)
    return answers(stack)[run_id]


def run_id_of(scheduled_time: str) -> str:
    """Name the run of a scheduled time: 2026-11-24T02:15:00Z gives 20261124T021500Z."""
    return scheduled_time.replace("-", "").replace(":", "")
