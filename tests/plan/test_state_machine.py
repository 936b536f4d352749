"""The state machine, rendered from its template: valid, as drawn, and with the retries that the inputs ask for."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from statelint.config import Config
from statelint.linter import Linter

from bench.turnover import compute
from redrive import errors
from redrive.models import OutcomeKind
from redrive.results import Result, attributes
from redrive.settings import ListSettings
from tests.plan.configurations import SPLITS
from tests.plan.planned import Plan

CALLS = ["minimal", "complete", "own_topic", "largest", "most_batches", "weekly", 'twins["castor"]', "china"]

BEFORE = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"]
CRASHED = ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"]
IDLE_IN_A_VPC = [
    f"Lambda.{name}Exception" for name in ("ResourceNotReady", "ENINotReady", "EC2Throttled", "ResourceConflict")
]


def _choices(state: dict[str, Any]) -> dict[str, str]:
    """Give where a Choice goes, by its conditions in a short form."""
    found = {}
    for choice in state["Choices"]:
        conditions = [
            f"{part['Variable']} {next(value for key, value in part.items() if key not in ('Variable', 'Next'))}"
            for part in choice.get("And", [choice])
        ]
        found[" and ".join(conditions)] = choice["Next"]
    return found | {"": state["Default"]}


def _retrier(task: dict[str, Any], error: str) -> dict[str, Any]:
    """Give the retrier that an error meets: the first that names it."""
    return next(retry for retry in task["Retry"] if {error, "States.ALL"} & set(retry["ErrorEquals"]))


@pytest.mark.parametrize("call", CALLS)
def test_the_definition_is_valid_by_the_linter_of_the_states_language(plan: Plan, call: str):
    definition = plan.definition(call)
    # A field of a Distributed Map that the linter does not know:
    # https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
    del definition["States"]["RequeueBatches"]["Label"]
    assert Linter.validate(json.dumps(definition), Config([], False, False)) == []


def test_the_linter_sees_a_mistake(plan: Plan):
    definition = plan.definition("minimal")
    del definition["States"]["RequeueBatches"]["Label"]
    definition["States"]["RequeueBatches"]["Next"] = "Nowhere"
    assert Linter.validate(json.dumps(definition), Config([], False, False)) != []


def test_the_states_of_a_run_are_those_of_the_drawing(plan: Plan):
    states = plan.definition("minimal")["States"]
    assert {name: (state["Type"], state.get("Next")) for name, state in states.items()} == {
        "RequeueBatches": ("Map", "Conclude"),
        "Conclude": ("Task", "AnyFailed?"),
        "AnyFailed?": ("Choice", None),
        "NotifySuccess": ("Task", "Done"),
        "NotifyFailure": ("Task", "RunIncomplete"),
        "RunIncomplete": ("Fail", None),
        "Done": ("Succeed", None),
    }
    assert plan.definition("minimal")["StartAt"] == "RequeueBatches"
    assert _choices(states["AnyFailed?"]) == {
        "$.failed 0 and $.notify True": "NotifyFailure",
        "$.failed 0": "RunIncomplete",
        "$.notify True": "NotifySuccess",
        "": "Done",
    }


def test_the_states_of_a_batch_are_those_of_the_drawing(plan: Plan):
    states = plan.children("minimal")
    assert {name: (state["Type"], state.get("Next", state.get("End"))) for name, state in states.items()} == {
        "OpenBatch": ("Task", "Go?"),
        "Go?": ("Choice", None),
        "Wait": ("Wait", "OpenBatch"),
        "Skipped": ("Pass", True),
        "RequeueEach": ("Map", "CloseBatch"),
        "CloseBatch": ("Task", True),
        "Untallied": ("Pass", True),
    }
    assert _choices(states["Go?"]) == {"$.go go": "RequeueEach", "$.go wait": "Wait", "": "Skipped"}
    assert states["Wait"]["SecondsPath"] == "$.seconds"


def test_batches_are_standard_child_executions_that_know_their_run(plan: Plan):
    """``$$.Execution`` of a child is the child's own."""
    batches = plan.definition("minimal")["States"]["RequeueBatches"]
    assert batches["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert (batches["Label"], batches["ItemsPath"], batches["ResultPath"]) == ("batches", "$.batches", None)
    assert batches["ItemSelector"] == {
        "runId.$": "$.runId",
        "request.$": "$.request",
        "listedAt.$": "$.listedAt",
        "force.$": "$.force",
        "batch.$": "$$.Map.Item.Value",
    }
    assert not {"ToleratedFailureCount", "ToleratedFailurePercentage"} & batches.keys()  # none is the default
    assert "$$.Execution" not in json.dumps(plan.children("minimal"))


def test_however_the_batches_end_the_run_is_concluded(plan: Plan):
    states = plan.definition("minimal")["States"]
    [catch] = states["RequeueBatches"]["Catch"]
    assert catch == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.stopped", "Next": "Conclude"}
    assert states["Conclude"]["Parameters"]["Payload"] == {"execution.$": "$$.Execution.Id", "run.$": "$"}
    assert states["Conclude"]["OutputPath"] == "$.Payload"


def test_however_the_communications_end_the_batch_is_closed(plan: Plan):
    states = plan.children("minimal")
    [catch] = states["RequeueEach"]["Catch"]
    assert catch == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.stopped", "Next": "CloseBatch"}
    assert states["RequeueEach"]["ResultPath"] == "$.outcomes"
    for name, action in (("OpenBatch", "open"), ("CloseBatch", "close")):
        assert states[name]["Parameters"]["Payload"] == {"action": action, "batch.$": "$"}
        assert states[name]["OutputPath"] == "$.Payload"


def test_a_batch_whose_tally_could_not_be_written_lets_the_others_go_on(plan: Plan):
    states = plan.children("minimal")
    [catch] = states["CloseBatch"]["Catch"]
    assert catch == {"ErrorEquals": ["States.ALL"], "Next": "Untallied"}


def test_the_errors_by_which_a_batch_ends_a_run_are_not_retried(plan: Plan):
    for name in ("BreakerOpen", "RunStopped", "DeadlineReached"):
        assert issubclass(getattr(errors, name), Exception)
        for retry in plan.children("minimal")["OpenBatch"]["Retry"]:
            assert not {name, "States.ALL", "States.TaskFailed"} & set(retry["ErrorEquals"])


def test_each_communication_is_sent_with_all_that_the_function_asks_for(plan: Plan):
    each = plan.children("minimal")["RequeueEach"]
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert each["ItemsPath"] == "$.communications"
    assert each["ItemSelector"] == {
        "runId.$": "$.runId",
        "batch.$": "$.batch",
        "listedAt.$": "$.listedAt",
        "force.$": "$.force",
        "paced.$": "$.paced",
        "communication.$": "$$.Map.Item.Value",
    }
    assert plan.requeue("minimal")["Parameters"]["Payload.$"] == "$"


def test_an_unavailable_api_is_retried_as_the_inputs_say_with_full_jitter(plan: Plan):
    retry = _retrier(plan.requeue("largest"), "ApiUnavailable")
    assert set(retry["ErrorEquals"]) >= {"LedgerUnavailable", *BEFORE, *CRASHED}
    assert not {"CredentialsRefused", "ConfigurationError", "States.ALL"} & set(retry["ErrorEquals"])
    assert {key: value for key, value in retry.items() if key != "ErrorEquals"} == {
        "MaxAttempts": 10,
        "IntervalSeconds": 3,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 100,
        "JitterStrategy": "FULL",
    }


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "RateLimited", *IDLE_IN_A_VPC])
def test_a_communication_whose_turn_has_not_come_waits_for_it(plan: Plan, error: str):
    for call in ("minimal", "weekly"):  # the second without any retry of the API
        retry = _retrier(plan.requeue(call), error)
        assert (retry["MaxAttempts"], retry["MaxDelaySeconds"], retry["JitterStrategy"]) == (60, 60, "FULL")
        assert "ApiUnavailable" not in retry["ErrorEquals"]


@pytest.mark.parametrize("call", CALLS)
def test_every_other_function_is_retried_when_it_is_throttled_crashes_or_misses_the_ledger(plan: Plan, call: str):
    children = plan.children(call)
    for task in (children["OpenBatch"], children["CloseBatch"], plan.definition(call)["States"]["Conclude"]):
        for error in ("LedgerUnavailable", *BEFORE, *CRASHED):
            retry = _retrier(task, error)
            assert (retry["MaxAttempts"], retry["JitterStrategy"]) == (10, "FULL")
        for error in ("Lambda.TooManyRequestsException", *IDLE_IN_A_VPC):
            assert _retrier(task, error) == _retrier(plan.requeue(call), error)


def test_a_conclusion_that_had_no_time_to_end_goes_on(plan: Plan):
    retry = _retrier(plan.definition("minimal")["States"]["Conclude"], "ConcludeUnfinished")
    assert (retry["MaxAttempts"], retry["BackoffRate"]) == (20, 1)


def test_a_digest_that_was_not_taken_is_published_again(plan: Plan):
    states = plan.definition("minimal")["States"]
    for name in ("NotifySuccess", "NotifyFailure"):
        assert states[name]["Parameters"] == {
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:communications-redrive-production-notifications",
            "Subject.$": "$.subject",
            "Message.$": "$.message",
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue.$": f"$.attributes.{name}"}
                for name in attributes(Result.REQUEUED, "test")
            },
        }
        assert _retrier(states[name], "SNS.InternalErrorException")["MaxAttempts"] == 10
        assert states[name]["ResultPath"] is None  # the cause is still to be read
    assert states["RunIncomplete"]["CausePath"] == "$.cause"


def test_what_every_communication_would_meet_stops_the_batch_and_every_other_error_is_one_communications_own(
    plan: Plan,
):
    catches = {error: catch["Next"] for catch in plan.requeue("minimal")["Catch"] for error in catch["ErrorEquals"]}
    assert catches == {
        "CredentialsRefused": "StopBatch",
        "ConfigurationError": "StopBatch",
        "ApiUnavailable": "RecordUnavailable",
        "LedgerUnavailable": "RecordUnavailable",
        "States.ALL": "RecordFailure",
    }
    inner = plan.children("minimal")["RequeueEach"]["ItemProcessor"]["States"]
    assert [name for name, state in inner.items() if state["Type"] == "Fail"] == ["StopBatch"]
    stop = inner["StopBatch"]
    assert (stop["ErrorPath"], stop["CausePath"]) == ("$.caught.Error", "$.caught.Cause")


def test_a_communication_that_got_no_answer_has_no_attempt_of_its_own(plan: Plan):
    """Its attempt is still open, and only the ledger knows the number."""
    inner = plan.children("minimal")["RequeueEach"]["ItemProcessor"]["States"]
    for name in ("RecordUnavailable", "RecordFailure"):
        recorded = inner[name]["Parameters"]
        assert (recorded["outcome"], recorded["attempt"]) == (OutcomeKind.FAILED, None)


@pytest.mark.parametrize("call", CALLS)
def test_a_function_ends_before_the_task_that_waits_for_it(plan: Plan, call: str):
    children = plan.children(call)
    tasks = {
        "batch": [children["OpenBatch"], children["CloseBatch"]],
        "requeue_communication": [plan.requeue(call)],
        "conclude": [plan.definition(call)["States"]["Conclude"]],
    }
    for function, of_function in tasks.items():
        timeout = plan.one(call, "aws_lambda_function", f"module.{function}").values["timeout"]
        assert {task["TimeoutSeconds"] for task in of_function} == {timeout + 5}


def test_no_execution_data_is_logged(plan: Plan):
    [logging] = plan.one("minimal", "aws_sfn_state_machine").values["logging_configuration"]
    assert (logging["level"], logging["include_execution_data"]) == ("ERROR", False)
    assert ":log-group:/aws/vendedlogs/states/" in logging["log_destination"]


def test_requests_at_a_time_leave_few_places_empty_and_are_never_too_many(splits: dict[str, int]):
    assert splits.keys() == SPLITS.keys()
    for key, split in SPLITS.items():
        most, rate = split["max_concurrency"], split["max_requests_per_second"]
        places = most if rate is None else min(most, math.ceil(rate))
        assert 1 <= splits[key] <= places, key
        assert splits[key] >= places * 3 / 4, key


@pytest.mark.parametrize("call", CALLS)
def test_two_batches_go_side_by_side_where_there_are_places_and_leave_few_of_their_own_empty(plan: Plan, call: str):
    settings = ListSettings.from_environment(plan.environment(call, "list_failed"))
    side_by_side = plan.definition(call)["States"]["RequeueBatches"]["MaxConcurrency"]
    within = plan.children(call)["RequeueEach"]["MaxConcurrency"]
    assert 1 <= within <= max(1, min(40, settings.batch_size // 4))  # an inline Map runs 40 at most
    assert side_by_side >= 2 or call == "most_batches"


def test_four_batches_share_a_request_rate_so_that_one_that_ends_leaves_no_slot_unused(plan: Plan):
    side_by_side = plan.definition("complete")["States"]["RequeueBatches"]["MaxConcurrency"]
    within = plan.children("complete")["RequeueEach"]["MaxConcurrency"]
    assert side_by_side >= 4
    assert compute(10_000, 50, side_by_side, within, rate=15).per_second >= 0.9 * 15


def test_the_default_is_ten_requests_at_a_time_in_two_batches(plan: Plan):
    assert plan.definition("minimal")["States"]["RequeueBatches"]["MaxConcurrency"] == 2
    assert plan.children("minimal")["RequeueEach"]["MaxConcurrency"] == 5
