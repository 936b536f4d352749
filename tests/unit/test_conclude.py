"""The function conclude: verdicts, one digest, and the lock, however a run has ended."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.dynamodb import dynamodb_backends
from mypy_boto3_stepfunctions import SFNClient

from conclude import handler as conclude
from redrive import clock, concluding
from redrive.api import in_full
from redrive.breaker import Move
from redrive.concluding import GROUPS_REMEMBERED, MAX_CAUSE, end_of
from redrive.conclusion import Concluding, Conclusion
from redrive.errors import ConcludeUnfinished, ConfigurationError, LedgerUnavailable, NotificationFailed
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry, State
from redrive.mailing import Memory
from redrive.models import Communication
from redrive.runs import Result, Tally
from redrive.table import Table, dynamodb
from redrive.waiting import Group, Waiting
from tests.unit.running import NO_ANSWER, NOT_ASKED, REQUEST, RUN, Running, all_get, emails, next_run
from tests.unit.support import (
    A_LEASE,
    LEDGER,
    LONGEST_COOLDOWN,
    ONE_COOLDOWN,
    Context,
    TableFront,
    Time,
    concluded,
    entry_of,
    made_manual,
    new_sandbox,
)

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:redrive-run"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:digests"
DAY = 86400.0
THRESHOLD = 50


class Inbox:
    """What subscribers of the topic get; ``attributes`` are those of what was taken out last."""

    def __init__(self) -> None:
        self.attributes: list[dict[str, str]] = []
        sns, self._sqs = boto3.client("sns"), boto3.client("sqs")
        assert sns.create_topic(Name="digests")["TopicArn"] == TOPIC
        self._queue = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])

    def empty(self) -> list[str]:
        """Take out what came; gives the subjects."""
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])
        bodies = [json.loads(each["Body"]) for each in found]
        self.attributes = [
            {name: value["Value"] for name, value in body["MessageAttributes"].items()} for body in bodies
        ]
        return [body["Subject"] for body in bodies]


Configure = Callable[..., None]


@pytest.fixture
def inbox(aws: None) -> Inbox:
    return Inbox()


@pytest.fixture
def machine(aws: None) -> SFNClient:
    client = boto3.client("stepfunctions")
    client.create_state_machine(
        name="redrive-run",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/run",
    )
    return client


@pytest.fixture(autouse=True)
def configure(front: TableFront, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def configure(**notifications: Any) -> None:
        monkeypatch.setenv("REDRIVE_NAME", "redrive")
        monkeypatch.setenv("REDRIVE_STAGE", "test")
        monkeypatch.setenv("REDRIVE_STATE_MACHINE_ARN", MACHINE)
        monkeypatch.setenv("REDRIVE_RUN", json.dumps({"breaker_turned_away": THRESHOLD, "requeue_path": "/requeue"}))
        monkeypatch.setenv("REDRIVE_NOTIFICATIONS", json.dumps({"topic_arn": TOPIC} | notifications))
        new_sandbox()

    configure()
    return configure


@pytest.fixture
def running(table: Table, ledger: Ledger) -> Running:
    return Running(table, ledger)


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(conclude.handler(event, context)))  # type: ignore[arg-type]
    return answer


def done(run_id: str = RUN, request: str = REQUEST, **more: Any) -> dict[str, Any]:
    """What the state machine gives when its Map is over."""
    run = {"schemaVersion": 2, "runId": run_id, "request": request, "listedAt": 5.0, "force": False, "batches": [1]}
    return {"execution": f"{MACHINE.replace('stateMachine', 'execution')}:{run_id}", "run": run | more}


def changed(status: str = "ABORTED", run_id: str = RUN, **detail: Any) -> dict[str, Any]:
    """What EventBridge says of an execution that ended otherwise."""
    return {
        "version": "0",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": run_id, "stateMachineArn": MACHINE, "status": status, "error": None, "cause": None} | detail,
    }


def lister_failed(request: str = REQUEST, payload: Any = None, error: str = "LedgerUnavailable") -> dict[str, Any]:
    """What Lambda says of an invocation of the lister that failed."""
    if payload is None:
        payload = {"trigger": "schedule", "scheduledTime": "2026-11-24T02:15:00Z"}
    return {
        "version": "1.0",
        "requestContext": {"requestId": request, "condition": "RetriesExhausted", "approximateInvokeCount": 1},
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": error, "errorMessage": "the ledger's table: throttled"},
    }


def lines(running: Running, run_id: str = "") -> dict[str, int]:
    record = running.runs.record(run_id or running.run_id)
    assert record is not None
    return {name: int(count) for name, count in record["lines"].items()}


def groups(table: Table) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The directory of what waits for a person: by group, how many and which."""
    found = Waiting(table).groups()
    return {group["sk"]: (int(group["count"]), tuple(sorted(group["ids"]))) for group in found}


ONE, GOOD = emails(1)[0], emails(3, first=100)
"""A communication, and as many accepted ones as let an attempt be charged."""


# Verdicts


def test_a_good_run_is_said_in_one_digest_that_its_execution_publishes(
    running: Running, ledger: Ledger, context: Context, inbox: Inbox
) -> None:
    running.goes(all_get(202, GOOD))
    answer = invoke(done(), context)
    assert (answer["failed"], answer["notify"]) == (0, True)
    assert answer["subject"] == "3 communications requeued - redrive test"
    assert lines(running) == {"requeued": 3}
    assert running.runs.lock() is None
    assert inbox.empty() == []
    assert entry_of(ledger, GOOD[0]).state is State.REQUEUED


@pytest.mark.parametrize("status", [400, 410, 413, 414, 415, 422, 451])
def test_an_answer_about_the_entity_is_for_a_person_and_named_once(
    running: Running, ledger: Ledger, table: Table, context: Context, status: int
) -> None:
    good = [*GOOD, *emails(1, 40)]
    running.begins([ONE, *good])
    running.ledger.claim(GOOD[0], "x", "x", clock.now())
    running.sends(1, all_get(202, good) | {ONE: status})
    answer = invoke(done(), context)
    entry = entry_of(ledger, ONE)
    assert (entry.state, entry.judged, entry.lease_until) == (State.MANUAL, RUN, 0)
    assert lines(running) == {"requeued": 3, "leased": 1, "became_manual": 1}
    ((group, waiting),) = groups(table).items()
    assert group.startswith(f"email/{status}/")
    assert waiting == (1, ("0",))
    assert f"New for a person:\n- 1 x {in_full(status)}, send.email: 0\n" in answer["message"]
    assert answer["failed"] == 0, "what waits for a person is no failure of the run"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_without_a_single_accepted_one_nobody_is_accused_and_five_accuse_the_api(
    running: Running, ledger: Ledger, context: Context, count: int
) -> None:
    some = emails(count)
    running.goes(all_get(422, some))
    answer = invoke(done(), context)
    assert {entry_of(ledger, each).state for each in some} == {State.OPEN}
    assert {entry_of(ledger, each).attempts for each in some} == {0}
    assert ("The API turned everything away" in answer["message"]) is (count == 5)


@pytest.mark.parametrize(
    ("statuses", "is_manual"),
    [([422, 422], True), ([503, 400], False), ([409, 422], False), ([503, 400, 400], True), ([400, 503, 400], True)],
)
def test_alone_it_is_for_a_person_when_the_same_answer_comes_in_two_runs(
    running: Running, ledger: Ledger, context: Context, time: Time, statuses: list[int], is_manual: bool
) -> None:
    states = []
    for number, status in enumerate(statuses):
        running.goes({ONE: status}, run_id=next_run(number))
        invoke(done(next_run(number)), context)
        states.append(entry_of(ledger, ONE).state)
        time.passes(ONE_COOLDOWN)
    assert states == [*[State.OPEN] * (len(statuses) - 1), State.MANUAL if is_manual else State.OPEN]


def test_what_an_attempt_before_its_release_was_answered_is_not_held_against_it(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    released = made_manual(ledger, ONE, error=in_full(422))
    assert ledger.release(released, "ann", "mended")
    for number, status in enumerate([503, 422, 422]):
        assert entry_of(ledger, ONE).state is not State.MANUAL
        time.passes(ONE_COOLDOWN)
        running.begins([ONE], run_id=next_run(number))
        running.sends(1, {ONE: status})
        invoke(done(next_run(number)), context)
    assert entry_of(ledger, ONE).state is State.MANUAL


@pytest.mark.parametrize("status", [404, 403, 500, 503, NO_ANSWER])
@pytest.mark.parametrize(("accepted", "attempts"), [(3, 1), (2, 0)])
def test_what_was_turned_away_is_one_attempt_where_three_in_four_were_accepted(
    running: Running, ledger: Ledger, context: Context, status: int | None, accepted: int, attempts: int
) -> None:
    good = GOOD[:accepted]
    running.goes({ONE: status} | all_get(202, good))
    answer = invoke(done(), context)
    entry = entry_of(ledger, ONE)
    assert (entry.state, entry.attempts) == (State.OPEN, attempts)
    assert lines(running) == {"requeued": accepted, "charged" if attempts else "turned_away": 1}
    assert answer["failed"] == 1
    assert entry.not_before > clock.now() + LEDGER.cooldown_seconds - 60, "not again before the cooldown"


def test_sources_are_judged_apart(running: Running, ledger: Ledger, context: Context) -> None:
    sms = [Communication(str(number), "send.sms", "sms") for number in range(3)]
    running.goes(all_get(202, GOOD) | all_get(500, sms))
    invoke(done(), context)
    assert [entry_of(ledger, each).attempts for each in sms] == [0, 0, 0]


def test_an_attempt_that_has_been_open_for_a_day_is_charged_whoever_is_to_blame(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    some = emails(6)
    for number in range(2):
        running.goes(all_get(503, some), run_id=next_run(number))
        invoke(done(next_run(number)), context)
        assert {entry_of(ledger, each).attempts for each in some} == {number}
        time.passes(DAY)


@pytest.mark.parametrize("status", [409, 429])
def test_409_and_429_are_charged_with_nothing(
    running: Running, ledger: Ledger, context: Context, time: Time, status: int
) -> None:
    running.goes({ONE: status} | all_get(202, GOOD))
    answer = invoke(done(), context)
    assert entry_of(ledger, ONE).attempts == 0
    assert lines(running) == {"requeued": 3, "already_queued" if status == 409 else "turned_away": 1}
    assert answer["failed"] == (status == 429)


def test_409_without_end_is_charged_after_a_day(
    running: Running, ledger: Ledger, table: Table, context: Context, time: Time
) -> None:
    for number in range(5):
        running.goes({ONE: 409}, run_id=next_run(number))
        invoke(done(next_run(number)), context)
        assert entry_of(ledger, ONE).attempts == min(number, LEDGER.max_attempts)
        if entry_of(ledger, ONE).state is State.MANUAL:
            break
        time.passes(DAY + 1)
    assert groups(table) == {"email/409/conflict": (1, ("0",))}


def test_a_source_that_asked_for_longer_than_can_be_waited_for_is_charged_with_nothing(
    running: Running, ledger: Ledger, context: Context
) -> None:
    running.begins([ONE, *GOOD])
    running.runs.hold(RUN, "email", clock.now() + 3600)
    running.sends(1, all_get(202, GOOD) | {ONE: 503})
    invoke(done(), context)
    assert entry_of(ledger, ONE).attempts == 0


def test_a_poison_is_for_a_person_after_its_attempts(
    running: Running, ledger: Ledger, table: Table, context: Context, time: Time
) -> None:
    for number in range(LEDGER.max_attempts):
        assert entry_of(ledger, ONE).state is State.OPEN if number else True
        good = emails(3, first=100 * (number + 1))
        running.goes({ONE: 500} | all_get(202, good), run_id=next_run(number))
        answer = invoke(done(next_run(number)), context)
        time.passes(LONGEST_COOLDOWN)
    entry = entry_of(ledger, ONE)
    assert (entry.state, entry.attempts) == (State.MANUAL, LEDGER.max_attempts)
    assert lines(running) == {"requeued": 3, "became_manual": 1}
    assert groups(table) == {"email/500/internal-server-error": (1, ("0",))}
    assert "for a person" in answer["subject"]


def test_where_the_breaker_was_open_at_the_end_an_answer_about_the_entity_must_come_in_two_runs(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    for number, state in enumerate([State.OPEN, State.MANUAL]):
        good = emails(3, first=100 * (number + 1))
        running.goes({ONE: 422} | all_get(202, good), run_id=next_run(number))
        running.runs.move_breaker(next_run(number), {"email": Move(THRESHOLD, resets=False)}, [])
        invoke(done(next_run(number)), context)
        assert entry_of(ledger, ONE).state is state
        time.passes(ONE_COOLDOWN)
    record = running.runs.record(next_run(1))
    assert record is not None
    assert record["open"] == ["email"]


def test_what_has_come_back_after_its_last_attempt_is_for_a_person(
    running: Running, ledger: Ledger, table: Table, context: Context, time: Time
) -> None:
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, ONE)
        time.passes(LONGEST_COOLDOWN)
    running.begins(exhausted=[[ONE]])
    answer = invoke(done(), context)
    assert entry_of(ledger, ONE).state is State.MANUAL
    assert lines(running) == {"became_manual": 1}
    assert groups(table) == {"email/none/came-back-each-time": (1, ("0",))}
    assert "came back after every attempt" in answer["message"]


def test_what_was_released_meanwhile_is_not_retired(running: Running, ledger: Ledger, context: Context) -> None:
    running.begins(exhausted=[[ONE]])
    invoke(done(), context)
    assert lines(running) == {"not_tried": 1}


# What nobody wrote down


@pytest.mark.usefixtures("inbox")
def test_a_batch_without_a_tally_is_read_from_the_ledger(running: Running, ledger: Ledger, context: Context) -> None:
    refused, broken, never, good = emails(1, 1)[0], emails(1, 2)[0], emails(1, 3)[0], emails(6, first=100)
    running.begins([refused, broken, never, *good])
    running.sends(1, all_get(202, good) | {refused: 422, broken: 500}, closes=False)
    answer = invoke(changed(), context)
    assert lines(running) == {"requeued": 6, "became_manual": 1, "charged": 1, "not_tried": 1}
    assert (entry_of(ledger, refused).state, entry_of(ledger, broken).attempts) == (State.MANUAL, 1)
    assert answer["failed"] == 2


@pytest.mark.usefixtures("inbox")
def test_a_batch_that_is_written_down_while_it_is_judged_is_counted_once(running: Running, context: Context) -> None:
    broken, late = emails(2)
    running.begins([broken, late, *GOOD])
    running.sends(1, all_get(202, GOOD) | {broken: 500}, closes=False)

    def write_tally(params: dict[str, Any], **_: Any) -> None:
        if b"fared" in params["body"]:
            results = (Result("skipped", error="asked_to_wait"), Result("failed", True, 500, "HTTP 500"))
            dynamodb().meta.events.unregister("before-call.dynamodb", write_tally)
            assert running.runs.write_tally(RUN, Tally(1, results + (Result("requeued", True, 202),) * 3))

    dynamodb().meta.events.register("before-call.dynamodb", write_tally)
    invoke(changed(), context)
    assert not running.runs.write_tally(RUN, Tally(1, ()))  # it was written
    assert lines(running) == {"requeued": 3, "charged": 1, "not_tried": 1}


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize("refused", ["", "POST /requeue: HTTP 401 Unauthorized"])
def test_who_met_an_outage_of_the_credentials_is_charged_nothing(
    running: Running, ledger: Ledger, context: Context, refused: str
) -> None:
    running.goes({ONE: 401} | all_get(202, GOOD))
    if refused:
        running.runs.move_breaker(RUN, {}, [], refused)
    invoke(changed(), context)
    assert entry_of(ledger, ONE).attempts == (0 if refused else 1)


@pytest.mark.usefixtures("inbox")
def test_what_is_accepted_while_its_aborted_run_is_concluded_was_under_way(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    running.begins([ONE])
    claim = running.claims(ONE)
    running.runs.write(RUN, {"judgedAt": clock.now()})
    time.passes(1)
    assert ledger.accept(claim, 202)
    invoke(changed(), context)
    assert lines(running) == {"under_way": 1}


@pytest.mark.usefixtures("inbox")
def test_what_an_earlier_run_left_is_not_taken_for_this_runs(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    concluded(ledger, ONE)
    time.passes(ONE_COOLDOWN)
    running.begins([ONE])
    invoke(changed(), context)
    assert lines(running) == {"not_tried": 1}


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize("was_tried", [False, True])
def test_no_verdict_under_a_live_lease(
    running: Running, ledger: Ledger, context: Context, time: Time, was_tried: bool
) -> None:
    running.begins([ONE, *GOOD])
    running.sends(1, all_get(202, GOOD), closes=False)
    claim = running.claims(ONE)
    if was_tried:
        assert ledger.note_turned_away(claim, 500, "HTTP 500", comes_back=True)
    before = entry_of(ledger, ONE)
    answer = invoke(changed(), context)
    assert lines(running) == {"requeued": 3, "under_way": 1}
    assert entry_of(ledger, ONE) == before
    assert "- 1 still under way when the run ended" in answer["message"]


def test_what_another_run_has_sent_since_is_not_judged(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    running.goes({ONE: 500} | all_get(202, GOOD))
    assert ledger.claim(ONE, "another/1", "another", clock.now() + LONGEST_COOLDOWN)
    before = entry_of(ledger, ONE)
    assert before.run_id == "another"
    invoke(done(), context)
    assert entry_of(ledger, ONE) == before
    assert lines(running) == {"requeued": 3, "turned_away": 1}


def test_a_batch_that_another_delivery_wrote_was_not_tried(running: Running, context: Context) -> None:
    running.goes({ONE: 500})
    running.runs.write(RUN, {"request": "another"})
    invoke(done(request="another"), context)
    assert lines(running) == {"not_tried": 1}


def test_what_the_function_failed_for_is_no_answer_of_the_api(
    running: Running, ledger: Ledger, context: Context
) -> None:
    running.goes({ONE: NOT_ASKED})
    answer = invoke(done(), context)
    assert lines(running) == {"not_asked": 1}
    assert answer["failed"] == 1
    assert ledger.show(ONE) is None


ANSWERS = [202, 409, 422, 404, 503, 429, NO_ANSWER, NOT_ASKED]
FATES = st.sampled_from([*ANSWERS, "leased", "never opened"])
_examples = iter(range(10**6))


@given(
    st.lists(st.lists(FATES, min_size=1, max_size=4), min_size=1, max_size=3),
    st.sets(st.integers(1, 3)),
    st.dictionaries(st.sampled_from(["cooling_down", "manual", "too_old", "something new"]), st.integers(1, 9)),
    st.integers(0, 5),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_each_listed_communication_is_in_exactly_one_line(
    running: Running,
    context: Context,
    fates: list[list[Any]],
    aborted: set[int],
    skipped: dict[str, int],
    left: int,
) -> None:
    run_id = f"20261124T021500Z-{next(_examples)}"
    batches = [
        [Communication(f"{run_id}/{n}/{m}", "send.email", ("email", "mail")[m % 2]) for m in range(len(batch))]
        for n, batch in enumerate(fates)
    ]
    listed = sum(map(len, batches)) + sum(skipped.values()) + left
    running.begins(*batches, run_id=run_id, skipped=skipped, left=left, listed=listed)
    for number, (batch, their) in enumerate(zip(batches, fates, strict=True), start=1):
        fate = dict(zip(batch, their, strict=True))
        for each in batch:
            if fate[each] == "leased":
                running.ledger.claim(each, "another/1", "another", running.listed_at)
        asked = {each: answer for each, answer in fate.items() if answer in ANSWERS}
        asked |= {each: 202 for each in batch if fate[each] == "leased"}
        running.sends(number, asked, closes=number not in aborted)
    answer = invoke(done(run_id), context)
    assert sum(lines(running).values()) == listed
    counts = answer["message"].partition("listed as failed")[2].split("\n\n")[0]
    assert sum(int(row.split()[1].replace(",", "")) for row in counts.splitlines()[1:]) == listed


# Again, and after a crash


def test_concluded_again_it_says_the_same_and_charges_nothing_more(
    running: Running, ledger: Ledger, table: Table, context: Context, time: Time
) -> None:
    other = emails(1, 1)[0]
    good = emails(6, first=100)
    running.begins([ONE, other, *good])
    running.sends(1, all_get(202, good) | {ONE: 500, other: 422})
    first = invoke(done(), context)
    time.passes(DAY)
    assert invoke(done(), context) == first
    assert entry_of(ledger, ONE).attempts == 1
    assert groups(table) == {"email/422/unprocessable-content": (1, ("1",))}


def items(table: Table) -> Any:
    """What moto keeps of the table; by its API, to put it back would take a hundred requests."""
    return dynamodb_backends["123456789012"]["eu-west-1"].tables[LEDGER.table]


def snapshot(table: Table) -> bytes:
    return pickle.dumps(items(table).items)


def restore(table: Table, kept: bytes) -> None:
    items(table).items = pickle.loads(kept)


def verdicts(ledger: Ledger, table: Table, running: Running, communications: list[Communication]) -> Any:
    """All that a run's end decides."""

    def seen(entry: Entry) -> tuple[Any, ...]:
        return entry.state, entry.attempts, entry.judged, [event.what for event in entry.history]

    waiting = [item["sk"].partition("#")[2] for name in groups(table) for item in table.all_of(f"manual/{name}")]
    record = running.runs.record(RUN)
    assert record is not None
    return (
        {each.primary_id: seen(entry) for each, entry in ledger.read_whole(communications) if entry},
        groups(table),
        sorted(waiting),
        record["lines"],
        record["failed"],
        record["digest"]["subject"],
        running.runs.memory()[0].bad,
        running.runs.lock(),
    )


def test_a_crash_at_every_call_of_the_table_comes_to_the_same_verdicts_and_one_digest(
    running: Running, ledger: Ledger, table: Table, context: Context, time: Time, inbox: Inbox
) -> None:
    refused, broken, poison, queued, spent, late, leased = emails(7)
    for _ in range(LEDGER.max_attempts - 1):
        concluded(ledger, poison)
        time.passes(LONGEST_COOLDOWN)
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, spent)
        time.passes(LONGEST_COOLDOWN)
    good = emails(12, first=100)
    running.begins([refused, broken, poison, queued, *good], [late, leased], exhausted=[[spent]])
    running.sends(1, all_get(202, good) | {refused: 422, broken: 500, poison: 500, queued: 409})
    running.sends(2, {late: 422}, closes=False)
    running.claims(leased, 2)
    everyone = [refused, broken, poison, queued, spent, late, leased, *good]
    crashed: list[bytes] = []

    def note(**_: Any) -> None:
        """Keep the table as a crash before this call would leave it."""
        crashed.append(snapshot(table))

    dynamodb().meta.events.register("before-call.dynamodb", note)
    digest = invoke(changed(), context)
    dynamodb().meta.events.unregister("before-call.dynamodb", note)
    expected = verdicts(ledger, table, running, everyone)
    assert len(inbox.empty()) == 1
    assert expected[3] == {"requeued": 12, "became_manual": 4, "charged": 1, "already_queued": 1, "under_way": 1}
    for number, left in enumerate(crashed, start=1):
        restore(table, left)
        assert invoke(changed(), context)["subject"] == digest["subject"]
        assert verdicts(ledger, table, running, everyone) == expected, f"after a crash before call {number}"
        assert len(inbox.empty()) == 1
    assert len(crashed) > 20


def test_a_run_that_one_invocation_cannot_conclude_is_gone_on_with(
    running: Running, ledger: Ledger, context: Context
) -> None:
    running.goes({ONE: 500} | all_get(202, GOOD))
    with pytest.raises(ConcludeUnfinished):
        invoke(done(), Context(seconds=14))  # 15 s are kept for what follows the verdicts
    assert running.runs.lock() is not None
    assert invoke(done(), context)["failed"] == 1
    assert entry_of(ledger, ONE).attempts == 1


@pytest.mark.parametrize("trouble", ["throttled", "answer lost"])
def test_a_table_that_does_not_answer_is_worth_a_retry(
    running: Running, front: TableFront, context: Context, trouble: Any
) -> None:
    running.goes(all_get(202, GOOD))
    front.goes(trouble)
    with pytest.raises(LedgerUnavailable):
        invoke(done(), context)
    assert invoke(done(), context)["failed"] == 0


# How the end is reported


def test_an_aborted_run_is_concluded_and_published_once(running: Running, context: Context, inbox: Inbox) -> None:
    running.begins(GOOD)
    for delivery in ("first", "second"):
        answer = invoke(changed("ABORTED", cause="by ann"), Context(delivery))
        assert not answer["notify"]
    assert inbox.empty() == ["run ended early (ABORTED), 3 of 3 not sent - redrive test"]
    assert running.runs.lock() is None
    assert answer["message"].startswith("The run ended early: ABORTED. by ann\n")
    # Whoever redrives its execution opens no batch.
    assert running.runs.breaker(RUN).ended == "it has ended before: ABORTED"


def test_what_an_execution_ended_with_is_cut_and_so_are_the_groups_that_are_remembered() -> None:
    detail = {"name": "run", "status": "FAILED", "error": "States.Runtime", "cause": "x" * 30_000}
    ending = end_of({"detail-type": "Step Functions Execution Status Change", "detail": detail}).ending
    assert ending is not None
    assert ending.why == "States.Runtime: " + "x" * (MAX_CAUSE - 16)
    names = [f"email/422/{number:03}" for number in range(GROUPS_REMEMBERED + 10)]
    done = Conclusion(manual={name: Group(name, "send.email", "HTTP 422", n) for n, name in enumerate(names)})
    assert sorted(concluding._unnamed(Memory(), done)) == names[10:], "the largest"


@pytest.mark.parametrize("status", ["TIMED_OUT", "FAILED"])
def test_a_run_that_ends_before_it_published_its_digest_is_published_by_its_event(
    running: Running, context: Context, inbox: Inbox, status: str
) -> None:
    running.goes(all_get(202, GOOD))
    assert invoke(done(), context)["notify"]
    for delivery in ("first", "second"):
        invoke(changed(status, error="States.TaskFailed"), Context(delivery))
    assert inbox.empty() == ["3 communications requeued - redrive test"]


def test_a_topic_that_takes_nothing_is_tried_again(running: Running, context: Context, inbox: Inbox) -> None:
    running.begins(GOOD)
    is_down = [True]

    def refuse(**_: Any) -> Any:
        if is_down.pop() if is_down else False:
            return SimpleNamespace(status_code=400), {"Error": {"Code": "AuthorizationError", "Message": "no"}}
        return None

    concluding.sns().meta.events.register("before-call.sns.Publish", refuse)
    with pytest.raises(NotificationFailed):
        invoke(changed(), context)
    assert inbox.empty() == []
    invoke(changed(), context)
    assert len(inbox.empty()) == 1


def test_a_digest_is_published_though_the_answer_to_its_last_write_was_lost(
    running: Running, table: Table, front: TableFront, context: Context, inbox: Inbox
) -> None:
    running.begins(GOOD)
    start = snapshot(table)
    invoke(changed(), context)
    inbox.empty()
    restore(table, start)
    front.goes(*["fine"] * (len(front.calls) - 1), "answer lost")
    with pytest.raises(LedgerUnavailable):
        invoke(changed(), context)
    invoke(changed(), context)
    assert len(inbox.empty()) == 1


def test_a_lister_that_failed_is_said_and_gives_the_lock_back(running: Running, context: Context, inbox: Inbox) -> None:
    assert running.runs.take_lock(RUN, REQUEST, clock.now() + 900) is None
    answer = invoke(lister_failed(), context)
    assert inbox.empty() == ["run could not start - redrive test"]
    assert answer["message"].startswith("The run could not start. LedgerUnavailable: the ledger's table: throttled\n")
    assert running.runs.lock() is None


def test_an_operators_lister_that_failed_gives_its_lock_back(
    running: Running, context: Context, time: Time, inbox: Inbox
) -> None:
    assert running.runs.take_lock("20261124T021500Z-alister", REQUEST, clock.now() + 900) is None
    time.passes(300)
    invoke(lister_failed(payload={"sources": ["email"]}), context)
    assert running.runs.lock() is None
    assert inbox.empty() == ["run could not start - redrive test"]


@pytest.mark.parametrize("time", ["<aws.scheduler.scheduled-time>", "2099-01-01T00:00:00Z"])
def test_a_lister_that_refused_its_scheduled_time_is_said(
    running: Running, context: Context, inbox: Inbox, time: str
) -> None:
    payload = {"trigger": "schedule", "scheduledTime": time}
    invoke(lister_failed(payload=payload, error="ConfigurationError"), context)
    assert inbox.empty() == ["run could not start - redrive test"]
    assert [record["sk"][:4] for record in running.runs.newest(9)[0]] != ["2099"]


@pytest.mark.parametrize(
    ("payload", "response"),
    [
        ("email", None),
        (["email"], "Task timed out"),
        (5, []),
        ({}, {"errorType": "E", "errorMessage": "two\n\nlines\x00"}),
    ],
)
def test_a_lister_that_was_invoked_with_anything_and_answered_anything_is_said(
    running: Running, context: Context, inbox: Inbox, payload: Any, response: Any
) -> None:
    answer = invoke(lister_failed(payload=payload) | {"responsePayload": response}, context)
    assert inbox.empty() == ["run could not start - redrive test"]
    why = "E: two lines" if isinstance(response, dict) else "RetriesExhausted: no message"
    assert answer["message"].startswith(f"The run could not start. {why}\n\n")


def test_a_lister_that_failed_between_its_batches_and_its_execution_is_concluded(
    running: Running, context: Context, inbox: Inbox
) -> None:
    running.begins(GOOD, execution="")
    invoke(lister_failed(), context)
    assert lines(running) == {"not_tried": 3}
    assert inbox.empty() == ["run could not start - redrive test"]
    assert running.runs.lock() is None


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_lister_that_failed_after_its_execution_began_leaves_the_run_to_that(
    running: Running, ledger: Ledger, machine: SFNClient, context: Context, inbox: Inbox, is_noted: bool
) -> None:
    machine.start_execution(stateMachineArn=MACHINE, name=RUN, input="{}")
    running.begins([ONE, *GOOD], **({} if is_noted else {"execution": ""}))
    running.sends(1, all_get(202, GOOD) | {ONE: 500})
    invoke(lister_failed(error="Sandbox.Timedout"), context)
    assert running.runs.lock() is not None
    assert entry_of(ledger, ONE).attempts == 0
    assert invoke(done(), context)["failed"] == 1
    invoke(lister_failed(error="Sandbox.Timedout"), context)
    assert inbox.empty() == []


def test_another_delivery_that_failed_leaves_the_run_alone(running: Running, context: Context, inbox: Inbox) -> None:
    running.begins(GOOD)
    answer = invoke(lister_failed(request="another delivery's"), context)
    assert (answer["failed"], answer["notify"], answer["cause"]) == (0, False, "another delivery has the run")
    assert inbox.empty() == []
    assert running.runs.lock() is not None
    running.sends(1, all_get(202, GOOD))
    assert invoke(done(), context)["notify"]


def test_a_firing_that_could_not_start_and_is_delivered_again_is_a_run_as_any_other(
    running: Running, context: Context, inbox: Inbox
) -> None:
    invoke(lister_failed(request="the first delivery's"), context)
    running.goes(all_get(202, GOOD))
    invoke(done(), context)
    assert lines(running) == {"requeued": 3}
    assert running.runs.lock() is None


def test_a_lister_that_finds_a_run_whose_end_no_event_reported_has_it_concluded(
    running: Running, context: Context, inbox: Inbox
) -> None:
    running.begins(GOOD)
    invoke({"runId": RUN, "status": "TIMED_OUT", "error": ""}, context)
    assert inbox.empty() == ["run ended early (TIMED_OUT), 3 of 3 not sent - redrive test"]
    assert running.runs.lock() is None


@pytest.mark.parametrize(("status", "error"), [("SUCCEEDED", ""), ("FAILED", "RunIncomplete")])
def test_a_run_that_ended_in_the_ordinary_way_is_not_published_again(
    running: Running, context: Context, inbox: Inbox, status: str, error: str
) -> None:
    running.goes(all_get(202, GOOD))
    invoke(done(), context)
    invoke({"runId": RUN, "status": status, "error": error}, context)
    assert inbox.empty() == []


def test_a_digest_that_the_runs_event_has_published_its_execution_does_not_publish_as_well(
    running: Running, context: Context, inbox: Inbox
) -> None:
    """As where the event of an execution that was stopped overtakes its last call."""
    running.begins(GOOD)
    invoke(changed("ABORTED", cause="by ann"), context)
    assert len(inbox.empty()) == 1
    answer = invoke(done(), context)
    assert (answer["subject"][:15], answer["notify"], inbox.empty()) == ("run ended early", False, [])


@pytest.mark.parametrize(
    "event",
    [
        *({}, {"runId": RUN}, {"run": None}, {"run": {}}, {"detail-type": "x"}, {"requestContext": 5}),
        *({"runId": value, "status": "SUCCEEDED"} for value in (None, "", 5, ["x"], {"x": 1}, "\ud800")),
        {"runId": RUN, "status": ["FAILED"]},
        {"run": {"runId": RUN, "request": {}}},
        {"detail-type": "Step Functions Execution Status Change", "detail": {"name": 5, "status": "FAILED"}},
        {"requestContext": {"requestId": None}},
    ],
)
def test_an_event_that_conclude_does_not_know_is_refused(context: Context, event: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="event: not one that conclude handles"):
        invoke(event, context)


# Why a run ended early


def test_a_map_that_ended_by_its_breakers_is_no_accident(running: Running, context: Context) -> None:
    running.goes(all_get(503, GOOD))
    running.runs.move_breaker(RUN, {"email": Move(THRESHOLD, resets=True)}, [])
    answer = invoke(done(stopped={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "x"}), context)
    assert answer["message"].startswith("The API turned everything away: HTTP 503 Service Unavailable (email).\n")


def test_a_map_that_broke_says_so(running: Running, context: Context) -> None:
    running.begins(GOOD)
    answer = invoke(done(stopped={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "x"}), context)
    assert answer["subject"] == "run ended early (BATCH FAILED), 3 of 3 not sent - redrive test"


def test_refused_credentials_are_said_with_what_to_check(running: Running, context: Context) -> None:
    running.begins(GOOD)
    running.runs.move_breaker(RUN, {}, [], "POST /requeue: HTTP 401 Unauthorized")
    answer = invoke(done(stopped={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "x"}), context)
    assert answer["message"].startswith("Nothing more could be sent: POST /requeue: HTTP 401 Unauthorized.\n")
    assert "What to check: the secret of api.auth" in answer["message"]
    assert answer["failed"] == 3


def test_a_stopped_run_says_who_stopped_it(running: Running, context: Context) -> None:
    running.begins(GOOD)
    running.runs.note_end(RUN, "an operator stopped it")
    answer = invoke(done(stopped={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "x"}), context)
    assert answer["message"].startswith("The run ended before everything was sent: an operator stopped it.\n")


# Which digests are sent


def a_run(running: Running, context: Context, number: int, answers: dict[Communication, Any]) -> dict[str, Any]:
    running.goes(answers, run_id=next_run(0) + f"-{number}")
    return invoke(done(running.run_id), context)


@pytest.mark.parametrize(
    ("on", "status", "notify"),
    [
        (["failure"], 202, False),
        (["failure"], 503, True),
        (["success"], 202, True),
        (["success"], 503, False),
        ([], 503, False),
    ],
)
def test_only_what_is_wanted_is_notified(
    configure: Configure, running: Running, context: Context, on: list[str], status: int, notify: bool
) -> None:
    configure(on=on)
    assert a_run(running, context, 1, all_get(status, GOOD))["notify"] is notify


def test_the_same_digest_goes_out_once_a_day_and_what_was_left_out_is_added_up(
    running: Running, context: Context, time: Time
) -> None:
    sent = [a_run(running, context, n, all_get(202, emails(2, 100 * n)))["notify"] for n in range(4)]
    assert sent == [True, False, False, False]
    time.passes(DAY)
    last = a_run(running, context, 9, all_get(202, emails(2, 9000)))
    assert last["notify"]
    assert "Since the last digest: 3 runs without one, 6 requeued" in last["message"]


def test_the_first_good_run_after_bad_ones_says_that_it_is_over(running: Running, context: Context, time: Time) -> None:
    assert a_run(running, context, 1, all_get(503, GOOD))["notify"]
    time.passes(ONE_COOLDOWN)
    good = a_run(running, context, 2, all_get(202, GOOD))
    assert good["notify"]
    assert good["subject"].startswith("resolved, 3 communications requeued")
    assert good["message"].startswith("Resolved: communications are requeued again.\n")


def test_that_it_is_over_is_said_by_a_run_with_nothing_to_send(running: Running, context: Context, time: Time) -> None:
    assert a_run(running, context, 1, all_get(503, GOOD))["notify"]
    running.begins(run_id="20261124T031500Z", configured=["email"], complete=["email"], idle=["email"])
    answer = invoke(done("20261124T031500Z"), context)
    assert (answer["notify"], answer["failed"]) == (True, 0)
    assert answer["message"].startswith("Resolved")


def test_a_daily_digest_collects(configure: Configure, running: Running, context: Context, time: Time) -> None:
    configure(digest="daily")
    assert a_run(running, context, 1, all_get(202, emails(3, 10)))["notify"]
    assert not a_run(running, context, 2, all_get(503, emails(3, 20)))["notify"]
    time.passes(DAY)
    daily = a_run(running, context, 3, all_get(202, emails(3, 30)))
    assert daily["notify"]
    assert "Since the last digest: 1 run without one, 0 requeued, 3 turned away" in daily["message"]


def test_what_became_of_earlier_ones_is_said_by_the_next_digest_that_is_sent(
    running: Running, context: Context
) -> None:
    running.runs.add_news({"delivered": 17, "cameBack": 2})
    first = a_run(running, context, 1, all_get(202, emails(3, 10)))
    assert "Of those requeued earlier, 17 are no longer listed as failed, 2 came back." in first["message"]
    running.runs.add_news({"delivered": 1})
    assert not a_run(running, context, 2, all_get(202, emails(3, 20)))["notify"]
    assert a_run(running, context, 3, all_get(503, emails(5, 30)))["message"].count("1 are no longer listed") == 1


def test_metrics_count_what_is_new_for_a_person_by_source_and_what_was_not_sent(
    running: Running, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    refused, broken = emails(2)
    a_run(running, context, 1, all_get(202, emails(6, 40)) | {refused: 422, broken: 500})
    metrics = [line for line in logged() if "_aws" in line]
    assert [(line["source"], line["Manual"]) for line in metrics if "Manual" in line] == [("email", [1.0])]
    (run,) = [line for line in metrics if "RunsConcluded" in line]
    assert (run["RunsConcluded"], run["NotSent"]) == ([1.0], [1.0])


def test_metrics_say_which_breakers_are_open_and_which_are_not(
    running: Running, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    found = []
    for number, status in enumerate((503, 202)):
        sms = [Communication(str(number), "send.sms", "sms")]
        each = emails(THRESHOLD, 100 * number)
        a_run(running, context, number, all_get(202, sms) | all_get(status, each))
        lines = [line for line in logged() if "BreakerOpen" in line]
        found.append({line.get("source", ""): line["BreakerOpen"] for line in lines})
    assert found == [{"email": [1], "sms": [0], "": [1]}, {"email": [0], "sms": [0], "": [0]}]


@pytest.mark.usefixtures("inbox")
def test_an_aborted_run_that_had_its_lease_time_out_is_judged_by_the_run_that_tries_it_next(
    running: Running, ledger: Ledger, context: Context, time: Time
) -> None:
    running.begins([ONE])
    running.claims(ONE)
    invoke(changed(), context)
    time.passes(A_LEASE)
    running.goes({ONE: 500} | all_get(202, GOOD), run_id=next_run(1))
    invoke(done(next_run(1)), context)
    assert entry_of(ledger, ONE).attempts == 1


def test_a_digest_carries_what_subscriptions_filter_by_whoever_publishes_it(
    running: Running, context: Context, inbox: Inbox
) -> None:
    answer = a_run(running, context, 1, all_get(202, GOOD))
    assert answer["attributes"] == {"result": "requeued", "severity": "info", "stage": "test"}
    running.begins([ONE], run_id=next_run(2))
    invoke(changed(run_id=next_run(2)), context)
    assert len(inbox.empty()) == 1
    assert inbox.attributes == [{"result": "ended_early", "severity": "error", "stage": "test"}]


# Reports


def reported(running: Running, context: Context, run_id: str, count: int = 3, **record: Any) -> dict[str, Any]:
    """A lister that only reports, and what conclude makes of it."""
    values = {
        "listed": count,
        "left": 0,
        "batches": 0,
        "hasLock": False,
        "configured": ["email"],
        "complete": ["email"],
    }
    report = {"email": {"would_send_new": count}}
    assert running.runs.begin(run_id, REQUEST, values | {"listedAt": clock.now(), "report": report} | record)
    return invoke({"runId": run_id, "status": "REPORT"}, context)


def test_a_report_is_published_once_a_day_and_by_conclude_itself(
    running: Running, context: Context, inbox: Inbox, time: Time
) -> None:
    assert not reported(running, context, next_run(1))["notify"], "there is no execution to publish it"
    assert inbox.empty() == ["report: 3 of 3 communications would be sent - redrive test"]
    invoke({"runId": next_run(1), "status": "REPORT"}, Context("delivered twice"))
    reported(running, context, next_run(2), count=5)
    assert inbox.empty() == []
    time.passes(DAY)
    reported(running, context, next_run(3), count=5)
    assert inbox.empty() == ["report: 5 of 5 communications would be sent - redrive test"]


def test_a_report_leaves_the_lock_of_a_run_that_is_on_alone_and_measures_nothing(
    running: Running, context: Context, inbox: Inbox, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    running.begins([ONE])
    reported(running, context, next_run(5))
    assert inbox.empty()
    lock = running.runs.lock()
    assert lock is not None
    assert lock.run_id == RUN
    assert [line for line in logged() if "_aws" in line] == []


@pytest.mark.parametrize(("on", "is_mailed"), [(["failure"], True), (["success"], True), ([], False)])
def test_reports_go_to_whoever_wants_anything(
    running: Running, context: Context, inbox: Inbox, configure: Configure, on: list[str], is_mailed: bool
) -> None:
    configure(on=on)
    reported(running, context, next_run(1))
    assert bool(inbox.empty()) is is_mailed


def test_a_report_is_a_run_of_its_own_in_what_runs_did(running: Running, context: Context, inbox: Inbox) -> None:
    reported(running, context, next_run(1))
    record = running.runs.record(next_run(1))
    assert record is not None
    assert (record["endedAs"], record["lines"]) == ("REPORT", {"would_send_new": 3})
    assert inbox.empty()


def test_what_waits_for_a_person_and_was_held_back_is_named_in_the_next_digest(
    running: Running, context: Context, time: Time
) -> None:
    first, second, third = emails(3, 90)
    assert a_run(running, context, 1, all_get(202, emails(6, 10)) | {first: 422})["notify"]
    assert not a_run(running, context, 2, all_get(202, emails(6, 20)) | {second: 422})["notify"]
    assert not a_run(running, context, 3, all_get(202, emails(6, 30)) | {third: 422})["notify"]
    assert running.runs.memory()[0].unnamed.keys() == groups(running.table).keys()
    time.passes(DAY)
    told = a_run(running, context, 4, all_get(202, emails(6, 40)))
    assert told["notify"]
    assert f"- 2 x {in_full(422)}, send.email: {second.primary_id}, {third.primary_id}\n" in told["message"]
    assert not running.runs.memory()[0].unnamed


def test_a_source_that_asked_to_be_left_alone_for_long_ends_open(running: Running, context: Context) -> None:
    running.begins([ONE, *GOOD])
    running.runs.hold(RUN, "email", clock.now() + 3600)
    running.sends(1, all_get(429, [ONE, *GOOD]))
    invoke(done(), context)
    assert (running.runs.record(RUN) or {})["open"] == ["email"]


def test_how_a_source_fared_is_not_asked_again_when_the_ledger_has_gone_on(
    running: Running, ledger: Ledger, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try dies after it has counted; then an operator's run takes those that were turned away."""
    running.goes({ONE: 503} | all_get(202, GOOD))
    judge = Concluding._judge
    monkeypatch.setattr(Concluding, "_judge", lambda *_: (_ for _ in ()).throw(LedgerUnavailable("it dies")))
    with pytest.raises(LedgerUnavailable):
        invoke(done(), context)
    monkeypatch.setattr(Concluding, "_judge", judge)
    monkeypatch.setattr(Concluding, "_count", lambda *_: iter([1]))  # whatever it would count now
    invoke(done(), context)
    assert entry_of(ledger, ONE).attempts == 1, "three in four were accepted, as the first try has written down"


def test_another_that_concludes_at_the_same_moment_counts_what_it_finds_written(
    running: Running, ledger: Ledger, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.goes({ONE: 422} | all_get(202, GOOD))
    change = Ledger._change

    def overtaken(self: Ledger, before: Any, after: Any) -> Any:
        change(self, before, after)
        return change(self, before, after)

    monkeypatch.setattr(Ledger, "_change", overtaken)
    answer = invoke(done(), context)
    assert lines(running) == {"requeued": 3, "became_manual": 1}
    assert "New for a person:" in answer["message"]
