"""The application's database: a SQLite file in WAL mode, used by the API and the worker at once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.sql")

Answer = tuple[int, dict[str, Any]]
"""An HTTP status and a body."""


@dataclass(frozen=True)
class Filters:
    """Which communications to list: those of a kind that match everything given.

    `created_after` and `created_before` are UTC timestamps and exclusive.
    """

    kind: str
    status: str | None = None
    created_after: str | None = None
    created_before: str | None = None

    def where(self) -> tuple[str, list[str]]:
        """Give the SQL condition and its values."""
        asked = {
            "kind = ?": self.kind,
            "status = ?": self.status,
            "created > ?": self.created_after,
            "created < ?": self.created_before,
        }
        return " AND ".join(k for k, v in asked.items() if v), [v for v in asked.values() if v]


class Store:
    """Reads and writes of the database; each method is one transaction of its own.

    Parameters
    ----------
    path
        The database file; made with its tables where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            with self._connection() as database:
                database.executescript("PRAGMA journal_mode = WAL;" + SCHEMA.read_text())

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Open a connection for one use: SQLite's are cheap, and none is then shared by threads."""
        database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = NORMAL")  # a busy disk may take seconds to write each commit through
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as the only writer; what it raises takes everything back."""
        with self._connection() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Give the rows of a query."""
        with self._connection() as database:
            return [dict(row) for row in database.execute(sql, values)]

    def compose(self, communications: list[dict[str, Any]]) -> None:
        """Write new communications: rows with `sent = 0`; keys are columns of `communication`."""
        with self.transaction() as database:
            for row in communications:
                insert(database, row)

    def after(self, filters: Filters, number: int, limit: int) -> list[dict[str, Any]]:
        """List at most `limit` communications that come after the one with this number."""
        where, values = filters.where()
        sql = f"SELECT * FROM communication WHERE {where} AND number > ? ORDER BY number LIMIT ?"  # noqa: S608
        return self.query(sql, *values, number, limit)

    def page(self, filters: Filters, page: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """List a page, counted from 1, and say how many communications there are on all pages."""
        where, values = filters.where()
        sql = f"SELECT * FROM communication WHERE {where} ORDER BY number LIMIT ? OFFSET ?"  # noqa: S608
        rows = self.query(sql, *values, limit, (page - 1) * limit)
        total = self.query(f"SELECT count(*) AS n FROM communication WHERE {where}", *values)  # noqa: S608
        return rows, int(total[0]["n"])

    def let_all(self, trouble: str | None) -> None:
        """Let everything that failed meet the same trouble from now on, or none; see `trouble.py`."""
        with self.transaction() as database:
            database.execute("UPDATE communication SET trouble = ? WHERE status = 'failed'", [trouble])

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """List at most `limit` communications of either kind, the newest first."""
        return self.query("SELECT * FROM communication ORDER BY number DESC LIMIT ?", limit)

    def accept_token(self, token: str) -> None:
        """Let the API accept this token from now on, and no other."""
        with self.transaction() as database:
            database.execute("DELETE FROM token")
            database.execute("INSERT INTO token VALUES (?)", [_sha256(token)])

    def accepts(self, token: str) -> bool:
        """Tell whether the API accepts this token."""
        return bool(self.query("SELECT 1 FROM token WHERE sha256 = ?", _sha256(token)))

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the communications of each kind by status."""
        rows = self.query("SELECT kind, status, count(*) AS n FROM communication GROUP BY kind, status")
        counted: dict[str, dict[str, int]] = {}
        for row in rows:
            counted.setdefault(row["kind"], {})[row["status"]] = row["n"]
        return counted


def insert(database: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Write a new communication; keys are columns."""
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO communication ({columns}) VALUES ({marks})", list(row.values()))  # noqa: S608


def enqueue(database: sqlite3.Connection, entry: dict[str, str], due: float = 0) -> None:
    """Put a queue entry into the queue, or the outbox, where nobody takes it before `due`."""
    values = [entry["primaryId"], entry["operation"], entry["createdBy"], entry["created"], due]
    database.execute("INSERT INTO queue (id, operation, created_by, created, due) VALUES (?, ?, ?, ?, ?)", values)


def find(database: sqlite3.Connection, primary_id: str, kinds: list[str]) -> dict[str, Any] | None:
    """Give a communication, if it is of one of these kinds."""
    row = database.execute("SELECT * FROM communication WHERE id = ?", [primary_id]).fetchone()
    return dict(row) if row and row["kind"] in kinds else None


def note_sent(database: sqlite3.Connection, primary_id: str) -> None:
    """Note that a provider took a communication."""
    database.execute(
        "UPDATE communication SET sent = 1, status = 'sent', reason = NULL, provider_said = NULL,"
        " claimed_until = 0, delivered = delivered + 1 WHERE id = ?",
        [primary_id],
    )


def note_failed(database: sqlite3.Connection, primary_id: str, reason: str) -> None:
    """Note that nobody tries a communication any more, for the redrive to find."""
    database.execute("UPDATE communication SET status = 'failed', reason = ? WHERE id = ?", [reason, primary_id])


def kept_answer(database: sqlite3.Connection, key: str) -> Answer | None:
    """Give what was answered to an idempotency key."""
    known = database.execute("SELECT status, body FROM answer WHERE key = ?", [key]).fetchone()
    return (known["status"], json.loads(known["body"])) if known else None


def keep_answer(database: sqlite3.Connection, key: str, answer: Answer) -> Answer:
    """Keep an answer for its idempotency key, and give it."""
    database.execute("INSERT INTO answer VALUES (?, ?, ?)", [key, answer[0], json.dumps(answer[1])])
    return answer


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
