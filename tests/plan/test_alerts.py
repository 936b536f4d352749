"""What ends otherwise than its own state machine says is reported: once, and only where failures are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from moto.events.models import EventPattern

from redrive.concluding import end_of
from tests.plan.planned import Plan

NAME = "communications-redrive-production"
STATE_MACHINE = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{NAME}-run"
CONCLUDE = f"arn:aws:lambda:eu-west-1:123456789012:function:{NAME}-conclude"


def _execution(machine: str = STATE_MACHINE, **detail: Any) -> dict[str, Any]:
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"stateMachineArn": machine, "name": "20261124T021500Z", **detail},
    }


def _is_reported(plan: Plan, event: dict[str, Any]) -> bool:
    pattern = plan.one("minimal", "aws_cloudwatch_event_rule").values["event_pattern"]
    matched: bool = EventPattern.load(pattern).matches_event(event)
    return matched


@pytest.mark.parametrize(
    "detail",
    [
        {"status": "TIMED_OUT"},
        {"status": "ABORTED"},
        {"status": "FAILED", "error": "States.Runtime"},
        {"status": "FAILED", "error": "States.DataLimitExceeded"},
        {"status": "FAILED", "error": None},
        {"status": "FAILED"},
    ],
    ids=str,
)
def test_a_run_that_could_not_conclude_itself_is_reported_as_conclude_reads_it(plan: Plan, detail: dict[str, Any]):
    event = _execution(**detail)
    assert _is_reported(plan, event)
    end = end_of(event)
    assert (end.run_id, end.ending and end.ending.status) == ("20261124T021500Z", detail["status"])


@pytest.mark.parametrize(
    "detail",
    [{"status": "SUCCEEDED"}, {"status": "RUNNING"}, {"status": "FAILED", "error": "RunIncomplete"}],
    ids=str,
)
def test_a_run_that_went_well_or_sent_its_own_digest_is_not_reported(plan: Plan, detail: dict[str, Any]):
    assert not _is_reported(plan, _execution(**detail))


def test_the_error_left_out_is_the_one_the_state_machine_ends_with(plan: Plan):
    assert plan.definition("minimal")["States"]["RunIncomplete"]["Error"] == "RunIncomplete"


def test_neither_other_state_machines_nor_the_children_are_reported(plan: Plan):
    for machine in (f"{STATE_MACHINE}-2", f"{STATE_MACHINE}/batches"):
        assert not _is_reported(plan, _execution(machine, status="TIMED_OUT"))


def test_the_rule_hands_the_whole_event_to_conclude_and_nothing_to_the_topic(plan: Plan):
    target = plan.one("minimal", "aws_cloudwatch_event_target").values
    assert (target["arn"], target["input_transformer"], target["input_path"]) == (CONCLUDE, [], None)
    [retry] = target["retry_policy"]
    assert (retry["maximum_retry_attempts"], retry["maximum_event_age_in_seconds"]) == (20, 3600)


def test_the_rule_and_no_other_may_invoke_conclude(plan: Plan):
    permission = plan.one("minimal", "aws_lambda_permission")
    assert (permission.values["function_name"], permission.values["action"]) == (
        f"{NAME}-conclude",
        "lambda:InvokeFunction",
    )
    assert permission.values["principal"] == "events.amazonaws.com"
    assert permission.values["source_arn"] == f"arn:aws:events:eu-west-1:123456789012:rule/{NAME}-run-ended"
    assert plan.one("minimal", "aws_cloudwatch_event_rule").values["name"] == f"{NAME}-run-ended"


def test_a_lister_that_failed_is_not_run_again_by_lambda_and_conclude_hears_of_it(plan: Plan):
    invoke = plan.one("minimal", "aws_lambda_function_event_invoke_config").values
    assert invoke["function_name"] == f"{NAME}-list-failed"
    assert (invoke["maximum_retry_attempts"], invoke["maximum_event_age_in_seconds"]) == (0, 3600)
    [destination] = invoke["destination_config"][0]["on_failure"]
    assert destination["destination"] == CONCLUDE
    statement = plan.policy("minimal", "list_failed")["ReportAsynchronousFailures"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", CONCLUDE)


def test_a_run_that_ended_otherwise_is_concluded_whatever_is_notified(plan: Plan):
    for call in ("own_topic", "weekly", "complete"):  # on = success, nothing, failure
        assert len(plan.of(call, "aws_cloudwatch_event_rule")) == 1


def test_where_failures_are_not_asked_for_no_alarm_mails(plan: Plan):
    for call in ("own_topic", "weekly"):
        alarms = plan.of(call, "aws_cloudwatch_metric_alarm")
        assert alarms
        assert all(not alarm.values["alarm_actions"] for alarm in alarms)
    alarms = plan.of("complete", "aws_cloudwatch_metric_alarm")
    assert all(alarm.values["alarm_actions"] for alarm in alarms if "schedule_missed" not in alarm.address)


@pytest.mark.parametrize(
    ("check", "call", "said"),
    [
        ("somebody_is_notified", "unheard", "neither emails nor subscriptions nor a topic_arn"),
        (
            "a_reservation_is_enough",
            "unheard",
            "lambda.reserved_concurrency.requeue_communication (19) is below the 20 requests at a time",
        ),
        (
            "one_in_ten_condemns_few",
            "unheard",
            "with 404, one communication in a hundred would wait for a person",
        ),
        (
            "the_ledger_remembers_until_the_next_try",
            "unheard",
            "redrive_limit.retention_days (9) is not above the 9 days that may lie between two tries",
        ),
        (
            "a_run_ends_before_the_next",
            "most_batches",
            "takes 3529 minutes at max_requests_per_second (0.5), and the schedule fires every 60 minutes",
        ),
        (
            "every_filter_is_sent",
            "unheard",
            "of sources.by_cursor (cursor), sources.by_page (limit, page), sources.same (page, page) one parameter is",
        ),
        (
            "no_failure_is_too_old_for_the_next_run",
            "unheard",
            "is below the 5400 seconds between two firings of the schedule in sources by_cursor.",
        ),
        (
            "the_period_is_not_shorter_than_the_rate",
            "unheard",
            "schedule.period_minutes (90) is below the 120 minutes of schedule.expression",
        ),
        (
            "a_run_has_time_after_its_list",
            "unheard",
            "run_hours (0.25) is not more than the 900 seconds that listing may take",
        ),
        ("credentials_are_sent", "unheard.module.api", "api.auth.type is none, though api.auth has secret_arn"),
    ],
)
def test_a_plan_warns_once_where_something_will_not_work_and_nowhere_else(plan: Plan, check: str, call: str, said: str):
    warnings = plan.warnings(check)
    assert set(warnings) == {call}
    [message] = warnings[call]
    assert message.startswith(f"{call.partition('.')[0].replace('_', '-')}-test: ")
    assert said in message


def test_addresses_may_be_secret(plan: Plan):
    subscriptions = plan.of("secret_emails", "aws_sns_topic_subscription")
    assert {each.values["endpoint"] for each in subscriptions} == {"a@example.com", "b@example.com"}
    assert "@" not in "".join(each.address for each in subscriptions)
