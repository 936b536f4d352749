"""Lambda ``console_view``: the widget of CloudWatch's dashboard that shows, and changes nothing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.console import DESCRIPTION, Console
from redrive.desk import look
from redrive.elements import warning
from redrive.errors import RedriveError
from redrive.html import capped
from redrive.looking import Look
from redrive.observability import observed
from redrive.settings import DeskSettings
from redrive.widget import visit_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _settings() -> DeskSettings:
    return DeskSettings.from_environment()


@cache
def _look() -> Look:
    return look(_settings())


def handler(event: dict[str, Any], context: LambdaContext) -> str | dict[str, str]:
    """Give the page that a visit asks for, as HTML; its documentation, as Markdown, where that is asked for."""
    visit = visit_of(event)
    if visit.is_described:
        return {"markdown": DESCRIPTION}
    with observed(context, page=visit.get("page") or "groups"):
        console = Console(_look(), _settings().own_arn)
        try:
            return str(console.page(visit))
        except RedriveError as error:
            return str(console.framed(warning(capped(error, 300))))
