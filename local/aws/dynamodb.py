"""DynamoDB: what AWS refuses and moto takes, and the capacity that a request consumes.

Requests are checked as a client with parameter validation would, and then by the rules of the API reference and of the
developer guide ("Constraints in Amazon DynamoDB", "Using expressions", "DynamoDB item sizes and formats", "DynamoDB
read and write operations"), as far as they concern what the module asks. moto judges the rest; what it breaks over is
told as a ValidationException.

Other than on AWS: an item may have 405,000 bytes, moto's limit, and not 409,600; a batch or a transaction any size; a
transaction that is sent again with its ClientRequestToken is carried out again. Binary values, sets, indexes and
filters are not checked, and count for nothing; a ConditionCheck counts as a write (AWS does not say), and what a
refused condition consumed is not counted. Clients are told moto's idea of what they consumed.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from decimal import Decimal, InvalidOperation
from functools import cache
from http import HTTPStatus
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords
from werkzeug.wrappers import Response

from local.aws import protocol
from local.aws.errors import Refusal

Pass = Callable[[bytes], Response]
Item = Mapping[str, Mapping[str, Any]]

READS = {"GetItem", "Query", "BatchGetItem"}
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
MOST_WRITES = 25
READ_UNIT_BYTES, WRITE_UNIT_BYTES, LARGEST_ITEM_BYTES = 4096, 1024, 409_600

EXPRESSIONS = [f"{kind}Expression" for kind in ("Update", "Condition", "Filter", "KeyCondition", "Projection")]
TOKEN = re.compile(r"[#:]?\w+\b(?!\s*\()")  # all names but those of functions
KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
RESERVED = {*ReservedKeywords.get_reserved_keywords()} - KEYWORDS


def carry_out(
    operation: str, region: str, body: dict[str, Any], pass_on: Pass, consume: Callable[[str, float], None]
) -> Response:
    """Answer a request. One at a time: moto does not lock its tables.

    Parameters
    ----------
    pass_on
        Has moto answer it with a body.
    consume
        Gets what it consumed, ``read`` or ``write`` and the units; not of a Scan, with which tests look at everything.

    Raises
    ------
    Refusal
        ValidationException or SerializationException.
    """
    if operation not in READS | WRITES:
        return pass_on(json.dumps(body).encode())
    _check_shape(operation, body)
    backend = dynamodb_backends[protocol.ACCOUNT][region]
    tables = backend.tables
    parts = [(part, tables.get(part["TableName"].rpartition("/")[2])) for part in _parts(operation, body)]
    for part, table in parts:
        _check_expressions(part)
        _check_keys(part, table)
    if operation == "BatchWriteItem" and len(parts) > MOST_WRITES:
        raise invalid("Too many items requested for the BatchWriteItem call")
    before = [_stored(part, table) for part, table in parts]
    try:
        is_narrow = operation == "TransactWriteItems" and all(table for _, table in parts)
        with _only_what_is_concerned(backend, parts) if is_narrow else nullcontext(lambda: None) as write_back:
            asked = {name: value for name, value in body.items() if name != "Select"}
            response = pass_on(json.dumps(asked).encode())
    except Exception as reason:  # moto's readers of expressions raise whatever they run into
        raise invalid(f"Invalid expression: Syntax error; {reason}") from reason
    if response.status_code != HTTPStatus.OK:
        return response
    write_back()
    answered = json.loads(response.get_data())
    units = 0.0
    for (part, table), size_before in zip(parts, before, strict=True):
        is_query = operation == "Query"
        largest = sum(map(size, answered["Items"])) if is_query else max(size_before, _stored(part, table))
        units += _units(operation, largest, consistent=part.get("ConsistentRead", False))
    consume("read" if operation in READS else "write", units)
    if body.get("Select") == "COUNT":
        del answered["Items"]
    return protocol.answer(answered)


def size(item: Item) -> int:
    """Give an item's size in bytes ("DynamoDB item sizes and formats"); a number's is approximate there too."""
    return sum(len(name.encode()) + _size_of(value) for name, value in item.items())


def _size_of(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(_digits(Decimal(content)) / 2) + 1
        case "L":
            return 3 + sum(1 + _size_of(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size_of(each) for name, each in content.items())
    return 1  # BOOL, NULL


def _digits(number: Decimal) -> int:
    """Count significant digits: zeros on both sides are none."""
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))


def _parts(operation: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give what a request asks for each item, each with its TableName."""
    if operation == "BatchGetItem":
        for table, asked in body["RequestItems"].items():
            yield from ({**asked, "TableName": table, "Key": key} for key in asked["Keys"])
    elif operation == "BatchWriteItem":
        for table, requests in body["RequestItems"].items():
            yield from ({**inner, "TableName": table} for request in requests for inner in request.values())
    elif operation == "TransactWriteItems":
        for action in body["TransactItems"]:
            yield from action.values()
    else:
        yield body


def _check_shape(operation: str, body: dict[str, Any]) -> None:
    """Check what a client checks that has not switched off to do so."""
    report = ParamValidator().validate(body, _model().operation_model(operation).input_shape)
    if report.has_errors():
        wrong_type = report.generate_report().startswith("Invalid type")
        raise Refusal(400, "SerializationException" if wrong_type else "ValidationException", report.generate_report())


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("dynamodb")


def _check_keys(part: dict[str, Any], table: Table | None) -> None:
    """Check keys against the table's schema, and every value."""
    for place in ("Item", "Key", "ExclusiveStartKey", "ExpressionAttributeValues"):
        for value in part.get(place, {}).values():
            _check_value(value)
    if table is None:
        return
    types = _key_types(table)
    for place in {"Key", "ExclusiveStartKey"} & part.keys():
        if {name: next(iter(value)) for name, value in part[place].items()} != types:
            raise invalid("The provided key element does not match the schema")
    if "Item" in part:
        for name, kind in types.items():
            if name not in part["Item"]:
                raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
            if (actual := next(iter(part["Item"][name]))) != kind:
                mismatch = f"Type mismatch for key {name} expected: {kind} actual: {actual}"
                raise invalid(f"One or more parameter values were invalid: {mismatch}")
        if size(part["Item"]) > LARGEST_ITEM_BYTES:
            raise invalid("Item size has exceeded the maximum allowed size")


def _check_value(value: Mapping[str, Any]) -> None:
    if len(value) != 1:
        what = "has more than one datatypes set" if value else "is empty"
        raise invalid(f"Supplied AttributeValue {what}, must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    if kind == "N" and not _is_number(content):
        raise invalid(f"The parameter cannot be converted to a numeric value: {content}")
    for inner in {"L": content, "M": content.values() if kind == "M" else ()}.get(kind, ()):
        _check_value(inner)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _check_expressions(part: dict[str, Any]) -> None:
    """Check names and placeholders; moto checks the grammar."""
    names, values = part.get("ExpressionAttributeNames"), part.get("ExpressionAttributeValues")
    if {} in (names, values):
        raise invalid("ExpressionAttributeNames and ExpressionAttributeValues must not be empty")
    given, used = {*(names or ()), *(values or ())}, set[str]()
    for field, text in ((name, part[name]) for name in EXPRESSIONS if name in part):
        if not text.strip():
            raise invalid(f"Invalid {field}: The expression can not be empty;")
        for token in TOKEN.findall(text):
            used.add(token)
            if token[0] in "#:" and token not in given:
                raise invalid(f"Invalid {field}: An expression attribute used in it is not defined: {token}")
            if token.upper() in RESERVED:
                raise invalid(f"Invalid {field}: Attribute name is a reserved keyword; reserved keyword: {token}")
    if unused := ", ".join(given - used):
        raise invalid(f"Value provided in ExpressionAttributes unused in expressions: keys: {{{unused}}}")


def _key_types(table: Table) -> dict[str, str]:
    """Give the attributes of a table's key and their types."""
    types = {each["AttributeName"]: each["AttributeType"] for each in table.attr}
    return {name: types[name] for name in table.table_key_attrs}


def _key(part: dict[str, Any], table: Table) -> dict[str, Any]:
    place = part.get("Key") or part.get("Item") or {}
    return {name: place[name] for name in table.table_key_attrs if name in place}


def _stored(part: dict[str, Any], table: Table | None) -> int:
    """Give the size of the item that a part of a request is for; 0 where there is none."""
    if table is None or not (key := _key(part, table)):
        return 0
    item = table.get_item(*(DynamoType(value) for value in key.values()))  # type: ignore[arg-type]
    return size({name: value.to_regular_json() for name, value in item.attrs.items()}) if item else 0


@contextmanager
def _only_what_is_concerned(backend: Any, parts: list[tuple[dict[str, Any], Any]]) -> Iterator[Callable[[], None]]:
    """Let moto see no other items than those of a transaction: for each of its actions it copies the whole table.

    Gives what writes the items back.
    """
    tables, narrow, keys = backend.tables, dict[str, Any](), list[tuple[Table, list[DynamoType]]]()
    for part, table in parts:
        if table.name not in narrow:
            narrow[table.name] = copy.copy(table)
            narrow[table.name].items = defaultdict(dict)
        keys.append((table, [DynamoType(each) for each in _key(part, table).values()]))
        _bring(keys[-1][1], table, narrow[table.name])

    def write_back() -> None:
        for table, key in keys:
            _bring(key, narrow[table.name], table)

    backend.tables = narrow
    try:
        yield write_back
    finally:
        backend.tables = tables


def _bring(key: list[Any], source: Any, target: Any) -> None:
    """Make an item of one table what it is in the other."""
    item, (first, *rest) = source.get_item(*key), key
    where, name = (target.items[first], rest[0]) if rest else (target.items, first)
    if item is None:
        where.pop(name, None)
    else:
        where[name] = item


def _units(operation: str, largest: int, *, consistent: bool) -> float:
    """Count what an item consumes: at least one unit, twice as many in a transaction, half for an eventual read."""
    unit = READ_UNIT_BYTES if operation in READS else WRITE_UNIT_BYTES
    units = float(max(1, math.ceil(largest / unit)))
    if operation.startswith("Transact"):
        return 2 * units
    return units if consistent or operation not in READS else units / 2


def invalid(message: str) -> Refusal:
    """Refuse a request that breaks a rule of DynamoDB."""
    return Refusal(400, "ValidationException", message)
