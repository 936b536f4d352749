"""Alarms worth waking for: each is tried on what its metric may do, by CloudWatch's rules; none repeats a digest."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.plan.alarms import ALARM, INSUFFICIENT_DATA, OK, Alarm, Points, begins, ends
from tests.plan.planned import Plan
from tests.runbook import sections

NAME = "communications-redrive-production"
DIGESTS = f"arn:aws:sns:eu-west-1:123456789012:{NAME}-notifications"
ALERTS = "arn:aws:sns:eu-west-1:123456789012:alerts"
PAGER = "arn:aws:sns:eu-west-1:123456789012:pager"
HOUR, DAY = 3600, 86400

SAID_BY_DIGESTS = {"breaker_open", "lists_truncated"}
"""What a digest says in the same minute."""

WAITS = "schedule_missed"
"""Acts by another alarm, which waits."""

# By alarm: what its metric is when all is well, and when it is not; both while runs, or functions, do something.
WELL_AND_NOT: dict[str, tuple[float | None, float]] = {
    "requeue_communication_throttled": (0, 7),
    "batch_throttled": (0, 7),
    "conclude_throttled": (0, 7),
    "conclude_failed": (None, 1),
    "ledger_reads_throttled": (None, 12),
    "ledger_writes_throttled": (None, 12),
    "waiting_too_long": (3 * DAY - 1, 3 * DAY + 1),
    "failed_too_long": (48 * HOUR - 1, 48 * HOUR + 1),
    "runs_skipped": (0, 1),
    "lists_truncated": (0, 1),
    "breaker_open": (0, 2),
}


def _alarms(plan: Plan, call: str = "minimal") -> dict[str, Alarm]:
    """The alarms of a call by what they watch."""
    found = {}
    for resource in plan.of(call, "aws_cloudwatch_metric_alarm"):
        name, key = re.fullmatch(r".*\.aws_cloudwatch_metric_alarm\.(\w+)(?:\[(.*)\])?", resource.address).groups()
        key = (key or "").strip('"')
        watched = {"gauge": key, "throttled": f"{key}_throttled", "ledger_throttled": f"ledger_{key}_throttled"}
        found[watched.get(name, name)] = Alarm(resource.values)
    return found


def _silent(plan: Plan, call: str = "minimal") -> dict[str, Any]:
    """The alarm for a silent schedule."""
    return plan.one(call, "aws_cloudwatch_composite_alarm").values


def _every_run(alarm: Alarm, *values: float | None) -> list[float | None]:
    """Give an hourly run's values as the points of an alarm's periods."""
    between: list[float | None] = [None] * (max(HOUR // alarm.period, 1) - 1)
    return [point for value in values for point in (value, *between)]


# The rules themselves: the tables of AWS's page, 3 of 3 and 2 of 3
TABLES = [
    (3, "0 - X - X", "OK OK OK OK"),
    (3, "0 - - - -", "OK OK OK OK"),
    (3, "- - - - -", "INSUFFICIENT_DATA retain ALARM OK"),
    (3, "0 X X - X", "ALARM ALARM ALARM ALARM"),
    (3, "- - X - -", "ALARM retain ALARM OK"),
    (2, "0 - X - X", "ALARM ALARM ALARM ALARM"),
    (2, "0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
    (2, "0 - X - -", "OK OK ALARM OK"),
    (2, "- - - - 0", "OK OK ALARM OK"),
    (2, "- - - X -", "ALARM retain ALARM OK"),
    (3, "- - - X -", "INSUFFICIENT_DATA retain ALARM OK"),  # in words, further down
]


@pytest.mark.parametrize(("enough", "points", "expected"), TABLES)
def test_alarms_are_evaluated_as_in_the_tables_of_cloudwatchs_guide(enough: int, points: str, expected: str):
    values: Points = [{"0": 0.0, "X": 9.0, "-": None}[each] for each in points.split()]
    treatments = ("missing", "ignore", "breaching", "notBreaching")
    for treatment, state in zip(treatments, expected.split(), strict=True):
        alarm = Alarm(
            {
                "evaluation_periods": 3,
                "datapoints_to_alarm": enough,
                "threshold": 1,
                "comparison_operator": "GreaterThanThreshold",
                "treat_missing_data": treatment,
            }
        )
        for before in (OK, ALARM, INSUFFICIENT_DATA):
            assert alarm.state(values, before) == (before if state == "retain" else state), treatment


def test_every_alarm_has_a_history_here(plan: Plan):
    assert _alarms(plan).keys() == {*WELL_AND_NOT, WAITS}


# Never fired


def test_where_nothing_has_ever_run_the_schedules_alarm_alone_begins(plan: Plan):
    nothing: Points = [None] * 500
    in_alarm = {name for name, alarm in _alarms(plan).items() if ALARM in alarm.states(nothing)}
    assert in_alarm == {WAITS}


@pytest.mark.parametrize("call", ["minimal", "daily", "weekly", "complete"])
def test_a_schedule_that_never_fires_is_told_once_and_not_before_it_was_due(plan: Plan, call: str):
    missed, silent = _alarms(plan, call)[WAITS], _silent(plan, call)
    [suppressor] = silent["actions_suppressor"]
    assert silent["alarm_rule"] == f'ALARM("{missed.values["alarm_name"]}")'
    assert not missed.values["alarm_actions"]
    waits = suppressor["wait_period"] / missed.period
    assert waits >= 1.5, "the first firing is due within a period, and its metric comes later"
    states = missed.states([None] * 50)
    assert states[0] == ALARM, "at once: there is nothing to wait for a second time"
    assert len(begins(states, int(waits))) == 1


def test_an_alarm_that_never_alarms_longer_than_the_schedules_waits_stands_in_its_way(plan: Plan):
    [suppressor] = _silent(plan)["actions_suppressor"]
    conclude = _alarms(plan)["conclude_failed"]
    assert suppressor["alarm"] == conclude.values["alarm_name"]
    states = conclude.states([1, None, None, None])
    assert states.count(ALARM) * conclude.period < suppressor["wait_period"]
    assert states[-1] == OK


# Healthy, silent, recovered


def test_a_schedule_that_fires_is_never_told_of_from_its_first_firing_on(plan: Plan):
    waits = int(_silent(plan)["actions_suppressor"][0]["wait_period"] / HOUR)
    missed = _alarms(plan)[WAITS]
    for first in (0, 1):
        assert begins(missed.states([None] * first + [1.0] * 50), waits) == []
    late: Points = [1, None, 2, 1, None, 2] * 5  # in the wrong hour now and then
    assert begins(missed.states(late), waits) == []


def test_a_schedule_that_goes_silent_is_told_once_after_three_periods_and_then_again_the_next_time(plan: Plan):
    waits = int(_silent(plan)["actions_suppressor"][0]["wait_period"] / HOUR)
    states = _alarms(plan)[WAITS].states([1.0] * 10 + [None] * 30 + [1.0] * 10 + [None] * 30)
    first, second = begins(states, waits)
    assert 10 + 3 <= first <= 10 + 6
    assert second - first == 40
    assert ends(states) == [1 + 40] if states[1] == ALARM else [41]


@pytest.mark.parametrize("name", WELL_AND_NOT)
def test_an_alarm_is_quiet_while_all_is_well_and_when_everything_has_stopped(plan: Plan, name: str):
    alarm, (well, _) = _alarms(plan)[name], WELL_AND_NOT[name]
    states = alarm.states(_every_run(alarm, *[well] * 30) + [None] * 300)
    assert ALARM not in states


@pytest.mark.parametrize("name", WELL_AND_NOT)
def test_an_alarm_begins_once_however_long_it_lasts_ends_and_begins_again(plan: Plan, name: str):
    alarm, (well, wrong) = _alarms(plan)[name], WELL_AND_NOT[name]
    is_counted_by_runs = alarm.metric[0] == "communications-redrive"
    points = _every_run(alarm, *[well] * 5) if is_counted_by_runs else [well] * 5
    lasts = _every_run(alarm, *[wrong] * 10) if is_counted_by_runs else [wrong] * 10
    over = _every_run(alarm, *[well] * 10) if is_counted_by_runs else [well] * 10
    history = [*points, *lasts, *over, *lasts, *over]
    for treatment in {alarm.values["treat_missing_data"], "ignore" if alarm.metric[0] == "AWS/DynamoDB" else ""} - {""}:
        found = Alarm(alarm.values | {"treat_missing_data": treatment}).states(history)
        first, second = begins(found)
        assert first == len(points) + int(alarm.values["evaluation_periods"])
        assert second - first == len(lasts) + len(over)
        assert len(ends(found)) == 2


@pytest.mark.parametrize("name", [name for name in WELL_AND_NOT if name.endswith("throttled")])
def test_what_a_retry_gets_past_begins_no_alarm(plan: Plan, name: str):
    alarm = _alarms(plan)[name]
    assert ALARM not in alarm.states([None, 5.0, 5.0, None, None, None, 5.0, None])


@pytest.mark.parametrize(("name", "runs"), [("runs_skipped", 6), ("lists_truncated", 3)])
def test_it_takes_several_runs_in_a_row(plan: Plan, name: str, runs: int):
    alarm = _alarms(plan)[name]
    assert begins(alarm.states(_every_run(alarm, *[1.0] * (runs - 1), 0.0, *[1.0] * (runs - 1), 0.0))) == []
    assert len(begins(alarm.states(_every_run(alarm, *[1.0] * runs)))) == 1


def test_where_two_runs_fall_into_a_period_the_better_one_counts_if_all_must_be_bad(plan: Plan):
    statistics = {
        name: alarm.values["statistic"] for name, alarm in _alarms(plan).items() if "statistic" in alarm.values
    }
    assert {name for name, statistic in statistics.items() if statistic == "Minimum"} == {
        "runs_skipped",
        "lists_truncated",
    }
    for name in ("waiting_too_long", "failed_too_long", "breaker_open"):
        assert statistics[name] == "Maximum"


def test_runs_are_counted_by_the_schedules_own_period(plan: Plan):
    periods = {call: _alarms(plan, call)["lists_truncated"] for call in ("minimal", "daily", "weekly", "largest")}
    found = {call: (alarm.period, alarm.values["evaluation_periods"]) for call, alarm in periods.items()}
    assert found == {
        "minimal": (HOUR, 3),
        "daily": (DAY + 600, 3),
        "weekly": (7 * DAY, 1),  # as many as CloudWatch looks back
        "largest": (DAY, 3),  # nobody knows the period
    }


def test_no_alarm_looks_back_further_than_cloudwatch_does(plan: Plan):
    for resource in plan.resources:
        if resource.type == "aws_cloudwatch_metric_alarm":
            alarm = Alarm(resource.values)
            most = DAY if alarm.period < HOUR else 7 * DAY
            assert alarm.period * alarm.values["evaluation_periods"] <= most, resource.address


# Whom they tell


def test_what_a_digest_says_no_alarm_publishes_where_digests_go(plan: Plan):
    for name, alarm in _alarms(plan).items():
        expected = [] if name in {*SAID_BY_DIGESTS, WAITS} else [DIGESTS]
        assert (alarm.values["alarm_actions"] or []) == expected, name
        assert not alarm.values["ok_actions"], "that it is over a digest says"
    assert _silent(plan)["alarm_actions"] == [DIGESTS]


def test_a_topic_of_their_own_and_further_actions_hear_of_every_alarm_and_of_its_end(plan: Plan):
    channel = {ALERTS, PAGER}
    alarms = {**_alarms(plan, "routed"), "schedule_silent": Alarm(_silent(plan, "routed"))}
    assert {"queue_age", "dead_letters", "worker_errors"} < alarms.keys()
    for name, alarm in alarms.items():
        if name != WAITS:
            assert set(alarm.values["alarm_actions"]) == set(alarm.values["ok_actions"]) == channel, name


def test_further_actions_are_beside_the_topic_of_the_digests(plan: Plan):
    plan_arn = "arn:aws:ssm-incidents::123456789012:response-plan/letters"
    alarms = _alarms(plan, "complete")
    assert len(alarms["conclude_failed"].values["alarm_actions"]) == 2
    assert alarms["breaker_open"].values["alarm_actions"] == [plan_arn]
    assert all(alarm.values["ok_actions"] == [plan_arn] for name, alarm in alarms.items() if name != WAITS)


def test_an_alarm_that_nobody_wants_is_not_made(plan: Plan):
    assert not {"runs_skipped", "failed_too_long"} & _alarms(plan, "routed").keys()
    for kind in ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"):
        assert plan.of("quiet", kind) == []


@pytest.mark.parametrize("call", ["own_topic", "largest"])
def test_no_alarm_where_silence_is_no_failure_or_cannot_be_seen(plan: Plan, call: str):
    assert WAITS not in _alarms(plan, call)  # paused; cron() on some days, without period_minutes
    assert plan.of(call, "aws_cloudwatch_composite_alarm") == []


def test_a_plan_warns_where_no_alarm_reaches_anybody(plan: Plan):
    warnings = plan.warnings("somebody_is_woken")
    assert set(warnings) == {"unheard", "quiet"}
    assert "alarms has no actions" in warnings["unheard"][0]
    assert "alarms.enabled is false" in warnings["quiet"][0]


# What they say


def test_every_alarm_names_what_to_check_and_its_section_of_the_runbook(plan: Plan):
    for call, runbook in (("minimal", "docs/operations.md"), ("complete", "https://wiki.example.com/letters/redrive")):
        alarms = {**_alarms(plan, call), "schedule_silent": Alarm(_silent(plan, call))}
        for name, alarm in alarms.items():
            description = alarm.values["alarm_description"]
            assert re.search(r"\b(Check|Raise|Lower)\b", description), name
            assert len(description) <= 1024
            if name not in ("queue_age", "dead_letters", "worker_errors"):
                section = "schedule-silent" if name == WAITS else name.replace("_", "-")
                assert description.endswith(f"Runbook: {runbook}#{section}"), name


@pytest.mark.parametrize("call", ["complete", "minimal"])
def test_every_alarm_has_its_section_in_the_runbook(plan: Plan, call: str):
    names = {*_alarms(plan, call), "schedule_silent"} - {WAITS}
    assert {name.replace("_", "-") for name in names} <= sections().keys()


def test_the_runbook_has_no_section_for_an_alarm_that_is_not_there(plan: Plan):
    names = {name.replace("_", "-") for name in {*_alarms(plan, "complete"), "schedule_silent"} - {WAITS}}
    assert {title for title in sections() if " " not in title} == names
