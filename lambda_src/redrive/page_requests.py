"""What to ask for: the first page of a source's list, and by each of six styles the page after an answer.

A source's filters and the size of a page go along with every request, also where the API names the next page's URL.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urldefrag, urljoin, urlsplit, urlunsplit

from redrive.api import Api
from redrive.errors import ConfigurationError, ListingError
from redrive.expressions import is_null, search
from redrive.link_header import Link, read_links
from redrive.models import MAX_EXACT
from redrive.page import Content
from redrive.settings import Pagination, PaginationStyle, Source
from redrive.terms import NO_NEXT

NUMBERED = frozenset({PaginationStyle.PAGE, PaginationStyle.OFFSET})
"""Styles in which the lister counts for itself."""

MAX_TOKEN = 16_384
"""Characters of a next page's token or URL; no server takes a longer request line."""

MAX_PACKED = 3
"""One more than how often a token may be packed in Base64."""

MAX_DIGITS = 12
"""Nothing that is longer counts pages or items."""

_STANDARD = str.maketrans("-_", "+/")
"""From the Base64 of URLs to that of everything else (RFC 4648, 5)."""

Params = tuple[tuple[str, str], ...]


class PageRequest(NamedTuple):
    """What to ask for: a URL, query parameters that go to its own, and in numbered styles the page's number."""

    url: str
    params: Params
    number: int = 0


class Following(NamedTuple):
    """What an answer says comes next.

    Attributes
    ----------
    request
        None where nothing does.
    is_explicit
        Where nothing does: whether the answer says so, rather than saying nothing.
    token
        What the answer names: a token or a URL.
    """

    request: PageRequest | None
    is_explicit: bool = True
    token: str = ""


def first_request(source: Source, api: Api, number: int | None = None, size: int | None = None) -> PageRequest:
    """Give the request for the first page, or in a numbered style for the one with this number."""
    if source.pagination.style in NUMBERED and number is None:
        number = first_number(source.pagination)
    return numbered_request(source, api.url(source.path), number or 0, size)


def numbered_request(source: Source, url: str, number: int, size: int | None = None) -> PageRequest:
    """Give the request to a URL for a first page, or in a numbered style for the one with this number."""
    pagination = source.pagination
    over: dict[str, str] = {}
    if pagination.style is not PaginationStyle.NONE and pagination.size_param:
        over[pagination.size_param] = str(size or pagination.size)
    if pagination.style in NUMBERED:
        over[number_param(pagination)] = str(number)
    return PageRequest(url, _params(source, over), number)


def filters_alone(source: Source) -> Params:
    """Give the parameters of a request that asks for nothing but what the source's filters say."""
    return _params(source, {})


def first_number(pagination: Pagination) -> int:
    """Give the number of the first page, or of the first item."""
    return pagination.first_page if pagination.style is PaginationStyle.PAGE else pagination.first_offset


def first_setting(pagination: Pagination) -> str:
    """Give the setting that holds it."""
    return "first_page" if pagination.style is PaginationStyle.PAGE else "first_offset"


def number_param(pagination: Pagination) -> str:
    """Give the parameter that carries it."""
    return pagination.page_param if pagination.style is PaginationStyle.PAGE else pagination.offset_param


def following(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:
    """Give what an answer says comes next.

    Raises
    ------
    ListingError
        What it names is neither a token nor a URL of the API.
    ConfigurationError
        ``pagination.next`` is missing, or not JMESPath.
    """
    return _FOLLOWING[source.pagination.style](name, source, api, request, content)


def is_counted(source: Source, path: str, token: str, pages: int, items: int) -> bool:
    """Tell whether a next page's token or URL counts pages or items, so that the list shifts as a numbered one does.

    Parameters
    ----------
    path
        That of the source's URL.
    pages, items
        How many were read.
    """
    pagination = source.pagination
    if pagination.style is PaginationStyle.CURSOR:
        values = [token]
    else:
        parts, known = urlsplit(token), {*source.filters, pagination.size_param}
        values = [value for name, value in parse_qsl(parts.query) if name not in known]
        own = path.split("/")
        values += [segment for segment in parts.path.split("/") if segment not in own]
    # What the API leaves out after it has cut a page is counted as well.
    counts = {pages, pages + 1, items - 1, items, items + 1, pages * pagination.size, pages * pagination.size + 1}
    return any(not counts.isdisjoint(_numbers_in(value)) for value in values)


def put_back(source: Source, request: PageRequest) -> list[str]:
    """Give the parameters that a request for a next page has besides what the API named."""
    style, own = source.pagination.style, source.pagination.cursor_param
    if style in NUMBERED or style is PaginationStyle.NONE:
        return []
    return list(dict.fromkeys(name for name, _ in request.params if style is not PaginationStyle.CURSOR or name != own))


def _numbers_in(token: str) -> Iterator[int]:
    """Give what may be numbers in a token, also hexadecimal ones, and where it is packed in Base64, even twice."""
    for _ in range(MAX_PACKED):
        yield from (int(digits) for digits in re.findall(r"\d+", token, re.ASCII) if len(digits) < MAX_DIGITS)
        words = re.findall(r"(?<![^\W_])(?:0[xX])?[0-9a-fA-F]+(?![^\W_])", token, re.ASCII)
        yield from (int(word, 16) for word in words if len(word) < MAX_DIGITS and re.search(r"\d", word))
        try:
            token = b64decode(token.translate(_STANDARD) + "=" * (-len(token) % 4), validate=True).decode("ascii")
        except ValueError:
            return


def _params(source: Source, over: dict[str, str]) -> Params:
    """Give a source's filters, each as often as it has values, and over them these parameters."""
    kept = [(name, value) for name, values in _filters(source) if name not in over for value in values]
    return (*kept, *over.items())


def _filters(source: Source) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, (value,) if isinstance(value, str) else value) for name, value in source.filters.items()]


def _nothing(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:  # noqa: ARG001
    return Following(None)


def _next_number(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:  # noqa: ARG001
    pagination = source.pagination
    # An offset grows by what came, not by what was asked for: many APIs cap the size of a page.
    step = 1 if pagination.style is PaginationStyle.PAGE else content.extent or pagination.size
    number = request.number + step
    param = number_param(pagination)
    params = tuple((key, str(number) if key == param else value) for key, value in request.params)
    return Following(request._replace(params=params, number=number))


def _next_cursor(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:  # noqa: ARG001
    token, is_explicit = _token(name, source, content)
    if token is None:
        return Following(None, is_explicit)
    param = source.pagination.cursor_param
    params = (*((key, value) for key, value in request.params if key != param), (param, token))
    return Following(request._replace(params=params), token=token)


def _next_in_body(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:  # noqa: ARG001
    token, is_explicit = _token(name, source, content)
    return Following(None, is_explicit) if token is None else _at(source, api, content, token)


def _next_in_link_header(name: str, source: Source, api: Api, request: PageRequest, content: Content) -> Following:  # noqa: ARG001
    links = [link for link in read_links(content.answer.headers.get("Link", "")) if _is_of(link, content.answer.url)]
    for link in links:
        if "next" in link.relations:
            return _at(source, api, content, link.target)
    paging = {"first", "last", "prev", "previous"}
    return Following(None, is_explicit=any(paging.intersection(link.relations) for link in links))


_FOLLOWING: dict[PaginationStyle, Callable[[str, Source, Api, PageRequest, Content], Following]] = {
    PaginationStyle.NONE: _nothing,
    PaginationStyle.PAGE: _next_number,
    PaginationStyle.OFFSET: _next_number,
    PaginationStyle.CURSOR: _next_cursor,
    PaginationStyle.NEXT_URL: _next_in_body,
    PaginationStyle.LINK_HEADER: _next_in_link_header,
}


def _is_of(link: Link, url: str) -> bool:
    """Tell whether a link is one of the answer itself: an ``anchor`` may make it another resource's (RFC 8288, 3.2)."""
    if link.anchor is None:
        return True
    try:
        return urldefrag(urljoin(url, link.anchor)).url == urldefrag(url).url
    except ValueError:
        return False


def _at(source: Source, api: Api, content: Content, url: str) -> Following:
    """Follow a URL that the API gave. What it lacks of filters and size is put back; what it has stays."""
    base = content.answer.url
    # Some write it as for HTML; no parameter's name begins so.
    parts = urlsplit(urldefrag(api.same_origin_url(url.replace("&amp;", "&"), base)).url)
    pairs = [part for part in parts.query.split("&") if part]
    lacking: list[tuple[str, str]] = []
    for name, values in _wanted(source):
        there = [pair for pair in pairs if _name(pair) == _unindexed(name)]
        # Fewer values than were asked for, or an empty one, would list something else than the page before.
        if sum(_has_value(pair) for pair in there) < sum(bool(value) for value in values) or not there:
            pairs = [pair for pair in pairs if pair not in there]
            lacking += [(name, value) for value in values]
    request = PageRequest(urlunsplit(parts._replace(query="&".join(pairs))), tuple(lacking))
    return Following(request, token=url)


def _wanted(source: Source) -> Sequence[tuple[str, tuple[str, ...]]]:
    size_param, filters = source.pagination.size_param, _filters(source)
    return [*filters, (size_param, (str(source.pagination.size),))] if size_param else filters


def _name(pair: str) -> str:
    return _unindexed(unquote_plus(pair.split("=", 1)[0]))


def _unindexed(name: str) -> str:
    return re.sub(r"\[\d*\]$", "[]", name)  # so PHP repeats a list: status[0]=…&status[1]=…


def _has_value(pair: str) -> bool:
    return bool(unquote_plus(pair.partition("=")[2]).strip())


def _token(name: str, source: Source, content: Content) -> tuple[str | None, bool]:
    """Give the next page's token, or None and whether the answer says that there is none."""
    where = f"sources.{name}.pagination.next"
    expression = source.pagination.next
    if not expression:
        raise ConfigurationError(f"{where}: missing; pagination.style {source.pagination.style} needs it")
    token = search(expression, content.body, where)
    if token is None:
        return None, is_null(expression, content.body, where)
    if not token or token == -1 or (isinstance(token, str) and token.strip().lower() in NO_NEXT):
        # A token of 0 would lead back to the beginning: some APIs end a list so.
        return None, True
    if isinstance(token, float) and token.is_integer() and token < MAX_EXACT:
        token = int(token)
    if token is True or not isinstance(token, str | int):
        inner = next(
            (key for key in ("href", "url") if isinstance(token, dict) and isinstance(token.get(key), str)), ""
        )
        line = f"{where} = {json.dumps(f'{expression}.{inner}')}" if inner else f"{where} = …"
        raise ListingError(f"{where}: {expression!r} gives neither a text nor a number", line)
    if isinstance(token, str) and len(token) > MAX_TOKEN:
        raise ListingError(
            f"{where}: {expression!r} gives a text of more than {MAX_TOKEN:,} characters", f"{where} = …"
        )
    return str(token), True
