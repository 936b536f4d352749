"""An API that drips, floods, swells or never ends costs its own source, and neither the others nor the function."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redrive import memory
from tests.unit.hostile_api import GOOD, SCRIPTS, HostileApi

ROOT = Path(__file__).parents[2]
SECONDS = 240.0
"""The function's time: of its 900 seconds less than a third, on the slowest machine."""

HOSTILE = sorted(SCRIPTS.keys() - {"good"})


def deployed_megabytes() -> int:
    """Give the memory that the module gives to the lister unless told otherwise."""
    default = re.search(r"list_failed\s+= optional\(number, (\d+)\)", (ROOT / "variables_lambda.tf").read_text("utf-8"))
    assert default
    return int(default[1])


@pytest.fixture(scope="module")
def server() -> Iterator[HostileApi]:
    with HostileApi() as server:
        yield server
        server.shutdown()


def run(server: HostileApi, *names: str) -> dict[str, Any]:
    """Read these lists in a process of the function's memory; gives what came of it."""
    paths = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed_megabytes())}
    command = [sys.executable, "-m", "tests.unit.hostile_run", server.url, str(SECONDS), *names]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def read(server: HostileApi) -> dict[str, Any]:
    """All of it in one run."""
    return run(server, *HOSTILE, "good")


def test_a_good_list_among_hostile_ones_is_read_to_its_end(read: dict[str, Any]) -> None:
    assert read["good"] == GOOD
    assert read["complete"] == ["good"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_is_reported(read: dict[str, Any], name: str) -> None:
    problems = [problem for problem in read["problems"] if problem.startswith(f"source {name}: ")]
    assert problems
    assert "unforeseen" not in problems[0]


def test_it_all_ends_in_the_functions_time_and_memory(read: dict[str, Any]) -> None:
    assert read["seconds_left"] > 0
    assert not read["truncated"]
    if sys.platform == "linux":
        assert read["peak"] < deployed_megabytes() * memory.MEGABYTE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process had at most")
@pytest.mark.parametrize(
    "value", ["[]", "{}", "[[[[[]]]]]", '{"a":{}}', '{"id":"1"}', "1e9", "999", '"ab"', '{"id":1234567,"b":null}']
)
def test_no_answer_that_is_taken_needs_more_memory_than_was_thought(value: str) -> None:
    """Of each kind of value as many as just fit are parsed."""
    count = memory.most_parsed_bytes() // memory.parsed_bytes(f"{value},".encode())
    code = f"""
import json, re, sys
body = b"[" + b",".join([{value.encode()!r}] * {count}) + b"]"
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
before = peak()
found = json.loads(body)
ids = tuple(str(index) for index in range(len(found)))
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < memory.most_parsed_bytes()
