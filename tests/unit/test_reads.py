"""However much the table holds, what a person looks at takes three reads of it at most, and soon answers."""

from __future__ import annotations

import bisect
import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from console_operate import handler as console_operate
from console_view import handler as console_view
from redrive.ledger import GROUPS, moment
from redrive.table import dynamodb, serialized, size
from tests.unit.desk import WHO, Later, invoke
from tests.unit.support import Context, TableFront
from tests.unit.test_console import OPERATE, VIEW, as_function, event

MANY = 100_000
PAGE_BYTES = 1_000_000
"""What one Query reads at most is 1 MB (developer guide, "paginating table query results")."""

READS = {"Query", "GetItem", "BatchGetItem", "Scan"}
FEW_GROUPS = {"email/410/gone": 59_999, "email/422/unknown-address": 40_000, "sms/410/gone": 1}
MANY_GROUPS = {
    f"email/422/{number:05}-of-an-api-that-says-each-time-another-thing-at-length": 20 for number in range(MANY // 20)
}
BEGAN = 1_760_000_000.0


class Heap:
    """Answers Query of partitions that moto would take minutes to fill, as DynamoDB does: by key, page by page."""

    def __init__(self, client: DynamoDBClient, partitions: dict[str, list[dict[str, Any]]]) -> None:
        self._rows = partitions
        self._keys = {pk: [item["sk"] for item in items] for pk, items in partitions.items()}
        client.meta.events.register("before-call.dynamodb", self._answer)  # after the front, which counts

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        asked = json.loads(params["body"])
        values = {
            name: value["S"] for name, value in asked.get("ExpressionAttributeValues", {}).items() if "S" in value
        }
        pk = values.get(":pk", "")
        if model.name != "Query" or pk not in self._rows:
            return None
        condition, keys = asked["KeyConditionExpression"], self._keys[pk]
        assert condition in ("pk = :pk", "pk = :pk AND sk >= :bound", "pk = :pk AND sk < :bound")
        first, end = 0, len(keys)
        if ">=" in condition:
            first = bisect.bisect_left(keys, values[":bound"])
        if "<" in condition:
            end = bisect.bisect_left(keys, values[":bound"])
        last, is_forward = asked.get("ExclusiveStartKey"), asked.get("ScanIndexForward", True)
        if last and is_forward:
            first = max(first, bisect.bisect_right(keys, last["sk"]["S"]))
        elif last:
            end = min(end, bisect.bisect_left(keys, last["sk"]["S"]))
        numbers = range(first, end) if is_forward else range(end - 1, first - 1, -1)
        return SimpleNamespace(status_code=200), self._page(pk, numbers, asked)

    def _page(self, pk: str, numbers: range, asked: dict[str, Any]) -> dict[str, Any]:
        found, read = list[dict[str, Any]](), 0
        for number in numbers[: asked.get("Limit")]:
            item = {"pk": pk, **self._rows[pk][number]}
            read += size(item)
            if read > PAGE_BYTES:
                break
            found.append(item)
        answer: dict[str, Any] = {"Count": len(found), "ResponseMetadata": {"HTTPStatusCode": 200}}
        if asked.get("Select") != "COUNT":
            answer["Items"] = [serialized(item) for item in found]
        if len(found) < len(numbers):
            answer["LastEvaluatedKey"] = serialized({"pk": pk, "sk": found[-1]["sk"]})
        return answer


def waiting(group: str, first: int, count: int) -> list[dict[str, Any]]:
    source, status, reason = group.split("/")
    return [
        {
            "sk": f"{moment(BEGAN + number)}#send.{source}:{number:06}",
            "primaryId": f"{number:06}",
            "operation": f"send.{source}",
            "source": source,
            "attempts": 0.0,
            "error": f"POST /requeue: HTTP {status} {reason}",
            "httpStatus": float(status),
            "runId": "20261124T021500Z",
            "waitingSince": BEGAN + number,
        }
        for number in range(first, first + count)
    ]


@cache
def partitions(*, in_few_groups: bool) -> dict[str, list[dict[str, Any]]]:
    """A hundred thousand of everything: what waits, in few groups or in many; runs; and what people did."""
    made, first, directory = dict[str, list[dict[str, Any]]](), 0, list[dict[str, Any]]()
    for name, count in (FEW_GROUPS if in_few_groups else MANY_GROUPS).items():
        items = waiting(name, first, count)
        made[f"{GROUPS}/{name}"] = items
        first += count
        ids = [item["primaryId"] for item in items[:3]]
        oldest, newest = items[0]["waitingSince"], items[-1]["waitingSince"]
        about = {"operation": items[0]["operation"], "error": items[0]["error"], "lastRun": "20261124T021500Z"}
        directory.append({"sk": name, "count": float(count), "ids": ids, "oldest": oldest, "newest": newest, **about})
    done = {"what": "pause", "phase": "done", "by": "ann", "why": "why", "expiry": 4e9, "began": BEGAN}
    return made | {
        GROUPS: directory,
        "runs": [{"sk": f"run-{number:06}", "listed": 20.0, "lines": {"requeued": 20.0}} for number in range(MANY)],
        "actions": [{"sk": f"action-{number:06}", **done} for number in range(MANY)],
    }


@pytest.fixture(params=[True, False], ids=["three groups", "five thousand groups"])
def heap(request: pytest.FixtureRequest, front: TableFront, later: Later) -> Heap:
    return Heap(dynamodb(), partitions(in_few_groups=request.param))


LOOKS: list[tuple[str, dict[str, Any]]] = [
    ("groups", {}),
    ("list", {}),
    ("list", {"limit": 1000, "newestFirst": True}),
    ("list", {"source": "sms"}),
    ("list", {"error": "nothing like that"}),
    ("list", {"operation": "send.email", "olderThanSeconds": 3600}),
    ("list", {"group": "email/410/gone"}),
    ("list", {"group": "email/none/no-such-group"}),
    ("show", {"ids": ["000001", "nobody"]}),
    ("runs", {}),
    ("actions", {}),
    ("now", {}),
]


@pytest.mark.usefixtures("heap")
def test_no_answer_takes_more_than_three_reads_of_a_hundred_thousand(front: TableFront, context: Context) -> None:
    for action, order in LOOKS:
        following: str | None = None
        for _ in range(3):  # the first pages
            front.calls.clear()
            answer = invoke(context, action, **order, **({"next": following} if following else {}))
            reads = [call for call in front.calls if call in READS]
            assert 1 <= len(reads) <= 3, (action, order, reads)
            assert len(reads) == len(front.calls), "it only reads"
            assert len(json.dumps(answer)) < 4_000_000, "Lambda gives 6 MB"
            following = answer.get("next")
            if not following:
                break


@pytest.mark.usefixtures("heap")
def test_no_page_of_the_console_takes_more_than_three_reads_of_a_hundred_thousand(front: TableFront) -> None:
    for function, arn in ((console_view, VIEW), (console_operate, OPERATE)):
        as_function(function, arn)
        for said in ({}, {"page": "list"}, {"page": "list", "error": "gone"}, {"page": "runs"}, {"page": "actions"}):
            front.calls.clear()
            html = function.handler(event(**said), Context())  # type: ignore[arg-type]
            reads = [call for call in front.calls if call in READS]
            assert 1 <= len(reads) <= 3, (said, reads)
            assert len(html) < 300_000
            assert "Cut" in html or not said, said


@pytest.mark.usefixtures("heap")
def test_all_of_a_hundred_thousand_are_counted_in_the_background_and_confirmed_with_no_more_reads(
    front: TableFront, context: Context, later: Later
) -> None:
    def asked(action: str, **order: Any) -> dict[str, Any]:
        front.calls.clear()
        answer = invoke(context, action, **order)
        assert len([call for call in front.calls if call in READS]) <= 3
        return answer

    plan = asked("plan", what="discard", all=True)
    assert plan["state"] == "counting"
    later.come()
    assert asked("show", actionId=plan["actionId"])["action"]["count"] == MANY
    begun = asked("confirm", actionId=plan["actionId"], count=MANY, **WHO)
    assert begun["state"] == "checking"
    assert asked("plan", what="discard", error="nothing like that")["state"] in ("planned", "counting")
