"""The children of a Distributed Map are executions of their own, and end with it."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from local import runs
from tests.local.emulated import ACCOUNT, REGION, ROLE, Aws, Machine, eventually

RETRIED = """
    class Unavailable(Exception):
        pass

    def handler(event, context):
        if event["retries"] < 2:
            raise Unavailable(str(event["retries"]))
        return {**event, "retries": event["retries"]}
"""
# What an item's `do` asks of its child: to wait for `seconds`, to fail, or to tell what it knows.
STEPS: dict[str, Any] = {
    "Do?": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.item.do", "StringEquals": "fail", "Next": "Fail"},
            {
                "And": [
                    {"Variable": "$.item.seconds", "IsPresent": True},
                    {"Variable": "$.item.seconds", "NumericGreaterThan": 0},
                ],
                "Next": "Wait",
            },
        ],
        "Default": "Tell",
    },
    "Fail": {"Type": "Fail", "Error": "BreakerOpen", "Cause": "every source"},
    "Wait": {"Type": "Wait", "SecondsPath": "$.item.seconds", "Next": "Tell"},
    "Tell": {
        "Type": "Pass",
        "Parameters": {
            "run.$": "$.run",
            "child.$": "$$.Execution.Name",
            "id.$": "$$.Execution.Id",
            "start.$": "$$.Execution.StartTime",
        },
        "End": True,
    },
}
SELECTED = {"run.$": "$$.Execution.Name", "given.$": "$.runId", "item.$": "$$.Map.Item.Value"}


def distributed(states: dict[str, Any] | None = None, start: str = "Do?", **fields: Any) -> dict[str, Any]:
    """Give a Distributed Map over `$.batches`."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": start,
        "States": states or STEPS,
    }
    fixed = {"ItemsPath": "$.batches", "ItemSelector": SELECTED, "MaxConcurrency": 2, "Label": "Batches"}
    return {"Type": "Map", **fixed, "ItemProcessor": processor, **fields}


class Runs(Machine):
    """A state machine whose first state is a Distributed Map."""

    def __init__(self, aws: Aws, name: str, state: dict[str, Any], role: str = ROLE, **fields: Any) -> None:
        after = {"Done": {"Type": "Pass", "End": True}, "Caught": {"Type": "Succeed"}}
        super().__init__(aws, name, {"Each": {**state, "Next": "Done"}, **after}, role, **fields)

    def begin(self, *batches: Any) -> str:
        return self.start({"runId": "r1", "batches": batches})

    def over(self, *batches: Any, seconds: float = 10) -> dict[str, Any]:
        return self.ended(self.begin(*batches), seconds)

    def children(self, arn: str, **asked: Any) -> list[dict[str, Any]]:
        """List the children of an execution's one Map Run, the oldest first."""
        runs = self.client.list_map_runs(executionArn=arn)["mapRuns"]
        if not runs:
            return []
        pages = self.client.get_paginator("list_executions").paginate(mapRunArn=runs[0]["mapRunArn"], **asked)
        return [child for page in pages for child in page["executions"]][::-1]


@pytest.fixture(scope="module")
def plain(aws: Aws) -> Runs:
    return Runs(aws, "plain", distributed())


@pytest.fixture(scope="module")
def caught(aws: Aws) -> Runs:
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Caught"}]
    return Runs(aws, "caught", distributed(ResultPath=None, Catch=catch))


def test_a_child_is_an_execution_with_a_name_an_input_a_history_and_an_output(plain: Runs) -> None:
    parent = plain.over({"do": "tell"}, {"do": "tell"}, {"do": "tell"})
    assert parent["status"] == "SUCCEEDED"
    outputs = json.loads(parent["output"])
    stack: Any = SimpleNamespace(client=lambda _: plain.client)
    children = runs.children(stack, parent["executionArn"])
    assert [json.loads(child["output"]) for child in children] == outputs
    for child, output in zip(children, outputs, strict=True):
        assert child["executionArn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:execution:plain/Batches:{child['name']}"
        assert output == {
            "run": parent["name"],
            "child": child["name"],
            "id": child["executionArn"],
            "start": output["start"],
        }
        assert output["start"].endswith("Z")
        assert json.loads(child["input"]) == {"run": parent["name"], "given": "r1", "item": {"do": "tell"}}
        types = plain.types(child["executionArn"])
        assert (types[0], types[-1]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert [kind for kind in plain.types(parent["executionArn"]) if "Pass" not in kind] == [
        "ExecutionStarted",
        *(f"Map{kind}" for kind in ("StateEntered", "StateStarted", "RunStarted")),
        *(f"Map{kind}" for kind in ("RunSucceeded", "StateSucceeded", "StateExited")),
        "ExecutionSucceeded",
    ]


def test_a_map_over_nothing_succeeds_with_nothing(plain: Runs) -> None:
    assert json.loads(plain.over()["output"]) == []


def test_children_are_listed_by_status_and_in_pages_and_counted(plain: Runs) -> None:
    parent = plain.over(*({"do": "tell"} for _ in range(5)))
    arn = parent["executionArn"]
    paged = plain.children(arn, PaginationConfig={"PageSize": 2})
    assert len({child["executionArn"] for child in paged}) == 5
    assert not plain.children(arn, statusFilter="FAILED")
    (run,) = plain.client.list_map_runs(executionArn=arn)["mapRuns"]
    counted = plain.client.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
    assert (counted["total"], counted["succeeded"], counted["failed"]) == (5, 5, 0)
    listed = plain.client.list_executions(stateMachineArn=plain.arn)["executions"]
    assert not [each for each in listed if "/" in each["executionArn"]]


def test_the_first_child_that_fails_ends_the_map_and_stops_the_others(plain: Runs) -> None:
    parent = plain.over({"do": "wait", "seconds": 60}, {"do": "fail"}, {"do": "tell"})
    assert (parent["status"], parent["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    children = [plain.describe(child["executionArn"]) for child in plain.children(parent["executionArn"])]
    assert [child["status"] for child in children] == ["ABORTED", "FAILED"]
    assert (children[1]["error"], children[1]["cause"]) == ("BreakerOpen", "every source")
    assert "MapRunFailed" in plain.types(parent["executionArn"])


def test_a_catch_of_the_map_gets_the_threshold_error(caught: Runs) -> None:
    parent = caught.over({"do": "fail"})
    assert parent["status"] == "SUCCEEDED"
    assert json.loads(parent["output"])["caught"]["Error"] == "States.ExceedToleratedFailureThreshold"


def test_a_result_may_be_dropped(caught: Runs) -> None:
    assert json.loads(caught.over({"do": "tell"})["output"]) == {"runId": "r1", "batches": [{"do": "tell"}]}


def test_a_result_may_be_selected_from(aws: Aws) -> None:
    empty = {"End": {"Type": "Pass", "Result": {}, "End": True}}
    selected = distributed(empty, "End", ResultSelector={"ended.$": "$[*]"}, ResultPath="$.result")
    parent = Runs(aws, "selected", selected).over({}, {})
    assert json.loads(parent["output"])["result"] == {"ended": [{}, {}]}


def test_who_stops_an_execution_stops_its_children(plain: Runs) -> None:
    arn = plain.begin({"do": "wait", "seconds": 60}, {"do": "wait", "seconds": 60}, {"do": "tell"})
    children = eventually(lambda: found if len(found := plain.children(arn)) == 2 else [])
    plain.client.stop_execution(executionArn=arn, error="Operator", cause="enough")
    stopped = plain.describe(arn)
    assert (stopped["status"], stopped["error"], stopped["cause"]) == ("ABORTED", "Operator", "enough")
    eventually(lambda: all(plain.describe(child["executionArn"])["status"] == "ABORTED" for child in children))
    eventually(lambda: plain.types(arn)[-1] == "ExecutionAborted")
    assert "MapRunAborted" in plain.types(arn)
    assert len(plain.children(arn)) == 2


def test_one_child_may_be_stopped_alone(plain: Runs) -> None:
    arn = plain.begin({"do": "wait", "seconds": 60}, {"do": "tell"})
    waiting = eventually(lambda: plain.children(arn, statusFilter="RUNNING"))[0]["executionArn"]
    plain.client.stop_execution(executionArn=waiting)
    assert plain.describe(waiting)["status"] == "ABORTED"
    assert plain.ended(arn)["status"] == "SUCCEEDED"


def test_an_execution_that_times_out_stops_its_children(aws: Aws) -> None:
    machine = Runs(aws, "short", distributed(), TimeoutSeconds=3)
    parent = machine.over({"do": "wait", "seconds": 60})
    assert parent["status"] == "TIMED_OUT"
    assert parent["stopDate"] > parent["startDate"]
    (child,) = machine.children(parent["executionArn"])
    eventually(lambda: machine.describe(child["executionArn"])["status"] == "ABORTED")
    eventually(lambda: machine.types(parent["executionArn"])[-1] == "ExecutionTimedOut")


def test_the_role_must_be_allowed_to_start_executions_of_the_machine(aws: Aws) -> None:
    role = aws.iam.create_role(RoleName="starts-nothing", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    parent = Runs(aws, "forbidden", distributed(), role).over({"do": "tell"})
    assert (parent["status"], parent["error"]) == ("FAILED", "States.Permissions")
    assert "states:StartExecution" in parent["cause"]


def test_thousands_of_children_are_no_trouble(aws: Aws) -> None:
    machine = Runs(
        aws, "many", distributed({"End": {"Type": "Pass", "Result": {}, "End": True}}, "End", MaxConcurrency=20)
    )
    parent = machine.over(*range(5000), seconds=120)
    assert (parent["status"], len(json.loads(parent["output"]))) == ("SUCCEEDED", 5000)
    assert len(machine.children(parent["executionArn"])) == 5000


def test_a_child_runs_an_inline_map_whose_tasks_know_their_retries(aws: Aws) -> None:
    function = aws.deploy("retried", RETRIED, Timeout=60)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": function,
            "Payload": {"retries.$": "$$.State.RetryCount", "item.$": "$.item", "child.$": "$$.Execution.Name"},
        },
        "OutputPath": "$.Payload",
        "Retry": [{"ErrorEquals": ["Unavailable"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 2}],
        "End": True,
    }
    inline = {
        "Type": "Map",
        "ItemsPath": "$.item",
        "ItemSelector": {"item.$": "$$.Map.Item.Value"},
        "MaxConcurrency": 40,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Task", "States": {"Task": task}},
        "End": True,
    }
    machine = Runs(aws, "nested", distributed({"All": inline}, "All"))
    parent = machine.over(list(range(100)), seconds=60)
    (child,) = machine.children(parent["executionArn"])
    told = [{"retries": 2, "item": item, "child": child["name"]} for item in range(100)]
    assert json.loads(parent["output"]) == [told]


def test_only_the_parent_puts_events_on_the_bus(aws: Aws, plain: Runs) -> None:
    told = "def handler(event, context):\n    print('told of', event['detail']['executionArn'])"
    aws.rule_to_function("statuses", {"source": ["aws.states"]}, aws.deploy("statuses", told))
    arn = plain.over({"do": "tell"})["executionArn"]
    eventually(lambda: aws.logs_of("statuses").count(arn) == 2)
    time.sleep(0.2)
    assert "/Batches" not in aws.logs_of("statuses")
