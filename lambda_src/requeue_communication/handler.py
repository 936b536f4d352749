"""Lambda ``requeue_communication``: one failed communication in, one outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.api import Api
from redrive.ledger import Ledger
from redrive.ledger_table import dynamodb
from redrive.models import Communication
from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.redriving import redrive
from redrive.secrets import Secrets
from redrive.settings import RequeueCommunicationSettings
from redrive.transport import requeue_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 5.0
"""Kept from the function's time: to conclude, and to answer in words instead of being cut off."""


@dataclass(frozen=True)
class Event:
    """An item of the state machine's Map."""

    run_id: str
    execution: str
    communication: Communication
    listed_at: float
    force: bool = False


@cache
def _settings() -> RequeueCommunicationSettings:
    return RequeueCommunicationSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, requeue_retry, Secrets())


@cache
def _ledger() -> Ledger:
    return Ledger(dynamodb(), _settings().ledger)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Requeue a communication, if the ledger allows it.

    Returns
    -------
    dict
        ``{"primaryId", "operation", "source", "outcome", "attempt", "httpStatus", "error"}``, where ``outcome`` is
        ``requeued``, ``skipped``, ``rejected`` or ``exhausted``.

    Raises
    ------
    ApiUnavailable, LedgerUnavailable
        Worth a retry; the state machine makes it, with the same idempotency key.
    CredentialsRefused
        Not worth one; the state machine stops the batch.
    ConfigurationError
        The event or a setting is wrong.
    """
    asked = parse(Event, event, "event")
    communication = asked.communication
    with observed(context, runId=asked.run_id, execution=asked.execution, **communication.to_json()) as logger:
        api = _api()
        api.deadline.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        api.milliseconds = 0.0
        measured: dict[str, float] = {}
        try:
            outcome = redrive(
                communication,
                asked.execution,
                asked.run_id,
                api,
                _ledger(),
                _settings().requeue,
                listed_at=asked.listed_at,
                force=asked.force,
            )
            measured[outcome.kind.title()] = 1
        finally:
            if api.milliseconds:  # else the API was not asked
                measured["ApiLatency"] = api.milliseconds
            if measured:
                publish(measured, source=communication.source)
        logger.info("communication done", extra={"outcome": outcome.kind, "httpStatus": outcome.http_status})
        return outcome.to_json()
