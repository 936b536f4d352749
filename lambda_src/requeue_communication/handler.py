"""Lambda ``requeue_communication``: one failed communication in, one outcome out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.api import Api
from redrive.control import Pace
from redrive.ledger import Ledger
from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.redriving import Errand, Redriving
from redrive.runs import Runs
from redrive.secrets import Secrets
from redrive.settings import RequeueCommunicationSettings
from redrive.table import Table, dynamodb
from redrive.transport import no_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 5.0
"""Kept from the function's time: to write down what came of it, and to answer in words instead of being cut off."""


@cache
def _settings() -> RequeueCommunicationSettings:
    return RequeueCommunicationSettings.from_environment()


@cache
def _redriving() -> Redriving:
    settings = _settings()
    table = Table(dynamodb(), settings.ledger.table)
    api = Api(settings.api, no_retry, Secrets())
    return Redriving(
        api=api,
        ledger=Ledger(table, settings.ledger),
        runs=Runs(table, settings.ledger.retention_days),
        pace=Pace(table, settings.run.max_requests_per_second),
        requeue=settings.requeue,
        run=settings.run,
        remaining=api.deadline.remaining,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Requeue a communication, if the ledger allows it.

    Returns
    -------
    dict
        ``{"primaryId", "operation", "source", "outcome", "attempt", "httpStatus", "error"}``, where ``outcome`` is
        ``requeued``, ``skipped``, ``refused`` or ``failed``, and ``attempt`` is null where the API was not asked.

    Raises
    ------
    ApiUnavailable, LedgerUnavailable
        Worth a retry; the state machine makes it, with the same idempotency key.
    RateLimited
        Not its turn yet; worth a retry that does not count as one.
    CredentialsRefused, ConfigurationError
        Not worth one: every communication would meet the same; the state machine ends the batch.
    """
    errand = parse(Errand, event, "event")
    communication = errand.communication
    with observed(context, runId=errand.run_id, batch=errand.batch, **communication.to_json()) as logger:
        redriving = _redriving()
        redriving.api.deadline.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        redriving.api.milliseconds = 0.0
        measured: dict[str, float] = {}
        try:
            outcome = redriving.redrive(errand)
            measured[outcome.kind.title()] = 1
        finally:
            if redriving.api.milliseconds:  # else the API was not asked
                measured["ApiLatency"] = redriving.api.milliseconds
            if measured:
                publish(measured, source=communication.source)
        logger.info("communication done", extra={"outcome": outcome.kind, "httpStatus": outcome.http_status})
        return outcome.to_json()
