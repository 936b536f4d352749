"""The server that a benchmark's client talks to: the application, DynamoDB, Step Functions and Secrets Manager in one.

``python -m bench.server --ready-file FILE`` serves HTTP on a free port of 127.0.0.1. Every answer that is timed was
made before it is asked for, so what is measured is the client: the server gives some 60,000 pages a second, where the
client reads at most 1,300. It is a measuring instrument, not a test double: no test believes what it says.

Of runs it knows those whose id ends with how many communications they have, in batches of 20, each with its tally and
none concluded: one in ten was turned away.

With ``--milliseconds`` it takes that long to requeue one, and ``GET /counted`` tells of all that was requeued, in
seconds of one clock: ``{"requests": [[start, end], …]}``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

from local.processes import announce

PAGE = 100
"""Communications on a page of the list: the module's default."""

SIZES = (1_000, 10_000, 100_000)
"""How long the lists are."""

KNOWN = 10
"""Every so-manieth communication is in the ledger: it was sent before and failed again."""

OPAQUE = 10**9
"""Added to what a token counts: a list whose tokens are seen to count is read twice."""

LIST = re.compile(rb"GET /failed/(\d+)\?(?:.*&)?cursor=(\d+)")
TARGET = re.compile(rb"\r\nx-amz-target: *(\S+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
FIRST_KEY = re.compile(rb'"send\.email:(\d+)"')
OF_A_RUN = re.compile(rb'"pk": ?{"S": ?"runs"}, ?"sk": ?{"S": ?"run-(\d+)"}')
KEY = re.compile(rb'"pk": ?{"S": ?"([^"]+)"}, ?"sk": ?{"S": ?"(\w+)"}')
SET = re.compile(r"(#\w+) = (?:if_not_exists\(#\w+, (:\w+)\)|(:\w+))")

BATCH_SIZE = 20
LISTED_AT = 1_764_000_000.0
FAR_FUTURE = 4_000_000_000
"""Seconds since 1970; no expiry that has passed."""

REQUEST = "request"
"""The lister's whose batches they are."""

ERROR = "POST /requeue: HTTP 503"


class Connection(asyncio.Protocol):
    """One kept connection; requests come one after the other.

    Parameters
    ----------
    seconds
        What it takes to requeue one.
    requeued
        Gets the start and the end of every requeue that takes a while.
    """

    def __init__(self, seconds: float, requeued: list[list[float]]) -> None:
        self._seconds, self._requeued = seconds, requeued
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = LENGTH.search(head)
            until = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < until:
                return
            body, self._received = self._received[end + 4 : until], self._received[until:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request: at once, but for one that takes a while."""
        if self._seconds and head.startswith(b"POST /requeue"):
            times = [time.monotonic()]
            self._requeued.append(times)
            asyncio.get_running_loop().call_later(self._seconds, self._accept, times)
        elif head.startswith(b"GET /counted"):
            self.transport.write(response({"requests": self._requeued}))
        else:
            self.transport.write(answer(head, body))

    def _accept(self, times: list[float]) -> None:
        times.append(time.monotonic())
        self.transport.write(ACCEPTED)


def answer(head: bytes, body: bytes) -> bytes:
    """Give the prepared answer to a request."""
    if target := TARGET.search(head):
        action = target[1].rpartition(b".")[2].decode()
        if action == "BatchGetItem":
            first = FIRST_KEY.search(body)
            return known_of_page(int(first[1])) if first else response(items_of_run(KEY.findall(body)))
        if action in ("GetItem", "UpdateItem") and (run := OF_A_RUN.search(body)):
            return response(record(action, int(run[1]), body))
        return AWS.get(action, UNKNOWN)
    if listed := LIST.match(head):
        return page(int(listed[1]), int(listed[2]) % OPAQUE)
    return ACCEPTED if head.startswith(b"POST /requeue") else NOT_FOUND


def response(body: Any, status: str = "200 OK") -> bytes:
    """Write an answer whole."""
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return headers.encode() + content


@cache
def page(total: int, start: int) -> bytes:
    """Give a page of the list, as the example application writes it."""
    items = [
        {
            "id": f"{number}",
            "status": "failed",
            "recipient": f"ada.{number}@customers.example",
            "created": "2026-11-24T02:15:00Z",
            "reason": "SMTP 451: mailbox busy, given up",
        }
        for number in range(start, min(start + PAGE, total))
    ]
    following = start + PAGE
    return response({"emails": items, "next_cursor": str(OPAQUE + following) if following < total else None})


@cache
def known_of_page(first: int) -> bytes:
    """Give what the ledger knows of a hundred communications."""
    entries = [entry(number) for number in range(first, first + PAGE) if number % KNOWN == 0]
    return response({"Responses": {"ledger": entries}, "UnprocessedKeys": {}})


def entry(number: int) -> dict[str, dict[str, str]]:
    """Give a communication that was requeued once, long ago, as far as the lister asks for it."""
    return {
        "pk": {"S": f"send.email:{number}"},
        "operation": {"S": "send.email"},
        "source": {"S": "email"},
        "state": {"S": "requeued"},
        "attempts": {"N": "1"},
        "leaseOwner": {"S": "20261123T021500Z/17"},
        "leaseUntil": {"N": "0"},
        "notBefore": {"N": "1764000000.123"},
        "tried": {"N": "1763999000.123"},
        "outcome": {"S": "requeued"},
        "expiry": {"N": str(FAR_FUTURE)},
    }


def claimed(primary_id: str = "1", run: str = "run") -> dict[str, Any]:
    """Give an item as it is after its first claim, whole."""
    texts = {"pk": f"send.email:{primary_id}", "sk": "communication", "operation": "send.email", "source": "email"}
    texts |= {"state": "open", "leaseOwner": f"{run}/1", "runId": run}
    numbers = {name: str(LISTED_AT) for name in ("leaseUntil", "updated", "firstSeen")} | {"expiry": str(FAR_FUTURE)}
    numbers |= dict.fromkeys(("notBefore", "tried", "attempts"), "0") | {"number": "1"}
    body = {"L": [{"S": "send.email"}, {"S": "communications-redrive"}, {"N": str(LISTED_AT)}]}
    of_kind = {"S": texts, "N": numbers}
    return {name: {kind: value} for kind, values in of_kind.items() for name, value in values.items()} | {"body": body}


def run_id(size: int) -> str:
    """Name a run of so many communications."""
    return f"run-{size}"


def record(action: str, size: int, body: bytes) -> dict[str, Any]:
    """Give a run's record as its lister left it; after an update with what that sets."""
    numbers = {"listedAt": LISTED_AT, "batches": size // BATCH_SIZE, "listed": size, "left": 0, "exhaustedBatches": 0}
    item: dict[str, Any] = {name: {"N": str(value)} for name, value in numbers.items()}
    item |= {"pk": {"S": "runs"}, "sk": {"S": run_id(size)}, "request": {"S": REQUEST}, "hasLock": {"BOOL": True}}
    if action == "GetItem":
        return {"Item": item}
    asked = json.loads(body)
    names, values = asked["ExpressionAttributeNames"], asked.get("ExpressionAttributeValues", {})
    for name, default, value in SET.findall(asked["UpdateExpression"]):
        item[names[name]] = values[default or value]
    return {"Attributes": item}


def items_of_run(keys: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Give batches of a run, their tallies, and the entries of those that were turned away."""
    items = [found for pk, sk in keys if (found := item_of_run(pk.decode(), sk.decode()))]
    return {"Responses": {"ledger": items}, "UnprocessedKeys": {}}


def item_of_run(pk: str, sk: str) -> dict[str, Any] | None:
    """Give an item of a run by its key: ``run/run-1000/17`` with ``batch`` or ``tally``, or ``send.email:1000-339``."""
    if sk == "communication":
        primary_id = pk.partition(":")[2]
        run = run_id(int(primary_id.partition("-")[0]))
        refused = {"outcome": {"S": "failed"}, "httpStatus": {"N": "503"}, "error": {"S": ERROR}}
        times = {"turnedAway": {"N": str(LISTED_AT + 2)}, "tried": {"N": str(LISTED_AT + 2)}}
        return claimed(primary_id, run) | {"leaseUntil": {"N": "0"}} | refused | times
    if sk not in ("batch", "tally"):
        return None
    _, run, number = pk.split("/")
    item: dict[str, Any] = {"pk": {"S": pk}, "sk": {"S": sk}, "expiry": {"N": str(FAR_FUTURE)}}
    if sk == "batch":
        first = (int(number) - 1) * BATCH_SIZE
        sends = [["email", f"{run.partition('-')[2]}-{each}"] for each in range(first, first + BATCH_SIZE)]
        packed = json.dumps([{"email": ["send.email", ""]}, sends])
        return item | {"request": {"S": REQUEST}, "sends": {"S": packed}}
    turned_away = [place for place in range(BATCH_SIZE) if place % KNOWN == 0]
    accepted = [place for place in range(BATCH_SIZE) if place % KNOWN]
    results = [["requeued", True, 202, None, accepted], ["failed", True, 503, ERROR, turned_away]]
    return item | {"results": {"S": json.dumps(results)}, "stopped": {"S": ""}}


AWS = {
    name: response(body)
    for name, body in {
        "UpdateItem": {},
        "PutItem": {},
        "GetItem": {},
        "BatchWriteItem": {"UnprocessedItems": {}},
        "TransactWriteItems": {},
        "DeleteItem": {},
        "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
        "StartExecution": {
            "executionArn": "arn:aws:states:eu-west-1:123456789012:execution:run:run",
            "startDate": 1764000000,
        },
        "GetSecretValue": {
            "ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api",
            "Name": "api",
            "SecretString": "s3cr3t",
        },
    }.items()
}
"""The answers of AWS that are always the same."""

UNKNOWN = response({"__type": "UnknownOperationException"}, "400 Bad Request")
ACCEPTED = response({"status": "queued"}, "202 Accepted")
NOT_FOUND = response({"error": "no such page"}, "404 Not Found")


def prepare() -> None:
    """Make the answers that a request would else wait for."""
    for size in SIZES:
        for start in range(0, size, PAGE):
            page(size, start), known_of_page(start)


async def serve(ready_file: Path, seconds: float) -> None:
    """Serve until told to end."""
    loop, ended, requeued = asyncio.get_running_loop(), asyncio.Event(), list[list[float]]()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: Connection(seconds, requeued), "127.0.0.1", 0)
    announce(ready_file, server.sockets[0].getsockname()[1])
    async with server:
        await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True, help="JSON with the url, when it serves")
    parser.add_argument("--milliseconds", type=float, default=0.0, help="what it takes to requeue one")
    asked = parser.parse_args()
    prepare()
    asyncio.run(serve(asked.ready_file, asked.milliseconds / 1000))
