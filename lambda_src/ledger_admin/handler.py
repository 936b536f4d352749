"""Lambda ``ledger_admin``: list what waits for a person, show one with its history, release it or discard it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.administration import Action, Order, carry_out
from redrive.ledger import Ledger
from redrive.ledger_table import dynamodb
from redrive.observability import observed
from redrive.parsing import parse
from redrive.settings import ledger_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _ledger() -> Ledger:
    return Ledger(dynamodb(), ledger_settings())


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do what ``event.action`` says; see README for each call and its answer.

    Raises
    ------
    ConfigurationError
        The event is wrong, names the field; nothing was changed.
    LedgerUnavailable
        The table did not answer; the same call may be made again.
    """
    order = parse(Order, event, "event", only_known=True)
    with observed(context, action=order.action) as logger:
        answer = carry_out(order, _ledger())
        if order.action in (Action.RELEASE, Action.DISCARD):
            for changed in answer["communications"]:
                ids = {name: changed[name] for name in ("primaryId", "operation", "source")}
                logger.info("ledger changed", extra={**ids, "by": order.by, "why": order.why})
        return answer
