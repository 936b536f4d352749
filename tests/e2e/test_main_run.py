"""The schedule fires on 47 failed communications: what the README promises, for real."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from local import runs
from local.application import seed


def test_every_promise_of_the_demo_is_kept(main_run):
    assert [check for check in main_run.checks if check.differences] == []


def test_47_listed_make_three_batches_of_20_20_and_7_and_an_execution_for_each(main_run):
    assert main_run.answer["listed"] == main_run.answer["eligible"] == 47
    assert (main_run.answer["batches"], main_run.answer["truncated"]) == (3, False)
    assert [len(execution.ids) for execution in main_run.executions] == [20, 20, 7]
    assert [execution.arn for execution in main_run.executions] == main_run.answer["executions"]


def test_counts_per_outcome_are_as_seeded(main_run, stack):
    counts = sum((execution.counts() for execution in main_run.executions), Counter())
    assert dict(counts) == {"requeued": 42, "rejected": 4, "failed": 1}
    assert seed.counted(stack.expected) == {"requeued": 42, "skipped": 0, "rejected": 4, "failed": 1}


def test_a_batch_that_goes_well_is_green_and_one_with_failures_red_with_a_cause_in_words(main_run, stack):
    assert [execution.status for execution in main_run.executions] == ["SUCCEEDED", "FAILED", "FAILED"]
    red = stack.client("stepfunctions").describe_execution(executionArn=main_run.executions[1].arn)
    assert red["error"] == "RedriveIncomplete"
    assert "2 of 20 communications not requeued" in red["cause"]


def test_one_mail_for_each_batch_of_which_the_red_ones_name_what_failed_and_why(main_run, stack):
    assert len(main_run.mails) == 3
    for execution in main_run.executions:
        mail = next(mail for mail in main_run.mails if execution.arn in mail.body)
        failed = {key for key, outcome in execution.outcomes.items() if outcome in ("rejected", "failed")}
        assert set(re.findall(r"^- send\.\w+ (\S+): ", mail.body, re.MULTILINE)) == failed
        for key in failed:
            reason = "HTTP 422" if execution.outcomes[key] == "rejected" else "HTTP 503"
            assert re.search(rf"^- \S+ {key}: .*{reason}", mail.body, re.MULTILINE)
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
    runs.wait_until(lambda: len(_done(stack, main_run.run_id)) == 2, "the second answer")
    again = _done(stack, main_run.run_id)[-1]
    assert again["listed"] == still_failed == 5
    started = runs.statuses(stack).keys() - before.keys()
    list(runs.follow(stack, list(started)))
    rows = stack.store.query("SELECT enqueued FROM communication WHERE enqueued > 1")
    assert rows == []


def _done(stack, run_id):
    return [
        line
        for line in runs.log(stack, "list_failed")
        if (line.get("message"), line.get("runId")) == ("run done", run_id)
    ]


def test_every_line_of_the_functions_logs_names_its_run_and_no_address(main_run, stack):
    lines = [line for line in runs.log(stack, "requeue_communication") if line.get("message") == "communication done"]
    assert {line["runId"] for line in lines} >= {main_run.run_id}
    text = json.dumps(lines)
    for row in stack.store.query("SELECT recipient, body FROM communication"):
        assert row["recipient"] not in text
        assert row["body"] not in text


@pytest.mark.parametrize("function", ["list_failed", "requeue_communication"])
def test_the_token_is_in_no_log_and_in_no_environment(main_run, stack, function):
    name = stack.outputs["function_names"][function]
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    configuration.pop("ResponseMetadata")
    assert stack.token not in json.dumps(configuration)
    assert stack.token not in json.dumps(runs.log(stack, function))


def test_the_token_is_in_no_file_of_the_run_and_in_no_mail_or_history(main_run, stack):
    for file in stack.folder.iterdir():
        assert stack.token.encode() not in file.read_bytes(), file
    assert stack.secret_arn in (stack.folder / "terraform.tfstate").read_text()
    histories = [runs.history(stack, execution.arn) for execution in main_run.executions]
    assert stack.token not in json.dumps([mail.body for mail in main_run.mails] + histories, default=str)
