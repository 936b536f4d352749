"""Lambda ``list_failed``: list every failed communication, then start one execution for each batch of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.api import Api
from redrive.errors import RedriveError, RunIncomplete
from redrive.execution import Started, batches, start_executions, step_functions
from redrive.ledger import Ledger
from redrive.ledger_table import dynamodb
from redrive.listing import Listing
from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.run import Request, Run, judge_listing, settle_earlier
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


@cache
def _settings() -> ListSettings:
    return ListSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, listing_retry, Secrets())


@cache
def _ledger() -> Ledger:
    return Ledger(dynamodb(), _settings().ledger)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run once; see README for the event and the answer.

    Raises
    ------
    RunIncomplete
        A source or a start failed; whatever could be started has been.
    ConfigurationError
        The event or a setting is wrong; nothing was started.
    LedgerUnavailable
        Nothing was started.
    """
    request = parse(Request, event, "event", only_known=True)
    run_id = request.run_id(context.aws_request_id)
    with observed(context, runId=run_id) as logger:
        settings, api, ledger, run = _settings(), _api(), _ledger(), Run()
        function = Deadline()
        function.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)

        def can_read() -> bool:
            """Tell whether a page can be read to its end, and then what was found be started."""
            api.deadline.set(function.remaining() - SECONDS_PER_START * len(run.to_send) / settings.batch_size)
            return api.deadline.remaining() > api.try_seconds

        listed_at = clock.now()
        listing = Listing(request.chosen(settings.sources), api, can_read)
        judge_listing(listing, ledger, request, settings, run)
        problems: list[str] = []
        if request.is_full and not request.dry_run:
            with _told(problems, "earlier runs"):
                settle_earlier(listing, ledger, settings, listed_at, run, can_read)
        started = Started() if request.dry_run else _start(run_id, request, run, listed_at, function, problems)
        for source, listed in listing.listed.items():
            metrics = {"Listed": listed, "Delivered": run.delivered[source], "CameBack": run.came_back[source]}
            publish({**metrics, "ApiLatency": listing.latencies[source]}, source=source)
        result = {
            "runId": run_id,
            "listed": sum(listing.listed.values()),
            "eligible": len(run.to_send),
            "skipped": dict(run.skipped),
            "batches": len(started.executions),
            "executions": started.executions,
            "truncated": run.truncated or started.truncated,
            "dryRun": request.dry_run,
        }
        logger.info("run done", extra=result | {"executions": started.executions[:MAX_LOGGED]})
        problems = [*listing.problems, *started.problems, *problems]
        if request.dry_run:
            return result | {"problems": problems, "communications": [d.to_json() for d in run.decisions]}
        if problems:
            message = f"run {run_id}: started {len(started.executions)} batches. {'; '.join(problems)}"
            raise RunIncomplete(message[:MAX_MESSAGE])
        return result


def _start(
    run_id: str, request: Request, run: Run, listed_at: float, function: Deadline, problems: list[str]
) -> Started:
    """Start the batches; the first one's notification tells what became of earlier runs."""
    ledger, settings = _ledger(), _settings()
    news: dict[str, int] = {}
    with _told(problems, "earlier runs"):
        if delivered := run.delivered.total():
            ledger.add_news({"delivered": delivered})
        news = ledger.take_news() if run.to_send else {}
    # Not kept in the ledger: where nothing starts, they come back in the next run again.
    came_back = {"cameBack": run.came_back.total()} if run.came_back.total() else {}
    started = start_executions(
        step_functions(),
        settings.state_machine_arn,
        run_id,
        batches(run.to_send, settings.batch_size),
        has_time=lambda: function.remaining() > 0,
        listed_at=listed_at,
        force=request.force,
        earlier=news | came_back,
    )
    if news and not started.has_told:
        with _told(problems, "earlier runs"):
            ledger.add_news(news)
    return started


@contextmanager
def _told(problems: list[str], what: str) -> Iterator[None]:
    """Make a problem of an error: looking back must not keep anything from starting."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (see above)
        text = str(error) if isinstance(error, RedriveError) else f"unforeseen {type(error).__name__}"
        problems.append(f"{what}: {text}")
