"""What weeks of hourly runs do: who is condemned, who waits, how often the API is asked, and what is mailed."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.models import Communication
from redrive.settings import LedgerSettings
from tests.unit.simulation import (
    ACCEPTED,
    BATCH_SIZE,
    BATCHES_AT_A_TIME,
    DAY,
    HOUR,
    MINUTE,
    RETRIES,
    THRESHOLD,
    WEEK,
    Application,
    Behaviour,
    Reply,
    Weeks,
    fine,
    some,
)

A_RUN_OR_TWO = 2 * HOUR
A_PROBE = BATCH_SIZE
UNTIL_OPEN = THRESHOLD + BATCHES_AT_A_TIME * BATCH_SIZE
"""At most so many are asked for before a breaker opens: it moves when a batch ends, and others are under way."""


def only(name: str, reply: Reply) -> Behaviour:
    """Give an API that says this to whatever is called so, and accepts all else."""
    return lambda communication, now: reply if communication.primary_id.startswith(name) else ACCEPTED


def between(begin: float, end: float, reply: Reply) -> Behaviour:
    """Give an API that says nothing else than this for some time."""
    return lambda communication, now: reply if begin <= now < end else ACCEPTED


def one_in(many: float, reply: Reply, seed: int = 1) -> Behaviour:
    """Give an API that says this to a part of all requests, at random."""
    drawn = random.Random(seed)
    return lambda communication, now: reply if drawn.random() < 1 / many else ACCEPTED


def arriving(application: Application, end: float, begin: float = 0) -> list[Communication]:
    """Let three fail an hour, half an hour before a run."""
    hours = range(int(begin / HOUR), int(end / HOUR))
    found = some(3 * len(hours), "good-later")
    for n, hour in enumerate(hours):
        application.will_fail((hour - 0.5) * HOUR, found[3 * n : 3 * n + 3])
    return found


# One that is at fault


@pytest.mark.parametrize("status", [None, 403, 404, 503])
def test_a_poison_among_good_ones_is_manual_within_a_day_and_named_once(status: int | None) -> None:
    application = Application(only("poison", Reply(status)))
    poison = some(1, "poison")
    application.will_fail(0, poison)
    good = arriving(application, 2 * WEEK)
    weeks = Weeks(application).go_on(2 * WEEK)
    assert weeks.condemned(poison + good) == ["poison-1"]
    assert weeks.condemned_at(poison[0]) < DAY
    assert weeks.posts(poison)[0] <= 5 * (1 + RETRIES)
    assert max(weeks.waits(good)) < HOUR
    assert Counter(mail.headline for mail in weeks.mails)["some need a person"] == 1
    assert max(weeks.weekly_mails()) < 10


@pytest.mark.parametrize("count", [1, 3])
def test_credentials_that_the_api_refuses_for_some_alone_keep_nobody_back(count: int) -> None:
    """As an application does that gives the status of its own mail provider on."""
    application = Application(only("poison", Reply(401)))
    poison, pile, sms = some(count, "poison"), some(400, "pile"), some(100, "sms", "sms")
    application.will_fail(0, [*poison, *pile])
    application.will_fail(DAY, sms)
    good = arriving(application, WEEK)
    weeks = Weeks(application).go_on(WEEK)
    assert max(weeks.waits(pile + good + sms)) <= 2 * HOUR
    assert max(weeks.posts(poison)) <= 2 * WEEK / HOUR


@pytest.mark.parametrize("status", [None, 403, 404, 503])
def test_a_poison_in_a_quiet_system_is_manual_within_days(status: int | None) -> None:
    application = Application(only("poison", Reply(status)))
    poison = some(1, "poison")
    application.will_fail(0, poison)
    weeks = Weeks(application).go_on(3 * WEEK)
    assert 4 * DAY < weeks.condemned_at(poison[0]) < 6 * DAY
    assert weeks.posts(poison)[0] <= (1 + RETRIES) * 80
    assert weeks.weekly_mails() == [6], "one a day while it is turned away, and one that a person must look"


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_refused_for_its_content_is_manual_at_once(status: int) -> None:
    application = Application(only("poison", Reply(status)))
    poison = some(1, "poison")
    application.will_fail(0, poison)
    good = arriving(application, WEEK)
    weeks = Weeks(application).go_on(WEEK)
    assert weeks.condemned(poison + good) == ["poison-1"]
    assert weeks.condemned_at(poison[0]) < HOUR
    assert weeks.posts(poison) == [1]


def test_hundreds_refused_for_their_content_hold_up_no_good_ones_and_are_manual_within_days() -> None:
    application = Application(only("bad", Reply(422)))
    bad = some(300, "bad")
    application.will_fail(0, bad)
    good = arriving(application, WEEK)
    weeks = Weeks(application).go_on(WEEK)
    assert len(weeks.condemned(bad)) == 300
    assert not weeks.condemned(good)
    assert max(weeks.waits(good)) <= A_RUN_OR_TWO
    assert DAY < max(weeks.condemned_at(each) for each in bad) < 3 * DAY
    assert max(weeks.posts(bad)) <= 12
    assert max(weeks.weekly_mails()) <= 10


def test_a_pile_of_deleted_rows_at_the_head_of_the_list_holds_up_no_good_ones() -> None:
    application = Application(only("deleted", Reply(404)))
    deleted, good = some(2000, "deleted"), some(100, "good")
    application.will_fail(0, deleted + good)
    later = arriving(application, 2 * DAY)
    weeks = Weeks(application).go_on(2 * DAY)
    assert max(weeks.waits(good + later)) <= A_RUN_OR_TWO
    assert not weeks.condemned(good + later)
    assert max(run.posts for run in weeks.runs[1:]) <= UNTIL_OPEN + 3 * BATCH_SIZE


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_those_who_fail_after_a_pile_of_deleted_rows_do_not_wait_for_it(is_newest_first: bool) -> None:
    application = Application(only("deleted", Reply(404)), is_newest_first=is_newest_first)
    application.will_fail(0, some(2000, "deleted"))
    good = arriving(application, 2 * DAY, begin=HOUR)
    weeks = Weeks(application).go_on(2 * DAY)
    assert max(weeks.waits(good)) <= A_RUN_OR_TWO
    assert max(run.posts for run in weeks.runs) <= UNTIL_OPEN + 2 * BATCH_SIZE


def test_a_pile_of_deleted_rows_in_a_quiet_system_is_manual_in_the_end_with_few_mails_and_a_batch_a_run() -> None:
    application = Application(only("deleted", Reply(404)))
    deleted = some(300, "deleted")
    application.will_fail(0, deleted)
    weeks = Weeks(application).go_on(2 * WEEK)
    assert len(weeks.condemned(deleted)) == 300
    assert max(weeks.condemned_at(each) for each in deleted) < 10 * DAY
    assert max(run.posts for run in weeks.runs[1:]) == A_PROBE
    assert max(weeks.weekly_mails()) < 10


def test_what_comes_back_hours_after_it_was_accepted_is_sent_until_its_attempts_are_used_up() -> None:
    application = Application(
        fine, bounces=lambda communication, times: 5 * HOUR if "bad" in communication.key else None
    )
    bad = some(50, "bad")
    application.will_fail(0, bad)
    good = arriving(application, WEEK)
    weeks = Weeks(application).go_on(WEEK)
    assert len(weeks.condemned(bad)) == 50
    assert weeks.posts(bad) == [5] * 50
    assert not weeks.condemned(good)
    assert max(weeks.weekly_mails()) < 10, "they are used up over hours, and one mail is enough"
    assert sum(mail.headline == "some need a person" for mail in weeks.mails) == 1


def test_what_comes_back_twice_and_then_stays_away_condemns_nobody() -> None:
    application = Application(fine, bounces=lambda communication, times: 5 * HOUR if times < 3 else None)
    communications = some(50)
    application.will_fail(0, communications)
    weeks = Weeks(application).go_on(WEEK)
    assert not weeks.manual
    assert weeks.posts(communications) == [3] * 50


@pytest.mark.parametrize("is_busy", [True, False])
def test_what_the_application_says_it_has_without_end_is_manual_within_days(is_busy: bool) -> None:
    application = Application(only("stuck", Reply(409)))
    stuck = some(5, "stuck")
    application.will_fail(0, stuck)
    good = arriving(application, 2 * WEEK) if is_busy else []
    weeks = Weeks(application).go_on(2 * WEEK)
    assert len(weeks.condemned(stuck)) == 5
    assert min(weeks.condemned_at(each) for each in stuck) > 4 * DAY
    assert max(weeks.condemned_at(each) for each in stuck) < 6 * DAY
    assert max(weeks.posts(stuck)) <= 80
    assert not weeks.condemned(good)
    assert max(weeks.weekly_mails()) < 10


# An API that is at fault


OUTAGES = [
    ("404 for a night", 12, Reply(404)),
    ("404 for a weekend", 48, Reply(404)),
    ("400 for half a day", 12, Reply(400)),
    ("422 for a weekend", 48, Reply(422)),
    ("down for six hours", 6, Reply(None)),
    ("503 for six hours", 6, Reply(503)),
    ("down for three days", 72, Reply(None)),
    ("429 for an hour", 1, Reply(429)),
    ("429 for an hour, two minutes at a time", 1, Reply(429, 120)),
    ("429 for an hour, an hour at a time", 1, Reply(429, 3600)),
    ("503 for an hour, an hour at a time", 1, Reply(503, 3600)),
    ("401 for ten hours", 10, Reply(401)),
]


@pytest.mark.parametrize("is_busy", [True, False], ids=["busy", "quiet"])
@pytest.mark.parametrize("count", [3, 200])
@pytest.mark.parametrize(("hours", "reply"), [each[1:] for each in OUTAGES], ids=[each[0] for each in OUTAGES])
def test_an_api_at_fault_condemns_nobody_and_what_waits_is_sent_when_it_is_back(
    hours: float, reply: Reply, count: int, is_busy: bool
) -> None:
    begin = 12 * HOUR
    application = Application(between(begin, begin + hours * HOUR, reply))
    communications = some(count)
    application.will_fail(begin - MINUTE, communications)
    others = arriving(application, WEEK) if is_busy else []
    weeks = Weeks(application).go_on(WEEK)
    assert not weeks.manual
    back = (hours + (reply.retry_after or 0) / HOUR) * HOUR
    assert max(weeks.waits(communications + others)) <= back + A_RUN_OR_TWO
    assert not application.failed
    assert max(weeks.weekly_mails()) <= 10
    announced = [mail for mail in weeks.mails if not mail.headline.startswith("requeued")]
    assert announced[0].at < begin + HOUR
    assert [mail.is_over for mail in weeks.mails].count(True) == 1
    assert len(announced) <= 2 * (1 + hours // 24), "each headline once a day"


@pytest.mark.parametrize("an_hour", [1, 2, 3, 4, 20])
@pytest.mark.parametrize("hours", [12, 36])
def test_an_api_that_finds_fault_with_whatever_it_gets_condemns_nobody(an_hour: int, hours: int) -> None:
    begin = DAY
    application = Application(between(begin, begin + hours * HOUR, Reply(400)))
    communications = some(an_hour * 7 * 24)
    for number, communication in enumerate(communications):
        application.will_fail((number // an_hour - 0.5) * HOUR, [communication])
    weeks = Weeks(application).go_on(WEEK)
    assert not weeks.manual
    assert max(weeks.waits(communications)) <= hours * HOUR + A_RUN_OR_TWO


@pytest.mark.parametrize("many", [2, 1.25])
def test_an_api_that_finds_fault_with_a_part_of_whatever_it_gets_for_a_day_condemns_nobody(many: float) -> None:
    refuses = one_in(many, Reply(422))
    application = Application(lambda each, now: refuses(each, now) if now < 20 * HOUR else ACCEPTED)
    communications = some(500)
    application.will_fail(0, communications)
    weeks = Weeks(application).go_on(3 * DAY)
    assert not weeks.manual
    assert not application.failed


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_refused_for_its_content_in_a_quiet_system_is_manual_the_second_time(status: int) -> None:
    application = Application(only("poison", Reply(status)))
    poison = some(1, "poison")
    application.will_fail(0, poison)
    weeks = Weeks(application).go_on(WEEK)
    assert weeks.condemned_at(poison[0]) <= 3 * HOUR
    assert weeks.posts(poison) == [2]
    assert max(weeks.weekly_mails()) <= 2


@pytest.mark.parametrize(("one_of", "retry_after"), [(50, 3600), (20, 600), (2000, 86400)])
def test_recipients_who_may_not_be_sent_to_now_hold_up_no_others(one_of: int, retry_after: float) -> None:
    def answer(communication: Communication, now: float) -> Reply:
        number = int(communication.primary_id.rpartition("-")[2])
        return Reply(429, retry_after) if number % one_of == 0 and now < 3 * DAY else ACCEPTED

    application = Application(answer)
    communications = some(2000)
    application.will_fail(0, communications)
    others = arriving(application, 3 * DAY)
    weeks = Weeks(application).go_on(WEEK)
    good = [each for each in communications if int(each.primary_id.rpartition("-")[2]) % one_of]
    assert max(weeks.waits(good)) <= 3 * HOUR
    assert not weeks.condemned(communications + others)


@pytest.mark.parametrize("reply", [Reply(429), Reply(429, 120), Reply(503, 120), Reply(429, 3600)], ids=str)
def test_nobody_is_told_to_wait_for_ever(reply: Reply) -> None:
    application = Application(only("poison", reply))
    poison = some(1, "poison")
    application.will_fail(0, poison)
    weeks = Weeks(application).go_on(3 * WEEK)
    assert weeks.condemned(poison) == ["poison-1"]
    assert max(weeks.weekly_mails()) < 10


def test_an_api_at_fault_is_asked_for_a_batch_a_run() -> None:
    application = Application(between(0, DAY, Reply(404)))
    application.will_fail(0, some(2000))
    weeks = Weeks(application).go_on(DAY)
    assert weeks.runs[0].posts <= UNTIL_OPEN
    assert {run.posts for run in weeks.runs[1:]} == {A_PROBE}


def test_bad_credentials_are_shown_for_a_few_requests_a_run() -> None:
    application = Application(between(0, 10 * HOUR, Reply(401)))
    application.will_fail(0, some(200))
    weeks = Weeks(application).go_on(10 * HOUR)
    assert weeks.runs[0].posts <= 2 * 5 * BATCHES_AT_A_TIME, "five at a time, each with the old and the new secret"
    assert max(run.posts for run in weeks.runs[1:]) <= 2 * 5
    assert [mail.headline for mail in weeks.mails] == ["the API refuses the credentials"]


@pytest.mark.parametrize("reply", [Reply(429), Reply(429, 60), Reply(429, 3600), Reply(503, 3600)])
def test_an_api_that_asks_to_wait_for_days_is_not_asked_through_the_list(reply: Reply) -> None:
    application = Application(between(0, WEEK, reply))
    communications = some(1200)
    application.will_fail(0, communications)
    weeks = Weeks(application).go_on(2 * DAY)
    assert weeks.runs[0].posts <= (THRESHOLD + BATCHES_AT_A_TIME) * BATCH_SIZE * (1 + RETRIES)
    assert max(run.posts for run in weeks.runs[1:]) <= BATCHES_AT_A_TIME * BATCH_SIZE * (1 + RETRIES)
    assert max(run.ended - run.began for run in weeks.runs) < A_RUN_OR_TWO
    assert not weeks.manual
    assert len(weeks.mails) <= 3


@pytest.mark.parametrize("retry_after", [30, 120, 300])
def test_an_api_that_takes_forty_and_then_asks_to_wait_gets_the_whole_list_in_a_few_runs(retry_after: float) -> None:
    window, taken = [0.0], [0]

    def answer(communication: Communication, now: float) -> Reply:
        if now >= window[0] + retry_after:
            window[0], taken[0] = now, 0
        taken[0] += 1
        return ACCEPTED if taken[0] <= 40 else Reply(429, window[0] + retry_after - now)

    application = Application(answer)
    communications = some(400)
    application.will_fail(0, communications)
    weeks = Weeks(application).go_on(5 * HOUR)
    assert max(weeks.waits(communications)) <= 4 * HOUR
    assert max(weeks.posts(communications)) <= 4
    assert not weeks.manual


@pytest.mark.parametrize("count", [3, 1000])
@pytest.mark.parametrize(
    ("many", "status"), [(10, 404), (10, 421), (2, 503), (10 / 9, 503), (3, 404)], ids=lambda value: f"{value:.2g}"
)
def test_an_api_that_fails_now_and_then_condemns_nobody(many: float, status: int, count: int) -> None:
    application = Application(one_in(many, Reply(status)))
    communications = some(count)
    application.will_fail(0, communications)
    everyone = communications + arriving(application, WEEK - DAY)
    weeks = Weeks(application).go_on(WEEK)
    assert not weeks.manual
    waits = [wait for each, wait in zip(everyone, weeks.waits(everyone), strict=True) if each.key not in weeks.manual]
    assert max(waits) < (12 * HOUR if many >= 2 else DAY)
    assert max(weeks.weekly_mails()) < 10, "that it is bad once a day, and once that it is over"


def test_an_api_that_begins_to_refuse_everything_in_the_middle_of_a_run_condemns_nobody() -> None:
    # A wave of batches takes 0.8 s; so a good part of them is accepted first.
    application = Application(between(5, 30 * MINUTE, Reply(400)))
    communications = some(1000)
    application.will_fail(-MINUTE, communications)
    weeks = Weeks(application).go_on(DAY)
    assert 100 < len([wait for wait in weeks.waits(communications) if wait < HOUR]) < 900
    assert not weeks.manual
    assert max(weeks.waits(communications)) <= A_RUN_OR_TWO


def test_what_was_turned_away_in_an_outage_is_not_lost_in_a_pile_of_deleted_rows() -> None:
    deleted, good = some(300, "deleted"), some(20, "good")

    def answer(communication: Communication, now: float) -> Reply:
        if communication in deleted:
            return Reply(404)
        return Reply(None) if now < 6 * HOUR else ACCEPTED

    application = Application(answer)
    application.will_fail(0, deleted + good)
    arriving(application, WEEK)
    weeks = Weeks(application).go_on(WEEK)
    assert not weeks.condemned(good)
    assert max(weeks.waits(good)) <= 6 * HOUR + 2 * A_RUN_OR_TWO


def test_an_outage_long_before_it_was_accepted_is_not_added_to_the_next_one() -> None:
    def answer(communication: Communication, now: float) -> Reply:
        return Reply(None) if now < HOUR or 30 * HOUR <= now < 36 * HOUR else ACCEPTED

    application = Application(answer, bounces=lambda communication, times: 30 * HOUR if times == 1 else None)
    communications = some(3)
    application.will_fail(0, communications)
    weeks = Weeks(application, LedgerSettings("ledger", max_attempts=2)).go_on(2 * DAY)
    assert not weeks.manual
    assert not application.failed


# Several sources, and many


@pytest.mark.parametrize("reply", [Reply(None), Reply(404), Reply(429), Reply(429, 3600)], ids=str)
def test_a_dead_source_with_a_long_list_holds_up_no_other(reply: Reply) -> None:
    application = Application(lambda communication, now: reply if communication.source == "sms" else ACCEPTED)
    dead, good = some(10_000, source="sms"), some(200)
    application.will_fail(0, dead + good)
    others = arriving(application, DAY / 2)
    weeks = Weeks(application).go_on(DAY / 2)
    assert max(weeks.waits(good + others)) <= A_RUN_OR_TWO
    assert not weeks.manual
    assert max(run.posts for run in weeks.runs[1:]) <= (2 * BATCH_SIZE) * (1 + RETRIES)
    assert len(weeks.mails) <= 1


def test_sources_share_a_run_that_cannot_take_all() -> None:
    application = Application(fine)
    many, few = some(4000), some(50, source="sms")
    application.will_fail(0, many + few)
    weeks = Weeks(application, max_per_run=200).go_on(DAY)
    assert max(weeks.waits(few)) == pytest.approx(0, abs=MINUTE)


def test_a_stream_of_new_ones_does_not_starve_what_was_tried() -> None:
    application = Application(between(0, HOUR, Reply(None)))
    tried = some(20, "tried")
    application.will_fail(0, tried)
    for hour in range(1, 48):
        application.will_fail(hour * HOUR, some(100, f"new-{hour}"))
    weeks = Weeks(application, max_per_run=100).go_on(2 * DAY)
    assert max(weeks.waits(tried)) <= 4 * HOUR


def test_a_backlog_after_an_outage_is_sent_a_run_s_worth_at_a_time_with_one_mail() -> None:
    application = Application(fine)
    backlog = some(40_000)
    application.will_fail(0, backlog)
    weeks = Weeks(application).go_on(6 * HOUR)
    assert [run.posts for run in weeks.runs] == [10_000] * 4
    assert len(weeks.mails) == 1
    assert application.posts.total() == 40_000


def test_two_good_weeks_are_a_mail_a_day() -> None:
    application = Application(fine)
    good = arriving(application, 2 * WEEK)
    weeks = Weeks(application).go_on(2 * WEEK)
    assert weeks.weekly_mails() == [7, 7]
    assert max(weeks.waits(good)) < HOUR
    assert set(weeks.posts(good)) == {1}


# What ends a function in the middle


def test_a_function_that_dies_between_question_and_answer_costs_nobody_an_attempt() -> None:
    drawn = random.Random(1)
    application = Application(between(0, 3 * HOUR, Reply(None)))
    communications = some(100)
    application.will_fail(0, communications)
    weeks = Weeks(application, dies=lambda now: drawn.random() < 0.3 and now < 6 * HOUR).go_on(DAY)
    assert not weeks.manual
    assert not application.failed


REPLIES = st.sampled_from(
    [
        ACCEPTED,
        *(Reply(status) for status in (None, 400, 403, 404, 408, 409, 422, 425, 429, 500, 503)),
        Reply(429, 7200),
    ]
)


@given(st.lists(REPLIES, min_size=1, max_size=40), st.sampled_from([None, 2 * HOUR]))
@settings(max_examples=25, deadline=None)
def test_whatever_the_api_answers_a_key_has_one_body_and_rises_only_after_a_definite_answer(
    replies: list[Reply], bounce: float | None
) -> None:
    in_turn = itertools.cycle(replies)
    application = Application(lambda communication, now: next(in_turn), bounces=lambda communication, times: bounce)
    communications = some(7)
    application.will_fail(0, communications)
    weeks = Weeks(application).go_on(1.5 * DAY)
    assert len(application.bodies) >= len(communications), (
        "the simulated API checks each POST; this says that it was asked"
    )
    assert max(weeks.posts(communications)) <= 36 * (1 + RETRIES)
