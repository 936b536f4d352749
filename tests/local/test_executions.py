"""A state machine with all that the module's uses, and tiny functions, runs to its end here as on AWS."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local.emulated import ACCOUNT, REGION, Aws, eventually

ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"

# Answers by the communication's id; "flaky" gets through at the second attempt, of which a file is the memory.
REQUEUE = """
    import pathlib, tempfile

    class ApiUnavailable(Exception):
        pass

    class CredentialsRefused(Exception):
        pass

    def handler(event, context):
        communication = event["communication"]
        match communication["primaryId"].split("-")[0]:
            case "down":
                raise ApiUnavailable("503 from the API")
            case "flaky":
                seen = pathlib.Path(tempfile.gettempdir(), "seen")
                if not seen.exists():
                    seen.touch()
                    raise ApiUnavailable("once")
            case "forbidden":
                raise CredentialsRefused("401 from the API")
            case "bug":
                raise KeyError("x")
        return {**communication, "outcome": "requeued", "attempt": event["runId"], "execution": event["execution"]}
"""
SUMMARISE = """
    import json

    def handler(event, context):
        outcomes = event["batch"].get("outcomes", [])
        if not outcomes and not event["batch"].get("stopped"):
            raise LookupError("nothing to summarise")
        stopped = event["batch"].get("stopped")
        failed = sum(each["outcome"] == "failed" for each in outcomes) + bool(stopped)
        message = json.dumps({"outcomes": outcomes, "stopped": stopped, "arn": event["executionArn"]})
        said = {"subject": f"{failed} failed", "message": message, "cause": "see mail"}
        return {"failed": failed, "notify": True, **said}
"""


def batch(requeue: str, summarise: str, topic: str) -> dict[str, Any]:
    """Give a definition in the shape of the module's own."""
    retry = {"MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxDelaySeconds": 2, "JitterStrategy": "FULL"}
    record = {
        "primaryId.$": "$.communication.primaryId",
        "outcome": "failed",
        "attempt.$": "$.runId",
        "httpStatus": None,
        "error.$": "$.caught.Error",
    }
    caught = {"ResultPath": "$.caught"}
    iteration = {
        "Requeue": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": requeue, "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "TimeoutSeconds": 15,
            "Retry": [{"ErrorEquals": ["ApiUnavailable", "Lambda.Unknown", "States.Timeout"], **retry}],
            "Catch": [
                {"ErrorEquals": ["CredentialsRefused"], "Next": "StopBatch", **caught},
                {"ErrorEquals": ["ApiUnavailable"], "Next": "RecordUnavailable", **caught},
                {"ErrorEquals": ["States.ALL"], "Next": "RecordFailure", **caught},
            ],
            "End": True,
        },
        "StopBatch": {"Type": "Fail", "ErrorPath": "$.caught.Error", "CausePath": "$.caught.Cause"},
        "RecordUnavailable": {"Type": "Pass", "Parameters": {**record, "error.$": "$.caught.Cause"}, "End": True},
        "RecordFailure": {"Type": "Pass", "Parameters": record, "End": True},
    }
    publish = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic, "Subject.$": "$.subject", "Message.$": "$.message"},
        "ResultPath": None,
        "Retry": [{"ErrorEquals": ["States.ALL"], **retry}],
    }
    notify = {"Variable": "$.notify", "BooleanEquals": True}
    failed = {"Variable": "$.failed", "NumericGreaterThan": 0}
    states = {
        "RequeueEach": {
            "Type": "Map",
            "ItemsPath": "$.communications",
            "ItemSelector": {
                "runId.$": "$.runId",
                "execution.$": "$$.Execution.Name",
                "communication.$": "$$.Map.Item.Value",
            },
            "MaxConcurrency": 5,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Requeue", "States": iteration},
            "ResultPath": "$.outcomes",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.stopped", "Next": "Summarise"}],
            "Next": "Summarise",
        },
        "Summarise": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {
                "FunctionName": summarise,
                "Payload": {"executionArn.$": "$$.Execution.Id", "batch.$": "$"},
            },
            "OutputPath": "$.Payload",
            "Next": "AnyFailed?",
        },
        "AnyFailed?": {
            "Type": "Choice",
            "Choices": [{"And": [failed, notify], "Next": "NotifyFailure"}, {**notify, "Next": "NotifySuccess"}],
            "Default": "Done",
        },
        "NotifySuccess": {**publish, "Next": "Done"},
        "NotifyFailure": {**publish, "Next": "BatchIncomplete"},
        "BatchIncomplete": {"Type": "Fail", "Error": "RedriveIncomplete", "CausePath": "$.cause"},
        "Done": {"Type": "Succeed"},
    }
    return {"StartAt": "RequeueEach", "TimeoutSeconds": 600, "States": states}


@dataclass
class Machine:
    aws: Aws
    arn: str
    recipient: str

    def start(self, name: str, *ids: str) -> str:
        communications = [{"primaryId": each, "operation": "send.email", "source": "email"} for each in ids]
        text = json.dumps({"schemaVersion": 1, "runId": "r1", "batch": 1, "communications": communications})
        answer = self.aws.stepfunctions.start_execution(stateMachineArn=self.arn, name=name, input=text)
        return str(answer["executionArn"])

    def run(self, name: str, *ids: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a batch to its end and give (the execution, the message that was mailed)."""
        arn = self.start(name, *ids)
        execution = eventually(lambda: (found := self.describe(arn))["status"] != "RUNNING" and found, 30)
        mails = [mail.get_content() for mail in eventually(lambda: self.mails_of(arn))]
        return execution, json.loads(mails[0].split("\n\n--")[0])

    def describe(self, arn: str) -> dict[str, Any]:
        return dict(self.aws.stepfunctions.describe_execution(executionArn=arn))

    def mails_of(self, arn: str) -> list[Any]:
        return [mail for mail in self.aws.inbox.to(self.recipient) if arn in mail.get_content()]


@pytest.fixture(scope="module")
def machine(aws: Aws) -> Machine:
    requeue, summarise = aws.deploy("requeue", REQUEUE), aws.deploy("summarise", SUMMARISE)
    topic = aws.topic_with_mail("batches", "batches@example.com")
    definition = json.dumps(batch(requeue, summarise, topic))
    answer = aws.stepfunctions.create_state_machine(name="batch", definition=definition, roleArn=ROLE)
    return Machine(aws, answer["stateMachineArn"], "batches@example.com")


def test_a_batch_that_goes_through_succeeds_and_mails_once(machine: Machine) -> None:
    execution, message = machine.run("good", "1", "2", "flaky")
    assert execution["status"] == "SUCCEEDED"
    assert message["arn"] == execution["executionArn"]
    assert [each["outcome"] for each in message["outcomes"]] == ["requeued"] * 3
    assert {(each["execution"], each["attempt"]) for each in message["outcomes"]} == {("good", "r1")}
    assert len(machine.mails_of(execution["executionArn"])) == 1


def test_one_that_never_recovers_and_one_that_breaks_do_not_fail_the_others(machine: Machine) -> None:
    execution, message = machine.run("mixed", "1", "down", "bug", "2")
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "RedriveIncomplete", "see mail")
    assert [each["outcome"] for each in message["outcomes"]] == ["requeued", "failed", "failed", "requeued"]
    unavailable, broken = message["outcomes"][1:3]
    assert "503 from the API" in unavailable["error"]
    assert broken["error"] == "KeyError"
    history = machine.aws.stepfunctions.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 3 + 1


def test_refused_credentials_stop_the_batch_and_are_summarised(machine: Machine) -> None:
    execution, message = machine.run("stopped", "forbidden", "1")
    assert execution["status"] == "FAILED"
    assert message["outcomes"] == []
    assert message["stopped"]["Error"] == "CredentialsRefused"
    assert "401 from the API" in message["stopped"]["Cause"]


def test_a_running_executions_name_starts_nothing_and_a_finished_ones_is_refused(machine: Machine) -> None:
    running = machine.start("again", "flaky-new", "down")
    assert machine.start("again", "flaky-new", "down") == running
    with pytest.raises(machine.aws.stepfunctions.exceptions.ExecutionAlreadyExists):
        machine.start("again", "other")
    eventually(lambda: machine.describe(running)["status"] != "RUNNING", 20)
    with pytest.raises(machine.aws.stepfunctions.exceptions.ExecutionAlreadyExists):
        machine.start("again", "flaky-new", "down")
    listed = machine.aws.stepfunctions.list_executions(stateMachineArn=machine.arn)["executions"]
    assert [each["name"] for each in listed].count("again") == 1


def test_a_name_that_aws_would_refuse_is_refused(machine: Machine) -> None:
    for name in ("a:b", "a b", "x" * 81):
        with pytest.raises(machine.aws.stepfunctions.exceptions.InvalidName):
            machine.start(name, "1")


def test_an_execution_without_a_name_gets_one(machine: Machine) -> None:
    text = json.dumps({"runId": "r", "communications": [{"primaryId": "fine"}]})
    start = machine.aws.stepfunctions.start_execution
    arns = {start(stateMachineArn=machine.arn, input=text)["executionArn"] for _ in range(2)}
    assert len(arns) == 2
    eventually(lambda: all(machine.describe(arn)["status"] != "RUNNING" for arn in arns))


def test_only_a_batch_that_sent_no_mail_of_its_own_is_mailed_by_the_rule(aws: Aws, machine: Machine) -> None:
    topic = aws.topic_with_mail("unreported", "unreported@example.com")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [machine.arn],
            "$or": [
                {"status": ["TIMED_OUT", "ABORTED"]},
                {"status": ["FAILED"], "error": [{"anything-but": ["RedriveIncomplete"]}]},
                {"status": ["FAILED"], "error": [{"exists": False}]},
            ],
        },
    }
    paths = {"name": "$.detail.name", "status": "$.detail.status", "error": "$.detail.error", "none": "$.detail.none"}
    transformer = {"InputPathsMap": paths, "InputTemplate": '"<name> ended <status>: <error><none>"\n"Look."'}
    aws.rule_to_topic("unreported", pattern, topic, transformer)
    machine.run("reported", "down")
    broken = machine.start("broken")
    eventually(lambda: machine.describe(broken)["status"] == "FAILED")
    aborted = machine.start("aborted", "down")
    aws.stepfunctions.stop_execution(executionArn=aborted, error="Operator", cause="had enough")
    assert machine.describe(aborted)["status"] == "ABORTED"
    mails = aws.inbox.wait_for("unreported@example.com", 2)
    time.sleep(0.2)
    lines = sorted(mail.get_content().splitlines()[0] for mail in mails)
    assert lines == ['"aborted ended ABORTED: Operator"', '"broken ended FAILED: LookupError"']
    assert all('"\n"Look."\n' in mail.get_content() for mail in mails)


def test_a_definition_is_judged(aws: Aws) -> None:
    good = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    assert aws.stepfunctions.validate_state_machine_definition(definition=good)["result"] == "OK"
    bad = '{"StartAt": "A", "States": {"A": {"Type": "Nothing"}}}'
    assert aws.stepfunctions.validate_state_machine_definition(definition=bad)["result"] == "FAIL"


def test_a_state_machine_has_no_versions(machine: Machine) -> None:
    answer = machine.aws.stepfunctions.list_state_machine_versions(stateMachineArn=machine.arn)
    assert answer["stateMachineVersions"] == []
    assert f":{REGION}:" in machine.arn
