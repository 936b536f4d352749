"""The ledger: one lease at a time, no attempt beyond the limit, and a way out of every state."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from mypy_boto3_dynamodb import DynamoDBClient

from redrive import clock
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, Entry, Refusal, Refused, State, WaitingFor, cooldown_seconds, judge
from redrive.ledger_table import FAR_FUTURE, Waiting
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings
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
)

EMAIL = Communication("123455", "send.email", "email")
KEY = {"communication": {"S": "send.email:123455"}}


@pytest.fixture
def client(aws: None) -> DynamoDBClient:
    return create_table()


@pytest.fixture
def ledger(client: DynamoDBClient) -> Ledger:
    return Ledger(client, LEDGER)


def claimed(ledger: Ledger, owner: str = "one", **how: bool) -> Claim:
    claim = ledger.claim(EMAIL, owner, "run", clock.now(), **how)
    assert isinstance(claim, Claim)
    return claim


def refused(ledger: Ledger, owner: str = "other", **how: bool) -> Refusal:
    refusal = ledger.claim(EMAIL, owner, "run", clock.now(), **how)
    assert isinstance(refusal, Refused)
    return refusal.reason


def exhausted(ledger: Ledger, time: Time) -> None:
    """Use up all attempts, up to the moment when somebody learns it."""
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, EMAIL)
        time.passes(LONGEST_COOLDOWN)


def test_a_first_claim_is_the_first_attempt(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert claim == Claim(EMAIL, "one", attempt=1, attempts=0, opened=claim.opened, first_seen=claim.opened)
    assert claim.opened == pytest.approx(clock.now(), abs=5)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts, entry.lease_owner, entry.run_id) == (State.ATTEMPTING, 0, "one", "run")
    assert entry.lease_until == pytest.approx(clock.now() + LEDGER.lease_seconds, abs=5)


def test_nobody_else_gets_a_live_lease_and_the_owner_goes_on(ledger: Ledger, time: Time) -> None:
    first = claimed(ledger)
    assert refused(ledger) is Refusal.LEASED
    assert refused(ledger, force=True) is Refusal.LEASED
    time.passes(60)
    assert claimed(ledger) == first


def test_going_on_renews_the_lease(ledger: Ledger, time: Time) -> None:
    claimed(ledger)
    time.passes(A_LEASE - 10)
    claimed(ledger)
    time.passes(20)
    assert refused(ledger) is Refusal.LEASED


def test_a_crash_leads_to_the_same_attempt_again_with_the_same_time(ledger: Ledger, time: Time) -> None:
    first = claimed(ledger)
    time.passes(A_LEASE)
    again = claimed(ledger, "other")
    assert (again.attempt, again.opened) == (first.attempt, first.opened)


def test_a_next_attempt_has_a_time_of_its_own(ledger: Ledger, time: Time) -> None:
    first = concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    assert claimed(ledger).opened == pytest.approx(first.opened + ONE_COOLDOWN, abs=5)


def test_trouble_of_the_api_burns_no_attempt(ledger: Ledger, time: Time) -> None:
    for number in range(10):
        claim = claimed(ledger, f"run {number}")
        ledger.note_trouble(claim, "POST /requeue: HTTP 503 Service Unavailable", gives_up=False)
        time.passes(A_LEASE)
        assert claim.attempt == 1
    entry = entry_of(ledger, EMAIL)
    assert (entry.attempts, entry.error) == (0, "POST /requeue: HTTP 503 Service Unavailable")


def test_a_requeued_communication_cools_down_before_the_next_attempt(ledger: Ledger, time: Time) -> None:
    concluded(ledger, EMAIL)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(LEDGER.cooldown_seconds - 10)
    assert refused(ledger) is Refusal.COOLING_DOWN
    time.passes(LEDGER.cooldown_seconds * 0.25 + 11)
    assert claimed(ledger).attempt == 2


def test_force_ignores_the_cooldown(ledger: Ledger) -> None:
    concluded(ledger, EMAIL)
    assert claimed(ledger, force=True).attempt == 2


@pytest.mark.parametrize("outcome", [OutcomeKind.REQUEUED, OutcomeKind.SKIPPED])
@pytest.mark.parametrize("how", [{"force": True}, {}])
def test_an_owner_that_has_concluded_makes_no_other_attempt(
    ledger: Ledger, time: Time, outcome: OutcomeKind, how: dict[str, bool]
) -> None:
    concluded(ledger, EMAIL, outcome, owner="one")
    time.passes(0 if how else LONGEST_COOLDOWN)
    assert refused(ledger, "one", **how) is Refusal.CONCLUDED
    assert claimed(ledger, "other", **how).attempt == 2


def test_attempts_end_with_manual_and_are_named_once(ledger: Ledger, time: Time) -> None:
    for number in range(LEDGER.max_attempts):
        assert concluded(ledger, EMAIL).attempt == number + 1
        time.passes(LONGEST_COOLDOWN)
    assert refused(ledger) is Refusal.EXHAUSTED
    assert refused(ledger, force=True) is Refusal.EXHAUSTED
    used_up = entry_of(ledger, EMAIL)
    first = ledger.exhaust(used_up, "other", "run")
    assert (first.state, first.lease_owner, first.outcome) == (State.MANUAL, "other", OutcomeKind.EXHAUSTED)
    assert (first.error, first.http_status) == ("3 attempts made", None)
    second = ledger.exhaust(used_up, "another", "run")
    assert second == first
    assert [event.what for event in second.history] == ["requeued"] * 3 + ["exhausted"]
    assert refused(ledger) is Refusal.MANUAL


def test_what_was_released_meanwhile_is_not_exhausted(ledger: Ledger, time: Time) -> None:
    exhausted(ledger, time)
    used_up = entry_of(ledger, EMAIL)
    ledger.discard(EMAIL, "ann", "why")
    ledger.release(EMAIL, "ann", "why")
    assert ledger.exhaust(used_up, "other", "run").state is State.RELEASED
    concluded(ledger, EMAIL)
    assert ledger.exhaust(used_up, "other", "run").state is State.REQUEUED


def test_a_rejected_communication_is_manual_at_once(ledger: Ledger) -> None:
    ledger.conclude(claimed(ledger), OutcomeKind.REJECTED, 422, "HTTP 422 Unprocessable Content")
    assert refused(ledger) is Refusal.MANUAL
    (entry,) = ledger.waiting(WaitingFor.PERSON).entries
    assert (entry.communication, entry.http_status, entry.error) == (EMAIL, 422, "HTTP 422 Unprocessable Content")
    assert [(event.what, event.by, event.detail) for event in entry.history] == [
        ("rejected", "one", "HTTP 422 Unprocessable Content")
    ]


def test_who_lost_its_lease_concludes_nothing(ledger: Ledger, time: Time) -> None:
    lost = claimed(ledger)
    time.passes(A_LEASE)
    claimed(ledger, "other")
    assert not ledger.conclude(lost, OutcomeKind.REJECTED, 422, "HTTP 422")
    ledger.note_trouble(lost, "HTTP 503", gives_up=True)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.lease_owner, entry.error) == (State.ATTEMPTING, "other", None)


def test_a_lease_that_ended_but_nobody_took_is_still_concluded(ledger: Ledger, time: Time) -> None:
    claim = claimed(ledger)
    time.passes(A_LEASE)
    assert ledger.conclude(claim, OutcomeKind.REQUEUED, 202, None)
    assert entry_of(ledger, EMAIL).attempts == 1


def test_a_released_one_has_all_attempts_again_under_new_keys(ledger: Ledger, time: Time) -> None:
    exhausted(ledger, time)
    ledger.exhaust(entry_of(ledger, EMAIL), "one", "run")
    released = ledger.release(EMAIL, "ann", "address corrected")
    assert released is not None
    assert [(event.what, event.by, event.detail) for event in released.history[-1:]] == [
        ("released", "ann", "address corrected")
    ]
    for attempt in (4, 5, 6):
        assert concluded(ledger, EMAIL).attempt == attempt
        time.passes(LONGEST_COOLDOWN)
    assert refused(ledger) is Refusal.EXHAUSTED


def test_only_what_waits_for_a_person_is_released(ledger: Ledger) -> None:
    assert ledger.release(EMAIL, "ann", "why") is None
    claimed(ledger)
    assert ledger.release(EMAIL, "ann", "why") is None


def test_a_discarded_one_is_never_sent_until_released(ledger: Ledger, time: Time) -> None:
    claimed(ledger)
    assert ledger.discard(EMAIL, "ann", "customer left") is None
    time.passes(A_LEASE)
    assert ledger.discard(EMAIL, "ann", "customer left") is not None
    assert refused(ledger) is Refusal.DISCARDED
    assert ledger.waiting(WaitingFor.PERSON).entries == ()
    assert ledger.release(EMAIL, "ann", "came back") is not None
    assert claimed(ledger).attempt == 1


def test_what_the_ledger_does_not_know_is_not_discarded(ledger: Ledger) -> None:
    assert ledger.discard(EMAIL, "ann", "why") is None
    assert ledger.show(EMAIL) is None


def test_what_left_the_list_was_delivered_and_can_come_back(ledger: Ledger, time: Time) -> None:
    concluded(ledger, EMAIL)
    assert not ledger.deliver(EMAIL, clock.now())
    time.passes(ONE_COOLDOWN)
    assert ledger.deliver(EMAIL, clock.now())
    assert ledger.waiting(WaitingFor.DELIVERY) == Waiting((), None)
    assert claimed(ledger).attempt == 2


def test_what_was_sent_again_after_the_list_was_read_is_not_delivered(ledger: Ledger, time: Time) -> None:
    concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    listed_at = clock.now()
    claim = claimed(ledger)
    assert not ledger.deliver(EMAIL, listed_at)
    ledger.conclude(claim, OutcomeKind.REQUEUED, 202, None)
    assert not ledger.deliver(EMAIL, listed_at)


def test_what_waits_is_listed_oldest_first_page_by_page(ledger: Ledger, time: Time) -> None:
    for number in range(5):
        concluded(ledger, Communication(str(number), "send.sms", "sms"), OutcomeKind.REJECTED)
        time.passes(1)
    first = ledger.waiting(WaitingFor.PERSON, limit=3)
    second = ledger.waiting(WaitingFor.PERSON, start=first.next, limit=3)
    assert [entry.communication.primary_id for entry in (*first.entries, *second.entries)] == list("01234")
    assert second.next is None


@pytest.mark.parametrize("start", ["page 2", "5", "null", '"x"', "{}", '{"communication": {"S": "x"}}'])
def test_a_page_that_no_answer_named_is_refused(ledger: Ledger, start: str) -> None:
    with pytest.raises(ConfigurationError, match=r"event\.next"):
        ledger.waiting(WaitingFor.PERSON, start)


def test_many_are_read_a_hundred_at_a_time_in_their_order(ledger: Ledger, client: DynamoDBClient) -> None:
    communications = [Communication(str(number), "send.sms", "sms") for number in range(230)]
    for communication in communications[::50]:
        ledger.claim(communication, "one", "run", clock.now())
    front = TableFront(client)
    found = dict(ledger.read(communications))
    assert list(found) == communications
    assert [c.primary_id for c, entry in found.items() if entry] == ["0", "50", "100", "150", "200"]
    assert front.calls == ["BatchGetItem"] * 3


def test_reading_many_gives_all_that_a_judgement_needs(ledger: Ledger) -> None:
    ledger.conclude(claimed(ledger), OutcomeKind.SKIPPED, 409, "HTTP 409 Conflict")
    whole = entry_of(ledger, EMAIL)
    ((_, found),) = ledger.read([EMAIL])
    assert found is not None
    for name in ("communication", "state", "attempts", "concluded", "lease_owner", "lease_until", "not_before"):
        assert getattr(found, name) == getattr(whole, name), name
    assert found.outcome is OutcomeKind.SKIPPED


def test_keys_that_a_throttled_table_left_out_are_asked_for_again(ledger: Ledger, client: DynamoDBClient) -> None:
    asked: list[int] = []

    def remember(params: dict[str, Any], **_: Any) -> None:
        asked.append(len(params["RequestItems"]["ledger"]["Keys"]))

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        found = parsed["Responses"]["ledger"]
        kept, left_out = found[:3], found[3:]
        if left_out:
            parsed["Responses"]["ledger"] = kept
            keys = [{"communication": {"S": f"send.sms:{item['primaryId']['S']}"}} for item in left_out]
            parsed["UnprocessedKeys"] = {"ledger": {"Keys": keys}}

    communications = [Communication(str(number), "send.sms", "sms") for number in range(8)]
    for communication in communications:
        ledger.claim(communication, "one", "run", clock.now())
    client.meta.events.register("provide-client-params.dynamodb.BatchGetItem", remember)
    client.meta.events.register("after-call.dynamodb.BatchGetItem", leave_out)
    assert all(entry for _, entry in ledger.read(communications))
    assert asked == [8, 5, 2]


def test_a_table_that_leaves_keys_out_for_ever_is_unavailable(
    ledger: Ledger, client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_all_out(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Responses"]["ledger"] = []
        parsed["UnprocessedKeys"] = {"ledger": {"Keys": [KEY]}}

    monkeypatch.setattr("redrive.ledger_table.MAX_READS", 2)
    client.meta.events.register("after-call.dynamodb.BatchGetItem", leave_all_out)
    with pytest.raises(LedgerUnavailable, match="throttled"):
        list(ledger.read([EMAIL]))


def test_whatever_keeps_the_table_from_answering_is_told_in_words(ledger: Ledger, client: DynamoDBClient) -> None:
    def no_connection(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    client.meta.events.register("before-call.dynamodb", no_connection)
    for ask in (
        lambda: ledger.claim(EMAIL, "one", "run", clock.now()),
        lambda: list(ledger.read([EMAIL])),
        lambda: ledger.show(EMAIL),
        lambda: ledger.waiting(WaitingFor.PERSON),
        lambda: ledger.add_news({"delivered": 1}),
        ledger.take_news,
    ):
        with pytest.raises(LedgerUnavailable, match="the ledger's table: EndpointConnectionError"):
            ask()


def test_news_add_up_and_are_taken_once(ledger: Ledger) -> None:
    assert ledger.take_news() == {}
    ledger.add_news({"delivered": 2})
    ledger.add_news({"delivered": 3})
    assert ledger.take_news() == {"delivered": 5}
    assert ledger.take_news() == {}


def test_what_needs_nobody_is_forgotten_after_its_retention(ledger: Ledger, client: DynamoDBClient, time: Time) -> None:
    def kept_for_days() -> float:
        expiry = client.get_item(TableName="ledger", Key=KEY)["Item"]["expiry"]["N"]
        assert expiry.isdigit(), "DynamoDB's TTL wants whole seconds"
        return (int(expiry) - clock.now()) / 86400

    claim = claimed(ledger)
    assert kept_for_days() == pytest.approx(30, abs=0.1)
    time.passes(86400)
    ledger.conclude(claim, OutcomeKind.REQUEUED, 202, None)
    assert kept_for_days() == pytest.approx(30, abs=0.1)
    ledger.discard(EMAIL, "ann", "why")
    ledger.release(EMAIL, "ann", "why")
    assert kept_for_days() == pytest.approx(30, abs=0.1)


def test_what_a_person_must_look_at_or_has_forbidden_is_not_forgotten(
    ledger: Ledger, client: DynamoDBClient, time: Time
) -> None:
    def is_forgotten() -> bool:
        return "expiry" in client.get_item(TableName="ledger", Key=KEY)["Item"]

    ledger.conclude(claimed(ledger), OutcomeKind.REJECTED, 422, None)
    assert not is_forgotten()
    ledger.release(EMAIL, "ann", "why")
    exhausted(ledger, time)
    assert is_forgotten()
    ledger.exhaust(entry_of(ledger, EMAIL), "one", "run")
    assert not is_forgotten()
    ledger.release(EMAIL, "ann", "why")
    ledger.discard(EMAIL, "ann", "why")
    assert not is_forgotten()


@given(
    first=st.floats(1, 86400),
    rate=st.floats(1, 10),
    longest=st.floats(1, 604800),
    attempts=st.integers(1, 65),
)
def test_a_cooldown_grows_to_its_limit_less_up_to_a_quarter(
    first: float, rate: float, longest: float, attempts: int
) -> None:
    limits = LedgerSettings("", cooldown_seconds=first, backoff_rate=rate, max_cooldown_seconds=longest)
    full = min(first * rate ** (attempts - 1), longest)
    assert full * 0.999 <= cooldown_seconds(attempts, limits) <= 1.25 * full * 1.001


def test_a_cooldown_after_very_many_attempts_is_the_longest() -> None:
    limits = LedgerSettings("", cooldown_seconds=86400.0, backoff_rate=10.0, max_cooldown_seconds=604800)
    assert cooldown_seconds(10_000, limits) <= 1.25 * 604800


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({cooldown_seconds(1, LEDGER) for _ in range(20)}) > 10


@given(
    st.builds(
        Entry,
        st.just(EMAIL),
        st.sampled_from(State),
        attempts=st.integers(0, 4),
        lease_owner=st.sampled_from(["", "one", "two"]),
        lease_until=st.floats(0, 200),
        not_before=st.floats(0, 200),
    ),
    st.sampled_from(["one", "two"]),
)
def test_force_ignores_cooldowns_and_nothing_else(entry: Entry, owner: str) -> None:
    plain, forced = (judge(entry, 100, 3, owner=owner, force=force) for force in (False, True))
    assert forced == plain or (plain, forced) == (Refusal.COOLING_DOWN, None)
    assert forced is not Refusal.COOLING_DOWN or entry.attempts >= 3


def test_a_list_from_before_the_end_of_a_cooldown_does_not_tell_of_another_failure(ledger: Ledger, time: Time) -> None:
    listed_at = clock.now()
    concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    late = ledger.claim(EMAIL, "a batch that had to wait", "run", listed_at)
    assert isinstance(late, Refused)
    assert late.reason is Refusal.COOLING_DOWN
    forced = ledger.claim(EMAIL, "a batch that had to wait", "run", listed_at, force=True)
    assert isinstance(forced, Refused)
    assert isinstance(ledger.claim(EMAIL, "a new list", "run", clock.now()), Claim)


def test_force_does_not_end_the_last_attempt_before_its_cooldown_does(ledger: Ledger, time: Time) -> None:
    for _ in range(LEDGER.max_attempts):
        time.passes(LONGEST_COOLDOWN)
        concluded(ledger, EMAIL)
    assert refused(ledger, force=True) is Refusal.COOLING_DOWN
    assert ledger.exhaust(entry_of(ledger, EMAIL), "other", "run").state is State.REQUEUED


def test_what_was_forgotten_begins_with_other_keys(ledger: Ledger, client: DynamoDBClient, time: Time) -> None:
    first = concluded(ledger, EMAIL).number
    client.delete_item(TableName="ledger", Key=KEY)
    time.passes(1)
    assert claimed(ledger).number != first


def test_who_gives_up_gives_the_lease_back(ledger: Ledger) -> None:
    claim = claimed(ledger)
    ledger.note_trouble(claim, "HTTP 403 Forbidden", gives_up=True)
    assert claimed(ledger, "other").number == claim.number


def test_the_clock_is_set_by_configuration(time: Time) -> None:
    before = clock.now()
    time.passes(3600)
    assert clock.now() == pytest.approx(before + 3600, abs=5)
    assert clock.now() < FAR_FUTURE


class Interleavings(RuleBasedStateMachine):
    """Two claimers, a clock that jumps, crashes at any point, and an operator, in any order.

    A claimer is an execution, and after a while the next one. Every example has a communication of its own, in the one
    table.
    """

    ledger: ClassVar[Ledger]
    monkeypatch: ClassVar[pytest.MonkeyPatch]
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.email = Communication(str(next(self.numbers)), "send.email", "email")
        self.time = Time(self.monkeypatch)
        self.time.passes(0)
        self.owners = {"one": "one-0", "two": "two-0"}
        self.claims: dict[str, Claim] = {}
        self.leases: dict[str, float] = {}
        self.last_to_conclude = ""
        self.attempts: set[int] = set()
        self.opened: set[int] = set()
        self.concluded_at = 0.0
        self.concluded_since_release = 0

    @initialize()
    def start_at_nothing(self) -> None:
        assert self.ledger.show(self.email) is None

    @rule(who=st.sampled_from(["one", "two"]), force=st.booleans(), ago=st.sampled_from([0, 60, 1000]))
    def claim(self, who: str, force: bool, ago: int) -> None:
        """Claim what the application listed as failed just now, or a while ago: the batch had to wait."""
        owner, listed_at = self.owners[who], clock.now() - ago
        before = self.ledger.show(self.email)
        expected = judge(before, clock.now(), LEDGER.max_attempts, owner=owner, force=force, listed_at=listed_at)
        claim = self.ledger.claim(self.email, owner, "run", listed_at, force=force)
        if isinstance(claim, Refused):
            assert claim.reason is expected
            if claim.reason is Refusal.EXHAUSTED:
                assert self.ledger.exhaust(claim.entry, owner, "run").state is State.MANUAL
            return
        assert expected is None
        for other, until in self.leases.items():
            assert other == owner or until <= clock.now(), "two live leases"
        assert claim.attempt not in self.attempts, "the number of a concluded attempt came again"
        assert owner != self.last_to_conclude, "an execution repeated its own attempt"
        assert claim.attempt in self.opened or listed_at >= self.concluded_at, "a list from before told of a failure"
        self.opened.add(claim.attempt)
        self.claims[owner] = claim
        self.leases[owner] = clock.now() + LEDGER.lease_seconds

    @rule(who=st.sampled_from(["one", "two"]))
    def next_execution(self, who: str) -> None:
        name, number = self.owners[who].split("-")
        self.owners[who] = f"{name}-{int(number) + 1}"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), outcome=st.sampled_from([OutcomeKind.REQUEUED, OutcomeKind.SKIPPED, OutcomeKind.REJECTED]))
    def conclude(self, data: st.DataObject, outcome: OutcomeKind) -> None:
        claim = self.claims.pop(data.draw(st.sampled_from(sorted(self.claims))))
        if self.ledger.conclude(claim, outcome, 202, None):
            self.attempts.add(claim.attempt)
            self.concluded_since_release += 1
            self.leases[claim.owner] = 0
            self.last_to_conclude = claim.owner
            self.concluded_at = round(clock.now(), 3) - 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        claim = self.claims[data.draw(st.sampled_from(sorted(self.claims)))]
        self.ledger.note_trouble(claim, "HTTP 503", gives_up=False)

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
        self.ledger.deliver(self.email, clock.now())

    @rule()
    def discard(self) -> None:
        self.ledger.discard(self.email, "ann", "why")

    @rule()
    def release(self) -> None:
        if self.ledger.release(self.email, "ann", "why"):
            self.concluded_since_release = 0
            self.last_to_conclude = ""
            self.concluded_at = 0

    @invariant()
    def attempts_stay_within_the_limit_and_every_state_has_a_way_out(self) -> None:
        entry = self.ledger.show(self.email)
        assert (entry.attempts if entry else 0) == self.concluded_since_release <= LEDGER.max_attempts
        refusal = judge(entry, clock.now() + 10 * 86400, LEDGER.max_attempts)
        assert refusal in (None, Refusal.EXHAUSTED, Refusal.MANUAL, Refusal.DISCARDED)
        is_in_index = entry is not None and entry.waiting_since is not None
        assert is_in_index == (entry is not None and entry.state in (State.REQUEUED, State.MANUAL))

    def teardown(self) -> None:
        entry = self.ledger.show(self.email)
        waiting = [e.communication for e in self.ledger.waiting(WaitingFor.PERSON).entries]
        assert (self.email in waiting) == (entry is not None and entry.state is State.MANUAL)


@pytest.fixture
def interleavings(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Interleavings.ledger = Ledger(create_table(), LEDGER)
    Interleavings.monkeypatch = monkeypatch


@pytest.mark.usefixtures("interleavings")
class TestInterleavings(Interleavings.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
