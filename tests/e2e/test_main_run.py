"""The schedule fires on 47 failed communications: what the README promises, for real."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

import pytest

from local import runs
from tests.e2e.scene import headline, lines, named


def test_every_promise_of_the_demo_is_kept(main_run):
    assert [check for check in main_run.checks if check.differences] == []


def test_47_listed_make_one_execution_with_children_for_20_20_and_7(main_run, stack):
    assert main_run.answer["listed"] == main_run.answer["eligible"] == 47
    assert (main_run.answer["batches"], main_run.answer["truncated"]) == (3, False)
    assert [len(batch.ids) for batch in main_run.run.batches] == [20, 20, 7]
    assert main_run.answer["execution"].endswith(":20261124T021500Z")


def test_counts_per_outcome_are_as_seeded(main_run, stack):
    assert dict(main_run.run.counts()) == {"requeued": 42, "refused": 4, "failed": 1}
    assert Counter(stack.expected.values()) == {"requeued": 42, "refused": 4, "failed": 1}


def test_batches_are_green_and_the_run_is_red_with_a_cause_in_words(main_run, stack):
    assert {batch.status for batch in main_run.run.batches} == {"SUCCEEDED"}
    assert (main_run.run.status, main_run.run.error) == ("FAILED", "RunIncomplete")
    assert main_run.run.cause == "1 of 47 communications not requeued; run 20261124T021500Z"


def test_one_digest_for_the_run_names_what_failed_and_why(main_run, stack):
    [mail] = main_run.mails
    assert headline(mail) == (
        "Some communications were turned away: POST /communications/requeue: HTTP 503 Service Unavailable (email)."
    )
    assert lines(mail) == {
        "requeued": 42,
        "now wait for a person": 4,
        "turned away": 1,
    }
    failed = {key for key, outcome in main_run.run.outcomes.items() if outcome in ("refused", "failed")}
    assert set(named([mail])) == failed
    assert main_run.run.arn in mail.body
    assert mail.recipient == "ops@example.com"
    assert len(mail.subject) <= 100
    assert mail.subject.isascii()


def test_nothing_was_enqueued_delivered_or_received_twice(main_run, stack):
    rows = stack.store.query("SELECT * FROM communication WHERE enqueued > 0 OR delivered > 0")
    assert {(row["enqueued"], row["delivered"], row["sent"], row["status"]) for row in rows} == {(1, 1, 1, "sent")}
    own = {row["id"] for row in stack.store.query("SELECT id FROM communication")}  # another application mails as well
    received = Counter(key for key in stack.mails.references() + stack.gateway.references() if key in own)
    assert received == Counter(row["id"] for row in rows)
    assert len(received) == 42


def test_the_log_of_an_application_that_asked_for_it_twice_is_one_entry(main_run, stack):
    flaky = stack.store.query("SELECT enqueued FROM communication WHERE trouble = 'flaky:0'")
    assert [row["enqueued"] for row in flaky] == [1] * 5


def test_the_same_firing_delivered_again_starts_nothing_twice(main_run, as_deployed, stack):
    before = runs.statuses(stack)
    still_failed = len(stack.store.query("SELECT id FROM communication WHERE status = 'failed'"))
    stack.fire("2026-11-24T02:15:00Z")
    again = runs.wait_for_answer(stack, main_run.run.run_id, times=2)
    assert again["listed"] == still_failed == 5
    assert again["eligible"] == 0
    assert runs.statuses(stack).keys() == before.keys()
    assert stack.store.query("SELECT enqueued FROM communication WHERE enqueued > 1") == []


def test_every_line_of_the_functions_logs_names_its_run_and_no_address(main_run, stack):
    lines = [line for line in runs.log(stack, "requeue_communication") if line.get("message") == "communication done"]
    assert {line["runId"] for line in lines} >= {main_run.run.run_id}
    text = json.dumps(lines)
    for row in stack.store.query("SELECT recipient, body FROM communication"):
        assert row["recipient"] not in text
        assert row["body"] not in text


@pytest.mark.parametrize("function", ["list_failed", "batch", "requeue_communication", "conclude"])
def test_the_token_is_in_no_log_and_in_no_environment(main_run, stack, function):
    name = stack.outputs["function_names"][function]
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    configuration.pop("ResponseMetadata")
    assert stack.token not in json.dumps(configuration)
    assert stack.token not in json.dumps(runs.log(stack, function))


def test_the_token_is_in_no_file_of_the_run_and_in_no_mail_or_history(main_run, stack):
    for file in (each for each in stack.folder.rglob("*") if each.is_file()):
        with suppress(FileNotFoundError):  # the files beside a database go when its last connection does
            assert stack.token.encode() not in file.read_bytes(), file
    assert stack.secret_arn in (stack.folder / "terraform.tfstate").read_text()
    arns = [main_run.run.arn, *(batch.arn for batch in main_run.run.batches)]
    histories = [runs.history(stack, arn) for arn in arns]
    assert stack.token not in json.dumps([mail.body for mail in main_run.mails] + histories, default=str)
