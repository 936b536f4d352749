"""A run as its lister makes it: list, judge by the ledger, choose what is sent, and see what became of earlier runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from redrive import clock
from redrive.errors import ConfigurationError
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry, Refusal, State, judge
from redrive.listing import Listing
from redrive.models import Communication, OutcomeKind, operator_run_id, scheduled_run_id
from redrive.ordering import Candidates, Rank
from redrive.parsing import EMPTY, camel_case, parse
from redrive.runs import NOT_LISTED, PENDING, Runs
from redrive.settings import ListSettings, Source
from redrive.table import Item

MAX_SHOWN = 10_000
"""Communications in the answer of a dry run: Lambda gives back 6 MB at most."""

MAX_IDS = 100
"""Communications that an operator may name: as many as may go beside another run."""

RUNS_LOOKED_BACK = 100
"""Earlier runs that are looked at: for their deliveries, and for what was wrong when the last one ended."""


class Trigger(StrEnum):
    """Who starts a run."""

    SCHEDULE = "schedule"
    OPERATOR = "operator"


class Request(NamedTuple):
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
    check
        Try the settings of the sources, and send nothing.
    """

    trigger: Trigger = Trigger.OPERATOR
    scheduled_time: str | None = None
    sources: tuple[str, ...] = ()
    filters: Mapping[str, Mapping[str, str | tuple[str, ...]]] = MappingProxyType({})
    ids: tuple[str, ...] = ()
    limit: int | None = None
    dry_run: bool = False
    force: bool = False
    check: bool = False

    def run_id(self, request_id: str) -> str:
        """Name the run."""
        if self.scheduled_time and self.trigger is not Trigger.SCHEDULE:
            raise ConfigurationError("event.scheduledTime: goes with the schedule's own events only")
        if self.scheduled_time:
            return scheduled_run_id(self.scheduled_time, clock.now())
        if self.trigger is Trigger.SCHEDULE:
            raise ConfigurationError("event.scheduledTime: missing; a firing delivered twice would be two runs")
        return operator_run_id(datetime.fromtimestamp(clock.now(), UTC), request_id)

    def chosen(self, configured: Mapping[str, Source]) -> dict[str, Source]:
        """Give the sources to list, with the event's filters over their own; raises ``ConfigurationError``."""
        if self.check:
            given = [name for name, default in self._field_defaults.items() if getattr(self, name) != default]
            if others := [name for name in given if name not in ("check", "sources", "filters")]:
                raise ConfigurationError(
                    f"event.{camel_case(others[0])}: does not go with event.check; sources and filters do"
                )
        if self.force and not self.ids:
            raise ConfigurationError("event.force: goes with event.ids only")
        if len(self.ids) > MAX_IDS:
            raise ConfigurationError(f"event.ids: at most {MAX_IDS}; there are {len(self.ids)}")
        if self.limit is not None and self.limit < 1:
            raise ConfigurationError("event.limit: must be at least 1")
        for where, names in (("sources", self.sources), ("filters", tuple(self.filters))):
            if unknown := sorted(set(names) - set(configured)):
                there_are = ", ".join(configured)
                raise ConfigurationError(f"event.{where}: no enabled source {unknown[0]!r}; there are {there_are}")
        if self.sources and self.filters and not self.filters.keys() & set(self.sources):
            raise ConfigurationError("event.filters: of no source in event.sources, so they would narrow nothing")
        if empty := [name for name, filters in self.filters.items() if not filters]:
            raise ConfigurationError(f"event.filters.{empty[0]}: {EMPTY}")
        chosen = {name: source for name, source in configured.items() if name in self.sources or not self.sources}
        for name, source in chosen.items():
            if own := [param for param in source.pagination.params if param in self.filters.get(name, {})]:
                raise ConfigurationError(
                    f"event.filters.{name}.{own[0]}: is set by sources.{name}.pagination, and would narrow nothing; "
                    "event.limit sends fewer"
                )
        return {
            name: source._replace(filters={**source.filters, **self.filters.get(name, {})})
            for name, source in chosen.items()
        }

    def wanted(self) -> Callable[[Communication], bool]:
        """Give what tells whether a listed communication is asked for."""
        ids = set(self.ids)
        return lambda communication: not ids or communication.primary_id in ids

    @property
    def needs_lock(self) -> bool:
        """Whether no other run may be on: ledger and rate keep a run of named communications apart from it."""
        return not (self.ids or self.dry_run)

    @property
    def is_full(self) -> bool:
        """Whether it lists all that failed, so that what is missing in the list is no longer failed."""
        return not (self.filters or self.dry_run)

    @property
    def is_whole(self) -> bool:
        """Whether it also looks at all that it lists, so that it knows how everything stands."""
        return self.is_full and not self.ids


def request_of(event: object) -> Request:
    """Read what starts a run from an event.

    What is said and empty is refused: a script that found no ids must not send everything, and a filter without a value
    is none to most APIs.
    """
    request = parse(Request, event, "event", only_known=True)
    for name in ("sources", "ids", "filters"):
        if isinstance(event, Mapping) and name in event and not event[name]:
            raise ConfigurationError(f"event.{name}: {EMPTY}")
    for source, filters in request.filters.items():
        for name, given in filters.items():
            values = (given,) if isinstance(given, str) else given
            if not name.strip():
                raise ConfigurationError(f"event.filters.{source}: has a value without the name of its parameter")
            if not (values and all(value.strip() for value in values)):
                where = f"event.filters.{source}.{name}"
                raise ConfigurationError(f"{where}: has no value, or an empty one, which narrows nothing in most APIs")
    return request


class Decision(NamedTuple):
    """What is to happen with a listed communication; ``refusal`` says why it is not to be sent."""

    communication: Communication
    entry: Entry | None
    refusal: Refusal | None

    @property
    def rank(self) -> Rank:
        """Give its place in the order of a run."""
        entry = self.entry
        if entry and entry.state is State.REQUEUED:
            return Rank.CAME_BACK
        return Rank.TURNED_AWAY if entry and entry.state is State.OPEN and entry.tried else Rank.NEVER_TRIED

    def to_json(self) -> dict[str, Any]:
        """Give the form that a dry run shows."""
        would = {None: "send", Refusal.EXHAUSTED: "become manual"}.get(self.refusal, "skip")
        return {**self.communication.to_json(), "would": would, "why": self.refusal or self._why_sent()}

    def _why_sent(self) -> str:
        if self.entry is None:
            return "never sent before"
        return f"attempt {self.entry.attempts + 1}, last {self.entry.outcome or 'unfinished'}"


@dataclass
class Selection:
    """What a run found, and what it makes of it.

    Attributes
    ----------
    candidates
        What may be sent.
    exhausted
        What has come back after its last attempt: it becomes manual when the run ends.
    skipped
        Why how many are not sent.
    reasons
        The same by source and reason, but for what is not listed.
    pending
        Sources of which something was skipped that may still go out.
    came_back
        By source: of what earlier runs requeued, what failed again.
    decisions
        The first ones, for a dry run.
    first_seen
        By source, when the ledger first knew of the oldest of those that are still to be sent.
    left_to_people
        By source, the ids that no run sends any more: they wait for a person, or one has discarded them.
    """

    candidates: Candidates
    exhausted: list[Communication] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    pending: set[str] = field(default_factory=set)
    came_back: Counter[str] = field(default_factory=Counter)
    decisions: list[Decision] = field(default_factory=list)
    first_seen: dict[str, float] = field(default_factory=dict)
    left_to_people: dict[str, set[str]] = field(default_factory=dict)

    @property
    def considered(self) -> int:
        """Give how many were listed and asked for; each is in one line of the digest."""
        skipped = sum(count for reason, count in self.skipped.items() if reason != NOT_LISTED)
        return self.candidates.found + len(self.exhausted) + skipped

    def add(self, decision: Decision) -> None:
        """Sort a communication by what is to happen with it."""
        communication, entry = decision.communication, decision.entry
        if decision.refusal in (Refusal.MANUAL, Refusal.DISCARDED):
            self.left_to_people.setdefault(communication.source, set()).add(communication.primary_id)
        elif entry and entry.first_seen:
            known = self.first_seen.get(communication.source, entry.first_seen)
            self.first_seen[communication.source] = min(known, entry.first_seen)
        if decision.refusal is Refusal.EXHAUSTED and len(self.exhausted) < self.candidates.most:
            self.exhausted.append(communication)
            self.came_back[communication.source] += 1
        elif decision.refusal:
            self.skipped[decision.refusal] += 1
            self.reasons[communication.source, decision.refusal] += 1
            if decision.refusal in PENDING:
                self.pending.add(communication.source)
        elif decision.rank is Rank.NEVER_TRIED:
            self.candidates.add_new([communication])
        else:
            self.candidates.add_tried(communication, decision.rank, entry.tried if entry else 0)
            self.came_back[communication.source] += decision.rank is Rank.CAME_BACK


def select(listing: Listing, ledger: Ledger, request: Request, settings: ListSettings) -> Selection:
    """List to the end, and sort what is listed by what is to happen with it."""
    found = Selection(Candidates(min(settings.max_per_run, request.limit or settings.max_per_run)))
    is_wanted, candidates = request.wanted(), found.candidates
    for read in ledger.reads(filter(is_wanted, listing) if request.ids else listing):
        known = read
        if not request.dry_run:  # nearly all of them are new: the quickest way
            candidates.add_new([communication for communication, entry in read if entry is None])
            known = [each for each in read if each[1]]
        now = clock.now()
        for communication, entry in known:
            refusal = judge(entry, now, settings.ledger.max_attempts, force=request.force)
            decision = Decision(communication, entry, refusal)
            found.add(decision)
            if request.dry_run and len(found.decisions) < MAX_SHOWN:
                found.decisions.append(decision)
    for refusal, communications in ((Refusal.TOO_YOUNG, listing.too_young), (Refusal.TOO_OLD, listing.too_old)):
        found.pending.update(each.source for each in communications if refusal in PENDING)
        by_source = Counter(each.source for each in filter(is_wanted, communications))
        found.reasons.update({(source, refusal): count for source, count in by_source.items()})
        found.skipped.update({refusal: by_source.total()} if by_source else {})
    if request.ids and listing.complete == listing.listed.keys():
        not_listed = set(request.ids).difference(*listing.seen.values())
        found.skipped.update({NOT_LISTED: len(not_listed)} if not_listed else {})
    return found


def delivered_since(
    listing: Listing,
    records: Iterable[Item],
    runs: Runs,
    settings: ListSettings,
    listed_at: float,
    has_time: Callable[[], bool],
) -> Counter[str]:
    """Count, by source, what earlier runs requeued and the application no longer lists: it was delivered.

    Each run is counted once, when its cooldown is over and each of its sources that is still configured was read to its
    end. Of a source that is gone, or whose ids mean something else by now, nothing is said.

    Parameters
    ----------
    records
        Of the earlier runs, as they were before this one.
    """
    delivered: Counter[str] = Counter()
    spaces = {name: source.space for name, source in settings.sources.items()}
    for record in records:
        concluded, sources = record.get("concludedAt"), set(record.get("sources", ()))
        if not (concluded and sources) or "settled" in record or not has_time():
            continue
        is_cool = concluded + settings.ledger.cooldown_seconds * 1.25 <= listed_at
        if not is_cool or not (sources & spaces.keys()) <= listing.complete or not runs.settle(record["sk"]):
            continue
        for batch, tally in runs.batches(record["sk"], range(1, int(record.get("batches", 0)) + 1)):
            for communication, result in zip(batch.communications, tally.results if tally else (), strict=False):
                is_known = communication.source in spaces and spaces[communication.source] == communication.space
                if is_known and result.what == OutcomeKind.REQUEUED:
                    is_listed = communication.primary_id in listing.seen.get(communication.space, ())
                    delivered[communication.source] += not is_listed
    return delivered
