"""200 communications in 40 batches, against an API that counts its requests at a time and in each second."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress

import pytest

from bench.turnover import most_at_a_time, most_within
from tests.e2e.scene import headline, lines

FAILED, BATCH_SIZE, BATCHES = 200, 5, 40
AT_A_TIME, PER_SECOND = 10, 5
"""What `max_concurrency` allows, and less than any machine could send."""

LONG = 20
"""Seconds in which it does not matter that a request, once it may go, takes its time to the API."""


class Counting:
    """From when to when each request was under way.

    The first wait for each other, and a second more, in which one too many would come.
    """

    def __init__(self, application) -> None:
        self._application = application
        self._early = threading.Barrier(AT_A_TIME)
        self._numbers = itertools.count()
        self.requests: list[tuple[float, float]] = []

    def answer(self, call):
        begun = time.monotonic()
        if next(self._numbers) < AT_A_TIME:
            with suppress(threading.BrokenBarrierError):
                self._early.wait(5)  # less than a request may take
            time.sleep(1)
        try:
            return self._application(call)
        finally:
            self.requests.append((begun, time.monotonic()))


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
    assert most_at_a_time(counting.requests) <= AT_A_TIME
    assert most_within(LONG, [begun for begun, _ in counting.requests]) <= PER_SECOND * (
        LONG + 2
    )  # one that set out late on a busy machine counts later


def test_and_there_is_one_mail(many):
    _, _, [mail] = many
    assert headline(mail) == "Everything that could be sent was requeued."
    assert lines(mail) == {"requeued": FAILED}
