"""Lambda ``ledger_admin``: what a person may do. See docs/operations.md for each call and its answer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.administration import Desk
from redrive.desk import Hours, set_up
from redrive.models import shown_id
from redrive.observability import observed
from redrive.orders import Call, order_of
from redrive.settings import DeskSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _hours() -> Hours:
    return Hours()


@cache
def _desk() -> Desk:
    return set_up(DeskSettings.from_environment(), _hours().has_time)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do what ``event.action`` says.

    Raises
    ------
    ConfigurationError
        The event is wrong, names the field; nothing was changed.
    LedgerUnavailable
        The table did not answer; the same call may be made again.
    """
    order = order_of(event)
    with observed(context, action=order.action) as logger:
        _hours().begin(context.get_remaining_time_in_millis() / 1000)
        answer = _desk().carry_out(order, context.aws_request_id)
        if order.action is Call.CARRY_OUT:
            logger.info("carried on", extra=answer)
        if order.action.changes:
            changed = [
                {"primaryId": shown_id(each["primaryId"]), "operation": each["operation"], "source": each["source"]}
                for each in answer.get("communications", ())
            ]
            logger.info("changed", extra={"by": order.by, "why": order.why, "changed": changed or answer})
        return answer
