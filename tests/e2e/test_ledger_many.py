"""200 communications in 40 batches, against an API that counts its requests at a time and in each second."""

from __future__ import annotations

import threading
import time

import pytest

from tests.e2e.scene import headline, lines

FAILED, BATCH_SIZE, BATCHES = 200, 5, 40
AT_A_TIME, PER_SECOND = 10, 5
"""What `max_concurrency` allows, and less than any machine could send."""

LONG = 20
"""Seconds in which it does not matter that a request, once it may go, takes its time to the API."""


class Counting:
    """How many requests there were at a time, and when they began.

    The first wait for each other, and a second more, in which one too many would come.
    """

    def __init__(self, application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._full = threading.Event()
        self.at_a_time = self.most_at_a_time = 0
        self.begun: list[float] = []

    def answer(self, call):
        with self._lock:
            self.begun.append(time.monotonic())
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
            is_early = len(self.begun) <= AT_A_TIME
        try:
            if self.at_a_time == AT_A_TIME:
                self._full.set()
            if is_early:
                self._full.wait(5)  # less than a request may take
                time.sleep(1)
            return self._application(call)
        finally:
            with self._lock:
                self.at_a_time -= 1

    def most_within(self, seconds: float) -> int:
        """Give how many began within so many seconds at most, whenever that was."""
        most = first = 0
        for last, begun in enumerate(self.begun):
            while begun - self.begun[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


@pytest.fixture(scope="module")
def many(scene):
    """All of them, with `max_concurrency` 10 and `max_requests_per_second` 5."""
    settings = {"REDRIVE_RUN": {"max_requests_per_second": PER_SECOND}, "REDRIVE_BATCH_SIZE": BATCH_SIZE}
    scene.begins(FAILED, settings=settings)
    counting = Counting(scene.application)
    scene.through(counting.answer)
    run = scene.ended(scene.answered(scene.fires()))
    return run, counting, scene.mails(wanted=1)


def test_everything_goes_out_once_in_one_execution(scene, many):
    run, _, _ = many
    assert (run.answer["batches"], len(run.run.batches)) == (BATCHES, BATCHES)
    assert (run.status, run.counts) == ("SUCCEEDED", {"requeued": FAILED})
    assert len(scene.new_executions()) == 1
    assert (scene.lost(), scene.duplicates(), scene.sent_again()) == ([], [], [])


def test_neither_limit_is_exceeded(many):
    _, counting, _ = many
    assert counting.most_at_a_time <= AT_A_TIME
    assert counting.most_within(LONG) <= PER_SECOND * (LONG + 2)  # one that set out late on a busy machine counts later


def test_and_there_is_one_mail(many):
    _, _, [mail] = many
    assert headline(mail) == "Everything that could be sent was requeued."
    assert lines(mail) == {"requeued": FAILED}
