"""What goes wrong with a communication, written beside it.

At the requeue endpoint:

`refused:<why>`
    422 with that reason, every time: the recipient opted out, the address is gone.
`flaky:<n>`
    503 for the first n requests, then as any other.
`down`
    503, every time: what is behind the endpoint never comes back for this one.
`slow:<seconds>`
    Taken back, but sent only after so long; until then it stays in the list of what failed, as in applications that
    mark nothing when they queue, and another idempotency key queues it once more.

When it is sent:

`undeliverable`
    No provider takes it: it fails again at its first try. What is `refused` is refused here too.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from local.application.providers import Refused


def answer(database: sqlite3.Connection, row: dict[str, Any]) -> tuple[int, str] | None:
    """Give the HTTP status and reason a troubled communication meets, or None where nothing is wrong."""
    kind, _, detail = (row["trouble"] or "").partition(":")
    if kind == "refused":
        return 422, detail
    if kind == "down":
        return 503, "the queue does not answer"
    if kind == "flaky" and int(detail) > 0:
        left = f"flaky:{int(detail) - 1}"
        database.execute("UPDATE communication SET trouble = ? WHERE id = ?", [left, row["id"]])
        return 503, "the queue is busy"
    return None


def seconds_to_wait(row: dict[str, Any]) -> float | None:
    """Give how long a slow communication lies in the queue while it is still listed as failed, None for others."""
    kind, _, detail = (row["trouble"] or "").partition(":")
    return float(detail) if kind == "slow" else None


def prevent(row: dict[str, Any]) -> None:
    """Let nobody deliver what cannot be delivered; raises ``Refused``, as if its provider had."""
    kind, _, why = (row["trouble"] or "").partition(":")
    if kind in ("undeliverable", "refused"):
        raise Refused("SMTP 550" if row["kind"] == "email" else "gateway 400", why or "no such mailbox")
