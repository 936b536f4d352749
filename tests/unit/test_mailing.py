"""Which digests are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from redrive.mailing import DAY, MAX_REMEMBERED, Decision, Memory, Mood, decide

HOUR = 3600.0
NOW = 1_800_000_000.0
GOOD = {"emails": Mood.GOOD}
BAD = {"emails": Mood.BAD}


class Inbox:
    """A run at a time, an hour after the one before."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.memory, self.now = Memory(), NOW

    def run(
        self, headline: str, moods: Mapping[str, Mood], *news: str, after: float = HOUR, count: int = 1
    ) -> Decision:
        self.now += after
        decision = decide(self.memory, headline, moods, {"requeued": count}, self.now, news=news, **self.options)
        self.memory = decision.memory
        return decision


@pytest.mark.parametrize(
    ("accepted", "turned_away", "mood"),
    [
        (0, 0, "neutral"),
        (1, 0, "good"),
        (3, 1, "good"),
        (5, 2, "neutral"),
        (1, 1, "neutral"),
        (1, 2, "bad"),
        (0, 1, "bad"),
    ],
)
def test_a_source_is_bad_below_a_half_and_good_from_three_quarters(accepted: int, turned_away: int, mood: str) -> None:
    assert Mood.of_source(accepted, turned_away) == mood


def test_a_run_is_as_bad_as_its_worst_source() -> None:
    assert Mood.of_run([Mood.GOOD, Mood.BAD, Mood.NEUTRAL]) is Mood.BAD
    assert Mood.of_run([Mood.GOOD, Mood.NEUTRAL]) is Mood.GOOD
    assert Mood.of_run([]) is Mood.NEUTRAL


def test_the_same_bad_news_goes_out_once_in_24_hours_whatever_comes_between() -> None:
    inbox = Inbox()
    sent = [inbox.run(("down", "404")[n % 2], BAD).is_sent for n in range(26)]
    assert [n for n, is_sent in enumerate(sent) if is_sent] == [0, 1, 24, 25]


def test_that_all_is_well_goes_out_once_in_24_hours_whatever_the_words() -> None:
    inbox = Inbox()
    sent = [inbox.run(f"requeued in words {n}", GOOD).is_sent for n in range(25)]
    assert [n for n, is_sent in enumerate(sent) if is_sent] == [0, 24]


def test_after_bad_news_the_first_good_run_says_once_that_it_is_over() -> None:
    inbox = Inbox()
    inbox.run("requeued", GOOD)
    inbox.run("down", BAD)
    first, second = inbox.run("requeued", GOOD), inbox.run("requeued", GOOD)
    assert (first.is_sent, first.is_over) == (True, True)
    assert (second.is_sent, second.is_over) == (False, False)


def test_bad_news_that_was_not_sent_is_not_over_either() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    inbox.run("requeued", GOOD)
    assert not inbox.run("down", BAD).is_sent
    assert not inbox.run("requeued", GOOD).is_over


def test_the_second_time_in_a_week_it_is_over_only_when_nothing_was_bad_for_a_day() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    assert inbox.run("requeued", GOOD).is_over
    inbox.run("down again", BAD)
    calm = [inbox.run("requeued", GOOD).is_over for _ in range(25)]
    assert [n for n, is_over in enumerate(calm) if is_over] == [23]
    inbox.run("down", BAD, after=8 * DAY)
    assert inbox.run("requeued", GOOD).is_over, "a week after the last time at once"


def test_it_is_over_at_last_also_where_another_source_was_bad_meanwhile_and_nobody_was_told() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    assert not inbox.run("down", GOOD | {"sms": Mood.BAD}).is_sent
    assert inbox.run("requeued", GOOD | {"sms": Mood.GOOD}).is_over


def test_it_is_not_over_while_another_source_is_bad_that_was_not_asked() -> None:
    inbox = Inbox()
    inbox.run("down", BAD | {"sms": Mood.BAD})
    assert not inbox.run("requeued", GOOD).is_sent
    assert not inbox.run("requeued", {"emails": Mood.GOOD, "sms": Mood.NEUTRAL}).is_sent
    assert inbox.run("requeued", {"sms": Mood.GOOD}).is_over


def test_a_run_between_good_and_bad_changes_nothing_and_is_not_mailed() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    between = inbox.run("some", {"emails": Mood.NEUTRAL})
    assert not between.is_sent
    assert between.memory.bad == {"emails"}


@pytest.mark.parametrize("moods", [GOOD, BAD, {}])
def test_what_is_new_for_a_person_goes_out_at_once(moods: Mapping[str, Mood]) -> None:
    inbox = Inbox()
    inbox.run("requeued", moods)
    assert inbox.run("requeued", moods, "422").is_sent
    assert inbox.run("requeued", moods, "422", "exhausted").is_sent, "of another kind"


def test_more_of_the_same_kind_is_collected_until_24_hours_are_over() -> None:
    inbox = Inbox()
    inbox.run("a person must look", {}, "422")
    held = [inbox.run("a person must look", {}, "422", count=2) for _ in range(3)]
    assert not any(decision.is_sent for decision in held)
    assert inbox.memory.due == NOW + 2 * HOUR + DAY
    assert inbox.memory.quiet == {"requeued": 6, "runs": 3}
    assert not inbox.run("nothing to send", {}, after=20 * HOUR).is_sent
    last = inbox.run("nothing to send", {}, after=3 * HOUR)
    assert last.is_sent
    assert (last.memory.due, last.memory.quiet) == (0, {})


def test_what_is_held_back_goes_with_whatever_is_sent_before() -> None:
    inbox = Inbox()
    inbox.run("a person must look", {}, "422")
    inbox.run("a person must look", {}, "422")
    assert inbox.run("down", BAD).memory.due == 0


@pytest.mark.parametrize("moods", [GOOD, BAD, {}])
def test_what_nobody_wants_is_not_sent(moods: Mapping[str, Mood]) -> None:
    decision = Inbox(is_wanted=False).run("a line", moods, "422")
    assert not decision.is_sent
    assert decision.memory.due == 0


def test_that_it_is_over_is_said_to_those_who_want_bad_news_only() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    inbox.options = {"is_wanted": False}
    assert inbox.run("requeued", GOOD).is_over


def test_a_daily_digest_goes_out_once_in_24_hours_and_adds_up_the_runs_between() -> None:
    inbox = Inbox(is_daily=True)
    sent = [inbox.run("down", BAD, "422", count=2).is_sent for _ in range(24)]
    assert [n for n, is_sent in enumerate(sent) if is_sent] == [0]
    assert inbox.memory.quiet == {"requeued": 46, "runs": 23}
    assert inbox.memory.due == NOW + HOUR + DAY
    assert inbox.run("down", BAD).is_sent
    assert inbox.memory.quiet == {}


def test_a_daily_digest_says_in_its_turn_that_it_is_over() -> None:
    inbox = Inbox(is_daily=True)
    inbox.run("down", BAD)
    assert not inbox.run("requeued", GOOD).is_sent
    last = inbox.run("requeued", GOOD, after=DAY)
    assert (last.is_sent, last.is_over) == (True, True)
    assert not last.memory.bad


def test_a_daily_digest_says_that_bad_news_is_over_of_which_there_was_no_digest_of_its_own() -> None:
    inbox = Inbox(is_daily=True)
    inbox.run("requeued", GOOD)
    assert not inbox.run("down", BAD).is_sent
    last = inbox.run("requeued", GOOD, after=DAY)
    assert (last.is_sent, last.is_over) == (True, True)


def test_a_daily_run_that_ends_a_little_earlier_after_a_bad_one_finds_a_day_without_bad_news() -> None:
    inbox = Inbox()
    inbox.run("down", BAD)
    assert inbox.run("requeued", GOOD).is_over
    inbox.run("down again", BAD)
    assert inbox.run("requeued", GOOD, after=DAY - 60).is_over


def test_of_headlines_without_number_the_newest_are_remembered() -> None:
    inbox = Inbox()
    for number in range(MAX_REMEMBERED + 50):
        assert inbox.run(f"an error that says {number}", BAD, after=60).is_sent
    assert len(inbox.memory.sent) <= MAX_REMEMBERED + 1
    assert not inbox.run(f"an error that says {MAX_REMEMBERED}", BAD, after=60).is_sent


def test_a_daily_run_that_ends_a_little_earlier_is_mailed_all_the_same() -> None:
    inbox = Inbox()
    assert all(inbox.run("down", BAD, after=DAY + jitter).is_sent for jitter in (0, -60, 60, -60, 60))


def test_what_is_not_ordinary_is_news_though_all_is_well() -> None:
    inbox = Inbox()
    inbox.run("requeued", GOOD)
    inbox.options = {"is_ordinary": False}
    assert inbox.run("the run ended before everything was sent", GOOD).is_sent
    assert inbox.run("some were not sent", {}).is_sent
    assert not inbox.run("some were not sent", {}).is_sent


@pytest.mark.parametrize("is_daily", [False, True])
def test_who_wants_no_success_is_told_a_day_later_of_what_was_held_back_and_no_run_goes_on_for_it(
    is_daily: bool,
) -> None:
    inbox = Inbox(is_daily=is_daily)
    assert inbox.run("for a person", GOOD, "email/422/x").is_sent
    assert not inbox.run("for a person", GOOD, "email/422/x").is_sent
    due = inbox.memory.due
    assert due > inbox.now
    inbox.options["is_wanted"] = False
    assert inbox.run("nothing to do", {}, after=due - inbox.now).is_sent
    assert inbox.memory.due == 0


@pytest.mark.parametrize("is_daily", [False, True])
def test_who_wants_nothing_is_sent_nothing_and_nothing_is_due(is_daily: bool) -> None:
    inbox = Inbox(is_daily=is_daily, is_wanted=False)
    for number in range(60):
        assert not inbox.run("down", BAD if number % 2 else GOOD, "email/422/x").is_sent
        assert inbox.memory.due == 0
