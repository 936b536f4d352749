"""What a query string asks for, or 400 with the parameter that is wrong."""

from __future__ import annotations

import base64
import binascii
import re

from flask import abort, request

from local.application.checks import timestamp
from local.application.store import Filters

STATUSES = {"composed", "queued", "sent", "failed"}
FILTERS = {"status", "created_after", "created_before"}


def expect(*names: str) -> None:
    """Expect no parameters but these, each once: one that was ignored would list what nobody asked for."""
    for name, values in request.args.lists():
        if name not in names:
            abort(400, f"a parameter is unknown; known are {', '.join(sorted(names)) or 'none'}")
        if len(values) > 1:
            abort(400, f"{name} must be there once")


def filters(kind: str) -> Filters:
    """Read the filters."""
    status = request.args.get("status")
    if status is not None and status not in STATUSES:
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
    if not re.fullmatch("[0-9]{1,10}", value) or not 1 <= int(value) <= most:
        abort(400, f"{name} must be a number from 1 to {most}")
    return int(value)


def cursor(last: int) -> str:
    """Make the opaque cursor that goes on after a communication."""
    return base64.urlsafe_b64encode(f"after:{last}".encode()).decode()


def position(name: str) -> int:
    """Read a cursor; 0, before the first, where none is given."""
    given = request.args.get(name)
    if given is None:
        return 0
    try:
        position = re.fullmatch(b"after:([0-9]{1,15})", base64.b64decode(given, altchars="-_", validate=True))
    except (binascii.Error, ValueError):
        position = None
    return int(position[1]) if position else abort(400, f"{name} is not one this endpoint gave")
