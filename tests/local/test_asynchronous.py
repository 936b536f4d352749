"""An asynchronous invocation is tried as often as AWS would, and then recorded."""

from __future__ import annotations

import json
import queue
import time
from types import SimpleNamespace
from typing import Any

import pytest

from local.aws import asynchronous
from local.aws.errors import throttled
from local.aws.sandbox import Outcome

FAILURE = Outcome(b'{"errorType": "E", "errorMessage": "m"}', True, True, "id", [])
SUCCESS = Outcome(b"1", False, True, "id", [])
DESTINATION = "arn:aws:lambda:eu-west-1:123456789012:function:destination"
DESTINATIONS = {name: {"Destination": DESTINATION} for name in ("OnFailure", "OnSuccess")}


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "RETRY_AFTER_SECONDS", (0, 0))
    monkeypatch.setattr(asynchronous, "THROTTLED_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(asynchronous.permissions, "allowed", lambda _role, _action, _resource: True)


def record_of(outcomes: list[Any], **config: Any) -> dict[str, Any]:
    """Invoke a function that answers so, and give the record that its destination gets."""
    records: queue.Queue[dict[str, Any]] = queue.Queue()
    destination = SimpleNamespace(event_invoke_config=[])

    def invoke(function: Any, payload: bytes) -> Outcome:
        if function is destination:
            records.put(json.loads(payload))
            return SUCCESS
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    settings = SimpleNamespace(config={"DestinationConfig": DESTINATIONS, **config})
    function: Any = SimpleNamespace(
        event_invoke_config=[settings], function_arn="arn:f", version="$LATEST", role="arn:r"
    )
    functions: Any = SimpleNamespace(invoke=invoke, find=lambda *_: destination, is_deployed=lambda _: True)
    asynchronous.Asynchronous(functions).submit(function, b"{}")
    return records.get(timeout=60)


def test_the_events_of_a_deleted_function_are_gone() -> None:
    attempts: list[bytes] = []

    def invoke(function: Any, payload: bytes) -> Outcome:
        attempts.append(payload)
        return FAILURE

    function: Any = SimpleNamespace(event_invoke_config=[], function_arn="arn:f", version="$LATEST", role="arn:r")
    functions: Any = SimpleNamespace(invoke=invoke, is_deployed=lambda _: not attempts)
    asynchronous.Asynchronous(functions).submit(function, b"{}")
    time.sleep(0.3)
    assert attempts == [b"{}"]


@pytest.mark.parametrize(
    ("outcomes", "config", "condition", "attempts"),
    [
        ([FAILURE, FAILURE, FAILURE], {}, "RetriesExhausted", 3),
        ([FAILURE, SUCCESS], {}, "Success", 2),
        ([FAILURE], {"MaximumRetryAttempts": 0}, "RetriesExhausted", 1),
        ([throttled("limit"), SUCCESS], {"MaximumRetryAttempts": 0}, "Success", 1),
        ([throttled("limit")], {"MaximumEventAgeInSeconds": 0}, "EventAgeExceeded", 0),
    ],
    ids=["twice more", "until it succeeds", "once", "throttling is no attempt", "too old"],
)
def test_an_event_is_tried_as_often_as_it_is_configured(
    outcomes: list[Any], config: dict[str, Any], condition: str, attempts: int
) -> None:
    context = record_of([*outcomes], **config)["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == (condition, attempts)
