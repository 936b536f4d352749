"""Three plans for nearly all of these tests: one of everything that is right, two of everything that is wrong.

A plan asks AWS only who it is for and whether the state machine is sound; the embedded AWS answers both.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_terraform.tf import TerraformRunner

from local import terraform
from local.processes import serving
from tests.plan import wrong, wrong_queue
from tests.plan.configurations import RIGHT, configuration, workflow_alone
from tests.plan.planned import Plan

ROOT = Path(__file__).resolve().parents[2]


class Runner(TerraformRunner):
    """Runs Terraform as ``local/terraform.py`` finds it, against one AWS, and keeps what it prints."""

    def __init__(self, folder: Path, endpoint: str, program: str = "") -> None:
        super().__init__(str(folder / "data"), module_dir=str(folder), tf_bin=str(folder / "terraform"))
        self.state_path = ""  # Terraform's own default: the option for it is deprecated
        self.variables = terraform.environment(program) | {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = terraform.programs()[program] if program else terraform.command()
        script = Path(self.tf_bin)
        script.write_text(f'#!/bin/sh\nexec {" ".join(map(_quoted, command))} "$@"\n')
        script.chmod(0o755)

    def plan(self, output: str = "") -> str:
        """Plan, and give what is printed."""
        arguments = self._get_cmd_args("plan", output=output and f"-out={output}")
        return self._run_cmd(arguments).decode()

    def evaluate(self, expression: str) -> Any:
        """Give an expression's value, without a plan."""
        done = subprocess.run(
            [self.tf_bin, "console"],
            cwd=self.module_dir,
            env=self.variables | {"TF_DATA_DIR": self.work_dir},
            input=f"jsonencode({expression})",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(json.loads(done.stdout))

    def _run_cmd(self, args: list[str], output: bool = False) -> bytes:
        with patch.dict(os.environ, self.variables, clear=True):
            printed: bytes = super()._run_cmd(args, output=True)
        return printed


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded AWS with nothing in it."""
    with serving("local.aws", [], tmp_path_factory.mktemp("aws")) as ready:
        yield ready["url"]


@contextmanager
def initialised(configuration: dict[str, Any], endpoint: str, program: str = "") -> Iterator[Runner]:
    """Put a configuration into a folder two levels below the module, as the examples are, so that ``../..`` is it."""
    (ROOT / ".local").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="plan-", dir=ROOT / ".local"))
    try:
        (folder / "main.tf.json").write_text(json.dumps(configuration, indent=2))
        runner = Runner(folder, endpoint, program)
        runner.init()
        yield runner
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def plan(endpoint: str) -> Plan:
    """The plan of a first apply of every right configuration."""
    return planned(RIGHT, endpoint)


def planned(configuration: dict[str, Any], endpoint: str, program: str = "") -> Plan:
    """Plan a first apply, by the Terraform of this name or the one that comes first."""
    with initialised(configuration, endpoint, program) as runner:
        file = Path(runner.work_dir) / "plan"
        try:
            printed = runner.plan(str(file))
        except subprocess.CalledProcessError as failed:
            pytest.fail(f"terraform plan failed:\n{failed.output.decode()}")
        runner.state_path = str(file)
        shown: dict[str, Any] = runner.show()
    return Plan(shown, printed)


@pytest.fixture(scope="session")
def splits(endpoint: str) -> dict[str, int]:
    """How many requests at a time modules/workflow makes of each of the splits."""
    with initialised(configuration({"split": workflow_alone()}), endpoint) as runner:
        found: dict[str, int] = runner.evaluate("{ for key, each in module.split : key => each.requests_at_a_time }")
    return found


def refused(calls: dict[str, Any], endpoint: str, state: dict[str, Any] | None = None) -> str:
    """Give what Terraform prints when it refuses to plan these calls, as one line without its frames."""
    wanted = configuration(calls)
    wanted["provider"]["aws"].append(wrong.TAGGED)
    with initialised(wanted, endpoint) as runner:
        if state:
            (Path(runner.module_dir) / "terraform.tfstate").write_text(json.dumps(state))
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            runner.plan()
    return " ".join(refusal.value.output.decode().replace("│", " ").split())


@pytest.fixture(scope="session")
def refusal(endpoint: str) -> str:
    """What Terraform prints when it is asked to plan every wrong configuration."""
    return refused(wrong.CALLS | wrong_queue.CALLS, endpoint)


@pytest.fixture(scope="session")
def second_refusal(endpoint: str) -> str:
    """What it prints for inputs that are right one by one, and wrong together."""
    calls = wrong.CALLS_WRONG_TOGETHER | wrong_queue.CALLS_WRONG_TOGETHER
    return refused(calls | wrong.CALLS_OF_ANOTHER_NAME, endpoint, wrong.STATE)
