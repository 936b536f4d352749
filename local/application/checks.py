"""Bodies of requests: what is in them, or 400 with what is wrong in words."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask import abort

ENTRY = {"primaryId", "operation", "createdBy", "created"}
KINDS = {"send.email": ["email"], "send.sms": ["sms"], "send.communications": ["email", "sms"]}

FIELDS = {"email": {"recipient": 254, "subject": 200, "body": 100_000}, "sms": {"recipient": 16, "body": 1_600}}
"""What is composed, by kind, and the most characters of each."""

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|\+00:00)")
KEY = re.compile("[!-~]{1,640}")  # what a header may hold, without spaces
MOST = 128  # characters of an id, or of the name of who made an entry


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
    if (number := _whole(given["primaryId"])) is not None:  # as the list of SMS has them
        given["primaryId"] = str(number)
    if wrong := [name for name, value in given.items() if not (_is_text(value) and 0 < len(value) <= MOST)]:
        abort(400, f"{wrong[0]} must be a text of 1 to {MOST} characters")
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
    reason, receives = given["reason"], _whole(given["receives"])
    if not (_is_text(reason) and reason):
        abort(400, "reason must be a text that is not empty")
    if receives is None or receives < 1:
        abort(400, "receives must be a whole number from 1")
    return entry_of(primary_id, {name: given[name] for name in ENTRY}), reason


def key(value: str | None) -> str:
    """Check an idempotency key."""
    if not value or not KEY.fullmatch(value):
        abort(400, "the header Idempotency-Key is missing, longer than 640 characters, or not visible ASCII")
    return value


def timestamp(name: str, value: str | None) -> str | None:
    """Check a UTC timestamp and write it as the database has it."""
    if value is None:
        return None
    try:
        if MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).isoformat(timespec="seconds")[:19] + "Z"
    except ValueError:  # such as February 30th
        pass
    return abort(400, f"{name} must be a UTC timestamp such as 2026-11-24T02:15:00Z")


def _object(payload: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(payload, dict) or set(payload) != keys:
        abort(400, f"a JSON object with exactly these keys is needed: {', '.join(sorted(keys))}")
    return payload


def _whole(value: object) -> int | None:
    """Give a whole number as JSON Schema has it: 5, and 5.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_text(value: object) -> bool:
    """Tell whether it is a string that UTF-8 can write: JSON can hold half a character."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)
