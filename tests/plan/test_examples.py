"""The examples are what the documents say they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.apis.documented import rows
from tests.plan.planned import Plan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

LINES_OF = {
    "laravel": "Laravel, `paginate()`",
    "django": "Django REST framework, `LimitOffsetPagination`",
    "rails": "Rails, pagy with its headers",
    "spring": "Spring Data, `Page`",
    "gateway": "Google, AIP-158",
}
"""The row of docs/apis.md whose lines each call of examples/apis has."""

APPLIED_BY = {"gitops": "tests/upgrade/consumer.py"}
"""The examples that are more than one configuration, and who plans and applies them."""


def _calls() -> dict[str, dict[str, Any]]:
    found = hcl2.loads((EXAMPLES / "apis" / "main.tf").read_text())["module"]
    return {name.strip('"'): call for entry in found for name, call in entry.items()}


@pytest.mark.parametrize("example", sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()))
def test_every_example_has_a_readme_is_in_the_list_and_is_planned(example: str, plan: Plan):
    assert (EXAMPLES / example / "README.md").is_file()
    assert f"| [{example}]({example}) |" in (EXAMPLES / "README.md").read_text()
    if example in APPLIED_BY:
        assert f"examples/{example}" in (EXAMPLES.parent / APPLIED_BY[example]).read_text()
        return
    planned = plan.shown["configuration"]["root_module"]["module_calls"].values()
    assert f"../../examples/{example}" in {call["source"] for call in planned}


@pytest.mark.parametrize("call", LINES_OF)
def test_each_kind_of_api_is_read_by_the_lines_that_are_tested(call: str):
    [row] = [row for row in rows() if row.api == LINES_OF[call]]
    lines = hcl2.loads("\n".join(row.source_lines) + "\n")
    for source in _calls()[call]["sources"].values():
        assert lines
        assert {name: source[name] for name in lines} == lines


def test_each_kind_of_api_is_another_style_and_another_login():
    calls = _calls()
    assert calls.keys() == LINES_OF.keys()
    assert {call["api"]["auth"]["type"].strip('"') for call in calls.values()} == {
        "bearer",
        "api_key",
        "basic",
        "oauth2_client_credentials",
        "aws_iam",
    }
    styles = [
        source["pagination"]["style"].strip('"') for call in calls.values() for source in call["sources"].values()
    ]
    assert set(styles) == {"next_url", "offset", "link_header", "page", "cursor"}


def test_three_requests_a_second_are_three(plan: Plan):
    [function] = [
        each
        for each in plan.of("apis", "aws_lambda_function")
        if ".module.laravel.module.requeue_communication[0]." in each.address
    ]
    run = json.loads(function.values["environment"][0]["variables"]["REDRIVE_RUN"])
    assert run["max_requests_per_second"] == 3
