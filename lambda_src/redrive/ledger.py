"""The ledger: who may send a communication now, and what became of it. Its rules are in ledger_rules, see there."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any

from redrive import clock
from redrive import ledger_rules as rules
from redrive.ledger_rules import Body, Claim, Entry, Event, Refusal, Refused, State, judge
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings
from redrive.table import KEYS_PER_READ, Delete, Item, Key, Put, Table, Update, Write, size

SORT_KEY = "communication"

GROUPS = "manual"
"""The directory of what waits for a person, by group; each group is a partition ``manual/<group>``."""

FAR_FUTURE = 10**11
"""Seconds since 1970 that no cooldown reaches."""

MAX_TEXT = 120
"""Bytes of an error, or of a reason, in an item."""

MAX_ITEM = 1024
"""Bytes of a communication's item, which one write unit pays for: what of the history is older gives way."""

MAY_CLAIM = (
    "attribute_not_exists(pk) OR ((attribute_not_exists(expiry) OR expiry > :now) AND ("
    "(leaseOwner = :owner AND #state = :open AND leaseUntil > :zero) OR "
    "(leaseOwner <> :owner AND leaseUntil <= :now AND (#state = :released OR (#state IN (:open, :requeued) "
    "AND attempts < :max AND notBefore <= :cool AND tried <= :listed)))))"
)
"""What :func:`redrive.ledger_rules.judge` says, for the table to check in the same moment as it writes."""


class Ledger:
    """The ledger, as the functions use it."""

    def __init__(self, table: Table, settings: LedgerSettings) -> None:
        self._table = table
        self._settings = settings

    def claim(
        self,
        communication: Communication,
        owner: str,
        run_id: str,
        listed_at: float,
        *,
        created_by: str = "",
        force: bool = False,
    ) -> Claim | Refused:
        """Take the lease of a communication, or learn why not: one write.

        Parameters
        ----------
        owner
            Who asks. The same owner finds its own lease and goes on with the same attempt.
        listed_at
            When the application listed it as failed, in seconds since 1970.
        created_by
            Who the queue entry says has made it.
        force
            Ignore the cooldown, never a live lease.
        """
        now = round(clock.now(), 6)  # as the table keeps it: the next try of this attempt must say the same time
        claimed = partial(
            rules.claimed,
            communication=communication,
            owner=owner,
            run_id=run_id,
            created_by=created_by,
            now=now,
            settings=self._settings,
        )
        first = to_item(claimed(None))
        claims = first.pop("claims")
        update = Update(
            key_of(communication),
            {name: first.pop(name) for name in CLAIMED if name in first},
            MAY_CLAIM,
            {
                "open": State.OPEN,
                "requeued": State.REQUEUED,
                "released": State.RELEASED,
                "owner": owner,
                "now": now,
                "zero": 0,
                "cool": FAR_FUTURE if force else listed_at,
                "listed": listed_at,
                "max": self._settings.max_attempts,
            },
            defaults=first,
            added={"claims": claims},
            returns="ALL_OLD",  # of one that is new, as most are, there is nothing to read
        )
        found = self._table.write(update)
        if not found.done and found.item and entry_of(found.item).is_over(now):
            # Forgotten, and not deleted yet: it begins anew, unless somebody else was quicker.
            self._table.write(Delete(update.key, "expiry <= :now", {"now": now}))
            found = self._table.write(update)
        entry = entry_of(found.item) if found.item else None
        if found.done:
            return Claim(claimed(entry))
        if entry is None:
            raise AssertionError("a write that was refused shows the item")
        reason = judge(entry, now, self._settings.max_attempts, owner=owner, force=force, listed_at=listed_at)
        return Refused(reason or Refusal.LEASED, entry)

    def accept(self, claim: Claim, status: int) -> bool:
        """Write down that the application took it back; whether the lease was still the claim's own."""
        return self._conclude(claim, rules.accepted(claim.entry, status, clock.now(), self._settings))

    def note_already_queued(self, claim: Claim, retry_after: float | None = None) -> bool:
        """Write down that the application has it already; see :meth:`accept`."""
        entry = rules.already_queued(claim.entry, clock.now(), self._settings, retry_after=retry_after)
        return self._conclude(claim, entry)

    def note_turned_away(
        self,
        claim: Claim,
        status: int | None,
        error: str,
        *,
        retry_after: float | None = None,
        comes_back: bool = False,
        says_no: bool = False,
    ) -> bool:
        """Write down that the API did not take it; see :func:`redrive.ledger_rules.turned_away` and :meth:`accept`."""
        entry = rules.turned_away(
            claim.entry,
            status,
            _short(error),
            clock.now(),
            self._settings,
            retry_after=retry_after,
            comes_back=comes_back,
            says_no=says_no,
        )
        return self._conclude(claim, entry)

    def give_back(self, claim: Claim, *, was_refused: bool = False) -> bool:
        """Give the lease back: the API was not asked, or refused the credentials."""
        return self._conclude(claim, rules.given_back(claim.entry, clock.now(), was_refused=was_refused))

    def charge(self, entry: Entry, run_id: str, now: float) -> Entry:
        """Charge an attempt by the run's verdict; give the entry as it is to be, also where it was charged before."""
        return self._judge(entry, rules.charged(entry, run_id, now, self._settings))

    def make_manual(self, entry: Entry, why: str, run_id: str, now: float) -> Entry:
        """Make a communication wait for a person; see :meth:`charge`."""
        return self._judge(entry, rules.manual(entry, why, run_id, now))

    def release(self, entry: Entry, by: str, why: str) -> Entry | None:
        """Reset the attempts of a manual or discarded communication; None where it is neither, or was changed."""
        return self._changed(entry, self.released(entry, by, why))

    def discard(self, entry: Entry, by: str, why: str) -> Entry | None:
        """Never send a communication again; None while somebody is sending it, or where it was changed just now."""
        return self._changed(entry, self.discarded(entry, by, why))

    def released(self, entry: Entry, by: str, why: str) -> Entry | None:
        """Give what :meth:`release` makes of an entry, and write nothing."""
        is_free = rules.may_be_released(entry)
        return rules.released(entry, by, _short(why), clock.now(), self._settings) if is_free else None

    def discarded(self, entry: Entry, by: str, why: str) -> Entry | None:
        """Give what :meth:`discard` makes of an entry, and write nothing."""
        now = clock.now()
        return rules.discarded(entry, by, _short(why), now) if rules.may_be_discarded(entry, now) else None

    def show(self, communication: Communication) -> Entry | None:
        """Look one up, with its history."""
        item = self._table.get(key_of(communication))
        return _alive(entry_of(item)) if item else None

    def read(self, communications: Iterable[Communication]) -> Iterator[tuple[Communication, Entry | None]]:
        """Look communications up, a hundred with each read; without body and history."""
        return itertools.chain.from_iterable(self.reads(communications))

    def reads(self, communications: Iterable[Communication]) -> Iterator[list[tuple[Communication, Entry | None]]]:
        """Do the same, and give a hundred at a time, as they come."""
        return self._read(communications, JUDGED)

    def read_whole(self, communications: Iterable[Communication]) -> Iterator[tuple[Communication, Entry | None]]:
        """Look communications up, a hundred with each read."""
        return itertools.chain.from_iterable(self._read(communications, ()))

    def _read(
        self, communications: Iterable[Communication], attributes: tuple[str, ...]
    ) -> Iterator[list[tuple[Communication, Entry | None]]]:
        rest = iter(communications)
        while batch := tuple(itertools.islice(rest, KEYS_PER_READ)):
            items = self._table.get_many(map(key_of, batch), attributes)
            found = {item["pk"]: entry for item in items if (entry := _alive(entry_of(item)))}
            yield [(each, found.get(each.key)) for each in batch]

    def _conclude(self, claim: Claim, entry: Entry) -> bool:
        entry_was = claim.entry
        operands = {
            "open": State.OPEN,
            "owner": entry_was.lease_owner,
            "number": entry_was.number,
            "attempts": entry_was.attempts,
        }
        condition = "#state = :open AND leaseOwner = :owner AND #number = :number AND attempts = :attempts"
        return self._table.write(_difference(claim.entry, entry, condition, operands)).done

    def _judge(self, entry: Entry, judged: Entry) -> Entry:
        """Write a verdict, once: one that was written before is given as it is, whatever has come since.

        Somebody else may write the same one at the same moment; and so may this write, whose answer was lost.
        """
        if entry.judged == judged.judged:
            return entry
        if changed := self._change(entry, judged):
            return changed
        found = self._table.get(key_of(entry.communication))
        return entry_of(found) if found else entry

    def _changed(self, before: Entry, after: Entry | None) -> Entry | None:
        return self._change(before, after) if after else None

    def _change(self, before: Entry, after: Entry) -> Entry | None:
        return after if self.write_over([(before, after)]) else None

    def write_over(self, changes: Iterable[tuple[Entry, Entry]], *beside: Write) -> bool:
        """Write entries over those that were read, and what waits for a person with them; all of it, or nothing.

        What waits no more is taken from its group's number in the same moment, so that it is right wherever a function
        is killed. What begins to wait ``conclude`` adds, once for each run.

        False where one had changed, or a condition of what is written beside them fails. At most a hundred writes: two
        for each that waits, and one for each group.
        """
        writes: list[Write] = list(beside)
        left: Counter[str] = Counter()
        for before, after in changes:
            left[group_of(before)] += before.state is State.MANUAL and after.state is not State.MANUAL
            condition, operands = "#state = :was AND #updated = :read", {"was": before.state, "read": before.updated}
            writes.append(_difference(before, after, condition, operands))
            if before.state is State.MANUAL:
                writes.append(Delete(waiting_key(before)))
            if after.state is State.MANUAL:
                writes.append(Put(waiting_key(after), _waiting_item(after)))
        writes += [Update(Key(GROUPS, name), added={"count": -count}) for name, count in left.items() if count]
        return self._table.write_together(*writes) if len(writes) > 1 else self._table.write(writes[0]).done


def key_of(communication: Communication) -> Key:
    """Give what a communication's item is found by: a partition each."""
    return Key(communication.key, SORT_KEY)


def group_of(entry: Entry) -> str:
    """Name the group in which it waits for a person: ``<source>/<status>/<reason>``, few of them and none personal."""
    error = re.sub(r"^[A-Z]+ \S+: ", "", entry.error or "came back each time")
    reason = re.sub(r"^HTTP \d+ ?", "", error) or "no reason"
    slug = re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-")[:60]
    return f"{entry.communication.source}/{(entry.error and entry.http_status) or 'none'}/{slug}"


def waiting_key(entry: Entry) -> Key:
    """Give the key of what stands for it among all that wait: by group, the oldest first."""
    return Key(f"{GROUPS}/{group_of(entry)}", f"{moment(entry.waiting_since)}#{entry.communication.key}")


def moment(seconds: float) -> str:
    """Give a time as the keys of what waits begin with it, in milliseconds: a text that sorts as times do."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _waiting_item(entry: Entry) -> Item:
    return {
        **entry.communication.to_json(),
        "attempts": entry.attempts,
        "error": entry.error,
        "httpStatus": entry.http_status,
        "runId": entry.run_id,
        "waitingSince": entry.waiting_since,
    }


def _difference(before: Entry, after: Entry, condition: str, operands: dict[str, Any]) -> Update:
    old, new = _attributes(before), to_item(after)
    if before.history:  # as it was read, and so as it is there
        old["history"] = list(map(list, before.history))
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    gone = sorted(old.keys() - new.keys())
    return Update(key_of(after.communication), changed, condition, operands, removed=gone, returns="NONE")


def _alive(entry: Entry) -> Entry | None:
    return None if entry.is_over(clock.now()) else entry


_ALWAYS = {
    "state": "state",
    "attempts": "attempts",
    "number": "number",
    "lease_owner": "leaseOwner",
    "lease_until": "leaseUntil",
    "not_before": "notBefore",
    "tried": "tried",
    "run_id": "runId",
    "first_seen": "firstSeen",
    "updated": "updated",
}
"""Fields that every item has, by attribute: conditions ask for some of them."""

_WHERE_SET = {
    "turned_away": "turnedAway",
    "tries": "tries",
    "claims": "claims",
    "outcome": "outcome",
    "http_status": "httpStatus",
    "error": "error",
    "judged": "judged",
    "waiting_since": "waitingSince",
    "expiry": "expiry",
}

JUDGED = (
    "pk",
    "operation",
    "source",
    "state",
    "attempts",
    "leaseOwner",
    "leaseUntil",
    "notBefore",
    "tried",
    "outcome",
    "firstSeen",
    "expiry",
)
"""The attributes that :func:`redrive.ledger_rules.judge` and the order of a run ask for, and the gauges."""

CLAIMED = ("source", "operation", "state", "leaseOwner", "leaseUntil", "runId", "updated", "expiry")
"""The attributes that a claim sets; the others it leaves as they are."""


def to_item(entry: Entry) -> Item:
    """Give an entry's attributes but its key, from which the id and its space are read."""
    item = _attributes(entry)
    if entry.history:
        stays = {name: value for name, value in item.items() if name not in _LONGEST_CLAIM}
        room = MAX_ITEM - _KEPT_FREE - size(stays | {"pk": entry.communication.key})
        item["history"] = _that_fit(entry.history, room)
    return item


def _attributes(entry: Entry) -> Item:
    item: Item = dict(zip(_ALWAYS.values(), _always_of(entry), strict=True))
    item |= {name: value for name, value in zip(_WHERE_SET.values(), _set_of(entry), strict=True) if value}
    item |= {"operation": entry.communication.operation, "source": entry.communication.source}
    if entry.body:
        item["body"] = list(entry.body)
    return item


_always_of, _set_of = attrgetter(*_ALWAYS), attrgetter(*_WHERE_SET)

_LONGEST_CLAIM = {
    "claims": 9999,
    "leaseOwner": "x" * 31,
    "runId": "x" * 25,
    "body": ["x" * 64, "x" * 128, 1.5e9 + 1e-6],
}
"""What the next claim may write; it cannot shorten the history."""

_KEPT_FREE = size(_LONGEST_CLAIM | {"sk": SORT_KEY, "history": []})
"""Bytes of an item for what is in all of them, and for the next claim."""


def _that_fit(history: Sequence[Event], room: int) -> list[list[Any]]:
    """Give the newest events that there is room for; the last one in any case, if need be with less of its detail."""
    kept: list[list[Any]] = []
    for event in reversed(history):
        row = list(event)
        over = size({"": row}) + 1 - room
        if over > 0:
            if not kept:
                row[-1] = _short(event.detail, max(len(event.detail.encode()) - over, 0))
                kept.append(row)
            break
        room = -over
        kept.append(row)
    return kept[::-1]


def _short(text: str, most: int = MAX_TEXT) -> str:
    """Cut a text to so many bytes."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def entry_of(item: Item) -> Entry:
    """Read an entry from its item; what was not asked for is as in an empty one."""
    space, primary_id = str(item["pk"]).split(":", 1)
    id_space = "" if space == item["operation"] else space
    body = item.get("body")
    outcome, status = item.get("outcome"), item.get("httpStatus")
    return Entry(
        communication=Communication(primary_id, item["operation"], item["source"], id_space),
        state=State(item["state"]),
        attempts=int(item["attempts"]),
        number=int(item.get("number", 1)),
        body=Body(*body) if body else None,
        lease_owner=item["leaseOwner"],
        lease_until=item["leaseUntil"],
        not_before=item["notBefore"],
        tried=item["tried"],
        turned_away=item.get("turnedAway", 0),
        tries=int(item.get("tries", 0)),
        claims=int(item.get("claims", 0)),
        outcome=OutcomeKind(outcome) if outcome else None,
        http_status=int(status) if status else None,
        error=item.get("error"),
        run_id=item.get("runId", ""),
        judged=item.get("judged", ""),
        first_seen=item.get("firstSeen", 0),
        updated=item.get("updated", 0),
        waiting_since=item.get("waitingSince", 0),
        expiry=item.get("expiry", 0),
        history=tuple(Event(*event) for event in item.get("history", ())),
    )
