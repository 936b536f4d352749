"""The function ledger_admin: what a person sees and may change, and that each change says who and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, State
from redrive.models import Communication, OutcomeKind
from tests.unit.support import A_LEASE, ONE_COOLDOWN, Context, TableFront, Time, concluded, entry_of

EMAIL = Communication("123455", "send.email", "email")
SMS = Communication("7", "send.sms", "sms")
NAMED = [{"primaryId": "123455", "operation": "send.email"}]
ANN = "arn:aws:sts::123456789012:assumed-role/support/ann"


@pytest.fixture(autouse=True)
def _sandbox(front: TableFront) -> None:
    ledger_admin._ledger.cache_clear()


def invoke(event: Any, context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(ledger_admin.handler(event, context)))  # type: ignore[arg-type]
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [communication["primaryId"] for communication in answer["communications"]]


def rejected(ledger: Ledger, communication: Communication = EMAIL, error: str = "HTTP 410 Gone") -> None:
    concluded(ledger, communication, OutcomeKind.REJECTED, owner="an execution", error=error)


# Looking


def test_what_waits_for_a_person_is_listed_the_oldest_first(ledger: Ledger, context: Context, time: Time) -> None:
    for communication in (SMS, EMAIL):
        rejected(ledger, communication)
        time.passes(60)
    concluded(ledger, Communication("1", "send.email", "email"))
    answer = invoke({"action": "list"}, context)
    assert ids(answer) == ["7", "123455"]
    assert answer["next"] is None


def test_a_listed_one_is_told_in_a_persons_words(ledger: Ledger, context: Context) -> None:
    rejected(ledger)
    (told,) = invoke({"action": "list"}, context)["communications"]
    times = [told.pop(name) for name in ("firstSeen", "updated", "waitingSince")]
    (event,) = told.pop("history")
    times.append(event.pop("at"))
    for at in times:
        assert at.endswith("Z")
        assert datetime.fromisoformat(at).timestamp() == pytest.approx(clock.now(), abs=5)
    assert told == {
        "primaryId": "123455",
        "operation": "send.email",
        "source": "email",
        "state": "manual",
        "attempts": 1,
        "outcome": "rejected",
        "httpStatus": 422,
        "error": "HTTP 410 Gone",
        "runId": "an earlier run",
        "leasedUntil": None,
        "notBefore": None,
    }
    assert event == {"what": "rejected", "by": "an execution", "detail": "HTTP 410 Gone"}


def test_pages_follow_each_other_to_the_end(ledger: Ledger, context: Context, time: Time) -> None:
    for number in range(5):
        rejected(ledger, Communication(str(number), "send.email", "email"))
        time.passes(1)
    found: list[str] = []
    event: dict[str, Any] = {"action": "list", "limit": 2}
    for _ in range(3):
        answer = invoke(event, context)
        found += ids(answer)
        event["next"] = answer["next"]
    assert found == list("01234")
    assert answer["next"] is None


def test_a_list_can_be_narrowed_by_source_error_and_age(ledger: Ledger, context: Context, time: Time) -> None:
    rejected(ledger, EMAIL, "HTTP 410 Gone")
    time.passes(3600)
    rejected(ledger, SMS, "HTTP 422 Unprocessable Content")
    for narrowed, expected in (
        ({}, ["123455", "7"]),
        ({"source": "sms"}, ["7"]),
        ({"source": "fax"}, []),
        ({"error": "410"}, ["123455"]),
        ({"olderThanSeconds": 3000}, ["123455"]),
        ({"olderThanSeconds": 4000}, []),
        ({"source": "sms", "error": "410"}, []),
    ):
        assert ids(invoke({"action": "list"} | narrowed, context)) == expected


def test_a_page_without_a_match_still_names_the_next(ledger: Ledger, context: Context, time: Time) -> None:
    for communication in (SMS, EMAIL):
        rejected(ledger, communication)
        time.passes(1)
    first = invoke({"action": "list", "source": "email", "limit": 1}, context)
    assert ids(first) == []
    assert ids(invoke({"action": "list", "source": "email", "next": first["next"]}, context)) == ["123455"]


def test_one_is_shown_with_its_history(ledger: Ledger, context: Context, time: Time) -> None:
    concluded(ledger, EMAIL, owner="execution 1")
    time.passes(ONE_COOLDOWN)
    ledger.deliver(EMAIL, clock.now())
    concluded(ledger, EMAIL, OutcomeKind.REJECTED, owner="execution 2", error="HTTP 410 Gone")
    ledger.release(EMAIL, ANN, "address corrected")
    claim = ledger.claim(EMAIL, "execution 3", "run", clock.now())
    assert isinstance(claim, Claim)
    (told,) = invoke({"action": "show", "communications": NAMED}, context)["communications"]
    assert [(event["what"], event["by"], event["detail"]) for event in told["history"]] == [
        ("requeued", "execution 1", ""),
        ("delivered", "", ""),
        ("rejected", "execution 2", "HTTP 410 Gone"),
        ("released", ANN, "address corrected"),
    ]
    assert [event["at"] for event in told["history"]] == sorted(event["at"] for event in told["history"])
    assert (told["state"], told["attempts"]) == ("attempting", 0)
    assert datetime.fromisoformat(told["leasedUntil"]).timestamp() == pytest.approx(clock.now() + 120, abs=5)


def test_what_the_ledger_does_not_know_is_said_to_be_unknown(context: Context) -> None:
    assert invoke({"action": "show", "communications": NAMED}, context) == {
        "communications": [],
        "unchanged": [{"primaryId": "123455", "operation": "send.email", "state": None}],
    }


# Changing


def test_a_released_one_may_be_sent_again(ledger: Ledger, context: Context) -> None:
    rejected(ledger)
    answer = invoke({"action": "release", "communications": NAMED, "why": "address corrected", "by": ANN}, context)
    (told,) = answer["communications"]
    assert (told["state"], told["attempts"], answer["unchanged"]) == ("released", 0, [])
    assert told["history"][-1] | {"at": None} == {
        "at": None,
        "what": "released",
        "by": ANN,
        "detail": "address corrected",
    }
    assert ids(invoke({"action": "list"}, context)) == []
    assert isinstance(ledger.claim(EMAIL, "another execution", "run", clock.now()), Claim)


def test_a_discarded_one_is_never_sent_again(ledger: Ledger, context: Context) -> None:
    rejected(ledger)
    answer = invoke({"action": "discard", "communications": NAMED, "why": "customer left", "by": ANN}, context)
    (told,) = answer["communications"]
    assert (told["state"], told["history"][-1]["what"], told["history"][-1]["by"]) == ("discarded", "discarded", ANN)
    assert ids(invoke({"action": "list"}, context)) == []
    assert not isinstance(ledger.claim(EMAIL, "another execution", "run", clock.now(), force=True), Claim)


def test_what_a_list_gave_can_be_given_back_as_it_is(ledger: Ledger, context: Context) -> None:
    rejected(ledger)
    rejected(ledger, SMS)
    listed = invoke({"action": "list"}, context)["communications"]
    answer = invoke({"action": "release", "communications": listed, "why": "provider is back"}, context)
    assert sorted(ids(answer)) == ["123455", "7"]


def test_each_change_is_logged_with_who_and_why(
    ledger: Ledger, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    rejected(ledger)
    rejected(ledger, SMS)
    both = [*NAMED, {"primaryId": "7", "operation": "send.sms"}, {"primaryId": "8", "operation": "send.sms"}]
    invoke({"action": "release", "communications": both, "why": "provider is back", "by": ANN}, context)
    invoke({"action": "discard", "communications": NAMED, "why": "customer left"}, context)
    told = [line for line in logged() if line["message"] == "ledger changed"]
    assert [(line["action"], line["primaryId"], line["source"], line["by"], line["why"]) for line in told] == [
        ("release", "123455", "email", ANN, "provider is back"),
        ("release", "7", "sms", ANN, "provider is back"),
        ("discard", "123455", "email", "an operator", "customer left"),
    ]
    assert {line["operation"] for line in told} == {"send.email", "send.sms"}


def test_a_look_logs_no_change(ledger: Ledger, context: Context, logged: Callable[[], list[dict[str, Any]]]) -> None:
    rejected(ledger)
    invoke({"action": "list"}, context)
    invoke({"action": "show", "communications": NAMED}, context)
    assert not [line for line in logged() if line.get("message") == "ledger changed"]


@pytest.mark.parametrize("action", ["release", "discard"])
def test_what_is_being_sent_is_not_changed(ledger: Ledger, context: Context, time: Time, action: str) -> None:
    ledger.claim(EMAIL, "an execution", "run", clock.now())
    before = entry_of(ledger, EMAIL)
    assert invoke({"action": action, "communications": NAMED, "why": "why"}, context) == {
        "communications": [],
        "unchanged": [{"primaryId": "123455", "operation": "send.email", "state": "attempting"}],
    }
    assert entry_of(ledger, EMAIL) == before
    time.passes(A_LEASE)
    answer = invoke({"action": "discard", "communications": NAMED, "why": "why"}, context)
    assert ids(answer) == ["123455"]


def test_what_does_not_wait_for_a_person_is_not_released(ledger: Ledger, context: Context) -> None:
    concluded(ledger, EMAIL)
    answer = invoke({"action": "release", "communications": NAMED, "why": "why"}, context)
    assert [told["state"] for told in answer["unchanged"]] == ["requeued"]
    assert entry_of(ledger, EMAIL).state is State.REQUEUED


def test_one_that_cannot_be_changed_does_not_keep_back_the_others(ledger: Ledger, context: Context) -> None:
    rejected(ledger, SMS)
    both = [*NAMED, {"primaryId": "7", "operation": "send.sms"}]
    answer = invoke({"action": "release", "communications": both, "why": "why"}, context)
    assert (ids(answer), [told["primaryId"] for told in answer["unchanged"]]) == (["7"], ["123455"])


# Refusing


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.action: missing"),
        ([], "event: must be an object"),
        ({"action": "delete"}, "event.action: must be one of list, show, release, discard"),
        ({"action": "list", "older": 5}, "event.older: unknown; known are action, source, error, olderThanSeconds"),
        ({"action": "list", "limit": 0}, "event.limit: must be from 1 to 1000"),
        ({"action": "list", "limit": 1001}, "event.limit: must be from 1 to 1000"),
        ({"action": "list", "next": "page 2"}, "event.next: must be what the answer before gave as next"),
        ({"action": "show"}, "event.communications: missing; show needs at least one"),
        ({"action": "release", "communications": [], "why": "x"}, "event.communications: missing; release needs"),
        ({"action": "discard", "communications": ["1"], "why": "x"}, r"event.communications\[0\]: must be an object"),
        (
            {"action": "discard", "communications": [{"primaryId": "1"}], "why": "x"},
            r"event.communications\[0\].operation: missing",
        ),
        ({"action": "release", "communications": NAMED}, "event.why: missing; release needs a reason"),
        ({"action": "discard", "communications": NAMED, "why": "  "}, "event.why: missing; discard needs a reason"),
        ({"action": "discard", "communications": NAMED, "why": 5}, "event.why: must be a text"),
    ],
)
def test_an_order_that_is_wrong_changes_nothing(
    ledger: Ledger, front: TableFront, context: Context, event: Any, message: str
) -> None:
    rejected(ledger)
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not front.calls


def test_a_table_that_does_not_answer_is_told_as_such(ledger: Ledger, front: TableFront, context: Context) -> None:
    rejected(ledger)
    front.goes("throttled")
    with pytest.raises(LedgerUnavailable):
        invoke({"action": "release", "communications": NAMED, "why": "why"}, context)
    assert entry_of(ledger, EMAIL).state is State.MANUAL


def test_a_ledger_that_is_set_wrong_is_named_by_its_variable(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDRIVE_LEDGER", json.dumps({"table": "ledger", "max_attempts": "5"}))
    with pytest.raises(ConfigurationError, match=r"redrive_limit\.max_attempts: must be a whole number"):
        invoke({"action": "list"}, context)
    monkeypatch.delenv("REDRIVE_LEDGER")
    with pytest.raises(ConfigurationError, match="REDRIVE_LEDGER"):
        invoke({"action": "list"}, context)
