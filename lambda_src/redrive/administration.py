"""What a person may do with the ledger: look, release, discard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redrive import clock
from redrive.errors import ConfigurationError
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry, WaitingFor
from redrive.models import Communication

PAGE = 100
"""Communications in one answer, unless ``limit`` asks for another number."""

MAX_PAGE = 1000


class Action(StrEnum):
    """What is asked for."""

    LIST = "list"
    SHOW = "show"
    RELEASE = "release"
    DISCARD = "discard"


@dataclass(frozen=True)
class Named:
    """A communication as a person names it."""

    primary_id: str
    operation: str


@dataclass(frozen=True)
class Order:
    """What a person asks for.

    Attributes
    ----------
    source, error, older_than_seconds
        ``list``: only those of a source, with a text in their error, or waiting for so long.
    limit, next
        ``list``: how many are looked at, and ``next`` of the answer before.
    communications
        ``show``, ``release``, ``discard``: which.
    why, by
        ``release``, ``discard``: for the history and the log.
    """

    action: Action
    source: str | None = None
    error: str | None = None
    older_than_seconds: float = 0.0
    limit: int = PAGE
    next: str | None = None
    communications: tuple[Named, ...] = ()
    why: str = ""
    by: str = "an operator"

    def check(self) -> None:
        """Raise ``ConfigurationError`` where the action misses what it needs."""
        if not 1 <= self.limit <= MAX_PAGE:
            raise ConfigurationError(f"event.limit: must be from 1 to {MAX_PAGE}")
        if self.action is not Action.LIST and not self.communications:
            raise ConfigurationError(f"event.communications: missing; {self.action} needs at least one")
        if self.action in (Action.RELEASE, Action.DISCARD) and not self.why.strip():
            raise ConfigurationError(f"event.why: missing; {self.action} needs a reason")


def carry_out(order: Order, ledger: Ledger) -> dict[str, Any]:
    """Do what is asked for.

    Returns
    -------
    dict
        ``{"communications": [...]}``, for ``list`` with ``next``. What the ledger does not know, or cannot change as it
        stands now, comes back in ``unchanged``, with its state.
    """
    order.check()
    if order.action is Action.LIST:
        return _list(order, ledger)
    done: list[dict[str, Any]] = []
    unchanged: list[dict[str, Any]] = []
    for named in order.communications:
        communication = Communication(named.primary_id, named.operation, "")
        entry = _carry_out_one(order, communication, ledger)
        if entry:
            done.append(to_json(entry))
        else:
            known = ledger.show(communication)
            unchanged.append(
                {"primaryId": named.primary_id, "operation": named.operation, "state": known.state if known else None}
            )
    return {"communications": done, "unchanged": unchanged}


def _carry_out_one(order: Order, communication: Communication, ledger: Ledger) -> Entry | None:
    match order.action:
        case Action.RELEASE:
            return ledger.release(communication, order.by, order.why)
        case Action.DISCARD:
            return ledger.discard(communication, order.by, order.why)
    return ledger.show(communication)


def _list(order: Order, ledger: Ledger) -> dict[str, Any]:
    page = ledger.waiting(WaitingFor.PERSON, order.next, order.limit)
    oldest = clock.now() - order.older_than_seconds
    found = [
        to_json(entry)
        for entry in page.entries
        if order.source in (None, entry.communication.source)
        and (order.error is None or order.error in (entry.error or ""))
        and (entry.waiting_since or 0) <= oldest
    ]
    return {"communications": found, "next": page.next}


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
        "firstSeen": _time(entry.first_seen),
        "updated": _time(entry.updated),
        "waitingSince": _time(entry.waiting_since),
        "leasedUntil": _time(entry.lease_until),
        "notBefore": _time(entry.not_before),
        "history": [
            {"at": _time(event.at), "what": event.what, "by": event.by, "detail": event.detail}
            for event in entry.history
        ],
    }


def _time(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
