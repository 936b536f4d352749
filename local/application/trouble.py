"""Faults of the requeue endpoint, written beside the communication that meets them.

`refused:<why>`
    422 with that reason, every time: the recipient opted out, the address is gone.
`flaky:<n>`
    503 for the first n requests, then as any other.
`down`
    503, every time: what is behind the endpoint never comes back for this one.
"""

from __future__ import annotations

import sqlite3
from typing import Any


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
