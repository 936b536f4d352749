"""A run: list, judge by the ledger, start what may be sent, and see what became of earlier runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from redrive import clock
from redrive.errors import ConfigurationError
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry, Refusal, State, WaitingFor, judge
from redrive.listing import Listing
from redrive.models import Communication, operator_run_id, scheduled_run_id
from redrive.settings import ListSettings, Source

MAX_TOLD = 10_000
"""Communications in the answer of a dry run: Lambda gives back 6 MB at most."""


class Trigger(StrEnum):
    """Who starts a run."""

    SCHEDULE = "schedule"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Request:
    """What starts a run: the schedule with its time, or an operator who may narrow it.

    Attributes
    ----------
    sources
        Names of the sources to list; all where there are none.
    filters
        By source, query parameters over the configured ones.
    ids
        Send these alone, of what is listed.
    limit
        Send so many at most.
    dry_run
        Say what would be sent and why not, and start nothing.
    force
        With ``ids`` only: ignore the cooldown, never a live lease.
    """

    trigger: Trigger = Trigger.OPERATOR
    scheduled_time: str | None = None
    sources: tuple[str, ...] = ()
    filters: dict[str, dict[str, str | tuple[str, ...]]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    limit: int | None = None
    dry_run: bool = False
    force: bool = False

    def run_id(self, request_id: str) -> str:
        """Name the run."""
        if self.scheduled_time:
            return scheduled_run_id(self.scheduled_time)
        if self.trigger is Trigger.SCHEDULE:
            raise ConfigurationError("event.scheduledTime: missing; a firing delivered twice would be two runs")
        return operator_run_id(datetime.fromtimestamp(clock.now(), UTC), request_id)

    def chosen(self, configured: Mapping[str, Source]) -> dict[str, Source]:
        """Give the sources to list, with the event's filters over their own; raises ``ConfigurationError``."""
        if self.force and not self.ids:
            raise ConfigurationError("event.force: goes with event.ids only")
        if self.limit is not None and self.limit < 1:
            raise ConfigurationError("event.limit: must be at least 1")
        for where, names in (("sources", self.sources), ("filters", tuple(self.filters))):
            if unknown := sorted(set(names) - set(configured)):
                raise ConfigurationError(f"event.{where}: no source {unknown[0]!r}; there are {', '.join(configured)}")
        return {
            name: replace(source, filters=source.filters | self.filters.get(name, {}))
            for name, source in configured.items()
            if name in self.sources or not self.sources
        }

    def wanted(self) -> Callable[[Communication], bool]:
        """Give what tells whether a listed communication is asked for."""
        ids = set(self.ids)
        return lambda communication: not ids or communication.primary_id in ids

    @property
    def is_full(self) -> bool:
        """Whether it lists all that failed, so that what is missing in the list is no longer failed."""
        return not self.filters


class Decision(NamedTuple):
    """What is to happen with a listed communication, ``at`` this time; ``refusal`` says why it is not to be sent."""

    communication: Communication
    entry: Entry | None
    refusal: Refusal | None
    at: float

    @property
    def came_back(self) -> bool:
        """Whether it was requeued earlier, has had its time to go out, and failed again."""
        entry = self.entry
        return bool(entry and entry.state in (State.REQUEUED, State.DELIVERED) and entry.not_before <= self.at)

    @property
    def is_sent(self) -> bool:
        """Whether it goes into a batch: also with its attempts used up, for that is told once, by its batch."""
        return self.refusal is None or self.refusal is Refusal.EXHAUSTED

    def to_json(self) -> dict[str, Any]:
        """Give the form that a dry run shows."""
        would = "send" if self.refusal is None else "become manual" if self.is_sent else "skip"
        return {**self.communication.to_json(), "would": would, "why": self.refusal or self._why_sent()}

    def _why_sent(self) -> str:
        if self.entry is None:
            return "never sent before"
        return f"attempt {self.entry.concluded + 1}, last {self.entry.outcome or 'unfinished'}"


def decide(communication: Communication, entry: Entry | None, request: Request, max_attempts: int) -> Decision:
    """Judge a communication by what the ledger knows of it."""
    now = clock.now()
    return Decision(communication, entry, judge(entry, now, max_attempts, force=request.force), now)


@dataclass
class Run:
    """How a run went so far.

    Attributes
    ----------
    to_send
        What goes into batches.
    skipped
        Why how many do not.
    delivered, came_back
        By source: of what earlier runs requeued, what left the application's list, and what failed again.
    truncated
        Whether more was left for the next run.
    decisions
        The first ones, for a dry run.
    """

    to_send: list[Communication] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    came_back: Counter[str] = field(default_factory=Counter)
    truncated: bool = False
    decisions: list[Decision] = field(default_factory=list)

    def add(self, decision: Decision, request: Request) -> None:
        """Sort a communication by what is to happen with it."""
        if request.dry_run and len(self.decisions) < MAX_TOLD:
            self.decisions.append(decision)
        if decision.is_sent:
            self.to_send.append(decision.communication)
            if decision.entry and decision.came_back and not request.dry_run:
                self.came_back[decision.communication.source] += 1
        elif decision.refusal:
            self.skipped[decision.refusal] += 1


def judge_listing(listing: Listing, ledger: Ledger, request: Request, settings: ListSettings, run: Run) -> None:
    """List to the end, or to the limit, and sort what is listed by what is to happen with it."""
    limit = min(settings.max_per_run, request.limit or settings.max_per_run)
    is_wanted = request.wanted()
    wanted = filter(is_wanted, listing) if request.ids else listing
    to_send, at_once = run.to_send, 0 if request.dry_run else limit
    for communication, entry in ledger.read(wanted):
        if entry is None and len(to_send) < at_once:
            to_send.append(communication)  # as nearly all of them: the quickest way
            continue
        decision = decide(communication, entry, request, settings.ledger.max_attempts)
        if decision.is_sent and len(run.to_send) == limit:
            run.truncated = True
            break
        run.add(decision, request)
    for communication in filter(is_wanted, listing.too_young):
        run.add(Decision(communication, None, Refusal.TOO_YOUNG, clock.now()), request)
    run.truncated = run.truncated or listing.truncated
    if request.ids and listing.complete == listing.listed.keys():
        not_listed = set(request.ids).difference(*listing.seen.values())
        run.skipped.update({"not_listed": len(not_listed)} if not_listed else {})


def settle_earlier(
    listing: Listing, ledger: Ledger, settings: ListSettings, listed_at: float, run: Run, has_time: Callable[[], bool]
) -> None:
    """Write down what was delivered: requeued, cooled down, and no longer in any list that could hold it.

    That is known of an operation when every source that has it was read to its end.
    """
    unread = {source.operation for name, source in settings.sources.items() if name not in listing.complete}
    if not listing.complete:
        return
    start, until = None, listed_at - settings.ledger.cooldown_seconds
    with ThreadPoolExecutor(max_workers=8) as pool:
        while has_time():
            page = ledger.waiting(WaitingFor.DELIVERY, start, until=until)
            gone = [
                entry.communication
                for entry in page.entries
                if entry.not_before <= listed_at
                and entry.communication.operation not in unread
                and entry.communication.primary_id not in listing.seen.get(entry.communication.operation, ())
            ]
            delivered = pool.map(lambda communication: ledger.deliver(communication, listed_at), gone)
            run.delivered.update(c.source for c, done in zip(gone, delivered, strict=True) if done)
            start = page.next
            if not start:
                return
