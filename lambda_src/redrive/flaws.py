"""What an answer says against itself under a status of 200: that it went wrong, or holds a part of the list only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from redrive.settings import Source

_ERRORS = frozenset(("error", "errors"))
_NOT_SO = frozenset(("success", "ok", "successful", "issuccess", "succeeded"))
_PARTIAL = frozenset(("timedout", "partial", "partialresults", "incompleteresults"))
_STATUSES = frozenset(("status", "statuscode", "code", "httpstatus"))
_FAILURES = frozenset(("error", "fail", "failure"))
_NO_ERRORS = frozenset(("", "0", "none", "null", "false", "no", "ok"))


def flaw(source: Source, body: Any) -> str:
    """Give in words what an answer says against itself; empty where it says nothing.

    Known are the names of GraphQL, JSend, Slack, Spring's errors, Elasticsearch and GitHub's search. What says the same
    as one of the source's filters only repeats it.
    """
    if not isinstance(body, dict):
        return ""
    asked = {value for values in source.filters.values() for value in ([values] if isinstance(values, str) else values)}
    for place, name, value in _entries(body):
        if name in _ERRORS and _is_error(value) and not _holds_items(source, place):
            return f"the answer says in {place} that something went wrong"
        if name in _NOT_SO and (value is False or value == "false") and "false" not in asked:
            return f"the answer says in {place} that something went wrong"
        if name in _STATUSES and _is_failure(value) and str(value) not in asked:
            return f"the answer says in {place} that something went wrong"
        if (name in _PARTIAL and value is True) or (place == "_shards.failed" and isinstance(value, int) and value > 0):
            return f"the answer says in {place} that it is a part of the list only"
    return ""


def _entries(body: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for place, value in body.items():
        yield place, re.sub("[^a-z]", "", place.lower()), value
    shards = body.get("_shards")
    if isinstance(shards, dict):
        yield "_shards.failed", "", shards.get("failed")


def _is_error(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERRORS
    return value is True or (isinstance(value, list | dict) and bool(value))


def _is_failure(value: Any) -> bool:
    is_status = isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600
    return is_status or (isinstance(value, str) and value.lower() in _FAILURES)


def _holds_items(source: Source, place: str) -> bool:
    return re.search(rf"\b{re.escape(place)}\b", source.items) is not None
