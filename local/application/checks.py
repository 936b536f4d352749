"""Bodies of requests: what is in them, or 400 with what is wrong in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from flask import abort

ENTRY = {"primaryId", "operation", "createdBy", "created"}
KINDS = {"send.email": ["email"], "send.sms": ["sms"], "send.communications": ["email", "sms"]}

FIELDS = {"email": {"recipient": 254, "subject": 200, "body": 100_000}, "sms": {"recipient": 16, "body": 1_600}}
"""What is composed, by kind, and the most characters of each."""

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def message(kind: str, payload: object) -> dict[str, str]:
    """Check a new email or SMS; every value without the white space around it."""
    fields = FIELDS[kind]
    given = _object(payload, set(fields))
    texts = {name: given[name].strip() for name in fields if _is_text(given[name])}
    for name, most in fields.items():
        if not texts.get(name):
            abort(400, f"{name} must be a text that is not empty")
        if len(texts[name]) > most:
            abort(400, f"{name} must be {most} characters at most; it is {len(texts[name])}")
    if kind == "email" and not ADDRESS.fullmatch(texts["recipient"]):
        abort(400, "recipient must be an email address such as ada@customers.example")
    if kind == "sms" and not TELEPHONE.fullmatch(texts["recipient"]):
        abort(400, "recipient must be a telephone number such as +46701234567")
    if CONTROL.search(texts.get("subject", "")):
        abort(400, "subject must be one line")
    return texts


def entry(payload: object) -> dict[str, str]:
    """Check a queue entry: exactly the four keys, strings, a known operation, a UTC timestamp."""
    given = _object(payload, ENTRY)
    if type(given["primaryId"]) is int:  # as the list of SMS has them
        given["primaryId"] = str(given["primaryId"])
    if empty := [name for name, value in given.items() if not (isinstance(value, str) and value)]:
        abort(400, f"{empty[0]} must be a string that is not empty")
    if given["operation"] not in KINDS:
        abort(400, f"operation must be one of {', '.join(KINDS)}")
    timestamp("created", given["created"])
    return given


def entry_of(primary_id: str, payload: object) -> dict[str, str]:
    """Check a queue entry that must be about this communication."""
    given = entry(payload)
    if given["primaryId"] != primary_id:
        abort(400, "primaryId must be the one in the path")
    return given


def given_up(primary_id: str, payload: object) -> tuple[dict[str, str], str]:
    """Check the news that an entry was given up; give the entry and the reason."""
    given = _object(payload, ENTRY | {"reason", "receives"})
    reason, receives = given["reason"], given["receives"]
    if not (_is_text(reason) and reason):
        abort(400, "reason must be a string that is not empty")
    if not isinstance(receives, int) or isinstance(receives, bool) or receives < 1:
        abort(400, "receives must be a number from 1")
    return entry_of(primary_id, {name: given[name] for name in ENTRY}), reason


def timestamp(name: str, value: str | None) -> str | None:
    """Check a UTC timestamp and write it as the database has it."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value.upper())  # RFC 3339 allows t and z
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - without a zone, so it is refused below
    if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        abort(400, f"{name} must be a UTC timestamp such as 2026-11-24T02:15:00Z")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _object(payload: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(payload, dict) or set(payload) != keys:
        abort(400, f"a JSON object with exactly these keys is needed: {', '.join(sorted(keys))}")
    return payload


def _is_text(value: object) -> bool:
    """Tell whether it is a string that UTF-8 can write: JSON can hold half a character."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)
