"""What a query string asks for, or 400 with the parameter that is wrong."""

from __future__ import annotations

import base64
import binascii

from flask import abort, request

from local.application.checks import timestamp
from local.application.store import Filters

STATUSES = {"composed", "queued", "sent", "failed"}


def filters(kind: str) -> Filters:
    """Read the filters."""
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
    """Read a number."""
    value = request.args.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= most:
        abort(400, f"{name} must be a number from 1 to {most}")
    return int(value)


def cursor(last: int) -> str:
    """Make the opaque cursor that goes on after a communication."""
    return base64.urlsafe_b64encode(f"after:{last}".encode()).decode()


def position(name: str) -> int:
    """Read a cursor; 0, before the first, where none is given."""
    given = request.args.get(name)
    if not given:
        return 0
    try:
        return int(base64.urlsafe_b64decode(given).removeprefix(b"after:"))
    except (binascii.Error, ValueError):
        return abort(400, f"{name} is not one this endpoint gave")
