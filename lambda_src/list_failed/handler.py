"""Lambda ``list_failed``: list every failed communication, then start one execution for each batch of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.api import Api
from redrive.errors import ConfigurationError, RunIncomplete
from redrive.execution import batches, start_executions, step_functions
from redrive.listing import list_failed_communications
from redrive.models import operator_run_id, scheduled_run_id
from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.secrets import Secrets
from redrive.settings import ListSettings
from redrive.transport import Deadline, listing_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 5.0
SECONDS_PER_START = 0.1
"""What starting an execution takes at most in the long run: the quota refills 150 a second at least, and we are one."""

MAX_LOGGED = 1000
"""Executions named in a log line: CloudWatch Logs takes 256 KiB for one."""

MAX_MESSAGE = 4000
"""Characters of an error's message: it goes by EventBridge and SNS, and a person reads it."""


class Trigger(StrEnum):
    """Who starts a run."""

    SCHEDULE = "schedule"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Event:
    """What starts a run: the schedule with its time, or an operator with nothing at all."""

    trigger: Trigger = Trigger.OPERATOR
    scheduled_time: str | None = None

    def run_id(self, request_id: str) -> str:
        """Name the run."""
        if self.scheduled_time:
            return scheduled_run_id(self.scheduled_time)
        if self.trigger is Trigger.SCHEDULE:
            raise ConfigurationError("event.scheduledTime: missing; a firing delivered twice would be two runs")
        return operator_run_id(datetime.now(UTC), request_id)


@cache
def _settings() -> ListSettings:
    return ListSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, listing_retry, Secrets())


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run once; see README for the event and the answer.

    Raises
    ------
    RunIncomplete
        A source or a start failed; whatever could be started has been.
    ConfigurationError
        The event or a setting is wrong; nothing was started.
    """
    run_id = parse(Event, event, "event", only_known=True).run_id(context.aws_request_id)
    with observed(context, runId=run_id) as logger:
        settings, api = _settings(), _api()
        function = Deadline()
        function.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)

        def has_time(found: int) -> bool:
            """Tell whether a page can be read to its end, and then what was found be started."""
            api.deadline.set(function.remaining() - SECONDS_PER_START * found / settings.batch_size)
            return api.deadline.remaining() > api.try_seconds

        listing = list_failed_communications(settings.sources, api, settings.max_per_run, has_time)
        started = start_executions(
            step_functions(),
            settings.state_machine_arn,
            run_id,
            batches(listing.communications, settings.batch_size),
            has_time=lambda: function.remaining() > 0,
        )
        for source, listed in listing.listed.items():
            publish(source, {"Listed": listed, "ApiLatency": listing.latencies[source]})
        result = {
            "runId": run_id,
            "listed": len(listing.communications),
            "eligible": len(listing.communications),
            "skipped": {},
            "batches": len(started.executions),
            "executions": started.executions,
            "truncated": listing.truncated or started.truncated,
            "dryRun": False,
        }
        logger.info("run done", extra=result | {"executions": started.executions[:MAX_LOGGED]})
        if problems := listing.problems + started.problems:
            message = f"run {run_id}: started {len(started.executions)} batches. {'; '.join(problems)}"
            raise RunIncomplete(message[:MAX_MESSAGE])
        return result
