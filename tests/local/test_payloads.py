"""A payload over 256 KiB ends an execution, whoever catches, and so does what only looks like an error of a task."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulated import Aws, Machine

BIG = "x" * 140_000
CATCH = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
TWICE = {"a.$": "$.big", "b.$": "$.big"}
ECHO = "def handler(event, context):\n    return event['big'] * event['times']"


@pytest.fixture(scope="module")
def echo(aws: Aws) -> str:
    return aws.deploy("echo", ECHO)


def task(function: str, payload: dict[str, Any]) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload": payload}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, **CATCH}


def over(mode: str, **fields: Any) -> dict[str, Any]:
    """Give a Map over two items."""
    config = {"DISTRIBUTED": {"Mode": mode, "ExecutionType": "STANDARD"}, "INLINE": {"Mode": mode}}[mode]
    processor = {"ProcessorConfig": config, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    return {"Type": "Map", "ItemsPath": "$.items", "ResultPath": None, "ItemProcessor": processor, **CATCH, **fields}


def run(aws: Aws, name: str, state: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Run a machine whose first state may be caught and give its execution."""
    states = {"First": {**state, "Next": "Done"}, "Done": {"Type": "Succeed"}, "Caught": {"Type": "Succeed"}}
    return Machine(aws, name, states).run({"big": BIG, "items": [1, 2], **given})


def test_an_execution_with_too_long_an_input_is_not_started(aws: Aws) -> None:
    with pytest.raises(ClientError) as refused:
        run(aws, "long-input", {"Type": "Pass"}, big=BIG * 2)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert run(aws, "short-input", {"Type": "Pass"})["status"] == "SUCCEEDED"


@pytest.mark.parametrize("name", ["task-input", "map-result", "map-run-result", "child-input"])
def test_what_is_too_large_ends_the_execution_although_all_errors_are_caught(aws: Aws, echo: str, name: str) -> None:
    state = {
        "task-input": task(echo, {**TWICE, "big": "", "times": 1}),
        "map-result": over("INLINE", ItemSelector={"big.$": "$.big"}),
        "map-run-result": over("DISTRIBUTED", ItemSelector={"big.$": "$.big"}),
        "child-input": over("DISTRIBUTED", ItemSelector=TWICE),
    }[name]
    execution = run(aws, name, state)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_path_that_is_not_there_is_not_caught_by_all(aws: Aws, echo: str) -> None:
    execution = run(aws, "no-path", task(echo, {"big.$": "$.nothing"}))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Runtime")


def test_any_other_error_is(aws: Aws, echo: str) -> None:
    assert run(aws, "caught-error", task(echo, {"big": 1}))["status"] == "SUCCEEDED"
