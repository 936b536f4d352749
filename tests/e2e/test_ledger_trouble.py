"""An API and a table in trouble at once: everything goes out once, and nobody's attempts are used up by it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.e2e.scene import Scene
from tests.e2e.scripted_api import Answer, Call

FAILED = 100
SLOW_DOWN = Answer({"error": "slow down"}, 429, {"Retry-After": "1"})


@dataclass
class BadDay:
    """A run in which much goes wrong, each with the first request of some communications; the others are well."""

    scene: Scene
    counts: Counter[str] = field(default_factory=Counter)
    throttled_requests: int = 0
    lost_answers: list[str] = field(default_factory=list)
    told_to_wait: list[str] = field(default_factory=list)
    _met: set[str] = field(default_factory=set)
    _at_once: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: Call) -> Answer | None:
        """Commit and hang up for every fifth communication, tell every tenth after it to wait."""
        key = call.body["primaryId"]
        with self._at_once:
            number, is_first = len(self._met), key not in self._met
            self._met.add(key)
        if not is_first:
            return self.scene.application(call)
        if number in (1, 11, 21):  # all that comes after it waits as well
            self.told_to_wait.append(key)
            return SLOW_DOWN
        answer = self.scene.application(call)
        if number % 5 == 0:
            self.lost_answers.append(key)
            return None
        return answer


@pytest.fixture(scope="module")
def bad_day(scene) -> BadDay:
    day = BadDay(scene.begins(failed=FAILED))
    scene.through(day.answer)
    scene.fault("BatchGetItem", "throttle", count=3)
    scene.fault("UpdateItem", "throttle", count=20, after=10)
    scene.fault("UpdateItem", "throttle", count=20, after=100)
    first = scene.run()
    day.throttled_requests = scene.faults_end()
    scene.an_hour_later()
    day.counts = first.counts + scene.run().counts
    return day


def test_on_a_bad_day_everything_is_sent_once_and_has_made_one_attempt(bad_day):
    assert bad_day.counts["requeued"] == FAILED
    assert (bad_day.scene.lost(), bad_day.scene.duplicates()) == ([], [])
    assert bad_day.scene.attempts() == {("requeued", 1)}


def test_an_answer_lost_after_the_application_committed_is_asked_for_again_under_the_same_key(bad_day):
    assert len(bad_day.lost_answers) >= 15
    assert set(bad_day.lost_answers) <= set(bad_day.scene.sent_again())


def test_a_throttling_api_is_given_the_time_it_asks_for_and_the_same_key(bad_day):
    assert len(bad_day.told_to_wait) == 3
    assert set(bad_day.told_to_wait) <= set(bad_day.scene.sent_again())


def test_nothing_else_was_sent_twice_though_the_table_was_throttled(bad_day):
    assert bad_day.throttled_requests == 43
    assert sorted(bad_day.lost_answers + bad_day.told_to_wait) == bad_day.scene.sent_again()
