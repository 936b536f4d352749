"""The largest run that the inputs allow stays within the quotas of Step Functions, by the planned definition.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from botocore.exceptions import EndpointConnectionError

import requeue_communication.handler as requeue
from redrive import batches
from redrive.batches import LONGEST_WAIT_SECONDS, Opened, open_batch
from redrive.control import CONTROL
from redrive.errors import LedgerUnavailable
from redrive.execution import StateMachine
from redrive.ledger import MAX_TEXT
from redrive.models import MAX_ID_BYTES, Communication, Outcome, OutcomeKind, operator_run_id
from redrive.runs import Batch, Breaker
from redrive.settings import ListSettings, RequeueCommunicationSettings, RunSettings
from tests.plan.conftest import ROOT
from tests.plan.planned import Plan
from tests.unit.support import new_sandbox

MOST_EVENTS = 25_000
MOST_BYTES = 256 * 1024
MOST_BATCHES = 10_000
YEAR = 365 * 24 * 3600
DAY = 24 * 3600

# Events that an execution's history gets, by the HistoryEvent types of
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
TRY = ["TaskScheduled", "TaskStarted", "TaskFailed"]  # of an optimised integration, such as lambda:invoke
TASK = ["TaskStateEntered", "TaskStateExited"]
ITERATION = ["MapIterationStarted", *TASK, "PassStateEntered", "PassStateExited", "MapIterationSucceeded"]
MAP = ["MapStateEntered", "MapStateStarted", "MapStateFailed", "MapStateExited"]
MAP_RUN = ["MapStateEntered", "MapRunStarted", "MapRunFailed", "MapStateFailed", "MapStateExited"]
CHOICE = ["ChoiceStateEntered", "ChoiceStateExited"]
WAIT = ["WaitStateEntered", "WaitStateExited"]
EXECUTION = ["ExecutionStarted", "ExecutionFailed"]
END = ["FailStateEntered"]

CALLS = ["minimal", "complete", "largest", "most_batches", "weekly"]

WORST_IDS = ['"' * MAX_ID_BYTES, "\\" * MAX_ID_BYTES, "ü" * (MAX_ID_BYTES // 2), "😀" * (MAX_ID_BYTES // 4)]
"""As JSON each byte may become two, and where only ASCII is written, three."""


def size(data: object) -> int:
    """Give the bytes of data as JSON, written in the longest way: Python 3.11's runtime escapes what is not ASCII."""
    return len(json.dumps(data, separators=(",", ":"), ensure_ascii=True).encode())


def worst() -> Communication:
    """Give a communication that is as long as it may be."""
    found = [Communication(id_, "o" * 64, "s" * 32, "i" * 64) for id_ in WORST_IDS]
    return max(found, key=lambda each: size(each.to_json()))


def tries(task: dict[str, Any]) -> int:
    """How often a task is tried at most."""
    return 1 + sum(retry["MaxAttempts"] for retry in task["Retry"])


def events(task: dict[str, Any]) -> int:
    """How many events a task makes at most."""
    return len(TASK) + tries(task) * len(TRY)


def longest_seconds(task: dict[str, Any], retriers: slice = slice(None)) -> float:
    """Give the seconds of a task whose every try runs to its timeout and whose every wait is not shortened."""
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for retry in task["Retry"][retriers]
        for number in range(retry["MaxAttempts"])
    ]
    return (len(waits) + 1) * task["TimeoutSeconds"] + sum(waits)


# The size of a run


def test_a_runs_input_with_the_most_batches_and_what_conclude_gets_of_it_stay_below_the_limit(plan: Plan):
    settings = ListSettings.from_environment(plan.environment("most_batches", "list_failed"))
    assert math.ceil(settings.max_per_run / settings.batch_size) == MOST_BATCHES
    client = MagicMock()
    run_id = operator_run_id(datetime.now(UTC), "12345678-1234")
    StateMachine(client, settings.state_machine_arn).start(run_id, "r" * 36, 1e10 + 0.123, MOST_BATCHES, force=False)
    text = client.start_execution.call_args.kwargs["input"]
    assert json.loads(text)["batches"][-1] == MOST_BATCHES
    assert len(text.encode()) <= MOST_BYTES
    stopped = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": '"' * 32 * 1024}
    payload = {"execution": "x" * 300, "run": {**json.loads(text), "stopped": stopped}}
    assert size({"FunctionName": "x" * 200, "Payload": payload}) <= MOST_BYTES


def test_what_the_most_children_give_back_stays_below_the_limit(plan: Plan):
    children = plan.children("most_batches")
    ends = {name for name, state in children.items() if state.get("End")}
    assert ends == {"Skipped", "CloseBatch", "Untallied"}
    assert children["Skipped"]["Result"] == children["Untallied"]["Result"] == {}
    # The function gives back {} where it closes a batch: see the tests of batch.
    assert children["CloseBatch"]["OutputPath"] == "$.Payload"
    assert size([{}] * MOST_BATCHES) <= MOST_BYTES


# The size of a batch


def opened(plan: Plan) -> dict[str, Any]:
    """Give what OpenBatch gives of the largest batch, made by the function's own code."""
    number = ListSettings.from_environment(plan.environment("largest", "list_failed")).batch_size
    assert number == 100
    runs = Mock()
    communications = (worst(),) * number
    request = "r" * 36
    runs.open_batch.return_value = (
        Batch("x" * 26, MOST_BATCHES, request, communications),
        Breaker({communications[0].source: 0}),
        {},
    )
    asked = Opened("x" * 26, request, MOST_BATCHES, 1e10 + 0.123)
    answer = open_batch(asked, runs, RunSettings())
    assert len(answer["communications"]) == number
    return answer


def unavailable(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the cause of a try that did not reach the ledger, as Lambda's runtime writes it."""
    for name, value in plan.environment("largest", "requeue_communication").items():
        monkeypatch.setenv(name, value)
    client = Mock()
    client.exceptions.ConditionalCheckFailedException = KeyError
    client.update_item.side_effect = EndpointConnectionError(endpoint_url="https://dynamodb")
    monkeypatch.setattr(requeue, "dynamodb", lambda: client)
    new_sandbox()
    context = Mock(aws_request_id="r" * 36, get_remaining_time_in_millis=lambda: 60_000)
    communication = {"primaryId": "1", "operation": "send.email", "source": "email"}
    item = {"runId": "x", "batch": 1, "listedAt": 1, "force": False, "paced": False, "communication": communication}
    with pytest.raises(LedgerUnavailable) as raised:
        requeue.handler(item, context)
    new_sandbox()
    frames = traceback.format_tb(raised.tb)[1:]  # without this file's own
    stack = [line.replace(str(ROOT / "lambda_src"), "/opt/python") for line in frames]
    assert len(stack) > 3
    message = str(raised.value).ljust(MAX_TEXT, "x")
    error = {"errorMessage": message, "errorType": raised.typename, "requestId": "r" * 36, "stackTrace": stack}
    return json.dumps(error)


def test_the_largest_batch_that_is_opened_stays_below_the_limit(plan: Plan):
    assert size(opened(plan)) + 2_000 <= MOST_BYTES  # what lambda:invoke puts around it


def test_the_largest_batch_of_refusals_can_be_closed(plan: Plan):
    batch = opened(plan)
    outcomes = [Outcome(worst(), OutcomeKind.REFUSED, 100, 451, '"' * MAX_TEXT).to_json() for _ in range(100)]
    assert size(closing({**batch, "outcomes": outcomes})) <= MOST_BYTES


def test_the_largest_batch_of_which_none_reached_the_ledger_can_be_closed(plan: Plan, monkeypatch: pytest.MonkeyPatch):
    batch, cause = opened(plan), unavailable(plan, monkeypatch)
    inner = plan.children("largest")["RequeueEach"]["ItemProcessor"]["States"]
    state = {"communication": worst().to_json(), "caught": {"Error": "LedgerUnavailable", "Cause": cause}}
    recorded = {
        key.removesuffix(".$"): at(state, value) if key.endswith(".$") else value
        for key, value in inner["RecordUnavailable"]["Parameters"].items()
    }
    assert recorded["error"] == cause
    assert size(closing({**batch, "outcomes": [recorded] * 100})) <= MOST_BYTES


def at(state: Any, path: str) -> Any:
    """Read a reference path."""
    for name in path.removeprefix("$.").split("."):
        state = state[name]
    return state


def closing(state: dict[str, Any]) -> dict[str, Any]:
    """Give what CloseBatch hands to Lambda."""
    return {"FunctionName": "x" * 200, "Payload": {"action": "close", "batch": state}}


# Events


def wait_seconds(monkeypatch: pytest.MonkeyPatch, paused_seconds: float) -> Iterator[int]:
    """Give the waits of a batch that is to be opened in a pause, one after the other, by the function's own code."""
    runs, now = Mock(), 0.0
    batch = Batch("run", 1, "request", (Communication("1", "send.email", "email"),))
    control = {"pausedUntil": paused_seconds, "pausedSince": 0.0}
    runs.open_batch.return_value = batch, Breaker({"email": 0}), {CONTROL: control}
    while True:
        monkeypatch.setattr(batches.clock, "now", lambda at=now: at)
        answer = open_batch(Opened("run", "request", 1, 0.0), runs, RunSettings())
        if answer["go"] != "wait":
            return
        yield answer["seconds"]
        now += answer["seconds"]


@pytest.mark.parametrize("call", CALLS)
def test_the_largest_batch_retried_to_the_end_stays_within_the_history_of_an_execution_though_it_was_paused_for_a_day(
    plan: Plan, call: str, monkeypatch: pytest.MonkeyPatch
):
    size_of_batch = ListSettings.from_environment(plan.environment(call, "list_failed")).batch_size
    children = plan.children(call)
    waits = list(wait_seconds(monkeypatch, DAY))
    assert sum(waits) >= DAY
    assert max(waits) <= LONGEST_WAIT_SECONDS
    one_look = len(TASK) + len(["TaskScheduled", "TaskStarted", "TaskSucceeded"]) + len(CHOICE) + len(WAIT)
    each = len(ITERATION) + tries(plan.requeue(call)) * len(TRY)
    whole = (
        len(EXECUTION + MAP + CHOICE)
        + len(waits) * one_look
        + events(children["OpenBatch"])
        + size_of_batch * each
        + events(children["CloseBatch"])
    )
    assert whole < MOST_EVENTS
    # Most of what there is is used: a run that is healthy must not fail for want of tries.
    throttled = plan.requeue(call)["Retry"][1]
    assert throttled["MaxAttempts"] >= 40


@pytest.mark.parametrize("call", CALLS)
def test_a_run_with_its_every_task_retried_to_the_end_stays_within_the_history_of_an_execution(plan: Plan, call: str):
    """Children have histories of their own."""
    states = plan.definition(call)["States"]
    whole = len(EXECUTION + MAP_RUN + CHOICE + END) + events(states["Conclude"]) + events(states["NotifyFailure"])
    assert whole < MOST_EVENTS


# Time


@pytest.mark.parametrize("call", CALLS)
def test_a_run_is_timed_out_only_after_the_longest_it_can_rightly_take(plan: Plan, call: str):
    settings = ListSettings.from_environment(plan.environment(call, "list_failed"))
    requeued = RequeueCommunicationSettings.from_environment(plan.environment(call, "requeue_communication"))
    definition, children = plan.definition(call), plan.children(call)
    each, all_ = children["RequeueEach"]["MaxConcurrency"], definition["States"]["RequeueBatches"]["MaxConcurrency"]
    item = longest_seconds(plan.requeue(call), slice(1))  # the first retrier: an API that does not answer
    batch = math.ceil(settings.batch_size / each) * item + children["OpenBatch"]["TimeoutSeconds"]
    batch += children["CloseBatch"]["TimeoutSeconds"]
    longest = math.ceil(math.ceil(settings.max_per_run / settings.batch_size) / all_) * batch
    rate = requeued.run.max_requests_per_second
    at_the_rate = settings.max_per_run * (1 + requeued.run.max_attempts_of_a_request) / rate if rate else 0
    whole = max(longest, at_the_rate) + DAY + definition["States"]["Conclude"]["TimeoutSeconds"]
    assert min(whole, YEAR) <= definition["TimeoutSeconds"] <= YEAR
    assert definition["TimeoutSeconds"] <= whole * 1.5  # what hangs is ended in the end


def test_the_time_grows_with_all_that_makes_a_run_long(plan: Plan):
    times = {call: plan.definition(call)["TimeoutSeconds"] for call in CALLS}
    for shorter, longer in pairwise(("weekly", "minimal", "complete")):
        assert times[shorter] < times[longer]
    assert times["complete"] < times["most_batches"]  # 100,000 one after the other
