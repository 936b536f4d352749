"""The dashboard: widgets that CloudWatch takes, of metrics that are published, and who may look and operate."""

from __future__ import annotations

import ast
import itertools
import json
import re
from typing import Any

import pytest

from tests.plan.conftest import ROOT
from tests.plan.planned import Plan, listed

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:"
COMPLETE = "letters-redrive-production"
CALLS = ["complete", "viewers", "china"]
OF_AWS = {
    "AWS/Lambda": {"Errors", "Throttles"},
    "AWS/States": {"ExecutionTime"},
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html"""


def _widgets(plan: Plan, call: str, kind: str) -> list[dict[str, Any]]:
    body = json.loads(plan.one(call, "aws_cloudwatch_dashboard").values["dashboard_body"])
    return [widget for widget in body["widgets"] if widget["type"] == kind]


def _metrics(plan: Plan, call: str) -> list[tuple[str, str, dict[str, str]]]:
    """Give the metrics of its graphs: namespace, name and dimensions."""
    found = []
    for widget in _widgets(plan, call, "metric"):
        for metric in widget["properties"]["metrics"]:
            namespace, name, *dimensions = (part for part in metric if isinstance(part, str))
            found.append((namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))))
    return found


def _published() -> set[tuple[str, frozenset[str]]]:
    """Give what the code publishes: names, and the dimensions beside ``service``; gauges have a source or none."""
    found: set[tuple[str, frozenset[str]]] = set()
    for path in (ROOT / "lambda_src").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {part.value for part in ast.walk(tree) if isinstance(part, ast.Constant)}
        names = {text for text in constants if isinstance(text, str) and text[:1].isupper() and text.isalpha()}
        names |= {"Requeued", "Skipped", "Refused", "Failed"} if "requeue" in str(path) else set()
        names |= {"Sent", "AlreadySent", "ComesBack", "DeadLettered"} if "worker" in str(path) else set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "publish":
                given = [keyword.arg for keyword in node.keywords]
                dimensions = [frozenset(), frozenset({"source"})] if None in given else [frozenset(map(str, given))]
                found |= set(itertools.product(names, dimensions))
    lister = (ROOT / "lambda_src" / "redrive" / "lister.py").read_text()
    assert {"Listed", "ApiLatency"} <= set(re.findall(r'"([A-Za-z]+)":', lister)), "by gauges.publish_all"
    return found | {("Listed", frozenset({"source"}))}


def test_there_is_none_unless_it_is_wanted(plan: Plan):
    assert plan.of("minimal", "aws_cloudwatch_dashboard") == []
    assert plan.output("weekly_dashboard") is None
    names = {each.values["function_name"] for each in plan.of("minimal", "aws_lambda_function")}
    assert not any("console" in name for name in names)


@pytest.mark.parametrize("call", CALLS)
def test_widgets_stand_beside_and_below_each_other_in_twenty_four_columns(plan: Plan, call: str):
    body = json.loads(plan.one(call, "aws_cloudwatch_dashboard").values["dashboard_body"])
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        places = set(
            itertools.product(
                range(widget["x"], widget["x"] + widget["width"]), range(widget["y"], widget["y"] + widget["height"])
            )
        )
        assert widget["x"] + widget["width"] <= 24
        assert not places & taken
        taken |= places
    assert len(body["widgets"]) <= 500
    assert all(len(widget["properties"]["metrics"]) <= 500 for widget in _widgets(plan, call, "metric"))


def test_each_metric_of_the_functions_is_one_that_they_publish(plan: Plan):
    published, named = _published(), set[str]()
    for namespace, name, dimensions in _metrics(plan, "complete"):
        if namespace in OF_AWS:
            assert name in OF_AWS[namespace]
            continue
        assert (namespace, dimensions.pop("service")) == ("letters-redrive", COMPLETE)
        assert (name, frozenset(dimensions)) in published, name
        named.add(name)
    assert {"Listed", "Requeued", "Delivered", "CameBack", "Refused", "Failed", "Manual", "ApiLatency"} <= named
    assert {"WaitingForPerson", "OldestFailedAge", "OldestWaitingAge", "Truncated", "BreakerOpen"} <= named


def test_each_source_function_and_queue_has_its_graphs(plan: Plan):
    sources = {dimensions["source"] for *_, dimensions in _metrics(plan, "complete") if "source" in dimensions}
    assert sources == set(json.loads(plan.environment("complete", "list_failed")["REDRIVE_SOURCES"]))
    functions = {each.values["function_name"] for each in plan.of("complete", "aws_lambda_function")}
    metrics = _metrics(plan, "complete")
    assert {dimensions["FunctionName"] for *_, dimensions in metrics if "FunctionName" in dimensions} == functions
    queues = {dimensions["QueueName"] for *_, dimensions in _metrics(plan, "complete") if "QueueName" in dimensions}
    assert queues == {each.values["name"] for each in plan.of("complete", "aws_sqs_queue")}


@pytest.mark.parametrize("call", CALLS)
def test_every_alarm_is_shown_and_every_log_is_looked_through(plan: Plan, call: str):
    [alarms] = _widgets(plan, call, "alarm")
    names = {arn.rpartition(":")[2] for arn in alarms["properties"]["alarms"]}
    kinds = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
    assert names == {each.values["alarm_name"] for kind in kinds for each in plan.of(call, kind)}
    [log] = _widgets(plan, call, "log")
    for group in plan.of(call, "aws_cloudwatch_log_group"):
        if group.values["name"].startswith("/aws/lambda/"):
            assert f"SOURCE '{group.values['name']}'" in log["properties"]["query"]


def test_the_console_is_called_on_refresh_without_parameters(plan: Plan):
    view, operate = _widgets(plan, "complete", "custom")
    assert (view["properties"]["endpoint"], operate["properties"]["endpoint"]) == tuple(
        f"{FUNCTION}{COMPLETE}-console-{which}" for which in ("view", "operate")
    )
    assert all("params" not in each["properties"] for each in (view, operate))
    [alone] = _widgets(plan, "viewers", "custom")
    assert alone["properties"]["endpoint"].endswith("-console-view")
    names = {each.values["function_name"] for each in plan.of("viewers", "aws_lambda_function")}
    assert not any("operate" in name for name in names)
    [text] = _widgets(plan, "viewers", "text")
    assert "Pause" not in text["properties"]["markdown"]


def test_a_viewer_may_look_and_only_an_operator_invoke_what_changes(plan: Plan):
    outputs = plan.output("complete_dashboard")
    may = {
        who: {
            (action, resource)
            for statement in json.loads(outputs[f"{who}_policy"])["Statement"]
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
        for who in ("viewer", "operator")
    }
    operate = ("lambda:InvokeFunction", f"{FUNCTION}{COMPLETE}-console-operate")
    assert may["operator"] - may["viewer"] == {operate}
    assert ("lambda:InvokeFunction", f"{FUNCTION}{COMPLETE}-console-view") in may["viewer"]
    assert ("cloudwatch:GetDashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{COMPLETE}") in may["viewer"]
    reads = ("Get", "Describe", "List", "StartQuery", "StopQuery", "InvokeFunction")
    assert all(action.split(":")[1].startswith(reads) for action, _ in may["viewer"])
    assert plan.output("viewers_dashboard")["operator_policy"] is None


def test_an_operators_function_may_carry_on_and_send_and_a_viewers_may_not(plan: Plan):
    carry_on = plan.policy("complete", "console_operate[0]")["CarryOnAndSend"]
    assert carry_on["Action"] == "lambda:InvokeFunction"
    assert {arn.rpartition(":")[2] for arn in carry_on["Resource"]} == {
        f"{COMPLETE}-console-operate",
        f"{COMPLETE}-list-failed",
    }
    viewers = plan.policy("complete", "console_view[0]")
    of_the_key = {"UseTheLedgersKey", "DecryptEnvironment", "DecryptRuns"}
    assert set(viewers) == {"UseTheLedger", "SeeRuns", "WriteLogs", "WriteTraces", *of_the_key}


def test_who_carries_on_is_told_its_own_arn_and_may_invoke_it(plan: Plan):
    for owner, part in (("ledger_admin", "ledger-admin"), ("console_operate[0]", "console-operate")):
        environment = plan.environment("complete", owner)
        assert environment["REDRIVE_OWN_ARN"] == f"{FUNCTION}{COMPLETE}-{part}"
        may = plan.policy("complete", owner)["CarryOnAndSend"]["Resource"]
        assert set(may) == {environment["REDRIVE_OWN_ARN"], environment["REDRIVE_LISTER_ARN"]}
    view = plan.environment("complete", "console_view[0]")
    assert view["REDRIVE_OWN_ARN"] == f"{FUNCTION}{COMPLETE}-console-view"


@pytest.mark.parametrize(
    ("call", "url"),
    [
        (
            "complete",
            f"https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/{COMPLETE}",
        ),
        ("china", "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards/dashboard/"),
    ],
)
def test_digests_and_alarms_name_the_dashboard_with_its_link(plan: Plan, call: str, url: str):
    told = json.loads(plan.environment(call, "conclude")["REDRIVE_NOTIFICATIONS"])["dashboard_url"]
    assert told.startswith(url)
    ours = [alarm for alarm in plan.of(call, "aws_cloudwatch_metric_alarm") if ".module.alerts" in alarm.address]
    assert ours
    assert all(f" Dashboard: {told} Runbook: " in alarm.values["alarm_description"] for alarm in ours)


def test_where_there_is_no_dashboard_none_is_named(plan: Plan):
    assert "dashboard_url" not in json.loads(plan.environment("minimal", "conclude")["REDRIVE_NOTIFICATIONS"])
    assert not any(
        "ashboard" in alarm.values["alarm_description"] for alarm in plan.of("minimal", "aws_cloudwatch_metric_alarm")
    )
