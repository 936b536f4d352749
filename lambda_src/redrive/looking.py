"""What a person may look at: what waits, runs, what is in force, and what people did. Nothing here writes.

No answer takes more than three reads of the table, whatever it holds: what is left is for the next call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redrive import clock
from redrive.actions import Actions
from redrive.control import CONTROL, Controls, control_of
from redrive.errors import ConfigurationError
from redrive.ledger import Ledger, group_of
from redrive.ledger_rules import Entry, State
from redrive.models import Communication
from redrive.orders import NO_NEXT, Call, Named, Order
from redrive.runs import Runs
from redrive.showing import (
    action_to_json,
    group_to_json,
    in_force,
    next_run,
    run_to_json,
    run_under_way,
    to_json,
    waiting_to_json,
)
from redrive.table import KEYS_PER_READ
from redrive.waiting import Waiting, Wanted

PAGE = 100
"""Communications in one answer, unless ``limit`` asks for another number."""

RUNS_SHOWN = 50
"""Runs, or actions, in one answer."""

READS = 3
"""Reads of the table that an answer takes at most."""

MAY_HAVE_WAITED = (State.MANUAL, State.RELEASED, State.DISCARDED)
"""What has a group: also what was changed before, by the same order, perhaps, which was killed before its answer."""


@dataclass(frozen=True)
class Look:
    """Answers what people ask; see docs/operations.md for each call and its answer.

    Attributes
    ----------
    status
        Tells how a run's execution stands.
    spaces
        In which id spaces a communication is looked for by its id alone.
    """

    ledger: Ledger
    waiting: Waiting
    runs: Runs
    controls: Controls
    actions: Actions
    status: Callable[[str], str | None]
    spaces: tuple[str, ...]
    max_attempts: int

    def answer(self, order: Order) -> dict[str, Any]:
        """Answer an order that only looks."""
        match order.action:
            case Call.LIST:
                return self._list(order)
            case Call.GROUPS:
                page = self.waiting.directory(after=order.next)
                return {"groups": [group_to_json(group) for group in page.items], "next": page.last}
            case Call.SHOW:
                return self._show(order)
            case Call.RUNS:
                records, following = self.runs.newest(order.limit or RUNS_SHOWN, order.next)
                return {"runs": [run_to_json(record) for record in records], "next": following}
            case Call.NOW:
                return self._now()
            case Call.ACTIONS:
                actions, following = self.actions.newest(order.limit or RUNS_SHOWN, order.next)
                return {"actions": [action_to_json(action) for action in actions], "next": following}
            case _:
                raise ConfigurationError(f"event.action: {order.action} is not one that reads")

    def _list(self, order: Order) -> dict[str, Any]:
        """List what waits, group by group, with no more reads than :data:`READS`."""
        wanted, most = wanted_by(order), order.limit or PAGE
        start_group, start = _read_position(order.next)
        names, following = self.waiting.named(wanted, start_group)
        found: list[dict[str, Any]] = []
        for reads, name in enumerate(names, start=1):
            after = start if name == start_group else None
            if reads == READS or most == 0:
                return {"communications": found, "next": _position(name, after)}
            page = self.waiting.page(name, after=after, until=wanted.until, limit=most, newest_first=order.newest_first)
            most -= len(page.items)
            found += [waiting_to_json(item, name) for item in page.items]
            if page.last:
                return {"communications": found, "next": _position(name, page.last)}
        return {"communications": found, "next": following and _position(following, None)}

    def _show(self, order: Order) -> dict[str, Any]:
        if order.run_id:
            record = self.runs.record(order.run_id)
            return {"run": run_to_json(record, whole=True) if record else None}
        if order.action_id:
            action = self.actions.find(order.action_id)
            return {"action": action_to_json(action) if action else None}
        if len(order.ids) * len(self.spaces) > KEYS_PER_READ:
            raise ConfigurationError(f"event.ids: at most {KEYS_PER_READ // len(self.spaces)}, of any operation")
        of_ids = [Communication(each, space, "") for each in order.ids for space in self.spaces]
        control, now = self.controls.read(), clock.now()
        named = self.named(order.communications)
        found = {each.key: entry for each, entry in named}
        found |= {each.key: entry for each, entry in self.read(of_ids)} if of_ids else {}
        shown = [
            to_json(entry) | {"nextRun": next_run(entry, control, now, self.max_attempts)}
            for entry in found.values()
            if entry
        ]
        known = {entry.communication.primary_id for entry in found.values() if entry}
        unknown = [each for each, entry in named if not entry]
        unknown += [Communication(each, "", "") for each in order.ids if each not in known]
        return {"communications": shown, "unchanged": [unchanged(each, None) for each in unknown]}

    def named(self, named: Sequence[Named]) -> list[tuple[Communication, Entry | None]]:
        """Look up what a person names, each once; raises ``ConfigurationError`` where one is said to be another."""
        asked = [Communication(each.primary_id, each.operation, "", each.id_space) for each in named]
        read = list(self.read(asked)) if asked else []
        found = {each.key: entry for each, entry in read}
        for index, (each, communication) in enumerate(zip(named, asked, strict=True)):
            if entry := found[communication.key]:
                _refuse_another(each, entry, f"event.communications[{index}]")
        return read

    def read(self, communications: Iterable[Communication]) -> Iterator[tuple[Communication, Entry | None]]:
        """Look communications up, each once: a read must not name a key twice."""
        return self.ledger.read_whole({each.key: each for each in communications}.values())

    def _now(self) -> dict[str, Any]:
        lock = self.runs.lock()
        if lock is None:
            return {"control": in_force(self.controls.read()), "run": None}
        record, breaker, found = self.runs.under_way(lock.run_id, CONTROL)
        run = run_under_way(lock, record, breaker, self.status(lock.run_id))
        return {"control": in_force(control_of(found.get(CONTROL))), "run": run}


def wanted_by(order: Order) -> Wanted:
    """Give what an order means of what waits."""
    before = clock.now() - order.older_than_seconds if order.older_than_seconds else 0
    return Wanted(order.group, order.source, order.operation, order.error, before)


def _refuse_another(named: Named, entry: Entry, where: str) -> None:
    """Raise ``ConfigurationError`` where what is found by id and id space is not what the rest of its name says."""
    own = entry.communication
    group = group_of(entry) if entry.state in MAY_HAVE_WAITED else named.group
    for name, said, is_so in (
        ("operation", named.operation, own.operation),
        ("source", named.source, own.source),
        ("group", named.group, group),
    ):
        if said is not None and said != is_so:
            of = f"{own.primary_id} of id space {own.id_space}" if own.id_space else f"{own.primary_id} of no id space"
            words = f"{of} has {name} {is_so}; name it as list shows it, with its idSpace"
            raise ConfigurationError(f"{where}.{name}: {words}")


def unchanged(communication: Communication, entry: Entry | None) -> dict[str, Any]:
    """Give one that was not changed, or is not known, with its state."""
    return {
        "primaryId": communication.primary_id,
        "operation": communication.operation,
        "state": entry.state if entry else None,
    }


def _position(group: str, last: str | None) -> str:
    return json.dumps([group, last])


def _read_position(text: str | None) -> tuple[str, str | None]:
    if not text:
        return "", None
    try:
        group, last = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        group, last = None, None
    if not isinstance(group, str) or not (last is None or isinstance(last, str)):
        raise ConfigurationError(f"event.next: {NO_NEXT}")
    return group, last
