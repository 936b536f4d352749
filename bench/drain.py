"""Rows about a whole backlog that is drained at an API's capacity, and no faster; for AWS see ``bench/turnover.py``."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from bench.sandboxes import MeasurementFailed, endpoints
from bench.table import Row, at_least, at_most
from bench.turnover import most_at_a_time, most_within
from local import runs
from local.processes import serving
from local.stack import Stack

CAPACITY = 10
"""Requests a second: well below what the embedded Step Functions carry out on two cores."""

API_MS = 100
BATCH_SIZE, MAX_CONCURRENCY = 20, 10
"""The module's defaults."""

USED = 0.9
SECONDS_EACH = 1.0
"""A run that takes longer for each communication is given up."""

LATE = (
    "each request has a slot of its own and is sent when that is due. One that this machine sends late, for all of its "
    "processors are busy, comes closer to the next."
)


def drained(failed: int) -> list[Row]:
    """Let so many wait, and one run send them back."""
    with (
        Stack(failed=0, name="drain") as stack,
        serving("bench.server", ["--milliseconds", str(API_MS)], stack.folder) as api,
    ):
        stack.apply(
            api_url=api["url"],
            batch_size=BATCH_SIZE,
            max_concurrency=MAX_CONCURRENCY,
            max_requests_per_second=CAPACITY,
        )
        _configure(stack, failed)
        side_by_side, within = _at_a_time(stack)
        started = time.monotonic()
        answer = stack.invoke("list_failed", {})
        if answer.get("batches") != -(-failed // BATCH_SIZE):
            raise MeasurementFailed(f"list_failed: {answer}")
        ended = _follow(stack, answer["execution"], failed * SECONDS_EACH)
        with urllib.request.urlopen(f"{api['url']}/counted", timeout=60) as counted:
            requests = [(start, end) for start, end in json.load(counted)["requests"]]
        if ended["status"] != "SUCCEEDED" or len(requests) != failed or not stack.mails.notifications():
            raise MeasurementFailed(f"{len(requests)} of {failed} requests; {ended['status']}: {ended.get('cause')}")
        took = f"{time.monotonic() - started:.0f} s in all, {len(stack.mails.notifications())} digest"
    starts = sorted(start for start, _ in requests)
    between = starts[side_by_side * BATCH_SIZE : -side_by_side * BATCH_SIZE]
    used = (len(between) - 1) / (between[-1] - between[0]) / CAPACITY
    at_a_time = most_at_a_time(requests)
    what = f"{failed:,} drained at an API's {CAPACITY} requests a second"
    places = side_by_side * within
    batches = f"{side_by_side} batches of {within} at a time: {places}"
    return [
        at_least(USED, f"{what}: used of it, between the first and the last batches", f"{used:.1%}", took, used),
        *(_within(seconds, starts, what) for seconds in (1, 10)),
        at_most(1, f"{what}: most at a time", f"{at_a_time}", batches, at_a_time / places),
    ]


def _within(seconds: int, starts: list[float], what: str) -> Row:
    """Tell how many requests arrived within any so many seconds, whenever these begin."""
    most, capacity = most_within(seconds, starts), CAPACITY * seconds
    what = f"{what}: most within any {seconds} s"
    return at_most(1, what, f"{most}", f"its capacity {capacity}", most / capacity, why=LATE)


def _follow(stack: Stack, execution: str, seconds: float) -> dict[str, Any]:
    """Wait for a run's end, looking seldom: this machine has other things to do."""
    client, give_up = stack.client("stepfunctions"), time.monotonic() + seconds
    while (described := client.describe_execution(executionArn=execution))["status"] not in runs.ENDED:
        if time.monotonic() > give_up:
            raise MeasurementFailed(f"{execution} still runs after {seconds:.0f} s")
        time.sleep(1)
    return dict(described)


def _at_a_time(stack: Stack) -> tuple[int, int]:
    """Read what the deployed state machine allows: batches at a time, and communications at a time in each."""
    machine = stack.client("stepfunctions").describe_state_machine(stateMachineArn=stack.outputs["state_machine_arn"])
    batches = json.loads(machine["definition"])["States"]["RequeueBatches"]
    within = batches["ItemProcessor"]["States"]["RequeueEach"]["MaxConcurrency"]
    return batches["MaxConcurrency"], within


def _configure(stack: Stack, listed: int) -> None:
    """Let the functions that call the API know where the server has its list."""
    client = stack.client("lambda")
    for function in ("list_failed", "requeue_communication"):
        name = stack.outputs["function_names"][function]
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        changed = {name: value for name, value in endpoints(listed).items() if name in variables}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables | changed})
