"""What goes into the queue: a new email or SMS, and a failed one again."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from local.application import trouble
from local.application.checks import KINDS
from local.application.store import Answer, Store, enqueue, find, insert, keep_answer, kept_answer

FIRST = 1001
CREATED_BY = "application"
SETTLED = {"composed": "already composed", "queued": "already queued", "sent": "already sent"}


def compose(store: Store, kind: str, message: dict[str, str], status: str) -> Answer:
    """Write a communication with `sent = 0` and its queue entry.

    Both in one transaction: a communication whose entry is missing would be in nobody's queue.

    Parameters
    ----------
    message
        `recipient`, `body` and, of an email, `subject`.
    status
        What it is then: `queued`, or `composed` where the entry has still to get to the queue.
    """
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with store.transaction() as database:
        [last] = database.execute("SELECT max(number) FROM communication").fetchone()
        number = max(FIRST, (last or 0) + 1)
        identity = f"em-{number}" if kind == "email" else str(number)
        row = {"number": number, "id": identity, "kind": kind, "created": created, "status": status}
        insert(database, row | message)
        entry = {"primaryId": identity, "operation": f"send.{kind}", "createdBy": CREATED_BY, "created": created}
        enqueue(database, entry)
    return 201, {"id": identity, "sent": 0, "status": status}


def requeue(store: Store, asked: dict[str, str], key: str) -> Answer:
    """Enqueue a communication unless something speaks against it.

    All of it is one transaction: of two equal requests at once, one enqueues and the other sees that.
    """
    with store.transaction() as database:
        if known := kept_answer(database, key):
            return known
        row = find(database, asked["primaryId"], KINDS[asked["operation"]])
        status, why = _judge(database, row)
        body = {"primaryId": asked["primaryId"], "status": "queued"} if status == 202 else {"error": why}
        if row and status == 202:
            wait = trouble.seconds_to_wait(row)
            changed = "UPDATE communication SET status = ?, enqueued = enqueued + 1 WHERE id = ?"
            database.execute(changed, ["queued" if wait is None else row["status"], row["id"]])
            enqueue(database, asked, due=time.time() + (wait or 0))
        if status == 202:  # whatever was refused, or was in the queue then, is judged again when it is asked again
            keep_answer(database, key, (status, body))
        return status, body


def _judge(database: sqlite3.Connection, row: dict[str, Any] | None) -> tuple[int, str]:
    """Decide what becomes of a request: an HTTP status and, unless it is 202, the reason."""
    if row is None:
        return 404, "no such communication"
    if refused := trouble.answer(database, row):
        return refused
    if row["status"] in SETTLED:
        return 409, SETTLED[row["status"]]
    return 202, ""
