"""What AWS's DynamoDB refuses is refused here, also from clients that check nothing; capacity counts as there."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.local.emulated import Aws


def s(text: str) -> dict[str, str]:
    return {"S": text}


def n(number: float) -> dict[str, str]:
    return {"N": str(number)}


def key(name: str = "a") -> dict[str, Any]:
    return {"pk": s(name), "sk": s("b")}


@pytest.fixture(scope="module")
def client(aws: Aws) -> Any:
    """Give a client as the functions have it: it checks no parameters."""
    client = aws.client("dynamodb", parameter_validation=False)
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    client.put_item(TableName="t", Item={**key(), "attempts": n(1), "said": s("x"), "state": s("manual")})
    return client


def refused(client: Any, operation: str, **asked: Any) -> tuple[str, str, dict[str, Any]]:
    """Make a request that is refused and give (code, message, the whole answer)."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**asked)
    answer: dict[str, Any] = error.value.response  # type: ignore[assignment]
    return answer["Error"]["Code"], answer["Error"]["Message"], answer


V = {":v": s("v")}
SET = {"UpdateExpression": "SET m = :v", "ExpressionAttributeValues": V}
PK = {"KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": V}
NUMBER = {"pk": n(1), "sk": s("b")}


def update(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "update_item", {"TableName": "t", "Key": key(), **SET, **changes}


def query(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "query", {"TableName": "t", **PK, **changes}


def put(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "put_item", {"TableName": "t", "Item": {**key("put"), **changes.pop("item", {})}, **changes}


def get(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "get_item", {"TableName": "t", "Key": key(), **changes}


def transact(*actions: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    named = [{kind: {"TableName": "t", **asked} for kind, asked in action.items()} for action in actions]
    return "transact_write_items", {"TransactItems": named}


def batch_get(*keys: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    return "batch_get_item", {"RequestItems": {"t": {"Keys": list(keys), **more}}}


def batch_write(*items: Any) -> tuple[str, dict[str, Any]]:
    return "batch_write_item", {"RequestItems": {"t": [{"PutRequest": {"Item": item}} for item in items]}}


def many(count: int) -> list[dict[str, Any]]:
    return [key(str(number)) for number in range(count)]


REFUSED = {
    # the key
    "a number where the key is a text": (get(Key=NUMBER), "key element does not match the schema"),
    "the same in a batch": (batch_get(NUMBER), "key element does not match the schema"),
    "the same in a transaction": (transact({"Update": {"Key": NUMBER, **SET}}), "key element does not match"),
    "a key without its sort key": (get(Key={"pk": s("a")}), "key element does not match the schema"),
    "an item without its sort key": (batch_write({"pk": s("a")}), "Missing the key sk in the item"),
    "a start without its sort key": (query(ExclusiveStartKey={"pk": s("v")}), "does not match the schema"),
    # values
    "an item over 400 KB": (put(item={"x": s("x" * 409_600)}), "Item size has exceeded the maximum allowed size"),
    "a number that is none": (update(ExpressionAttributeValues={":v": {"N": "NaN"}}), "cannot be converted"),
    "two types": (put(item={"x": {"N": "1", "S": "a"}}), "more than one datatypes set"),
    "no type": (put(item={"x": {"L": [{}]}}), "Supplied AttributeValue is empty"),
    # expressions
    "a value that is not used": (query(ExpressionAttributeValues={**V, ":u": s("")}), "unused in expressions"),
    "a name that is not used": (update(ExpressionAttributeNames={"#u": "u"}), "unused in expressions: keys: {#u}"),
    "values without an expression": (put(ExpressionAttributeValues=V), "unused in expressions: keys: {:v}"),
    "a value that is not defined": (update(ConditionExpression="said = :w"), "is not defined: :w"),
    "a name in a projection that is not": (batch_get(key(), ProjectionExpression="#w"), "is not defined: #w"),
    "an empty condition": (put(ConditionExpression=""), "Invalid ConditionExpression: The expression can not be empty"),
    "no names": (update(ExpressionAttributeNames={}), "must not be empty"),
    "a reserved word in a path": (update(UpdateExpression="SET a.state = :v"), "reserved keyword: state"),
    "in a query": (query(KeyConditionExpression="name = :v"), "reserved keyword: name"),
    "a syntax error": (update(ConditionExpression="said == :v"), "Syntax error"),
    # numbers
    "no key": (batch_get(), "min length: 1"),
    "26 writes": (batch_write(*many(26)), "Too many items requested for the BatchWriteItem call"),
    "a limit of nothing": (query(Limit=0), "valid min value: 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_aws_refuses(client: Any, name: str) -> None:
    (operation, asked), words = REFUSED[name]
    code, message, _ = refused(client, operation, **asked)
    assert code == "ValidationException"
    assert words in message


@pytest.mark.parametrize("value", [{"N": 5}, {"M": {"a": {"L": [{"N": 5}]}}}])
def test_a_value_that_is_not_json_of_its_type_is_refused(client: Any, value: dict[str, Any]) -> None:
    operation, asked = put(item={"x": value})
    assert refused(client, operation, **asked)[0] == "SerializationException"


def test_a_transaction_is_all_or_nothing_and_says_which_condition_failed(client: Any) -> None:
    failing = {**SET, "ConditionExpression": "attempts > :n", "ExpressionAttributeValues": {**V, ":n": n(9)}}
    changed = {"Update": {"Key": key(), **failing, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    operation, asked = transact({"Put": {"Item": key("new")}}, changed)
    code, _, answer = refused(client, operation, **asked)
    assert code == "TransactionCanceledException"
    nothing, reason = answer["CancellationReasons"]
    assert (nothing["Code"], reason["Code"], reason["Item"]["attempts"]) == ("None", "ConditionalCheckFailed", n(1))
    assert "Item" not in client.get_item(TableName="t", Key=key("new"))


def test_a_transaction_puts_changes_and_deletes(client: Any) -> None:
    client.put_item(TableName="t", Item=key("deleted"))
    checked = {"Key": key("nobody"), "ConditionExpression": "attribute_not_exists(pk)"}
    changes = [
        {"Put": {"Item": key("put")}},
        {"Update": {"Key": key("changed"), **SET}},
        {"Delete": {"Key": key("deleted")}},
    ]
    operation, asked = transact(*changes, {"ConditionCheck": checked})
    getattr(client, operation)(**asked)
    found = {name: client.get_item(TableName="t", Key=key(name)).get("Item") for name in ("put", "changed", "deleted")}
    assert found == {"put": key("put"), "changed": {**key("changed"), "m": s("v")}, "deleted": None}


# What is consumed


@pytest.fixture
def units(aws: Aws, client: Any) -> Any:
    """Give what makes a request and tells what all clients have consumed since: units to read and to write."""

    def told() -> tuple[float, float]:
        found = requests.get(f"{aws.endpoint}/_local/faults", timeout=10).json()["units"]
        return found["read"], found["write"]

    def ask(operation: str, asked: dict[str, Any]) -> tuple[float, float]:
        read, write = told()
        getattr(client, operation)(**asked)
        return told()[0] - read, told()[1] - write

    return ask


# pk + a + sk + b + x are 7 bytes: what is missing to 1 KB is 1,017
KB = 1017


def test_a_write_consumes_a_unit_for_each_kilobyte_of_the_larger_item(units: Any) -> None:
    big = {**key("w"), "x": s("x" * KB)}
    assert units(*put(item=big)) == (0, 1)
    assert units(*put(item={**big, "x": s("x" * (KB + 1))})) == (0, 2)
    assert units(*put(item=key("w"))) == (0, 2)  # it was larger before
    assert units(*update(Key=key("w"), ExpressionAttributeValues={":v": s("x" * 3000)})) == (0, 3)
    assert units("delete_item", {"TableName": "t", "Key": key("w")}) == (0, 3)


def test_numbers_lists_and_maps_count_as_the_developer_guide_says(units: Any) -> None:
    # x: 1 + number of 4 digits 3; y: 1 + 3 for the list + (1 + 1) + (1 + 2) + map 1 + 3 + (1 + 1 + 1) for its boolean
    item = {**key("s"), "x": {"N": "-1234000"}, "y": {"L": [{"NULL": True}, s("ab"), {"M": {"z": {"BOOL": True}}}]}}
    rest = 1024 - (6 + 4 + 16 + 1)
    assert units(*put(item={**item, "p": s("x" * rest)})) == (0, 1)
    assert units(*put(item={**item, "p": s("x" * (rest + 1))})) == (0, 2)


def test_a_transaction_consumes_twice_as_much_as_its_writes_and_a_batch_the_same(units: Any) -> None:
    items = [{**key("x1"), "x": s("x" * 1500)}, key("x2")]
    assert units(*transact(*({"Put": {"Item": item}} for item in items))) == (0, 6)
    assert units(*batch_write(*items)) == (0, 3)


def test_a_read_consumes_a_unit_for_each_four_kilobytes_or_half_where_it_is_eventual(client: Any, units: Any) -> None:
    client.put_item(TableName="t", Item={**key("r"), "x": s("x" * 5000)})
    assert units(*get(Key=key("r"))) == (1, 0)
    assert units(*get(Key=key("r"), ConsistentRead=True)) == (2, 0)
    assert units(*get(Key=key("nobody"))) == (0.5, 0)
    assert units(*batch_get(key("r"), key("a"), key("nobody"))) == (1 + 0.5 + 0.5, 0)


def test_a_query_consumes_what_it_finds_together_also_where_it_only_counts(client: Any, units: Any) -> None:
    for number in range(4):
        client.put_item(TableName="t", Item={"pk": s("q"), "sk": s(str(number)), "x": s("x" * 3000)})
    asked = query(ExpressionAttributeValues={":v": s("q")})
    counting = query(ExpressionAttributeValues={":v": s("q")}, Select="COUNT", Limit=3)
    assert units(*asked) == (1.5, 0)
    assert units(*counting) == (1.5, 0)
    counted = client.query(**counting[1])
    assert (counted["Count"], counted["LastEvaluatedKey"]["sk"], counted.get("Items")) == (3, s("2"), None)
    assert units("scan", {"TableName": "t"}) == (0, 0)  # with which tests look at everything
