"""One run at a time, over 60 communications: who may go beside it, what is left for the next, and what it costs."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.aws.dynamodb import WRITE_UNIT_BYTES, size
from local.stack import wait_until
from tests.e2e.conftest import BATCH_SIZE
from tests.e2e.scene import COMMUNICATION, HOUR, headline, lines, next_hour
from tests.e2e.scripted_api import Answer

FAILED, AT_MOST = 60, 40
BATCHES = FAILED // BATCH_SIZE
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def overlapping(scene) -> dict[str, object]:
    """While a scheduled run is on: another firing, an operator's run of everything, and one of named ids."""
    scene.begins(FAILED)
    named = scene.ids[FAILED // 2 : FAILED // 2 + 3]  # from the middle of the list, which is sent last
    told = {}
    with scene.held(after=20):
        told["run_id"] = scene.fires()
        wait_until(lambda: len(scene.posts()) > 20, "some of the run")
        told["firing"] = scene.fires()
        wait_until(lambda: scene.skipped(told["firing"]), "the second firing")
        told["operator"] = scene.deployed.run()
        told["dry run"] = scene.deployed.run({"dryRun": True})
        told["ids"] = scene.deployed.run({"ids": named})
    told["run"] = scene.ended(scene.answered(told["run_id"]))
    told["beside"] = scene.ended(told["ids"])
    told["executions"] = scene.new_executions()
    return told


def test_a_firing_while_a_run_is_on_lists_nothing_and_the_log_says_so(scene, overlapping):
    [line] = scene.skipped(overlapping["firing"])
    assert line["why"] == f"run {overlapping['run_id']} is on; nothing was listed"
    assert [arn.rpartition(":")[2] for arn in overlapping["executions"]] == sorted(
        [overlapping["run_id"], overlapping["ids"]["runId"]]
    )


def test_an_operator_is_refused_in_words_unless_he_names_ids(overlapping):
    assert overlapping["operator"]["errorType"] == "RunInProgress"
    assert overlapping["run_id"] in overlapping["operator"]["errorMessage"]
    assert overlapping["dry run"]["listed"] == FAILED
    assert overlapping["ids"]["eligible"] <= 3


def test_whoever_comes_first_sends_and_nothing_goes_out_twice(scene, overlapping):
    counts = overlapping["run"].counts + overlapping["beside"].counts
    assert counts["requeued"] == FAILED
    assert counts.keys() <= {"requeued", "skipped"}
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
    assert scene.attempts() == {("requeued", 1)}


def test_a_firing_that_is_delivered_twice_at_once_sends_each_communication_once(scene):
    scene.begins(FAILED)
    hour = next_hour()
    with ThreadPoolExecutor(2) as scheduler:
        [run_id] = set(scheduler.map(lambda _: scene.fires(hour), range(2)))
    run = scene.ended(scene.answered(run_id))
    assert run.counts == {"requeued": FAILED}
    assert len(scene.new_executions()) == 1
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
    assert len(scene.mails(wanted=1)) == 1


@pytest.fixture(scope="module")
def in_two_parts(scene) -> dict[str, object]:
    """`max_per_run` is AT_MOST; what a run asks of the table is counted."""
    scene.begins(FAILED, settings={"REDRIVE_MAX_PER_RUN": AT_MOST})
    before = scene.requests()
    first = scene.run()
    asked = scene.requests() - before
    second = scene.run()
    return {"first": first, "second": second, "asked": asked, "mails": scene.mails(wanted=1)}


def test_what_is_beyond_max_per_run_is_left_for_the_next_run_and_taken_then(scene, in_two_parts):
    first, second = in_two_parts["first"], in_two_parts["second"]
    assert (first.answer["eligible"], first.answer["truncated"], first.counts) == (AT_MOST, True, {"requeued": AT_MOST})
    assert (second.answer["eligible"], second.answer["truncated"], second.counts) == (20, False, {"requeued": 20})
    assert second.skipped == {"cooling_down": AT_MOST}
    assert Counter(key.startswith("em-") for key in first.outcomes) == {True: 20, False: 20}
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
    [mail] = in_two_parts["mails"]  # that the second run went well, too, is no other news
    assert lines(mail) == {"requeued": AT_MOST, "beyond max_per_run": 20}


def test_a_communication_costs_two_writes_of_one_unit_and_no_read(scene, in_two_parts):
    asked, batches = in_two_parts["asked"], AT_MOST // BATCH_SIZE
    others = asked["UpdateItem"] - 2 * AT_MOST
    # Each batch moves the circuit breaker; then there are the run's record, the lock, what is remembered of digests.
    assert batches <= others <= batches + 10
    # The lister reads what it listed by the hundred; a batch is read when it opens and when it closes; Conclude reads
    # all tallies at once.
    assert asked["BatchGetItem"] == 1 + 2 * batches + 1
    assert asked["PutItem"] == 1 + 1 + batches  # the lock, the circuit breaker, a tally for each batch
    assert asked["BatchWriteItem"] == 1
    assert asked["GetItem"] + asked["Query"] <= 10
    assert asked["TransactWriteItems"] == 1  # the digest, and what is remembered of digests
    stored = [item for item in scene.raw_items() if item["sk"]["S"] == COMMUNICATION]
    assert len(stored) == FAILED
    assert max(map(size, stored)) <= WRITE_UNIT_BYTES


def test_a_source_whose_list_fails_leaves_the_other_alone_and_one_digest_says_it(scene):
    scene.begins(FAILED)
    scene.wire.on("GET", "/sms", Answer({"error": "broken"}, 400))
    first = scene.run()
    assert first.counts == {"requeued": FAILED // 2}
    assert all(key.startswith("em-") for key in first.outcomes)
    assert first.status == "FAILED"
    [mail] = scene.mails(wanted=1)
    assert headline(mail).startswith("Not everything that failed could be listed: source sms: GET /sms: HTTP 400")
    scene.workers_go_on()
    assert scene.run().status == "FAILED"  # nothing to send, and the list fails again: no news
    assert scene.mails() == []
    scene.wire.on("GET", "/sms", scene.application)
    assert scene.run().counts == {"requeued": FAILED // 2}
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
    [mail] = scene.mails(wanted=1)
    assert headline(mail) == "Resolved: communications are requeued again."


def test_daily_digests_are_one_a_day_with_what_the_others_would_have_said(scene):
    scene.begins(FAILED, settings={"REDRIVE_NOTIFICATIONS": {"digest": "daily"}, "REDRIVE_MAX_PER_RUN": 20})
    first = scene.run()
    [mail] = scene.mails(wanted=1)
    assert lines(mail) == {"requeued": 20, "beyond max_per_run": 40}
    scene.workers_go_on()
    second = scene.run()
    scene.workers_go_on()
    assert scene.mails() == []
    scene.later(DAY)
    third = scene.run()
    assert first.counts + second.counts + third.counts == {"requeued": FAILED}
    [mail] = scene.mails(wanted=1)
    assert lines(mail) == {"requeued": 20}
    assert "Since the last digest: 1 run without one, 20 requeued, 0 turned away, 0 new for a person." in mail.body
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
