"""Requests to the example application, as its users and the module's worker make them; it runs in this process."""

from __future__ import annotations

from local.application.api import create
from local.application.store import Store

TOKEN = "a-token-for-this-test"
CREATED = "2026-11-24T02:15:00Z"
EMAIL = {"recipient": "ada@customers.example", "subject": "Invoice", "body": "Your invoice is ready."}
SMS = {"recipient": "+46701234567", "body": "Your parcel is on its way."}


def empty_store(folder):
    store = Store(folder / "application.db")
    store.accept_token(TOKEN)
    return store


def client(store, providers, **settings):
    made = create(store, providers, **settings).test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return made


def composed(http, kind="email", **changes):
    path, message = {"email": ("/emails", EMAIL), "sms": ("/sms", SMS)}[kind]
    answer = http.post(path, json=message | changes)
    assert answer.status_code == 201, answer.json
    return answer.json["id"]


def entry(primary_id, **changes):
    operation = "send.email" if primary_id.startswith("em-") else "send.sms"
    return {"primaryId": primary_id, "operation": operation, "createdBy": "tests", "created": CREATED} | changes


def send(http, primary_id, key="k1", **changes):
    headers = {"Idempotency-Key": key} if key else {}
    return http.post(f"/communications/{primary_id}/send", json=entry(primary_id, **changes), headers=headers)


def give_up(http, primary_id, key="k1:given-up", **changes):
    news = entry(primary_id) | {"reason": "HTTP 503 Service Unavailable", "receives": 3} | changes
    return http.post(f"/communications/{primary_id}/given-up", json=news, headers={"Idempotency-Key": key})


def row(store, primary_id):
    return store.query("SELECT * FROM communication WHERE id = ?", primary_id)[0]
