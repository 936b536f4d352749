"""The lister's part of a run: take the lock, list, write down, start the execution, and look back at earlier runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from redrive import breaker, clock, gauges
from redrive.api import Api
from redrive.errors import RedriveError, RunInProgress, StartUnconfirmed
from redrive.execution import StateMachine, Status, functions, step_functions
from redrive.gauges import Gauges, Measured
from redrive.ledger import Ledger
from redrive.listing import Listing
from redrive.mailing import EVERY_SOURCE
from redrive.models import Communication
from redrive.observability import publish
from redrive.ordering import deal
from redrive.run import RUNS_LOOKED_BACK, Request, Selection, delivered_since, select
from redrive.runs import Batch, Runs
from redrive.settings import ListSettings
from redrive.table import Item
from redrive.transport import Deadline

SECONDS_TO_END = 5.0
"""Kept from the function's time, to start what was found and to answer in words."""

LEFT_BEHIND_SECONDS = 86400.0
"""A run that could not be concluded for so long after its end does not keep others from beginning."""

SECONDS_PER_BATCH = 0.004
"""What writing a batch down takes: 25 with each request."""


class Lister:
    """One run up to the start of its execution."""

    def __init__(
        self,
        run_id: str,
        request_id: str,
        request: Request,
        listing: Listing,
        ledger: Ledger,
        runs: Runs,
        settings: ListSettings,
        problems: Iterable[str] = (),
        *,
        only_reports: bool = False,
    ) -> None:
        self.run_id, self.request_id, self.request, self.listing = run_id, request_id, request, listing
        self._ledger, self._runs, self._settings = ledger, runs, settings
        self._only_reports = only_reports
        self.execution = ""
        self.is_unconfirmed = False
        self._problems = list(problems)
        self._listed_at = clock.now()

    @cached_property
    def _earlier(self) -> list[Item]:
        """Give the records of earlier runs, the newest first, read once."""
        records, _ = self._runs.newest(RUNS_LOOKED_BACK)
        return records

    @property
    def problems(self) -> list[str]:
        """Give what went wrong, one text each."""
        return [*self.listing.problems, *self._problems]

    def can_read(self, api: Api, function: Deadline) -> bool:
        """Tell whether a page can be read to its end, and then what was found be started."""
        kept = SECONDS_PER_BATCH * sum(self.listing.listed.values()) / self._settings.batch_size
        api.deadline.set(function.remaining() - kept)
        return api.deadline.remaining() > api.try_seconds

    def to_the_start(self) -> dict[str, Any]:
        """List, choose, write down and start; a run that has nothing to send or to say starts nothing.

        One that only reports writes its report down instead.
        """
        settings, runs = self._settings, self._runs
        self.selection = selection = select(self.listing, self._ledger, self.request, settings)
        chosen = selection.candidates.chosen()
        batches = deal(chosen, settings.batch_size)
        sends = sum(map(len, batches))
        result = answer(self.run_id) | {
            "listed": sum(self.listing.listed.values()),
            "eligible": sends,
            "skipped": dict(selection.skipped),
            "batches": len(batches),
            "truncated": self.listing.truncated or selection.candidates.found > sends,
            "dryRun": self.request.dry_run,
        }
        if self.request.dry_run or not (sends or selection.exhausted or self.problems or self._has_something_to_say()):
            return result
        if self._only_reports:
            self._report(selection, chosen)
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
        if self._was_started() or not runs.begin(self.run_id, self.request_id, record):
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
        self._note_execution()
        return result | {"execution": self.execution}

    def _was_started(self) -> bool:
        """Tell whether an earlier delivery started the execution, also one that died before it could write so."""
        if not any(record["sk"] == self.run_id and record.get("batches") for record in self._earlier):
            return False
        machine = StateMachine(step_functions(), self._settings.state_machine_arn)
        status = machine.status(self.run_id)
        if status and status.is_running:
            self.execution = machine.execution(self.run_id)
            self._note_execution()  # it needs the lock until it ends
        return status is not None

    def _note_execution(self) -> None:
        with self._noted("the run's record"):
            self._runs.write(self.run_id, {"execution": self.execution})
            if self.request.needs_lock:
                self._runs.note_execution(self.run_id, self.request_id, self.execution)

    def _report(self, selection: Selection, chosen: list[list[Communication]]) -> None:
        """Write down what would be sent, and have it mailed."""
        from redrive import reporting  # no run that sends pays for it

        record = {
            "trigger": self.request.trigger,
            "listedAt": self._listed_at,
            "listed": selection.considered,
            "left": selection.candidates.found - sum(map(len, chosen)),
            "truncated": self.listing.truncated,
            "problems": [problem[:500] for problem in self.problems[:20]],
            "configured": sorted(self._settings.sources),
            "complete": sorted(self.listing.complete),
            "idle": self._idle(),
            "batches": 0,
            "hasLock": False,
            "report": reporting.of(selection, chosen),
        }
        if self._runs.begin(self.run_id, self.request_id, record):
            payload = json.dumps({"runId": self.run_id, "status": reporting.REPORT}).encode()
            functions().invoke(FunctionName=self._settings.conclude_arn, InvocationType="Event", Payload=payload)

    def look_back(self, function: Deadline) -> None:
        """See, in the time that is left, what became of what earlier runs requeued; the next digest says it."""
        before = len(self._problems)
        with self._noted("earlier runs"):
            delivered: Counter[str] = Counter()
            if self.request.is_full:
                is_time = function.remaining
                delivered = delivered_since(
                    self.listing,
                    self._earlier,
                    self._runs,
                    self._settings,
                    self._listed_at,
                    lambda: is_time() > SECONDS_TO_END,
                )
            # What a report finds the next one finds again: nothing was sent in between.
            came_back = Counter[str]() if self._only_reports else self.selection.came_back
            self._runs.add_news({"delivered": delivered.total(), "cameBack": came_back.total()})
            for source in {*delivered, *came_back}:
                publish({"Delivered": delivered[source], "CameBack": came_back[source]}, source=source)
        if self.execution and len(self._problems) > before:
            with self._noted("the run's record"):
                self._runs.write(self.run_id, {"problems": self.problems})

    def measure(self, *others: Gauges) -> None:
        """Publish how it stands, with what others have found."""
        listing = self.listing
        listed: Measured = {
            source: {"Listed": count, "ApiLatency": listing.latencies[source]}
            for source, count in listing.listed.items()
        }
        found: list[Gauges] = list(others)
        if self.request.is_whole:
            found.append(gauges.of_failed(listing, self.selection, self._listed_at))
            with self._noted("the breaker"):
                if not self.execution:  # else conclude says it, when it knows
                    still_open = set(self._last().get("open", ())).difference(self._idle())
                    found.append(gauges.of_breaker(self._settings.sources, still_open))
        gauges.publish_all(listed, *found)

    def _has_something_to_say(self) -> bool:
        """Tell whether a digest is due with nothing to send: that bad news is over, or what was collected."""
        memory, _, _ = self._runs.memory()
        is_over = memory.may_be_over(clock.now()) and memory.bad <= {*self._idle(), EVERY_SOURCE}
        return is_over or 0 < memory.due <= clock.now()

    def _idle(self) -> list[str]:
        """Name the sources that were read to their end, and of which nothing is left that could still go out."""
        selection = self.selection
        busy = selection.pending | selection.candidates.new.keys() | selection.candidates.tried.keys()
        return sorted(self.listing.complete - busy) if self.request.is_full else []

    def _last(self) -> dict[str, Any]:
        """Give the record of the last run that was alone, none where there is none."""
        return next((record for record in self._earlier if "concludedAt" in record and record.get("hasLock")), {})

    def _begin_breaker(self, batches: list[list[Any]], last: dict[str, Any]) -> None:
        """Let sources that were open when the last run ended begin with one batch, and each other one with nothing."""
        threshold = self._settings.breaker_turned_away
        first = {each.source: n for n, batch in reversed(list(enumerate(batches, 1))) for each in batch}
        was_open = first.keys() & last.get("open", ())
        numbers = dict.fromkeys(first, 0) | breaker.half_open(was_open, threshold)
        held = {source: until for source, until in last.get("held", {}).items() if source in first}
        self._runs.begin_breaker(self.run_id, numbers, {source: first[source] for source in was_open}, held)

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Make a problem of an error: nothing may fail the lister once its execution was started."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (see above)
            text = str(error) if isinstance(error, RedriveError) else f"unforeseen {type(error).__name__}"
            self._problems.append(f"{what}: {text}")


def take_lock(run_id: str, request_id: str, until: float, runs: Runs, settings: ListSettings) -> list[str]:
    """Begin a run alone; raises ``RunInProgress`` where another one is on.

    One that has ended, of which no event has told ``conclude``, is concluded first. One that cannot be concluded for a
    day is left behind, or nothing would ever be sent again: what was turned away in it is as open as it was. Gives a
    text for each such.
    """
    left_behind: list[str] = []
    while True:
        lock = runs.take_lock(run_id, request_id, until)
        if lock is None:
            return left_behind
        status = StateMachine(step_functions(), settings.state_machine_arn).status(lock.run_id)
        if status.is_running if status else lock.until > clock.now():
            raise RunInProgress(f"run {lock.run_id} is on; nothing was listed")
        if status and (error := _conclude(lock.run_id, status, settings)):
            problem = f"run {lock.run_id} has ended, and could not be concluded ({error}); see conclude's log"
            if clock.now() < status.ended + LEFT_BEHIND_SECONDS:
                raise RunInProgress(problem)
            left_behind.append(f"{problem}; it is left behind, without digest and verdicts")
        runs.unlock(lock.run_id, lock.request)


def _conclude(run_id: str, status: Status, settings: ListSettings) -> str | None:
    payload = json.dumps({"runId": run_id, "status": status.status, "error": status.error}).encode()
    return functions().invoke(FunctionName=settings.conclude_arn, Payload=payload).get("FunctionError")


def answer(run_id: str) -> dict[str, Any]:
    """Give what the lister answers of a run that has listed nothing."""
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
