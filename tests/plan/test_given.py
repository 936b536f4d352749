"""What others have made already is used, what is not wanted is not made, and what is sensitive is in no key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redrive.settings import CheckSettings, ListSettings, RequeueCommunicationSettings
from tests.plan.configurations import HIDDEN, LOG_GROUPS, ROLES, configuration
from tests.plan.conftest import initialised
from tests.plan.planned import Plan, listed

LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group:"


@pytest.fixture(scope="module")
def hidden(endpoint: str) -> Plan:
    """The plan of a call all of whose inputs are sensitive."""
    with initialised(configuration({"hidden": HIDDEN}), endpoint) as runner:
        file = Path(runner.work_dir) / "plan"
        printed = runner.plan(str(file))
        runner.state_path = str(file)
        return Plan(runner.show(), printed)


def test_with_roles_of_others_nothing_of_iam_is_planned(plan: Plan):
    assert plan.of("minimal", "aws_iam_role")
    assert [
        resource.address for resource in plan.resources if resource.call == "given" and "_iam_" in resource.type
    ] == []
    functions = plan.of("given", "aws_lambda_function")
    machine, schedule = plan.one("given", "aws_sfn_state_machine"), plan.one("given", "aws_scheduler_schedule")
    given = {function.values.get("role") for function in functions}
    given |= {machine.values["role_arn"], schedule.values["target"][0]["role_arn"]}
    assert given - {None} == {arn for runner, arn in ROLES.items() if runner != "batch"}
    [late] = [function for function in functions if function.unknown.get("role")]
    assert late.values["function_name"] == "given-test-batch"  # its role is made in the same apply


def test_what_roles_of_others_have_to_allow_is_known_before_the_apply(plan: Plan):
    policies = plan.output("given_role_policies")
    assert policies.keys() == ROLES.keys() == {*plan.output("given_role_arns"), "batch"}
    for runner, documents in policies.items():
        if runner != "batch":  # whose log group is made in the same apply, too
            assert json.loads(documents["policy"])["Statement"]
        [trust] = json.loads(documents["assume_role_policy"])["Statement"]
        assert trust["Action"] == "sts:AssumeRole"
    [logs] = [each for each in json.loads(policies["conclude"]["policy"])["Statement"] if each["Sid"] == "WriteLogs"]
    assert listed(logs["Resource"]) == [f"{LOGS}{LOG_GROUPS['conclude']}:*"]


def test_each_role_of_the_modules_own_allows_what_the_output_says_of_it(plan: Plan):
    policies = plan.output("china_role_policies")
    assert len(policies) == len(plan.of("china", "aws_iam_role"))
    for runner, documents in policies.items():
        place = "module.workflow" if runner == "run" else f"module.{runner}"
        for document, owner in (("policy", "aws_iam_role_policy"), ("assume_role_policy", "aws_iam_role")):
            assert json.loads(documents[document]) == json.loads(plan.one("china", owner, place).values[document])


def test_whoever_sends_digests_by_a_role_of_others_is_named_to_the_topic(plan: Plan):
    assert plan.one("given", "aws_sns_topic_policy").values["policy"]
    assert ROLES["run"] in plan.output("given_topic_policy")


def test_log_groups_that_are_there_are_written_to_and_not_made(plan: Plan):
    assert plan.of("given", "aws_cloudwatch_log_group") == []
    [logging] = plan.one("given", "aws_sfn_state_machine").values["logging_configuration"]
    assert logging["log_destination"] == f"{LOGS}{LOG_GROUPS['run']}:*"
    groups = {
        function.values["logging_config"][0].get("log_group") for function in plan.of("given", "aws_lambda_function")
    }
    assert groups == {name for writer, name in LOG_GROUPS.items() if writer not in ("run", "batch")} | {None}


def test_one_log_group_may_be_given_and_the_others_made(plan: Plan):
    writers = len(plan.of("complete", "aws_lambda_function"))
    assert len(plan.of("complete", "aws_cloudwatch_log_group")) == writers  # but the state machine's


def test_the_logs_format_is_lambdas_unless_one_is_asked_for(plan: Plan):
    for function in plan.of("minimal", "aws_lambda_function"):
        assert not function.values.get("logging_config")
    for call in ("given", "complete"):
        for function in plan.of(call, "aws_lambda_function"):
            [logging] = function.values["logging_config"]
            assert logging["log_format"] == "JSON"
            assert logging["application_log_level"] is None  # the functions' own level decides, and no other


def test_a_source_that_is_off_is_checked_and_not_read(plan: Plan):
    environment = plan.environment("one_source_off", "list_failed")
    assert set(ListSettings.from_environment(environment).sources) == {"b", "c"}
    assert set(CheckSettings.from_environment(environment).sources) == {"a", "b", "c"}


def test_a_source_that_is_off_keeps_what_it_shares_and_what_is_on_its_way(plan: Plan):
    """Its name is in the id space of the other: under another name the ledger would know nothing of what was sent."""
    sources = ListSettings.from_environment(plan.environment("one_source_off", "list_failed")).sources
    assert {name: source.space for name, source in sources.items()} == {"b": "send.fax@a", "c": "send.fax@c"}
    desk = plan.environment("one_source_off", "ledger_admin")
    assert json.loads(desk["REDRIVE_SPACES"]) == ["send.fax@a", "send.fax@c"]
    requeue = RequeueCommunicationSettings.from_environment(
        plan.environment("one_source_off", "requeue_communication")
    ).requeue
    assert requeue.source_paths == {"a": "/fax", "b": "/fax", "c": "/c"}


def test_a_source_that_is_off_stays_on_the_dashboard(plan: Plan):
    body = plan.one("one_source_off", "aws_cloudwatch_dashboard").values["dashboard_body"]
    assert '"WaitingForPerson a"' in body


def test_where_nothing_is_created_nothing_is_planned_and_outputs_are_empty(plan: Plan):
    assert [resource.address for resource in plan.resources if resource.call == "nothing"] == []
    assert {name: value for name, value in plan.output("nothing").items() if value} == {}
    assert "nothing" not in {
        call for check in plan.shown["checks"] for call in plan.warnings(check["address"].get("name", ""))
    }


def test_whatever_is_sensitive_the_plan_knows_what_there_is(hidden: Plan):
    addresses = [resource.address for resource in hidden.resources]
    assert len(hidden.of("hidden", "aws_lambda_function")) == 8
    assert "aws_sns_topic_subscription" in {resource.type for resource in hidden.resources}
    assert not any(secret in address for address in addresses for secret in ("s3cr3t", "example.com"))
