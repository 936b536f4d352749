"""Requeue: a failed communication goes into the queue again."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from local.application import trouble
from local.application.checks import KINDS
from local.application.store import Answer, Store, enqueue, find, keep_answer, kept_answer

SETTLED = {"composed": "already composed", "queued": "already queued", "sent": "already sent"}


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
