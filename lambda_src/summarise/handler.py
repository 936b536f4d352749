"""Lambda ``summarise``: count a batch's outcomes, word the notification, and say which way the state machine goes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.settings import NotifyOn, SummariseSettings
from redrive.summary import Batch, counts, failed, failed_by_source, headline, notification

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True)
class Event:
    """The execution and its data at the end of the Map."""

    execution_arn: str
    batch: Batch


@cache
def _settings() -> SummariseSettings:
    return SummariseSettings.from_environment()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Summarise a batch.

    Returns
    -------
    dict
        ``{"subject", "message"}`` of the notification, ``failed`` (how many did not go out), ``notify`` (whether it
        is wanted), ``cause`` (a sentence for the execution's failure) and ``counts`` by outcome.

    Raises
    ------
    ConfigurationError
        The event is not what the state machine collects, or a setting is wrong.
    """
    asked = parse(Event, event, "event")
    batch, settings = asked.batch, _settings()
    with observed(context, runId=batch.run_id, batch=batch.batch, execution=asked.execution_arn) as logger:
        mail = notification(batch, settings.name, settings.stage, asked.execution_arn)
        for source, count in failed_by_source(batch).items():
            publish({"Failed": count}, source=source)
        result = {
            "counts": {kind.value: count for kind, count in counts(batch).items()},
            "failed": failed(batch),
            "notify": (NotifyOn.FAILURE if failed(batch) else NotifyOn.SUCCESS) in settings.notify_on,
            "cause": f"{headline(batch)}; run {batch.run_id}, batch {batch.batch}",
        }
        logger.info("batch done", extra=result)
        return {**result, "subject": mail.subject, "message": mail.message}
