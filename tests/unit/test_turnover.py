"""How much of an API's capacity a run uses, computed."""

from __future__ import annotations

import pytest

from bench import turnover
from bench.turnover import Times, compute, most_at_a_time, most_within
from redrive import control

QUICK = Times(child=0.0, transition=0.0, invoke=0.0, write=0.0, api=0.1)


def test_without_other_times_every_place_asks_as_often_as_the_api_answers():
    found = compute(1000, 20, side_by_side=2, within=5, times=QUICK)
    assert found.at_a_time == 10
    assert found.per_second == pytest.approx(10 / QUICK.api, rel=0.02)


def test_a_rate_is_kept_and_used():
    found = compute(1000, 20, side_by_side=2, within=5, rate=20, times=QUICK)
    assert found.per_second == pytest.approx(0.95 * 20, rel=0.001)


def test_what_opens_and_closes_a_batch_keeps_places_empty():
    slow = Times(child=1.0, transition=0.0, invoke=0.0, write=0.0, api=0.1)
    one, four = (compute(1000, 20, side_by_side=n, within=5, rate=20, times=slow).per_second for n in (1, 4))
    assert one < 0.6 * 20 < 0.9 * 20 < four


def test_larger_batches_keep_places_busier():
    small, large = (compute(1000, size, side_by_side=2, within=5).per_second for size in (20, 100))
    assert large > small


def test_the_rate_is_used_as_far_as_the_module_uses_it():
    assert turnover.SAFETY == control.SAFETY


@pytest.mark.parametrize(
    ("requests", "most"),
    [([(0, 1), (1, 2), (2, 3)], 1), ([(0, 3), (1, 2), (1.5, 4)], 3), ([(1.5, 4), (0, 1.4), (1, 2)], 2)],
)
def test_requests_are_at_once_from_their_start_to_their_end(requests, most):
    assert most_at_a_time(requests) == most


def test_a_second_is_any_second_and_not_one_of_the_clock():
    assert most_within(1, [0.0, 0.9, 1.1, 1.8, 2.5]) == 3
    assert most_within(1, [0.0, 1.0, 2.0]) == 1
    assert most_within(2, [0.0, 1.0, 2.0]) == 2
