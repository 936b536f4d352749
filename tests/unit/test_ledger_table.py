"""The table: writes under conditions, whatever attributes are called, and what a throttled table leaves out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.table import Delete, Key, Page, Put, Table, Update, Updated, read, serialized, size
from tests.unit.support import TableFront

KEY, OTHER = Key("a partition", "1"), Key("a partition", "2")
NAMES = ["n:emails", "probe:a.b", "state", "{}", "größe", "n0", "with space", "#", "size", "n:sms-2", "v0"]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would be waited for."""
    waited: list[float] = []
    monkeypatch.setattr("redrive.table.time.sleep", waited.append)
    return waited


def refuses(client: DynamoDBClient, operation: str, code: str, **more: Any) -> None:
    """Let an operation be refused from now on."""
    answer = SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": "refused"}, **more}
    client.meta.events.register(f"before-call.dynamodb.{operation}", lambda **_: answer)


# Writing


def test_attributes_may_be_called_anything(table: Table) -> None:
    table.write(Put(KEY, dict.fromkeys(NAMES, 1)))
    ordinary, added, removed, kept, new = NAMES[:3], NAMES[3:6], NAMES[6:8], NAMES[8:], ["d:one", "d2"]
    written = table.write(
        Update(
            KEY,
            dict.fromkeys(ordinary, "x"),
            "#state = :one AND #size = :one AND #odd = :one",
            {"one": 1},
            defaults=dict.fromkeys([*kept, *new], 5),
            added=dict.fromkeys(added, 2),
            removed=removed,
            names={"odd": "n:emails"},
        )
    )
    expected = dict.fromkeys(ordinary, "x") | dict.fromkeys(added, 3) | dict.fromkeys(kept, 1) | dict.fromkeys(new, 5)
    assert written == Updated(True, {**KEY._asdict(), **expected})
    assert table.get(KEY) == written.item


@pytest.mark.parametrize(
    "write",
    [
        Update(KEY, {"a": 1}, "#state = :x", {"x": "other"}),
        Put(KEY, {"a": 1}, "#state = :x", {"x": "other"}),
        Delete(KEY, "#state = :x", {"x": "other"}),
    ],
)
def test_a_write_whose_condition_fails_changes_nothing_and_shows_what_is_there(table: Table, write: Any) -> None:
    assert table.write(write) == Updated(False, None)
    item = {**KEY._asdict(), "state": "open"}
    table.write(Put(KEY, {"state": "open"}))
    assert table.write(write) == Updated(False, item)
    assert table.get(KEY) == item


def test_no_condition_of_a_test_passes_with_a_reserved_word(table: Table) -> None:
    """So each test of a condition of the ledger's shows also that its names are none (DynamoDB's list, in moto)."""
    for word in ("state", "number", "owner", "source", "ttl"):
        condition: Any = {"condition": f"{word} = :x", "operands": {"x": 1}}
        for write in (Update(KEY, {"a": 1}, **condition), Put(KEY, {"a": 1}, **condition), Delete(KEY, **condition)):
            with pytest.raises(ConfigurationError, match="ValidationException"):
                table.write(write)


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers(-(10**12), 10**12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert read(serialized({"value": value})) == {"value": value}


def test_a_time_is_kept_to_the_microsecond() -> None:
    assert read(serialized({"at": 1_800_000_000.1234567}))["at"] == 1_800_000_000.123457


def test_an_items_size_is_that_of_the_developer_guide() -> None:
    """Names and texts in UTF-8, a number a byte for two digits and one more, 3 bytes for a list and 1 an element."""
    assert size({"pk": "é", "done": True, "none": None}) == 2 + 2 + 4 + 1 + 4 + 1
    assert 3 <= size({"n": 1234}) <= 5
    assert size({"l": ["ab", "c"]}) == 1 + 3 + 2 * 1 + 3
    assert size({"m": {"k": "v"}}) == 1 + 3 + 1 + 2


# Writing together


def test_writes_together_are_made_all_or_none(table: Table) -> None:
    is_new = "attribute_not_exists(pk)"
    assert table.write_together(Put(KEY, {"a": 1}, is_new), Update(OTHER, {"b": 2}))
    assert not table.write_together(Update(OTHER, {"b": 3}), Put(KEY, {"a": 2}, is_new))
    assert (table.get(KEY) or {})["a"] == 1
    assert (table.get(OTHER) or {})["b"] == 2
    assert table.write_together(Delete(KEY, "#a = :a", {"a": 1}), Delete(OTHER))
    assert table.query(KEY.pk) == Page((), None)


def test_writes_together_are_tried_again_beside_anothers(
    table: Table, client: DynamoDBClient, waits: list[float]
) -> None:
    conflict = (
        SimpleNamespace(status_code=400),
        {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": "TransactionConflict"}]},
    )
    answers = itertools.chain([conflict, conflict], itertools.repeat(None))
    client.meta.events.register("before-call.dynamodb.TransactWriteItems", lambda **_: next(answers))
    assert table.write_together(Put(KEY, {"a": 1}), Put(OTHER, {"b": 2}))
    assert table.get(OTHER) is not None
    assert len(waits) == 2


def test_writes_together_that_never_come_through_are_no_failed_condition(table: Table, client: DynamoDBClient) -> None:
    reasons = [{"Code": "ThrottlingError"}, {"Code": "None"}]
    refuses(client, "TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons)
    with pytest.raises(LedgerUnavailable, match="throttled"):
        table.write_together(Put(KEY, {"a": 1}), Put(OTHER, {"b": 2}))


# Many


def keys(count: int) -> list[Key]:
    return [Key(f"partition {number}", "x") for number in range(count)]


def test_many_are_written_25_and_read_100_at_a_time(table: Table, client: DynamoDBClient) -> None:
    front = TableFront(client)
    table.put_many((key, {"state": "open", "of no interest": 1}) for key in keys(230))
    assert front.calls == ["BatchWriteItem"] * 10
    found = list(table.get_many([*keys(230), Key("nothing", "x")], ("pk", "state")))
    assert sorted(item["pk"] for item in found) == sorted(key.pk for key in keys(230))
    assert {tuple(sorted(item)) for item in found} == {("pk", "state")}
    assert front.calls[10:] == ["BatchGetItem"] * 3


def test_keys_that_a_throttled_table_left_out_are_asked_for_again(table: Table, client: DynamoDBClient) -> None:
    table.put_many((key, {"a": 1}) for key in keys(8))
    front = TableFront(client)

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        found = parsed["Responses"]["ledger"]
        if left_out := found[3:]:
            parsed["Responses"]["ledger"] = found[:3]
            parsed["UnprocessedKeys"] = {"ledger": {"Keys": [{k: item[k] for k in ("pk", "sk")} for item in left_out]}}

    client.meta.events.register("after-call.dynamodb.BatchGetItem", leave_out)
    assert {item["pk"] for item in table.get_many(keys(8), ("pk", "sk"))} == {key.pk for key in keys(8)}
    assert [len(body["RequestItems"]["ledger"]["Keys"]) for _, body in front.requests] == [8, 5, 2]
    assert all("ProjectionExpression" in body["RequestItems"]["ledger"] for _, body in front.requests)


def test_items_that_a_throttled_table_left_out_are_written_again(table: Table, client: DynamoDBClient) -> None:
    front = TableFront(client)

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        asked = front.requests[-1][1]["RequestItems"]["ledger"]
        if asked[3:]:
            parsed["UnprocessedItems"] = {"ledger": asked[3:]}

    client.meta.events.register("after-call.dynamodb.BatchWriteItem", leave_out)
    table.put_many((key, {"a": 1}) for key in keys(8))
    assert [len(body["RequestItems"]["ledger"]) for _, body in front.requests] == [8, 5, 2]


@pytest.mark.parametrize(
    ("operation", "left_out", "ask"),
    [
        ("BatchGetItem", "UnprocessedKeys", lambda table: list(table.get_many([KEY]))),
        ("BatchWriteItem", "UnprocessedItems", lambda table: table.put_many([(KEY, {})])),
    ],
)
def test_a_table_that_leaves_out_everything_is_throttled(
    table: Table,
    client: DynamoDBClient,
    waits: list[float],
    operation: str,
    left_out: str,
    ask: Callable[[Table], Any],
) -> None:
    def leave_all_out(parsed: dict[str, Any], **_: Any) -> None:
        rest: Any = [serialized(KEY._asdict())]
        parsed.update(Responses={}, **{left_out: {"ledger": {"Keys": rest} if operation == "BatchGetItem" else rest}})
        if operation == "BatchWriteItem":
            parsed[left_out]["ledger"] = [{"PutRequest": {"Item": rest[0]}}]

    client.meta.events.register(f"after-call.dynamodb.{operation}", leave_all_out)
    with pytest.raises(LedgerUnavailable, match="throttled"):
        ask(table)
    assert len(waits) == 8
    assert max(waits) <= 5


# Reading in order


def test_a_partition_is_read_in_pages_in_either_direction(table: Table) -> None:
    table.put_many((Key("p", str(number)), {}) for number in range(5))
    table.write(Put(Key("another", "9"), {}))

    def sort_keys(page: Page) -> str:
        return "".join(item["sk"] for item in page.items)

    first = table.query("p", limit=2)
    assert (sort_keys(first), sort_keys(table.query("p", after=first.last))) == ("01", "234")
    newest = table.query("p", limit=2, newest_first=True)
    assert (sort_keys(newest), sort_keys(table.query("p", after=newest.last, newest_first=True))) == ("43", "210")
    assert sort_keys(table.query("p", until="3")) == "012"
    assert sort_keys(table.query("p", start="3")) == "34"
    counts = [table.count("p", 9), table.count("p", 9, after="1"), table.count("p", 9, until="3")]
    assert counts == [(5, None), (3, None), (3, None)]
    assert table.count("p", 2) == (2, "1")
    assert table.query("nothing") == Page((), None)
    assert table.query("p").last is None


def test_a_whole_partition_is_read_page_by_page(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.put_many((Key("p", str(number)), {}) for number in range(5))
    query = table.query
    monkeypatch.setattr(table, "query", lambda pk, after: query(pk, after=after, limit=2))
    assert [item["sk"] for item in table.all_of("p")] == list("01234")


# Errors

CALLS: dict[str, Callable[[Table], Any]] = {
    "GetItem": lambda table: table.get(KEY),
    "UpdateItem": lambda table: table.write(Update(KEY, {"a": 1})),
    "PutItem": lambda table: table.write(Put(KEY, {"a": 1})),
    "DeleteItem": lambda table: table.write(Delete(KEY)),
    "TransactWriteItems": lambda table: table.write_together(Delete(KEY), Delete(OTHER)),
    "BatchGetItem": lambda table: list(table.get_many([KEY])),
    "BatchWriteItem": lambda table: table.put_many([(KEY, {})]),
    "Query": lambda table: [table.query("p"), table.count("p", 9)],
}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ProvisionedThroughputExceededException", LedgerUnavailable),
        ("TransactionConflictException", LedgerUnavailable),
        ("AccessDeniedException", ConfigurationError),
        ("ResourceNotFoundException", ConfigurationError),
    ],
)
def test_what_the_table_refuses_is_an_error_in_words(
    table: Table, client: DynamoDBClient, code: str, error: type[Exception]
) -> None:
    for operation, call in CALLS.items():
        refuses(client, operation, code)
        with pytest.raises(error, match=f"^the ledger's table: {code}$"):
            call(table)


def test_a_table_that_is_not_reached_is_an_error_in_words(table: Table, client: DynamoDBClient) -> None:
    def no_connection(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    client.meta.events.register("before-call.dynamodb", no_connection)
    for call in CALLS.values():
        with pytest.raises(LedgerUnavailable, match=r"^the ledger's table: EndpointConnectionError$"):
            call(table)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(min_size=1, max_size=6).filter(lambda n: n not in ("pk", "sk")), unique=True, min_size=4))
def test_any_four_names_are_changed_and_nothing_else(table: Table, names: list[str]) -> None:
    one, two, three, four = names[:4]
    table.write(Put(KEY, {one: 1, two: 1, three: 1}))
    found = table.write(Update(KEY, {one: "x"}, added={two: 1}, removed=[three], defaults={four: "y"})).item
    assert found == {**KEY._asdict(), one: "x", two: 2, four: "y"}
