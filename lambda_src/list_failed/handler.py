"""Lambda ``list_failed``: list every failed communication, deal them into batches, start their execution."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive import clock, gauges
from redrive.api import Api
from redrive.control import Controls, refuse_while_paused
from redrive.errors import RunInProgress
from redrive.gauges import Gauges
from redrive.ledger import Ledger
from redrive.lister import SECONDS_TO_END, Lister, answer, take_lock
from redrive.listing import Listing
from redrive.observability import observed
from redrive.run import Trigger, request_of
from redrive.runs import Runs
from redrive.secrets import Secrets
from redrive.settings import ListSettings, Mode
from redrive.table import Table, dynamodb
from redrive.transport import Deadline, listing_retry
from redrive.waiting import Waiting

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _settings() -> ListSettings:
    return ListSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, listing_retry, Secrets())


@cache
def _table() -> Table:
    return Table(dynamodb(), _settings().ledger.table)


@cache
def _runs() -> Runs:
    return Runs(_table(), _settings().ledger.retention_days)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run once; see README, "Run it", for the event and the answer.

    Raises
    ------
    RunInProgress
        An operator asked for a run while another one is on.
    ConfigurationError
        The event or a setting is wrong; nothing was started.
    LedgerUnavailable, ExecutionNotStarted
        Nothing was started.
    """
    request = request_of(event)
    if request.check:
        from redrive.check import check_now  # no run pays for it

        with observed(context):
            return check_now(request, context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
    run_id, request_id = request.run_id(context.aws_request_id), context.aws_request_id
    with observed(context, runId=run_id) as logger:
        function = Deadline()
        function.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        sources = request.chosen(_settings().sources)
        only_reports = request.trigger is Trigger.SCHEDULE and _settings().mode is Mode.REPORT
        needs_lock = request.needs_lock and not only_reports
        problems: list[str] = []
        waiting: Gauges = {}
        if not request.dry_run:
            waiting = gauges.of_waiting(Waiting(_table()).groups(), _settings().sources, clock.now())
        if needs_lock:
            try:
                if request.trigger is Trigger.SCHEDULE:
                    refuse_while_paused(Controls(_table()).read())
                until = clock.now() + function.remaining() + 2 * SECONDS_TO_END
                problems = take_lock(run_id, request_id, until, _runs(), _settings())
            except RunInProgress as error:
                if request.trigger is Trigger.OPERATOR:
                    raise
                gauges.publish_all(waiting, gauges.of_firing(is_skipped=True))
                logger.warning("run skipped", extra={"why": str(error)})
                return answer(run_id) | {"inProgress": str(error)}
        api, ledger = _api(), Ledger(_table(), _settings().ledger)
        listing = Listing(sources, api, lambda: run.can_read(api, function))
        known = (run_id, request_id, request, listing, ledger, _runs(), _settings(), problems)
        run = Lister(*known, only_reports=only_reports)
        try:
            result = run.to_the_start()
        finally:
            # A start whose answer was lost may have been one: then the lock ends by its time, or by the run's end.
            if needs_lock and not (run.execution or run.is_unconfirmed):
                _runs().unlock(run_id, request_id)
        if not request.dry_run:
            run.look_back(function)
        is_firing = request.trigger is Trigger.SCHEDULE
        run.measure(waiting, gauges.of_firing(is_skipped=False) if is_firing else {})
        logger.info("run started" if run.execution else "run done", extra=result | {"problems": run.problems})
        if only_reports:
            result["mode"] = Mode.REPORT
        if request.dry_run:
            shown = [decision.to_json() for decision in run.selection.decisions]
            return result | {"problems": run.problems, "communications": shown}
        return result
