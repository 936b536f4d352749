"""The children of a Distributed Map are executions of their own, and end with it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from local import runs
from tests.local.emulated import ACCOUNT, REGION, ROLE, Aws, Machine, eventually

# What an item's `do` asks of its child: to wait, to fail, or to tell what it knows.
STEPS: dict[str, Any] = {
    "Do?": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.item.do", "StringEquals": "fail", "Next": "Fail"},
            {"Variable": "$.item.do", "StringEquals": "wait", "Next": "Wait"},
        ],
        "Default": "Tell",
    },
    "Fail": {"Type": "Fail", "Error": "BreakerOpen", "Cause": "every source"},
    "Wait": {"Type": "Wait", "Seconds": 60, "Next": "Tell"},
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


def distributed(**fields: Any) -> dict[str, Any]:
    """Give a Distributed Map over `$.batches`."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "Do?", "States": STEPS}
    fixed = {"ItemsPath": "$.batches", "ItemSelector": SELECTED, "MaxConcurrency": 2, "Label": "Batches"}
    return {"Type": "Map", **fixed, "ItemProcessor": processor, **fields}


class Runs(Machine):
    """A state machine whose first state is a Distributed Map."""

    def __init__(self, aws: Aws, name: str, state: dict[str, Any], role: str = ROLE) -> None:
        after = {"Done": {"Type": "Pass", "End": True}, "Caught": {"Type": "Succeed"}}
        super().__init__(aws, name, {"Each": {**state, "Next": "Done"}, **after}, role)

    def begin(self, *batches: Any) -> str:
        return self.start({"runId": "r1", "batches": batches})

    def over(self, *batches: Any) -> dict[str, Any]:
        return self.ended(self.begin(*batches))

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
    parent = plain.over({"do": "wait"}, {"do": "fail"}, {"do": "tell"})
    assert (parent["status"], parent["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    children = [plain.describe(child["executionArn"]) for child in plain.children(parent["executionArn"])]
    assert [child["status"] for child in children] == ["ABORTED", "FAILED"]
    assert (children[1]["error"], children[1]["cause"]) == ("BreakerOpen", "every source")
    assert "MapRunFailed" in plain.types(parent["executionArn"])


def test_a_catch_of_the_map_gets_the_threshold_error(aws: Aws) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Caught"}]
    parent = Runs(aws, "caught", distributed(Catch=catch)).over({"do": "fail"})
    assert parent["status"] == "SUCCEEDED"
    assert json.loads(parent["output"])["caught"]["Error"] == "States.ExceedToleratedFailureThreshold"


def test_who_stops_an_execution_stops_its_children(plain: Runs) -> None:
    arn = plain.begin({"do": "wait"}, {"do": "wait"}, {"do": "tell"})
    children = eventually(lambda: found if len(found := plain.children(arn)) == 2 else [])
    plain.client.stop_execution(executionArn=arn, error="Operator", cause="enough")
    stopped = plain.describe(arn)
    assert (stopped["status"], stopped["error"], stopped["cause"]) == ("ABORTED", "Operator", "enough")
    eventually(lambda: all(plain.describe(child["executionArn"])["status"] == "ABORTED" for child in children))
    eventually(lambda: plain.types(arn)[-1] == "ExecutionAborted")
    assert "MapRunAborted" in plain.types(arn)
    assert len(plain.children(arn)) == 2


def test_one_child_may_be_stopped_alone(plain: Runs) -> None:
    arn = plain.begin({"do": "wait"}, {"do": "tell"})
    waiting = eventually(lambda: plain.children(arn, statusFilter="RUNNING"))[0]["executionArn"]
    plain.client.stop_execution(executionArn=waiting)
    assert plain.describe(waiting)["status"] == "ABORTED"
    assert plain.ended(arn)["status"] == "SUCCEEDED"


def test_the_role_must_be_allowed_to_start_executions_of_the_machine(aws: Aws) -> None:
    role = aws.iam.create_role(RoleName="starts-nothing", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    parent = Runs(aws, "forbidden", distributed(), role).over({"do": "tell"})
    assert (parent["status"], parent["error"]) == ("FAILED", "States.Permissions")
    assert "states:StartExecution" in parent["cause"]
