"""The alarms of the delivery queue: what they watch, when they ring and whom they tell."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from redrive.queueing import MAX_WAIT_SECONDS
from redrive.settings import QueueSettings, WorkerSettings
from tests.plan.configurations import QUEUE_NAMES, WITH_QUEUE
from tests.plan.planned import Plan

DAY = 86400


def _settings(plan: Plan, call: str) -> QueueSettings:
    return WorkerSettings.from_environment(plan.environment(call, "worker")).queue


def _alarm(plan: Plan, call: str, name: str) -> dict[str, Any]:
    return plan.one(call, "aws_cloudwatch_metric_alarm", f"aws_cloudwatch_metric_alarm.{name}").values


def _longest_waits(settings: QueueSettings) -> list[float]:
    """Give what the worker draws at most: see ``Queues.wait_seconds``."""
    return [
        min(settings.ttl_seconds * settings.backoff_rate**receive * 1.25, MAX_WAIT_SECONDS)
        for receive in range(settings.max_receives - 1)
    ]


@pytest.mark.parametrize("call", [call for call in WITH_QUEUE if call != "own_topic"])
def test_its_alarms_publish_to_the_topic_and_the_topic_lets_them(plan: Plan, call: str):
    alarms = [_alarm(plan, call, name) for name in ("queue_age", "dead_letters", "worker_errors")]
    topics = {action for alarm in alarms for action in alarm["alarm_actions"] or [] if ":sns:" in action}
    assert len(topics) == (0 if call.startswith("delivery_queues") else 1)
    if not call.startswith("delivery_queue"):
        [topic] = plan.of(call, "aws_sns_topic_policy")
        assert topics == {topic.values["arn"]}
        [allowed] = json.loads(topic.values["policy"])["Statement"]
        arns = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert {alarm["alarm_name"] for alarm in alarms} < {arn.split(":alarm:")[1] for arn in arns}


def test_where_failures_are_not_asked_for_its_alarms_do_not_mail(plan: Plan):
    for name in ("queue_age", "dead_letters", "worker_errors"):
        assert not _alarm(plan, "own_topic", name)["alarm_actions"]


def test_its_alarms_watch_the_right_numbers(plan: Plan):
    name = QUEUE_NAMES["delivery_queue"]
    watched = {
        "queue_age": ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": f"{name}-queue"}, "Maximum", 3975),
        "dead_letters": (
            *("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            *({"QueueName": f"{name}-dead-letters"}, "Maximum", 0),
        ),
        "worker_errors": ("AWS/Lambda", "Errors", {"FunctionName": f"{name}-worker"}, "Sum", 0),
    }
    for key, expected in watched.items():
        alarm = _alarm(plan, "delivery_queue", key)
        fields = ("namespace", "metric_name", "dimensions", "statistic", "threshold")
        assert tuple(alarm[field] for field in fields) == expected
        assert (alarm["comparison_operator"], alarm["treat_missing_data"]) == ("GreaterThanThreshold", "notBreaching")
        assert alarm["alarm_name"] == f"{name}-{key.replace('_', '-')}"
        assert "docs/queue.md" in alarm["alarm_description"]
        assert len(alarm["alarm_description"]) <= 1024


@pytest.mark.parametrize("call", [call for call in WITH_QUEUE if call != "complete"])
def test_the_age_alarm_rings_only_after_an_entry_could_have_been_tried_three_times(plan: Plan, call: str):
    """SQS counts an entry's age until it was received three times."""
    threshold = _alarm(plan, call, "queue_age")["threshold"]
    assert threshold == math.ceil(sum(_longest_waits(_settings(plan, call))[:2])) + 600
    assert threshold < 1 * DAY


def test_the_age_alarm_rings_when_the_user_says(plan: Plan):
    assert _alarm(plan, "complete", "queue_age")["threshold"] == 7200


@pytest.mark.parametrize("call", WITH_QUEUE)
def test_an_entry_is_kept_until_its_last_try(plan: Plan, call: str):
    kept = plan.one(call, "aws_sqs_queue", "aws_sqs_queue.this").values["message_retention_seconds"]
    assert sum(_longest_waits(_settings(plan, call))) < kept
