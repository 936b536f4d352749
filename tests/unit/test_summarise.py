"""The function summarise: what the state machine goes on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from redrive.errors import ConfigurationError
from summarise import handler as summarise
from tests.unit.support import Context

ARN = "arn:aws:states:eu-west-1:123456789012:execution:communications-redrive-test-batch:20261124T021500Z-0123"


@pytest.fixture(autouse=True)
def configure(aws: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    def notify_on(results: list[str]) -> None:
        monkeypatch.setenv("REDRIVE_NOTIFY_ON", json.dumps(results))
        summarise._settings.cache_clear()

    monkeypatch.setenv("REDRIVE_NAME", "communications-redrive")
    monkeypatch.setenv("REDRIVE_STAGE", "test")
    notify_on(["failure", "success"])
    return notify_on


def event(*outcomes: str, **more: Any) -> dict[str, Any]:
    ids = [str(number) for number in range(len(outcomes) or 3)]
    communications = [{"primaryId": id_, "operation": "send.sms", "source": "sms"} for id_ in ids]
    batch: dict[str, Any] = {"schemaVersion": 1, "runId": "20261124T021500Z", "batch": 1}
    batch["communications"] = communications
    if outcomes:
        batch["outcomes"] = [
            {**communication, "outcome": outcome, "attempt": 1, "httpStatus": None, "error": None}
            for communication, outcome in zip(communications, outcomes, strict=True)
        ]
    return {"executionArn": ARN, "batch": batch | more}


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(summarise.handler(event, context)))  # type: ignore[arg-type]
    return answer


def test_a_good_batch_goes_on_with_its_counts(context: Context) -> None:
    answer = invoke(event("requeued", "skipped"), context)
    assert (answer["failed"], answer["notify"], answer["counts"]) == (0, True, {"requeued": 1, "skipped": 1})
    assert answer["subject"] == "1 of 2 communications requeued, 1 skipped - communications-redrive test"


def test_what_became_of_earlier_ones_comes_with_the_batch(context: Context) -> None:
    message = invoke(event("requeued", earlier={"delivered": 3, "cameBack": 1}), context)["message"]
    assert "Of those requeued earlier, 3 went out and 1 came back." in message
    message = invoke(event("requeued", earlier={"delivered": 3}), context)["message"]
    assert "3 went out and 0 came back" in message


def test_a_failed_batch_goes_on_with_a_cause_in_words(context: Context) -> None:
    answer = invoke(event("requeued", "rejected", "failed", "exhausted"), context)
    assert answer["failed"] == 3
    assert answer["cause"] == "3 of 4 communications not requeued; run 20261124T021500Z, batch 1"


def test_a_stopped_batch_failed_as_a_whole(context: Context) -> None:
    answer = invoke(event(stopped={"Error": "CredentialsRefused", "Cause": "{}"}), context)
    assert answer["failed"] == 3
    assert "batch stopped" in answer["cause"]
    assert "CredentialsRefused" not in answer["subject"]
    assert "refused the module's credentials" in answer["message"]


@pytest.mark.parametrize(
    ("on", "outcome", "notify"),
    [
        (["failure"], "requeued", False),
        (["failure"], "failed", True),
        (["success"], "requeued", True),
        (["success"], "failed", False),
        ([], "failed", False),
    ],
)
def test_only_what_is_wanted_is_notified(
    configure: Callable[[list[str]], None], context: Context, on: list[str], outcome: str, notify: bool
) -> None:
    configure(on)
    assert invoke(event(outcome), context)["notify"] is notify


def test_failures_are_counted_by_source(context: Context, logged: Callable[[], list[dict[str, Any]]]) -> None:
    invoke(event("failed", "failed", "rejected", "requeued"), context)
    (metrics,) = [line for line in logged() if "_aws" in line]
    assert (metrics["source"], metrics["Failed"]) == ("sms", [2.0])


def test_an_outcome_that_is_unknown_is_refused_and_named(context: Context) -> None:
    with pytest.raises(ConfigurationError, match=r"event\.batch\.outcomes\[0\]\.outcome: must be one of"):
        invoke(event("sent"), context)
