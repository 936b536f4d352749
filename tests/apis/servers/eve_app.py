"""Eve over MongoDB, which mongomock stands in for."""

from __future__ import annotations

from typing import Any

import mongomock
from data import PORT, emails
from eve import Eve
from eve.io.mongo import flask_pymongo
from flask import Request

flask_pymongo.MongoClient = mongomock.MongoClient

SETTINGS: dict[str, Any] = {
    "DOMAIN": {"emails": {"schema": {"_id": {"type": "integer"}, "status": {"type": "string"}}}},
    "MONGO_DBNAME": "emails",
    "PAGINATION_LIMIT": 100,
    "RENDERERS": ["eve.render.JSONRenderer"],
}
app = Eve(settings=SETTINGS)


def fill(resource: str, request: Request, lookup: Any) -> None:
    collection = app.data.driver.db[resource]
    collection.delete_many({})
    listed = [{"_id": each["id"], "status": each["status"]} for each in emails(None)]
    if listed:
        collection.insert_many(listed)


app.on_pre_GET += fill
app.run(host="127.0.0.1", port=PORT, threaded=False)
