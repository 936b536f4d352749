"""The ledger: who may send a communication now, and what became of it. Its rules are in ledger_rules, see there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from redrive import clock
from redrive.ledger_rules import Claim, Entry, Event, Refusal, Refused, State, WaitingFor, cooldown_seconds, judge
from redrive.ledger_table import FAR_FUTURE, KEYS_PER_READ, LedgerTable, key_of
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECONDS_PER_DAY = 86400

MAY_CLAIM = (
    "attribute_not_exists(communication) OR ("
    "#state IN (:attempting, :requeued, :delivered, :released) AND (leaseUntil <= :now OR leaseOwner = :owner) AND "
    "(#state IN (:attempting, :released) OR "
    "(leaseOwner <> :owner AND attempts < :max AND notBefore <= :cool AND concludedAt <= :listed)))"
)
"""What :func:`redrive.ledger_rules.judge` says, for the table to check in the same moment as it writes."""

OWN_LEASE = "#state = :attempting AND leaseOwner = :owner"

NO_EXPIRY = ("expiry",)
"""What a person must look at, or has forbidden, is not forgotten by itself."""


class Ledger(LedgerTable):
    """The ledger, as the functions use it."""

    def __init__(self, client: DynamoDBClient, settings: LedgerSettings) -> None:
        super().__init__(client, settings.table)
        self._settings = settings

    def claim(
        self, communication: Communication, owner: str, run_id: str, listed_at: float, *, force: bool = False
    ) -> Claim | Refused:
        """Take the lease of a communication, or learn why not: one write.

        Parameters
        ----------
        owner
            Who asks. The same owner finds its own lease and goes on with the same attempt.
        listed_at
            When the application listed it as failed, in seconds since 1970.
        force
            Ignore the cooldown, never a live lease.
        """
        now = clock.now()
        found = self.update(
            communication,
            condition=MAY_CLAIM,
            operands={
                "attempting": State.ATTEMPTING,
                "requeued": State.REQUEUED,
                "delivered": State.DELIVERED,
                "released": State.RELEASED,
                "owner": owner,
                "now": now,
                "cool": FAR_FUTURE if force else listed_at,
                "listed": listed_at,
                "max": self._settings.max_attempts,
            },
            values={
                **communication.to_json(),
                "state": State.ATTEMPTING,
                "leaseOwner": owner,
                "leaseUntil": now + self._settings.lease_seconds,
                "runId": run_id,
                "updated": now,
                "expiry": self._expiry(now),
            },
            defaults={
                "firstSeen": now,
                "opened": now,
                "notBefore": 0,
                "concludedAt": 0,
                "attempts": 0,
                "concluded": 0,
            },
            removed=("waitingFor", "waitingSince"),
        )
        entry = cast("Entry", found.entry)  # where there was none, there is one now
        if found.done:
            return Claim(communication, owner, entry.concluded + 1, entry.attempts, entry.opened, entry.first_seen)
        reason = judge(entry, now, self._settings.max_attempts, owner=owner, force=force, listed_at=listed_at)
        return Refused(reason or Refusal.LEASED, entry)

    def conclude(self, claim: Claim, outcome: OutcomeKind, http_status: int | None, error: str | None) -> bool:
        """Write down how an attempt ended: it counts, and the communication cools down or becomes manual.

        Returns
        -------
        bool
            Whether the lease was still the claim's own. Where it was not, another owner goes on with the same attempt
            and the same idempotency key.
        """
        now = clock.now()
        if outcome is OutcomeKind.REJECTED:
            standing = self._manual(now)
        else:
            cool = now + cooldown_seconds(claim.attempts + 1, self._settings)
            standing = {
                "state": State.REQUEUED,
                "waitingFor": WaitingFor.DELIVERY,
                "waitingSince": now,
                "notBefore": cool,
                "expiry": self._expiry(cool),
            }
        return self.update(
            claim.communication,
            condition=OWN_LEASE,
            operands={"attempting": State.ATTEMPTING, "owner": claim.owner},
            values={
                **standing,
                "attempts": claim.attempts + 1,
                "concluded": claim.attempt,
                "concludedAt": now,
                "leaseUntil": 0,
                "outcome": outcome,
                "httpStatus": http_status,
                "error": error,
                "updated": now,
            },
            removed=("opened", *(NO_EXPIRY if outcome is OutcomeKind.REJECTED else ())),
            event=Event(now, outcome, claim.owner, error or ""),
        ).done

    def note_trouble(self, claim: Claim, error: str, *, gives_up: bool) -> None:
        """Write down why an attempt is still open; it does not count.

        Parameters
        ----------
        gives_up
            Whether the owner does not come back. Else it keeps its lease, which ends by itself.
        """
        over = {"leaseUntil": 0} if gives_up else {}
        self.update(
            claim.communication,
            condition=OWN_LEASE,
            operands={"attempting": State.ATTEMPTING, "owner": claim.owner},
            values={"error": error, "httpStatus": None, "updated": clock.now(), **over},
        )

    def exhaust(self, entry: Entry, owner: str, run_id: str) -> Entry:
        """Make a communication manual whose attempts are used up, if they still are; give how it stands then."""
        now = clock.now()
        found = self.update(
            entry.communication,
            condition=(
                "#state IN (:requeued, :delivered) AND attempts >= :max AND leaseUntil <= :now AND notBefore <= :now"
            ),
            operands={
                "requeued": State.REQUEUED,
                "delivered": State.DELIVERED,
                "max": self._settings.max_attempts,
                "now": now,
            },
            values={
                **self._manual(now),
                "outcome": OutcomeKind.EXHAUSTED,
                "httpStatus": None,
                "error": f"{entry.attempts} attempts made",
                "leaseOwner": owner,
                "runId": run_id,
                "updated": now,
            },
            removed=NO_EXPIRY,
            event=Event(now, OutcomeKind.EXHAUSTED, owner),
        )
        return found.entry or entry

    def deliver(self, communication: Communication, listed_at: float) -> bool:
        """Write down that a requeued communication had left the application's list by then: it was delivered."""
        return self.update(
            communication,
            condition="#state = :requeued AND notBefore <= :listed",
            operands={"requeued": State.REQUEUED, "listed": listed_at},
            values={"state": State.DELIVERED, "updated": clock.now()},
            removed=("waitingFor", "waitingSince"),
            event=Event(clock.now(), State.DELIVERED, ""),
        ).done

    def release(self, communication: Communication, by: str, why: str) -> Entry | None:
        """Give a manual or discarded communication all its attempts again; None where it is neither."""
        now = clock.now()
        found = self.update(
            communication,
            condition="#state IN (:manual, :discarded)",
            operands={"manual": State.MANUAL, "discarded": State.DISCARDED},
            values={
                "state": State.RELEASED,
                "attempts": 0,
                "notBefore": 0,
                "updated": now,
                "expiry": self._expiry(now),
            },
            removed=("waitingFor", "waitingSince"),
            event=Event(now, State.RELEASED, by, why),
        )
        return found.entry if found.done else None

    def discard(self, communication: Communication, by: str, why: str) -> Entry | None:
        """Never send a communication again; None while somebody is sending it, or where the ledger does not know it."""
        now = clock.now()
        found = self.update(
            communication,
            condition="attribute_exists(communication) AND leaseUntil <= :now",
            operands={"now": now},
            values={"state": State.DISCARDED, "updated": now},
            removed=("waitingFor", "waitingSince", *NO_EXPIRY),
            event=Event(now, State.DISCARDED, by, why),
        )
        return found.entry if found.done else None

    def read(self, communications: Iterable[Communication]) -> Iterator[tuple[Communication, Entry | None]]:
        """Look communications up, a hundred with each read; without their history."""
        rest = iter(communications)
        while batch := tuple(itertools.islice(rest, KEYS_PER_READ)):
            found = {key_of(entry.communication): entry for entry in self.read_batch(batch)}
            yield from zip(batch, map(found.get, map(key_of, batch)), strict=True)

    def _manual(self, now: float) -> dict[str, Any]:
        return {"state": State.MANUAL, "waitingFor": WaitingFor.PERSON, "waitingSince": now, "leaseUntil": 0}

    def _expiry(self, now: float) -> int:
        """DynamoDB deletes an item some time after this; it wants whole seconds (TTL, developer guide)."""
        return int(now + self._settings.retention_days * SECONDS_PER_DAY)
