"""What AWS's DynamoDB refuses is refused here, also from clients that check nothing; capacity counts as there."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tests.local.emulated import REGION, Aws


def s(text: str) -> dict[str, str]:
    return {"S": text}


def n(number: float) -> dict[str, str]:
    return {"N": str(number)}


def key(name: str = "a") -> dict[str, Any]:
    return {"pk": s(name), "sk": s("b")}


@pytest.fixture(scope="module")
def client(aws: Aws) -> Any:
    """Give a client as the functions have it: it checks no parameters."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=aws.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=boto3.session.Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "waits")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "waiting",
                "KeySchema": [{"AttributeName": "waits", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
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
    "the same in a query": (query(ExpressionAttributeValues={":v": n(1)}), "does not match schema type"),
    "the same in an item": (put(item=NUMBER), "Type mismatch for key pk expected: S actual: N"),
    "the same in a batch of items": (batch_write(NUMBER), "Type mismatch for key pk"),
    "the same in a transaction": (transact({"Update": {"Key": NUMBER, **SET}}), "key element does not match"),
    "a key without its sort key": (get(Key={"pk": s("a")}), "key element does not match the schema"),
    "an item without its sort key": (batch_write({"pk": s("a")}), "Missing the key sk in the item"),
    "the same item in a transaction": (transact({"Put": {"Item": {"pk": s("a")}}}), "Missing the key sk"),
    "a key with more than its attributes": (get(Key={**key(), "x": s("x")}), "key element does not match the schema"),
    "a start in another partition": (query(ExclusiveStartKey=key("z")), "outside query boundaries"),
    "a start without its sort key": (query(ExclusiveStartKey={"pk": s("v")}), "does not match the schema"),
    # values
    "an item over 400 KB": (put(item={"x": s("x" * 409_600)}), "Item size has exceeded the maximum allowed size"),
    "an update to over 400 KB": (update(ExpressionAttributeValues={":v": s("x" * 409_600)}), "exceeded the maximum"),
    "a number that is none": (update(ExpressionAttributeValues={":v": {"N": "NaN"}}), "cannot be converted"),
    "39 digits": (put(item={"x": {"N": "1" * 39}}), "more than 38 significant digits"),
    "two types": (put(item={"x": {"N": "1", "S": "a"}}), "more than one datatypes set"),
    "no type": (put(item={"x": {"L": [{}]}}), "Supplied AttributeValue is empty"),
    "a null that is none": (put(item={"x": {"NULL": False}}), "must have the value of true"),
    "an empty set": (update(ExpressionAttributeValues={":v": {"SS": []}}), "set may not be empty"),
    "twice the same in a set": (put(item={"x": {"SS": ["a", "a"]}}), "contains duplicates"),
    # expressions
    "a value that is not used": (
        query(ExpressionAttributeValues={**V, ":u": s("")}),
        "unused in expressions: keys: {:u}",
    ),
    "a name that is not used": (update(ExpressionAttributeNames={"#u": "u"}), "unused in expressions: keys: {#u}"),
    "the same in a put": (
        put(ConditionExpression="attribute_exists(pk)", ExpressionAttributeValues=V),
        "unused in expressions: keys: {:v}",
    ),
    "the same in a transaction's update": (
        transact({"Update": {"Key": key(), **SET, "ExpressionAttributeValues": {**V, ":u": s("")}}}),
        "unused in expressions: keys: {:u}",
    ),
    "a value that is not defined": (update(ConditionExpression="said = :w"), "attribute value: :w"),
    "the same in a filter": (query(FilterExpression="x = :w"), "attribute value: :w"),
    "a name that is not defined": (update(ConditionExpression="attribute_exists(#w)"), "attribute name: #w"),
    "the same in a projection": (batch_get(key(), ProjectionExpression="#w"), "attribute name: #w"),
    "an empty condition": (put(ConditionExpression=""), "Invalid ConditionExpression: The expression can not be empty"),
    "an empty update": (update(UpdateExpression=" "), "Invalid UpdateExpression: The expression can not be empty"),
    "no names": (update(ExpressionAttributeNames={}), "ExpressionAttributeNames must not be empty"),
    "values without an expression": (put(ExpressionAttributeValues=V), "can only be specified when using expressions"),
    "a reserved word in an update": (update(UpdateExpression="SET state = :v"), "reserved keyword: state"),
    "in a condition": (update(ConditionExpression="attribute_exists(state)"), "reserved keyword: state"),
    "in a path": (update(UpdateExpression="SET a.state = :v"), "reserved keyword: state"),
    "in a projection": (batch_get(key(), ProjectionExpression="pk, state"), "reserved keyword: state"),
    "in a query": (query(KeyConditionExpression="name = :v"), "reserved keyword: name"),
    "a filter of the key": (query(FilterExpression="sk = :v"), "can only contain non-primary key attributes"),
    "bounds the wrong way round": (
        query(
            KeyConditionExpression="pk = :v AND sk BETWEEN :b AND :a",
            ExpressionAttributeValues={**V, ":a": s("a"), ":b": s("b")},
        ),
        "upper bound to be greater than or equal to lower bound",
    ),
    "an order of what has none": (
        update(ConditionExpression="said < :b", ExpressionAttributeValues={**V, ":b": {"BOOL": True}}),
        "Incorrect operand type",
    ),
    "a list appended that is none": (
        update(UpdateExpression="SET x = list_append(if_not_exists(x, :v), :v)"),
        "Incorrect operand type",
    ),
    "a syntax error": (update(ConditionExpression="said == :v"), "Syntax error"),
    "a function that there is not": (update(ConditionExpression="begins(said, :v)"), "Invalid expression"),
    "redundant parentheses": (update(ConditionExpression="((said = :v))"), "redundant parentheses"),
    "two changes of one attribute": (update(UpdateExpression="SET m = :v REMOVE m"), "Two document paths overlap"),
    "a change of the key": (update(UpdateExpression="SET pk = :v"), "This attribute is part of the key"),
    # numbers
    "101 keys": (batch_get(*many(101)), "Too many items requested for the BatchGetItem call"),
    "a key twice": (batch_get(key(), key()), "Provided list of item keys contains duplicates"),
    "no key": (batch_get(), "min length: 1"),
    "26 writes": (batch_write(*many(26)), "Too many items requested for the BatchWriteItem call"),
    "an item twice": (batch_write(key(), key()), "Provided list of item keys contains duplicates"),
    "101 actions": (transact(*({"Put": {"Item": item}} for item in many(101))), "Too many items"),
    "two actions on one item": (
        transact(
            {"Put": {"Item": key()}},
            {"ConditionCheck": {"Key": key(), "ConditionExpression": "attribute_exists(pk)"}},
        ),
        "cannot include multiple operations on one item",
    ),
    "a limit of nothing": (query(Limit=0), "valid min value: 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_aws_refuses(client: Any, name: str) -> None:
    (operation, asked), words = REFUSED[name]
    code, message, _ = refused(client, operation, **asked)
    assert code == "ValidationException"
    assert words in message


@pytest.mark.parametrize("value", [{"N": 5}, {"S": 5}, {"BOOL": "true"}, {"M": {"a": {"L": [{"N": 5}]}}}])
def test_a_value_that_is_not_json_of_its_type_is_refused(client: Any, value: dict[str, Any]) -> None:
    operation, asked = put(item={"x": value})
    assert refused(client, operation, **asked)[0] == "SerializationException"


def test_a_refused_condition_gives_the_item(client: Any) -> None:
    failing = {"ConditionExpression": "attempts > :n", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    values = {"ExpressionAttributeValues": {**V, ":n": n(9)}}
    for operation, asked in (
        update(**failing, **values),
        put(item=key(), **failing, ExpressionAttributeValues={":n": n(9)}),
    ):
        code, _, answer = refused(client, operation, **asked)
        assert code == "ConditionalCheckFailedException"
        assert answer["Item"]["attempts"] == n(1)


def test_a_transaction_is_all_or_nothing_and_says_which_condition_failed(client: Any) -> None:
    failing = {**SET, "ConditionExpression": "attempts > :n", "ExpressionAttributeValues": {**V, ":n": n(9)}}
    changed = {"Update": {"Key": key(), **failing, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    operation, asked = transact({"Put": {"Item": key("new")}}, changed)
    code, _, answer = refused(client, operation, **asked)
    assert code == "TransactionCanceledException"
    nothing, reason = answer["CancellationReasons"]
    assert (nothing["Code"], reason["Code"], reason["Item"]["attempts"]) == ("None", "ConditionalCheckFailed", n(1))
    operation, asked = transact(
        {"Put": {"Item": key("new")}}, {"Update": {"Key": key(), **SET, "UpdateExpression": "ADD said :v"}}
    )
    assert refused(client, operation, **asked)[0] in {"ValidationException", "TransactionCanceledException"}
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


def test_an_index_has_a_key_of_its_own(client: Any) -> None:
    client.put_item(TableName="t", Item={**key("indexed"), "waits": s("w")})
    asked: dict[str, Any] = {"TableName": "t", "IndexName": "waiting", "KeyConditionExpression": "waits = :w"}
    found = client.query(**asked, ExpressionAttributeValues={":w": s("w")}, FilterExpression="pk <> :w")
    assert [item["pk"] for item in found["Items"]] == [s("indexed")]
    assert client.query(**asked, ExpressionAttributeValues={":w": s("none")})["Items"] == []


def test_a_hundred_actions_are_one_transaction(client: Any) -> None:
    operation, asked = transact(*({"Put": {"Item": item}} for item in many(100)))
    assert getattr(client, operation)(**asked)["ResponseMetadata"]["HTTPStatusCode"] == 200


def units(client: Any, operation: str, asked: dict[str, Any], kind: str = "TOTAL") -> Any:
    """Make a request and give what it consumed."""
    return getattr(client, operation)(**asked, ReturnConsumedCapacity=kind)["ConsumedCapacity"]


# pk + a + sk + b + x are 7 bytes: what is missing to 1 KB is 1,017
KB = 1017


def test_a_write_consumes_a_unit_for_each_kilobyte_of_the_larger_item(client: Any) -> None:
    big = {**key("w"), "x": s("x" * KB)}
    assert units(client, *put(item=big)) == {"TableName": "t", "CapacityUnits": 1}
    assert units(client, *put(item={**big, "x": s("x" * (KB + 1))}))["CapacityUnits"] == 2
    assert units(client, *put(item=key("w")))["CapacityUnits"] == 2  # it was larger before
    assert units(client, *put(item=key("w")))["CapacityUnits"] == 1
    values = {":v": s("x" * 3000)}
    consumed = units(client, *update(Key=key("w"), ExpressionAttributeValues=values), kind="INDEXES")
    assert consumed == {"TableName": "t", "CapacityUnits": 3, "Table": {"CapacityUnits": 3}}
    assert units(client, "delete_item", {"TableName": "t", "Key": key("w")})["CapacityUnits"] == 3
    assert units(client, "delete_item", {"TableName": "t", "Key": key("w")})["CapacityUnits"] == 1


def test_numbers_lists_and_maps_count_as_the_developer_guide_says(client: Any) -> None:
    # x: 1 + number of 4 digits 3; y: 1 + 3 for the list + (1 + 1) + (1 + 2) + map 1 + 3 + (1 + 1 + 1) for its boolean
    item = {**key("s"), "x": {"N": "-1234000"}, "y": {"L": [{"NULL": True}, s("ab"), {"M": {"z": {"BOOL": True}}}]}}
    rest = 1024 - (6 + 4 + 16 + 1)
    assert units(client, *put(item={**item, "p": s("x" * rest)}))["CapacityUnits"] == 1
    assert units(client, *put(item={**item, "p": s("x" * (rest + 1))}))["CapacityUnits"] == 2


def test_a_transaction_consumes_twice_as_much(client: Any) -> None:
    actions = [{"Put": {"Item": {**key("x1"), "x": s("x" * 1500)}}}, {"Put": {"Item": key("x2")}}]
    operation, asked = transact(*actions)
    (consumed,) = units(client, operation, asked)
    assert consumed == {"TableName": "t", "CapacityUnits": 6, "WriteCapacityUnits": 6}


def test_a_batch_of_writes_consumes_what_its_writes_do(client: Any) -> None:
    (consumed,) = units(client, *batch_write(key("b1"), {**key("b2"), "x": s("x" * 1500)}))
    assert consumed["CapacityUnits"] == 3


def test_a_read_consumes_a_unit_for_each_four_kilobytes_or_half_where_it_is_eventual(client: Any) -> None:
    client.put_item(TableName="t", Item={**key("r"), "x": s("x" * 5000)})
    assert units(client, *get(Key=key("r")))["CapacityUnits"] == 1
    assert units(client, *get(Key=key("r"), ConsistentRead=True))["CapacityUnits"] == 2
    assert units(client, *get(Key=key("r"), ProjectionExpression="pk"))["CapacityUnits"] == 1
    assert units(client, *get(Key=key("nobody")))["CapacityUnits"] == 0.5
    keys = (key("r"), key("a"), key("nobody"))
    assert units(client, *batch_get(*keys))[0]["CapacityUnits"] == 1 + 0.5 + 0.5
    assert units(client, *batch_get(*keys, ConsistentRead=True))[0]["CapacityUnits"] == 2 + 1 + 1


def test_a_query_consumes_what_it_evaluates_together(client: Any) -> None:
    for number in range(4):
        client.put_item(TableName="t", Item={"pk": s("q"), "sk": s(str(number)), "x": s("x" * 3000), "k": n(number)})
    values = {":v": s("q"), ":k": n(3)}
    asked = query(FilterExpression="#k = :k", ExpressionAttributeNames={"#k": "k"}, ExpressionAttributeValues=values)
    assert client.query(**asked[1])["Count"] == 1
    assert units(client, *asked)["CapacityUnits"] == 1.5  # 12 KB, not the 3 KB that were found
    assert units(client, *query(ExpressionAttributeValues={":v": s("q")}, ConsistentRead=True))["CapacityUnits"] == 3
    assert units(client, *query(ExpressionAttributeValues={":v": s("q")}, Limit=1))["CapacityUnits"] == 0.5
    assert units(client, *query())["CapacityUnits"] == 0.5


def test_what_all_clients_consume_is_counted_as_a_bill_would_but_for_scans(aws: Aws, client: Any) -> None:
    def counted() -> tuple[float, float]:
        told = requests.get(f"{aws.endpoint}/_local/faults", timeout=10).json()["units"]
        return told["read"], told["write"]

    read, write = counted()
    client.put_item(TableName="t", Item={**key("counted"), "x": s("x" * 1500)})
    operation, asked = transact({"Put": {"Item": key("counted too")}})
    getattr(client, operation)(**asked)
    client.get_item(TableName="t", Key=key("counted"))
    client.query(**query(ExpressionAttributeValues={":v": s("counted")}, ConsistentRead=True)[1])
    client.scan(TableName="t")
    assert counted() == (read + 0.5 + 1, write + 2 + 2)


def test_nothing_is_told_of_capacity_unless_it_is_asked_for(client: Any) -> None:
    operation, asked = update(Key=key("quiet"))
    assert "ConsumedCapacity" not in getattr(client, operation)(**asked)
