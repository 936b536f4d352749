"""The function is killed at every line that matters: one attempt, one key, one entry."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from local import runs
from local.stack import wait_until
from tests.e2e.scene import LEASE_SECONDS, every, lines

FAILED = 60
TRIES_OF_A_WRITE = 5
"""With which a function's client asks the table."""


def holding(scene):
    """Give what keeps the answers of requests that were carried out, what counts these, and what ends it."""
    held, ended = threading.Semaphore(0), threading.Event()

    def hold(call):
        answer = scene.application(call)
        held.release()
        ended.wait(300)
        return answer

    return hold, held, ended


def test_killed_before_the_request_it_is_sent_once_also_if_the_dead_ones_claim_arrives_late(scene):
    scene.begins(failed=FAILED)
    scene.fault("UpdateItem", "delay", count=10_000, after=1, seconds=300)  # after the lister's: the run's record
    run_id = scene.fires()
    wait_until(lambda: scene.faults_met() >= 5 * TRIES_OF_A_WRITE, "claims of at least five under way", seconds=300)
    assert scene.posts() == []
    assert scene.kill() >= 5
    scene.faults_end()
    run = scene.ended(scene.answered(run_id))
    assert run.counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert scene.sent_again() == []
    assert scene.attempts() == {("requeued", 1)}


def test_killed_between_request_and_answer_the_same_run_goes_on_under_the_same_key(scene):
    scene.begins(failed=FAILED)
    hold, held, killed = holding(scene)
    scene.through(every(5, otherwise=scene.application, then=hold))  # so that the fifth is in the first batches
    run_id = scene.fires()
    for _ in range(5):
        assert held.acquire(timeout=300)
    assert scene.kill() >= 5
    killed.set()
    assert scene.ended(scene.answered(run_id)).counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert len(scene.sent_again()) >= 5
    assert scene.attempts() == {("requeued", 1)}


def test_killed_between_answer_and_ledger_the_same_run_goes_on_under_the_same_key(scene):
    scene.begins(failed=FAILED)
    throttled = threading.Event()

    def answer_and_throttle(call):
        answer = scene.application(call)
        if len(scene.posts()) >= 20 and not throttled.is_set():
            scene.fault("UpdateItem", "throttle", count=10_000)
            throttled.set()
        return answer

    scene.through(answer_and_throttle)
    run_id = scene.fires()
    assert throttled.wait(300)
    wait_until(lambda: scene.faults_met() >= 20, "conclusions that cannot be written")
    enqueued = {key for key, times in scene.enqueued().items() if times}
    unconcluded = {key for key, item in scene.ledger().items() if item["state"] == "open"}
    assert enqueued & unconcluded
    assert scene.kill() >= 5
    scene.faults_end()
    counts = scene.ended(scene.answered(run_id)).counts
    scene.later(LEASE_SECONDS)
    counts += scene.run().counts  # what could not be claimed in all its tries
    assert counts["requeued"] == FAILED
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert set(scene.sent_again()) >= enqueued & unconcluded
    assert scene.attempts() == {("requeued", 1)}


def test_killed_and_its_run_stopped_as_well_a_later_run_goes_on_under_the_same_key(scene):
    scene.begins(failed=FAILED)
    hold, held, killed = holding(scene)
    scene.through(hold)
    run_id = scene.fires()
    for _ in range(5):
        assert held.acquire(timeout=300)
    execution = scene.answered(run_id)["execution"]
    with ThreadPoolExecutor(1) as operator:  # it is answered when its tasks have ended
        operator.submit(scene.stop, execution)
        wait_until(lambda: runs.run(scene.stack, execution).status == "ABORTED", "the end of the run")
        assert scene.kill() >= 5
    killed.set()
    [mail] = scene.mails(wanted=1)
    assert lines(mail)["still under way when the run ended"] >= 5
    scene.through(scene.application)
    in_the_air = [key for key, times in scene.enqueued().items() if times]
    assert len(in_the_air) >= 5

    judged = {item["primaryId"]: item["why"] for item in scene.run(dryRun=True).answer["communications"]}
    assert {judged[key] for key in in_the_air} == {"leased"}
    scene.later(LEASE_SECONDS)
    assert scene.run().counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert set(scene.sent_again()) == set(in_the_air)
    assert scene.attempts() == {("requeued", 1)}
