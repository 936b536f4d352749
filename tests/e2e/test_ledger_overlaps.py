"""Two runs at once over an application that lists what it has queued already, and would queue it again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.stack import wait_until
from tests.e2e.scene import next_hour


def test_two_operators_at_the_same_moment_send_each_communication_once(scene):
    scene.begins(failed=200)
    with ThreadPoolExecutor(2) as operators:
        first, second = operators.map(lambda _: scene.deployed.run(), range(2))
    assert first["runId"] != second["runId"]
    outcomes = [outcome for answer in (first, second) for outcome in scene.ended(answer).outcomes.values()]
    assert len(outcomes) == first["eligible"] + second["eligible"] > 200, "they did not overlap"
    assert outcomes.count("requeued") == 200
    assert outcomes.count("skipped") == len(outcomes) - 200
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert [keys for keys in scene.keys().values() if len(keys) > 1] == []


def test_a_firing_that_is_delivered_twice_sends_each_communication_once(scene):
    scene.begins(failed=200)
    hour = next_hour()
    with ThreadPoolExecutor(2) as scheduler:
        run_ids = set(scheduler.map(lambda _: scene.fires(hour), range(2)))
    [run_id] = run_ids
    scene.answered(run_id, times=2)
    assert sum(execution.counts()["requeued"] for execution in scene.all_ended()) == 200
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert [keys for keys in scene.keys().values() if len(keys) > 1] == []


def test_an_operator_during_a_scheduled_run_sends_only_what_that_has_not_begun(scene):
    scene.begins(failed=200)
    run_id = scene.fires(next_hour())
    wait_until(lambda: len(scene.posts()) >= 40, "some of the scheduled run")
    operators = scene.run()
    scene.answered(run_id)
    scene.all_ended()
    assert operators.answer["listed"] == 200  # the application still lists what it has queued
    assert operators.skipped.keys() <= {"leased", "cooling_down"}
    assert sum(operators.skipped.values()) >= 40
    assert 0 < operators.counts["requeued"] + operators.counts["skipped"] <= 160
    assert (scene.lost(), scene.duplicates()) == ([], [])
    assert [keys for keys in scene.keys().values() if len(keys) > 1] == []
