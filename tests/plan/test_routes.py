"""Where the messages of the examples for pagers and chats go: alarms to the topic of their own, digests to people."""

from __future__ import annotations

import pytest

from tests.plan.planned import Plan


@pytest.mark.parametrize(
    ("call", "reads_alarms"),
    [("pagerduty", "aws_sns_topic_subscription"), ("chat", "aws_chatbot_slack_channel_configuration")],
)
def test_who_understands_alarms_alone_gets_no_digest(plan: Plan, call: str, reads_alarms: str):
    topics = {resource.values["name"]: resource for resource in plan.of(call, "aws_sns_topic")}
    [own] = [name for name in topics if name.endswith("-alerts")]
    [digests] = topics.keys() - {own}
    assert digests.endswith("-production-notifications")
    readers = [resource for resource in plan.of(call, reads_alarms) if ".module." not in resource.address]
    assert len(readers) == 1
    people = [resource for resource in plan.of(call, "aws_sns_topic_subscription") if ".module." in resource.address]
    assert all(resource.values["topic_arn"].endswith(digests) for resource in people)
    assert people


@pytest.mark.parametrize("call", ["pagerduty", "chat"])
def test_the_topic_of_alarms_lets_them_publish(plan: Plan, call: str):
    own = [each for each in plan.of(call, "aws_sns_topic_policy") if ".module." not in each.address]
    assert len(own) == 1
    state_machine = plan.one(call, "aws_sfn_state_machine")
    assert state_machine.values["name"].endswith("-production-run")
