"""What a person may ask of ``ledger_admin`` and of the console: an order each, checked before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from redrive.actions import What
from redrive.errors import ConfigurationError
from redrive.parsing import EMPTY, camel_case, parse

MAX_PAGE = 1000
MAX_NAMED = 100
"""Communications that are named in one order: as many as one read gives."""

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60.0, 86400.0
"""One that is over before its answer is read pauses nothing.

A pause ends by itself, and may be made anew: one that is forgotten must not keep communications for good.
"""

LONGEST_AGE_SECONDS = 10 * 365 * 86400.0

MAX_BY, MAX_WHY = 128, 500
"""Characters of a name, and of a reason: a name stands in each communication's history, both in what is in force."""

MAX_TEXT = 1000
"""Bytes of what names something: nothing has a longer name, and the table refuses keys of more than 1,024 (quotas)."""

NO_NEXT = "must be the next of the previous answer"

LEAST_RATE, MOST_RATE = 0.001, 500.0
"""Requests a second. The table keeps six digits after the point: a rate that rounds to none would stop all unseen."""

NOT_SAID = 0.0
"""The rate of an order that names none: who forgets it must not lift a brake that somebody else has put on."""


class Call(StrEnum):
    """What is asked for."""

    LIST = "list"
    GROUPS = "groups"
    SHOW = "show"
    RUNS = "runs"
    NOW = "now"
    ACTIONS = "actions"
    PLAN = "plan"
    CONFIRM = "confirm"
    CARRY_OUT = "carryOut"
    RELEASE = "release"
    RELEASE_AND_SEND = "releaseAndSend"
    DISCARD = "discard"
    PAUSE = "pause"
    RESUME = "resume"
    SLOW_DOWN = "slowDown"
    STOP = "stop"

    @property
    def changes(self) -> bool:
        """Whether it changes anything but a plan, so that it is written down with who and why."""
        return self not in _LOOKS


_LOOKS = {
    *(Call.LIST, Call.GROUPS, Call.SHOW, Call.RUNS, Call.NOW, Call.ACTIONS),
    *(Call.PLAN, Call.CARRY_OUT),  # it goes on with what somebody has confirmed
}
NAMED = frozenset({Call.RELEASE, Call.RELEASE_AND_SEND, Call.DISCARD})

_TEXTS = ("group", "source", "operation", "error")
_FILTERS = (*_TEXTS, "olderThanSeconds")
_TAKES: dict[Call, tuple[str, ...]] = {
    Call.LIST: (*_FILTERS, "newestFirst", "limit", "next"),
    Call.GROUPS: ("next",),
    Call.SHOW: ("communications", "ids", "runId", "actionId"),
    Call.RUNS: ("limit", "next"),
    Call.NOW: (),
    Call.ACTIONS: ("limit", "next"),
    Call.PLAN: ("what", *_FILTERS, "all", "undoes"),
    Call.CONFIRM: ("actionId", "count"),
    Call.CARRY_OUT: ("actionId",),
    **dict.fromkeys(NAMED, ("communications",)),
    Call.PAUSE: ("seconds",),
    Call.RESUME: (),
    Call.SLOW_DOWN: ("maxRequestsPerSecond",),
    Call.STOP: ("runId", "actionId"),
}
"""What an event may say besides ``action``, ``by`` and ``why``."""


class Named(NamedTuple):
    """A communication as a person names it, by hand or by what ``list`` shows of it.

    Attributes
    ----------
    id_space
        Where its source has one.
    source, group
        Where they are said, they must be its own.
    attempts, http_status, error, run_id, waiting_since
        As it was listed: they name nothing.
    """

    primary_id: str
    operation: str
    id_space: str = ""
    source: str | None = None
    group: str | None = None
    attempts: int | None = None
    http_status: int | None = None
    error: str | None = None
    run_id: str | None = None
    waiting_since: str | None = None


@dataclass(frozen=True)
class Order:
    """What a person asks for.

    Attributes
    ----------
    group, source, operation, error, older_than_seconds
        ``list``, ``plan``: only those of a group as ``groups`` names it, of a source, of an operation, with a text in
        their error, or waiting for so long.
    all
        ``plan``: without any of these, everything that waits.
    newest_first
        ``list``: each group from its newest.
    communications
        ``show``, ``release``, ``releaseAndSend``, ``discard``: just these.
    ids
        ``show``: of whatever operation.
    what, undoes
        ``plan``: what is to be done; or the discard that is to be undone, by its ``actionId``.
    action_id
        ``show``, ``confirm``, ``carryOut``, ``stop``: which action.
    count
        ``confirm``: how many the person has seen.
    limit, next
        How many are looked at, and ``next`` of the answer before.
    run_id
        ``stop``: which run; ``show``: what of a run.
    seconds
        ``pause``: for how long.
    max_requests_per_second
        ``slowDown``: the rate from now on; null, said in so many words, for the configured one.
    why, by
        Of what changes something: for the history and the list of actions.
    """

    action: Call
    group: str | None = None
    source: str | None = None
    operation: str | None = None
    error: str | None = None
    older_than_seconds: float = 0.0
    all: bool = False
    newest_first: bool = False
    communications: tuple[Named, ...] = ()
    ids: tuple[str, ...] = ()
    what: What = What.RELEASE
    undoes: str | None = None
    action_id: str | None = None
    count: int | None = None
    limit: int | None = None
    next: str | None = None
    run_id: str | None = None
    seconds: float = 3600.0
    max_requests_per_second: float | None = NOT_SAID
    why: str = ""
    by: str = ""

    def signed(self) -> Order:
        """Give the order with name and reason as they are kept: cut where they are longer than anybody reads."""
        return replace(self, by=self.by.strip()[:MAX_BY], why=self.why.strip()[:MAX_WHY])

    def check(self) -> None:
        """Raise ``ConfigurationError`` where it misses what it needs."""
        if self.limit is not None and not 1 <= self.limit <= MAX_PAGE:
            raise ConfigurationError(f"event.limit: must be from 1 to {MAX_PAGE}")
        if not 0 <= self.older_than_seconds <= LONGEST_AGE_SECONDS:
            raise ConfigurationError(f"event.olderThanSeconds: must be from 0 to {LONGEST_AGE_SECONDS:.0f}")
        if len(self.communications) > MAX_NAMED or len(self.ids) > MAX_NAMED:
            raise ConfigurationError(f"event.communications: at most {MAX_NAMED}; plan takes any number, by filter")
        if self.action is Call.PAUSE and not SHORTEST_PAUSE_SECONDS <= self.seconds <= LONGEST_PAUSE_SECONDS:
            bounds = f"{SHORTEST_PAUSE_SECONDS:.0f} to {LONGEST_PAUSE_SECONDS:.0f}"
            raise ConfigurationError(f"event.seconds: must be from {bounds}, a minute to a day")
        for where, text in self._texts():
            if len(text.encode()) > MAX_TEXT:
                words = f"at most {MAX_TEXT} bytes; nothing has a longer name"
                raise ConfigurationError(f"event.{where}: {NO_NEXT if where == 'next' else words}")
        for name in _TEXTS:
            text = getattr(self, name)
            if text is not None and not text.strip():
                raise ConfigurationError(f"event.{name}: {EMPTY}")
        rate = self.max_requests_per_second
        if self.action is Call.SLOW_DOWN and rate is not None and not LEAST_RATE <= rate <= MOST_RATE:
            words = f"must be from {LEAST_RATE} to {MOST_RATE:.0f}, or null for the configured rate"
            raise ConfigurationError(f"event.maxRequestsPerSecond: {words}")
        if missing := self._missing():
            raise ConfigurationError(f"event.{missing}")
        for name in ("by", "why") if self.action.changes else ():
            if not any(each.isprintable() and not each.isspace() for each in getattr(self, name)):
                raise ConfigurationError(f"event.{name}: missing; {self.action} says who does it and why")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Give what names something, by its place in the event."""
        for name in (*_TEXTS, "undoes", "action_id", "run_id", "next"):
            yield camel_case(name), getattr(self, name) or ""
        for index, text in enumerate(self.ids):
            yield f"ids[{index}]", text
        for index, each in enumerate(self.communications):
            for name in ("primary_id", "operation", "id_space"):
                yield f"communications[{index}].{camel_case(name)}", getattr(each, name)

    def _missing(self) -> str | None:
        """Say what is missing, or too much."""
        named = {"runId": self.run_id, "actionId": self.action_id, "communications": self.communications or self.ids}
        given = [name for name, value in named.items() if value]
        if self.action in (Call.SHOW, Call.STOP) and len(given) > 1:
            return f"{given[0]}: cannot be combined with {given[1]}; {self.action} takes one of them"
        if self.action is Call.SHOW and not (self.communications or self.ids or self.run_id or self.action_id):
            return "communications: missing; show needs at least one, or event.ids, event.runId or event.actionId"
        if self.action in NAMED and not self.communications:
            return f"communications: missing; {self.action} takes named ones; plan takes a filter"
        if self.action is Call.PLAN:
            filters = self.group, self.source, self.operation, self.error, self.older_than_seconds, self.undoes
            if not (self.all or any(filters)):
                return (
                    "group: missing; plan needs group, source, operation, error or olderThanSeconds, or all: true, "
                    "or undoes"
                )
            if self.undoes and (self.what is not What.RELEASE or any(filters[:5])):
                return "undoes: needs what: release, and no filter"
        if self.action in (Call.CONFIRM, Call.CARRY_OUT) and not self.action_id:
            return f"actionId: missing; {self.action} needs the id of a plan"
        if self.action is Call.CONFIRM and self.count is None:
            return "count: missing; confirm repeats the number that the plan shows"
        if self.action is Call.STOP and not (self.run_id or self.action_id):
            return "runId: missing; stop needs the run's id, see runs, or event.actionId, see actions"
        return None


def order_of(event: object) -> Order:
    """Read an order from an event.

    What its action does not take is refused: who slows down for ``seconds``, or pauses one ``runId``, must not believe
    that this is what happens.
    """
    order = parse(Order, event, "event", only_known=True)
    takes = _TAKES[order.action]
    if isinstance(event, Mapping) and (others := sorted(event.keys() - {"action", "by", "why", *takes})):
        words = ", ".join((*takes, "by", "why"))
        raise ConfigurationError(f"event.{others[0]}: {order.action} does not take it; it takes {words}")
    return order
