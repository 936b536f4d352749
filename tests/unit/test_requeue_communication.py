"""The function requeue_communication, from an item of the Map to its outcome: never twice, never lost."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from werkzeug.wrappers import Request, Response

from redrive import clock, redriving
from redrive.control import Controls
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, LedgerUnavailable, RateLimited
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, State
from redrive.models import Communication, OutcomeKind
from redrive.redriving import AGREE_TO_WAIT
from redrive.runs import Runs
from redrive.table import Table
from requeue_communication import handler as requeue_communication
from tests.unit.support import (
    A_LEASE,
    LEDGER,
    LONGEST_COOLDOWN,
    ONE_COOLDOWN,
    Context,
    ScriptedApi,
    TableFront,
    Time,
    as_json,
    concluded,
    entry_of,
    made_manual,
    new_sandbox,
)

EMAIL = Communication("123455", "send.email", "email")
RUN, LATER_RUN = "20261124T021500Z", "20261124T031500Z"
ITEM: dict[str, Any] = {"runId": RUN, "batch": 1, "force": False, "paced": False, "communication": EMAIL.to_json()}
ANOTHER = ITEM | {"runId": LATER_RUN}
OWNER = f"{RUN}/1"
RETRIES = 3


class Pauses:
    """What a function sleeps passes on the functions' clock, and takes no time."""

    def __init__(self, time: Time) -> None:
        self.seconds: list[float] = []
        self._time = time

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._time.passes(seconds)


@pytest.fixture
def pauses(time: Time, monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses(time)
    monkeypatch.setattr(redriving, "time", SimpleNamespace(sleep=pauses.sleep))
    return pauses


Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def configure(front: TableFront, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def configure(**changes: dict[str, Any]) -> None:
        settings: dict[str, dict[str, Any]] = {
            "api": {"base_url": api.url, "connect_timeout_seconds": 10, "read_timeout_seconds": 10},
            "requeue": {"path": "/requeue", "created_by": "redrive"},
            "run": {"max_attempts_of_a_request": RETRIES},
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"REDRIVE_{name.upper()}", json.dumps(value | changes.get(name, {})))
        new_sandbox()

    configure()
    api.answers(as_json({}, status=202))
    return configure


def invoke(item: dict[str, Any], context: Context) -> dict[str, Any]:
    """Invoke the function for what was listed just now, unless the item says otherwise."""
    event = {"listedAt": clock.now()} | item
    as_others_see_it: dict[str, Any] = json.loads(json.dumps(requeue_communication.handler(event, context)))  # type: ignore[arg-type]
    return as_others_see_it


def carry_out(item: dict[str, Any], context: Context) -> dict[str, Any]:
    """Invoke the function as the state machine does: again as long as it raises what is worth a retry."""
    item = {"listedAt": clock.now()} | item
    for _ in range(RETRIES):
        try:
            return invoke(item, context)
        except ApiUnavailable:
            pass
    return invoke(item, context)


def said(answer: dict[str, Any]) -> tuple[str, int | None, str | None]:
    """What an answer says of the outcome."""
    return answer["outcome"], answer["attempt"], answer["error"]


def sent(api: ScriptedApi) -> list[tuple[str, bytes]]:
    """The idempotency key and the payload of each request that the application got."""
    return [(request.headers["Idempotency-Key"], request.get_data()) for request in api.requests]


def numbers(api: ScriptedApi) -> list[str]:
    """What the keys call each request's attempt."""
    return [key.rpartition("-")[2] for key, _ in sent(api)]


def times_of(api: ScriptedApi, *answers: Response) -> list[float]:
    """Let the API give these answers; gives when it was asked, as that goes on."""
    asked: list[float] = []
    api.answers(*answers)
    scripted = api.answer

    def answer(request: Request) -> Response:
        asked.append(clock.now())
        return scripted(request)

    api.answer = answer
    return asked


# One answer, one outcome


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [
        (202, "requeued", None),
        (409, "skipped", "HTTP 409 Conflict"),
        (410, "refused", "HTTP 410 Gone"),
        (403, "refused", "HTTP 403 Forbidden"),
    ],
)
def test_an_answer_becomes_an_outcome_a_line_and_a_metric(
    api: ScriptedApi,
    context: Context,
    logged: Callable[[], list[dict[str, Any]]],
    status: int,
    outcome: str,
    error: str | None,
) -> None:
    api.answers(as_json({"to": "ann@example.com"}, status=status))
    assert invoke(ITEM, context) == {
        **ITEM["communication"],
        "outcome": outcome,
        "attempt": 1,
        "httpStatus": status,
        "error": error,
    }
    lines = logged()
    (metrics,) = [line for line in lines if "_aws" in line]
    assert (metrics["source"], metrics[outcome.title()]) == ("email", [1.0])
    assert metrics["ApiLatency"][0] > 0
    (done,) = [line for line in lines if line.get("message") == "communication done"]
    assert (done["runId"], done["batch"], done["primaryId"], done["outcome"]) == (RUN, 1, "123455", outcome)
    assert "ann@example.com" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("status", "state", "attempts", "number", "cools_down"),
    [
        (202, State.REQUEUED, 1, 2, True),
        (409, State.OPEN, 0, 1, True),
        (422, State.OPEN, 0, 2, True),
        (403, State.OPEN, 0, 2, True),
    ],
)
def test_an_outcome_is_in_the_ledger_and_only_an_accepted_one_counts_yet(
    api: ScriptedApi,
    ledger: Ledger,
    context: Context,
    status: int,
    state: State,
    attempts: int,
    number: int,
    cools_down: bool,
) -> None:
    api.answers(as_json({}, status=status))
    invoke(ITEM, context)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts, entry.number, entry.http_status) == (state, attempts, number, status)
    assert (entry.run_id, entry.lease_owner, entry.lease_until) == (RUN, OWNER, 0)
    assert (entry.not_before > clock.now() + LEDGER.cooldown_seconds - 60) is cools_down


def test_it_claims_before_it_posts(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    seen = []

    def answer(request: Request) -> Response:
        seen.append(entry_of(ledger, EMAIL))
        return as_json({}, status=202)

    api.answer = answer
    invoke(ITEM, context)
    assert [(entry.state, entry.lease_owner) for entry in seen] == [(State.OPEN, OWNER)]
    assert seen[0].lease_until > clock.now()


def test_the_happy_path_is_one_post_two_writes_and_no_read(
    api: ScriptedApi, front: TableFront, context: Context
) -> None:
    invoke(ITEM, context)
    assert front.calls == ["UpdateItem", "UpdateItem"]
    assert [body.get("ReturnValues") for _, body in front.requests] == ["ALL_OLD", "NONE"], (
        "of a new one there is nothing to read, and the last one's is not looked at"
    )
    assert len(api.requests) == 1


def test_a_refusal_is_one_write(front: TableFront, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    invoke(ITEM, context)
    assert front.calls == ["UpdateItem"]


# Who may send


def test_what_another_batch_is_sending_is_skipped_even_if_forced(
    api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    ledger.claim(EMAIL, "run/2", "run", clock.now())
    for force in (False, True):
        assert said(invoke(ITEM | {"force": force}, context)) == ("skipped", None, "leased")
    assert not api.requests


def test_what_cools_down_is_skipped_unless_forced(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    assert said(invoke(ITEM, context)) == ("skipped", None, "cooling_down")
    assert not api.requests
    assert said(invoke(ITEM | {"force": True}, context)) == ("requeued", 2, None)


@pytest.mark.parametrize("state", ["manual", "discarded"])
def test_what_waits_for_a_person_or_was_discarded_is_skipped_even_if_forced(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time, state: str
) -> None:
    entry = made_manual(ledger, EMAIL)
    if state == "discarded":
        assert ledger.discard(entry, "ann", "customer left")
    time.passes(LONGEST_COOLDOWN)
    for force in (False, True):
        assert said(invoke(ITEM | {"force": force}, context)) == ("skipped", None, state)
    assert not api.requests


def test_what_was_discarded_in_the_middle_of_an_attempt_has_no_outcome_of_an_earlier_one(
    ledger: Ledger, context: Context, time: Time
) -> None:
    concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    assert isinstance(ledger.claim(EMAIL, OWNER, RUN, clock.now()), Claim)
    time.passes(A_LEASE)
    assert ledger.discard(entry_of(ledger, EMAIL), "ann", "customer left")
    assert said(invoke(ITEM, context)) == ("skipped", None, "discarded")


def test_used_up_attempts_are_skipped(api: ScriptedApi, ledger: Ledger, context: Context, time: Time) -> None:
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, EMAIL)
        time.passes(LONGEST_COOLDOWN)
    assert said(invoke(ITEM, context)) == ("skipped", None, "exhausted")
    assert not api.requests


def test_a_released_one_is_sent_under_a_new_key(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    assert ledger.release(made_manual(ledger, EMAIL), "ann", "address corrected")
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)
    assert numbers(api) == ["2"]


def test_what_was_listed_before_another_run_sent_it_is_not_sent_again(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    listed_at = clock.now()
    concluded(ledger, EMAIL)
    time.passes(LONGEST_COOLDOWN)
    for force in (False, True):
        late = ITEM | {"listedAt": listed_at, "force": force}
        assert said(invoke(late, context)) == ("skipped", None, "cooling_down")
    assert not api.requests


# Retries of the state machine


def test_a_retry_goes_on_with_the_same_attempt_key_and_payload(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    api.answers(Response(status=503), as_json({}, status=202))
    with pytest.raises(ApiUnavailable):
        invoke(ITEM, context)
    assert len(api.requests) == 1, "retries are the state machine's alone"
    time.passes(30)
    assert said(invoke(ANOTHER, context)) == ("skipped", None, "leased"), "the lease is kept between retries"
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second
    assert re.fullmatch(r"send\.email:123455:\d{10}-1", first[0])


@pytest.mark.parametrize(("retry_after", "least"), [({}, 0), ({"Retry_After": "1"}, 1)])
def test_an_api_that_is_down_meets_one_request_and_its_retries_spaced_as_it_asks(
    api: ScriptedApi, ledger: Ledger, context: Context, pauses: Pauses, retry_after: dict[str, str], least: float
) -> None:
    asked = times_of(api, as_json({}, status=503, **retry_after))
    assert said(carry_out(ITEM, context)) == ("failed", 1, "POST /requeue: HTTP 503 Service Unavailable")
    assert len(asked) == 1 + RETRIES
    assert all(after - before >= least for before, after in itertools.pairwise(asked))
    assert pauses.seconds == [least] * RETRIES


def test_the_last_retry_gives_the_lease_back(api: ScriptedApi, ledger: Ledger, context: Context, time: Time) -> None:
    api.answers(Response(status=503))
    for _ in range(RETRIES):
        with pytest.raises(ApiUnavailable):
            invoke(ITEM, context)
        assert entry_of(ledger, EMAIL).lease_until > clock.now()
    answer = invoke(ITEM, context)
    assert (answer["outcome"], answer["httpStatus"]) == ("failed", 503)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts, entry.lease_until) == (State.OPEN, 0, 0)
    time.passes(ONE_COOLDOWN)
    api.answers(as_json({}, status=202))
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)


def test_how_often_a_request_is_retried_is_the_modules(
    configure: Configure, api: ScriptedApi, context: Context
) -> None:
    configure(run={"max_attempts_of_a_request": 0})
    api.answers(Response(status=503))
    assert invoke(ITEM, context)["outcome"] == "failed"


def test_an_outage_counts_nothing_and_is_noted(api: ScriptedApi, ledger: Ledger, context: Context, time: Time) -> None:
    api.answers(Response(status=503))
    for number in range(5):
        assert carry_out(ITEM | {"runId": f"run {number}"}, context)["outcome"] == "failed"
        entry = entry_of(ledger, EMAIL)
        assert (entry.state, entry.attempts, entry.number) == (State.OPEN, 0, 1)
        assert (entry.error, entry.http_status) == ("POST /requeue: HTTP 503 Service Unavailable", 503)
        time.passes(LONGEST_COOLDOWN)
    api.answers(as_json({}, status=202))
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)


def test_an_unavailable_api_is_raised_for_the_state_machine_and_measured(
    api: ScriptedApi, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    api.answers(Response(status=503))
    with pytest.raises(ApiUnavailable):
        invoke(ITEM, context)
    lines = logged()
    (metrics,) = [line for line in lines if "_aws" in line]
    assert metrics["ApiLatency"][0] > 0
    assert "Failed" not in metrics
    (warning,) = [line for line in lines if line.get("level") == "WARNING"]
    assert (warning["error"], warning["primaryId"]) == ("ApiUnavailable", "123455")


# Retry-After


def others_get_it(context: Context) -> None:
    """Let as many others of the source be turned away as must agree with the next one."""
    for number in range(AGREE_TO_WAIT - 1):
        carry_out(ITEM | {"communication": EMAIL._replace(primary_id=f"other {number}").to_json()}, context)


def test_a_retry_after_that_cannot_be_waited_for_ends_the_tries(
    api: ScriptedApi, ledger: Ledger, runs: Runs, context: Context, time: Time, pauses: Pauses
) -> None:
    asked = times_of(api, as_json({}, status=429, Retry_After="3600"), as_json({}, status=202))
    assert said(carry_out(ITEM, context)) == ("failed", 1, "POST /requeue: HTTP 429 Too Many Requests")
    assert len(asked) == 1
    assert pauses.seconds == []
    assert not runs.breaker(RUN).held, "one answer may be about a recipient"
    time.passes(ONE_COOLDOWN)  # shorter than what the API asked for
    assert said(invoke(ANOTHER, context)) == ("skipped", None, "cooling_down")
    time.passes(3600)
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    assert len(asked) == 2


def test_429_with_120_seconds_is_not_asked_again_before(
    api: ScriptedApi, runs: Runs, context: Context, pauses: Pauses
) -> None:
    asked = times_of(api, as_json({}, status=429, Retry_After="120"))
    before = clock.now()
    assert carry_out(ITEM, context)["outcome"] == "failed"
    assert said(carry_out(ANOTHER, context)) == ("skipped", None, "cooling_down")
    assert len(asked) == 1
    others_get_it(context)
    assert before + 120 <= runs.breaker(RUN).held["email"] <= clock.now() + 121


def test_a_refusal_with_a_retry_after_is_not_asked_before_either(
    api: ScriptedApi, ledger: Ledger, runs: Runs, context: Context, pauses: Pauses
) -> None:
    api.answers(as_json({}, status=503, Retry_After="3600"))
    before = clock.now()
    assert carry_out(ITEM, context)["httpStatus"] == 503
    assert len(api.requests) == 1
    assert entry_of(ledger, EMAIL).not_before >= before + 3600
    others_get_it(context)
    assert runs.breaker(RUN).held["email"] >= before + 3600


@pytest.mark.parametrize("status", [200, 404, 409])
def test_an_answer_that_says_when_to_come_back_is_about_the_communication_alone(
    configure: Configure, api: ScriptedApi, ledger: Ledger, runs: Runs, context: Context, status: int
) -> None:
    configure(requeue={"accepted": "success"})
    api.answers(as_json({"success": False}, status=status, Retry_After="7200"))
    before = clock.now()
    carry_out(ITEM, context)
    assert entry_of(ledger, EMAIL).not_before >= before + 7200
    others_get_it(context)
    assert len(api.requests) == AGREE_TO_WAIT
    assert not runs.breaker(RUN).held


@pytest.mark.parametrize("between", [202, 404])
def test_what_is_asked_to_wait_between_others_that_are_not_holds_nothing(
    api: ScriptedApi, runs: Runs, context: Context, between: int
) -> None:
    waits, other = as_json({}, status=429, Retry_After="3600"), as_json({}, status=between)
    answers = itertools.cycle([waits, waits, other])
    api.answer = lambda request: next(answers)
    for number in range(9):
        invoke(ITEM | {"communication": EMAIL._replace(primary_id=f"{number}").to_json()}, context)
    assert len(api.requests) == 9
    assert not runs.breaker(RUN).held


@pytest.mark.parametrize(("seconds", "is_waited_for"), [(30, True), (31, False)])
def test_thirty_seconds_are_waited_for_in_the_function_and_no_more(
    api: ScriptedApi, pauses: Pauses, seconds: int, is_waited_for: bool
) -> None:
    api.answers(as_json({}, status=503, Retry_After=str(seconds)))
    context = Context(seconds=60)
    if is_waited_for:
        with pytest.raises(ApiUnavailable):
            invoke(ITEM, context)
    else:
        assert invoke(ITEM, context)["outcome"] == "failed"
    assert pauses.seconds == [seconds] * is_waited_for


def test_what_the_functions_time_does_not_allow_is_not_waited_for(api: ScriptedApi, pauses: Pauses) -> None:
    api.answers(as_json({}, status=503, Retry_After="9"))
    # 5 s are kept to end in and 2 s for a write, so that 8 s are left.
    assert invoke(ITEM, Context(seconds=15))["outcome"] == "failed"
    assert pauses.seconds == []


def test_429_without_a_retry_after_is_tried_again_and_then_left_alone_for_a_minute(
    api: ScriptedApi, runs: Runs, context: Context, pauses: Pauses
) -> None:
    api.answers(as_json({}, status=429))
    before = clock.now()
    assert carry_out(ITEM, context)["httpStatus"] == 429
    assert len(api.requests) == 1 + RETRIES
    others_get_it(context)
    assert before + 60 <= runs.breaker(RUN).held["email"] <= clock.now() + 61


@pytest.mark.parametrize("status", [429, 503])
def test_a_source_that_asked_for_longer_than_the_function_waits_is_asked_no_more_by_this_sandbox(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time, status: int
) -> None:
    api.answers(as_json({}, status=status, Retry_After="120"))
    others_get_it(context)
    assert invoke(ITEM, context)["outcome"] == "failed"
    others = [ITEM | {"communication": EMAIL._replace(primary_id=f"{n}").to_json()} for n in range(3)]
    assert [said(invoke(item, context)) for item in others] == [("skipped", None, "asked_to_wait")] * 3
    assert len(api.requests) == AGREE_TO_WAIT
    assert entry_of(ledger, EMAIL._replace(primary_id="1")).lease_until == 0
    api.answers(as_json({}, status=202))
    another_source = EMAIL._replace(primary_id="9", source="sms").to_json()
    assert said(invoke(ITEM | {"communication": another_source}, context))[0] == "requeued"
    time.passes(121)
    assert [said(invoke(item | {"runId": LATER_RUN}, context))[0] for item in others] == ["requeued"] * 3


def test_tries_in_which_the_api_was_not_asked_are_not_counted(api: ScriptedApi, table: Table, context: Context) -> None:
    """The state machine's count has those that waited for a slot, and those whose function was throttled."""
    api.answers(Response(status=503))
    Controls(table).slow_down(0.001)
    with pytest.raises(ApiUnavailable):  # takes the slot
        invoke(ITEM | {"paced": True}, context)
    for _ in range(2 * RETRIES):
        with pytest.raises(RateLimited):
            invoke(ITEM | {"paced": True}, context)
    Controls(table).slow_down(None)
    for _ in range(RETRIES - 1):
        with pytest.raises(ApiUnavailable):
            invoke(ITEM, context)
    assert invoke(ITEM, context)["outcome"] == "failed"


def test_tries_are_counted_anew_by_the_next_run(api: ScriptedApi, context: Context, time: Time) -> None:
    api.answers(Response(status=503))
    for item in (ITEM, ANOTHER):
        for _ in range(RETRIES):
            with pytest.raises(ApiUnavailable):
                invoke(item, context)
        assert invoke(item, context)["outcome"] == "failed"
        time.passes(LONGEST_COOLDOWN)


def test_503_without_a_retry_after_holds_nothing(api: ScriptedApi, runs: Runs, context: Context) -> None:
    api.answers(as_json({}, status=503))
    carry_out(ITEM, context)
    assert not runs.breaker(RUN).held


# One key, one body


@pytest.mark.parametrize("trouble", ["503", "no answer"])
def test_a_later_run_sends_the_same_key_and_body_after_a_post_that_nothing_definite_came_of(
    configure: Configure, api: ScriptedApi, ledger: Ledger, context: Context, time: Time, trouble: str
) -> None:
    def hang_up(request: Request) -> Response:
        raise ConnectionAbortedError

    if trouble == "503":
        api.answers(Response(status=503))
    else:
        api.answer = lambda request: Response((_ for _ in ()), headers={"Content-Length": "5"})
    assert carry_out(ITEM, context)["outcome"] == "failed"
    time.passes(LONGEST_COOLDOWN)
    configure(requeue={"created_by": "somebody else"})
    api.answers(as_json({}, status=202))
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    first, *_, last = sent(api)
    assert first == last
    assert entry_of(ledger, EMAIL).attempts == 1


def test_after_a_crash_another_run_sends_the_same_key_and_payload(
    api: ScriptedApi, front: TableFront, ledger: Ledger, time: Time
) -> None:
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(ITEM, Context(seconds=7))  # no time to write what came of it
    time.passes(A_LEASE)
    assert said(invoke(ANOTHER, Context())) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second
    assert entry_of(ledger, EMAIL).attempts == 1


@pytest.mark.parametrize("status", [404, 422, 403])
def test_the_number_rises_after_a_definite_answer(api: ScriptedApi, context: Context, time: Time, status: int) -> None:
    api.answers(as_json({}, status=status), as_json({}, status=202))
    invoke(ITEM, context)
    time.passes(ONE_COOLDOWN)
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    assert numbers(api) == ["1", "2"]


@pytest.mark.parametrize(
    "front_says",
    [
        ["504", 404],
        ["504", 403],
        ["504", 405],
        ["504", 400],
        ["504", "504", 421],
        ["504", 429, 404],
        ["lost", 404],
        ["in process", "lost", "in process"],
        ["499"],
        ["504"] * 4,
        ["crash", 404],
    ],
    ids=str,
)
def test_an_api_that_honours_keys_queues_once_whatever_stands_in_front_of_it_says(
    api: ScriptedApi, front: TableFront, ledger: Ledger, pauses: Pauses, time: Time, front_says: list[str | int]
) -> None:
    queued: list[str] = []
    script = iter(front_says)

    def answer(request: Request) -> Response:
        """Let the application take each key once; what the front says instead of its answer, after it or before."""
        says = next(script, "nothing")
        if isinstance(says, int):
            return Response("<html>the gateway</html>", says, content_type="text/html")
        if says == "in process":
            return Response(status=423)
        if request.headers["Idempotency-Key"] not in queued:
            queued.append(request.headers["Idempotency-Key"])
        match says:
            case "lost":
                return Response((_ for _ in ()), headers={"Content-Length": "5"})
            case "504" | "499":
                return Response(status=int(says))
            case _:
                return as_json({}, status=202)

    api.answer = answer
    if front_says[0] == "crash":
        front.goes("fine", "throttled")
        with pytest.raises(LedgerUnavailable):
            invoke(ITEM, Context(seconds=7))  # the application has it, and nobody wrote that down
    else:
        carry_out(ITEM, Context())
    for run in range(3):
        time.passes(LONGEST_COOLDOWN)
        if entry_of(ledger, EMAIL).state is State.OPEN:
            carry_out(ITEM | {"runId": f"2026112{5 + run}T021500Z"}, Context())
    assert entry_of(ledger, EMAIL).state is State.REQUEUED
    assert len(queued) == 1


def test_an_answer_that_no_gateway_makes_up_raises_the_number_also_after_none(
    api: ScriptedApi, context: Context, time: Time
) -> None:
    api.answers(Response(status=503), as_json({}, status=422), as_json({}, status=202))
    carry_out(ITEM, context)
    time.passes(LONGEST_COOLDOWN)
    invoke(ANOTHER, context)
    assert numbers(api) == ["1", "1", "2"]


@pytest.mark.parametrize(
    "refusal",
    [
        Response("<html>Bad Request</html>", 400, content_type="text/html"),
        Response("<html>Request Entity Too Large</html>", 413, content_type="text/html"),
        as_json({}, 413, **{"Retry-After": "3600"}),
    ],
    ids=["a page", "a large page", "for an hour"],
)
def test_a_gateways_400_or_413_is_no_answer_about_the_communication(
    api: ScriptedApi, ledger: Ledger, context: Context, pauses: Pauses, refusal: Response
) -> None:
    api.answers(refusal)
    answer = carry_out(ITEM, context)
    assert (answer["outcome"], answer["httpStatus"]) == ("failed", None)
    assert f"HTTP {refusal.status_code}" in answer["error"]
    assert set(numbers(api)) == {"1"}


def test_credentials_that_were_good_for_another_are_not_to_blame_once(
    api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    one, *others = (ITEM | {"communication": EMAIL._replace(primary_id=str(n)).to_json()} for n in range(1, 5))
    invoke(one, context)
    api.answers(as_json({}, status=401))
    assert said(invoke(others[0], context)) == ("refused", 1, "HTTP 401 Unauthorized")
    with pytest.raises(CredentialsRefused):  # two in a row: so it is they
        invoke(others[1], context)
    with pytest.raises(CredentialsRefused):
        invoke(others[2], context)


def test_credentials_that_were_good_a_minute_ago_may_be_to_blame(
    api: ScriptedApi, context: Context, time: Time
) -> None:
    invoke(ITEM, context)
    time.passes(61)
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused):
        invoke(ITEM | {"communication": EMAIL._replace(primary_id="2").to_json()}, context)


def test_what_credentials_were_refused_for_gives_way_to_others(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    api.answers(Response(status=422), as_json({}, status=401), as_json({}, status=202))
    invoke(ITEM, context)
    time.passes(LONGEST_COOLDOWN)
    with pytest.raises(CredentialsRefused):
        invoke(ANOTHER, context)
    entry = entry_of(ledger, EMAIL)
    assert entry.tried > entry.first_seen + LONGEST_COOLDOWN
    assert (entry.outcome, entry.http_status) == (None, None)
    time.passes(1)
    assert said(invoke(ITEM | {"runId": "20261130T021500Z"}, context)) == ("requeued", 1, None)


def test_409_stays_open_under_the_same_key(api: ScriptedApi, ledger: Ledger, context: Context, time: Time) -> None:
    api.answers(as_json({}, status=409), as_json({}, status=202))
    assert said(invoke(ITEM, context)) == ("skipped", 1, "HTTP 409 Conflict")
    assert said(invoke(ANOTHER, context)) == ("skipped", None, "cooling_down")
    time.passes(ONE_COOLDOWN)
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second


def test_the_next_attempt_has_a_key_and_a_time_of_its_own(api: ScriptedApi, context: Context, time: Time) -> None:
    invoke(ITEM, context)
    time.passes(ONE_COOLDOWN)
    assert said(invoke(ANOTHER, context)) == ("requeued", 2, None)
    assert numbers(api) == ["1", "2"]
    assert len({json.loads(payload)["created"] for _, payload in sent(api)}) == 2


def test_alike_ids_of_two_spaces_have_keys_of_their_own(api: ScriptedApi, context: Context) -> None:
    invoke(ITEM, context)
    invoke(ITEM | {"communication": EMAIL._replace(id_space="billing").to_json()}, context)
    keys = [key.rpartition(":")[0] for key, _ in sent(api)]
    assert keys == ["send.email:123455", "send.email@billing:123455"]


# A lost answer


@pytest.mark.parametrize("status", [202, 409, 422])
@pytest.mark.parametrize(
    ("force", "seconds"),
    [(False, 0), (True, 0), (False, LONGEST_COOLDOWN)],
    ids=["at once", "with force", "after the cooldown"],
)
def test_a_batch_whose_answer_was_lost_gets_its_own_outcome_again_without_a_post(
    api: ScriptedApi, context: Context, time: Time, status: int, force: bool, seconds: float
) -> None:
    api.answers(as_json({}, status=status))
    first = invoke(ITEM | {"force": force}, context)
    time.passes(seconds)
    assert invoke(ITEM | {"force": force}, context) == first
    assert len(api.requests) == 1


def test_a_2xx_that_says_no_is_definite_and_the_next_try_has_a_key_of_its_own(
    configure: Configure, api: ScriptedApi, context: Context, time: Time
) -> None:
    configure(requeue={"accepted": "success"})
    api.answers(as_json({"success": False}), as_json({"success": True}))
    assert said(invoke(ITEM, context)) == ("failed", 1, "HTTP 200, but requeue.accepted does not hold")
    time.passes(LONGEST_COOLDOWN)
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    assert [key[-2:] for key, _ in sent(api)] == ["-1", "-2"]


@pytest.mark.parametrize("body", ["", "OK", "null", '{"succeeded": true}', '{"success": null}', '{"success": tr'])
def test_a_2xx_in_which_nothing_says_yes_or_no_leaves_the_key_as_it_is(
    configure: Configure, api: ScriptedApi, context: Context, time: Time, body: str
) -> None:
    """As under a typo in ``requeue.accepted``: an API that honours the key must not queue it again in every run."""
    configure(requeue={"accepted": "success"})
    api.answers(Response(body, content_type="application/json"))
    for item in (ITEM, ANOTHER):
        assert said(invoke(item, context)) == ("failed", 1, "HTTP 200, but requeue.accepted does not hold")
        time.passes(LONGEST_COOLDOWN)
    assert len(set(sent(api))) == 1


def test_another_batch_of_the_same_run_does_not_get_it(api: ScriptedApi, context: Context) -> None:
    invoke(ITEM, context)
    assert said(invoke(ITEM | {"batch": 2}, context)) == ("skipped", None, "cooling_down")


# The ledger's table does not answer


@pytest.mark.parametrize("trouble", ["throttled", "answer lost"])
def test_without_the_ledger_nothing_is_sent(
    api: ScriptedApi, front: TableFront, context: Context, trouble: Any
) -> None:
    front.goes(trouble)
    with pytest.raises(LedgerUnavailable, match="the ledger's table: "):
        invoke(ITEM, context)
    assert not api.requests
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)


@pytest.mark.parametrize("trouble", ["throttled", "answer lost"])
@pytest.mark.parametrize(("status", "outcome"), [(202, "requeued"), (409, "skipped"), (422, "refused")])
def test_what_the_api_has_answered_is_written_down_as_long_as_there_is_time(
    api: ScriptedApi,
    front: TableFront,
    ledger: Ledger,
    context: Context,
    pauses: Pauses,
    trouble: Any,
    status: int,
    outcome: str,
) -> None:
    api.answers(as_json({}, status=status))
    front.goes("fine", *[trouble] * 5)
    assert invoke(ITEM, context)["outcome"] == outcome
    assert len(pauses.seconds) == 5
    assert sorted(pauses.seconds) == pauses.seconds, "it waits longer each time"
    assert len(api.requests) == 1
    assert entry_of(ledger, EMAIL).http_status == status


def test_a_hold_of_a_source_is_insisted_on_as_well(
    api: ScriptedApi, front: TableFront, runs: Runs, context: Context, pauses: Pauses
) -> None:
    api.answers(as_json({}, status=429, Retry_After="120"))
    others_get_it(context)
    front.goes("fine", "fine", "throttled", "throttled")
    assert invoke(ITEM, context)["outcome"] == "failed"
    assert "email" in runs.breaker(RUN).held


def test_without_time_the_ledgers_trouble_is_raised_and_the_retry_has_the_same_key(
    api: ScriptedApi, front: TableFront, ledger: Ledger, context: Context, time: Time
) -> None:
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable, match="ProvisionedThroughputExceeded"):
        invoke(ITEM, Context(seconds=7))
    assert entry_of(ledger, EMAIL).lease_until > clock.now()
    time.passes(30)
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second


def test_a_function_that_must_end_asks_no_more(api: ScriptedApi, ledger: Ledger) -> None:
    with pytest.raises(ApiUnavailable, match="no time left"):
        invoke(ITEM, Context(seconds=5.2))
    assert not api.requests
    assert entry_of(ledger, EMAIL).lease_until > clock.now()


# Credentials and settings


@pytest.fixture
def rotated(configure: Configure, api: ScriptedApi) -> Callable[[str], None]:
    """Put another token into the secret, that the sandbox has read before."""
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="token", SecretString="first")["ARN"]
    configure(api={"auth": {"type": "bearer", "secret_arn": arn}})

    def rotate(token: str) -> None:
        client.put_secret_value(SecretId=arn, SecretString=token)

    return rotate


def tokens(api: ScriptedApi) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in api.requests]


def test_after_401_the_secret_is_read_anew_once(
    api: ScriptedApi, context: Context, rotated: Callable[[str], None]
) -> None:
    invoke(ITEM, context)
    rotated("second")
    api.answer = lambda request: as_json({}, status=202 if "second" in request.headers["Authorization"] else 401)
    assert said(invoke(ITEM | {"communication": EMAIL._replace(primary_id="2").to_json()}, context)) == (
        "requeued",
        1,
        None,
    )
    assert tokens(api) == ["first", "first", "second"]


def test_401_with_a_fresh_secret_is_raised_counts_nothing_and_leaves_no_lease_behind(
    api: ScriptedApi, ledger: Ledger, context: Context, rotated: Callable[[str], None]
) -> None:
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused, match="HTTP 401"):
        invoke(ITEM, context)
    assert len(api.requests) == 2
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts, entry.lease_until, entry.lease_owner) == (State.OPEN, 0, 0, "")
    api.answers(as_json({}, status=202))
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)
    assert numbers(api) == ["1", "1", "1"]


def test_settings_that_are_wrong_are_raised_and_leave_no_lease_behind(
    configure: Configure, api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    configure(api={"auth": {"type": "bearer", "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"}})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        invoke(ITEM, context)
    configure()
    assert said(invoke(ANOTHER, context)) == ("requeued", 1, None)


def test_giving_the_lease_back_is_insisted_on(
    api: ScriptedApi, front: TableFront, ledger: Ledger, context: Context, pauses: Pauses
) -> None:
    api.answers(as_json({}, status=401))
    front.goes("fine", "throttled", "throttled")
    with pytest.raises(CredentialsRefused):
        invoke(ITEM, context)
    assert entry_of(ledger, EMAIL).lease_until == 0


# Rate, pause, stop


@pytest.mark.parametrize("what", ["paused", "stopped"])
@pytest.mark.parametrize("by", ["the module", "a person"])
def test_a_request_that_takes_a_slot_sees_a_pause_or_a_stop_and_gives_the_lease_back(
    configure: Configure, api: ScriptedApi, ledger: Ledger, table: Table, context: Context, what: str, by: str
) -> None:
    controls = Controls(table)
    if by == "the module":
        configure(run={"max_requests_per_second": 1000})
    else:
        controls.slow_down(1000)
    controls.pause(clock.now() + 600, "ann", "maintenance") if what == "paused" else controls.stop(RUN)
    item = ITEM | {"paced": by == "a person"}
    assert said(invoke(item, context)) == ("skipped", None, what)
    assert not api.requests
    assert entry_of(ledger, EMAIL).lease_until == 0
    controls.resume() if what == "paused" else controls.stop("another")
    assert said(invoke(item | {"runId": LATER_RUN}, context)) == ("requeued", 1, None)


def test_without_a_rate_nothing_is_asked_of_the_control(front: TableFront, table: Table, context: Context) -> None:
    Controls(table).pause(clock.now() + 600, "ann", "maintenance")
    assert said(invoke(ITEM, context)) == ("requeued", 1, None)
    assert front.calls == ["UpdateItem", "UpdateItem"]


def test_a_slot_that_is_too_far_away_is_raised_and_the_lease_is_kept(
    configure: Configure, api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    configure(run={"max_requests_per_second": 0.01})
    assert invoke(ITEM | {"communication": EMAIL._replace(primary_id="1").to_json()}, context)["outcome"] == "requeued"
    with pytest.raises(RateLimited):
        invoke(ITEM, context)
    assert len(api.requests) == 1
    assert entry_of(ledger, EMAIL).lease_owner == OWNER
    assert entry_of(ledger, EMAIL).lease_until > clock.now()


def test_a_request_without_a_pace_does_not_keep_that_of_the_one_before(
    api: ScriptedApi, table: Table, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redrive.clock.now", lambda: 1_795_486_500.0)  # a slot that is used too late is given up
    Controls(table).slow_down(0.01)
    for number, paced in (("1", True), ("2", False)):
        item = ITEM | {"paced": paced, "communication": EMAIL._replace(primary_id=number).to_json()}
        assert invoke(item, context)["outcome"] == "requeued"


# Events


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"communication": None}, "event.communication: must be an object"),
        ({"runId": 5}, "event.runId: must be a text"),
        ({"batch": "1"}, "event.batch: must be a whole number"),
        ({"communication": {"primaryId": 5}}, "event.communication.primaryId: must be a text"),
        ({"force": "yes"}, "event.force: must be true or false"),
    ],
)
def test_an_item_that_is_wrong_sends_nothing(
    api: ScriptedApi, front: TableFront, context: Context, item: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        invoke(ITEM | item, context)
    assert not api.requests
    assert not front.calls


def test_an_earlier_outcome_is_not_taken_for_this_batchs_own(
    api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    """A run of named ids beside another has batches of the same number."""
    concluded(ledger, EMAIL, OutcomeKind.REFUSED, owner="another/1")
    assert said(invoke(ITEM, context)) == ("skipped", None, "cooling_down")
