"""The end of the stack that all the other tests used."""

from __future__ import annotations


def test_destroy_finds_everything_as_terraform_left_it_and_leaves_nothing(as_deployed, stack):
    events = []
    stack.deployment.destroy(events.append)
    assert [event["@message"] for event in events if event["type"] == "resource_drift"] == []
    [summary] = [
        event["changes"]
        for event in events
        if event["type"] == "change_summary" and event["changes"]["operation"] == "destroy"
    ]
    assert summary["remove"] > 25
    assert stack.client("lambda").list_functions()["Functions"] == []
    assert stack.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert stack.client("sns").list_topics()["Topics"] == []
    assert stack.client("scheduler").list_schedules()["Schedules"] == []
    assert stack.client("events").list_rules()["Rules"] == []
    assert stack.client("iam").list_roles()["Roles"] == []
    assert stack.client("logs").describe_log_groups()["logGroups"] == []
    assert stack.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
