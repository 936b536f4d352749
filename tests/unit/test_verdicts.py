"""What a communication that was turned away is charged with when its run ends."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.verdicts import ABOUT_THE_ENTITY, Tried, Verdict, verdict

DAY = 86400.0
MOSTLY_ACCEPTED = Tried(4, 3)
FEW_ACCEPTED = Tried(100, 1)
NONE_ACCEPTED = Tried(100, 0)
NOTHING_COUNTED = Tried()


def decide(status: int | None, tried: Tried, open_seconds: float = 0, **more: Any) -> Verdict:
    return verdict(status, tried, open_seconds, DAY, **more)


@pytest.mark.parametrize("status", sorted(ABOUT_THE_ENTITY))
def test_an_answer_about_the_entity_needs_a_person_at_once_where_most_others_were_accepted(status: int) -> None:
    assert decide(status, MOSTLY_ACCEPTED) is Verdict.MANUAL


@pytest.mark.parametrize("status", sorted(ABOUT_THE_ENTITY))
@pytest.mark.parametrize("tried", [FEW_ACCEPTED, Tried(3, 2), Tried(100, 74)])
def test_where_many_were_not_it_needs_a_person_after_a_day(status: int, tried: Tried) -> None:
    assert decide(status, tried, DAY - 1, is_first_time=False) is Verdict.OPEN
    assert decide(status, tried, DAY, is_first_time=False) is Verdict.MANUAL


@pytest.mark.parametrize("status", sorted(ABOUT_THE_ENTITY))
@pytest.mark.parametrize("tried", [Tried(2, 0), Tried(5, 0), NONE_ACCEPTED])
@pytest.mark.parametrize("is_first_time", [True, False])
def test_what_everything_gets_accuses_nobody(status: int, tried: Tried, is_first_time: bool) -> None:
    assert decide(status, tried, is_first_time=is_first_time) is Verdict.OPEN
    assert decide(status, tried, DAY, is_first_time=is_first_time) is Verdict.CHARGED


@pytest.mark.parametrize("status", sorted(ABOUT_THE_ENTITY))
def test_alone_it_must_come_in_two_runs(status: int) -> None:
    assert decide(status, Tried(1, 0)) is Verdict.OPEN
    assert decide(status, Tried(1, 0), is_first_time=False) is Verdict.MANUAL


@pytest.mark.parametrize("status", sorted(ABOUT_THE_ENTITY))
def test_where_the_breaker_was_open_at_the_end_it_must_come_in_two_runs(status: int) -> None:
    assert decide(status, MOSTLY_ACCEPTED, ended_open=True) is Verdict.OPEN
    assert decide(status, MOSTLY_ACCEPTED, ended_open=True, is_first_time=False) is Verdict.MANUAL


@pytest.mark.parametrize("status", [None, 200, 401, 403, 404, 408, 421, 425, 500, 503])
def test_whatever_else_is_turned_away_is_charged_where_most_were_accepted(status: int | None) -> None:
    assert decide(status, MOSTLY_ACCEPTED) is Verdict.CHARGED
    assert decide(status, Tried(8, 5)) is Verdict.OPEN


@pytest.mark.parametrize("status", [None, 403, 404, 409, 503])
@pytest.mark.parametrize("tried", [FEW_ACCEPTED, NONE_ACCEPTED, NOTHING_COUNTED])
def test_whatever_was_turned_away_for_a_day_is_charged_whoever_is_to_blame(status: int | None, tried: Tried) -> None:
    assert decide(status, tried, DAY - 1) is Verdict.OPEN
    assert decide(status, tried, DAY) is Verdict.CHARGED


def test_already_queued_is_no_attempt_before_a_day_though_all_others_are_accepted() -> None:
    assert decide(409, MOSTLY_ACCEPTED, DAY - 1) is Verdict.OPEN
    assert decide(409, MOSTLY_ACCEPTED, DAY) is Verdict.CHARGED


@pytest.mark.parametrize(("status", "was_asked_to_wait"), [(429, False), (429, True), (503, True)])
def test_to_be_asked_to_wait_is_charged_after_a_day_in_which_others_pass_or_after_three(
    status: int, was_asked_to_wait: bool
) -> None:
    more = {"was_asked_to_wait": was_asked_to_wait}
    assert decide(status, MOSTLY_ACCEPTED, **more) is Verdict.OPEN
    assert decide(status, NONE_ACCEPTED, 3 * DAY - 1, **more) is Verdict.OPEN
    assert decide(status, NONE_ACCEPTED, 3 * DAY, **more) is Verdict.CHARGED
    assert decide(status, MOSTLY_ACCEPTED, DAY, **more) is Verdict.CHARGED


def test_a_source_of_which_nothing_was_tried_is_not_mostly_accepted() -> None:
    assert not NOTHING_COUNTED.mostly_accepted
