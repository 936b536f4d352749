"""Runs that end otherwise than by themselves: aborted, timed out, or with their Conclude killed in the middle."""

from __future__ import annotations

import pytest

from local import runs
from local.stack import wait_until
from tests.e2e.scene import LEASE_SECONDS, headline, lines
from tests.e2e.scripted_api import Answer

FAILED = 100


def test_what_an_aborted_run_had_begun_is_counted_and_the_next_run_goes_on(scene):
    scene.begins(FAILED)
    run_id = scene.fires()
    wait_until(lambda: len(scene.posts()) >= 50, "some of the run")
    execution = scene.answered(run_id)["execution"]
    scene.stop(execution)
    [mail] = scene.mails(wanted=1)
    assert runs.run(scene.stack, execution).status == "ABORTED"
    assert headline(mail) == "The run ended early: ABORTED. Operator: stopped by hand"
    counted = lines(mail)
    assert sum(counted.values()) == FAILED
    assert counted["requeued"] >= 30
    _the_rest_goes_out_once(scene)


def test_a_run_that_times_out_is_concluded_as_well(scene):
    scene.begins(FAILED)
    waits = iter(range(FAILED * 4))
    scene.through(lambda call: scene.application(call) if next(waits) < 30 else Answer({}, 503))
    with scene.machine(TimeoutSeconds=6):
        run_id = scene.fires()
        execution = scene.answered(run_id)["execution"]
        runs.follow(scene.stack, execution)
    [mail] = scene.mails(wanted=1)
    assert runs.run(scene.stack, execution).status == "TIMED_OUT"
    assert headline(mail).startswith("The run ended early: TIMED_OUT")
    assert sum(lines(mail).values()) == FAILED
    scene.through(scene.application)
    _the_rest_goes_out_once(scene)


def _the_rest_goes_out_once(scene):
    scene.later(LEASE_SECONDS)  # not yet a cooldown
    scene.run()
    scene.an_hour_later()
    scene.run()  # what had been turned away
    assert (scene.lost(), scene.duplicates()) == ([], [])
    scene.sent_again()  # each under one key
    assert scene.manual() == []


@pytest.fixture(scope="module")
def killed(scene):
    """Of 100, ten are refused for good and ten are forbidden; Conclude is killed while it writes the verdicts."""
    scene.begins(FAILED, refused=10)
    forbidden = set(scene.ids[10:20])
    scene.through(lambda call: Answer({}, 403) if call.body["primaryId"] in forbidden else scene.application(call))
    scene.fault("TransactWriteItems", "delay", count=10_000, after=5, seconds=300)
    run_id = scene.fires()
    wait_until(lambda: scene.faults_met() >= 1, "a verdict in the middle", seconds=300)
    judged = scene.attempts()
    assert scene.kill("conclude") == 1
    scene.faults_end()
    run = scene.ended(scene.answered(run_id))
    return {"judged": judged, "forbidden": forbidden, "run": run, "mails": scene.mails(wanted=1)}


def test_a_conclude_that_is_killed_goes_on_and_charges_nobody_twice(scene, killed):
    assert ("manual", 0) in killed["judged"]  # some verdicts were written before it died, and not all
    assert len(scene.manual()) == 10
    assert scene.attempts(*killed["forbidden"]) == {("open", 1)}
    assert scene.attempts(*scene.ids[20:]) == {("requeued", 1)}
    [email, sms] = scene.admin("groups")["groups"]
    assert (email["count"], sms["count"]) == (5, 5)


def test_and_one_digest_tells_of_it(killed):
    [mail] = killed["mails"]
    assert lines(mail) == {"requeued": FAILED - 20, "now wait for a person": 10, "turned away": 10}
    assert killed["run"].counts == {"requeued": FAILED - 20, "refused": 20}
