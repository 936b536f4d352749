"""What a person may do: look at what waits and at runs, release, discard, and pause, slow down or stop what is on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redrive import clock
from redrive.control import Control, Controls
from redrive.errors import ConfigurationError
from redrive.ledger import Ledger, group_of
from redrive.ledger_rules import Entry, State, may_be_discarded, may_be_released
from redrive.models import Communication
from redrive.runs import STOPPED, Runs
from redrive.table import Item
from redrive.waiting import Waiting, communication_of, source_of
from redrive.wording import rfc3339

PAGE = 100
"""Communications, or runs, in one answer, unless ``limit`` asks for another number."""

MAX_PAGE = 1000

LONGEST_PAUSE_SECONDS = 86400.0
"""A pause ends by itself, and may be made anew: one that is forgotten must not keep communications for good."""

LONGEST_AGE_SECONDS = 10 * 365 * 86400.0


class Action(StrEnum):
    """What is asked for."""

    LIST = "list"
    GROUPS = "groups"
    SHOW = "show"
    RELEASE = "release"
    DISCARD = "discard"
    RUNS = "runs"
    PAUSE = "pause"
    RESUME = "resume"
    SLOW_DOWN = "slowDown"
    STOP = "stop"

    @property
    def changes(self) -> bool:
        """Whether it changes anything, so that it is logged with who and why."""
        return self not in (Action.LIST, Action.GROUPS, Action.SHOW, Action.RUNS)


@dataclass(frozen=True)
class Named:
    """A communication as a person names it; ``id_space`` where its source has one."""

    primary_id: str
    operation: str
    id_space: str = ""


@dataclass(frozen=True)
class Order:
    """What a person asks for.

    Attributes
    ----------
    source, error, group, older_than_seconds
        ``list``, ``release``, ``discard``: only those of a source, with a text in their error, of a group as ``groups``
        names it, or waiting for so long.
    all
        ``release``, ``discard``: without any of these, everything that waits.
    communications
        ``show``, ``release``, ``discard``: just these.
    dry_run
        ``release``, ``discard``: say how many it would be.
    limit, next
        How many are looked at (100 by ``list`` and ``runs``, all by the others unless given), and ``next`` of the
        answer before.
    run_id
        ``stop``: which run; ``show``: what of a run.
    seconds
        ``pause``: for how long.
    max_requests_per_second
        ``slowDown``: the rate from now on; null for what the module's user set.
    why, by
        Of what changes something: for the history and the log.
    """

    action: Action
    source: str | None = None
    error: str | None = None
    group: str | None = None
    older_than_seconds: float = 0.0
    all: bool = False
    communications: tuple[Named, ...] = ()
    dry_run: bool = False
    limit: int | None = None
    next: str | None = None
    run_id: str | None = None
    seconds: float = 3600.0
    max_requests_per_second: float | None = None
    why: str = ""
    by: str = "an operator"

    def check(self) -> None:
        """Raise ``ConfigurationError`` where the action misses what it needs."""
        if self.limit is not None and not 1 <= self.limit <= MAX_PAGE:
            raise ConfigurationError(f"event.limit: must be from 1 to {MAX_PAGE}")
        if not 0 <= self.older_than_seconds <= LONGEST_AGE_SECONDS:
            raise ConfigurationError(f"event.olderThanSeconds: must be from 0 to {LONGEST_AGE_SECONDS:.0f}")
        if self.action is Action.SHOW and not (self.communications or self.run_id):
            raise ConfigurationError("event.communications: missing; show needs at least one, or event.runId")
        if self.action in (Action.RELEASE, Action.DISCARD):
            filters = self.group, self.source, self.error, self.older_than_seconds
            if not (self.communications or self.all or any(filters)):
                raise ConfigurationError(
                    f"event.group: missing; {self.action} needs communications, group, source, error or "
                    "olderThanSeconds, or all: true"
                )
            if not (self.why.strip() or self.dry_run):
                raise ConfigurationError(f"event.why: missing; {self.action} needs a reason")
        if self.action is Action.STOP and not self.run_id:
            raise ConfigurationError("event.runId: missing; stop needs the run's id, see runs")
        if self.action is Action.PAUSE and not 0 < self.seconds <= LONGEST_PAUSE_SECONDS:
            raise ConfigurationError(f"event.seconds: must be above 0 and at most {LONGEST_PAUSE_SECONDS:.0f}")
        rate = self.max_requests_per_second
        if rate is not None and not 0 < rate <= 500:
            raise ConfigurationError("event.maxRequestsPerSecond: must be above 0 and at most 500, or null")


@dataclass(frozen=True)
class Desk:
    """Where a person's orders are carried out; see docs/operations.md for each call and its answer.

    Attributes
    ----------
    has_time
        Tells whether there is time to go on; where there is none, ``next`` of the answer goes on.
    """

    ledger: Ledger
    waiting: Waiting
    runs: Runs
    controls: Controls
    has_time: Callable[[], bool]

    def carry_out(self, order: Order) -> dict[str, Any]:
        """Do what is asked for."""
        order.check()
        match order.action:
            case Action.LIST:
                return self._list(order)
            case Action.GROUPS:
                return {"groups": [_group_to_json(group) for group in self._groups(order)]}
            case Action.SHOW:
                return self._show(order)
            case Action.RUNS:
                records, following = self.runs.newest(order.limit or PAGE, order.next)
                return {"runs": [run_to_json(record) for record in records], "next": following}
            case Action.RELEASE | Action.DISCARD:
                return self._change_named(order) if order.communications else self._change_all(order)
            case Action.PAUSE:
                return _in_force(self.controls.pause(clock.now() + order.seconds, order.by, order.why))
            case Action.RESUME:
                return _in_force(self.controls.resume())
            case Action.SLOW_DOWN:
                return _in_force(self.controls.slow_down(order.max_requests_per_second))
            case Action.STOP:
                return _in_force(self._stop(order.run_id or ""))

    def _list(self, order: Order) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for name, items, position in self._pages(order, order.limit or PAGE):
            found += [_waiting_to_json(item, name) for item in items]
            if position:
                return {"communications": found, "next": position}
        return {"communications": found, "next": None}

    def _show(self, order: Order) -> dict[str, Any]:
        if order.run_id:
            record = self.runs.record(order.run_id)
            return {"run": run_to_json(record, whole=True) if record else None}
        entries = [self.ledger.show(_communication(named)) for named in order.communications]
        unknown = [
            _unchanged(named, None) for named, entry in zip(order.communications, entries, strict=True) if not entry
        ]
        return {"communications": [to_json(entry) for entry in entries if entry], "unchanged": unknown}

    def _change_named(self, order: Order) -> dict[str, Any]:
        done: list[dict[str, Any]] = []
        unchanged: list[dict[str, Any]] = []
        groups: Counter[str] = Counter()
        for named in order.communications:
            entry = self.ledger.show(_communication(named))
            changed = self._change(order, entry) if entry else None
            if entry and changed:
                done.append(to_json(changed))
                groups[group_of(entry)] += entry.state is State.MANUAL
            else:
                unchanged.append(_unchanged(named, entry))
        if order.dry_run:
            return {"count": len(done), "unchanged": unchanged}
        for name, count in groups.items():
            self.waiting.take(name, count)
        return {"communications": done, "unchanged": unchanged}

    def _change_all(self, order: Order) -> dict[str, Any]:
        """Change what waits by its filters, a page at a time; where time is short, ``next`` goes on."""
        unchanged, groups, following = 0, Counter[str](), None
        for name, items, position in self._pages(order, order.limit):
            entries = self.ledger.read_whole(map(communication_of, items))
            changed = sum(bool(entry and self._change(order, entry)) for _, entry in entries)
            if not order.dry_run:
                self.waiting.take(name, changed)
            groups[name] += changed
            unchanged += len(items) - changed
            following = position
        return {"count": groups.total(), "unchanged": unchanged, "groups": +groups, "next": following}

    def _change(self, order: Order, entry: Entry) -> Entry | None:
        if order.dry_run:
            is_meant = (
                may_be_released(entry) if order.action is Action.RELEASE else may_be_discarded(entry, clock.now())
            )
            return entry if is_meant else None
        if order.action is Action.RELEASE:
            return self.ledger.release(entry, order.by, order.why)
        return self.ledger.discard(entry, order.by, order.why)

    def _groups(self, order: Order) -> Iterator[Item]:
        """Give the groups that an order is about."""
        for group in self.waiting.groups():
            is_meant = order.group in (None, group["sk"]) and order.source in (None, source_of(group["sk"]))
            if is_meant and (order.error is None or order.error in (group.get("error") or "")):
                yield group

    def _stop(self, run_id: str) -> Control:
        lock = self.runs.lock()
        if not (self.runs.record(run_id) or (lock and lock.run_id == run_id)):
            raise ConfigurationError(f"event.runId: there is no run {run_id}, see runs")
        self.runs.note_end(run_id, STOPPED)  # where it stays though another run is stopped after it
        return self.controls.stop(run_id)

    def _pages(self, order: Order, most: int | None) -> Iterator[tuple[str, tuple[Item, ...], str | None]]:
        """Give what waits and is meant, group by group, a page at a time, from where ``next`` says.

        Up to ``most`` in all, and while there is time. With each page goes what the next call gives as ``next``, None
        where this one goes on, or nothing is left.
        """
        start_group, start = _read_position(order.next)
        until = None
        if order.older_than_seconds:
            oldest = datetime.fromtimestamp(clock.now() - order.older_than_seconds, UTC)
            until = oldest.strftime("%Y-%m-%dT%H:%M:%S")
        for group in self._groups(order):
            name = str(group["sk"])
            if name < start_group:
                continue
            after = start if name == start_group else None
            while True:
                size = PAGE if most is None else min(PAGE, most)
                page = self.waiting.page(name, after=after, until=until, limit=size)
                after = page.last
                if most is not None:
                    most -= len(page.items)
                is_last = most == 0 or not self.has_time()
                yield name, page.items, _position(name, after) if is_last else None
                if is_last:
                    return
                if not after:
                    break


def to_json(entry: Entry) -> dict[str, Any]:
    """Give an entry as a person reads it: times in RFC 3339."""
    return {
        **entry.communication.to_json(),
        "state": entry.state,
        "attempts": entry.attempts,
        "outcome": entry.outcome,
        "httpStatus": entry.http_status,
        "error": entry.error,
        "runId": entry.run_id,
        "firstSeen": rfc3339(entry.first_seen),
        "updated": rfc3339(entry.updated),
        "waitingSince": rfc3339(entry.waiting_since),
        "leasedUntil": rfc3339(entry.lease_until),
        "notBefore": rfc3339(entry.not_before),
        "turnedAwaySince": rfc3339(entry.turned_away),
        "key": f"{entry.first_seen:.0f}-{entry.number}",
        "history": [
            {"at": rfc3339(event.at), "what": event.what, "by": event.by, "detail": event.detail}
            for event in entry.history
        ],
    }


def run_to_json(record: Item, *, whole: bool = False) -> dict[str, Any]:
    """Give a run's record as a person reads it."""
    digest = record.get("digest") or {}
    told = {
        "runId": record["sk"],
        "trigger": record.get("trigger"),
        "listedAt": rfc3339(record.get("listedAt")),
        "concludedAt": rfc3339(record.get("concludedAt")),
        "endedAs": record.get("endedAs"),
        "listed": int(record.get("listed", 0)),
        "sends": int(record.get("sends", 0)),
        "counts": {name: int(count) for name, count in record.get("lines", {}).items()},
        "problems": record.get("problems", []),
        "open": record.get("open", []),
        "execution": record.get("execution"),
        "headline": record.get("headline"),
    }
    return told | {"digest": {key: digest.get(key) for key in ("subject", "message", "notify")}} if whole else told


def _group_to_json(group: Item) -> dict[str, Any]:
    return {
        "group": group["sk"],
        "operation": group.get("operation"),
        "error": group.get("error"),
        "count": int(group.get("count", 0)),
        "oldest": rfc3339(group.get("oldest")),
        "newest": rfc3339(group.get("newest")),
        "ids": group.get("ids", []),
    }


def _waiting_to_json(item: Item, group: str) -> dict[str, Any]:
    return {
        **communication_of(item).to_json(),
        "group": group,
        "attempts": int(item["attempts"]),
        "httpStatus": None if item.get("httpStatus") is None else int(item["httpStatus"]),
        "error": item.get("error"),
        "runId": item.get("runId"),
        "waitingSince": rfc3339(item.get("waitingSince")),
    }


def _in_force(control: Control) -> dict[str, Any]:
    return {
        "pausedUntil": rfc3339(control.paused_until),
        "pausedSince": rfc3339(control.paused_since),
        "by": control.by,
        "why": control.why,
        "maxRequestsPerSecond": control.rate,
        "stoppedRun": control.stopped_run or None,
    }


def _communication(named: Named) -> Communication:
    return Communication(named.primary_id, named.operation, "", named.id_space)


def _unchanged(named: Named, entry: Entry | None) -> dict[str, Any]:
    return {
        "primaryId": named.primary_id,
        "operation": named.operation,
        "state": entry.state if entry else None,
    }


def _position(group: str, last: str | None) -> str:
    # Without a rest in its group, what comes after it is next.
    return json.dumps([group, last] if last else [f"{group}\x00", None])


def _read_position(text: str | None) -> tuple[str, str | None]:
    if not text:
        return "", None
    try:
        group, last = json.loads(text)
    except (ValueError, TypeError):
        group, last = None, None
    if not isinstance(group, str) or not (last is None or isinstance(last, str)):
        raise ConfigurationError("event.next: must be what the answer before gave as next")
    return group, last
