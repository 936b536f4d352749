"""What an answer says of the rest of its list without having been asked: a total, a page before, a page after.

An API names these as it likes, in its body or in a header; known are the names of :mod:`redrive.terms`. They never
say what to ask for next: they only cast doubt on the end of a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from redrive import terms
from redrive.expressions import is_field
from redrive.lines import pagination_line
from redrive.link_header import read_links
from redrive.models import is_personal
from redrive.settings import Pagination, PaginationStyle

DEPTH = 4
"""Objects within objects that are looked into, as in GraphQL's answers; lists are not: they hold items."""

MAX_NAMES = 64
"""An object with more entries holds items by their ids, and is not looked into."""

MAX_LETTERS = 256
"""Of a text; more of it hints at nothing."""

MAX_LINKS = 16
"""A list of more objects holds items, whatever they look like."""


class Total(NamedTuple):
    """How many items a list has, as an answer says.

    Attributes
    ----------
    place
        Where it says so.
    may_count_page
        Whether it may be about this page alone, by its name.
    is_least
        Whether there may be more.
    """

    number: int
    place: str
    may_count_page: bool = False
    is_least: bool = False


class Hints(NamedTuple):
    """Where an answer says so, such as ``meta.next``.

    Attributes
    ----------
    next_at, previous_at, pages_at
        A next page, one before, a number of pages above one; None where the answer does not say.
    pages
        That number; 0 where the answer does not say.
    next
        What a next page is named by: the style that follows it, and where it is, as JMESPath. None where there is none
        or that cannot be told.
    """

    next_at: str | None = None
    previous_at: str | None = None
    pages_at: str | None = None
    pages: int = 0
    next: tuple[PaginationStyle, str] | None = None

    def line(self, where: str, pagination: Pagination) -> str:
        """Give the line of the configuration that leads to further pages; see :func:`redrive.lines.pagination_line`."""
        found, expression = self.next or (PaginationStyle.PAGE, "")
        if found is pagination.style:
            return f"{where}.next = {json.dumps(expression)}" if expression else f"{where}.style = …"
        if not expression:
            return f'{where}.style = "{found}"'
        return pagination_line(where, pagination, found, next=expression)


class _Entry(NamedTuple):
    """An entry of an answer's objects: its place, in words and as JMESPath, the names beside it, its own, its value."""

    place: str
    expression: str
    names: frozenset[str]
    key: str
    value: Any


def total_hint(body: Any, headers: Mapping[str, str], fields: tuple[str, ...]) -> Total | None:
    """Give the number of items that an answer says its whole list has, the largest of several.

    Such a number counts as said of the list in the object that holds it, in those around that one, and in the paging
    objects beside these: elsewhere ``total`` may count shards, milliseconds, or what a quota allows.

    Parameters
    ----------
    fields
        Those that lead to the list.
    """
    found: list[Total] = []
    own = _counts_of(fields[-1]) if fields else frozenset()
    entries = [*_entries(body, towards=fields), *_header_entries(headers)]
    for each in entries:
        is_ambiguous = each.key in terms.TOTALS_BESIDE and terms.TOTALS_BESIDE[each.key] <= each.names
        is_named = each.key in own
        if (
            terms.TOTALS.fullmatch(each.key)
            or is_ambiguous
            or is_named
            or (each.key == "count" and each.names & {"next", "results"})
        ):
            counted = each.value if isinstance(each.value, dict) else {"value": each.value}
            value, is_least = counted.get("value"), counted.get("relation") == "gte"  # Elasticsearch stops counting
            if (number := whole_number(value)) is not None:
                may_count_page = (each.key in terms.OF_THE_PAGE or is_named) and bool(each.expression)
                may_count_page = may_count_page and not each.names & {"next"}
                found.append(Total(number, each.place, may_count_page, is_least))
    return max(found, key=itemgetter(0)) if found else _count_beside_list(body, entries)


@lru_cache(maxsize=64)
def _counts_of(list_name: str) -> frozenset[str]:
    """Give the names under which some count a list, in plain: ``emailsCount`` beside ``emails``."""
    name = _plain(list_name)
    names = (f"{name}count", f"{name.removesuffix('s')}count", f"{name}total", f"total{name}")
    return frozenset(names if name else ())


def whole_number(value: Any) -> int | None:
    """Read a number of items or pages, which some write as a text; None where it is none, or cannot be."""
    if isinstance(value, str) and terms.NUMBER.fullmatch(value.strip()):
        value = int(value.partition(".")[0].replace(",", ""))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**15:
        return None
    return int(value)


def _count_beside_list(body: Any, entries: list[_Entry]) -> Total | None:
    """Give a count that is larger than the list beside it; one that is not may only say how long that list is."""
    for each in entries:
        number = whole_number(each.value) if terms.COUNT.fullmatch(each.key) else None
        parent = each.place.rpartition(".")[0]
        if number is None or not each.expression or (parent and not terms.BESIDE.fullmatch(_plain(parent))):
            continue
        lengths = [len(value) for value in body.values() if isinstance(value, list)]
        if len(lengths) == 1 and number > lengths[0]:
            return Total(number, each.place)
    return None


def read_hints(body: Any, headers: Mapping[str, str]) -> Hints:
    """Give where an answer says that its list is longer."""
    found: dict[str, Any] = {}
    for each in (*_entries(body), *_header_entries(headers)):
        key, value = each.key, each.value
        is_no = _denies(each)
        if (terms.NEXT.fullmatch(key) and (_leads_on(value) or _is_object(each))) or (
            _is_yes(value) if _says_of_more(each) else is_no and key in terms.LAST
        ):
            if _is_elsewhere(each):
                continue
            found.setdefault("next_at", each.place)
            found["next"] = found.get("next") or (_named_by(each) if each.expression else None)
        elif terms.PAGES.fullmatch(key) and (pages := whole_number(value) or 0) > 1:
            found.setdefault("pages_at", each.place)
            found.setdefault("pages", pages)
        elif (
            (terms.PREVIOUS.fullmatch(key) and _leads_on(value, numbers=False))
            or (key in terms.BEFORE and value is True)
            or (key in terms.FIRST and is_no)
        ):
            found.setdefault("previous_at", each.place)
    for link in read_links(headers.get("Link", "")):
        if "next" in link.relations and link.anchor is None:
            found.setdefault("next_at", "the header Link")
            found["next"] = found.get("next") or (PaginationStyle.LINK_HEADER, "")
    return Hints(**found)


def _is_elsewhere(each: _Entry) -> bool:
    """Tell whether an entry is about something else than a list, by the objects that hold it."""
    parents = [_plain(name) for name in each.place.split(".")[:-1]] if each.expression else []
    if each.key in terms.WHOLE:
        return not all(name in terms.ENVELOPES or terms.BESIDE.fullmatch(name) for name in parents)
    return any(map(terms.QUOTA.fullmatch, parents))


def says_more(body: Any, headers: Mapping[str, str], fields: tuple[str, ...]) -> bool | None:
    """Tell whether an answer says in so many words that more follow, or that none do; None where it says neither.

    As :func:`total_hint`, it looks where the list is; and a number as ``last`` is that of the last page.
    """
    said: bool | None = None
    for each in (*_entries(body, towards=fields), *_header_entries(headers)):
        is_no = _denies(each)
        is_last = each.key in terms.LAST and _is_yes(each.value) and isinstance(each.value, bool | str)
        if _is_yes(each.value) if _says_of_more(each) else is_no and each.key in terms.LAST:
            return True
        if is_last or (is_no and _says_of_more(each)):
            said = False
    return said


def says_no_next(body: Any, headers: Mapping[str, str], fields: tuple[str, ...]) -> bool:
    """Tell whether an answer says that no page follows, by a ``null`` as the next one or in so many words."""
    said = says_more(body, headers, fields)
    nexts = [each.value for each in _entries(body, towards=fields) if terms.NEXT.fullmatch(each.key)]
    return said is False or (said is None and bool(nexts) and all(value is None for value in nexts))


def token_hints(body: Any, headers: Mapping[str, str]) -> dict[str, str]:
    """Give texts that may lead to a next page, though they need not, by the parameter that may take each."""
    found: dict[str, str] = {}
    for each in (*_entries(body), *_header_entries(headers)):
        if terms.TOKEN.fullmatch(each.key) and isinstance(each.value, str) and _leads_on(each.value):
            own = each.place.rpartition(".")[2] if each.expression else each.key
            found.setdefault("after" if each.key in ("endcursor", "aftercursor") else own, each.value)
    return found


def beside_lists(body: Any, depth: int = DEPTH) -> Any:
    """Give of an answer what hints are read from, which is small."""
    if isinstance(body, dict):
        is_read = depth > 0 and len(body) <= MAX_NAMES
        return {name: beside_lists(value, depth - 1) for name, value in body.items()} if is_read else {}
    if isinstance(body, str):
        return body[:MAX_LETTERS]
    if isinstance(body, list):
        return [{**beside_lists(link, 1), **_relation_of(link)} for link in body] if _are_links(body) else None
    return body


def _relation_of(link: dict[str, Any]) -> dict[str, Any]:
    return {name: link[name] for name in ("rel", "relation") if name in link}


def pages_its_lists(body: Any, headers: Mapping[str, str]) -> str | None:
    """Give where an answer shows that its API pages lists, though this one may be one page long."""
    for each in _entries(body):
        is_known = any(known.fullmatch(each.key) for known in (terms.NEXT, terms.MORE, terms.PAGES))
        if is_known or each.key in terms.LAST - {"last"}:
            return each.place
    paging = {"first", "last", "next", "prev", "previous"}
    links = read_links(headers.get("Link", ""))
    return "the header Link" if any(paging.intersection(link.relations) for link in links) else None


def list_hint(body: Any) -> str | None:
    """Give where an answer holds a list of objects, as JMESPath."""
    if _is_list_of_objects(body):
        return "@"
    return next((each.expression for each in _entries(body) if _is_list_of_objects(each.value)), None)


def field_hint(items: list[Any], what: str, configured: str | None) -> str | None:
    """Give another field of a list's items that may be their ``id`` or ``failed_at``."""
    first = next((item for item in items if isinstance(item, dict)), {})
    fields = {name: value for name, value in first.items() if _is_identifier(name) and name != configured}
    if what == "id":
        scalars = [
            name for name, value in fields.items() if isinstance(value, str | int) and not isinstance(value, bool)
        ]
        ranked = [name for name in scalars if _plain(name) in ("id", "uuid", "guid", "pk", "key")]
        named = ranked + [name for name in scalars if _plain(name).endswith("id")]
        return next((name for name in named if not is_personal(str(fields[name]))), None)
    from redrive.moments import moment  # asked for in a check alone

    times = [name for name, value in fields.items() if isinstance(value, str) and moment(value) is not None]
    return next(iter([name for name in times if "fail" in name.lower()] + times), None)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _named_by(each: _Entry) -> tuple[PaginationStyle, str] | None:
    """Give the style that follows what names a next page, and where that is."""
    value, expression = each.value, each.expression
    if isinstance(value, dict):
        inner = _inner(value)
        value, expression = value.get(inner), f"{expression}.{inner}"
    if not isinstance(value, str) or "…" in each.place:
        return None
    return (PaginationStyle.NEXT_URL if "/" in value or "?" in value else PaginationStyle.CURSOR), expression


def _entries(
    body: Any, where: str = "", expression: str = "", depth: int = DEPTH, towards: tuple[str, ...] | None = None
) -> Iterator[_Entry]:
    """Give each entry of an answer's objects, the outer ones first.

    Parameters
    ----------
    towards
        The fields that lead to a list, where only the objects on the way to it and the paging ones beside are wanted.
    """
    if not isinstance(body, dict) or len(body) > MAX_NAMES:
        return
    inner = []
    names = frozenset(map(_plain, body))
    for name, value in body.items():
        # A name that is not an identifier may be data, which belongs in no log.
        place = where + (name if _is_identifier(name) else "…")
        path = expression + (name if is_field(name) else json.dumps(name))
        yield _Entry(place, path, names, _plain(name), value)
        further = None if towards is None else towards[1:] if towards[:1] == (name,) else ()
        if (
            isinstance(value, dict)
            and depth > 1
            and (towards is None or further or terms.BESIDE.fullmatch(_plain(name)))
        ):
            inner.append((f"{place}.", f"{path}.", value, further))
        if _are_links(value):
            yield from _link_entries(value, place, path, names)
    for place, path, value, further in inner:
        yield from _entries(value, place, path, depth - 1, further)


def _are_links(value: Any) -> bool:
    """Tell whether something is a list of links, as FHIR and Oracle write them: ``{"rel": "next", "href": …}``."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LINKS:
        return False
    return all(isinstance(link, dict) and _relations(link) for link in value)


def _relations(link: dict[str, Any]) -> list[str]:
    """Give what a link is, in small letters; in Siren it may be several things."""
    found = next(iter(_relation_of(link).values()), None)
    found = [found] if isinstance(found, str) else found
    return [each.lower() for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _link_entries(links: list[Any], where: str, path: str, names: frozenset[str]) -> Iterator[_Entry]:
    for link in links:
        (name, written), *_ = _relation_of(link).items()
        inner = _inner(link)
        for relation in ("next", "prev", "previous"):
            if relation not in _relations(link):
                continue
            is_it = f"{name}=='{written}'" if isinstance(written, str) else f"contains({name}, '{relation}')"
            expression = f"{path}[?{is_it}].{inner} | [0]"
            yield _Entry(f"{where}, {relation},", expression, names, relation, link.get(inner))


def _inner(link: dict[str, Any]) -> str:
    return next((name for name in terms.INNER if link.get(name)), "href")


def _header_entries(headers: Mapping[str, str]) -> Iterator[_Entry]:
    """Give what headers say, as entries: ``X-Total: 500``, ``X-Next-Page: 3``, ``X-Pagination: {"next_page": 3}``."""
    for name, text in headers.items():
        key = _header_key(name)
        if not key:
            continue
        place = f"the header {name}"
        if key == "contentrange":
            key, text = "total", text.rpartition("/")[2]
        if key in terms.IN_JSON:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                continue
            yield from (each._replace(expression="") for each in _entries(found, f"{place}, "))
        else:
            value = int(text) if re.fullmatch("[0-9]{1,15}", text.strip()) else text
            yield _Entry(place, "", frozenset(), key, value)


@lru_cache(maxsize=1024)
def _header_key(name: str) -> str:
    """Give a header's name in plain; empty where it is none that says something of a list."""
    whole = _plain(name.lower().removeprefix("x-"))
    key = whole if whole in terms.IN_JSON else _plain(terms.PREFIX.sub("", name.lower()))
    known = key == "contentrange" or key in terms.IN_JSON
    patterns = (terms.TOTALS, terms.NEXT, terms.MORE, terms.PAGES, terms.TOKEN)
    return key if known or any(each.fullmatch(key) for each in patterns) else ""


def _says_of_more(each: _Entry) -> bool:
    """Tell whether an entry says whether more follow; or how many are left, where Bubble writes it."""
    is_more = terms.MORE.fullmatch(each.key) is not None
    return is_more or (each.key == "remaining" and {"count", "results"} <= each.names)


def _is_object(each: _Entry) -> bool:
    return isinstance(each.value, dict) and bool(each.value) and terms.OBJECT.fullmatch(each.key) is not None


def _denies(each: _Entry) -> bool:
    value = each.value
    if isinstance(value, str):
        return value.strip().lower() in ("false", "no", "n")
    return value is False or (value == 0 and each.key not in terms.NUMBERS)


def _is_yes(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "y", "1")
    return value is True or (isinstance(value, int) and value > 0)  # some say how many more


def _leads_on(value: Any, *, numbers: bool = True) -> bool:
    if isinstance(value, dict):
        value = value.get(_inner(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return numbers and value > 0
    return value is True or (isinstance(value, str) and value.strip().lower() not in terms.NO_NEXT)


@lru_cache(maxsize=1024)
def _is_identifier(name: str) -> bool:
    return re.fullmatch("@?([A-Za-z_][A-Za-z0-9_.-]{0,15}:)?[A-Za-z_][A-Za-z0-9_.-]{0,31}", name) is not None


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    # Of a name of a terms (hydra:next) what comes behind its prefix.
    return re.sub("[^a-z0-9]", "", name.lower().rpartition(":")[2])
