"""An API that turns communications away: who is blamed for it, how long it is asked, and what people are sent."""

from __future__ import annotations

import threading
import time

import pytest

from local.sinks import Mail
from redrive.redriving import AGREE_TO_WAIT
from tests.e2e.conftest import BATCH_SIZE
from tests.e2e.scene import AT_A_TIME, Ended, headline, lines
from tests.e2e.scripted_api import Answer

FEW, FAILED, MANY = 40, 100, 200
SOURCES = 2
BREAKER = 20
"""`breaker.turned_away`: so many in a row leave a source out."""

MOST_TRIED = SOURCES * BREAKER + AT_A_TIME * BATCH_SIZE
"""The circuit breaker counts by whole batches."""


def test_one_poison_does_not_keep_the_good_ones_back(scene):
    scene.begins(FAILED)
    poison = scene.ids[0]

    def poisoned(call):
        return Answer({}, 403) if call.body["primaryId"] == poison else scene.application(call)

    scene.through(poisoned)
    run = scene.run()
    assert run.counts == {"requeued": FAILED - 1, "refused": 1}
    assert (scene.lost(), scene.duplicates()) == ([poison], [])
    assert scene.attempts(poison) == {("open", 1)}
    [mail] = scene.mails(wanted=1)
    assert "HTTP 403 Forbidden" in headline(mail)
    assert lines(mail) == {"requeued": FAILED - 1, "turned away": 1}


@pytest.fixture(scope="module")
def every_post_is_404(scene) -> dict[str, tuple[Ended, int, list[str], list[Mail]]]:
    """A typo in `requeue.path`, or a gateway during a deployment: two runs meet it, then the path is mended."""
    scene.begins(FAILED, settings={"REDRIVE_RUN": {"breaker_turned_away": BREAKER}})
    scene.through(lambda _: Answer({"error": "no such page"}, 404))
    told = {}
    for name in ("first", "second", "mended", "after"):
        if name == "mended":
            scene.through(scene.application)
        before = len(scene.posts())
        run = scene.run()
        told[name] = run, len(scene.posts()) - before, scene.manual(), scene.mails()
        scene.an_hour_later()
    return told


def test_the_circuit_breaker_bounds_what_is_asked(every_post_is_404):
    _, first, _, _ = every_post_is_404["first"]
    _, second, _, _ = every_post_is_404["second"]
    assert BREAKER <= first <= MOST_TRIED
    assert 0 < second <= AT_A_TIME * BATCH_SIZE  # half-open: a batch tries each source, the others wait for it


def test_nobody_becomes_manual(every_post_is_404):
    assert [manual for _, _, manual, _ in every_post_is_404.values()] == [[], [], [], []]


def test_all_go_out_in_the_next_run_once(scene, every_post_is_404):
    run, _, _, _ = every_post_is_404["mended"]
    assert run.counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert scene.attempts() == {("requeued", 1)}


def test_the_same_bad_news_is_mailed_once_and_that_it_is_over_once(every_post_is_404):
    first, second, mended, after = (mails for _, _, _, mails in every_post_is_404.values())
    assert [headline(mail) for mail in first] == ["The API turned everything away: HTTP 404 Not Found (email, sms)."]
    assert "What to check: requeue.path (/communications/requeue)" in first[0].body
    assert second == after == []
    assert [headline(mail) for mail in mended] == ["Resolved: communications are requeued again."]


def test_a_run_with_nothing_to_send_starts_no_execution(every_post_is_404):
    run, asked, _, mails = every_post_is_404["after"]
    assert (run.answer["listed"], run.answer["execution"], asked, mails) == (0, None, 0, [])


def test_refused_credentials_make_one_mail_and_few_requests(scene):
    scene.begins(FAILED)
    scene.through(lambda _: Answer({"error": "who are you?"}, 401))
    run = scene.run()
    assert run.status == "FAILED"
    assert {batch.stopped["Error"] for batch in run.run.batches if batch.stopped} == {"CredentialsRefused"}
    assert len(scene.posts()) <= AT_A_TIME * BATCH_SIZE
    assert scene.manual() == []
    [mail] = scene.mails(wanted=1)
    assert headline(mail) == "Nothing more could be sent: POST /communications/requeue: HTTP 401 Unauthorized."
    assert "What to check: the secret of api.auth" in mail.body
    scene.through(scene.application)
    scene.an_hour_later()
    assert scene.run().counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates()) == ([], [])
    [mail] = scene.mails(wanted=1)
    assert headline(mail) == "Resolved: communications are requeued again."


def test_an_api_that_is_down_in_the_middle_of_a_run_costs_nobody_more_than_an_attempt(scene):
    scene.begins(FAILED)

    def away_for_a_while(call):
        return Answer({}, 503) if 30 <= len(scene.posts()) < 90 else scene.application(call)

    scene.through(away_for_a_while)
    during = scene.run()
    assert during.counts.keys() == {"requeued", "failed"}
    left = {key for key, outcome in during.outcomes.items() if outcome == "failed"}
    assert {key for key, times in scene.enqueued().items() if not times} == left
    assert scene.attempts(*left) <= {("open", 0), ("open", 1)}

    scene.an_hour_later()
    afterwards = scene.run()
    assert afterwards.outcomes == dict.fromkeys(left, "requeued")
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert left <= set(scene.sent_again())  # under the same key
    assert scene.manual() == []


def test_an_api_that_asks_to_wait_is_not_asked_before(scene):
    scene.begins(MANY)
    early: list[str] = []
    told: dict[str, float] = {}

    def wait(call):
        key, now = call.body["primaryId"], time.time() + scene.stack.clock
        if now < told.get(key, 0):
            early.append(key)
        if scene.stack.clock < over:
            told[key] = now + 120
            return Answer({}, 429, {"Retry-After": "120"})
        return scene.application(call)

    over = scene.stack.clock + 120
    scene.through(wait)
    with scene.machine(RequeueBatches=_looking_again_each_second):
        run_id = scene.fires()
        answer = scene.answered(run_id)
        scene.opened(run_id, "wait", times=AT_A_TIME)
        # Ten sandboxes stop when three in a row of a source were told to wait: one may be about its recipient.
        assert 0 < len(scene.posts()) <= 10 * 2 * AGREE_TO_WAIT
        assert len(told) == len(scene.posts())
        scene.later(121)
        run = scene.ended(answer)
    assert run.counts["failed"] == len(told)
    assert run.counts["requeued"] > MANY // 2, "the run goes on when the time is over"
    assert scene.attempts(*told) == {("open", 0)}
    assert scene.manual() == []
    scene.an_hour_later()
    rest = {key for key, outcome in run.outcomes.items() if outcome != "requeued"}
    assert scene.run().outcomes == dict.fromkeys(rest, "requeued")
    assert (early, scene.lost(), scene.duplicates()) == ([], [], [])


def _looking_again_each_second(state):
    """Let a batch that waits look again each second: it is the functions' clock that is moved, not the machine's."""
    wait = {"Type": "Wait", "Seconds": 1, "Next": "OpenBatch"}
    processor = state["ItemProcessor"]
    return state | {"ItemProcessor": processor | {"States": processor["States"] | {"Wait": wait}}}


def test_an_answer_lost_after_commit_and_three_runs_of_503_later_it_is_one_entry_under_one_key(scene):
    scene.begins(FEW)
    unlucky = set(scene.ids[::10])
    committed: set[str] = set()
    over = threading.Event()

    def answer(call):
        key = call.body["primaryId"]
        if key not in unlucky or over.is_set():
            return scene.application(call)
        if key not in committed:
            committed.add(key)
            scene.application(call)
            return None
        return Answer({}, 503)

    scene.through(answer)
    for number in range(3):
        run = scene.run()
        assert {key for key, outcome in run.outcomes.items() if outcome == "failed"} == unlucky, number
        scene.an_hour_later(but=unlucky)
    over.set()
    assert scene.run().outcomes == dict.fromkeys(unlucky, "requeued")
    assert committed == unlucky
    assert set(scene.sent_again()) == unlucky  # all under one key
    assert scene.manual() == []
    assert (scene.lost(), scene.duplicates()) == ([], [])
