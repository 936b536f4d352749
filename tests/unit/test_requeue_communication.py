"""The function requeue_communication, from an item of the Map to its outcome: never twice, never lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from redrive import clock
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import State, WaitingFor
from redrive.models import Communication, OutcomeKind
from requeue_communication import handler as requeue_communication
from tests.unit.support import (
    A_LEASE,
    LONGEST_COOLDOWN,
    ONE_COOLDOWN,
    Context,
    ScriptedApi,
    TableFront,
    Time,
    as_json,
    concluded,
    entry_of,
)

EMAIL = Communication("123455", "send.email", "email")
ITEM: dict[str, Any] = {
    "runId": "20261124T021500Z",
    "execution": "20261124T021500Z-0123456789abcdef",
    "force": False,
    "communication": EMAIL.to_json(),
}
ANOTHER = ITEM | {"runId": "20261124T031500Z", "execution": "20261124T031500Z-0123456789abcdef"}


@pytest.fixture(autouse=True)
def _sandbox(front: TableFront, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDRIVE_API", json.dumps({"base_url": api.url, "read_timeout_seconds": 1}))
    monkeypatch.setenv("REDRIVE_REQUEUE", json.dumps({"path": "/requeue", "created_by": "redrive"}))
    for kept in (requeue_communication._settings, requeue_communication._api, requeue_communication._ledger):
        kept.cache_clear()
    api.answers(as_json({}, status=202))


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Invoke the function for what was listed just now, unless the event says otherwise."""
    answer = requeue_communication.handler({"listedAt": clock.now()} | event, context)  # type: ignore[arg-type]
    as_others_see_it: dict[str, Any] = json.loads(json.dumps(answer))
    return as_others_see_it


def told(answer: dict[str, Any]) -> tuple[str, int | None, str | None]:
    """What an answer says of the outcome."""
    return answer["outcome"], answer["attempt"], answer["error"]


def sent(api: ScriptedApi) -> list[tuple[str, bytes]]:
    """The idempotency key and the payload of each request that the application got."""
    return [(request.headers["Idempotency-Key"], request.get_data()) for request in api.requests]


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [(202, "requeued", None), (409, "skipped", "HTTP 409 Conflict"), (410, "rejected", "HTTP 410 Gone")],
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
    assert (done["runId"], done["execution"], done["primaryId"]) == (ITEM["runId"], ITEM["execution"], "123455")
    assert "ann@example.com" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("status", "state", "waiting_for"),
    [
        (202, State.REQUEUED, WaitingFor.DELIVERY),
        (409, State.REQUEUED, WaitingFor.DELIVERY),
        (422, State.MANUAL, WaitingFor.PERSON),
    ],
)
def test_an_outcome_is_in_the_ledger_and_counts_as_an_attempt(
    api: ScriptedApi, ledger: Ledger, context: Context, status: int, state: State, waiting_for: WaitingFor
) -> None:
    api.answers(as_json({}, status=status))
    invoke(ITEM, context)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts, entry.http_status) == (state, 1, status)
    assert (entry.run_id, entry.lease_owner, entry.lease_until) == (ITEM["runId"], ITEM["execution"], 0)
    assert ledger.waiting(waiting_for).entries == (entry,)


def test_it_claims_before_it_posts(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    seen = []

    def answer(request: Request) -> Response:
        seen.append(entry_of(ledger, EMAIL))
        return as_json({}, status=202)

    api.answer = answer
    invoke(ITEM, context)
    assert [(entry.state, entry.lease_owner) for entry in seen] == [(State.ATTEMPTING, ITEM["execution"])]


def test_the_happy_path_is_two_writes_and_no_read(front: TableFront, context: Context) -> None:
    invoke(ITEM, context)
    assert front.calls == ["UpdateItem", "UpdateItem"]


def test_a_refusal_is_one_write(front: TableFront, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    invoke(ITEM, context)
    assert front.calls == ["UpdateItem"]


def test_a_retry_of_the_execution_goes_on_with_the_same_attempt_key_and_payload(
    api: ScriptedApi, context: Context, time: Time
) -> None:
    api.answers(Response(status=503), as_json({}, status=202))
    with pytest.raises(ApiUnavailable):
        invoke(ITEM, context)
    time.passes(30)
    assert told(invoke(ITEM, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second
    assert re.fullmatch(r"send\.email:123455:\d{10}-1", first[0])


def test_after_a_crash_another_execution_sends_the_same_key_and_payload(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    api.answers(Response(status=503), as_json({}, status=202))
    with pytest.raises(ApiUnavailable):
        invoke(ITEM, context)
    time.passes(A_LEASE)
    assert told(invoke(ANOTHER, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second
    assert entry_of(ledger, EMAIL).attempts == 1


def test_the_next_attempt_has_a_key_and_a_time_of_its_own(api: ScriptedApi, context: Context, time: Time) -> None:
    invoke(ITEM, context)
    time.passes(ONE_COOLDOWN)
    assert told(invoke(ANOTHER, context)) == ("requeued", 2, None)
    assert [key.rpartition("-")[2] for key, _ in sent(api)] == ["1", "2"]
    assert len({json.loads(payload)["created"] for _, payload in sent(api)}) == 2


@pytest.mark.parametrize("status", [202, 409, 422])
@pytest.mark.parametrize(
    ("force", "seconds"),
    [(False, 0), (True, 0), (False, LONGEST_COOLDOWN)],
    ids=["at once", "with force", "after the cooldown"],
)
def test_an_execution_that_concluded_gives_the_same_outcome_again_without_a_post(
    api: ScriptedApi, context: Context, time: Time, status: int, force: bool, seconds: float
) -> None:
    api.answers(as_json({}, status=status))
    first = invoke(ITEM | {"force": force}, context)
    time.passes(seconds)
    assert invoke(ITEM | {"force": force}, context) == first
    assert len(api.requests) == 1


def test_it_gives_the_same_outcome_again_though_it_was_delivered_meanwhile(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    first = invoke(ITEM, context)
    time.passes(LONGEST_COOLDOWN)
    assert ledger.deliver(EMAIL, entry_of(ledger, EMAIL).not_before)
    assert invoke(ITEM, context) == first
    assert len(api.requests) == 1


def test_what_another_execution_is_sending_is_skipped(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    ledger.claim(EMAIL, "another execution", "run", clock.now())
    for force in (False, True):
        assert told(invoke(ITEM | {"force": force}, context)) == ("skipped", None, "leased")
    assert not api.requests


def test_what_cools_down_is_skipped_unless_forced(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    assert told(invoke(ITEM, context)) == ("skipped", None, "cooling_down")
    assert not api.requests
    assert told(invoke(ITEM | {"force": True}, context)) == ("requeued", 2, None)


def test_what_a_person_discarded_is_skipped_even_if_forced(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    ledger.discard(EMAIL, "ann", "customer left")
    for force in (False, True):
        assert told(invoke(ITEM | {"force": force}, context)) == ("skipped", None, "discarded")
    assert not api.requests


def test_what_was_discarded_in_the_middle_of_an_attempt_has_no_outcome_of_an_earlier_one(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    concluded(ledger, EMAIL)
    time.passes(ONE_COOLDOWN)
    ledger.claim(EMAIL, ITEM["execution"], "run", clock.now())
    time.passes(A_LEASE)
    ledger.discard(EMAIL, "ann", "customer left")
    assert told(invoke(ITEM, context)) == ("skipped", None, "discarded")


def test_used_up_attempts_make_it_manual_and_are_told_once(
    api: ScriptedApi,
    ledger: Ledger,
    context: Context,
    time: Time,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    for _ in range(3):
        concluded(ledger, EMAIL)
        time.passes(LONGEST_COOLDOWN)
    first = invoke(ITEM, context)
    assert told(first) == ("exhausted", 3, "3 attempts made")
    assert first["httpStatus"] is None
    assert [line["Exhausted"] for line in logged() if "_aws" in line] == [[1.0]]
    assert invoke(ITEM, context) == first, "a retry whose answer was lost"
    assert told(invoke(ANOTHER, context)) == ("skipped", None, "manual")
    assert [entry.communication for entry in ledger.waiting(WaitingFor.PERSON).entries] == [EMAIL]
    assert not api.requests


def test_two_executions_that_find_the_attempts_used_up_tell_it_once(
    front: TableFront, ledger: Ledger, context: Context, time: Time
) -> None:
    for _ in range(3):
        concluded(ledger, EMAIL)
        time.passes(LONGEST_COOLDOWN)
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(ITEM, context)
    assert told(invoke(ANOTHER, context)) == ("exhausted", 3, "3 attempts made")
    assert told(invoke(ITEM, context)) == ("skipped", None, "manual")


def test_an_exhaustion_whose_answer_was_lost_is_told_by_the_retry(
    front: TableFront, ledger: Ledger, context: Context, time: Time
) -> None:
    for _ in range(3):
        concluded(ledger, EMAIL)
        time.passes(LONGEST_COOLDOWN)
    front.goes("fine", "answer lost")
    with pytest.raises(LedgerUnavailable):
        invoke(ITEM, context)
    assert told(invoke(ITEM, context)) == ("exhausted", 3, "3 attempts made")


def test_a_rejected_one_is_manual_at_once(api: ScriptedApi, context: Context, time: Time) -> None:
    api.answers(as_json({}, status=422))
    assert told(invoke(ITEM, context)) == ("rejected", 1, "HTTP 422 Unprocessable Content")
    time.passes(LONGEST_COOLDOWN)
    assert told(invoke(ANOTHER | {"force": True}, context)) == ("skipped", None, "manual")
    assert len(api.requests) == 1


def test_a_released_one_is_sent_under_a_new_key(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL, OutcomeKind.REJECTED)
    ledger.release(EMAIL, "ann", "address corrected")
    assert told(invoke(ITEM, context)) == ("requeued", 2, None)
    assert [key.rpartition("-")[2] for key, _ in sent(api)] == ["2"]


def test_what_was_listed_before_another_execution_sent_it_is_not_sent_again(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    listed_at = clock.now()
    concluded(ledger, EMAIL)
    time.passes(LONGEST_COOLDOWN)
    for force in (False, True):
        late = ITEM | {"listedAt": listed_at, "force": force}
        assert told(invoke(late, context)) == ("skipped", None, "cooling_down")
    assert not api.requests


def test_refused_credentials_leave_no_lease_behind(api: ScriptedApi, ledger: Ledger, context: Context) -> None:
    api.answers(as_json({}, status=403), as_json({}, status=202))
    with pytest.raises(CredentialsRefused):
        invoke(ITEM, context)
    assert told(invoke(ANOTHER, context)) == ("requeued", 1, None)


def test_an_unavailable_api_is_raised_for_the_state_machine_and_measured(
    api: ScriptedApi, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    api.answers(Response(status=503))
    with pytest.raises(ApiUnavailable):
        invoke(ITEM, context)
    lines = logged()
    assert [line["ApiLatency"] for line in lines if "_aws" in line]
    (warning,) = [line for line in lines if line.get("level") == "WARNING"]
    assert (warning["error"], warning["primaryId"]) == ("ApiUnavailable", "123455")


def test_an_outage_burns_no_attempt_and_is_noted(
    api: ScriptedApi, ledger: Ledger, context: Context, time: Time
) -> None:
    api.answers(Response(status=503))
    for number in range(5):
        with pytest.raises(ApiUnavailable):
            invoke(ITEM | {"execution": f"execution {number}"}, context)
        entry = entry_of(ledger, EMAIL)
        assert (entry.state, entry.attempts) == (State.ATTEMPTING, 0)
        assert entry.error == "POST /requeue: HTTP 503 Service Unavailable"
        time.passes(A_LEASE)
    api.answers(as_json({}, status=202))
    assert told(invoke(ITEM, context)) == ("requeued", 1, None)


def test_refused_credentials_are_raised_for_the_state_machine_and_burn_no_attempt(
    api: ScriptedApi, ledger: Ledger, context: Context
) -> None:
    api.answers(as_json({}, status=403))
    with pytest.raises(CredentialsRefused):
        invoke(ITEM, context)
    entry = entry_of(ledger, EMAIL)
    assert (entry.state, entry.attempts) == (State.ATTEMPTING, 0)


@pytest.mark.parametrize("trouble", ["throttled", "answer lost"])
def test_without_the_ledger_nothing_is_sent(
    api: ScriptedApi, front: TableFront, context: Context, trouble: Any
) -> None:
    front.goes(trouble)
    with pytest.raises(LedgerUnavailable, match="the ledger's table: "):
        invoke(ITEM, context)
    assert not api.requests
    assert told(invoke(ITEM, context)) == ("requeued", 1, None)


def test_a_conclusion_that_was_not_written_leads_to_the_same_key_again(
    api: ScriptedApi, front: TableFront, ledger: Ledger, context: Context, time: Time
) -> None:
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable, match="ProvisionedThroughputExceeded"):
        invoke(ITEM, context)
    time.passes(30)
    assert told(invoke(ITEM, context)) == ("requeued", 1, None)
    first, second = sent(api)
    assert first == second
    assert entry_of(ledger, EMAIL).attempts == 1


def test_a_conclusion_whose_answer_was_lost_is_not_sent_again(
    api: ScriptedApi, front: TableFront, ledger: Ledger, context: Context
) -> None:
    front.goes("fine", "answer lost")
    with pytest.raises(LedgerUnavailable):
        invoke(ITEM, context)
    assert told(invoke(ITEM, context)) == ("requeued", 1, None)
    assert len(api.requests) == 1
    assert entry_of(ledger, EMAIL).attempts == 1


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.runId: missing"),
        ({"runId": "20261124T021500Z"}, "event.execution: missing"),
        (ITEM | {"communication": {"primaryId": 5}}, "event.communication.primaryId: must be a text"),
        (ITEM | {"force": "yes"}, "event.force: must be true or false"),
    ],
)
def test_an_event_that_is_wrong_sends_nothing(
    api: ScriptedApi, front: TableFront, context: Context, event: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not api.requests
    assert not front.calls
