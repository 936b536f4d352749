"""Lambda ``ledger_admin``: what a person may do. See docs/operations.md for each call and its answer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.administration import Desk, Order
from redrive.control import Controls
from redrive.ledger import Ledger
from redrive.observability import observed
from redrive.parsing import parse
from redrive.runs import Runs
from redrive.settings import ledger_settings
from redrive.table import Table, dynamodb
from redrive.transport import Deadline
from redrive.waiting import Waiting

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 10.0
"""Kept from the function's time: a page of what waits is changed in less."""


@cache
def _deadline() -> Deadline:
    return Deadline()


@cache
def _desk() -> Desk:
    settings = ledger_settings()
    table = Table(dynamodb(), settings.table)
    return Desk(
        ledger=Ledger(table, settings),
        waiting=Waiting(table),
        runs=Runs(table, settings.retention_days),
        controls=Controls(table),
        has_time=lambda: _deadline().remaining() > 0,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do what ``event.action`` says.

    Raises
    ------
    ConfigurationError
        The event is wrong, names the field; nothing was changed.
    LedgerUnavailable
        The table did not answer; the same call may be made again.
    """
    order = parse(Order, event, "event", only_known=True)
    with observed(context, action=order.action) as logger:
        _deadline().set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        answer = _desk().carry_out(order)
        if order.action.changes and not order.dry_run:
            changed = [
                {key: each[key] for key in ("primaryId", "operation", "source")}
                for each in answer.get("communications", ())
            ]
            logger.info("changed", extra={"by": order.by, "why": order.why, "changed": changed or answer})
        return answer
