"""Lambda ``batch``: say whether a batch of a run goes now, and write down what became of it."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from redrive.batches import Closed, Opened, close_batch, open_batch
from redrive.observability import observed
from redrive.parsing import parse
from redrive.runs import Runs
from redrive.settings import BatchSettings
from redrive.table import Table, dynamodb

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Action(StrEnum):
    """What is asked for."""

    OPEN = "open"
    CLOSE = "close"


class Event(NamedTuple):
    """What to do; the batch is the data of the state machine beside it."""

    action: Action


@cache
def _settings() -> BatchSettings:
    return BatchSettings.from_environment()


@cache
def _runs() -> Runs:
    ledger = _settings().ledger
    return Runs(Table(dynamodb(), ledger.table), ledger.retention_days)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Open or close a batch.

    Returns
    -------
    dict
        Opening: see :func:`redrive.batches.open_batch`. Closing: nothing, for what the children of a Distributed Map
        give back must fit into 256 KiB together.

    Raises
    ------
    BreakerOpen, RunStopped, DeadlineReached
        The run ends here.
    LedgerUnavailable
        Worth a retry.
    """
    if parse(Event, event, "event").action is Action.OPEN:
        asked = parse(Opened, event.get("batch"), "event.batch")
        with observed(context, runId=asked.run_id, batch=asked.batch) as logger:
            answer = open_batch(asked, _runs(), _settings().run)
            logger.info("batch opened", extra={"go": answer["go"], "sends": len(answer["communications"])})
            return answer
    closed = parse(Closed, event.get("batch"), "event.batch")
    with observed(context, runId=closed.run_id, batch=closed.batch) as logger:
        tally = close_batch(closed, _runs())
        logger.info("batch closed", extra={"first": tally is not None})
        return {}
