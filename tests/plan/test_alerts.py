"""What nobody's code can report is reported: once, and only where failures are asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.plan.planned import Plan

STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:communications-redrive-production-batch"
LISTER = "arn:aws:lambda:eu-west-1:123456789012:function:communications-redrive-production-list-failed"


def _matches(plan: Plan, rule: str, event: dict[str, Any]) -> bool:
    pattern = plan.one("minimal", "aws_cloudwatch_event_rule", rule).values["event_pattern"]
    matched: bool = EventPattern.load(pattern).matches_event(event)
    return matched


def _execution(machine: str = STATE_MACHINE, **detail: Any) -> dict[str, Any]:
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"stateMachineArn": machine, **detail},
    }


def _invocation(function: str) -> dict[str, Any]:
    return {
        "source": "lambda",
        "detail-type": "Lambda Function Invocation Result - Failure",
        "detail": {"requestContext": {"functionArn": function, "condition": "RetriesExhausted"}},
    }


@pytest.mark.parametrize(
    "detail",
    [
        {"status": "TIMED_OUT"},
        {"status": "ABORTED"},
        {"status": "FAILED", "error": "States.Runtime"},
        {"status": "FAILED", "error": None},
        {"status": "FAILED"},
    ],
    ids=str,
)
def test_an_execution_that_could_not_report_itself_is_reported(plan: Plan, detail: dict[str, Any]):
    assert _matches(plan, "batch_failed", _execution(**detail))


@pytest.mark.parametrize(
    "detail",
    [{"status": "SUCCEEDED"}, {"status": "RUNNING"}, {"status": "FAILED", "error": "RedriveIncomplete"}],
    ids=str,
)
def test_an_execution_that_went_well_or_told_of_its_failure_is_not(plan: Plan, detail: dict[str, Any]):
    assert not _matches(plan, "batch_failed", _execution(**detail))


def test_the_error_left_out_is_the_one_the_state_machine_ends_with(plan: Plan):
    assert plan.definition("minimal")["States"]["BatchIncomplete"]["Error"] == "RedriveIncomplete"


def test_other_state_machines_are_not_reported(plan: Plan):
    assert not _matches(plan, "batch_failed", _execution(f"{STATE_MACHINE}-2", status="TIMED_OUT"))


def test_a_failed_run_is_reported_whatever_version_lambda_names_and_other_functions_are_not(plan: Plan):
    assert _matches(plan, "run_failed", _invocation(f"{LISTER}:$LATEST"))
    assert _matches(plan, "run_failed", _invocation(LISTER))
    assert not _matches(plan, "run_failed", _invocation(f"{LISTER}-2:$LATEST"))


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("run_failed", {"error", "message", "time", "request", "condition"}),
        ("batch_failed", {"status", "error", "cause"}),
    ],
)
def test_a_report_is_lines_of_text_that_say_what_failed_where_and_what_to_do(plan: Plan, rule: str, values: set[str]):
    [transformer] = plan.one("minimal", "aws_cloudwatch_event_target", rule).values["input_transformer"]
    lines = [json.loads(line) for line in transformer["input_template"].splitlines()]
    text = "\n".join(lines)
    assert lines[0].startswith("communications-redrive: a ")
    assert "Stage: production" in text
    assert "What it means: " in text
    assert "https://eu-west-1.console.aws.amazon.com/" in text
    for value in values:
        assert f"<{value}>" in text
        assert value in transformer["input_paths"]


def test_a_failed_run_is_not_run_again_by_lambda_and_goes_to_the_event_bus(plan: Plan):
    invoke = plan.one("minimal", "aws_lambda_function_event_invoke_config").values
    assert (invoke["maximum_retry_attempts"], invoke["maximum_event_age_in_seconds"]) == (0, 3600)
    [destination] = invoke["destination_config"][0]["on_failure"]
    assert destination["destination"] == "arn:aws:events:eu-west-1:123456789012:event-bus/default"


def test_where_failures_are_not_asked_for_no_rule_and_no_alarm_mails(plan: Plan):
    for call in ("own_topic", "weekly"):
        assert plan.of(call, "aws_cloudwatch_event_rule") == []
        assert all(not alarm.values["alarm_actions"] for alarm in plan.of(call, "aws_cloudwatch_metric_alarm"))
    assert len(plan.of("complete", "aws_cloudwatch_event_rule")) == 2  # on = ["failure"]


def test_throttling_alarms_when_it_lasts(plan: Plan):
    for function in ("requeue_communication", "summarise"):
        alarm = plan.one("minimal", "aws_cloudwatch_metric_alarm", function).values
        assert (alarm["metric_name"], alarm["period"], alarm["evaluation_periods"]) == ("Throttles", 300, 3)
        assert alarm["treat_missing_data"] == "notBreaching"
        assert len(alarm["alarm_actions"]) == 1


@pytest.mark.parametrize(
    ("call", "minutes"),
    [
        ("minimal", 60),  # rate(1 hour)
        ("daily", 1440 + 10),  # cron() on every day, and its flexible window
        ("complete", 1920 + 5),  # said by the user
    ],
)
def test_a_schedule_that_misses_three_periods_alarms(plan: Plan, call: str, minutes: int):
    alarm = plan.one(call, "aws_cloudwatch_metric_alarm", "schedule_missed").values
    assert (alarm["period"], alarm["evaluation_periods"]) == (minutes * 60, 3)
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["treat_missing_data"], len(alarm["insufficient_data_actions"])) == ("missing", call != "own_topic")


@pytest.mark.parametrize(
    "call",
    [
        "own_topic",  # paused
        "largest",  # cron() on some days, without period_minutes
        "weekly",  # three weeks, which CloudWatch cannot look back
    ],
)
def test_no_alarm_where_missing_is_no_failure_or_cannot_be_seen(plan: Plan, call: str):
    alarms = [alarm.address for alarm in plan.of(call, "aws_cloudwatch_metric_alarm")]
    assert not any("schedule_missed" in address for address in alarms)


def test_every_alarm_says_what_to_do(plan: Plan):
    for alarm in plan.of("complete", "aws_cloudwatch_metric_alarm"):
        assert any(word in alarm.values["alarm_description"] for word in ("Raise ", "Check "))
