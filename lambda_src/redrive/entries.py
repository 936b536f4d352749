"""A queue entry: the four keys that an application's queue holds, made by the redrive, read by the worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from redrive.errors import NotAnEntry
from redrive.models import MAX_ID_BYTES, idempotency_key, primary_id

MAX_CREATOR = 128
"""Characters of ``createdBy``."""

OPERATION = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")

CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|\+00:00)")
"""RFC 3339 in UTC."""


class QueueEntry(NamedTuple):
    """What the application's queue holds of a communication that is to be sent.

    Attributes
    ----------
    created
        RFC 3339 in UTC, letter by letter as its maker wrote it: it is part of the idempotency key.
    """

    primary_id: str | int
    operation: str
    created_by: str
    created: str

    @classmethod
    def made(cls, primary_id: str, operation: str, created_by: str, created: float) -> QueueEntry:
        """Make an entry.

        Parameters
        ----------
        created
            In seconds since 1970: when the attempt was opened, not when it is sent. Over every retry the same
            idempotency key carries the same payload.
        """
        at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(primary_id, operation, created_by, at)

    @classmethod
    def read(cls, text: str) -> QueueEntry:
        """Read an entry, strictly: these four keys exactly, each once and of its kind.

        Raises
        ------
        NotAnEntry
            Names the key and what it must be. Nothing of the text is shown, for nobody knows what it is.
        """
        try:
            found = json.loads(text, object_pairs_hook=_each_once)
        except RecursionError:
            raise NotAnEntry("nested too deeply") from None
        except ValueError:
            raise NotAnEntry("not JSON") from None
        if not isinstance(found, dict):
            raise NotAnEntry("must be an object")
        for key, (is_right, wanted) in _KEYS.items():
            if key not in found:
                raise NotAnEntry(f"{key}: missing")
            if not is_right(found[key]):
                raise NotAnEntry(f"{key}: must be {wanted}")
        if len(found) > len(_KEYS):
            raise NotAnEntry(f"more keys than {', '.join(_KEYS)}")
        return cls(*(found[key] for key in _KEYS))

    def to_json(self) -> dict[str, str | int]:
        """Give the payload."""
        return dict(zip(_KEYS, (self.primary_id, self.operation, self.created_by, self.created), strict=True))

    @property
    def key(self) -> str:
        """Give the idempotency key under which the entry is sent, however often it is received."""
        return idempotency_key(self.operation, self.primary_id, self.created)

    def path(self, template: str) -> str:
        """Put the ids into a path, percent-encoded, for ``{primaryId}`` and ``{operation}``."""
        path = template.replace("{primaryId}", quote(str(self.primary_id), safe=""))
        return path.replace("{operation}", quote(self.operation, safe=""))


def _is_id(value: object) -> bool:
    return not isinstance(value, float) and primary_id(value) is not None


def _is_operation(value: object) -> bool:
    return isinstance(value, str) and OPERATION.fullmatch(value) is not None


def _is_creator(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value.strip()) > 0 and len(value) <= MAX_CREATOR


def _is_created(value: object) -> bool:
    if not (isinstance(value, str) and CREATED.fullmatch(value)):
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:  # such as February 30th
        return False
    return True


_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "primaryId": (_is_id, f"a printable text of {MAX_ID_BYTES} bytes at most, or a whole number"),
    "operation": (_is_operation, "a name such as send.email"),
    "createdBy": (_is_creator, f"a printable text of {MAX_CREATOR} characters at most"),
    "created": (_is_created, "a time in UTC such as 2026-11-24T02:15:00Z"),
}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what readers of JSON take differently: the first of two, or the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotAnEntry("a key twice")
    return found
