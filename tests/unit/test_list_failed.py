"""The function list_failed, from its event to the executions it starts and to what it learns of earlier ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from mypy_boto3_stepfunctions import SFNClient
from werkzeug.wrappers import Request, Response

from list_failed import handler as list_failed
from redrive import clock
from redrive.errors import ConfigurationError, LedgerUnavailable, RunIncomplete
from redrive.execution import step_functions
from redrive.ledger import Ledger
from redrive.ledger_rules import State
from redrive.ledger_table import dynamodb
from redrive.models import Communication, OutcomeKind
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
)

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:communications-redrive-test-batch"
SCHEDULED = {"trigger": "schedule", "scheduledTime": "2026-11-24T02:15:00Z"}
LATER = {"trigger": "schedule", "scheduledTime": "2026-11-24T03:15:00Z"}
LATER_RUN = "20261124T031500Z"
SOURCES: dict[str, Any] = {
    "email": {"path": "/emails", "operation": "send.email", "filters": {"status": "failed"}},
    "sms": {"path": "/sms", "operation": "send.sms", "pagination": {"style": "page", "size": 10}},
}


Lists = dict[str, Any]


@pytest.fixture
def client(aws: None) -> SFNClient:
    client = boto3.client("stepfunctions")
    client.create_state_machine(
        name="communications-redrive-test-batch",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/batch",
    )
    return client


@pytest.fixture
def configure(
    client: SFNClient, front: TableFront, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def new_sandbox(machine: str = MACHINE, **changes: object) -> None:
        settings: dict[str, object] = {
            "api": {"base_url": api.url, "connect_timeout_seconds": 1, "read_timeout_seconds": 1},
            "sources": SOURCES,
            "batch_size": 20,
            "max_per_run": 10000,
        }
        for name, value in (settings | changes).items():
            monkeypatch.setenv(f"REDRIVE_{name.upper()}", json.dumps(value))
        monkeypatch.setenv("REDRIVE_STATE_MACHINE_ARN", machine)
        for kept in (list_failed._settings, list_failed._api, list_failed._ledger, step_functions):
            kept.cache_clear()

    new_sandbox()
    yield new_sandbox
    step_functions.cache_clear()


@pytest.fixture
def lists(configure: Callable[..., None], api: ScriptedApi) -> Lists:
    """What each path lists: ids, whole items, or an answer that is no list."""
    lists: Lists = {"/emails": [], "/sms": []}

    def answer(request: Request) -> Response:
        listed = lists[request.path]
        if isinstance(listed, Response):
            return listed
        size = int(request.args.get("limit", 10_000))
        start = (int(request.args.get("page", 1)) - 1) * size
        return as_json([item if isinstance(item, dict) else {"id": item} for item in listed[start : start + size]])

    api.answer = answer
    return lists


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(list_failed.handler(event, context)))  # type: ignore[arg-type]
    return answer


def inputs(client: SFNClient, run_id: str | None = None) -> list[dict[str, Any]]:
    """What the executions were started with, of one run or of all."""
    executions = client.list_executions(stateMachineArn=MACHINE)["executions"]
    found = [json.loads(client.describe_execution(executionArn=e["executionArn"])["input"]) for e in executions]
    return sorted((data for data in found if run_id in (None, data["runId"])), key=lambda data: int(data["batch"]))


def sent(client: SFNClient, run_id: str | None = None) -> list[str]:
    """The ids that were put into batches."""
    return [c["primaryId"] for batch in inputs(client, run_id) for c in batch["communications"]]


def email(number: int) -> Communication:
    return Communication(str(number), "send.email", "email")


def sms(number: int) -> Communication:
    return Communication(str(number), "send.sms", "sms")


def metrics(lines: list[dict[str, Any]], name: str) -> dict[str, float]:
    """A metric's sum by source, where it is not nothing."""
    found = {line["source"]: sum(line[name]) for line in lines if name in line and "_aws" in line}
    return {source: value for source, value in found.items() if value}


def test_47_failed_communications_are_three_executions(lists: Lists, client: SFNClient, context: Context) -> None:
    lists |= {"/emails": list(range(27)), "/sms": list(range(20))}
    answer = invoke(SCHEDULED, context)
    batches = inputs(client)
    assert [len(batch["communications"]) for batch in batches] == [20, 20, 7]
    assert len({(c["operation"], c["primaryId"]) for batch in batches for c in batch["communications"]}) == 47
    assert {batch["runId"] for batch in batches} == {"20261124T021500Z"}
    assert answer | {"executions": len(answer["executions"])} == {
        "runId": "20261124T021500Z",
        "listed": 47,
        "eligible": 47,
        "skipped": {},
        "batches": 3,
        "executions": 3,
        "truncated": False,
        "dryRun": False,
    }


def test_a_firing_delivered_twice_starts_nothing_twice(lists: Lists, client: SFNClient, context: Context) -> None:
    lists["/emails"] = list(range(25))
    assert invoke(SCHEDULED, context) == invoke(SCHEDULED, context)
    assert len(inputs(client)) == 2


def test_an_operators_run_needs_no_event(lists: Lists, client: SFNClient, context: Context) -> None:
    lists["/emails"] = [1]
    assert invoke({}, context)["runId"].endswith("Z-3f2a9c1d")
    assert len(inputs(client)) == 1


def test_nothing_failed_is_a_success_that_starts_nothing(lists: Lists, client: SFNClient, context: Context) -> None:
    assert invoke(SCHEDULED, context)["executions"] == []
    assert not inputs(client)


def test_a_source_that_fails_makes_the_run_red_after_the_others_were_started(
    lists: Lists, client: SFNClient, context: Context
) -> None:
    lists |= {"/emails": Response("<h1>Oops</h1>", content_type="text/html"), "/sms": [7]}
    with pytest.raises(RunIncomplete, match=r"started 1 batches\. source email: .*not JSON"):
        invoke(SCHEDULED, context)
    assert [c["operation"] for c in inputs(client)[0]["communications"]] == ["send.sms"]


def test_batch_size_and_limit_are_the_modules(
    configure: Callable[..., None], lists: Lists, client: SFNClient, context: Context
) -> None:
    configure(batch_size=2, max_per_run=5)
    lists["/emails"] = list(range(9))
    answer = invoke(SCHEDULED, context)
    assert [len(batch["communications"]) for batch in inputs(client)] == [2, 2, 1]
    assert answer["truncated"]


def give_little_time(api: ScriptedApi, context: Context) -> None:
    """Leave time for two or three pages: five seconds are kept to end in, and a try may take two."""
    answer_quickly = api.answer

    def answer(request: Request) -> Response:
        time.sleep(0.5)
        return answer_quickly(request)

    api.answer = answer
    context.seconds = 9


def test_with_little_time_left_it_ends_in_good_order(
    lists: Lists, client: SFNClient, context: Context, api: ScriptedApi
) -> None:
    lists |= {"/emails": [1, 2], "/sms": list(range(100))}
    give_little_time(api, context)
    answered = invoke(SCHEDULED, context)
    assert answered["truncated"]
    assert 2 < answered["listed"] < 102
    assert sum(len(batch["communications"]) for batch in inputs(client)) == answered["listed"]


def test_a_source_that_hangs_leaves_time_to_start_what_the_others_listed(
    lists: Lists, client: SFNClient, context: Context, api: ScriptedApi
) -> None:
    lists["/emails"] = [1, 2]
    answer_quickly = api.answer

    def answer(request: Request) -> Response:
        if request.path == "/sms":
            time.sleep(3)
        return answer_quickly(request)

    api.answer = answer
    context.seconds = 9
    before = time.monotonic()
    with pytest.raises(RunIncomplete, match="source sms: GET /sms: no answer in time"):
        invoke(SCHEDULED, context)
    assert time.monotonic() - before < 5
    assert len(inputs(client)) == 1


def test_a_function_too_short_to_read_a_page_says_so(lists: Lists, client: SFNClient, context: Context) -> None:
    context.seconds = 6
    with pytest.raises(RunIncomplete, match=r"lambda\.timeout_seconds\.list_failed is too short"):
        invoke(SCHEDULED, context)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"trigger": "schedule"}, "event.scheduledTime: missing"),
        ({"trigger": "cron"}, "event.trigger: must be one of schedule, operator"),
        ({"trigger": "schedule", "scheduledTime": "now"}, "scheduledTime: must be a time"),
        ({"dry_run": True}, "event.dry_run: unknown"),
        ({"force": True}, "event.force: goes with event.ids only"),
        ({"limit": 0}, "event.limit: must be at least 1"),
        ({"limit": -1}, "event.limit: must be at least 1"),
        ({"limit": "5"}, "event.limit: must be a whole number"),
        ({"ids": [1]}, r"event.ids\[0\]: must be a text"),
        ({"sources": ["emial"]}, "event.sources: no source 'emial'; there are email, sms"),
        ({"filters": {"emial": {}}}, "event.filters: no source 'emial'; there are email, sms"),
        ({"filters": {"email": {"since": 5}}}, "event.filters.email.since: must be a text"),
        ([], "event: must be an object"),
    ],
)
def test_an_event_that_is_wrong_starts_nothing(
    lists: Lists, client: SFNClient, front: TableFront, context: Context, event: Any, message: str
) -> None:
    lists["/emails"] = [1]
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not inputs(client)
    assert not front.calls


def test_log_and_metrics_tell_the_run(
    lists: Lists, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    lists |= {"/emails": [1, 2], "/sms": [7]}
    invoke(SCHEDULED, context)
    lines = logged()
    assert {line["source"]: line["Listed"] for line in lines if "_aws" in line} == {"email": [2.0], "sms": [1.0]}
    (done,) = [line for line in lines if line.get("message") == "run done"]
    assert done["runId"] == "20261124T021500Z"
    assert done["function_request_id"] == context.aws_request_id


# What the ledger refuses


@pytest.fixture
def every_state(lists: Lists, ledger: Ledger, time: Time) -> None:
    """Emails in every state that a listed one can be in, and two that the ledger does not know."""
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, email(7))
        time.passes(LONGEST_COOLDOWN)
    concluded(ledger, email(2))
    concluded(ledger, email(3), OutcomeKind.SKIPPED)
    ledger.claim(email(4), "a crashed execution", "run", clock.now())
    time.passes(ONE_COOLDOWN)
    concluded(ledger, email(5))
    ledger.claim(email(6), "another execution", "run", clock.now())
    concluded(ledger, email(8), OutcomeKind.REJECTED)
    concluded(ledger, email(9))
    ledger.discard(email(9), "ann", "customer left")
    lists["/emails"] = list(range(11))


@pytest.mark.usefixtures("every_state")
def test_what_the_ledger_would_refuse_is_dropped_and_counted_by_reason(client: SFNClient, context: Context) -> None:
    answer = invoke(SCHEDULED, context)
    assert answer["skipped"] == {"cooling_down": 1, "leased": 1, "manual": 1, "discarded": 1}
    assert (answer["listed"], answer["eligible"]) == (11, 7)
    assert sent(client) == ["0", "1", "2", "3", "4", "7", "10"]


def test_when_nothing_is_left_nothing_is_started(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = [1, 2]
    concluded(ledger, email(1))
    concluded(ledger, email(2), OutcomeKind.REJECTED)
    answer = invoke(SCHEDULED, context)
    assert (answer["eligible"], answer["batches"], answer["executions"]) == (0, 0, [])
    assert not inputs(client)


def test_a_firing_delivered_again_when_its_executions_are_at_work_starts_nothing(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = [1, 2]
    invoke(SCHEDULED, context)
    concluded(ledger, email(1))
    ledger.claim(email(2), "execution", "run", clock.now())
    assert invoke(SCHEDULED, context)["skipped"] == {"cooling_down": 1, "leased": 1}
    assert len(inputs(client)) == 1


def test_what_is_manual_does_not_starve_the_rest(
    configure: Callable[..., None], lists: Lists, ledger: Ledger, client: SFNClient, context: Context
) -> None:
    configure(max_per_run=4)
    for number in range(10):
        concluded(ledger, email(number), OutcomeKind.REJECTED)
    lists["/emails"] = list(range(14))
    answer = invoke(SCHEDULED, context)
    assert sent(client) == ["10", "11", "12", "13"]
    assert (answer["skipped"], answer["truncated"]) == ({"manual": 10}, False)


def test_a_hundred_are_judged_with_one_read(
    lists: Lists, front: TableFront, client: SFNClient, context: Context
) -> None:
    lists |= {"/emails": list(range(150)), "/sms": list(range(100))}
    invoke(SCHEDULED, context)
    assert front.calls.count("BatchGetItem") == 3
    assert len(sent(client)) == 250


def test_without_the_ledger_nothing_is_started(
    lists: Lists, front: TableFront, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = [1]
    front.goes("throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(SCHEDULED, context)
    assert not inputs(client)


AGED = {"email": SOURCES["email"] | {"failed_at": "at", "min_age_seconds": 3600}}


def test_what_failed_too_recently_is_left_to_the_application_and_counted(
    configure: Callable[..., None], lists: Lists, client: SFNClient, context: Context, time: Time
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": 1, "at": clock.now()}, {"id": 2, "at": clock.now() - 3700}]
    answer = invoke(SCHEDULED, context)
    assert (answer["listed"], answer["skipped"]) == (2, {"too_young": 1})
    assert sent(client) == ["2"]
    time.passes(3700)
    invoke(LATER, context)
    assert sent(client, LATER_RUN) == ["1", "2"]


def test_items_without_a_usable_time_are_sent_and_make_the_run_red(
    configure: Callable[..., None], lists: Lists, client: SFNClient, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": 1}, {"id": 2, "at": "yesterday"}, {"id": 3, "at": 0}]
    with pytest.raises(RunIncomplete, match=r"started 1 batches\. source email: 2 items without a usable failed_at"):
        invoke(SCHEDULED, context)
    assert sent(client) == ["1", "2", "3"]


# What an operator may ask for


@pytest.mark.usefixtures("every_state")
def test_a_dry_run_tells_of_each_communication_what_would_happen_and_why(
    configure: Callable[..., None], lists: Lists, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": id_, "at": 0} for id_ in range(1, 10)] + [{"id": 10, "at": clock.now()}]
    answer = invoke({"dryRun": True}, context)
    assert answer["communications"][0] == email(1).to_json() | {"would": "send", "why": "never sent before"}
    assert {c["primaryId"]: (c["would"], c["why"]) for c in answer["communications"]} == {
        "1": ("send", "never sent before"),
        "2": ("send", "attempt 2, last requeued"),
        "3": ("send", "attempt 2, last skipped"),
        "4": ("send", "attempt 1, last unfinished"),
        "5": ("skip", "cooling_down"),
        "6": ("skip", "leased"),
        "7": ("become manual", "exhausted"),
        "8": ("skip", "manual"),
        "9": ("skip", "discarded"),
        "10": ("skip", "too_young"),
    }


@pytest.mark.usefixtures("every_state")
def test_a_dry_run_starts_nothing_and_writes_nothing(
    lists: Lists,
    ledger: Ledger,
    front: TableFront,
    client: SFNClient,
    context: Context,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    lists["/emails"] = [1, 3]
    ledger.add_news({"delivered": 1})
    before = [entry_of(ledger, email(number)) for number in range(2, 10)]
    answer = invoke({"dryRun": True}, context)
    assert (answer["dryRun"], answer["eligible"], answer["batches"], answer["executions"]) == (True, 2, 0, [])
    assert front.calls == ["BatchGetItem"]
    assert [entry_of(ledger, email(number)) for number in range(2, 10)] == before
    assert ledger.take_news() == {"delivered": 1}
    assert not inputs(client)
    lines = logged()
    assert metrics(lines, "Listed") == {"email": 2}
    assert metrics(lines, "CameBack") == {}


def test_a_run_that_is_not_dry_does_not_list_its_communications(lists: Lists, context: Context) -> None:
    lists["/emails"] = [1]
    assert "communications" not in invoke({"dryRun": False}, context)


@pytest.mark.parametrize(("limit", "told"), [(2, 2), (5, 3)])
def test_a_dry_run_tells_no_more_than_would_be_sent(lists: Lists, context: Context, limit: int, told: int) -> None:
    lists["/emails"] = [1, 2, 3]
    answer = invoke({"dryRun": True, "limit": limit}, context)
    assert [c["would"] for c in answer["communications"]] == ["send"] * told
    assert (answer["eligible"], answer["truncated"]) == (told, told < 3)


def test_a_dry_run_tells_what_went_wrong_beside_what_would_happen(lists: Lists, context: Context) -> None:
    lists |= {"/emails": Response("<h1>Oops</h1>", content_type="text/html"), "/sms": [7]}
    answer = invoke({"dryRun": True}, context)
    assert [told["primaryId"] for told in answer["communications"]] == ["7"]
    assert "source email: sources.email: HTTP 200, but the body is not JSON" in answer["problems"][0]


def test_only_the_sources_asked_for_are_listed(
    lists: Lists, api: ScriptedApi, client: SFNClient, context: Context
) -> None:
    lists |= {"/emails": [1], "/sms": [7]}
    assert invoke({"sources": ["sms"]}, context)["listed"] == 1
    assert sent(client) == ["7"]
    assert {request.path for request in api.requests} == {"/sms"}


def test_filters_go_over_the_configured_ones(lists: Lists, api: ScriptedApi, context: Context) -> None:
    invoke({"filters": {"email": {"since": "2026-11-23"}, "sms": {"page": "x"}}, "sources": ["email"]}, context)
    invoke({"filters": {"email": {"status": "dead"}}, "sources": ["email"]}, context)
    assert [request.args.to_dict() for request in api.requests] == [
        {"status": "failed", "since": "2026-11-23"},
        {"status": "dead"},
    ]


def test_of_what_is_listed_only_the_ids_asked_for_are_sent(
    lists: Lists, front: TableFront, client: SFNClient, context: Context
) -> None:
    lists |= {"/emails": list(range(150)), "/sms": [7]}
    answer = invoke({"ids": ["7", "149", "1000", "2000"]}, context)
    assert sorted((c["primaryId"], c["source"]) for c in inputs(client)[0]["communications"]) == [
        ("149", "email"),
        ("7", "email"),
        ("7", "sms"),
    ]
    assert (answer["listed"], answer["eligible"], answer["skipped"]) == (151, 3, {"not_listed": 2})
    assert front.calls.count("BatchGetItem") == 1


def test_an_id_that_was_not_reached_is_not_said_to_be_missing(lists: Lists, context: Context, api: ScriptedApi) -> None:
    lists |= {"/emails": [1], "/sms": list(range(10, 300))}
    answer = invoke({"ids": ["1", "11", "299"], "limit": 1}, context)
    assert (answer["truncated"], answer["skipped"]) == (True, {})
    give_little_time(api, context)
    answer = invoke({"ids": ["299"]}, context)
    assert (answer["truncated"], answer["skipped"]) == (True, {})


def test_of_the_ids_asked_for_those_too_young_are_counted_and_no_others(
    configure: Callable[..., None], lists: Lists, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": id_, "at": clock.now()} for id_ in range(5)]
    assert invoke({"ids": ["1", "3"]}, context)["skipped"] == {"too_young": 2}


def test_a_limit_is_for_what_is_sent_and_never_above_the_modules(
    configure: Callable[..., None], lists: Lists, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = list(range(9))
    answer = invoke({"limit": 3}, context)
    assert (answer["eligible"], answer["truncated"], sent(client)) == (3, True, ["0", "1", "2"])
    configure(max_per_run=2)
    assert invoke({"limit": 3}, context)["eligible"] == 2


def test_force_ignores_the_cooldown_of_the_ids_asked_for_and_nothing_else(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = [1, 2, 3, 4]
    concluded(ledger, email(1))
    concluded(ledger, email(2))
    ledger.claim(email(3), "another execution", "run", clock.now())
    concluded(ledger, email(4), OutcomeKind.REJECTED)
    answer = invoke({"ids": ["1", "3", "4"], "force": True}, context)
    assert answer["skipped"] == {"leased": 1, "manual": 1}
    (batch,) = inputs(client)
    assert (batch["force"], sent(client)) == (True, ["1"])


def test_a_run_without_force_says_so_to_its_batches(lists: Lists, client: SFNClient, context: Context) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert [batch["force"] for batch in inputs(client)] == [False]


# What became of earlier runs


def state(ledger: Ledger, communication: Communication) -> State:
    return entry_of(ledger, communication).state


@pytest.fixture
def requeued(ledger: Ledger, time: Time) -> None:
    """Two emails and an SMS whose cooldown is over, and an email that still cools down."""
    for communication in (email(1), email(2), sms(7)):
        concluded(ledger, communication)
    time.passes(ONE_COOLDOWN)
    concluded(ledger, email(3))


@pytest.mark.usefixtures("requeued")
def test_what_left_a_list_that_was_read_to_its_end_was_delivered(
    lists: Lists, ledger: Ledger, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert [state(ledger, c) for c in (email(1), email(2), email(3), sms(7))] == [
        State.REQUEUED,
        State.DELIVERED,
        State.REQUEUED,
        State.DELIVERED,
    ]
    lines = logged()
    assert metrics(lines, "Delivered") == {"email": 1, "sms": 1}
    assert metrics(lines, "CameBack") == {"email": 1}


@pytest.mark.usefixtures("requeued")
def test_what_was_delivered_is_counted_once(
    lists: Lists, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    invoke(SCHEDULED, context)
    logged()
    invoke(LATER, context)
    assert metrics(logged(), "Delivered") == {}


@pytest.mark.parametrize("event", [{}, {"sources": ["email"]}])
def test_an_operation_that_two_sources_have_is_settled_when_both_were_read(
    configure: Callable[..., None], lists: Lists, ledger: Ledger, time: Time, context: Context, event: dict[str, Any]
) -> None:
    configure(sources={"email": SOURCES["email"], "old": {"path": "/sms", "operation": "send.email"}})
    concluded(ledger, email(1))
    concluded(ledger, email(2))
    time.passes(ONE_COOLDOWN)
    lists["/sms"] = [1]  # it has moved to the other list
    invoke(event, context)
    assert state(ledger, email(1)) is State.REQUEUED
    assert state(ledger, email(2)) is (State.REQUEUED if event else State.DELIVERED)


def test_what_a_renamed_source_requeued_is_settled_as_well(
    configure: Callable[..., None], ledger: Ledger, time: Time, context: Context, lists: Lists
) -> None:
    concluded(ledger, Communication("1", "send.email", "mails"))
    time.passes(ONE_COOLDOWN)
    invoke(SCHEDULED, context)
    assert state(ledger, email(1)) is State.DELIVERED


def test_an_sms_is_delivered_though_an_email_of_the_same_id_is_still_listed(
    lists: Lists, ledger: Ledger, time: Time, context: Context
) -> None:
    concluded(ledger, email(7))
    concluded(ledger, sms(7))
    time.passes(ONE_COOLDOWN)
    lists["/emails"] = [7]
    invoke(SCHEDULED, context)
    assert (state(ledger, email(7)), state(ledger, sms(7))) == (State.REQUEUED, State.DELIVERED)


def test_what_was_requeued_under_an_operation_that_no_source_has_any_more_is_settled_as_well(
    ledger: Ledger, time: Time, context: Context, lists: Lists
) -> None:
    fax = Communication("1", "send.fax", "fax")
    concluded(ledger, fax)
    time.passes(ONE_COOLDOWN)
    invoke(SCHEDULED, context)
    assert state(ledger, fax) is State.DELIVERED


@pytest.mark.parametrize("operation", ["Query", "DeleteItem"])
def test_a_look_back_that_fails_keeps_nothing_from_starting(
    lists: Lists, client: SFNClient, context: Context, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    lists["/emails"] = [1]

    def refuse(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable(f"the ledger's table: no {operation}")

    monkeypatch.setattr(Ledger, {"Query": "waiting", "DeleteItem": "take_news"}[operation], refuse)
    with pytest.raises(RunIncomplete, match=f"started 1 batches. earlier runs: the ledger's table: no {operation}"):
        invoke(SCHEDULED, context)
    assert sent(client) == ["1"]


@pytest.mark.usefixtures("requeued")
@pytest.mark.parametrize("event", [{"ids": ["1"]}, {"limit": 5}, {}])
def test_a_narrowed_run_that_lists_all_settles_as_well(
    lists: Lists, ledger: Ledger, context: Context, event: dict[str, Any]
) -> None:
    lists["/emails"] = [1]
    invoke(event, context)
    assert state(ledger, email(2)) is State.DELIVERED


@pytest.mark.usefixtures("requeued")
@pytest.mark.parametrize(
    "event", [{"filters": {"email": {"since": "2026-11-23"}}}, {"filters": {"sms": {"x": "y"}}}, {"dryRun": True}]
)
def test_a_filtered_or_a_dry_run_settles_nothing(
    lists: Lists, ledger: Ledger, context: Context, event: dict[str, Any]
) -> None:
    invoke(event, context)
    assert {state(ledger, c) for c in (email(1), email(2), sms(7))} == {State.REQUEUED}


@pytest.mark.usefixtures("requeued")
def test_a_source_that_was_not_listed_settles_nothing(lists: Lists, ledger: Ledger, context: Context) -> None:
    invoke({"sources": ["email"]}, context)
    assert (state(ledger, email(2)), state(ledger, sms(7))) == (State.DELIVERED, State.REQUEUED)


@pytest.mark.usefixtures("requeued")
def test_a_source_that_failed_settles_nothing(lists: Lists, ledger: Ledger, context: Context) -> None:
    lists["/emails"] = Response("<h1>Oops</h1>", content_type="text/html")
    with pytest.raises(RunIncomplete):
        invoke(SCHEDULED, context)
    assert (state(ledger, email(2)), state(ledger, sms(7))) == (State.REQUEUED, State.DELIVERED)


@pytest.mark.usefixtures("requeued")
def test_a_list_that_was_cut_by_the_limit_settles_nothing(lists: Lists, ledger: Ledger, context: Context) -> None:
    lists["/emails"] = list(range(10, 250))
    assert invoke({"limit": 3}, context)["truncated"]
    assert state(ledger, email(2)) is State.REQUEUED


@pytest.mark.usefixtures("requeued")
def test_a_list_that_was_cut_for_want_of_time_settles_nothing(
    lists: Lists, ledger: Ledger, context: Context, api: ScriptedApi
) -> None:
    lists["/emails"], lists["/sms"] = [], list(range(10, 300))
    give_little_time(api, context)
    assert invoke(SCHEDULED, context)["truncated"]
    assert state(ledger, email(2)) is State.REQUEUED


def test_what_still_cools_down_costs_no_write(
    lists: Lists, ledger: Ledger, front: TableFront, context: Context
) -> None:
    concluded(ledger, email(1))
    invoke(SCHEDULED, context)
    assert front.calls == ["Query"]
    assert state(ledger, email(1)) is State.REQUEUED


def test_what_was_requeued_while_the_list_was_read_is_not_delivered(
    lists: Lists, ledger: Ledger, api: ScriptedApi, context: Context, time: Time
) -> None:
    concluded(ledger, email(1))
    time.passes(LEDGER.cooldown_seconds / 2)

    def answer(request: Request) -> Response:
        time.passes(ONE_COOLDOWN / 2)  # its cooldown ends in the meantime
        return as_json([])

    api.answer = answer
    invoke(SCHEDULED, context)
    assert state(ledger, email(1)) is State.REQUEUED


def test_what_is_listed_but_too_young_was_not_delivered(
    configure: Callable[..., None], lists: Lists, ledger: Ledger, context: Context, time: Time
) -> None:
    configure(sources=AGED)
    concluded(ledger, email(1))
    time.passes(ONE_COOLDOWN)
    lists["/emails"] = [{"id": 1, "at": clock.now()}]
    invoke(SCHEDULED, context)
    assert state(ledger, email(1)) is State.REQUEUED


def test_all_that_was_delivered_is_found_page_by_page(
    lists: Lists, ledger: Ledger, context: Context, time: Time
) -> None:
    for number in range(5):
        concluded(ledger, email(number))
    time.passes(ONE_COOLDOWN)
    dynamodb().meta.events.register("provide-client-params.dynamodb.Query", lambda params, **_: params | {"Limit": 2})
    invoke(SCHEDULED, context)
    assert {state(ledger, email(number)) for number in range(5)} == {State.DELIVERED}


def test_what_came_back_is_counted_and_told_with_the_first_batch(
    lists: Lists,
    ledger: Ledger,
    client: SFNClient,
    context: Context,
    time: Time,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    for number in range(22):
        concluded(ledger, email(number))
    time.passes(ONE_COOLDOWN)
    ledger.deliver(email(0), clock.now())
    lists["/emails"] = list(range(25))
    invoke(SCHEDULED, context)
    assert [batch.get("earlier") for batch in inputs(client)] == [{"cameBack": 22}, None]
    assert metrics(logged(), "CameBack") == {"email": 22}


def test_what_came_back_and_was_claimed_is_not_counted_again(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context, time: Time
) -> None:
    concluded(ledger, email(1))
    time.passes(ONE_COOLDOWN)
    ledger.claim(email(1), "an execution that meets an API that is down", "run", clock.now())
    time.passes(A_LEASE)
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert [batch.get("earlier") for batch in inputs(client)] == [None]


def test_what_has_used_up_its_attempts_came_back_too(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context, time: Time
) -> None:
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, email(1))
        time.passes(LONGEST_COOLDOWN)
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert [batch.get("earlier") for batch in inputs(client)] == [{"cameBack": 1}]


def test_what_is_forced_before_its_cooldown_is_over_has_not_come_back(
    lists: Lists, ledger: Ledger, client: SFNClient, context: Context
) -> None:
    concluded(ledger, email(1))
    lists["/emails"] = [1]
    invoke({"ids": ["1"], "force": True}, context)
    assert [batch.get("earlier") for batch in inputs(client)] == [None]


@pytest.mark.usefixtures("requeued")
def test_news_is_kept_until_a_run_starts_something_and_told_once(
    lists: Lists, client: SFNClient, context: Context
) -> None:
    invoke(SCHEDULED, context)
    assert not inputs(client)
    lists["/emails"] = list(range(10, 35))
    invoke(LATER, context)
    assert [batch.get("earlier") for batch in inputs(client, LATER_RUN)] == [{"delivered": 3}, None]
    invoke({"ids": ["10"]}, context)
    assert sum("earlier" in batch for batch in inputs(client)) == 1


@pytest.mark.usefixtures("requeued")
def test_news_of_a_run_that_could_start_nothing_is_told_by_the_next(
    configure: Callable[..., None], lists: Lists, client: SFNClient, context: Context
) -> None:
    lists["/emails"] = [1]
    configure(machine=MACHINE + "-gone")
    with pytest.raises(RunIncomplete, match="not started"):
        invoke(SCHEDULED, context)
    configure()
    invoke(LATER, context)
    assert [batch["earlier"] for batch in inputs(client)] == [{"delivered": 2, "cameBack": 1}]
