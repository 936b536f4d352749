"""What an operator may do to a run in the middle: pause, resume, slow down, stop; and its deadline, `run_hours`."""

from __future__ import annotations

import time

from local.stack import wait_until
from tests.e2e.conftest import BATCH_SIZE
from tests.e2e.scene import AT_A_TIME, HOUR, LEASE_SECONDS, Scene, headline, lines

FAILED = 100
BY_ADA = {"by": "arn:aws:iam::123456789012:user/ada", "why": "the provider is being moved"}
RATED = {"REDRIVE_RUN": {"max_requests_per_second": 100}}


def begun(scene: Scene, posts: int) -> str:
    """Let a run begin and send so many; give its id."""
    run_id = scene.fires()
    wait_until(lambda: len(scene.posts()) >= posts, f"{posts} requests", seconds=300)
    return run_id


def test_a_paused_run_waits_and_goes_on_when_it_is_resumed(scene):
    scene.begins(FAILED)
    with scene.held(after=30):
        run_id = begun(scene, 31)
        paused = scene.admin("pause", seconds=600, **BY_ADA)
    assert (paused["by"], paused["why"]) == (BY_ADA["by"], BY_ADA["why"])
    before = len(scene.posts())
    scene.opened(run_id, "wait", times=AT_A_TIME)
    waiting = len(scene.posts())
    assert waiting - before <= AT_A_TIME * BATCH_SIZE  # batches that are on go to their end
    assert waiting < FAILED
    scene.admin("resume", **BY_ADA)
    assert scene.ended(scene.answered(run_id)).counts == {"requeued": FAILED}
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])
    [mail] = scene.mails(wanted=1)
    assert lines(mail) == {"requeued": FAILED}


def test_with_a_request_rate_a_pause_acts_at_the_next_request(scene):
    scene.begins(FAILED, settings=RATED)
    with scene.held(after=30):
        run_id = begun(scene, 31)
        scene.admin("pause", seconds=600, **BY_ADA)
    before = len(scene.posts())
    scene.opened(run_id, "wait", times=AT_A_TIME)
    assert len(scene.posts()) - before <= 10  # as many as were under way
    scene.admin("resume", **BY_ADA)
    first = scene.ended(scene.answered(run_id))
    paused = first.counts["skipped"]
    assert paused > 0
    assert first.counts == {"requeued": FAILED - paused, "skipped": paused}
    [mail] = scene.mails(wanted=1)
    assert lines(mail)["not sent"] == paused
    second = scene.run()  # at once: nobody had asked for these
    assert second.counts == {"requeued": paused}
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])


def test_slowing_down_acts_at_the_next_request_in_the_middle_of_a_run(scene):
    scene.begins(FAILED, settings=RATED)
    times: list[float] = []

    def note(call):
        times.append(time.monotonic())
        return scene.application(call)

    scene.through(note)
    run_id = begun(scene, 20)
    scene.admin("slowDown", maxRequestsPerSecond=4, **BY_ADA)
    slow_from = len(times) + 10  # what was under way
    wait_until(lambda: len(times) >= slow_from + 20, "some slow ones", seconds=120)
    slow = times[slow_from : slow_from + 20]
    scene.admin("slowDown", maxRequestsPerSecond=None, **BY_ADA)
    assert scene.ended(scene.answered(run_id)).counts == {"requeued": FAILED}
    assert slow[-1] - slow[0] >= 19 / 4 * 0.8  # spaced by a quarter of a second, but for how they travel
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])


def test_a_run_that_is_stopped_says_so_and_the_next_takes_the_rest(scene):
    scene.begins(FAILED, settings=RATED)
    run_id = begun(scene, 30)
    scene.admin("stop", runId=run_id, **BY_ADA)
    before = len(scene.posts())
    first = scene.ended(scene.answered(run_id))
    assert len(scene.posts()) - before <= 10  # as many as were under way
    assert first.status == "FAILED"
    [mail] = scene.mails(wanted=1)
    assert headline(mail) == "The run ended before everything was sent: an operator stopped it."
    assert sum(lines(mail).values()) == FAILED
    scene.run()
    scene.later(LEASE_SECONDS)  # of what waited for a slot when its batch was stopped
    scene.run()
    # What was under way in a stopped batch is not in its history: the application knows.
    assert {call.body["primaryId"] for call in scene.posts()} == set(scene.ids)
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])


def test_a_run_opens_no_batch_after_run_hours(scene):
    scene.begins(FAILED, settings={"REDRIVE_RUN": {"run_hours": 1}})
    run_id = begun(scene, 30)
    scene.later(HOUR + 60)
    assert scene.ended(scene.answered(run_id)).status == "FAILED"
    assert len(scene.posts()) < FAILED
    [mail] = scene.mails(wanted=1)
    assert headline(mail) == "The run ended before everything was sent: it has taken run_hours (1)."
    assert sum(lines(mail).values()) == FAILED
    scene.workers_go_on()
    scene.run()
    scene.later(LEASE_SECONDS)  # of what was under way when its batch was ended
    scene.workers_go_on()
    scene.run()
    # What was under way in a batch that was ended is not in its history: the application knows.
    assert {call.body["primaryId"] for call in scene.posts()} == set(scene.ids)
    assert (scene.lost(), scene.duplicates()) == ([], [])
