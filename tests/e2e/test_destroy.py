"""The end of the stack that the console's tests have used."""

from __future__ import annotations

import json


def test_destroy_finds_everything_as_terraform_left_it_and_leaves_nothing(console):
    events = []
    console.deployment.destroy(lambda line: events.append(json.loads(line)))
    assert [event["@message"] for event in events if event["type"] == "resource_drift"] == []
    [summary] = [
        event["changes"]
        for event in events
        if event["type"] == "change_summary" and event["changes"]["operation"] == "destroy"
    ]
    assert summary["remove"] > 25
    assert console.client("lambda").list_functions()["Functions"] == []
    assert console.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert console.client("sns").list_topics()["Topics"] == []
    assert console.client("sqs").list_queues().get("QueueUrls", []) == []
    assert console.client("scheduler").list_schedules()["Schedules"] == []
    assert console.client("events").list_rules()["Rules"] == []
    assert console.client("iam").list_roles()["Roles"] == []
    assert console.client("logs").describe_log_groups()["logGroups"] == []
    assert console.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
