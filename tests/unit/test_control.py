"""Pausing, slowing down and stopping, and the request rate: all answered by one write before a request."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from redrive.control import CONTROL, LATE_SECONDS, SAFETY, Control, Controls, Pace
from redrive.errors import LedgerUnavailable, RateLimited, RunHeld
from redrive.table import Delete, Table, Updated, Write
from tests.unit.support import LEDGER, TableFront


@dataclass
class Clock:
    """The functions' clock, which stands still, and when each request of a sandbox was due."""

    now: float = 1_800_000_000.0
    due: list[float] = field(default_factory=list)

    def waits(self, seconds: float) -> None:
        self.due.append(self.now + seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("redrive.clock.now", lambda: made.now)
    return made


def sandboxes(table: Table, clock: Clock, rate: float | None, count: int = 1) -> list[Pace]:
    return [Pace(table, rate, clock.waits) for _ in range(count)]


def gaps(due: list[float]) -> Iterator[float]:
    due = sorted(due)
    return (later - earlier for earlier, later in itertools.pairwise(due))


# The rate


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from([0.5, 3, 30, 230, 300, 500]),
    asks=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0, 0, 0.4, 1.1])), min_size=3, max_size=8),
)
def test_the_rate_is_never_exceeded_over_all_sandboxes(
    table: Table, clock: Clock, rate: float, asks: list[tuple[int, float]]
) -> None:
    table.write(Delete(CONTROL))
    clock.due.clear()
    paces = sandboxes(table, clock, rate, 3)
    for which, pause in asks:
        clock.now += pause / rate
        paces[which].wait("run", 1000)
    assert min(gaps(clock.due)) >= 1 / rate
    for pace in paces * 3:
        pace.wait("run", 1000)
    assert max(gaps(clock.due[-5:])) == pytest.approx(1 / (SAFETY * rate), abs=2e-5), "and it is used"


def test_the_rate_is_never_exceeded_by_sandboxes_that_ask_at_one_moment(client: DynamoDBClient, clock: Clock) -> None:
    lock = threading.Lock()

    class OneAtATime(Table):
        """Moto has no lock of its own; DynamoDB makes each write whole, in any order with the others."""

        def write(self, write: Write) -> Updated:
            with lock:
                return super().write(write)

    def ask(pace: Pace) -> None:
        for _ in range(8):
            pace.wait("run", 1000)

    paces = sandboxes(OneAtATime(client, LEDGER.table), clock, 20, 4)
    threads = [threading.Thread(target=ask, args=(pace,)) for pace in paces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clock.due) == 32
    assert min(gaps(clock.due)) >= 1 / 20


def test_a_request_after_a_quiet_time_goes_at_once_and_saves_nothing_up(table: Table, clock: Clock) -> None:
    (pace,) = sandboxes(table, clock, 10)
    pace.wait("run", 10)
    clock.now += 60
    for _ in range(3):
        pace.wait("run", 10)
    assert clock.due[1] == clock.now
    assert min(gaps(clock.due)) >= 0.1


def test_a_request_of_a_busy_run_costs_one_write(table: Table, client: DynamoDBClient, clock: Clock) -> None:
    (pace,) = sandboxes(table, clock, 10)
    pace.wait("run", 10)
    front = TableFront(client)
    for _ in range(5):
        pace.wait("run", 10)
    assert front.calls == ["UpdateItem"] * 5


def test_the_time_that_a_slot_took_to_be_taken_is_not_waited_for_again(client: DynamoDBClient, clock: Clock) -> None:
    class Slow(Table):
        def write(self, write: Write) -> Updated:
            clock.now += 0.02
            return super().write(write)

    (pace,) = sandboxes(Slow(client, LEDGER.table), clock, 10)
    for _ in range(4):
        pace.wait("run", 10)
    assert list(gaps(clock.due)) == pytest.approx([1 / (SAFETY * 10)] * 3, abs=0.021)


@pytest.mark.parametrize(("late", "taken"), [(LATE_SECONDS * 0.9, 1), (LATE_SECONDS * 1.1, 2), (math.inf, 4)])
def test_a_request_that_is_late_takes_another_slot_but_not_for_ever(
    table: Table, clock: Clock, late: float, taken: int
) -> None:
    def sleeps(seconds: float) -> None:
        clock.waits(seconds)
        clock.now += seconds + (1 if late == math.inf else 0 if len(clock.due) > 1 else late)

    Pace(table, 10, sleeps).wait("run", 10)
    assert len(clock.due) == taken


def test_a_slot_that_is_too_far_away_is_left_to_others(table: Table, clock: Clock) -> None:
    impatient, patient = sandboxes(table, clock, 1, 2)
    for _ in range(3):
        patient.wait("run", 10)
    for _ in range(20):
        with pytest.raises(RateLimited, match="the next slot of the request rate is 3 s away"):
            impatient.wait("run", 2)
    patient.wait("run", 10)
    assert clock.due[-1] == pytest.approx(clock.now + 3 / SAFETY, abs=0.001)


def test_no_rate_costs_no_write(table: Table, client: DynamoDBClient, clock: Clock) -> None:
    front = TableFront(client)
    (pace,) = sandboxes(table, clock, None)
    assert not pace.has_rate
    pace.wait("run", 10)
    assert front.calls == ["GetItem"]
    assert clock.due == []


# What a person does, seen with the very next request


@pytest.mark.parametrize("configured", [100, None])
def test_slowing_down_holds_from_the_next_request_to_its_end(
    table: Table, controls: Controls, clock: Clock, configured: float | None
) -> None:
    (pace,) = sandboxes(table, clock, configured)
    pace.wait("run", 10)
    for rate in (2, 0.5):
        assert controls.slow_down(rate).rate == rate
        clock.now += 60
        clock.due.clear()
        for _ in range(3):
            pace.wait("run", 10)
        assert list(gaps(clock.due)) == pytest.approx([1 / (SAFETY * rate)] * 2, abs=0.001)
    assert controls.slow_down(None) == Control()
    clock.now += 60
    clock.due.clear()
    for _ in range(3):
        pace.wait("run", 10)
    assert len(clock.due) == (3 if configured else 0)
    assert all(gap < 0.02 for gap in gaps(clock.due))


@pytest.mark.parametrize("is_busy", [True, False])
def test_a_pause_holds_the_next_request_until_it_is_over(
    table: Table, controls: Controls, clock: Clock, is_busy: bool
) -> None:
    (pace,) = sandboxes(table, clock, 10)
    pace.wait("run", 10)
    clock.now += 0 if is_busy else 60
    control = controls.pause(clock.now + 3600, "ann", "the provider is down")
    assert (control.paused_since, control.by, control.why) == (clock.now, "ann", "the provider is down")
    for _ in range(2):
        with pytest.raises(RunHeld, match="paused"):
            pace.wait("run", 10)
    assert len(clock.due) == 1
    clock.now += 3600
    pace.wait("run", 10)
    assert controls.read().paused_until == clock.now


def test_a_pause_is_ended_by_a_person(table: Table, controls: Controls, clock: Clock) -> None:
    (pace,) = sandboxes(table, clock, 10)
    controls.pause(clock.now + 3600, "ann", "why")
    assert controls.resume() == Control()
    pace.wait("run", 10)


@pytest.mark.parametrize("is_busy", [True, False])
def test_a_stop_holds_that_run_alone(table: Table, controls: Controls, clock: Clock, is_busy: bool) -> None:
    (pace,) = sandboxes(table, clock, 10)
    pace.wait("run", 10)
    clock.now += 0 if is_busy else 60
    assert controls.stop("run").stopped_run == "run"
    with pytest.raises(RunHeld, match="stopped"):
        pace.wait("run", 10)
    pace.wait("another run", 10)


def test_a_pause_that_comes_between_two_writes_is_seen(
    client: DynamoDBClient, controls: Controls, clock: Clock
) -> None:
    class PausedInBetween(Table):
        def write(self, write: Write) -> Updated:
            found = super().write(write)
            controls.pause(clock.now + 60, "ann", "why")
            return found

    (pace,) = sandboxes(PausedInBetween(client, LEDGER.table), clock, 10)
    with pytest.raises(RunHeld, match="paused"):
        pace.wait("run", 10)


def test_what_is_in_force_goes_together(controls: Controls, clock: Clock) -> None:
    controls.pause(clock.now + 60, "ann", "why")
    controls.slow_down(5)
    controls.stop("run")
    assert controls.read() == Control(5, clock.now + 60, clock.now, "ann", "why", "run")


def test_without_the_table_nothing_is_sent(table: Table, client: DynamoDBClient, clock: Clock) -> None:
    front = TableFront(client)
    for rate in (10, None):
        front.goes(*["throttled"] * 20)
        (pace,) = sandboxes(table, clock, rate)
        with pytest.raises(LedgerUnavailable):
            pace.wait("run", 10)
