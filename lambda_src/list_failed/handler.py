"""Lambda ``list_failed``: list every failed communication, deal them into batches, start their execution."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from redrive import breaker, clock
from redrive.api import Api
from redrive.errors import RedriveError, RunInProgress, StartUnconfirmed
from redrive.execution import RUNNING, StateMachine, functions, step_functions
from redrive.ledger import Ledger
from redrive.listing import Listing
from redrive.mailing import EVERY_SOURCE
from redrive.observability import observed, publish
from redrive.ordering import deal
from redrive.parsing import parse
from redrive.run import RUNS_LOOKED_BACK, Request, Trigger, delivered_since, select
from redrive.runs import Batch, Runs
from redrive.secrets import Secrets
from redrive.settings import ListSettings
from redrive.table import Table, dynamodb
from redrive.transport import Deadline, listing_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 5.0
SECONDS_PER_BATCH = 0.004
"""What writing a batch down takes: 25 with each request."""


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
    request = parse(Request, event, "event", only_known=True)
    run_id, request_id = request.run_id(context.aws_request_id), context.aws_request_id
    with observed(context, runId=run_id) as logger:
        function = Deadline()
        function.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        sources = request.chosen(_settings().sources)
        if request.needs_lock:
            try:
                _take_lock(run_id, request_id, clock.now() + function.remaining() + 2 * SECONDS_TO_END)
            except RunInProgress as error:
                if request.trigger is Trigger.OPERATOR:
                    raise
                publish({"RunsSkipped": 1})
                logger.warning("run skipped", extra={"why": str(error)})
                return _answer(run_id) | {"inProgress": str(error)}
        run = Lister(run_id, request_id, request, Listing(sources, _api(), lambda: run.can_read(function)))
        try:
            result = run.to_the_start()
        finally:
            # A start whose answer was lost may have been one: then the lock ends by its time, or by the run's end.
            if request.needs_lock and not (run.execution or run.is_unconfirmed):
                _runs().unlock(run_id, request_id)
        if not request.dry_run:
            run.look_back(function)
        for source, listed in run.listing.listed.items():
            publish({"Listed": listed, "ApiLatency": run.listing.latencies[source]}, source=source)
        logger.info("run started" if run.execution else "run done", extra=result | {"problems": run.problems})
        if request.dry_run:
            shown = [decision.to_json() for decision in run.selection.decisions]
            return result | {"problems": run.problems, "communications": shown}
        return result


class Lister:
    """One run up to the start of its execution."""

    def __init__(self, run_id: str, request_id: str, request: Request, listing: Listing) -> None:
        self.run_id, self.request_id, self.request, self.listing = run_id, request_id, request, listing
        self.execution = ""
        self.is_unconfirmed = False
        self._problems: list[str] = []
        self._listed_at = clock.now()

    @property
    def problems(self) -> list[str]:
        """Give what went wrong, one text each."""
        return [*self.listing.problems, *self._problems]

    def can_read(self, function: Deadline) -> bool:
        """Tell whether a page can be read to its end, and then what was found be started."""
        api, kept = _api(), SECONDS_PER_BATCH * sum(self.listing.listed.values()) / _settings().batch_size
        api.deadline.set(function.remaining() - kept)
        return api.deadline.remaining() > api.try_seconds

    def to_the_start(self) -> dict[str, Any]:
        """List, choose, write down and start; a run that has nothing to send or to say starts nothing."""
        settings, runs = _settings(), _runs()
        ledger = Ledger(_table(), settings.ledger)
        self.selection = selection = select(self.listing, ledger, self.request, settings)
        batches = deal(selection.candidates.chosen(), settings.batch_size)
        sends = sum(map(len, batches))
        result = _answer(self.run_id) | {
            "listed": sum(self.listing.listed.values()),
            "eligible": sends,
            "skipped": dict(selection.skipped),
            "batches": len(batches),
            "truncated": self.listing.truncated or selection.candidates.found > sends,
            "dryRun": self.request.dry_run,
        }
        if self.request.dry_run or not (sends or selection.exhausted or self.problems or self._has_something_to_say()):
            return result
        exhausted = deal([selection.exhausted], settings.batch_size)
        last = self._last()
        record = {
            "trigger": self.request.trigger,
            "listedAt": self._listed_at,
            "listed": selection.considered,
            "skipped": result["skipped"],
            "left": selection.candidates.found - sends,
            "truncated": self.listing.truncated,
            "problems": [problem[:500] for problem in self.problems[:20]],
            "sources": sorted({each.source for batch in batches for each in batch}),
            "configured": sorted(settings.sources),
            "complete": sorted(self.listing.complete),
            "idle": self._idle(),
            "wasOpen": last.get("open", []),
            "wasHeld": last.get("held", {}),
            "sends": sends,
            "batches": len(batches),
            "exhaustedBatches": len(exhausted),
            "hasLock": self.request.needs_lock,
        }
        if not runs.begin(self.run_id, self.request_id, record):
            return result | {"eligible": 0, "batches": 0}
        numbered = enumerate([*batches, *exhausted], start=1)
        runs.write_batches(Batch(self.run_id, n, self.request_id, tuple(batch)) for n, batch in numbered)
        self._begin_breaker(batches, last)
        machine = StateMachine(step_functions(), settings.state_machine_arn)
        try:
            self.execution = machine.start(
                self.run_id, self.request_id, self._listed_at, len(batches), force=self.request.force
            )
        except StartUnconfirmed:
            self.is_unconfirmed = True
            raise
        with self._noted("the run's record"):
            runs.write(self.run_id, {"execution": self.execution})
            if self.request.needs_lock:
                runs.note_execution(self.run_id, self.request_id, self.execution)
        return result | {"execution": self.execution}

    def look_back(self, function: Deadline) -> None:
        """See, in the time that is left, what became of what earlier runs requeued; the next digest says it."""
        before = len(self._problems)
        with self._noted("earlier runs"):
            delivered: Counter[str] = Counter()
            if self.request.is_full:
                is_time = function.remaining
                delivered = delivered_since(
                    self.listing, _runs(), _settings(), self._listed_at, lambda: is_time() > SECONDS_TO_END
                )
            came_back = self.selection.came_back
            _runs().add_news({"delivered": delivered.total(), "cameBack": came_back.total()})
            for source in {*delivered, *came_back}:
                publish({"Delivered": delivered[source], "CameBack": came_back[source]}, source=source)
        if self.execution and len(self._problems) > before:
            with self._noted("the run's record"):
                _runs().write(self.run_id, {"problems": self.problems})

    def _has_something_to_say(self) -> bool:
        """Tell whether a digest is due with nothing to send: that bad news is over, or what was collected."""
        memory, _, _ = _runs().memory()
        is_over = memory.bad and memory.bad <= {*self._idle(), EVERY_SOURCE}
        return bool(is_over) or 0 < memory.due <= clock.now()

    def _idle(self) -> list[str]:
        """Name the sources that were read to their end, and of which nothing is left that could still go out."""
        selection = self.selection
        busy = selection.pending | selection.candidates.new.keys() | selection.candidates.tried.keys()
        return sorted(self.listing.complete - busy) if self.request.is_full else []

    @staticmethod
    def _last() -> dict[str, Any]:
        """Give the record of the last run that was alone, none where there is none."""
        earlier, _ = _runs().newest(RUNS_LOOKED_BACK)
        return next((record for record in earlier if "concludedAt" in record and record.get("hasLock")), {})

    def _begin_breaker(self, batches: list[list[Any]], last: dict[str, Any]) -> None:
        """Let sources that were open when the last run ended begin with one batch, and each other one with nothing."""
        threshold = _settings().breaker_turned_away
        first = {each.source: n for n, batch in reversed(list(enumerate(batches, 1))) for each in batch}
        was_open = first.keys() & last.get("open", ())
        numbers = dict.fromkeys(first, 0) | breaker.half_open(was_open, threshold)
        held = {source: until for source, until in last.get("held", {}).items() if source in first}
        _runs().begin_breaker(self.run_id, numbers, {source: first[source] for source in was_open}, held)

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Make a problem of an error: nothing may fail the lister once its execution was started."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (see above)
            text = str(error) if isinstance(error, RedriveError) else f"unforeseen {type(error).__name__}"
            self._problems.append(f"{what}: {text}")


def _take_lock(run_id: str, request_id: str, until: float) -> None:
    """Begin a run alone; raises ``RunInProgress`` where another one is on.

    One that has ended, of which no event has told ``conclude``, is concluded first.
    """
    runs, settings = _runs(), _settings()
    while True:
        lock = runs.take_lock(run_id, request_id, until)
        if lock is None:
            return
        status = StateMachine(step_functions(), settings.state_machine_arn).status(lock.run_id)
        if (status and status[0] == RUNNING) or (status is None and lock.until > clock.now()):
            raise RunInProgress(f"run {lock.run_id} is on; nothing was listed")
        if status:
            payload = json.dumps({"runId": lock.run_id, "status": status[0], "error": status[1]}).encode()
            answer = functions().invoke(FunctionName=settings.conclude_arn, Payload=payload)
            if error := answer.get("FunctionError"):
                raise RunInProgress(
                    f"run {lock.run_id} has ended, and could not be concluded ({error}); see conclude's log"
                )
        runs.unlock(lock.run_id, lock.request)


def _answer(run_id: str) -> dict[str, Any]:
    return {
        "runId": run_id,
        "listed": 0,
        "eligible": 0,
        "skipped": {},
        "batches": 0,
        "execution": None,
        "truncated": False,
        "dryRun": False,
    }
