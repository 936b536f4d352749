"""A wrong input is refused at plan time, in words that say what would be right."""

from __future__ import annotations

import re

import pytest

from tests.plan.conftest import ROOT
from tests.plan.wrong import EIGHT, TOGETHER, WRONG, Wrong


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_input_is_refused_and_told_what_would_be_right(wrong: Wrong, refusal: str):
    for words in wrong.says:
        assert words in refusal


@pytest.mark.parametrize("says", [says for _, says in TOGETHER.values()], ids=TOGETHER)
def test_inputs_that_are_wrong_only_together_are_refused(says: str, second_refusal: str):
    assert says in second_refusal


def test_eight_wrong_variables_are_all_named_in_one_plan(refusal: str):
    errors = [error for error in refusal.split("Error: ") if " in module.eight: " in error]
    assert len(errors) == len(EIGHT) == 8
    for variable, (_, says) in EIGHT.items():
        assert any(says in error for error in errors), f"{variable} is not named"


def test_every_validation_of_the_module_refuses_something(refusal: str, second_refusal: str):
    files = [ROOT / "variables.tf", ROOT / "modules" / "consistency" / "variables.tf"]
    messages = re.findall(r'error_message += "(.+)"', "".join(file.read_text() for file in files))
    assert len(messages) == sum(file.read_text().count("validation {") for file in files)
    for message in messages:
        beginning = message.replace('\\"', '"').split("${")[0]
        assert " ".join(beginning.split()) in refusal + second_refusal
