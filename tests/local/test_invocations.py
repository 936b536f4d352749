"""Functions run under AWS's emulator as on AWS."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.local.emulated import Aws, zipped

EVERYTHING = """
    import http.client, os, time, signal

    class ApiUnavailable(Exception):
        pass

    def handler(event, context):
        print("got", event)
        match event:
            case {"raise": message}:
                raise ApiUnavailable(message)
            case {"sleep": seconds}:
                time.sleep(seconds)
            case {"kill": True}:
                os.kill(os.getpid(), signal.SIGKILL)
            case {"answerAndKill": True}:
                runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
                runtime.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", "{}")
                runtime.getresponse().read()
                os.kill(os.getpid(), signal.SIGKILL)
            case {"environment": True}:
                return dict(os.environ)
        return {"pid": os.getpid(), "left": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(scope="module")
def function(aws: Aws) -> str:
    aws.deploy(
        "everything", EVERYTHING, Timeout=5, Environment={"Variables": {"REDRIVE_NAME": "x", "TZ": "Europe/Berlin"}}
    )
    return "everything"


def test_a_warm_sandbox_serves_the_next_invocation(aws: Aws, function: str) -> None:
    first, error = aws.invoke(function)
    second, _ = aws.invoke(function)
    assert error is None
    assert first["pid"] == second["pid"]
    assert 0 < first["left"] <= 5000


@pytest.mark.parametrize(
    ("event", "error_type", "message"),
    [
        ({"raise": "no answer"}, "ApiUnavailable", "no answer"),
        ({"sleep": 30}, "Sandbox.Timedout", "Task timed out after 5.00 seconds"),
        ({"kill": True}, "Runtime.ExitError", "Runtime exited"),
        ({"answerAndKill": True}, "Runtime.ExitError", "Runtime exited"),
    ],
)
def test_what_breaks_is_a_function_error_and_the_next_invocation_is_well(
    aws: Aws, function: str, event: dict[str, Any], error_type: str, message: str
) -> None:
    report, error = aws.invoke(function, event)
    assert (error, report["errorType"]) == ("Unhandled", error_type)
    assert message in report["errorMessage"]
    assert aws.invoke(function)[1] is None


def test_the_environment_is_lambdas_and_the_functions_own_only(aws: Aws, function: str) -> None:
    environment, _ = aws.invoke(function, {"environment": True})
    assert environment["REDRIVE_NAME"] == "x"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environment["TZ"] == "Europe/Berlin"
    assert not {"HOME", "USER", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "PWD"} & set(environment)


def test_output_is_in_the_log_group(aws: Aws, function: str) -> None:
    aws.invoke(function, {"a": "needle"})
    assert "REPORT RequestId" in aws.logs_of(function)
    assert "got {'a': 'needle'}" in aws.logs_of(function)
    streams = aws.logs.describe_log_streams(logGroupName=f"/aws/lambda/{function}")["logStreams"]
    assert all("/[$LATEST]" in stream["logStreamName"] for stream in streams)


def test_a_layer_lies_before_the_runtimes_own_packages(aws: Aws) -> None:
    content = {"ZipFile": zipped({"python/boto3.py": "mark = 'from the layer'"})}
    layer = aws.lambda_.publish_layer_version(LayerName="fake", Content=content)["LayerVersionArn"]
    aws.deploy("layered", "import boto3\ndef handler(event, context):\n    return boto3.mark", Layers=[layer])
    assert aws.invoke("layered") == ("from the layer", None)


def test_new_code_and_new_configuration_reach_the_next_invocation(aws: Aws) -> None:
    aws.deploy("changing", "import os\ndef handler(event, context):\n    return [1, os.environ.get('A')]")
    assert aws.invoke("changing")[0] == [1, None]
    code = zipped({"f.py": "import os\ndef handler(event, context):\n    return [2, os.environ.get('A')]"})
    aws.lambda_.update_function_code(FunctionName="changing", ZipFile=code)
    assert aws.invoke("changing")[0] == [2, None]
    aws.lambda_.update_function_configuration(FunctionName="changing", Environment={"Variables": {"A": "a"}})
    assert aws.invoke("changing")[0] == [2, "a"]


def test_reserved_concurrency_throttles(aws: Aws, function: str) -> None:
    aws.deploy("reserved", EVERYTHING)
    aws.lambda_.put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as beside:
        busy = beside.submit(aws.invoke, "reserved", {"sleep": 1.5})
        time.sleep(0.5)
        with pytest.raises(aws.lambda_.exceptions.TooManyRequestsException):
            aws.invoke("reserved")
        assert busy.result()[1] is None
    assert aws.invoke("reserved")[1] is None
