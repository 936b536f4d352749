"""The six ways in which an API hands out a long list, each a rule for the request that follows an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import jmespath
import requests
from aws_lambda_powertools.exceptions import InvalidEnvelopeExpressionError
from aws_lambda_powertools.utilities.jmespath_utils import query
from jmespath.exceptions import JMESPathError

from redrive import clock
from redrive.api import Api
from redrive.errors import ConfigurationError, ListingError
from redrive.models import MAX_ID_BYTES, moment, primary_id
from redrive.settings import PaginationStyle, Source

MAX_PASSES = 3
"""How often a list that is paged by number is read at most; what still shifts then is the next run's."""


@dataclass(frozen=True)
class Page:
    """One answer.

    Attributes
    ----------
    ids
        In order, without those of items that failed too recently.
    young
        Those: younger than ``min_age_seconds``.
    without_id, without_time
        How many items have no usable id or, where one is asked for, no usable ``failed_at``; these count as old.
    milliseconds
        How long the answer took.
    """

    ids: tuple[str, ...]
    young: tuple[str, ...]
    without_id: int
    without_time: int
    milliseconds: float


@dataclass(frozen=True)
class PageRequest:
    """What to ask for: a URL and its query parameters."""

    url: str
    params: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """One page as it came, with all that a style needs to say what to ask for next."""

    name: str
    source: Source
    api: Api
    request: PageRequest
    response: requests.Response
    body: Any
    items: list[Any]
    ids: tuple[str | None, ...]


def read_pages(name: str, source: Source, api: Api) -> Iterator[Page]:
    """Read a source page by page, to its end.

    A list that is paged by number shifts when something leaves it meanwhile, and what slides onto a page already
    read would be skipped. Such a list is read again until a pass brings nothing new; one that fits on a page is not.

    Parameters
    ----------
    name
        The source's key in ``sources``, for errors.

    Yields
    ------
    Page
        Ids; the same one may come more than once.

    Raises
    ------
    ListingError
        An answer that is not a list, a page that repeats, or a next page on another origin.
    ConfigurationError
        A JMESPath expression that is none.
    ApiUnavailable, CredentialsRefused
        See :meth:`redrive.api.Api.get`.
    """
    if source.pagination.style not in _NUMBERED:
        yield from _read_once(name, source, api)
        return
    known: set[str] = set()
    for number in range(MAX_PASSES):
        pages, is_new = 0, False
        for page in _read_once(name, source, api):
            fresh, young = (tuple(id_ for id_ in ids if id_ not in known) for ids in (page.ids, page.young))
            known.update(fresh, young)
            pages, is_new = pages + 1, is_new or bool(fresh or young)
            unusable = {} if number == 0 else {"without_id": 0, "without_time": 0}  # counted once
            yield replace(page, ids=fresh, young=young, **unusable)
        if pages < 2 or not is_new:
            return


def _read_once(name: str, source: Source, api: Api) -> Iterator[Page]:
    style = source.pagination.style
    request: PageRequest | None = _first_request(source, api)
    asked: set[tuple[str, ...]] = set()
    before: Answer | None = None
    while request:
        key = (request.url, *request.params.values())
        if key in asked:
            raise ListingError(f"sources.{name}: the API gave the same next page again; it would never end")
        asked.add(key)
        response = api.get(request.url, request.params)
        if response.status_code == HTTPStatus.NOT_FOUND:
            if before and style in _NUMBERED:
                return  # so some APIs say that there are no more pages
            raise ListingError(f"sources.{name}.path: HTTP 404; there is no such endpoint")
        body = _json(response, f"sources.{name}")
        items = _items(body, source, f"sources.{name}")
        answer = Answer(name, source, api, request, response, body, items, _ids(items, source, f"sources.{name}"))
        if style in _NUMBERED:
            if not answer.ids:
                return
            if before and any(answer.ids) and before.ids == answer.ids:
                if len(asked) == 2 and len(answer.ids) >= source.pagination.size:
                    raise ListingError(
                        f"sources.{name}: two pages are the same; does the API know {_number_param(source)!r}?"
                    )
                return  # beyond the end some APIs give the last page again
        yield _page(answer)
        request, before = _FOLLOWING[style](answer), answer


def _page(answer: Answer) -> Page:
    ids = tuple(filter(None, answer.ids))
    failed_at = _failed_at(answer)
    ripe = clock.now() - answer.source.min_age_seconds
    young = {id_ for id_, at in zip(answer.ids, failed_at, strict=False) if id_ and at is not None and at > ripe}
    return Page(
        ids=tuple(id_ for id_ in ids if id_ not in young) if young else ids,
        young=tuple(id_ for id_ in ids if id_ in young) if young else (),
        without_id=len(answer.ids) - len(ids),
        without_time=failed_at.count(None),
        milliseconds=answer.response.elapsed.total_seconds() * 1000,
    )


def _failed_at(answer: Answer) -> list[float | None]:
    expression = answer.source.failed_at
    if not (expression and answer.source.min_age_seconds):
        return []
    found = _search(f"map(&({expression}), @)", answer.items, f"sources.{answer.name}.failed_at")
    return [moment(value) for value in found]


def _first_request(source: Source, api: Api) -> PageRequest:
    pagination = source.pagination
    params = dict(source.filters)
    if pagination.style is not PaginationStyle.NONE:
        params[pagination.size_param] = str(pagination.size)
    if pagination.style in _NUMBERED:
        first = pagination.first_page if pagination.style is PaginationStyle.PAGE else 0
        params[_number_param(source)] = str(first)
    return PageRequest(api.url(source.path), params)


def _number_param(source: Source) -> str:
    pagination = source.pagination
    return pagination.page_param if pagination.style is PaginationStyle.PAGE else pagination.offset_param


def _next_number(answer: Answer) -> PageRequest:
    # An offset grows by what came, not by what was asked for: many APIs cap the size of a page.
    step = 1 if answer.source.pagination.style is PaginationStyle.PAGE else len(answer.ids)
    param = _number_param(answer.source)
    number = int(answer.request.params[param]) + step
    return replace(answer.request, params=answer.request.params | {param: str(number)})


def _next_cursor(answer: Answer) -> PageRequest | None:
    token = _next_token(answer)
    if token is None:
        return None
    return replace(answer.request, params=answer.request.params | {answer.source.pagination.cursor_param: token})


def _next_in_body(answer: Answer) -> PageRequest | None:
    return _follow(answer, _next_token(answer))


def _next_in_link_header(answer: Answer) -> PageRequest | None:
    return _follow(answer, answer.response.links.get("next", {}).get("url"))


_NUMBERED = frozenset({PaginationStyle.PAGE, PaginationStyle.OFFSET})

_FOLLOWING: dict[PaginationStyle, Callable[[Answer], PageRequest | None]] = {
    PaginationStyle.NONE: lambda _: None,
    PaginationStyle.PAGE: _next_number,
    PaginationStyle.OFFSET: _next_number,
    PaginationStyle.CURSOR: _next_cursor,
    PaginationStyle.NEXT_URL: _next_in_body,
    PaginationStyle.LINK_HEADER: _next_in_link_header,
}


def _follow(answer: Answer, url: str | None) -> PageRequest | None:
    """Follow a URL that the API gave, as it is: it holds filters and size already."""
    if not url:
        return None
    try:
        url = urljoin(answer.response.url, url)
        is_same_origin = answer.api.is_same_origin(url)
    except ValueError:
        raise ListingError(f"sources.{answer.name}: the next page's URL is none") from None
    if not is_same_origin:
        raise ListingError(f"sources.{answer.name}: the next page is on another origin than api.base_url; not followed")
    return PageRequest(url, {})


def _next_token(answer: Answer) -> str | None:
    where = f"sources.{answer.name}.pagination.next"
    expression = answer.source.pagination.next
    if not expression:
        raise ConfigurationError(f"{where}: missing; pagination.style {answer.source.pagination.style} needs it")
    token = _search(expression, answer.body, where)
    if token is None or token is False or token == "":
        return None
    if token is True or not isinstance(token, str | int):
        raise ListingError(f"{where}: {expression!r} gives neither a text nor a number")
    return str(token)


def _items(body: Any, source: Source, where: str) -> list[Any]:
    items = _search(source.items, body, f"{where}.items")
    if not isinstance(items, list):
        found = "null" if items is None else type(items).__name__
        raise ListingError(f"{where}.items: {source.items!r} must give a list, and gives {found}")
    return items


def _ids(items: list[Any], source: Source, where: str) -> tuple[str | None, ...]:
    # One search a page, and not a projection: that would drop the items without an id. None where it is a plain field.
    if _is_field(source.id):
        found = [item.get(source.id) if isinstance(item, dict) else None for item in items]
    else:
        found = _search(f"map(&({source.id}), @)", items, f"{where}.id")
    return tuple(found if _are_plain(found) else map(primary_id, found))


def _are_plain(values: list[Any]) -> bool:
    """Tell of a whole page at once whether all are ids as nearly all ids are: ASCII letters, digits and hyphens."""
    if set(map(type, values)) != {str} or not all(values) or max(map(len, values)) > MAX_ID_BYTES:
        return False
    text = "".join(values).replace("-", "")
    return text.isascii() and text.isalnum()


@cache
def _is_field(expression: str) -> bool:
    """Tell whether a JMESPath expression is nothing but a field's name (grammar: unquoted-string)."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", expression) is not None


def _search(expression: str, data: Any, where: str) -> Any:
    if _is_field(expression):
        return data.get(expression) if isinstance(data, dict) else None
    try:
        jmespath.compile(expression)
    except JMESPathError:
        raise ConfigurationError(f"{where}: {expression!r} is not a JMESPath expression") from None
    try:
        return query(data, expression)
    except (JMESPathError, InvalidEnvelopeExpressionError, ValueError, RecursionError):
        # The error quotes the answer, which belongs in no log.
        raise ListingError(f"{where}: {expression!r} does not fit the answer") from None


def _json(response: requests.Response, where: str) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        kind = response.headers.get("Content-Type", "no Content-Type")
        raise ListingError(f"{where}: HTTP {response.status_code}, but the body is not JSON ({kind})") from None
