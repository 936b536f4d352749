"""Compose: a new email or SMS, with what lets it be sent."""

from __future__ import annotations

from datetime import UTC, datetime

from local.application.store import Answer, Store, enqueue, insert

FIRST = 1001
CREATED_BY = "application"


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
