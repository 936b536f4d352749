"""The ledger: one lease at a time, no attempt beyond the limit, and a way out of every state."""

from __future__ import annotations

from dataclasses import dataclass, field

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient

from redrive import clock
from redrive.ledger import Ledger, Waiting
from redrive.ledger_rules import Claim, Refusal, Refused, State, WaitingFor, cooldown_seconds, judge
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings

EMAIL = Communication("123455", "send.email", "email")
SETTINGS = LedgerSettings(table="ledger", max_attempts=3, cooldown_seconds=900, lease_seconds=120)


def create_table() -> DynamoDBClient:
    """Create the table as modules/ledger does."""
    client = boto3.client("dynamodb", region_name="eu-west-1")
    client.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "communication", "AttributeType": "S"},
            {"AttributeName": "waitingFor", "AttributeType": "S"},
            {"AttributeName": "waitingSince", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "communication", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "waiting",
                "KeySchema": [
                    {"AttributeName": "waitingFor", "KeyType": "HASH"},
                    {"AttributeName": "waitingSince", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return client


@dataclass
class Time:
    """The functions' clock, moved by the test through their configuration."""

    monkeypatch: pytest.MonkeyPatch
    offset: float = field(default=0)

    def passes(self, seconds: float) -> None:
        self.offset += seconds
        self.monkeypatch.setenv("REDRIVE_CLOCK_OFFSET_SECONDS", str(self.offset))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture
def ledger(aws: None) -> Ledger:
    return Ledger(create_table(), SETTINGS)


def claimed(ledger: Ledger, owner: str = "one", **how: bool) -> Claim:
    claim = ledger.claim(EMAIL, owner, "run", **how)
    assert isinstance(claim, Claim)
    return claim


def refused(ledger: Ledger, owner: str = "other", **how: bool) -> Refusal:
    refusal = ledger.claim(EMAIL, owner, "run", **how)
    assert isinstance(refusal, Refused)
    return refusal.reason


def requeue(ledger: Ledger, owner: str = "one") -> Claim:
    claim = claimed(ledger, owner)
    assert ledger.conclude(claim, OutcomeKind.REQUEUED, 202, None)
    return claim


def test_a_first_claim_is_the_first_attempt(ledger: Ledger) -> None:
    assert claimed(ledger) == Claim(EMAIL, "one", attempt=1, attempts=0)
    entry = ledger.show(EMAIL)
    assert entry is not None
    assert (entry.state, entry.attempts, entry.lease_owner, entry.run_id) == (State.ATTEMPTING, 0, "one", "run")
    assert entry.lease_until == pytest.approx(clock.now() + 120, abs=5)


def test_nobody_else_gets_a_live_lease_and_the_owner_goes_on(ledger: Ledger) -> None:
    first = claimed(ledger)
    assert refused(ledger) is Refusal.LEASED
    assert refused(ledger, force=True) is Refusal.LEASED
    assert claimed(ledger) == first


def test_a_crash_leads_to_the_same_attempt_again(ledger: Ledger, time: Time) -> None:
    first = claimed(ledger)
    time.passes(121)
    assert claimed(ledger, "other").attempt == first.attempt


def test_trouble_of_the_api_burns_no_attempt(ledger: Ledger, time: Time) -> None:
    for _ in range(10):
        claim = claimed(ledger)
        ledger.note_trouble(claim, "POST /requeue: HTTP 503 Service Unavailable")
        time.passes(121)
        assert claim.attempt == 1
    entry = ledger.show(EMAIL)
    assert entry is not None
    assert (entry.attempts, entry.error) == (0, "POST /requeue: HTTP 503 Service Unavailable")


def test_a_requeued_communication_cools_down_before_the_next_attempt(ledger: Ledger, time: Time) -> None:
    requeue(ledger)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(901)
    assert claimed(ledger, "other").attempt == 2


def test_force_ignores_the_cooldown(ledger: Ledger) -> None:
    requeue(ledger)
    assert claimed(ledger, "other", force=True).attempt == 2


def test_attempts_end_with_manual_and_are_named_once(ledger: Ledger, time: Time) -> None:
    for number in range(3):
        assert requeue(ledger, f"run {number}").attempt == number + 1
        time.passes(86401)
    assert refused(ledger) is Refusal.EXHAUSTED
    assert refused(ledger, force=True) is Refusal.EXHAUSTED
    assert ledger.exhaust(EMAIL, "other", "run")
    assert not ledger.exhaust(EMAIL, "another", "run")
    assert refused(ledger) is Refusal.MANUAL


def test_a_rejected_communication_is_manual_at_once(ledger: Ledger) -> None:
    ledger.conclude(claimed(ledger), OutcomeKind.REJECTED, 422, "HTTP 422 Unprocessable Entity")
    assert refused(ledger) is Refusal.MANUAL
    (entry,) = ledger.waiting(WaitingFor.PERSON).entries
    assert (entry.communication, entry.http_status, entry.error) == (EMAIL, 422, "HTTP 422 Unprocessable Entity")
    assert [event.what for event in entry.history] == ["rejected"]


def test_who_lost_its_lease_concludes_nothing(ledger: Ledger, time: Time) -> None:
    lost = claimed(ledger)
    time.passes(121)
    claimed(ledger, "other")
    assert not ledger.conclude(lost, OutcomeKind.REJECTED, 422, "HTTP 422")
    entry = ledger.show(EMAIL)
    assert entry is not None
    assert (entry.state, entry.lease_owner) == (State.ATTEMPTING, "other")


def test_a_released_one_has_all_attempts_again_under_new_keys(ledger: Ledger, time: Time) -> None:
    for _ in range(3):
        requeue(ledger)
        time.passes(86401)
    ledger.exhaust(EMAIL, "one", "run")
    released = ledger.release(EMAIL, "ann", "address corrected")
    assert released is not None
    assert [(event.what, event.by, event.detail) for event in released.history[-1:]] == [
        ("released", "ann", "address corrected")
    ]
    assert [requeue(ledger).attempt for _ in range(3) if time.passes(86401) is None] == [4, 5, 6]
    time.passes(86401)
    assert refused(ledger) is Refusal.EXHAUSTED


def test_only_what_waits_for_a_person_is_released(ledger: Ledger) -> None:
    assert ledger.release(EMAIL, "ann", "why") is None
    claimed(ledger)
    assert ledger.release(EMAIL, "ann", "why") is None


def test_a_discarded_one_is_never_sent_until_released(ledger: Ledger, time: Time) -> None:
    claimed(ledger)
    assert ledger.discard(EMAIL, "ann", "customer left") is None
    time.passes(121)
    assert ledger.discard(EMAIL, "ann", "customer left") is not None
    assert refused(ledger) is Refusal.DISCARDED
    assert ledger.waiting(WaitingFor.PERSON).entries == ()
    assert ledger.release(EMAIL, "ann", "came back") is not None
    assert claimed(ledger).attempt == 1


def test_what_left_the_list_was_delivered_and_can_come_back(ledger: Ledger, time: Time) -> None:
    requeue(ledger)
    assert not ledger.deliver(EMAIL, clock.now())
    time.passes(901)
    assert ledger.deliver(EMAIL, clock.now())
    assert ledger.waiting(WaitingFor.DELIVERY) == Waiting((), None)
    assert claimed(ledger).attempt == 2


def test_what_waits_is_listed_oldest_first_page_by_page(ledger: Ledger, time: Time) -> None:
    for number in range(5):
        communication = Communication(str(number), "send.sms", "sms")
        claim = ledger.claim(communication, "one", "run")
        assert isinstance(claim, Claim)
        ledger.conclude(claim, OutcomeKind.REJECTED, 410, "HTTP 410 Gone")
        time.passes(1)
    first = ledger.waiting(WaitingFor.PERSON, limit=3)
    second = ledger.waiting(WaitingFor.PERSON, start=first.next, limit=3)
    assert [entry.communication.primary_id for entry in (*first.entries, *second.entries)] == list("01234")
    assert second.next is None


def test_many_are_read_a_hundred_at_a_time(ledger: Ledger) -> None:
    communications = [Communication(str(number), "send.sms", "sms") for number in range(230)]
    for communication in communications[::50]:
        ledger.claim(communication, "one", "run")
    found = dict(ledger.read(communications))
    assert list(found) == communications
    assert [c.primary_id for c, entry in found.items() if entry] == ["0", "50", "100", "150", "200"]


def test_a_manual_one_is_not_forgotten(ledger: Ledger, aws: None) -> None:
    requeue(ledger)
    client = boto3.client("dynamodb", region_name="eu-west-1")
    key = {"communication": {"S": "send.email:123455"}}
    expiry = int(client.get_item(TableName="ledger", Key=key)["Item"]["expiry"]["N"])
    assert expiry == pytest.approx(clock.now() + 30 * 86400, abs=1000)
    ledger.discard(EMAIL, "ann", "why")
    assert "expiry" not in client.get_item(TableName="ledger", Key=key)["Item"]


def test_cooldowns_grow_to_their_limit() -> None:
    limits = LedgerSettings(table="", cooldown_seconds=100, backoff_rate=2, max_cooldown_seconds=1000)
    waits = [cooldown_seconds(attempts, limits) for attempts in (1, 2, 3, 4, 5, 500)]
    for wait, full in zip(waits, (100, 200, 400, 800, 1000, 1000), strict=True):
        assert 0.75 * full <= wait <= full


class Interleavings(RuleBasedStateMachine):
    """Two claimers, a clock that jumps, crashes at any point, and an operator, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.monkeypatch = pytest.MonkeyPatch()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self.monkeypatch.setenv(name, "testing")
        self.aws = mock_aws()
        self.aws.start()
        self.time = Time(self.monkeypatch)
        self.ledger = Ledger(create_table(), SETTINGS)
        self.claims: dict[str, Claim] = {}
        self.leases: dict[str, float] = {}
        self.numbers: set[int] = set()
        self.concluded_since_release = 0

    def teardown(self) -> None:
        self.aws.stop()
        self.monkeypatch.undo()

    @initialize()
    def start_at_nothing(self) -> None:
        assert self.ledger.show(EMAIL) is None

    @rule(owner=st.sampled_from(["one", "two"]), force=st.booleans())
    def claim(self, owner: str, force: bool) -> None:
        before = self.ledger.show(EMAIL)
        expected = judge(before, clock.now(), 3, owner=owner, force=force)
        claim = self.ledger.claim(EMAIL, owner, "run", force=force)
        if isinstance(claim, Refused):
            assert claim.reason is expected
            if claim.reason is Refusal.EXHAUSTED:
                assert self.ledger.exhaust(EMAIL, owner, "run")
            return
        assert expected is None
        for other, until in self.leases.items():
            assert other == owner or until <= clock.now(), "two live leases"
        assert claim.attempt not in self.numbers, "the number of a concluded attempt came again"
        self.claims[owner] = claim
        self.leases[owner] = clock.now() + SETTINGS.lease_seconds

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), outcome=st.sampled_from([OutcomeKind.REQUEUED, OutcomeKind.SKIPPED, OutcomeKind.REJECTED]))
    def conclude(self, data: st.DataObject, outcome: OutcomeKind) -> None:
        claim = self.claims.pop(data.draw(st.sampled_from(sorted(self.claims))))
        if self.ledger.conclude(claim, outcome, 202, None):
            self.numbers.add(claim.attempt)
            self.concluded_since_release += 1
            self.leases[claim.owner] = 0

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        claim = self.claims[data.draw(st.sampled_from(sorted(self.claims)))]
        self.ledger.note_trouble(claim, "HTTP 503")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Forget a claim; the lease itself stays until its time."""
        self.claims.pop(data.draw(st.sampled_from(sorted(self.claims))))

    @rule(seconds=st.sampled_from([1, 119, 121, 901, 1801, 86401]))
    def time_passes(self, seconds: int) -> None:
        self.time.passes(seconds)

    @rule()
    def leave_the_list(self) -> None:
        self.ledger.deliver(EMAIL, clock.now())

    @rule()
    def discard(self) -> None:
        self.ledger.discard(EMAIL, "ann", "why")

    @rule()
    def release(self) -> None:
        if self.ledger.release(EMAIL, "ann", "why"):
            self.concluded_since_release = 0

    @invariant()
    def attempts_stay_within_the_limit(self) -> None:
        entry = self.ledger.show(EMAIL)
        assert (entry.attempts if entry else 0) == self.concluded_since_release <= SETTINGS.max_attempts

    @invariant()
    def every_state_has_a_way_out(self) -> None:
        entry = self.ledger.show(EMAIL)
        refusal = judge(entry, clock.now() + 10 * 86400, SETTINGS.max_attempts)
        waiting = [e.communication for e in self.ledger.waiting(WaitingFor.PERSON).entries]
        assert refusal in (None, Refusal.EXHAUSTED, Refusal.MANUAL, Refusal.DISCARDED)
        assert (EMAIL in waiting) == (refusal is Refusal.MANUAL)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
