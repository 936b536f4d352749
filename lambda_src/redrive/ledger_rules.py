"""What the ledger knows of a communication, and the rules by which it may be sent again.

An attempt is *open* from its first claim until the API accepts it, or until the run's verdict charges it. While it is
open nothing that happens (a crash, a lost answer, an API that is down or turns everything away) counts, and whoever
claims next goes on with it. The *number* in the idempotency key rises only after a definite answer to the first
request under it: after none, or a 5xx, a request may have been carried out, so the next one keeps key and body, even
where a gateway refuses it.

::

    (none) ──claim──> open ──2xx──> requeued ──claim: listed again, cooled down, attempts left──> open
                      │  ^              └── attempts used up ──> manual
                      │  └── turned away: cools down, claimed again
                      └─ verdict: refused for good, or charged up to the limit ──> manual
    manual ──release──> released ──claim──> open      manual, requeued, … ──discard──> discarded ──release──> released

Everything here is pure: it takes an entry and gives the next one. The table and the simulated weeks of the tests both
run on it.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple

from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings

SECONDS_PER_DAY = 86400
SECONDS_PER_HOUR = 3600

MAX_EVENTS = 4
"""Of a communication's history, the newest."""

UNDECIDED = frozenset({401, 408, 409, 423, 424, 425, 429, 444, 460, 499})
"""Client errors that say nothing of the request itself: asked again under the same key, they may get another answer.

444, 460 and 499 are what nginx and AWS's load balancer note of a client that went before the answer came.
"""

OF_THE_APPLICATION = frozenset({410, 422, 451})
"""Client errors that no gateway makes up, and no application says that has carried out a request under the same key."""


class State(StrEnum):
    """Where a communication stands."""

    OPEN = "open"
    REQUEUED = "requeued"
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
    TOO_OLD = "too_old"


class Event(NamedTuple):
    """Something that happened to a communication; ``at`` in seconds since 1970."""

    at: float
    what: str
    by: str
    detail: str = ""


class Body(NamedTuple):
    """What a request says beyond the id, kept with the number that its key has: one key, one body."""

    operation: str
    created_by: str
    created: float


class Entry(NamedTuple):
    """What the ledger knows of a communication; times in seconds since 1970, 0 for never.

    Attributes
    ----------
    attempts
        Charged or accepted ones since the beginning, or since a person released it; the limit is for these.
    number
        What the idempotency key calls the open attempt, or the next one.
    body
        What goes with that number; None where the number was not used yet.
    lease_owner, lease_until
        Who may send it, or did last, and until when.
    not_before
        The end of its cooldown.
    tried
        When the API last answered for it, or gave no answer.
    turned_away
        Since when the open attempt is being turned away.
    tries
        How often the API was asked in vain by the owner, who comes back. One that died leaves them to the next.
    claims
        How often it was claimed since its number rose: any of these may have sent a request under that number.
    outcome, http_status, error
        What became of the last try.
    run_id, judged
        The run that had it last, and the last one whose verdict it has.
    waiting_since
        Since when it waits for a person.
    expiry
        When the ledger forgets it; 0 for never.
    """

    communication: Communication
    state: State
    attempts: int = 0
    number: int = 1
    body: Body | None = None
    lease_owner: str = ""
    lease_until: float = 0
    not_before: float = 0
    tried: float = 0
    turned_away: float = 0
    tries: int = 0
    claims: int = 0
    outcome: OutcomeKind | None = None
    http_status: int | None = None
    error: str | None = None
    run_id: str = ""
    judged: str = ""
    first_seen: float = 0
    updated: float = 0
    waiting_since: float = 0
    expiry: float = 0
    history: tuple[Event, ...] = ()

    def is_over(self, now: float) -> bool:
        """Tell whether the ledger has forgotten it, though DynamoDB has not deleted it yet."""
        return 0 < self.expiry <= now


class Claim(NamedTuple):
    """A lease: the right to send a communication now. ``entry`` is how it stands since the claim."""

    entry: Entry

    @property
    def communication(self) -> Communication:
        """Give what may be sent."""
        return self.entry.communication

    @property
    def attempt(self) -> int:
        """Give the open attempt, counted from 1."""
        return self.entry.attempts + 1

    @property
    def body(self) -> Body:
        """Give what the request says."""
        if self.entry.body is None:
            raise ValueError("a claim has a body")
        return self.entry.body

    @property
    def number(self) -> str:
        """Give what the key calls this attempt: one that the ledger had forgotten begins with other keys."""
        return f"{self.entry.first_seen:.0f}-{self.entry.number}"


class Refused(NamedTuple):
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
    if entry is None or entry.is_over(now):
        return None
    if entry.state is State.MANUAL:
        return Refusal.MANUAL
    if entry.state is State.DISCARDED:
        return Refusal.DISCARDED
    if owner and entry.lease_owner == owner:
        return None if entry.state is State.OPEN and entry.lease_until > 0 else Refusal.CONCLUDED
    if entry.lease_until > now:
        return Refusal.LEASED
    if entry.state is State.RELEASED:
        return None
    is_used_up = entry.attempts >= max_attempts
    not_before = entry.not_before if is_used_up or not force else 0
    if max(entry.tried, not_before) > (now if listed_at is None else listed_at):
        return Refusal.COOLING_DOWN
    return Refusal.EXHAUSTED if is_used_up else None


def claimed(
    entry: Entry | None,
    communication: Communication,
    owner: str,
    run_id: str,
    created_by: str,
    now: float,
    settings: LedgerSettings,
) -> Entry:
    """Give the lease to somebody whom :func:`judge` has nothing against. The table does the same in one write."""
    if entry is None or entry.is_over(now):
        entry = Entry(communication, State.OPEN, first_seen=now)
    return entry._replace(
        communication=communication,
        state=State.OPEN,
        body=entry.body or Body(communication.operation, created_by, now),
        lease_owner=owner,
        lease_until=now + settings.lease_seconds,
        claims=entry.claims + 1,
        run_id=run_id,
        updated=now,
        expiry=expiry(now, settings),
    )


def accepted(entry: Entry, status: int, now: float, settings: LedgerSettings) -> Entry:
    """The application took it back: an attempt is made, and it cools down while the application delivers."""
    return _noted(
        entry,
        now,
        settings,
        state=State.REQUEUED,
        outcome=OutcomeKind.REQUEUED,
        http_status=status,
        attempts=entry.attempts + 1,
        number=entry.number + 1,
        claims=0,
        body=None,
        turned_away=0,
        lease_until=0,
        not_before=now + cooldown_seconds(entry.attempts + 1, settings),
    )


def already_queued(entry: Entry, now: float, settings: LedgerSettings, *, retry_after: float | None = None) -> Entry:
    """The application has it already (409): it cools down like an accepted one, and the attempt stays open."""
    wait = max(cooldown_seconds(entry.attempts + 1, settings), retry_after or 0)
    return _noted(
        entry,
        now,
        settings,
        "HTTP 409 Conflict",
        outcome=OutcomeKind.SKIPPED,
        http_status=409,
        turned_away=entry.turned_away or now,
        lease_until=0,
        not_before=now + wait,
    )


def turned_away(
    entry: Entry,
    status: int | None,
    error: str,
    now: float,
    settings: LedgerSettings,
    *,
    retry_after: float | None = None,
    comes_back: bool = False,
    says_no: bool = False,
) -> Entry:
    """The API did not take it: the attempt stays open, nothing counts before the run's verdict, and it cools down.

    Parameters
    ----------
    status
        None where there was no answer.
    retry_after
        Seconds that the API asked to wait; it is not asked before.
    comes_back
        Whether the owner tries again and keeps its lease.
    says_no
        Whether a 2xx says in its body that it was not accepted, which is as definite as a 4xx.
    """
    is_refusal = status is not None and 400 <= status < 500 and status not in UNDECIDED
    is_definite = says_no or (is_refusal and (entry.claims <= 1 or status in OF_THE_APPLICATION))
    wait = max(cooldown_seconds(entry.attempts + 1, settings), retry_after or 0)
    return _noted(
        entry,
        now,
        settings,
        error,
        outcome=OutcomeKind.REFUSED if is_refusal else OutcomeKind.FAILED,
        http_status=status,
        number=entry.number + 1 if is_definite else entry.number,
        claims=0 if is_definite else entry.claims,
        body=None if is_definite else entry.body,
        turned_away=entry.turned_away or now,
        lease_until=entry.lease_until if comes_back else 0,
        not_before=now + wait,
        tries=entry.tries + 1 if comes_back else 0,
    )


def given_back(entry: Entry, now: float, *, was_refused: bool = False) -> Entry:
    """The owner could not ask the API at all: the lease is free, and nothing else happened.

    Parameters
    ----------
    was_refused
        Whether the API refused the credentials. Nothing is held against it, but it gives way to others: where this is
        an answer about itself, whoever goes after it would else never be sent.
    """
    given = entry._replace(lease_until=0, lease_owner="", tries=0, claims=entry.claims - 1, updated=now)
    return given._replace(tried=now, outcome=None, http_status=None) if was_refused else given


def was_answered_so(entry: Entry, before: float) -> bool:
    """Tell whether its open attempt got the same answer before some time: one that repeats is noted once."""
    its_own = [event for event in entry.history if 0 < entry.turned_away <= event.at < before]
    return any(event.detail == entry.error for event in its_own)


def charged(entry: Entry, run_id: str, now: float, settings: LedgerSettings) -> Entry:
    """The run's verdict: what was turned away was one attempt; the last one makes it manual.

    The next attempt begins at once to be turned away: in a long pile, whose turn comes once in days, each would else
    need two turns to be charged.
    """
    attempts = entry.attempts + 1
    if attempts >= settings.max_attempts:
        return manual(entry._replace(attempts=attempts), Refusal.EXHAUSTED, run_id, now)
    return _with_event(entry, now, "charged", run_id, entry.error or "")._replace(
        attempts=attempts,
        turned_away=now,
        judged=run_id,
        updated=now,
    )


def manual(entry: Entry, why: str, run_id: str, now: float) -> Entry:
    """A person must look: refused for good, or its attempts are used up. It is not forgotten by itself."""
    return _with_event(entry, now, why, run_id, entry.error or "")._replace(
        state=State.MANUAL,
        waiting_since=now,
        lease_until=0,
        judged=run_id,
        run_id=run_id,
        updated=now,
        expiry=0,
    )


def may_be_released(entry: Entry) -> bool:
    """Tell whether a person has to release it before it is sent again."""
    return entry.state in (State.MANUAL, State.DISCARDED)


def may_be_discarded(entry: Entry, now: float) -> bool:
    """Tell whether a person may discard it: nobody is sending it."""
    return entry.lease_until <= now


def released(entry: Entry, by: str, why: str, now: float, settings: LedgerSettings) -> Entry:
    """A person resets its attempts; the next run sends it, if it is still listed."""
    return _with_event(entry, now, State.RELEASED, by, why)._replace(
        state=State.RELEASED,
        attempts=0,
        not_before=0,
        turned_away=0,
        waiting_since=0,
        lease_owner="",
        lease_until=0,
        updated=now,
        expiry=expiry(now, settings),
    )


def discarded(entry: Entry, by: str, why: str, now: float) -> Entry:
    """A person forbids sending it, until it is released."""
    return _with_event(entry, now, State.DISCARDED, by, why)._replace(
        state=State.DISCARDED,
        waiting_since=0,
        lease_until=0,
        updated=now,
        expiry=0,
    )


def cooldown_seconds(attempts: int, settings: LedgerSettings) -> float:
    """Give how long a communication waits after so many attempts.

    It grows by ``backoff_rate`` from ``cooldown_seconds`` to ``max_cooldown_seconds``, and up to a quarter more,
    drawn at random, so that what failed together does not come back together.
    """
    grown = settings.cooldown_seconds * settings.backoff_rate ** min(attempts - 1, 64)
    return min(grown, settings.max_cooldown_seconds) * random.uniform(1, 1.25)  # noqa: S311 (spreads load, guards nothing)


def expiry(now: float, settings: LedgerSettings) -> int:
    """Give when DynamoDB may delete an item; it wants whole seconds (TTL, developer guide)."""
    return int(now + settings.retention_days * SECONDS_PER_DAY)


def _noted(entry: Entry, now: float, settings: LedgerSettings, error: str | None = None, **changes: object) -> Entry:
    changed = {"tried": now, "updated": now, "error": error, "tries": 0} | changes
    noted = entry._replace(**changed)  # type: ignore[arg-type]
    noted = noted._replace(expiry=expiry(max(now, noted.not_before), settings))
    is_same = entry.history and entry.history[-1].what == noted.outcome and entry.history[-1].detail == (error or "")
    return noted if is_same else _with_event(noted, now, str(noted.outcome), entry.lease_owner, error or "")


def _with_event(entry: Entry, at: float, what: str, by: str, detail: str) -> Entry:
    return entry._replace(history=(*entry.history, Event(at, what, by, detail))[-MAX_EVENTS:])
