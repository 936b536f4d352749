"""The state machine, rendered from its template: valid, as drawn, and within the quotas of Step Functions."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from statelint.config import Config
from statelint.linter import Linter

from redrive.models import MAX_ID_BYTES
from tests.plan.planned import Plan

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MOST_EVENTS = 25_000
MOST_BYTES = 256 * 1024

# Events that an execution's history gets, by the HistoryEvent types of
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
ATTEMPT = ["TaskScheduled", "TaskStarted", "TaskFailed"]  # of an optimised integration, such as lambda:invoke
ITERATION = [
    *("MapIterationStarted", "TaskStateEntered", "TaskStateExited"),
    *("PassStateEntered", "PassStateExited", "MapIterationSucceeded"),
]
MAP = ["MapStateEntered", "MapStateStarted", "MapStateSucceeded", "MapStateExited"]
TASK = ["TaskStateEntered", "TaskStateExited"]
REST = ["ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "FailStateEntered", "ExecutionFailed"]

CALLS = ["minimal", "complete", "own_topic", "largest", "weekly", 'twins["castor"]', "china"]


@pytest.mark.parametrize("call", CALLS)
def test_the_definition_is_valid_by_the_linter_of_the_states_language(plan: Plan, call: str):
    definition = plan.one(call, "aws_sfn_state_machine").values["definition"]
    assert Linter.validate(definition, Config([], False, False)) == []


def test_the_linter_sees_a_mistake(plan: Plan):
    definition = plan.definition("minimal")
    definition["States"]["RequeueEach"]["Next"] = "Nowhere"
    assert Linter.validate(json.dumps(definition), Config([], False, False)) != []


def test_the_states_are_those_of_the_drawing(plan: Plan):
    states = plan.definition("minimal")["States"]
    assert {name: state["Type"] for name, state in states.items()} == {
        "RequeueEach": "Map",
        "Summarise": "Task",
        "AnyFailed?": "Choice",
        "NotifySuccess": "Task",
        "NotifyFailure": "Task",
        "BatchIncomplete": "Fail",
        "Done": "Succeed",
    }
    assert states["RequeueEach"]["Next"] == states["RequeueEach"]["Catch"][0]["Next"] == "Summarise"
    assert (states["NotifyFailure"]["Next"], states["NotifySuccess"]["Next"]) == ("BatchIncomplete", "Done")


def test_an_unavailable_api_is_retried_as_the_inputs_say_with_full_jitter(plan: Plan):
    retry, _ = _requeue(plan.definition("largest"))["Retry"]
    assert {"ApiUnavailable", "LedgerUnavailable"} < set(retry["ErrorEquals"])
    assert {"Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout"} < set(retry["ErrorEquals"])  # it crashed
    assert "CredentialsRefused" not in retry["ErrorEquals"]
    assert "States.ALL" not in retry["ErrorEquals"]
    assert {key: value for key, value in retry.items() if key != "ErrorEquals"} == {
        "MaxAttempts": 10,
        "IntervalSeconds": 3,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 100,
        "JitterStrategy": "FULL",
    }


def test_a_throttled_invocation_waits_for_its_turn(plan: Plan):
    for call in ("minimal", "weekly"):  # the second without any retry of the API
        _, retry = _requeue(plan.definition(call))["Retry"]
        assert retry["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        assert (retry["MaxAttempts"], retry["MaxDelaySeconds"], retry["JitterStrategy"]) == (20, 60, "FULL")


def test_what_every_communication_would_meet_stops_the_batch_and_every_other_error_is_one_communications_own(
    plan: Plan,
):
    definition = plan.definition("minimal")
    catches = {error: catch["Next"] for catch in _requeue(definition)["Catch"] for error in catch["ErrorEquals"]}
    assert catches == {
        "CredentialsRefused": "StopBatch",
        "ConfigurationError": "StopBatch",
        "ApiUnavailable": "RecordUnavailable",
        "LedgerUnavailable": "RecordUnavailable",
        "States.ALL": "RecordFailure",
    }
    inner = definition["States"]["RequeueEach"]["ItemProcessor"]["States"]
    assert [name for name, state in inner.items() if state["Type"] == "Fail"] == ["StopBatch"]


def test_a_communication_that_got_no_answer_has_no_attempt_of_its_own(plan: Plan):
    """Its attempt is still open, and only the ledger knows the number."""
    inner = plan.definition("minimal")["States"]["RequeueEach"]["ItemProcessor"]["States"]
    for name in ("RecordUnavailable", "RecordFailure"):
        recorded = inner[name]["Parameters"]
        assert (recorded["outcome"], recorded["attempt"]) == ("failed", None)


def test_each_communication_is_told_when_it_was_listed_and_whether_an_operator_forces_it(plan: Plan):
    selected = plan.definition("minimal")["States"]["RequeueEach"]["ItemSelector"]
    assert selected == {
        "runId.$": "$.runId",
        "execution.$": "$$.Execution.Name",
        "listedAt.$": "$.listedAt",
        "force.$": "$.force",
        "communication.$": "$$.Map.Item.Value",
    }


def test_the_function_ends_before_the_task_that_waits_for_it(plan: Plan):
    assert _requeue(plan.definition("largest"))["TimeoutSeconds"] == 900 + 5


def test_no_execution_data_is_logged(plan: Plan):
    [logging] = plan.one("complete", "aws_sfn_state_machine").values["logging_configuration"]
    assert (logging["level"], logging["include_execution_data"]) == ("ERROR", False)
    assert ":log-group:/aws/vendedlogs/states/" in logging["log_destination"]


def test_the_largest_batch_retried_to_the_end_stays_within_the_history_of_an_execution(plan: Plan):
    definition = plan.definition("largest")
    attempts = 1 + sum(retry["MaxAttempts"] for retry in _requeue(definition)["Retry"])
    tries = [1 + definition["States"][name]["Retry"][0]["MaxAttempts"] for name in ("Summarise", "NotifyFailure")]
    communications = len(MAP) + 100 * (len(ITERATION) + attempts * len(ATTEMPT))
    events = len(REST) + communications + sum(len(TASK) + times * len(ATTEMPT) for times in tries)
    assert events < MOST_EVENTS


def test_the_largest_batch_of_failures_leaves_each_cause_the_room_it_needs(plan: Plan):
    """Summarise gets the most: the batch with its outcomes, wrapped. The cause of an ApiUnavailable is smaller."""
    definition = plan.definition("largest")
    record = definition["States"]["RequeueEach"]["ItemProcessor"]["States"]["RecordUnavailable"]["Parameters"]
    communication = {"primaryId": "ü" * (MAX_ID_BYTES // 2), "operation": "o" * 64, "source": "s" * 32}
    outcome = {key.removesuffix(".$"): value for key, value in record.items()}
    outcome |= {**communication, "error": ""}
    batch = {"schemaVersion": 1, "runId": "20261124T021500Z", "batch": 5000, "force": False}
    batch["earlier"] = {"delivered": 100_000, "cameBack": 100_000}
    state = {**batch, "communications": [communication] * 100, "outcomes": [outcome] * 100}
    payload = {"executionArn": "arn:" + "x" * 250, "batch": state}
    request = {"FunctionName": "arn:" + "x" * 250, "Payload": payload}
    assert (MOST_BYTES - len(json.dumps(request, ensure_ascii=False).encode())) / 100 > 1_500


@pytest.mark.parametrize("call", ["minimal", "complete", "largest", "weekly"])
def test_an_execution_is_timed_out_only_after_the_longest_it_can_rightly_take(plan: Plan, call: str):
    definition = plan.definition(call)
    batch_size = {"complete": 50, "largest": 100}.get(call, 20)
    each = definition["States"]["RequeueEach"]
    item = _longest(_requeue(definition))
    longest = math.ceil(batch_size / each["MaxConcurrency"]) * item
    longest += sum(_longest(definition["States"][name]) for name in ("Summarise", "NotifyFailure"))
    assert longest <= definition["TimeoutSeconds"] <= longest + 300


def _requeue(definition: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = definition["States"]["RequeueEach"]["ItemProcessor"]["States"]["Requeue"]
    return state


def _longest(task: dict[str, Any]) -> float:
    """Give the seconds of a task whose every attempt runs to its timeout and whose every wait is not shortened."""
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for retry in task["Retry"]
        for number in range(retry["MaxAttempts"])
    ]
    return (len(waits) + 1) * task["TimeoutSeconds"] + sum(waits)
