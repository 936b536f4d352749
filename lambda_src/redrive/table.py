"""The module's table in DynamoDB: items by their key, changed by conditional writes. What they mean is others'."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws
from redrive.errors import ConfigurationError, LedgerUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS_PER_READ = 100
"""Keys in one BatchGetItem (API reference)."""

ITEMS_PER_WRITE = 25
"""Items in one BatchWriteItem (API reference)."""

MAX_TRIES = 8
"""How often what a throttled table left out of a batch is asked for again."""

Item = dict[str, Any]


class Key(NamedTuple):
    """What an item is found by."""

    pk: str
    sk: str


class Updated(NamedTuple):
    """Whether a conditional write was made, and the item after it; else as it was, None where there is none.

    After an update that returns something else (:attr:`Update.returns`), the item is that.
    """

    done: bool
    item: Item | None


class Update(NamedTuple):
    """A write to one item, if it fulfils a condition.

    Attributes
    ----------
    condition, operands
        An expression in which ``:name`` is an operand, and ``#name`` the attribute of that name, or of another that
        ``names`` gives for it.
    values, defaults, added, removed
        Attributes to set, to set where there are none yet, to add numbers to, and to remove. A name may hold any
        character.
    returns
        Whether the item is wanted as it is afterwards, or as it was, empty where there was none; to read it takes an
        eighth of the write's time.
    """

    key: Key
    values: Mapping[str, Any] = MappingProxyType({})
    condition: str = ""
    operands: Mapping[str, Any] = MappingProxyType({})
    defaults: Mapping[str, Any] = MappingProxyType({})
    added: Mapping[str, float] = MappingProxyType({})
    removed: Sequence[str] = ()
    names: Mapping[str, str] = MappingProxyType({})
    returns: Literal["ALL_NEW", "ALL_OLD", "NONE"] = "ALL_NEW"

    def request(self, table: str) -> dict[str, Any]:
        """Give the API's parameters."""
        changed = self.values, self.defaults, self.added
        text, names = _expression(*map(tuple, changed), tuple(self.removed), self.condition, tuple(self.names.items()))
        operands = {f":{name}": value for name, value in self.operands.items()}
        values = itertools.chain.from_iterable(of.values() for of in changed)
        operands |= {f":v{number}": value for number, value in enumerate(values)}
        request: dict[str, Any] = {
            "TableName": table,
            "Key": written(self.key),
            "UpdateExpression": text,
            "ExpressionAttributeNames": dict(names),
        }
        return request | _optional(ConditionExpression=self.condition, ExpressionAttributeValues=serialized(operands))


class Put(NamedTuple):
    """A new item, over whatever is there, if that fulfils a condition."""

    key: Key
    item: Mapping[str, Any]
    condition: str = ""
    operands: Mapping[str, Any] = MappingProxyType({})

    def request(self, table: str) -> dict[str, Any]:
        """Give the API's parameters."""
        return _conditional(self, table) | {"Item": written(self.key) | serialized(self.item)}


class Delete(NamedTuple):
    """The end of an item, if it fulfils a condition."""

    key: Key
    condition: str = ""
    operands: Mapping[str, Any] = MappingProxyType({})

    def request(self, table: str) -> dict[str, Any]:
        """Give the API's parameters."""
        return _conditional(self, table) | {"Key": written(self.key)}


Write = Update | Put | Delete


class Page(NamedTuple):
    """Some items of a partition, in order; ``last`` asks for those after them, None at the end."""

    items: tuple[Item, ...]
    last: str | None


@cache
def dynamodb() -> DynamoDBClient:
    """Give the sandbox's client; it retries throttling with backoff and jitter (botocore's standard mode).

    It gives up well before a function's time does: a table that does not answer is said in words. What it is asked is
    made here: to check a hundred keys against the API's model took it a quarter of the time.
    """
    retries: Any = {"mode": "standard", "total_max_attempts": 5}
    config = Config(connect_timeout=2, read_timeout=3, retries=retries, parameter_validation=False)
    found: DynamoDBClient = aws.client("dynamodb", config)
    return found


class Table:
    """The table's reads and writes.

    Every method raises ``LedgerUnavailable`` where the table does not answer, and ``ConfigurationError`` where there is
    none, or it may not be used.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def write(self, write: Write) -> Updated:
        """Make one write, unless its condition fails."""
        methods: dict[type[Write], Callable[..., Any]] = {
            Update: self._client.update_item,
            Put: self._client.put_item,
            Delete: self._client.delete_item,
        }
        request = write.request(self._name) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if isinstance(write, Update):
            request["ReturnValues"] = write.returns
        try:
            with _errors_in_words():
                answer = methods[type(write)](**request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item = cast("dict[str, Any]", error.response).get("Item")
            return Updated(False, read(item) if item else None)
        return Updated(True, read(answer.get("Attributes", {})))

    def write_together(self, *writes: Write) -> bool:
        """Make several writes to different items, or none of them where a condition fails."""
        actions: list[Any] = [{type(write).__name__: write.request(self._name)} for write in writes]
        for attempt in itertools.count():
            try:
                with _errors_in_words():
                    self._client.transact_write_items(TransactItems=actions)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = cast("dict[str, Any]", error.response).get("CancellationReasons", [])
                if "ConditionalCheckFailed" in {reason.get("Code") for reason in reasons}:
                    return False
                _again(attempt)  # somebody else's transaction, or throttling
            else:
                return True
        raise AssertionError

    def get(self, key: Key) -> Item | None:
        """Read an item, as it is after every write before."""
        with _errors_in_words():
            answer = self._client.get_item(TableName=self._name, Key=written(key), ConsistentRead=True)
        return read(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Key], attributes: Sequence[str] = ()) -> Iterator[Item]:
        """Read the items that are there, in any order, a hundred with each request."""
        rest = iter(keys)
        names = {f"#a{number}": name for number, name in enumerate(attributes)}
        projection = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}
        while asked := [written(key) for key in itertools.islice(rest, KEYS_PER_READ)]:
            for attempt in itertools.count():
                with _errors_in_words():
                    request: Any = {self._name: {"Keys": asked, "ConsistentRead": True, **projection}}
                    answer = self._client.batch_get_item(RequestItems=request)
                yield from map(read, answer["Responses"].get(self._name, ()))
                unprocessed = answer.get("UnprocessedKeys", {}).get(self._name)
                if not unprocessed:
                    break
                _again(attempt)
                asked = list(unprocessed["Keys"])

    def put_many(self, items: Iterable[tuple[Key, Mapping[str, Any]]]) -> None:
        """Write items, 25 with each request, over whatever is there."""
        rest = iter(items)
        while some := list(itertools.islice(rest, ITEMS_PER_WRITE)):
            asked: Any = [{"PutRequest": {"Item": written(key) | serialized(item)}} for key, item in some]
            for attempt in itertools.count():
                with _errors_in_words():
                    answer = self._client.batch_write_item(RequestItems={self._name: asked})
                unprocessed = answer.get("UnprocessedItems", {}).get(self._name)
                if not unprocessed:
                    break
                _again(attempt)
                asked = unprocessed

    def query(
        self,
        pk: str,
        *,
        after: str | None = None,
        start: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Page:
        """Read a part of a partition, in the order of its sort key.

        Parameters
        ----------
        after
            ``last`` of the page before.
        start, until
            The first sort key that is meant, or the first one that is left out; not both.
        """
        request = self._part_of(pk, after, start, until) | {"ScanIndexForward": not newest_first}
        if limit:
            request["Limit"] = limit
        with _errors_in_words():
            answer = self._client.query(**request)
        return Page(tuple(map(read, answer["Items"])), _last(answer))

    def count(
        self, pk: str, limit: int, *, after: str | None = None, until: str | None = None
    ) -> tuple[int, str | None]:
        """Count a part of a partition, up to a limit; gives what asks for the rest, as :meth:`query`."""
        with _errors_in_words():
            answer = self._client.query(**self._part_of(pk, after, None, until), Select="COUNT", Limit=limit)
        return answer["Count"], _last(answer)

    def _part_of(self, pk: str, after: str | None, start: str | None, until: str | None) -> dict[str, Any]:
        bounds = [" AND sk >= :bound"] if start else [" AND sk < :bound"] if until else []
        operands: dict[str, Any] = {":pk": pk} | ({":bound": start or until} if bounds else {})
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "".join(["pk = :pk", *bounds]),
            "ExpressionAttributeValues": serialized(operands),
            "ConsistentRead": True,
        }
        return request | ({"ExclusiveStartKey": written(Key(pk, after))} if after else {})

    def all_of(self, pk: str) -> Iterator[Item]:
        """Read a whole partition, in the order of its sort key."""
        after = None
        while True:
            page = self.query(pk, after=after)
            yield from page.items
            after = page.last
            if not after:
                return


@lru_cache(maxsize=64)
def _expression(
    values: tuple[str, ...],
    defaults: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    condition: str,
    given: tuple[tuple[str, str], ...],
) -> tuple[str, dict[str, str]]:
    """Give an update's expression, and its condition's and its own names; kept, for a sandbox makes the same few.

    The values' operands are ``:v0`` and so on, in the order of the attributes.
    """
    names = {f"#{name}": dict(given).get(name, name) for name in _named(condition)}
    operands = (f":v{number}" for number in itertools.count())

    def placeholder(name: str) -> str:
        found = f"#{name}" if re.fullmatch(r"[A-Za-z0-9_]+", name) else f"#n{len(names)}"
        names[found] = name
        return found

    sets = [f"{placeholder(name)} = {next(operands)}" for name in values]
    sets += [f"{(own := placeholder(name))} = if_not_exists({own}, {next(operands)})" for name in defaults]
    adds = [f"{placeholder(name)} {next(operands)}" for name in added]
    removes = [placeholder(name) for name in removed]
    clauses = {"SET": sets, "ADD": adds, "REMOVE": removes}
    return " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts), names


def _named(condition: str) -> list[str]:
    """Give what a condition names by ``#name``."""
    return re.findall(r"#(\w+)", condition)


def written(key: Key) -> dict[str, Any]:
    """Write a key as DynamoDB does."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def serialized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write attributes as DynamoDB does."""
    return {name: _written(value) for name, value in values.items()}


def read(item: Mapping[str, Any]) -> Item:
    """Read attributes as DynamoDB writes them; numbers as floats."""
    return {name: _read(value) for name, value in item.items()}


def size(item: Mapping[str, Any]) -> int:
    """Give the bytes that DynamoDB counts for an item, or one or two more (developer guide, "item sizes")."""
    return sum(_size(name) + _size(value) for name, value in item.items())


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value if value.isascii() else value.encode())
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int | float):
        return len(repr(round(value, 6))) // 2 + 2
    if isinstance(value, Mapping):
        return 3 + len(value) + size(value)
    return 3 + sum(1 + _size(item) for item in value)


def _written(value: Any) -> dict[str, Any]:
    """Write a value; of a time not more than microseconds: slots of 500 requests a second are 2 ms apart."""
    if isinstance(value, str):
        return {"S": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(round(value, 6))}
    if isinstance(value, Mapping):
        return {"M": serialized(value)}
    return {"L": [_written(item) for item in value]}


def _read(value: Mapping[str, Any]) -> Any:
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


def _conditional(write: Put | Delete, table: str) -> dict[str, Any]:
    operands = serialized({f":{name}": value for name, value in write.operands.items()})
    names = {f"#{name}": name for name in _named(write.condition)}
    return {"TableName": table} | _optional(
        ConditionExpression=write.condition, ExpressionAttributeValues=operands, ExpressionAttributeNames=names
    )


def _optional(**parameters: Any) -> dict[str, Any]:
    """Leave out what is empty: DynamoDB refuses it."""
    return {name: value for name, value in parameters.items() if value}


def _last(answer: Mapping[str, Any]) -> str | None:
    last = answer.get("LastEvaluatedKey")
    return str(last["sk"]["S"]) if last else None


def _again(attempt: int) -> None:
    """Wait before a next try, longer each time."""
    if attempt == MAX_TRIES:
        raise LedgerUnavailable("the ledger's table is throttled")
    time.sleep(random.uniform(0, min(5.0, 0.05 * 2**attempt)))  # noqa: S311 (full jitter)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Turn DynamoDB's errors into the package's own, but for conditions that were not fulfilled."""
    try:
        yield
    except BotoCoreError as error:
        raise LedgerUnavailable(f"the ledger's table: {type(error).__name__}") from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            raise
        if code in _NOT_FOR_A_RETRY:
            raise ConfigurationError(f"the ledger's table: {code}") from None
        raise LedgerUnavailable(f"the ledger's table: {code}") from None


_NOT_FOR_A_RETRY = frozenset({"AccessDeniedException", "ResourceNotFoundException", "ValidationException"})
