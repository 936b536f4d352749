"""The records of runs: one run at a time, batches and tallies as they were, breaker and digests by single writes."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from redrive import clock
from redrive.batches import Closed, Opened, Outcome, close_batch, open_batch
from redrive.breaker import Move
from redrive.errors import LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim
from redrive.mailing import Memory
from redrive.models import Communication, OutcomeKind, primary_id
from redrive.runs import LEFT_OUT, NOT_TRIED, Batch, Breaker, Lock, Result, Runs, Tally
from redrive.settings import RunSettings
from redrive.table import Table
from tests.unit.support import LEDGER, TableFront, Time

RUN = "20261124T021500Z"


def emails(count: int) -> tuple[Communication, ...]:
    return tuple(Communication(str(number), "send.email", "emails") for number in range(count))


# The lock


def test_one_run_at_a_time(runs: Runs) -> None:
    assert runs.lock() is None
    assert runs.take_lock(RUN, "request 1", 2e9) is None
    other = runs.take_lock("another run", "request 2", 3e9)
    assert other == runs.lock()
    assert other is not None
    assert (other.run_id, other.request, other.execution, other.until) == (RUN, "request 1", "", 2e9)
    assert other.taken == pytest.approx(clock.now(), abs=5)


def test_another_delivery_of_the_same_firing_does_not_get_the_lock(runs: Runs) -> None:
    assert runs.take_lock(RUN, "request 1", 2e9) is None
    assert runs.take_lock(RUN, "request 2", 2e9) is not None


def test_a_lister_whose_answer_was_lost_has_the_lock(runs: Runs, client: DynamoDBClient) -> None:
    TableFront(client).goes("answer lost")
    with pytest.raises(LedgerUnavailable):
        runs.take_lock(RUN, "request 1", 2e9)
    assert runs.take_lock(RUN, "request 1", 2e9) is None, "Lambda invokes it again as the same request"


@pytest.mark.parametrize(("run_id", "request_id"), [(RUN, "request 2"), ("another run", "request 1")])
def test_only_its_owner_writes_into_a_lock_or_clears_it(runs: Runs, run_id: str, request_id: str) -> None:
    runs.take_lock(RUN, "request 1", 2e9)
    runs.note_execution(RUN, "request 1", "arn")
    before = runs.lock()
    assert isinstance(before, Lock)
    assert before.execution == "arn"
    runs.note_execution(run_id, request_id, "another arn")
    runs.unlock(run_id, request_id)
    assert runs.lock() == before
    runs.unlock(RUN, "request 1")
    assert runs.lock() is None
    assert runs.take_lock(run_id, request_id, 2e9) is None


# Records


def test_a_run_that_was_started_is_not_begun_by_another_delivery(runs: Runs) -> None:
    assert runs.begin(RUN, "request 1", {"listed": 1})
    assert runs.begin(RUN, "request 2", {"listed": 2}), "the first one came to nothing"
    runs.write(RUN, {"execution": "arn"})
    assert not runs.begin(RUN, "request 1", {"listed": 3})
    assert runs.begin(RUN, "request 2", {"listed": 4}), "its own write, whose answer was lost"
    record = runs.record(RUN)
    assert record is not None
    assert (record["listed"], record["request"], record["execution"]) == (4, "request 2", "arn")


def test_what_is_written_once_stays(runs: Runs) -> None:
    assert runs.record(RUN) is None
    first = runs.write(RUN, {"judgedAt": 1.5, "fared": {"a:b": [3, 1]}}, only_new=True)
    assert (first["judgedAt"], first["fared"]) == (1.5, {"a:b": [3, 1]})
    assert runs.write(RUN, {"judgedAt": 2, "headline": None}, only_new=True)["judgedAt"] == 1.5
    assert runs.write(RUN, {"judgedAt": 3})["judgedAt"] == 3
    assert runs.record(RUN) == runs.write(RUN, {})


def test_deliveries_are_counted_once(runs: Runs) -> None:
    assert not runs.settle(RUN), "there is no such run"
    runs.begin(RUN, "request", {})
    assert [runs.settle(RUN), runs.settle(RUN)] == [True, False]


def test_a_digest_is_published_by_one_and_by_another_if_that_failed(runs: Runs) -> None:
    assert [runs.take_digest(RUN, by) for by in ("one", "one", "other")] == [True, True, False]
    runs.leave_digest(RUN)
    assert runs.take_digest(RUN, "other")


def test_the_newest_records_come_first_page_by_page(runs: Runs, time: Time) -> None:
    runs.begin("20261123T000000Z", "request", {})
    time.passes(LEDGER.retention_days * 86400 + 1)
    for day in (24, 25, 26):
        runs.begin(f"202611{day}T000000Z", "request", {})
    first, following = runs.newest(2)
    rest, end = runs.newest(2, following)
    assert [record["sk"][6:8] for record in first + rest] == ["26", "25", "24"], "without what has expired"
    assert end is None or runs.newest(2, end) == ([], None)


# Batches

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128).filter(lambda text: primary_id(text) == text)
SOURCES = {"emails": ("send.email", ""), "sms-2": ("send.sms", "phones"), "ü": ("send.communications", "")}
COMMUNICATIONS = st.lists(
    st.builds(
        lambda name, id_: Communication(id_, SOURCES[name][0], name, SOURCES[name][1]), st.sampled_from([*SOURCES]), IDS
    ),
    max_size=8,
).map(tuple)
RESULTS = st.lists(
    st.builds(
        Result,
        st.sampled_from([*map(str, OutcomeKind), NOT_TRIED, LEFT_OUT]),
        st.booleans(),
        st.none() | st.integers(100, 599),
        st.none() | st.text(max_size=20),
    ),
    max_size=8,
).map(tuple)

COUNTER = itertools.count()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COMMUNICATIONS, RESULTS, st.text(max_size=10))
def test_a_batch_and_its_tally_are_read_as_they_were_written(
    runs: Runs, communications: tuple[Communication, ...], results: tuple[Result, ...], stopped: str
) -> None:
    run_id = f"run {next(COUNTER)}"
    batch, tally = Batch(run_id, 7, "request", communications), Tally(7, results, stopped)
    runs.write_batches([batch])
    assert list(runs.batches(run_id, [7])) == [(batch, None)]
    assert runs.write_tally(run_id, tally)
    assert list(runs.batches(run_id, [7])) == [(batch, tally)]
    assert runs.open_batch(run_id, 7)[0] == batch


def test_batches_are_read_fifty_at_a_time_in_any_order(runs: Runs, client: DynamoDBClient) -> None:
    batches = [Batch(RUN, number, "request", emails(2)) for number in range(1, 121)]
    runs.write_batches(batches)
    for number in (3, 120):
        runs.write_tally(RUN, Tally(number, (Result("requeued", True, 202),) * 2))
    front = TableFront(client)
    found = list(runs.batches(RUN, [*range(120, 0, -1), 999]))
    assert sorted((batch.number for batch, _ in found)) == list(range(1, 121))
    assert [batch.number for batch, tally in found if tally] == [120, 3]
    assert front.calls == ["BatchGetItem"] * 3
    assert list(runs.batches(RUN, [])) == []


def test_another_delivery_writes_its_batches_over_those_before(runs: Runs) -> None:
    first = Batch(RUN, 1, "request 1", emails(3))
    second = first._replace(request="request 2", communications=emails(2))
    runs.write_batches([first])
    runs.write_batches([second])
    assert runs.open_batch(RUN, 1)[0] == second


def test_a_batch_is_tallied_once(runs: Runs) -> None:
    runs.write_batches([Batch(RUN, 1, "request", emails(1))])
    tally = Tally(1, (Result("requeued", True, 202),))
    assert runs.write_tally(RUN, tally)
    assert not runs.write_tally(RUN, Tally(1, (Result("failed"),)))
    assert [found for _, found in runs.batches(RUN, [1])] == [tally]


# The breaker


def test_the_breaker_moves_by_one_write(runs: Runs, client: DynamoDBClient) -> None:
    names = ["emails", "sms:2", "a.b", "größe"]
    runs.begin_breaker(RUN, dict.fromkeys(names, 0) | {"emails": 49}, {"emails": 1, "a.b": 2})
    front = TableFront(client)
    moves = {"emails": Move(2, True), "sms:2": Move(5, False), "a.b": Move(0, False), "größe": Move(1, False)}
    runs.move_breaker(RUN, moves, ["emails"])
    runs.move_breaker(RUN, {"sms:2": Move(3, False), "emails": Move(1, False)}, [], "HTTP 401")
    assert front.calls == ["UpdateItem"] * 2
    runs.move_breaker(RUN, {"a.b": Move(0, False)}, [])
    assert len(front.calls) == 2, "nothing to write"
    assert runs.breaker(RUN) == Breaker(
        {"emails": 3, "sms:2": 8, "a.b": 0, "größe": 1}, {}, {"a.b": 2}, refused="HTTP 401"
    )
    runs.move_breaker(RUN, {}, ["a.b"])
    assert runs.breaker(RUN).probed_by == {}


def test_a_source_is_left_alone_for_the_longest_time_that_it_asked_for(runs: Runs) -> None:
    runs.begin_breaker(RUN, {"sms:2": 0}, {})
    for until in (100, 300, 200):
        runs.hold(RUN, "sms:2", until)
    assert runs.breaker(RUN).held == {"sms:2": 300}


def test_a_run_without_a_breaker_has_an_empty_one(runs: Runs) -> None:
    assert runs.breaker(RUN) == Breaker()


# Digests


KEPT = {"digest": {"subject": "a subject"}, "concludedAt": 1}


def test_a_digest_and_what_is_remembered_are_written_together_unless_somebody_was_quicker(runs: Runs) -> None:
    memory, news, version = runs.memory()
    assert (memory, news, version) == (Memory(), Counter(), 0)
    new = Memory(sent={"HTTP 422: a.b": 5.5}, bad=frozenset({"a", "b"}), last=6, due=8, quiet={"runs": 7})
    assert runs.keep_digest(RUN, KEPT, new, version, keeps_news=False)
    assert not runs.keep_digest("another", KEPT, Memory(), version, keeps_news=False), "decided before the other's"
    assert not runs.keep_digest(RUN, KEPT, Memory(), version + 1, keeps_news=False), "it has one"
    assert runs.memory() == (new, Counter(), 1)
    assert runs.record("another") is None


def test_news_add_up_and_are_gone_when_they_were_sent(runs: Runs) -> None:
    runs.add_news({"delivered": 0, "cameBack": 0})
    assert runs.memory()[2] == 0, "nothing is written for nothing"
    runs.add_news({"delivered": 2, "cameBack": 1})
    memory, news, version = runs.memory()
    assert news == {"delivered": 2, "cameBack": 1}
    runs.add_news({"delivered": 3})
    assert not runs.keep_digest(RUN, KEPT, memory, version, keeps_news=False), "else the three were lost"
    memory, news, version = runs.memory()
    assert news == {"delivered": 5, "cameBack": 1}
    assert runs.keep_digest(RUN, KEPT, memory, version, keeps_news=True)
    assert runs.memory()[1] == news
    assert runs.keep_digest("another", KEPT, memory, version + 1, keeps_news=False)
    assert runs.memory()[1] == {}


# Partitions


def test_at_5000_a_second_no_partition_gets_more_than_its_share(runs: Runs, client: DynamoDBClient) -> None:
    """A partition takes 1,000 write units a second; what grows with the run is spread, or once a batch."""
    ledger, size, numbers = Ledger(Table(client, LEDGER.table), LEDGER), 4, (1, 2)
    dealt = {n: tuple(Communication(f"{n}-{i}", "send.email", "emails") for i in range(size)) for n in numbers}
    runs.write_batches(Batch(RUN, number, "request", sends) for number, sends in dealt.items())
    runs.begin_breaker(RUN, {"emails": 0}, {})
    front = TableFront(client)
    for number, sends in dealt.items():
        opened = open_batch(Opened(RUN, "request", number, clock.now()), runs, RunSettings())
        assert opened["go"] == "go"
        for communication in sends:
            claim = ledger.claim(communication, f"{RUN}/{number}", RUN, clock.now())
            assert isinstance(claim, Claim)
            ledger.note_turned_away(claim, 503, "HTTP 503")
        outcomes = tuple(Outcome(each.primary_id, each.source, OutcomeKind.FAILED, 1, 503) for each in sends)
        assert close_batch(Closed(RUN, "request", number, outcomes), runs)
    writes = front.writes()
    assert {each.key for sends in dealt.values() for each in sends} < writes.keys()
    assert writes.pop(f"run/{RUN}") == len(numbers), "the breaker, once a batch: 250 a second with batches of 20"
    assert max(writes.values()) == 2
    assert len(writes) == len(numbers) * (size + 1), "each communication and each batch is a partition of its own"
    assert Counter(front.calls)["BatchGetItem"] == 2 * len(numbers), "opening and closing read once each"
