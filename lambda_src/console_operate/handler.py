"""Lambda ``console_operate``: the widget of operators. It does only what one of its buttons was pressed for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.administration import Desk
from redrive.console import DESCRIPTION
from redrive.desk import Hours, set_up
from redrive.models import shown_id
from redrive.observability import observed
from redrive.operating import Operating
from redrive.orders import Call, Order
from redrive.settings import DeskSettings
from redrive.widget import visit_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _hours() -> Hours:
    return Hours()


@cache
def _settings() -> DeskSettings:
    return DeskSettings.from_environment()


@cache
def _desk() -> Desk:
    return set_up(_settings(), _hours().has_time)


def handler(event: dict[str, Any], context: LambdaContext) -> str | dict[str, Any]:
    """Do what an operator's button says, and give the page that follows, as HTML; or carry on what was confirmed."""
    visit = visit_of(event)
    if visit.is_described:
        return {"markdown": DESCRIPTION}
    with observed(context, page=visit.get("page"), do=visit.get("do")) as logger:
        _hours().begin(context.get_remaining_time_in_millis() / 1000)
        if event.get("action") == Call.CARRY_OUT and "widgetContext" not in event:
            order = Order(Call.CARRY_OUT, action_id=str(event.get("actionId")))
            return _desk().carry_out(order, context.aws_request_id)
        page = Operating(_desk(), _settings().own_arn, context.aws_request_id).page(visit)
        if visit.get("do"):
            said = {name: visit.get(name) for name in ("by", "why", "action", "run")}
            logger.info("operated", extra=said | {"id": shown_id(str(visit.get("id") or "")) or None})
        return str(page)
