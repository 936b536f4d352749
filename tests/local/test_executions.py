"""Executions are named, judged and reported as on AWS; what becomes of them tests/e2e shows with the module's own."""

from __future__ import annotations

import pytest

from tests.local.emulated import Aws, Machine, eventually

STATUSES = """
    def handler(event, context):
        detail = event["detail"]
        print(detail["name"], "ended", detail["status"], detail.get("error"), detail["stopDate"] >= detail["startDate"])
"""


@pytest.fixture(scope="module")
def machine(aws: Aws) -> Machine:
    end = {
        "End?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.error", "IsPresent": True, "Next": "Fail"}],
            "Default": "Wait",
        },
        "Fail": {"Type": "Fail", "ErrorPath": "$.error"},
        "Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True},
    }
    return Machine(aws, "ending", end)


def test_a_running_executions_name_starts_nothing_and_a_finished_ones_is_refused(machine: Machine) -> None:
    running = machine.start({"seconds": 60}, name="again")
    assert machine.start({"seconds": 60}, name="again") == running
    with pytest.raises(machine.client.exceptions.ExecutionAlreadyExists):
        machine.start({"seconds": 61}, name="again")
    machine.client.stop_execution(executionArn=running)
    machine.ended(running)
    with pytest.raises(machine.client.exceptions.ExecutionAlreadyExists):
        machine.start({"seconds": 60}, name="again")
    listed = machine.client.list_executions(stateMachineArn=machine.arn)["executions"]
    assert [each["name"] for each in listed].count("again") == 1


def test_a_name_that_aws_would_refuse_is_refused_and_one_is_given_where_there_is_none(machine: Machine) -> None:
    for name in ("a:b", "a b", "x" * 81):
        with pytest.raises(machine.client.exceptions.InvalidName):
            machine.start(name=name)
    assert machine.start({"seconds": 0}) != machine.start({"seconds": 0})


def test_a_rule_is_told_of_the_ends_that_its_pattern_names(aws: Aws, machine: Machine) -> None:
    ends = [
        {"status": ["TIMED_OUT", "ABORTED"]},
        {"status": ["FAILED"], "error": [{"anything-but": ["RunIncomplete"]}]},
        {"status": ["FAILED"], "error": [{"exists": False}]},
    ]
    detail = {"stateMachineArn": [machine.arn], "$or": ends}
    aws.rule_to_function("unreported", {"source": ["aws.states"], "detail": detail}, aws.deploy("ends", STATUSES))
    machine.ended(machine.start({"seconds": 0}, name="fine"))
    machine.ended(machine.start({"error": "RunIncomplete"}, name="reported"))
    machine.start({"error": "LookupError"}, name="broken")
    aborted = machine.start({"seconds": 60}, name="aborted")
    machine.client.stop_execution(executionArn=aborted, error="Operator", cause="had enough")
    assert machine.describe(aborted)["status"] == "ABORTED"
    expected = {"broken ended FAILED LookupError True", "aborted ended ABORTED Operator True"}
    eventually(lambda: all(line in aws.logs_of("ends") for line in expected))
    assert {line for line in aws.logs_of("ends").splitlines() if " ended " in line} == expected


def test_a_rule_invokes_only_a_function_whose_policy_names_it(aws: Aws, machine: Machine) -> None:
    pattern = {"source": ["aws.states"], "detail": {"name": ["guarded"], "status": ["SUCCEEDED"]}}
    for name, allowed in (("other", False), ("named", True)):
        function = aws.deploy(f"rule-{name}", "def handler(event, context):\n    print('told')")
        aws.rule_to_function(name, pattern, function, allowed=allowed)
    machine.ended(machine.start({"seconds": 0}, name="guarded"))
    eventually(lambda: "told" in aws.logs_of("rule-named"))
    assert not aws.logs_of("rule-other")


def test_a_definition_is_judged(aws: Aws) -> None:
    for kind, result in (("Succeed", "OK"), ("Nothing", "FAIL")):
        definition = f'{{"StartAt": "A", "States": {{"A": {{"Type": "{kind}"}}}}}}'
        assert aws.stepfunctions.validate_state_machine_definition(definition=definition)["result"] == result
