"""A machine that cannot run the functions is told why, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import bootstrap
from local.aws import runtime
from local.aws.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]


def test_without_the_environment_the_command_that_makes_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"Run: python3 local/bootstrap\.py runtime"):
        runtime.find(tmp_path)


def test_elsewhere_than_on_linux_a_container_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="Linux container"):
        runtime.find()


@pytest.mark.parametrize(
    ("found", "chosen"), [("/pythons/3.13/bin/python", "/pythons/3.13/bin/python"), (None, sys.executable)]
)
def test_the_functions_run_on_the_version_of_the_default_runtime_where_the_machine_has_it(
    found: str | None, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str]] = []
    monkeypatch.setattr(bootstrap, "find_python", {"3.13": found}.__getitem__)
    monkeypatch.setattr(bootstrap, "make_from", lambda folder, _, python, **__: made.append((folder.name, python)))
    bootstrap.make("runtime")
    bootstrap.make("dev")
    assert made == [(".venv-runtime", chosen), (".venv", sys.executable)]


def test_an_environment_is_made_again_by_another_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    environment = tmp_path / "environment"
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(
        bootstrap, "run", lambda command, _: (environment.mkdir(parents=True), commands.append(command))
    )
    for python in ("/pythons/3.11/bin/python", "/pythons/3.11/bin/python", "/pythons/3.13/bin/python"):
        bootstrap.make_from(environment, [], python)
    assert [command[0] for command in commands] == ["/pythons/3.11/bin/python", "/pythons/3.13/bin/python"]


LINES = """
from awslambdaric import bootstrap
bootstrap._setup_logging(bootstrap._AWS_LAMBDA_LOG_FORMAT, bootstrap._AWS_LAMBDA_LOG_LEVEL, bootstrap.StandardLogSink())
from redrive.observability import logger, publish
logger().append_keys(runId="r1")
logger().debug("too little")
logger().warning("a list broke off", extra={"error": "ListingError"})
publish({"Listed": 3}, source="email")
"""


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_a_line_of_a_function_is_the_same_json_in_either_format_of_lambda(log_format: str) -> None:
    """Dashboards and Insights find its fields at the top, and CloudWatch finds the metrics in it."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "dist" / "dependencies.zip" / "python"), str(ROOT / "lambda_src")]),
        "AWS_LAMBDA_LOG_FORMAT": log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": "INFO"} if log_format == "JSON" else {}),
        "AWS_LAMBDA_FUNCTION_NAME": "list-failed",
        "POWERTOOLS_SERVICE_NAME": "redrive-test",
        "POWERTOOLS_METRICS_NAMESPACE": "redrive",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    command = [str(runtime.find().python), "-c", LINES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    warning, metrics = map(json.loads, done.stdout.splitlines())
    assert {key: warning[key] for key in ("level", "message", "error", "runId", "service")} == {
        "level": "WARNING",
        "message": "a list broke off",
        "error": "ListingError",
        "runId": "r1",
        "service": "redrive-test",
    }
    assert (metrics["Listed"], metrics["source"]) == ([3.0], "email")
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "redrive"
