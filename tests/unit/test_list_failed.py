"""The function list_failed, from its event to the executions it starts."""

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
from redrive.errors import ConfigurationError, RunIncomplete
from redrive.execution import step_functions
from tests.unit.support import Context, ScriptedApi, as_json

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:communications-redrive-test-batch"
SCHEDULED = {"trigger": "schedule", "scheduledTime": "2026-11-24T02:15:00Z"}
SOURCES: dict[str, Any] = {
    "email": {"path": "/emails", "operation": "send.email", "filters": {"status": "failed"}},
    "sms": {"path": "/sms", "operation": "send.sms", "pagination": {"style": "page", "size": 10}},
}


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
def configure(client: SFNClient, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def new_sandbox(**changes: object) -> None:
        settings: dict[str, object] = {
            "api": {"base_url": api.url, "connect_timeout_seconds": 1, "read_timeout_seconds": 1},
            "sources": SOURCES,
            "batch_size": 20,
            "max_per_run": 10000,
        }
        for name, value in (settings | changes).items():
            monkeypatch.setenv(f"REDRIVE_{name.upper()}", json.dumps(value))
        monkeypatch.setenv("REDRIVE_STATE_MACHINE_ARN", MACHINE)
        for kept in (list_failed._settings, list_failed._api, step_functions):
            kept.cache_clear()

    new_sandbox()
    yield new_sandbox
    step_functions.cache_clear()


@pytest.fixture
def lists(configure: Callable[..., None], api: ScriptedApi) -> dict[str, list[int] | Response]:
    """What each path lists."""
    lists: dict[str, list[int] | Response] = {"/emails": [], "/sms": []}

    def answer(request: Request) -> Response:
        listed = lists[request.path]
        if isinstance(listed, Response):
            return listed
        size = int(request.args.get("limit", 10_000))
        start = (int(request.args.get("page", 1)) - 1) * size
        return as_json([{"id": id_} for id_ in listed[start : start + size]])

    api.answer = answer
    return lists


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(list_failed.handler(event, context)))  # type: ignore[arg-type]
    return answer


def inputs(client: SFNClient) -> list[dict[str, Any]]:
    executions = client.list_executions(stateMachineArn=MACHINE)["executions"]
    found = [json.loads(client.describe_execution(executionArn=e["executionArn"])["input"]) for e in executions]
    return sorted(found, key=lambda data: int(data["batch"]))


def test_47_failed_communications_are_three_executions(
    lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
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


def test_a_firing_delivered_twice_starts_nothing_twice(
    lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
    lists["/emails"] = list(range(25))
    assert invoke(SCHEDULED, context) == invoke(SCHEDULED, context)
    assert len(inputs(client)) == 2


def test_an_operators_run_needs_no_event(lists: dict[str, Any], client: SFNClient, context: Context) -> None:
    lists["/emails"] = [1]
    assert invoke({}, context)["runId"].endswith("Z-3f2a9c1d")
    assert len(inputs(client)) == 1


def test_nothing_failed_is_a_success_that_starts_nothing(
    lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
    assert invoke(SCHEDULED, context)["executions"] == []
    assert not inputs(client)


def test_a_source_that_fails_makes_the_run_red_after_the_others_were_started(
    lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
    lists |= {"/emails": Response("<h1>Oops</h1>", content_type="text/html"), "/sms": [7]}
    with pytest.raises(RunIncomplete, match=r"started 1 batches\. source email: .*not JSON"):
        invoke(SCHEDULED, context)
    assert [c["operation"] for c in inputs(client)[0]["communications"]] == ["send.sms"]


def test_batch_size_and_limit_are_the_modules(
    configure: Callable[..., None], lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
    configure(batch_size=2, max_per_run=5)
    lists["/emails"] = list(range(9))
    answer = invoke(SCHEDULED, context)
    assert [len(batch["communications"]) for batch in inputs(client)] == [2, 2, 1]
    assert answer["truncated"]


def test_with_little_time_left_it_ends_in_good_order(
    lists: dict[str, Any], client: SFNClient, context: Context, api: ScriptedApi
) -> None:
    lists |= {"/emails": [1, 2], "/sms": list(range(100))}
    answer_quickly = api.answer

    def answer(request: Request) -> Response:
        time.sleep(0.5)
        return answer_quickly(request)

    api.answer = answer
    context.seconds = 9  # five to end in, a try of two, and so time for two or three pages
    answered = invoke(SCHEDULED, context)
    assert answered["truncated"]
    assert 2 < answered["listed"] < 102
    assert sum(len(batch["communications"]) for batch in inputs(client)) == answered["listed"]


def test_a_source_that_hangs_leaves_time_to_start_what_the_others_listed(
    lists: dict[str, Any], client: SFNClient, context: Context, api: ScriptedApi
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


def test_a_function_too_short_to_read_a_page_says_so(
    lists: dict[str, Any], client: SFNClient, context: Context
) -> None:
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
        ([], "event: must be an object"),
    ],
)
def test_an_event_that_is_wrong_starts_nothing(
    lists: dict[str, Any], client: SFNClient, context: Context, event: Any, message: str
) -> None:
    lists["/emails"] = [1]
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not inputs(client)


def test_log_and_metrics_tell_the_run(
    lists: dict[str, Any], context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    lists |= {"/emails": [1, 2], "/sms": [7]}
    invoke(SCHEDULED, context)
    lines = logged()
    assert {line["source"]: line["Listed"] for line in lines if "_aws" in line} == {"email": [2.0], "sms": [1.0]}
    (done,) = [line for line in lines if line.get("message") == "run done"]
    assert done["runId"] == "20261124T021500Z"
    assert done["function_request_id"] == context.aws_request_id
