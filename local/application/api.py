"""The application's HTTP API: list communications, requeue one.

`GET /emails` pages by a cursor in the body, `GET /sms` by page number; emails have ids that are strings, SMS
have numbers. Real applications grew like that, and the module copes with both. Everything but `/health` needs
the bearer token.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from local.application import trouble
from local.application.store import Filters, Store

ENTRY = {"primaryId", "operation", "createdBy", "created"}
KINDS = {"send.email": ["email"], "send.sms": ["sms"], "send.communications": ["email", "sms"]}
STATUSES = {"composed", "queued", "sent", "failed"}
MOST = 100  # communications a page
SHOWN = ["recipient", "subject", "created", "status", "reason"]


def create(store: Store) -> Flask:
    """Make the WSGI application over a database."""
    app = Flask(__name__)

    @app.before_request
    def authenticate() -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path != "/health" and not (scheme.lower() == "bearer" and store.accepts(token)):
            abort(401, "a valid bearer token is needed")

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/emails")
    def emails() -> dict[str, Any]:
        limit = number("limit", default=MOST, most=MOST)
        rows = store.after(filters("email"), position(request.args.get("cursor")), limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        shown = [{"id": row["id"]} | {name: row[name] for name in SHOWN} for row in rows]
        return {"emails": shown, "next_cursor": cursor(rows[-1]["number"]) if more else None}

    @app.get("/sms")
    def sms() -> dict[str, Any]:
        page, limit = number("page", default=1, most=10**9), number("limit", default=MOST, most=MOST)
        rows, total = store.page(filters("sms"), page, limit)
        shown = [{"id": row["number"]} | {name: row[name] for name in SHOWN if row[name]} for row in rows]
        return {"sms": shown, "page": page, "pages": -(-total // limit)}

    @app.post("/communications/requeue")
    def requeue() -> tuple[Response, int]:
        key = request.headers.get("Idempotency-Key") or abort(400, "the header Idempotency-Key is missing")
        status, body = put_in_queue(store, entry(request.get_json(silent=True)), key)
        return jsonify(body), status

    return app


def put_in_queue(store: Store, asked: dict[str, str], key: str) -> tuple[int, dict[str, str]]:
    """Enqueue a communication unless something speaks against it; give the HTTP status and body.

    All of it is one transaction: of two equal requests at once, one enqueues and the other sees that.
    """
    with store.transaction() as database:
        known = database.execute("SELECT status, body FROM answer WHERE key = ?", [key]).fetchone()
        if known:
            return known["status"], json.loads(known["body"])
        found = database.execute("SELECT * FROM communication WHERE id = ?", [asked["primaryId"]]).fetchone()
        status, why = judge(database, dict(found) if found else None, asked["operation"])
        body = {"primaryId": asked["primaryId"], "status": "queued"} if status == 202 else {"error": why}
        if status == 202:
            wait = trouble.seconds_to_wait(dict(found))
            changed = "UPDATE communication SET status = ?, enqueued = enqueued + 1 WHERE id = ?"
            database.execute(changed, ["queued" if wait is None else found["status"], asked["primaryId"]])
            entered = [asked["primaryId"], asked["createdBy"], asked["created"], time.time() + (wait or 0)]
            database.execute("INSERT INTO queue (id, created_by, created, due) VALUES (?, ?, ?, ?)", entered)
        if status != 503:  # "try again later" is no answer to keep
            database.execute("INSERT INTO answer VALUES (?, ?, ?)", [key, status, json.dumps(body)])
        return status, body


def judge(database: Any, row: dict[str, Any] | None, operation: str) -> tuple[int, str]:
    """Decide what becomes of a request to requeue: an HTTP status and, unless it is 202, the reason."""
    if row is None or row["kind"] not in KINDS[operation]:
        return 404, "no such communication"
    if refused := trouble.answer(database, row):
        return refused
    if row["status"] in ("queued", "sent"):
        return 409, f"already {row['status']}"
    return 202, ""


def entry(payload: object) -> dict[str, str]:
    """Check a queue entry: exactly the four keys, strings, a known operation, a UTC timestamp; else 400."""
    if not isinstance(payload, dict) or set(payload) != ENTRY:
        abort(400, f"a JSON object with exactly these keys is needed: {', '.join(sorted(ENTRY))}")
    if empty := [name for name, value in payload.items() if not (isinstance(value, str) and value)]:
        abort(400, f"{empty[0]} must be a string that is not empty")
    if payload["operation"] not in KINDS:
        abort(400, f"operation must be one of {', '.join(KINDS)}")
    timestamp("created", payload["created"])
    return payload


def filters(kind: str) -> Filters:
    """Read the filters from the query string."""
    status = request.args.get("status")
    if status and status not in STATUSES:
        abort(400, f"status must be one of {', '.join(sorted(STATUSES))}")
    return Filters(
        kind,
        status,
        timestamp("created_after", request.args.get("created_after")),
        timestamp("created_before", request.args.get("created_before")),
    )


def number(name: str, default: int, most: int) -> int:
    """Read a number from the query string."""
    value = request.args.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= most:
        abort(400, f"{name} must be a number from 1 to {most}")
    return int(value)


def timestamp(name: str, value: str | None) -> str | None:
    """Check a UTC timestamp and write it as the database has it."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - without a zone, so it is refused below
    if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        abort(400, f"{name} must be a UTC timestamp such as 2026-11-24T02:15:00Z")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def cursor(last: int) -> str:
    """Make the opaque cursor that goes on after a communication."""
    return base64.urlsafe_b64encode(f"after:{last}".encode()).decode()


def position(given: str | None) -> int:
    """Read a cursor; 0, before the first, where none is given."""
    if not given:
        return 0
    try:
        return int(base64.urlsafe_b64decode(given).removeprefix(b"after:"))
    except (binascii.Error, ValueError):
        return abort(400, "cursor is not one this endpoint gave")
