"""What UPGRADING.md promises: an upgrade keeps what was stored, and a run goes on in the middle of it."""

from __future__ import annotations

import re
import shutil
from collections import Counter

from tests.upgrade.conftest import EMAILS, Story
from tests.upgrade.consumer import Change

HOLD_DATA = {
    "aws_cloudwatch_log_group": "logs",
    "aws_dynamodb_table": "the ledger",
    "aws_sfn_state_machine": "the history of runs",
    "aws_sns_topic": "subscriptions",
    "aws_sns_topic_subscription": "a person's consent",
    "aws_sqs_queue": "messages",
    "terraform_data": "the first name and stage",
}
"""What would be lost with a resource of each type."""


def lost(plan: list[Change]) -> list[str]:
    """The addresses of what holds data and would not go on."""
    goes_on = ("create", "update", "move")
    return [change.address for change in plan if change.type in HOLD_DATA and change.action not in goes_on]


def test_two_stages_are_planned_in_one_clone_and_applied_in_another_without_python(story: Story):
    created = Counter(re.match(r'module\.\w+(\["\w+"\])?', change.address)[0] for change in story.first_plan)
    stages = {f'module.communications_redrive["{stage}"]' for stage in ("staging", "production")}
    assert created.keys() == {*stages, "module.delivery_queue"}
    assert len({created[stage] for stage in stages}) == 1
    for program in ("python", "python3", "pip"):
        assert shutil.which(program, path=str(story.consumer.tools)) is None


def test_an_upgrade_replaces_and_destroys_nothing_that_holds_data(story: Story):
    assert {change.type for change in story.first_plan} >= HOLD_DATA.keys()
    assert lost(story.upgrade) == []


def test_it_would_be_noticed(story: Story):
    """The same tree with another address for the table, and no `moved` block."""
    assert lost(story.renamed) == [
        'module.communications_redrive["production"].module.ledger[0].aws_dynamodb_table.this'
    ]


def test_an_upgrade_keeps_the_ledger_and_the_queue(story: Story):
    known = [key for key in story.ledger_before if key.endswith(" communication")]
    assert len(known) == len(story.posts_before)
    assert story.ledger_after == story.ledger_before
    assert story.messages == 1


def test_a_run_that_was_paused_for_the_upgrade_goes_on_where_it_was(story: Story):
    assert len(story.posts_before) == 5
    assert sorted(call.body["primaryId"] for call in story.calls) == EMAILS
    assert len({call.headers["Idempotency-Key"] for call in story.calls}) == len(EMAILS)


def test_the_next_run_knows_what_was_sent_before_the_upgrade(story: Story):
    assert story.next_answer["listed"] == len(EMAILS)
    assert story.next_answer["eligible"] == 0
    assert story.next_answer["skipped"] == {"cooling_down": len(EMAILS) - 1, "manual": 1}
    assert story.refused in story.posts_before


def test_a_second_plan_is_empty(story: Story):
    assert story.is_as_applied


def test_a_change_of_stage_is_refused_by_the_plan_in_words(story: Story):
    assert "name and stage cannot change after the first apply" in story.refusal
    assert (
        'They make "communications-redrive-production-2" and made "communications-redrive-production".' in story.refusal
    )
