"""What is pinned: the demo's environment becomes that of the tests by adding to it."""

from __future__ import annotations

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def pinned(name: str) -> set[str]:
    """Give the packages of a set, each with its version and where it is wanted."""
    return set(re.findall(r"^\S+==.*?(?= \\$)", (REQUIREMENTS / f"{name}.txt").read_text("utf-8"), re.MULTILINE))


def test_all_that_the_local_stack_needs_is_what_the_tests_have() -> None:
    assert {requirement.partition("==")[0] for requirement in pinned("local")} >= {"boto3", "moto", "waitress"}
    assert pinned("local") < pinned("dev")
