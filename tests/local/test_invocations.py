"""Functions run under AWS's emulator as on AWS."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.emulated import Aws, eventually, zipped

EVERYTHING = """
    import http.client, os, sys, time, signal

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
            case {"path": True}:
                return sys.path
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


def test_an_exception_is_a_function_error_with_its_type_and_message(aws: Aws, function: str) -> None:
    report, error = aws.invoke(function, {"raise": "no answer"})
    assert error == "Unhandled"
    assert (report["errorType"], report["errorMessage"]) == ("ApiUnavailable", "no answer")


def test_a_function_that_takes_too_long_times_out_and_its_sandbox_is_replaced(aws: Aws, function: str) -> None:
    before, _ = aws.invoke(function)
    report, error = aws.invoke(function, {"sleep": 30})
    after, _ = aws.invoke(function)
    assert error == "Unhandled"
    assert report["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 5.00 seconds" in report["errorMessage"]
    assert after["pid"] != before["pid"]


def test_a_killed_runtime_is_an_exit_error_and_its_sandbox_is_replaced(aws: Aws, function: str) -> None:
    report, error = aws.invoke(function, {"kill": True})
    assert error == "Unhandled"
    assert report["errorType"] == "Runtime.ExitError"
    assert aws.invoke(function)[1] is None


def test_a_runtime_killed_right_after_its_answer_is_an_exit_error_too(aws: Aws, function: str) -> None:
    report, error = aws.invoke(function, {"answerAndKill": True})
    assert error == "Unhandled"
    assert report["errorType"] == "Runtime.ExitError"


def test_a_sandbox_killed_while_idle_is_replaced(aws: Aws, function: str) -> None:
    before, _ = aws.invoke(function)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: aws.invoke(function)[1] is None)


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


def test_code_that_cannot_be_imported_is_a_function_error(aws: Aws) -> None:
    aws.deploy("broken", "import nothing_like_this")
    report, error = aws.invoke("broken")
    assert (error, report["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_invocations_at_once_each_have_a_sandbox(aws: Aws) -> None:
    aws.deploy("slow", "import os, time\ndef handler(event, context):\n    time.sleep(0.5)\n    return os.getpid()")
    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(lambda _: aws.invoke("slow"), range(4)))
    assert len({pid for pid, _ in answers}) == 4


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


def test_a_function_that_is_not_deployed_is_not_found(aws: Aws) -> None:
    with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException):
        aws.invoke("nobody")
