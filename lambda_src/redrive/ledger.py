"""The ledger's table: one DynamoDB item per communication, changed by conditional writes only."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive import clock
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger_rules import Claim, Entry, Event, Refusal, Refused, State, WaitingFor, cooldown_seconds, judge
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WAITING_INDEX = "waiting"
KEYS_PER_READ = 100
"""Keys in one BatchGetItem (API reference)."""

MAX_READS = 8
"""How often keys that a throttled table left out are asked for again."""

SECONDS_PER_DAY = 86400
FAR_FUTURE = 10**11
"""Seconds since 1970 that no cooldown reaches."""

MAY_CLAIM = (
    "attribute_not_exists(communication) OR ("
    "#state IN (:attempting, :requeued, :delivered, :released) AND (leaseUntil <= :now OR leaseOwner = :owner) AND "
    "(#state IN (:attempting, :released) OR "
    "(leaseOwner <> :owner AND attempts < :max AND notBefore <= :cool AND concludedAt <= :listed)))"
)
"""What :func:`redrive.ledger_rules.judge` says, for the table to check in the same moment as it writes."""

OWN_LEASE = "#state = :attempting AND leaseOwner = :owner"

NEWS: dict[str, Any] = {"communication": {"S": "#news"}}
"""The one item that is no communication: no operation is called so."""

NO_EXPIRY = ("expiry",)
"""What a person must look at, or has forbidden, is not forgotten by itself."""


@dataclass(frozen=True)
class Updated:
    """Whether a conditional write was made, and the entry after it; else as it was, None where there is none."""

    done: bool
    entry: Entry | None


@dataclass(frozen=True)
class Waiting:
    """A page of what waits; ``next`` asks for the page after it, None at the end."""

    entries: tuple[Entry, ...]
    next: str | None


@cache
def dynamodb() -> DynamoDBClient:
    """Give the sandbox's client; it retries throttling with backoff and jitter (botocore's standard mode).

    It gives up well before a function's time does: a table that does not answer is told in words.
    """
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 5})
    return boto3.client("dynamodb", config=config)


class Ledger:
    """The table, as the functions use it."""

    def __init__(self, client: DynamoDBClient, settings: LedgerSettings) -> None:
        self._client = client
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
        found = self._update(
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
        return self._update(
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
        self._update(
            claim.communication,
            condition=OWN_LEASE,
            operands={"attempting": State.ATTEMPTING, "owner": claim.owner},
            values={"error": error, "httpStatus": None, "updated": clock.now(), **over},
        )

    def exhaust(self, entry: Entry, owner: str, run_id: str) -> Entry:
        """Make a communication manual whose attempts are used up, if they still are; give how it stands then."""
        now = clock.now()
        found = self._update(
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
        return self._update(
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
        found = self._update(
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
        found = self._update(
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
            found = {entry.communication: entry for entry in self._read_batch(batch)}
            by_key = {_name(communication): entry for communication, entry in found.items()}
            yield from ((communication, by_key.get(_name(communication))) for communication in batch)

    def show(self, communication: Communication) -> Entry | None:
        """Look one up, with its history."""
        with _errors_in_words():
            answer = self._client.get_item(TableName=self._settings.table, Key=_key(communication), ConsistentRead=True)
        return _entry(answer["Item"]) if "Item" in answer else None

    def waiting(
        self,
        waiting_for: WaitingFor,
        start: str | None = None,
        limit: int | None = None,
        until: float = FAR_FUTURE,
    ) -> Waiting:
        """List what waits for a person or for delivery, the oldest first, a page at a time.

        Parameters
        ----------
        start
            ``next`` of the page before.
        limit
            How many at most.
        until
            Only what waits since then at least, in seconds since 1970.

        Raises
        ------
        ConfigurationError
            ``start`` is no such text.
        """
        request: dict[str, Any] = {
            "TableName": self._settings.table,
            "IndexName": WAITING_INDEX,
            "KeyConditionExpression": "waitingFor = :for AND waitingSince <= :until",
            "ExpressionAttributeValues": _serialize({":for": waiting_for, ":until": until}),
        }
        if start:
            request["ExclusiveStartKey"] = _start_key(start)
        if limit:
            request["Limit"] = limit
        with _errors_in_words():
            answer = self._client.query(**request)
        following = answer.get("LastEvaluatedKey")
        return Waiting(tuple(map(_entry, answer["Items"])), json.dumps(following) if following else None)

    def add_news(self, news: Mapping[str, int]) -> None:
        """Keep counts until the next notification tells them."""
        with _errors_in_words():
            self._client.update_item(
                TableName=self._settings.table,
                Key=NEWS,
                UpdateExpression="ADD " + ", ".join(f"#{name} :{name}" for name in news),
                ExpressionAttributeNames={f"#{name}": name for name in news},
                ExpressionAttributeValues=_serialize({f":{name}": count for name, count in news.items()}),
            )

    def take_news(self) -> dict[str, int]:
        """Give the counts kept so far, and keep them no longer."""
        with _errors_in_words():
            answer = self._client.delete_item(TableName=self._settings.table, Key=NEWS, ReturnValues="ALL_OLD")
        return {name: int(value["N"]) for name, value in answer.get("Attributes", {}).items() if "N" in value}

    def _manual(self, now: float) -> dict[str, Any]:
        return {"state": State.MANUAL, "waitingFor": WaitingFor.PERSON, "waitingSince": now, "leaseUntil": 0}

    def _expiry(self, now: float) -> int:
        """DynamoDB deletes an item some time after this; it wants whole seconds (TTL, developer guide)."""
        return int(now + self._settings.retention_days * SECONDS_PER_DAY)

    def _update(
        self,
        communication: Communication,
        *,
        condition: str,
        operands: Mapping[str, Any],
        values: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        removed: tuple[str, ...] = (),
        event: Event | None = None,
    ) -> Updated:
        """Write to an item if it fulfils a condition.

        Parameters
        ----------
        condition, operands
            An expression in which ``:name`` is an operand, and ``#name`` an attribute whose name DynamoDB reserves.
        values, defaults, removed
            Attributes to set, to set where there are none yet, and to remove.
        event
            Something to add to the history.
        """
        defaults = defaults or {}
        parameters = {f":{name}": value for name, value in operands.items()}
        parameters |= {f":set_{name}": value for name, value in {**values, **defaults}.items()}
        sets = [f"#{name} = :set_{name}" for name in values]
        sets += [f"#{name} = if_not_exists(#{name}, :set_{name})" for name in defaults]
        if event:
            sets.append("history = list_append(if_not_exists(history, :nothing), :event)")
            parameters |= {":nothing": [], ":event": [dataclasses.asdict(event)]}
        update = "SET " + ", ".join(sets)
        if removed:
            update += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        try:
            with _errors_in_words():
                answer = self._client.update_item(
                    TableName=self._settings.table,
                    Key=_key(communication),
                    ConditionExpression=condition,
                    UpdateExpression=update,
                    ExpressionAttributeNames={
                        f"#{name}": name for name in re.findall(r"#(\w+)", f"{condition} {update}")
                    },
                    ExpressionAttributeValues=_serialize(parameters),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item = cast("dict[str, Any]", error.response).get("Item")
            return Updated(False, _entry(item) if item else None)
        return Updated(True, _entry(answer["Attributes"]))

    def _read_batch(self, communications: tuple[Communication, ...]) -> Iterator[Entry]:
        keys = [_key(communication) for communication in communications]
        for attempt in itertools.count():
            with _errors_in_words():
                answer = self._client.batch_get_item(
                    RequestItems={
                        self._settings.table: {
                            "Keys": keys,
                            "ProjectionExpression": ", ".join(f"#{name}" for name in _JUDGED),
                            "ExpressionAttributeNames": {f"#{name}": name for name in _JUDGED},
                            "ConsistentRead": True,
                        }
                    }
                )
            yield from map(_entry, answer["Responses"][self._settings.table])
            unprocessed = answer["UnprocessedKeys"].get(self._settings.table)
            if not unprocessed:
                return
            if attempt == MAX_READS:
                raise LedgerUnavailable("the ledger's table is throttled")
            keys = list(unprocessed["Keys"])
            time.sleep(random.uniform(0, min(5.0, 0.05 * 2**attempt)))  # noqa: S311 (full jitter)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Turn DynamoDB's errors into the package's own, but for a condition that was not fulfilled."""
    try:
        yield
    except BotoCoreError as error:
        raise LedgerUnavailable(f"the ledger's table: {type(error).__name__}") from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise
        if code in _NOT_FOR_A_RETRY:
            raise ConfigurationError(f"the ledger's table: {code}") from None
        raise LedgerUnavailable(f"the ledger's table: {code}") from None


_NOT_FOR_A_RETRY = frozenset({"AccessDeniedException", "ResourceNotFoundException", "ValidationException"})

_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()

_JUDGED = (
    "primaryId",
    "operation",
    "source",
    "state",
    "attempts",
    "concluded",
    "leaseOwner",
    "leaseUntil",
    "notBefore",
    "concludedAt",
    "outcome",
)
"""The attributes that :func:`redrive.ledger_rules.judge` asks for, and what a dry run tells besides."""


def _name(communication: Communication) -> str:
    return f"{communication.operation}:{communication.primary_id}"


def _key(communication: Communication) -> dict[str, Any]:
    return {"communication": {"S": _name(communication)}}


def _start_key(text: str) -> dict[str, Any]:
    """Read what a page gave as ``next``."""
    try:
        key = json.loads(text)
    except ValueError:
        key = None
    if not isinstance(key, dict) or key.keys() != {"communication", "waitingFor", "waitingSince"}:
        raise ConfigurationError("event.next: must be what the answer before gave as next")
    return key


def _serialize(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _SERIALIZER.serialize(_plain(value)) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """Give what boto3 can serialize: it knows decimals, not floats."""
    if isinstance(value, float):
        return Decimal(repr(round(value, 3)))
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _entry(item: Mapping[str, Any]) -> Entry:
    found = {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}
    numbers = {name: float(value) for name, value in found.items() if isinstance(value, Decimal)}
    return Entry(
        communication=Communication(found["primaryId"], found["operation"], found["source"]),
        state=State(found["state"]),
        attempts=int(numbers.get("attempts", 0)),
        concluded=int(numbers.get("concluded", 0)),
        lease_owner=found.get("leaseOwner", ""),
        lease_until=numbers.get("leaseUntil", 0),
        not_before=numbers.get("notBefore", 0),
        concluded_at=numbers.get("concludedAt", 0),
        opened=numbers.get("opened", 0),
        run_id=found.get("runId", ""),
        outcome=OutcomeKind(found["outcome"]) if "outcome" in found else None,
        http_status=int(numbers["httpStatus"]) if "httpStatus" in numbers else None,
        error=found.get("error"),
        first_seen=numbers.get("firstSeen", 0),
        updated=numbers.get("updated", 0),
        waiting_since=numbers.get("waitingSince"),
        history=tuple(
            Event(float(event["at"]), event["what"], event["by"], event["detail"]) for event in found.get("history", ())
        ),
    )
