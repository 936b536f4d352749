"""The ledger: one lease at a time, no attempt beyond the limit, one body for a key, and a way out of every state."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mypy_boto3_dynamodb import DynamoDBClient

from redrive import clock
from redrive import ledger_rules as rules
from redrive.ledger import MAX_ITEM, Ledger, group_of, key_of, to_item, waiting_key
from redrive.ledger_rules import Body, Claim, Entry, Refusal, Refused, State, cooldown_seconds, judge
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings
from redrive.table import Put, Table
from tests.unit.support import (
    A_LEASE,
    LEDGER,
    LONGEST_COOLDOWN,
    ONE_COOLDOWN,
    TableFront,
    Time,
    concluded,
    create_table,
    entry_of,
    made_manual,
)

EMAIL = Communication("123455", "send.email", "email")
THIRTY_DAYS = LEDGER.retention_days * 86400


def claimed(ledger: Ledger, owner: str = "run/1", **how: Any) -> Claim:
    claim = ledger.claim(EMAIL, owner, "run", clock.now(), **how)
    assert isinstance(claim, Claim)
    return claim


def refused(ledger: Ledger, owner: str = "run/2", **how: Any) -> Refusal:
    refusal = ledger.claim(EMAIL, owner, "run", clock.now(), **how)
    assert isinstance(refusal, Refused)
    return refusal.reason


# Leases


def test_a_first_claim_is_the_first_attempt(ledger: Ledger) -> None:
    claim = claimed(ledger, created_by="redrive")
    entry = entry_of(ledger, EMAIL)
    assert claim == Claim(entry)
    assert (claim.attempt, claim.communication, claim.number) == (1, EMAIL, f"{entry.first_seen:.0f}-1")
    assert claim.body == Body("send.email", "redrive", entry.first_seen)
    assert (entry.state, entry.attempts, entry.lease_owner, entry.run_id) == (State.OPEN, 0, "run/1", "run")
    assert entry.lease_until == pytest.approx(clock.now() + LEDGER.lease_seconds, abs=5)


def test_nobody_else_gets_a_live_lease_and_the_owner_goes_on(ledger: Ledger, time: Time) -> None:
    first = claimed(ledger)
    assert refused(ledger) is Refusal.LEASED
    assert refused(ledger, force=True) is Refusal.LEASED
    time.passes(A_LEASE - 10)
    again = claimed(ledger)
    assert (again.number, again.body) == (first.number, first.body)
    time.passes(20)
    assert refused(ledger) is Refusal.LEASED, "going on renews the lease"


def test_a_crash_leads_to_the_same_attempt_again_with_the_same_body(ledger: Ledger, time: Time) -> None:
    first = claimed(ledger, created_by="redrive")
    time.passes(A_LEASE)
    again = claimed(ledger, "run/2", created_by="renamed")
    assert (again.attempt, again.number, again.body) == (first.attempt, first.number, first.body)


def test_a_claim_says_at_once_what_is_read_of_it_later(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redrive.clock.now", lambda: 1000.9999996)  # more digits than the table keeps
    first = claimed(ledger)
    assert entry_of(ledger, EMAIL) == first.entry
    assert claimed(ledger).body == first.body


def test_who_comes_back_keeps_its_lease_and_who_does_not_gives_it_up(ledger: Ledger, time: Time) -> None:
    ledger.note_turned_away(claimed(ledger), 503, "HTTP 503", comes_back=True)
    time.passes(1)
    assert refused(ledger, force=True) is Refusal.LEASED
    last = claimed(ledger)
    ledger.note_turned_away(last, 503, "HTTP 503")
    time.passes(1)
    assert claimed(ledger, "run/2", force=True).number == last.number


def test_a_lease_given_back_is_free_at_once_and_nothing_else_happened(ledger: Ledger) -> None:
    first = claimed(ledger)
    assert ledger.give_back(first)
    entry = entry_of(ledger, EMAIL)
    assert (entry.outcome, entry.tried, entry.attempts, entry.not_before) == (None, 0, 0, 0)
    assert claimed(ledger, "run/2").number == first.number


def test_who_has_lost_its_lease_writes_nothing(ledger: Ledger, time: Time) -> None:
    late = claimed(ledger)
    time.passes(A_LEASE)
    claimed(ledger, "run/2")
    before = entry_of(ledger, EMAIL)
    for write in (
        lambda: ledger.accept(late, 202),
        lambda: ledger.note_already_queued(late),
        lambda: ledger.note_turned_away(late, 422, "HTTP 422"),
        lambda: ledger.give_back(late),
    ):
        assert not write()
    assert entry_of(ledger, EMAIL) == before


@pytest.mark.parametrize("outcome", [OutcomeKind.REQUEUED, OutcomeKind.SKIPPED, OutcomeKind.REFUSED])
def test_a_batch_that_has_an_answer_does_not_ask_again(ledger: Ledger, time: Time, outcome: OutcomeKind) -> None:
    concluded(ledger, EMAIL, outcome, owner="run/1")
    assert refused(ledger, "run/1", force=True) is Refusal.CONCLUDED
    time.passes(LONGEST_COOLDOWN)
    assert refused(ledger, "run/1") is Refusal.CONCLUDED
    assert claimed(ledger, "run/2").number.endswith("-1" if outcome is OutcomeKind.SKIPPED else "-2")


# Attempts, numbers, cooldowns


@pytest.mark.parametrize("status", [None, 500, 503, 429, 408, 401])
def test_what_may_have_been_carried_out_keeps_key_and_body(ledger: Ledger, time: Time, status: int | None) -> None:
    first = claimed(ledger, created_by="redrive")
    ledger.note_turned_away(first, status, "no answer")
    ledger.charge(entry_of(ledger, EMAIL), "run", clock.now())
    time.passes(LONGEST_COOLDOWN)
    again = claimed(ledger, "run/2", created_by="renamed")
    assert (again.number, again.body) == (first.number, first.body)
    assert again.attempt == 2, "charged, with the same key"


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_after_a_definite_answer_comes_another_key(ledger: Ledger, time: Time, status: int) -> None:
    first = claimed(ledger, created_by="redrive")
    ledger.note_turned_away(first, status, "no")
    time.passes(LONGEST_COOLDOWN)
    again = claimed(ledger, "run/2", created_by="renamed")
    assert (again.number, again.attempt) == (first.number[:-1] + "2", 1)
    assert again.body.created_by == "renamed"


def test_trouble_of_the_api_counts_no_attempt(ledger: Ledger, time: Time) -> None:
    for number in range(10):
        assert claimed(ledger, f"run/{number}").attempt == 1
        ledger.note_turned_away(claimed(ledger, f"run/{number}"), 503, "HTTP 503 Service Unavailable")
        time.passes(LONGEST_COOLDOWN)
    entry = entry_of(ledger, EMAIL)
    assert (entry.attempts, entry.error, len(entry.history)) == (0, "HTTP 503 Service Unavailable", 1)
    assert entry.turned_away < clock.now() - 9 * LONGEST_COOLDOWN, "since the first one"


@pytest.mark.parametrize("outcome", list(OutcomeKind))
def test_whatever_the_answer_it_cools_down(ledger: Ledger, time: Time, outcome: OutcomeKind) -> None:
    concluded(ledger, EMAIL, outcome)
    time.passes(1)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(LEDGER.cooldown_seconds - 10)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(LEDGER.cooldown_seconds * 0.25 + 10)
    claimed(ledger, "run/2")


def test_the_api_is_not_asked_before_the_time_it_names(ledger: Ledger, time: Time) -> None:
    ledger.note_turned_away(claimed(ledger), 429, "HTTP 429", retry_after=7200)
    time.passes(7190)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(10)
    claimed(ledger, "run/2")


def test_force_ignores_the_cooldown(ledger: Ledger) -> None:
    concluded(ledger, EMAIL)
    assert claimed(ledger, force=True).attempt == 2


def test_a_list_from_before_the_last_answer_does_not_tell_of_another_failure(ledger: Ledger, time: Time) -> None:
    listed_at = clock.now()
    time.passes(1)
    concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    for force in (False, True):
        late = ledger.claim(EMAIL, "a batch that had to wait", "run", listed_at, force=force)
        assert isinstance(late, Refused)
        assert late.reason is Refusal.COOLING_DOWN
    assert isinstance(ledger.claim(EMAIL, "a new list", "run", clock.now()), Claim)


def test_the_last_attempt_is_the_last(ledger: Ledger, time: Time) -> None:
    for number in range(LEDGER.max_attempts):
        time.passes(LONGEST_COOLDOWN)
        assert concluded(ledger, EMAIL).attempt == number + 1
    assert refused(ledger, force=True) is Refusal.COOLING_DOWN, "not manual before its cooldown is over"
    time.passes(LONGEST_COOLDOWN)
    assert refused(ledger) is Refusal.EXHAUSTED
    assert refused(ledger, force=True) is Refusal.EXHAUSTED


@pytest.mark.parametrize("attempts", [1, LEDGER.max_attempts])
def test_what_was_forgotten_begins_anew_though_dynamodb_has_not_deleted_it(
    ledger: Ledger, time: Time, attempts: int
) -> None:
    first = concluded(ledger, EMAIL)
    for _ in range(attempts - 1):
        time.passes(LONGEST_COOLDOWN)
        concluded(ledger, EMAIL)
    time.passes(THIRTY_DAYS + LONGEST_COOLDOWN)
    assert ledger.show(EMAIL) is None
    assert [entry for _, entry in ledger.read([EMAIL])] == [None]
    anew = claimed(ledger, created_by="redrive")
    assert (anew.attempt, anew.entry.number, anew.entry.history) == (1, 1, ())
    assert anew.number != first.number


# Verdicts and persons


def test_a_verdict_is_charged_once_for_a_run(ledger: Ledger) -> None:
    concluded(ledger, EMAIL, OutcomeKind.FAILED)
    found = entry_of(ledger, EMAIL)
    charged = ledger.charge(found, "run", clock.now())
    assert charged.attempts == 1
    for again in (charged, entry_of(ledger, EMAIL), found):
        ledger.charge(again, "run", clock.now())
        ledger.make_manual(again, "refused", "run", clock.now())
    assert (entry_of(ledger, EMAIL).attempts, entry_of(ledger, EMAIL).state) == (1, State.OPEN)
    assert ledger.charge(entry_of(ledger, EMAIL), "the next run", clock.now()).attempts == 2


def test_the_last_charge_makes_it_manual(ledger: Ledger, table: Table) -> None:
    concluded(ledger, EMAIL, OutcomeKind.FAILED, error="POST /requeue: HTTP 503 Service Unavailable")
    for number in range(LEDGER.max_attempts):
        charged = ledger.charge(entry_of(ledger, EMAIL), f"run {number}", clock.now())
    entry = entry_of(ledger, EMAIL)
    assert (charged.state, entry.state, entry.attempts, entry.expiry) == (State.MANUAL, State.MANUAL, 3, 0)
    assert refused(ledger, force=True) is Refusal.MANUAL
    assert entry.history[-1].what == "exhausted"
    assert group_of(entry) == "email/503/service-unavailable"


def test_a_verdict_does_not_go_over_what_has_come_since(ledger: Ledger, time: Time) -> None:
    concluded(ledger, EMAIL, OutcomeKind.FAILED)
    read = entry_of(ledger, EMAIL)
    time.passes(LONGEST_COOLDOWN)
    claimed(ledger, "the next run/1")
    before = entry_of(ledger, EMAIL)
    ledger.charge(read, "run", clock.now())
    ledger.make_manual(read, "refused", "run", clock.now())
    assert entry_of(ledger, EMAIL) == before


def waiting(table: Table, entry: Entry) -> list[dict[str, Any]]:
    return list(table.query(waiting_key(entry).pk).items)


@pytest.mark.parametrize("how", ["release", "discard"])
def test_what_waits_for_a_person_is_found_by_its_group_until_a_person_decides(
    ledger: Ledger, table: Table, how: str
) -> None:
    entry = made_manual(ledger, EMAIL, "POST /requeue: HTTP 422 Unprocessable Content")
    (item,) = waiting(table, entry)
    assert item["pk"] == "manual/email/422/unprocessable-content"
    assert item["sk"].endswith("Z#send.email:123455")
    assert (item["primaryId"], item["error"], item["runId"]) == ("123455", entry.error, "earlier")
    assert getattr(ledger, how)(entry_of(ledger, EMAIL), "ann", "why")
    assert waiting(table, entry) == []
    assert not getattr(ledger, how)(entry, "ann", "twice"), "it was changed since then"


@pytest.mark.parametrize(
    ("error", "status", "group"),
    [
        (None, 202, "email/none/came-back-each-time"),
        ("POST /x: HTTP 404 Not Found", 404, "email/404/not-found"),
        ("POST /x: no answer within 20 s", None, "email/none/no-answer-within-20-s"),
        ("HTTP 422", 422, "email/422/no-reason"),
        ("POST /x: HTTP 400 " + 100 * "Ä B", 400, "email/400/" + ("b-" * 30)[:60].rstrip("-")),
    ],
)
def test_a_group_is_named_by_source_status_and_reason(error: str | None, status: int | None, group: str) -> None:
    named = group_of(Entry(EMAIL, State.MANUAL, error=error, http_status=status))
    assert named[:60] == group[:60]
    assert len(named) <= len("email/400/") + 60


def test_a_released_one_may_be_sent_at_once_with_all_attempts_and_another_key(ledger: Ledger) -> None:
    concluded(ledger, EMAIL, OutcomeKind.REFUSED)
    for number in range(LEDGER.max_attempts):
        ledger.charge(entry_of(ledger, EMAIL), f"run {number}", clock.now())
    assert entry_of(ledger, EMAIL).state is State.MANUAL
    assert ledger.release(entry_of(ledger, EMAIL), "ann", "corrected")
    claim = claimed(ledger, "run/2")
    assert (claim.attempt, claim.entry.number) == (1, 2)
    assert [(event.what, event.by, event.detail) for event in claim.entry.history][-1] == (
        "released",
        "ann",
        "corrected",
    )


def test_a_released_one_is_not_yet_being_turned_away(ledger: Ledger, time: Time) -> None:
    ledger.note_turned_away(claimed(ledger), 503, "HTTP 503")
    assert entry_of(ledger, EMAIL).turned_away
    made = ledger.make_manual(entry_of(ledger, EMAIL), "refused", "run", clock.now())
    assert ledger.release(made, "ann", "why")
    assert entry_of(ledger, EMAIL).turned_away == 0, "or the first refusal would be one of long ago"


def test_a_discarded_one_is_never_sent_until_it_is_released(ledger: Ledger, time: Time) -> None:
    concluded(ledger, EMAIL)
    assert ledger.discard(entry_of(ledger, EMAIL), "ann", "why")
    time.passes(10 * THIRTY_DAYS)
    assert refused(ledger, force=True) is Refusal.DISCARDED
    assert ledger.release(entry_of(ledger, EMAIL), "ann", "why")
    assert claimed(ledger).entry.number == 2


def test_what_is_being_sent_is_not_changed_by_a_person(ledger: Ledger, time: Time) -> None:
    claimed(ledger)
    before = entry_of(ledger, EMAIL)
    assert ledger.discard(before, "ann", "why") is None
    assert ledger.release(before, "ann", "why") is None
    assert entry_of(ledger, EMAIL) == before
    time.passes(A_LEASE)
    assert ledger.discard(before, "ann", "why")


# The table and the rules


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redrive.clock.now", lambda: 1000.0)


AROUND = st.sampled_from([0, 900, 999.999, 1000, 1000.001, 1100])
ENTRIES = st.builds(
    partial(Entry, EMAIL),  # of a NamedTuple itself, hypothesis makes up what is left out
    st.sampled_from(State),
    attempts=st.integers(0, 4),
    number=st.integers(1, 3),
    body=st.none() | st.just(Body("send.email", "earlier", 900)),
    lease_owner=st.sampled_from(["", "one", "two"]),
    lease_until=AROUND,
    not_before=AROUND,
    tried=AROUND,
    turned_away=st.sampled_from([0, 900]),
    outcome=st.none() | st.sampled_from(OutcomeKind),
    first_seen=st.just(800),
    expiry=st.sampled_from([0, 1000, 1001]),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entry=ENTRIES, owner=st.sampled_from(["one", "two"]), force=st.booleans(), listed_at=AROUND.filter(bool))
def test_the_table_claims_exactly_what_the_rules_allow(
    ledger: Ledger, table: Table, moment: None, entry: Entry, owner: str, force: bool, listed_at: float
) -> None:
    table.write(Put(key_of(EMAIL), to_item(entry)))
    expected = judge(entry, 1000, LEDGER.max_attempts, owner=owner, force=force, listed_at=listed_at)
    found = ledger.claim(EMAIL, owner, "run", listed_at, created_by="now", force=force)
    if expected is None:
        assert found == Claim(rules.claimed(entry, EMAIL, owner, "run", "now", 1000, LEDGER))
        assert ledger.show(EMAIL) == found.entry, "the table did the same"
    else:
        assert found == Refused(expected, entry)


@given(entry=ENTRIES, owner=st.sampled_from(["one", "two"]))
def test_force_ignores_cooldowns_and_nothing_else(entry: Entry, owner: str) -> None:
    plain, forced = (judge(entry, 1000, 3, owner=owner, force=force) for force in (False, True))
    assert forced == plain or (plain, forced) == (Refusal.COOLING_DOWN, None)


@settings(max_examples=30)
@given(first=st.floats(1, 86400), rate=st.floats(1, 10), longest=st.floats(1, 604800), attempts=st.integers(1, 10_000))
def test_a_cooldown_grows_to_its_limit_and_up_to_a_quarter_more(
    first: float, rate: float, longest: float, attempts: int
) -> None:
    limits = LedgerSettings("", cooldown_seconds=first, backoff_rate=rate, max_cooldown_seconds=longest)
    full = min(first * rate ** min(attempts - 1, 64), longest)
    assert full * 0.999 <= cooldown_seconds(attempts, limits) <= 1.25 * full * 1.001


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({cooldown_seconds(1, LEDGER) for _ in range(20)}) > 10


# What it costs


def wire_size(value: dict[str, Any]) -> int:
    """Give the bytes of a value as it lies in the table; "Item sizes and formats" of the developer guide."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return (len(content.replace(".", "").strip("0")) + 1) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + wire_size(each) for each in content)
    return 3 + sum(1 + len(name) + wire_size(each) for name, each in content.items()) if kind == "M" else 1


LONGEST = Communication("i" * 128, "o" * 64, "s" * 32, "d" * 64)
LONGEST_ERROR = "POST /requeue: HTTP 422 " + "ä" * 120
LONGEST_RUN = "20261124T021500Z-12345678"


BATCHES = itertools.count(10_000)


def longest_claim(ledger: Ledger) -> Claim:
    owner = f"{LONGEST_RUN}/{next(BATCHES)}"
    claim = ledger.claim(LONGEST, owner, LONGEST_RUN, clock.now(), created_by="c" * 128)
    assert isinstance(claim, Claim)
    return claim


def test_no_item_is_larger_than_one_write_unit_pays_for(ledger: Ledger, client: DynamoDBClient, time: Time) -> None:
    found: list[int] = []

    def measure() -> None:
        items = client.scan(TableName=LEDGER.table)["Items"]
        found.extend(sum(len(name) + wire_size(value) for name, value in item.items()) for item in items)

    def lives(*notes: Callable[[Claim], Any]) -> None:
        for note in notes:
            claim = longest_claim(ledger)
            measure()
            note(claim)
            measure()
            time.passes(LONGEST_COOLDOWN)

    for number in range(LEDGER.max_attempts):
        lives(
            lambda claim: ledger.note_turned_away(claim, 503, LONGEST_ERROR, comes_back=True),
            lambda claim: ledger.note_turned_away(claim, None, f"no answer {LONGEST_ERROR}"),
            lambda claim: ledger.note_already_queued(claim),
            lambda claim: ledger.note_turned_away(claim, 422, LONGEST_ERROR),
        )
        ledger.charge(entry_of(ledger, LONGEST), f"{LONGEST_RUN[:-1]}{number}", clock.now())
        measure()
    assert entry_of(ledger, LONGEST).state is State.MANUAL
    ledger.discard(entry_of(ledger, LONGEST), "arn:aws:sts::123456789012:assumed-role/support/ann", "w" * 500)
    measure()
    ledger.release(entry_of(ledger, LONGEST), "arn:aws:sts::123456789012:assumed-role/support/ann", "ж" * 500)
    measure()
    last = entry_of(ledger, LONGEST).history[-1]
    assert (last.what, last.by[-4:]) == ("released", "/ann"), "the newest event is kept, if not all of its words"
    lives(lambda claim: ledger.accept(claim, 202))
    assert 900 < max(found) <= MAX_ITEM == 1024


def test_an_ordinary_communication_keeps_the_last_events_of_its_history(ledger: Ledger, time: Time) -> None:
    for status in (422, 503, 404, 500):
        owner = f"{LONGEST_RUN}/{next(BATCHES)}"
        claim = ledger.claim(EMAIL, owner, LONGEST_RUN, clock.now(), created_by="redrive-production")
        assert isinstance(claim, Claim)
        ledger.note_turned_away(claim, status, f"POST /v1/communications/requeue: HTTP {status} Some Reason Phrase")
        time.passes(LONGEST_COOLDOWN)
    history = entry_of(ledger, EMAIL).history
    assert [event.detail[33:41] for event in history] == ["HTTP 503", "HTTP 404", "HTTP 500"]


def test_a_communication_that_is_accepted_costs_two_write_units(ledger: Ledger, client: DynamoDBClient) -> None:
    front = TableFront(client)
    ledger.accept(longest_claim(ledger), 202)
    assert front.calls == ["UpdateItem", "UpdateItem"]
    assert set(front.writes()) == {LONGEST.key}


def test_many_are_read_a_hundred_at_a_time_in_their_order(ledger: Ledger, client: DynamoDBClient) -> None:
    communications = [Communication(str(number), "send.sms", "sms") for number in range(230)]
    for communication in communications[::50]:
        ledger.claim(communication, "run/1", "run", clock.now())
    front = TableFront(client)
    found = dict(ledger.read(communications))
    assert list(found) == communications
    assert [c.primary_id for c, entry in found.items() if entry] == ["0", "50", "100", "150", "200"]
    assert front.calls == ["BatchGetItem"] * 3


def test_reading_many_gives_all_that_a_judgement_and_the_order_need(ledger: Ledger) -> None:
    concluded(ledger, EMAIL, OutcomeKind.REFUSED)
    whole = entry_of(ledger, EMAIL)
    assert list(ledger.read_whole([EMAIL])) == [(EMAIL, whole)]
    ((_, found),) = ledger.read([EMAIL])
    assert found is not None
    for name in ("communication", "state", "attempts", "lease_owner", "lease_until", "not_before", "tried", "expiry"):
        assert getattr(found, name) == getattr(whole, name), name
    assert found.outcome is OutcomeKind.REFUSED
    assert (found.history, found.body) == ((), None)


def test_ids_of_one_space_are_one_communication_and_of_another_another(ledger: Ledger) -> None:
    ledger.claim(Communication("7", "send.email", "a", "letters"), "run/1", "run", clock.now())
    same, other = Communication("7", "send.sms", "b", "letters"), Communication("7", "send.email", "a")
    entry = entry_of(ledger, same)
    assert (entry.communication.id_space, entry.communication.key) == ("letters", "letters:7")
    assert isinstance(ledger.claim(same, "run/2", "run", clock.now()), Refused)
    assert isinstance(ledger.claim(other, "run/2", "run", clock.now()), Claim)


@pytest.mark.parametrize("primary_id", ["a:b", ":", "ä", "x" * 128, "1/2", "#"])
def test_any_id_is_found_again(ledger: Ledger, primary_id: str) -> None:
    communication = Communication(primary_id, "send.email", "email")
    made_manual(ledger, communication)
    assert entry_of(ledger, communication).communication == communication


def test_what_needs_nobody_is_forgotten_after_its_retention(ledger: Ledger, client: DynamoDBClient, time: Time) -> None:
    def kept_for_days() -> float:
        expiry = client.scan(TableName="ledger")["Items"][0]["expiry"]["N"]
        assert expiry.isdigit(), "DynamoDB's TTL wants whole seconds"
        return (int(expiry) - clock.now()) / 86400

    claim = claimed(ledger)
    assert kept_for_days() == pytest.approx(30, abs=0.1)
    time.passes(86400)
    ledger.accept(claim, 202)
    assert 30 < kept_for_days() < 30.1, "counted from the end of the cooldown"
    ledger.discard(entry_of(ledger, EMAIL), "ann", "why")
    assert "expiry" not in client.scan(TableName="ledger")["Items"][0]
    ledger.release(entry_of(ledger, EMAIL), "ann", "why")
    assert kept_for_days() == pytest.approx(30, abs=0.1)


def test_the_clock_is_set_by_configuration(time: Time) -> None:
    before = clock.now()
    time.passes(3600)
    assert clock.now() == pytest.approx(before + 3600, abs=5)


class Interleavings(RuleBasedStateMachine):
    """The table and the rules side by side: batches that claim, answers, crashes, verdicts and persons, in any order.

    ``entry`` is what the rules make of it, and the table must hold just that. Beside it stand the promises, kept by
    books of their own. Every example has a communication of its own, in the one table.
    """

    client: ClassVar[DynamoDBClient]
    ledger: ClassVar[Ledger]
    now: ClassVar[float] = 1_800_000_000
    ids = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        number = str(next(self.ids))
        # One communication, listed by a source whose operation was renamed.
        self.forms = [Communication(number, f"send.{name}", "email", "mails") for name in ("email", "letter")]
        self.entry: Entry | None = None
        self.compared: Entry | None = None
        self.seen: Entry | None = None
        self.run = 1
        self.claims: dict[str, Claim] = {}
        self.leases: dict[str, float] = {}
        self.bodies: dict[str, Body] = {}
        self.spent = 0

    @property
    def known(self) -> Entry | None:
        return None if self.entry is None or self.entry.is_over(self.now) else self.entry

    def drawn(self, data: st.DataObject) -> Entry | None:
        """Give what somebody read just now, or a while ago."""
        return self.seen if self.seen and data.draw(st.booleans()) else self.ledger.show(self.forms[0])

    def is_as(self, read: Entry) -> bool:
        return self.entry is not None and (read.state, read.updated) == (self.entry.state, self.entry.updated)

    @rule(
        batch=st.sampled_from([1, 2]),
        form=st.sampled_from([0, 0, 1]),
        by=st.sampled_from(["a", "b"]),
        force=st.booleans(),
        ago=st.sampled_from([0, 60, 1000]),
    )
    def claim(self, batch: int, form: int, by: str, force: bool, ago: int) -> None:
        """Claim what the application listed as failed just now, or a while ago: the batch had to wait."""
        owner, run, listed_at, form_ = f"{self.run}/{batch}", str(self.run), self.now - ago, self.forms[form]
        expected = judge(self.entry, self.now, LEDGER.max_attempts, owner=owner, force=force, listed_at=listed_at)
        found = self.ledger.claim(form_, owner, run, listed_at, created_by=by, force=force)
        if isinstance(found, Refused):
            assert found.reason is expected
            return
        assert expected is None
        if self.known is None:
            self.spent = 0
        self.entry = rules.claimed(self.entry, form_, owner, run, by, self.now, LEDGER)
        assert found.entry == self.entry
        for other, until in self.leases.items():
            assert other == owner or until <= self.now, "two live leases"
        key = f"{found.communication.key}:{found.number}"
        assert self.bodies.setdefault(key, found.body) == found.body, "one key with two bodies"
        self.claims[owner] = found
        self.leases[owner] = self.now + LEDGER.lease_seconds

    @precondition(lambda self: self.claims)
    @rule(
        data=st.data(),
        status=st.sampled_from([202, 202, 409, 422, 403, 429, 503, None]),
        retry_after=st.sampled_from([None, None, 7200]),
        comes_back=st.booleans(),
    )
    def answer(self, data: st.DataObject, status: int | None, retry_after: float | None, comes_back: bool) -> None:
        owner = data.draw(st.sampled_from(sorted(self.claims)))
        claim = self.claims.pop(owner)
        entry = claim.entry
        is_own = (
            self.entry is not None
            and self.entry.state is State.OPEN
            and (self.entry.lease_owner, self.entry.number, self.entry.attempts)
            == (owner, entry.number, entry.attempts)
        )
        comes_back = comes_back and status in (429, 503, None) and not retry_after
        if status == 202:
            done = self.ledger.accept(claim, 202)
            after = rules.accepted(entry, 202, self.now, LEDGER)
        elif status == 409:
            done = self.ledger.note_already_queued(claim)
            after = rules.already_queued(entry, self.now, LEDGER)
        else:
            how: Any = {"retry_after": retry_after, "comes_back": comes_back}
            done = self.ledger.note_turned_away(claim, status, f"HTTP {status}", **how)
            after = rules.turned_away(entry, status, f"HTTP {status}", self.now, LEDGER, **how)
        assert done == is_own
        if done:
            self.entry = after
            self.spent += status == 202
            self.leases[owner] = self.leases[owner] if comes_back else 0
            if status not in (202, 422, 403):
                assert (after.number, after.body) == (entry.number, entry.body), "it may have been carried out"
            if retry_after and status not in (202, 409):
                assert judge(after, self.now + retry_after - 1, LEDGER.max_attempts) is not None

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), crashes=st.booleans())
    def leave(self, data: st.DataObject, crashes: bool) -> None:
        """Give the lease back unused, or crash: then the lease itself stays until its time."""
        owner = data.draw(st.sampled_from(sorted(self.claims)))
        claim = self.claims.pop(owner)
        if not crashes and self.ledger.give_back(claim):
            self.entry = rules.given_back(claim.entry, self.now)
            self.leases[owner] = 0

    @rule()
    def next_run(self) -> None:
        self.run += 1

    @rule()
    def look(self) -> None:
        self.seen = self.ledger.show(self.forms[0])

    @rule(data=st.data(), run_ago=st.sampled_from([0, 0, 1]), is_refused=st.booleans())
    def conclude(self, data: st.DataObject, run_ago: int, is_refused: bool) -> None:
        """Give a verdict, as ``conclude`` does: never under a live lease; and again, as after a crash."""
        read, run = self.drawn(data), str(self.run - run_ago)
        if read is None or read.state is not State.OPEN or not read.turned_away or read.lease_until > self.now:
            return
        is_done = self.is_as(read) and read.judged != run
        for _ in range(2):
            if is_refused:
                self.ledger.make_manual(read, "refused", run, self.now)
            else:
                self.ledger.charge(read, run, self.now)
        if is_done and self.entry and is_refused:
            self.entry = rules.manual(self.entry, "refused", run, self.now)
        elif is_done and self.entry:
            self.entry = rules.charged(self.entry, run, self.now, LEDGER)
            self.spent += 1

    @rule()
    def retire(self) -> None:
        """Make manual what has come back after its last attempt."""
        if self.entry and judge(self.entry, self.now, LEDGER.max_attempts) is Refusal.EXHAUSTED:
            read, run = self.ledger.show(self.forms[0]), f"retired in {self.run}"
            assert read is not None
            self.ledger.make_manual(read, "exhausted", run, self.now)
            if read.judged != run:
                self.entry = rules.manual(self.entry, "exhausted", run, self.now)

    @rule(data=st.data(), how=st.sampled_from(["release", "discard"]))
    def a_person_decides(self, data: st.DataObject, how: str) -> None:
        read = self.drawn(data)
        if read is None:
            return
        changed = getattr(self.ledger, how)(read, "ann", "why")
        may = rules.may_be_released(read) if how == "release" else rules.may_be_discarded(read, self.now)
        assert bool(changed) == (may and self.is_as(read))
        if changed and self.entry:
            is_release = how == "release"
            self.spent = 0 if is_release else self.spent
            self.entry = (
                rules.released(self.entry, "ann", "why", self.now, LEDGER)
                if is_release
                else rules.discarded(self.entry, "ann", "why", self.now)
            )

    @rule(seconds=st.sampled_from([1, 119, 121, 901, 1801, 86401, THIRTY_DAYS + 86400]))
    def time_passes(self, seconds: int) -> None:
        type(self).now += seconds

    @precondition(lambda self: self.entry and not self.known)
    @rule()
    def dynamodb_deletes_at_last(self) -> None:
        key: Any = {"pk": {"S": self.forms[0].key}, "sk": {"S": "communication"}}
        self.client.delete_item(TableName=LEDGER.table, Key=key)
        self.entry, self.spent = None, 0

    @invariant()
    def the_table_holds_what_the_rules_say(self) -> None:
        type(self).now += 1  # no two things at one moment
        if self.entry is not self.compared:
            assert self.ledger.show(self.forms[0]) == self.known
            self.compared = self.entry

    @invariant()
    def attempts_stay_within_the_limit(self) -> None:
        assert (self.entry.attempts if self.entry else 0) == self.spent <= LEDGER.max_attempts

    def teardown(self) -> None:
        """See that exactly what is manual waits for a person, and go the way out of whatever state it is."""
        assert self.ledger.show(self.forms[0]) == self.known
        key = self.forms[0].key
        items = self.client.scan(TableName=LEDGER.table)["Items"]
        found = [(item["pk"]["S"], item["sk"]["S"]) for item in items if item["sk"]["S"].endswith(f"#{key}")]
        assert found == ([waiting_key(self.entry)] if self.entry and self.entry.state is State.MANUAL else [])
        type(self).now += LONGEST_COOLDOWN
        self.seen = self.known
        self.retire()
        if self.known and self.known.state in (State.MANUAL, State.DISCARDED):
            assert self.ledger.release(self.known, "ann", "why")
        assert isinstance(self.ledger.claim(self.forms[0], "last/1", "last", self.now), Claim), (
            "a state without a way out"
        )


@pytest.fixture
def interleavings(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Interleavings.client = create_table()
    Interleavings.ledger = Ledger(Table(Interleavings.client, LEDGER.table), LEDGER)
    monkeypatch.setattr("redrive.clock.now", lambda: Interleavings.now)
    # Both sides draw the same cooldown.
    monkeypatch.setattr("redrive.ledger_rules.random.uniform", lambda least, most: most)


@pytest.mark.usefixtures("interleavings")
class TestInterleavings(Interleavings.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=10, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
