"""What the ledger knows of a communication, and the rules by which it may be sent again.

An attempt is *open* from its claim to its conclusion, and ``attempts`` counts the
concluded ones. Everything that can happen in between (a crash, a lost answer, an API that is down) leaves the attempt
open, and whoever claims next goes on with the same number and so with the same idempotency key.

::

    (none) ──claim──> attempting ──2xx, 409──> requeued ──left the list──> delivered
                        │    ^                    │                            │
                   4xx  │    └──claim, cooled down, attempts left──────────────┘
                        v                         │ attempts used up
                      manual <────────────────────┘
                        │ ──release, attempts to zero──> released ──claim──> attempting
                        └ ──discard──> discarded
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings


class State(StrEnum):
    """Where a communication stands."""

    ATTEMPTING = "attempting"
    REQUEUED = "requeued"
    DELIVERED = "delivered"
    MANUAL = "manual"
    RELEASED = "released"
    DISCARDED = "discarded"


class Refusal(StrEnum):
    """Why a communication may not be sent now."""

    LEASED = "leased"
    COOLING_DOWN = "cooling_down"
    EXHAUSTED = "exhausted"
    MANUAL = "manual"
    DISCARDED = "discarded"
    CONCLUDED = "concluded"
    TOO_YOUNG = "too_young"


class WaitingFor(StrEnum):
    """What an item in the sparse index waits for."""

    PERSON = "person"
    DELIVERY = "delivery"


@dataclass(frozen=True)
class Event:
    """Something that happened to a communication; ``at`` in seconds since 1970."""

    at: float
    what: str
    by: str
    detail: str = ""


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of a communication; times in seconds since 1970.

    Attributes
    ----------
    attempts
        Concluded ones since the beginning, or since a person released it; the limit is for these.
    concluded
        Concluded ones ever: the open one is the next, and its number is in the idempotency key.
    lease_owner, lease_until
        Who may send it until when; nobody where that is past.
    not_before, concluded_at
        The end of its cooldown, and when that began.
    opened
        When the open attempt was claimed first.
    """

    communication: Communication
    state: State
    attempts: int = 0
    concluded: int = 0
    lease_owner: str = ""
    lease_until: float = 0
    not_before: float = 0
    concluded_at: float = 0
    opened: float = 0
    run_id: str = ""
    outcome: OutcomeKind | None = None
    http_status: int | None = None
    error: str | None = None
    first_seen: float = 0
    updated: float = 0
    waiting_since: float | None = None
    history: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A lease: the right to send one attempt of a communication.

    Attributes
    ----------
    attempt
        Its number of all that were made; it never comes again, not after a release either.
    attempts
        How many are concluded, of those that the limit is for.
    opened, first_seen
        When this attempt, and when the first one was claimed first, in seconds since 1970.
    """

    communication: Communication
    owner: str
    attempt: int
    attempts: int
    opened: float
    first_seen: float

    @property
    def number(self) -> str:
        """Give what the idempotency key calls this attempt: once forgotten, a communication begins with other keys."""
        return f"{self.first_seen:.0f}-{self.attempt}"


@dataclass(frozen=True)
class Refused:
    """No lease, and why; ``entry`` is what the ledger had."""

    reason: Refusal
    entry: Entry


def judge(
    entry: Entry | None,
    now: float,
    max_attempts: int,
    *,
    owner: str = "",
    force: bool = False,
    listed_at: float | None = None,
) -> Refusal | None:
    """Say why a communication may not be sent, or None where it may.

    Parameters
    ----------
    owner
        Whose own lease is no hindrance; but what it has concluded itself it does not send again.
    force
        Ignore the cooldown, never a lease.
    listed_at
        When the application listed it as failed; now, if not given. A list from before the end of a cooldown does not
        tell that the communication failed again: since then it may have gone out.
    """
    if entry is None:
        return None
    if entry.state is State.MANUAL:
        return Refusal.MANUAL
    if entry.state is State.DISCARDED:
        return Refusal.DISCARDED
    if entry.lease_until > now and entry.lease_owner != owner:
        return Refusal.LEASED
    if entry.state in (State.ATTEMPTING, State.RELEASED):
        return None
    if owner and entry.lease_owner == owner:
        return Refusal.CONCLUDED
    listed = now if listed_at is None else listed_at
    is_used_up = entry.attempts >= max_attempts
    if (entry.concluded_at if force and not is_used_up else entry.not_before) > listed:
        return Refusal.COOLING_DOWN
    return Refusal.EXHAUSTED if is_used_up else None


def cooldown_seconds(attempts: int, settings: LedgerSettings) -> float:
    """Give how long a communication waits after so many attempts.

    It grows by ``backoff_rate`` from ``cooldown_seconds`` to ``max_cooldown_seconds``, and up to a quarter more,
    drawn at random, so that what failed together does not come back together.
    """
    grown = settings.cooldown_seconds * settings.backoff_rate ** min(attempts - 1, 64)
    return min(grown, settings.max_cooldown_seconds) * random.uniform(1, 1.25)  # noqa: S311 (spreads load, guards nothing)
