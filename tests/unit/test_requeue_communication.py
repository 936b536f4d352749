"""The function requeue_communication, from an item of the Map to its outcome."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Response

from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused
from requeue_communication import handler as requeue_communication
from tests.unit.support import Context, ScriptedApi, as_json

ITEM = {
    "runId": "20261124T021500Z",
    "execution": "20261124T021500Z-0123456789abcdef",
    "communication": {"primaryId": "123455", "operation": "send.email", "source": "email"},
}


@pytest.fixture(autouse=True)
def _sandbox(aws: None, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDRIVE_API", json.dumps({"base_url": api.url, "read_timeout_seconds": 1}))
    monkeypatch.setenv("REDRIVE_REQUEUE", json.dumps({"path": "/requeue", "created_by": "redrive"}))
    requeue_communication._settings.cache_clear()
    requeue_communication._api.cache_clear()


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(requeue_communication.handler(event, context)))  # type: ignore[arg-type]
    return answer


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
        **ITEM["communication"],  # type: ignore[dict-item]
        "outcome": outcome,
        "attempt": "20261124T021500Z",
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


def test_refused_credentials_are_raised_for_the_state_machine(api: ScriptedApi, context: Context) -> None:
    api.answers(as_json({}, status=403))
    with pytest.raises(CredentialsRefused):
        invoke(ITEM, context)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.runId: missing"),
        (ITEM | {"communication": {"primaryId": 5}}, "event.communication.primaryId: must be a text"),
        (ITEM | {"runId": "yesterday"}, "runId: must begin with a time"),
    ],
)
def test_an_event_that_is_wrong_sends_nothing(
    api: ScriptedApi, context: Context, event: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not api.requests
