"""What an answer says of the rest of its list without having been asked: a total, a page before, a page after.

An API names these as it likes, in its body or in a header. Known here are the names that the common frameworks and
standards use (Spring Data, Django REST framework, Laravel, Rails' pagers, JSON:API, HAL, Hydra, OData, SCIM, GraphQL's
connections, AIP-158, Solr, DataTables). They never say what to ask for next: they only cast doubt on the end of a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from redrive.link_header import read_links

DEPTH = 4
"""Objects within objects that are looked into, as in GraphQL's answers; lists are not: they hold items."""

MAX_NAMES = 64
"""An object with more entries holds items by their ids, and is not looked into."""

MAX_LETTERS = 256
"""Of a text; more of it hints at nothing."""

_TOTALS = re.compile(
    "odatacount|numfound|recordsfiltered|total(count|elements|items|results|size|records|entries|rows|hits)?"
)
_NEXT = re.compile(r"(odata|page)?next(page)?(link|url|uri|href|cursor|token|marker|offset|records?url|number|path)?")
_MORE = frozenset(("hasmore", "hasnext", "hasnextpage", "more", "moreresults", "istruncated"))
_PAGES = frozenset(("totalpages", "pagecount", "lastpage", "numpages", "pages", "pagestotal"))
_PREVIOUS = re.compile(r"(odata)?prev(ious)?(page)?(link|url|uri|href)?")
_PREFIX = re.compile("^x-(wp-)?|^pagination-(?=.)")
_BEFORE = frozenset(("hasprevious", "hasprev", "haspreviouspage", "hasprevpage"))


@dataclass(frozen=True)
class Hints:
    """Where an answer says so, such as ``meta.next``.

    Attributes
    ----------
    next_at, previous_at, pages_at
        A next page, one before, a number of pages above one; None where the answer does not say.
    """

    next_at: str | None = None
    previous_at: str | None = None
    pages_at: str | None = None


def total_hint(body: Any, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Give the number of items that an answer says its whole list has, and where it says so."""
    for place, names, key, value in (*_entries(body), *_header_entries(headers)):
        if _TOTALS.fullmatch(key) or (key == "count" and names & {"next", "results"}):
            number = value.get("value") if isinstance(value, dict) else value
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                return number, place
    return _count_beside_list(body)


def _count_beside_list(body: Any) -> tuple[int, str] | None:
    """Give a ``count`` that is larger than the list beside it; one that is not may only say how long that list is."""
    if not isinstance(body, dict):
        return None
    count = body.get("count")
    lengths = [len(value) for value in body.values() if isinstance(value, list)]
    if isinstance(count, bool) or not isinstance(count, int) or len(lengths) != 1 or count <= lengths[0]:
        return None
    return count, "count"


def read_hints(body: Any, headers: Mapping[str, str]) -> Hints:
    """Give where an answer says that its list is longer."""
    found: dict[str, str] = {}
    for place, _, key, value in (*_entries(body), *_header_entries(headers)):
        if (_NEXT.fullmatch(key) and _leads_on(value)) or (
            value is True if key in _MORE else value is False and key == "last"
        ):
            found.setdefault("next_at", place)
        elif key in _PAGES and isinstance(value, int) and value > 1:
            found.setdefault("pages_at", place)
        elif (
            (_PREVIOUS.fullmatch(key) and _leads_on(value, numbers=False))
            or (key in _BEFORE and value is True)
            or (key == "first" and value is False)
        ):
            found.setdefault("previous_at", place)
    for link in read_links(headers.get("Link", "")):
        if "next" in link.relations and link.anchor is None:
            found.setdefault("next_at", "the header Link")
    return Hints(**found)


def beside_lists(body: Any, depth: int = DEPTH) -> Any:
    """Give of an answer what hints are read from, which is small."""
    if isinstance(body, dict):
        is_read = depth > 0 and len(body) <= MAX_NAMES
        return {name: beside_lists(value, depth - 1) for name, value in body.items()} if is_read else {}
    if isinstance(body, str):
        return body[:MAX_LETTERS]
    return None if isinstance(body, list) else body


def _entries(body: Any, where: str = "", depth: int = DEPTH) -> Iterator[tuple[str, frozenset[str], str, Any]]:
    """Give each entry of an answer's objects, the outer ones first: place, the names beside it, its own, its value."""
    if not isinstance(body, dict) or len(body) > MAX_NAMES:
        return
    inner = []
    names = frozenset(map(_plain, body))
    for name, value in body.items():
        # A name that is not an identifier may be data, which belongs in no log.
        place = where + (name if _is_identifier(name) else "…")
        yield place, names, _plain(name), value
        if isinstance(value, dict) and depth > 1:
            inner.append((f"{place}.", value))
    for place, value in inner:
        yield from _entries(value, place, depth - 1)


def _header_entries(headers: Mapping[str, str]) -> Iterator[tuple[str, frozenset[str], str, Any]]:
    """Give what headers say, as entries: ``X-Total: 500``, ``X-Next-Page: 3``, ``X-Pagination: {"next_page": 3}``."""
    for name, text in headers.items():
        key, place = _plain(_PREFIX.sub("", name.lower())), f"the header {name}"
        if key == "contentrange":
            key, text = "total", text.rpartition("/")[2]
        if key == "pagination":
            try:
                yield from _entries(json.loads(text), f"{place}, ")
            except (ValueError, RecursionError):
                continue
        elif any(known.fullmatch(key) for known in (_TOTALS, _NEXT)) or key in _PAGES:
            yield place, frozenset(), key, int(text) if re.fullmatch("[0-9]{1,15}", text.strip()) else text


def _leads_on(value: Any, *, numbers: bool = True) -> bool:
    if isinstance(value, dict):
        value = value.get("href") or value.get("url")
    if isinstance(value, int) and not isinstance(value, bool):
        return numbers and value > 0
    return value is True or (isinstance(value, str) and value.strip() not in ("", "0", "-1", "null", "false"))


@lru_cache(maxsize=1024)
def _is_identifier(name: str) -> bool:
    return re.fullmatch("@?([A-Za-z_][A-Za-z0-9_.-]{0,15}:)?[A-Za-z_][A-Za-z0-9_.-]{0,31}", name) is not None


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    # Of a name of a vocabulary (hydra:next) what comes behind its prefix.
    return re.sub("[^a-z0-9]", "", name.lower().rpartition(":")[2])
