"""Requests of a check as its answer shows them: what the configuration says, and nothing that the API made up.

A cursor or the path of a next link may hold an id, and a query may hold a secret: in their place stands ``…``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from redrive.api import Api
from redrive.page_requests import PageRequest, first_request, number_param
from redrive.settings import Source
from redrive.trial import Exchange, Failure

_SECRET = re.compile(r"key|token|secret|passw|signature|auth|credential", re.IGNORECASE)
_TYPE = re.compile(r"[\w.+/-]{1,64}")


def shown_exchange(source: Source, api: Api, exchange: Exchange) -> dict[str, Any]:
    """Give a request and what came of it."""
    path, query = _shown(source, api, exchange.request)
    found = exchange.found
    asked = {"for": exchange.purpose, "method": "GET", "path": path, "query": query}
    if isinstance(found, Failure):
        error = without_paths(source, api, [exchange], found.text)
        return asked | {"status": found.http_status, "error": error}
    kind = _TYPE.match(found.content_type)
    return asked | {
        "status": found.status,
        "contentType": kind[0] if kind else None,
        "bytes": found.size,
        "items": found.items,
        "milliseconds": round(found.milliseconds),
    }


def without_paths(source: Source, api: Api, exchanges: Sequence[Exchange], text: str) -> str:
    """Take out of an error's text the paths that are not the source's own."""
    for exchange in exchanges:
        path = urlsplit(exchange.request.url).path
        text = text.replace(path, _shown(source, api, exchange.request)[0])
    return text


def _shown(source: Source, api: Api, request: PageRequest) -> tuple[str, str]:
    """Give a request's path and query."""
    own = first_request(source, api)
    known = {*parse_qsl(urlsplit(own.url).query, keep_blank_values=True), *own.params}
    pagination = source.pagination
    counted = {pagination.size_param, number_param(pagination), "page"}
    parts = urlsplit(request.url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *request.params]
    query = "&".join(
        f"{quote(name)}={quote(value) if _is_ours(name, value, known, counted) else '…'}" for name, value in pairs
    )
    return _path(parts.path, urlsplit(own.url).path), query


def _is_ours(name: str, value: str, known: set[tuple[str, str]], counted: set[str | None]) -> bool:
    if _SECRET.search(name):
        return False
    return (name, value) in known or (name in counted and value.isdecimal() and len(value) < 8)


def _path(path: str, own: str) -> str:
    if path == own:
        return path
    words = set(own.split("/"))
    return "/".join(part if part in words else "…" for part in path.split("/"))
