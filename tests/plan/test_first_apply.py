"""The plan of a first apply shows a reviewer everything, and the module gets along with itself and with others."""

from __future__ import annotations

import json
import re
from collections import Counter

import hcl2

from docs import generate
from tests.plan.configurations import LEAST
from tests.plan.conftest import ROOT
from tests.plan.planned import Plan

UNKNOWN_INPUTS = "same_apply"
MAKE_A_TOPIC = (UNKNOWN_INPUTS, "pagerduty", "chat")
"""Calls that are given what is made in the same apply."""

DOCUMENTS = {
    "aws_cloudwatch_event_rule": ["event_pattern"],
    "aws_cloudwatch_event_target": ["arn"],
    "aws_cloudwatch_composite_alarm": ["alarm_description", "alarm_rule"],
    "aws_cloudwatch_metric_alarm": ["alarm_description"],
    "aws_dynamodb_table": ["name", "attribute", "ttl"],
    "aws_iam_role": ["assume_role_policy"],
    "aws_iam_role_policy": ["policy"],
    "aws_lambda_event_source_mapping": ["event_source_arn", "function_name"],
    "aws_lambda_function": ["environment"],
    "aws_lambda_function_event_invoke_config": ["destination_config"],
    "aws_lambda_permission": ["principal", "function_name", "source_arn"],
    "aws_scheduler_schedule": ["schedule_expression"],
    "aws_sfn_state_machine": ["definition", "logging_configuration"],
    "aws_sns_topic_policy": ["arn", "policy"],
    "aws_sns_topic_subscription": ["topic_arn", "endpoint"],
    "aws_sqs_queue": ["name", "policy"],
}


def _has_unknown(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_has_unknown, value))
    return value is True


def test_nothing_a_reviewer_reads_is_known_only_after_the_apply(plan: Plan):
    seen = set()
    for resource in (resource for resource in plan.resources if resource.call not in MAKE_A_TOPIC):
        for attribute in DOCUMENTS.get(resource.type, []):
            assert resource.values.get(attribute), f"{resource.address} has no {attribute}"
            assert not _has_unknown(resource.unknown.get(attribute)), f"{resource.address}: {attribute} is unknown"
            seen.add(resource.type)
    assert seen == set(DOCUMENTS)


def test_every_document_is_read_before_the_apply(plan: Plan):
    late = [change["address"] for change in plan.shown["resource_changes"] if change["mode"] == "data"]
    may_be = (*MAKE_A_TOPIC, "given")  # a log group, too
    assert [address for address in late if address.split(".")[1] not in may_be] == []


def test_what_the_module_is_given_may_be_made_in_the_same_apply(plan: Plan):
    assert len(plan.of(UNKNOWN_INPUTS, "aws_lambda_function")) == 6
    assert len(plan.of(UNKNOWN_INPUTS, "aws_sqs_queue")) == 2
    assert plan.of(UNKNOWN_INPUTS, "aws_sns_topic") == []
    assert plan.one(UNKNOWN_INPUTS, "aws_sns_topic_subscription").values["protocol"] == "sqs"


def test_a_plan_warns_of_nothing_but_what_checks_find(plan: Plan):
    """The checks find it in one call alone, as test_alerts says."""
    warnings = [line for line in plan.printed.splitlines() if "Warning" in line]
    assert len(warnings) > 0
    assert [line for line in warnings if "Warning: Check block assertion failed" not in line] == []


def test_two_instances_of_the_module_share_no_name(plan: Plan):
    names = Counter()
    for resource in plan.resources:
        name = next(
            (
                resource.values[key]
                for key in ("function_name", "alarm_name", "layer_name", "name")
                if key in resource.values
            ),
            None,
        )
        if name and resource.type not in ("aws_iam_role_policy", "aws_lambda_function_event_invoke_config"):
            region = "cn-north-1" if resource.call == "china" else "eu-west-1"
            names[resource.type, name, region] += 1
    assert names["aws_lambda_function", "castor-test-conclude", "eu-west-1"] == 1
    assert names["aws_lambda_function", "pollux-test-conclude", "eu-west-1"] == 1
    assert names["aws_sqs_queue", "castor-test-queue", "eu-west-1"] == 1
    assert names["aws_sqs_queue", "helen-test-queue", "eu-west-1"] == 1
    assert [name for name, times in names.items() if times > 1] == []


def test_in_another_partition_every_arn_is_of_it(plan: Plan):
    texts = json.dumps([resource.values for resource in plan.resources if resource.call == "china"])
    assert set(re.findall(r"arn:(aws[a-z-]*):", texts)) == {"aws-cn"}


def test_no_file_of_the_module_names_a_partition():
    files = [*ROOT.glob("*.tf"), *ROOT.glob("modules/**/*.tf"), *ROOT.glob("modules/**/*.tftpl")]
    named = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files
        for line in file.read_text().splitlines()
        if "arn:aws" in line and "such as" not in line  # the examples in messages and descriptions
    ]
    assert named == []


def test_tags_reach_everything_that_can_carry_them(plan: Plan):
    untagged = [
        resource.address
        for resource in plan.resources
        if resource.call == "complete" and "tags" in resource.values and not resource.values["tags"]
    ]
    assert untagged == []


def test_every_role_has_the_permissions_boundary(plan: Plan):
    roles = plan.of("complete", "aws_iam_role")
    assert len(roles) == 10
    assert {role.values["permissions_boundary"] for role in roles} == {
        "arn:aws:iam::123456789012:policy/workload-boundary"
    }


def test_the_complete_example_uses_every_variable():
    files = ROOT.glob("variables*.tf")
    declared = {name.strip('"') for file in files for block in _blocks(file, "variable") for name in block}
    assert declared == {variable.name for variable in generate.variables()}
    [call] = [
        block for entry in _blocks(ROOT / "examples" / "complete" / "main.tf", "module") for block in entry.values()
    ]
    assert declared - set(call) == set()


def test_the_minimal_example_says_only_what_must_be_said_and_begins_with_reports(plan: Plan):
    [call] = [
        block for entry in _blocks(ROOT / "examples" / "minimal" / "main.tf", "module") for block in entry.values()
    ]
    said = {name for name in call if not name.startswith("__")} - {"source"}
    assert said == {*LEAST, "notifications", "mode"}
    [subscription] = plan.of("minimal", "aws_sns_topic_subscription")
    assert (subscription.values["protocol"], subscription.values["endpoint"]) == ("email", "operations@example.com")


def _blocks(file, kind: str) -> list[dict]:
    with file.open() as opened:
        return hcl2.load(opened)[kind]
