"""A wrong input is refused at plan time, in words that say what would be right."""

from __future__ import annotations

import re

import pytest

from redrive.results import Result, Severity
from tests.plan import wrong_queue
from tests.plan.conftest import ROOT
from tests.plan.wrong import EIGHT, TOGETHER, WRONG, Wrong

MODULE = [*ROOT.glob("*.tf"), *ROOT.glob("modules/*/*.tf")]


@pytest.mark.parametrize("wrong", [*WRONG, *wrong_queue.OWN], ids=str)
def test_a_wrong_input_is_refused_and_told_what_would_be_right(wrong: Wrong, refusal: str):
    for words in wrong.says:
        assert words in refusal


def test_no_wrong_input_is_answered_by_an_error_of_an_expression(refusal: str):
    """Such as "Attempt to get attribute from null value", which says nothing of what would be right."""
    kinds = {error.split(" on ")[0] for error in refusal.split("Error: ")[1:]}
    assert kinds == {"Invalid value for variable"}


def test_inputs_that_are_wrong_together_are_answered_by_no_other_error(second_refusal: str):
    """But by the provider's own limits, of a name that is too long and the like."""
    kinds = {error.split(" with ")[0].split(" on ")[0] for error in second_refusal.split("Error: ")[1:]}
    assert {kind for kind in kinds if not kind.startswith(("expected", "Too many"))} == {
        "Invalid value for variable",
        "Resource precondition failed",
        "Resource postcondition failed",
        "Module output value precondition failed",
    }


@pytest.mark.parametrize(
    "says",
    [says for _, says in (*TOGETHER.values(), *wrong_queue.TOGETHER.values())],
    ids=[*TOGETHER, *wrong_queue.CALLS_WRONG_TOGETHER],
)
def test_inputs_that_are_wrong_only_together_are_refused(says: str, second_refusal: str):
    assert says in second_refusal


def test_another_name_than_that_of_the_first_apply_is_refused(second_refusal: str):
    assert "name and stage cannot change after the first apply" in second_refusal
    assert 'They make "new-test" and made "old-test".' in second_refusal


def test_eight_wrong_variables_are_all_named_in_one_plan(refusal: str):
    errors = [error for error in refusal.split("Error: ") if " in module.eight: " in error]
    assert len(errors) == len(EIGHT) == 8
    for variable, (_, says) in EIGHT.items():
        assert any(says in error for error in errors), f"{variable} is not named"


def test_every_validation_of_the_module_refuses_something(refusal: str, second_refusal: str):
    refusals = refusal + second_refusal
    places = [
        f"{file.relative_to(ROOT)}:{number},3-"
        for file in MODULE
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if line == "  validation {"
    ]
    assert len(places) > 100
    assert [place for place in places if f" ../../{place}" not in refusals] == []


def test_every_message_is_seen(refusal: str, second_refusal: str):
    """But those of check blocks, which refuse nothing."""
    files = [file for file in MODULE if file.name != "checks.tf"]
    messages = re.findall(r'error_message += (?:format\(\s+)?"(.+)"', "".join(file.read_text() for file in files))
    assert len(messages) > 130
    for message in messages:
        message = re.sub(r"^\${(local\.prefix|var\.name)}: ", "", message)
        beginning = re.split(r"\${|%s", message.replace('\\"', '"'))[0]
        assert " ".join(beginning.split()) in refusal + second_refusal


def test_what_is_not_said_at_a_line_of_the_users_says_of_which_instance():
    """As of the stages of a ``for_each``: Terraform shows the module's own line, and no address."""
    files = [file for file in MODULE if not file.name.startswith("variables")]
    messages = re.findall(r'error_message += "(.+)"', "".join(file.read_text() for file in files))
    assert len(messages) > 25
    for message in messages:
        assert re.match(r"\${(local\.prefix|var\.name)}: |The settings of \${var\.name} ", message), message


def test_the_results_to_filter_by_are_those_of_digests(refusal: str):
    said = refusal.partition("those of result ")[2].partition(", such as")[0]
    assert re.split(", | or ", said) == [*Result]


@pytest.mark.parametrize("severity", [*Severity])
def test_the_document_has_the_results_of_each_severity(severity: Severity):
    text = (ROOT / "docs" / "monitoring.md").read_text()
    [row] = re.findall(rf"^\| `{severity}` \| (.*) \|$", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {result for result in Result if result.severity == severity}


@pytest.mark.parametrize("file", ["variables.tf", "variables_api.tf"])
def test_the_delivery_queue_alone_asks_in_the_same_words(file: str):
    """Not left to a submodule: Terraform looks at what a module hands on only when all of its own inputs are right."""
    assert (ROOT / "modules" / "queue" / file).read_text() == (ROOT / file).read_text()
