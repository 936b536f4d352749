"""The number that a run keeps for each source, and which sources it leaves out."""

from __future__ import annotations

import pytest

from redrive.breaker import LONGEST_HOLD_SECONDS, Move, half_open, held_too_long, moved_by, open_sources
from redrive.models import OutcomeKind

REQUEUED = OutcomeKind.REQUEUED, 202, True
ALREADY = OutcomeKind.SKIPPED, 409, True
COOLING = OutcomeKind.SKIPPED, None, False
REFUSED = OutcomeKind.REFUSED, 422, True
FAILED = OutcomeKind.FAILED, None, True
THROTTLED = OutcomeKind.FAILED, 429, True
NOT_ASKED = OutcomeKind.FAILED, None, False


@pytest.mark.parametrize(
    "outcome", [REFUSED, FAILED, (OutcomeKind.FAILED, 503, True), (OutcomeKind.REFUSED, 404, True)]
)
def test_each_one_turned_away_counts_whatever_the_answer(outcome: tuple[OutcomeKind, int | None, bool]) -> None:
    assert moved_by([outcome] * 20) == Move(20, resets=False)


@pytest.mark.parametrize("outcome", [REQUEUED, ALREADY])
def test_one_that_the_application_has_begins_the_count_again(outcome: tuple[OutcomeKind, int | None, bool]) -> None:
    assert moved_by([REFUSED, REFUSED, outcome, FAILED]) == Move(1, resets=True)


@pytest.mark.parametrize("outcome", [COOLING, NOT_ASKED])
def test_one_that_the_api_was_not_asked_for_says_nothing(outcome: tuple[OutcomeKind, int | None, bool]) -> None:
    assert moved_by([REFUSED, outcome]) == Move(1, resets=False)


def test_a_409_that_nobody_asked_for_now_says_nothing() -> None:
    assert moved_by([(OutcomeKind.SKIPPED, 409, False)]) == Move(0, resets=False)


def test_all_that_is_throttled_in_a_batch_counts_as_one() -> None:
    assert moved_by([THROTTLED] * 20) == Move(1, resets=False)
    assert moved_by([REFUSED, *[THROTTLED] * 19]) == Move(2, resets=False)


def test_throttling_counts_nothing_in_a_batch_of_which_some_passed() -> None:
    assert moved_by([REQUEUED, *[THROTTLED] * 19]) == Move(0, resets=True)


def test_a_source_is_left_out_from_the_threshold_on() -> None:
    assert open_sources({"emails": 50, "sms": 49}, 50) == {"emails"}


def test_a_half_open_source_is_left_out_again_by_one_more() -> None:
    begun = half_open(["emails"], 50)
    assert not open_sources(begun, 50)
    assert open_sources({"emails": begun["emails"] + moved_by([FAILED]).turned_away}, 50) == {"emails"}


def test_a_threshold_of_one_still_lets_a_half_open_source_begin() -> None:
    assert half_open(["emails"], 1) == {"emails": 0}


def test_a_run_waits_for_a_source_for_minutes_and_leaves_it_out_for_longer() -> None:
    held = {"emails": 1000 + LONGEST_HOLD_SECONDS, "sms": 1001 + LONGEST_HOLD_SECONDS}
    assert held_too_long(held, 1000) == {"sms"}
    assert not held_too_long(held, 1001), "the rest of it is short enough"
