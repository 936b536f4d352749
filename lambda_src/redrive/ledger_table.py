"""The ledger's table in DynamoDB: one item per communication, changed by conditional writes only."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger_rules import Entry, Event, State, WaitingFor
from redrive.models import Communication, OutcomeKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WAITING_INDEX = "waiting"
KEYS_PER_READ = 100
"""Keys in one BatchGetItem (API reference)."""

MAX_READS = 8
"""How often keys that a throttled table left out are asked for again."""

FAR_FUTURE = 10**11
"""Seconds since 1970 that no cooldown reaches."""

NEWS: dict[str, Any] = {"communication": {"S": "#news"}}
"""The one item that is no communication: no operation is called so."""


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

    It gives up well before a function's time does: a table that does not answer is told in words. What it is asked is
    made here: to check a hundred keys against the API's model took it a quarter of the time.
    """
    retries: Any = {"mode": "standard", "total_max_attempts": 5}
    config = Config(connect_timeout=2, read_timeout=3, retries=retries, parameter_validation=False)
    found: DynamoDBClient = aws.client("dynamodb", config)
    return found


class LedgerTable:
    """The table's reads and writes; what they mean is the ledger's.

    Parameters
    ----------
    name
        Of the table.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._table = name

    def update(
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
                    TableName=self._table,
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

    def read_batch(self, communications: tuple[Communication, ...]) -> Iterator[Entry]:
        """Look up a hundred at most, all of them however often the table leaves some out; without their history."""
        keys: list[dict[str, Any]] = [{"communication": {"S": key}} for key in map(key_of, communications)]
        for attempt in itertools.count():
            with _errors_in_words():
                answer = self._client.batch_get_item(
                    RequestItems={
                        self._table: {
                            "Keys": keys,
                            "ProjectionExpression": _PROJECTION,
                            "ExpressionAttributeNames": _PROJECTED,
                            "ConsistentRead": True,
                        }
                    }
                )
            yield from map(_entry, answer["Responses"][self._table])
            unprocessed = answer["UnprocessedKeys"].get(self._table)
            if not unprocessed:
                return
            if attempt == MAX_READS:
                raise LedgerUnavailable("the ledger's table is throttled")
            keys = list(unprocessed["Keys"])
            time.sleep(random.uniform(0, min(5.0, 0.05 * 2**attempt)))  # noqa: S311 (full jitter)

    def show(self, communication: Communication) -> Entry | None:
        """Look one up, with its history."""
        with _errors_in_words():
            answer = self._client.get_item(TableName=self._table, Key=_key(communication), ConsistentRead=True)
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
            "TableName": self._table,
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
                TableName=self._table,
                Key=NEWS,
                UpdateExpression="ADD " + ", ".join(f"#{name} :{name}" for name in news),
                ExpressionAttributeNames={f"#{name}": name for name in news},
                ExpressionAttributeValues=_serialize({f":{name}": count for name, count in news.items()}),
            )

    def take_news(self) -> dict[str, int]:
        """Give the counts kept so far, and keep them no longer."""
        with _errors_in_words():
            answer = self._client.delete_item(TableName=self._table, Key=NEWS, ReturnValues="ALL_OLD")
        return {name: int(value["N"]) for name, value in answer.get("Attributes", {}).items() if "N" in value}


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

_PROJECTION, _PROJECTED = ", ".join(f"#{name}" for name in _JUDGED), {f"#{name}": name for name in _JUDGED}


def key_of(communication: Communication) -> str:
    """Give what a communication's item is found by: an operation cannot hold a colon, so it is unambiguous."""
    return f"{communication.operation}:{communication.primary_id}"


def _key(communication: Communication) -> dict[str, Any]:
    return {"communication": {"S": key_of(communication)}}


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
    return {name: _written(value) for name, value in values.items()}


def _written(value: Any) -> dict[str, Any]:
    """Write a value as DynamoDB does; of a time not more than milliseconds."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, int | float):
        return {"N": repr(round(value, 3))}
    if isinstance(value, Mapping):
        return {"M": _serialize(value)}
    return {"L": [_written(item) for item in value]}


def _read(value: Mapping[str, Any]) -> Any:
    """Read a value as DynamoDB writes it; numbers as floats."""
    [(kind, content)] = value.items()
    match kind:
        case "N":
            return float(content)
        case "NULL":
            return None
        case "L":
            return [_read(item) for item in content]
        case "M":
            return {name: _read(item) for name, item in content.items()}
    return content


def _entry(item: Mapping[str, Any]) -> Entry:
    found = {name: _read(value) for name, value in item.items()}
    return Entry(
        communication=Communication(found["primaryId"], found["operation"], found["source"]),
        state=State(found["state"]),
        attempts=int(found.get("attempts", 0)),
        concluded=int(found.get("concluded", 0)),
        lease_owner=found.get("leaseOwner", ""),
        lease_until=found.get("leaseUntil", 0),
        not_before=found.get("notBefore", 0),
        concluded_at=found.get("concludedAt", 0),
        opened=found.get("opened", 0),
        run_id=found.get("runId", ""),
        outcome=OutcomeKind(found["outcome"]) if "outcome" in found else None,
        http_status=None if found.get("httpStatus") is None else int(found["httpStatus"]),
        error=found.get("error"),
        first_seen=found.get("firstSeen", 0),
        updated=found.get("updated", 0),
        waiting_since=found.get("waitingSince"),
        history=tuple(
            Event(event["at"], event["what"], event["by"], event["detail"]) for event in found.get("history", ())
        ),
    )
