"""The application's HTTP API: compose, send, list and requeue communications; and a page for people.

`GET /emails` pages by a cursor in the body, `GET /sms` by page number; emails have ids that are strings, SMS
have numbers. Real applications grew like that, and the module copes with both. Everything but `/health` and the
page, which holds no data, needs the bearer token.
"""

from __future__ import annotations

import json
from typing import Any, cast

from flask import Flask, Response, jsonify, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, Unauthorized

from local.application import checks, page, query, sending
from local.application.providers import Providers
from local.application.queueing import compose, requeue
from local.application.store import Answer, Store

OPEN = {"/", "/health"}
MOST = 100  # communications a page
SHOWN = ["recipient", "subject", "created", "status", "reason"]
SHOWN_TO_PEOPLE = ["id", "kind", "recipient", "subject", "created", "status", "reason", "provider_said"]


def create(store: Store, providers: Providers, *, has_outbox: bool = False) -> Flask:
    """Make the WSGI application over a database.

    Parameters
    ----------
    has_outbox
        Whether what is composed has still to get to the queue.
    """
    app = Flask(__name__)
    composed = "composed" if has_outbox else "queued"

    @app.before_request
    def authenticate() -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path not in OPEN and not (scheme.lower() == "bearer" and store.accepts(token)):
            raise Unauthorized("a valid bearer token is needed", www_authenticate=WWWAuthenticate("bearer"))

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response:
        """Say in JSON what is wrong, under the headers that belong to the status."""
        answer = error.get_response()
        answer.data = json.dumps({"error": error.description})
        answer.content_type = "application/json"
        return cast("Response", answer)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/")
    def show_page() -> Response:
        return page.response()

    @app.get("/communications")
    def newest() -> dict[str, Any]:
        query.expect("limit")
        rows = store.newest(query.number("limit", default=MOST, most=MOST))
        shown = [{name: row[name] for name in SHOWN_TO_PEOPLE} for row in rows]
        return {"communications": shown, "counts": store.counts()}

    @app.get("/emails")
    def emails() -> dict[str, Any]:
        query.expect(*query.FILTERS, "limit", "cursor")
        limit = query.number("limit", default=MOST, most=MOST)
        rows = store.after(query.filters("email"), query.position("cursor"), limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        shown = [{"id": row["id"]} | {name: row[name] for name in SHOWN} for row in rows]
        return {"emails": shown, "next_cursor": query.cursor(rows[-1]["number"]) if more else None}

    @app.get("/sms")
    def sms() -> dict[str, Any]:
        query.expect(*query.FILTERS, "limit", "page")
        number, limit = query.number("page", default=1, most=10**9), query.number("limit", default=MOST, most=MOST)
        rows, total = store.page(query.filters("sms"), number, limit)
        shown = [{"id": row["number"]} | {name: row[name] for name in SHOWN if row[name]} for row in rows]
        return {"sms": shown, "page": number, "pages": -(-total // limit)}

    @app.post("/emails")
    def compose_email() -> tuple[Response, int]:
        return _answer(compose(store, "email", checks.message("email", _body()), composed))

    @app.post("/sms")
    def compose_sms() -> tuple[Response, int]:
        return _answer(compose(store, "sms", checks.message("sms", _body()), composed))

    @app.post("/communications/requeue")
    def requeue_one() -> tuple[Response, int]:
        key = _key()
        return _answer(requeue(store, checks.entry(_body()), key))

    @app.post("/communications/<primary_id>/send")
    def send_one(primary_id: str) -> tuple[Response, int]:
        key = _key()
        return _answer(sending.send(store, providers, checks.entry_of(primary_id, _body()), key))

    @app.post("/communications/<primary_id>/given-up")
    def give_up(primary_id: str) -> tuple[Response, int]:
        key = _key()
        asked, reason = checks.given_up(primary_id, _body())
        return _answer(sending.give_up(store, asked, reason, key))

    return app


def _key() -> str:
    """Give the idempotency key of a request that has nothing else beside its body."""
    query.expect()
    return checks.key(request.headers.get("Idempotency-Key"))


def _body() -> object:
    """Give the body, read as JSON; None where it is none, or is nested too deeply to be read."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def _answer(answer: Answer) -> tuple[Response, int]:
    return jsonify(answer[1]), answer[0]
