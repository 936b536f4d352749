"""What an answer says against itself under a status of 200: that it went wrong, or holds a part of the list only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from redrive.settings import Source

_ERRORS = frozenset(
    ("error", "errors", "errormessage", "errormessages", "fault", "exception", "iserror", "haserror", "haserrors")
)
_ERROR_CODES = frozenset(("errorcode", "errcode", "errno"))
_NOT_SO = frozenset(("success", "ok", "successful", "issuccess", "succeeded"))
_NO = frozenset(("false", "no", "0"))
_PARTIAL = frozenset(("timedout", "partial", "partialresults", "incompleteresults"))
_STATUSES = frozenset(("status", "statuscode", "code", "httpstatus"))
_FAILURES = frozenset(("error", "fail", "failure"))
_NO_ERRORS = frozenset(("", "0", "none", "null", "false", "no", "ok", "success"))

_HEADS = frozenset(("meta", "metadata", "header", "responseheader", "status"))
"""Objects that say how the request went, beside what it lists."""


def flaw(source: Source, body: Any) -> str:
    """Give in words what an answer says against itself; empty where it says nothing.

    Known are the names of GraphQL, JSend, Slack, Spring's errors, Elasticsearch, Solr and GitHub's search. What says
    the same as one of the source's filters only repeats it.
    """
    if not isinstance(body, dict):
        return ""
    asked = [
        (_plain(name), _word(value))
        for name, values in source.filters.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
    for place, name, value in _entries(body):
        if _went_wrong(body, name, value, asked) and not _holds_items(source, place):
            return f"the answer says in {place} that something went wrong"
        if (name in _PARTIAL and value is True) or (place == "_shards.failed" and isinstance(value, int) and value > 0):
            return f"the answer says in {place} that it is a part of the list only"
    return ""


def _went_wrong(body: dict[str, Any], name: str, value: Any, asked: Sequence[tuple[str, str]]) -> bool:
    if name in _ERRORS:
        return _is_error(value)
    if name in _ERROR_CODES:
        return isinstance(value, str | int) and _word(value) not in _NO_ERRORS
    if name in _NOT_SO:
        return _word(value) in _NO and (name, _word(value)) not in asked and not _is_count(body, value)
    is_failure = _word(value) in _FAILURES or (name in _STATUSES and bool(re.fullmatch("[45][0-9]{2}", _word(value))))
    return is_failure and name in (*_STATUSES, "result") and all(_word(value) != each for _, each in asked)


def _entries(body: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for place, value in body.items():
        name = _plain(place)
        yield place, name, value
        if name in _HEADS and isinstance(value, dict):
            for inner, of_it in value.items():
                yield f"{place}.{inner}", _plain(inner), of_it
    shards = body.get("_shards")
    if isinstance(shards, dict):
        yield "_shards.failed", "", shards.get("failed")


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())


def _word(value: Any) -> str:
    return str(value).strip().lower() if isinstance(value, str | int) else ""


def _is_count(body: dict[str, Any], value: Any) -> bool:
    """Tell whether a 0 counts what went well, for beside it stands how many failed."""
    return value == 0 and value is not False and any(name.lower().startswith("fail") for name in body)


def _is_error(value: Any) -> bool:
    if isinstance(value, str):
        return _word(value) not in _NO_ERRORS
    return value is True or (isinstance(value, list | dict) and bool(value))


def _holds_items(source: Source, place: str) -> bool:
    return re.search(rf"\b{re.escape(place)}\b", source.items) is not None
