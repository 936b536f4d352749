"""What is asked once more, where all that is known of a list is one answer that wrong settings would get as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from http import HTTPStatus

from redrive.endings import EMPTY_PAGE, HTTP, LEAST_DEFAULT, REFUSED_PARAMS, beyond_depth
from redrive.errors import ListingError, RedriveError
from redrive.hints import token_hints
from redrive.lines import pagination_line
from redrive.page import Content, Unlisted
from redrive.page_requests import NUMBERED, PageRequest, filters_alone, first_number, numbered_request
from redrive.progress import Progress
from redrive.settings import PaginationStyle, Source

Ask = Callable[[PageRequest, str], Content | Unlisted]
"""Takes what to ask for, and why, in words."""


def raise_doubts(name: str, source: Source, first: PageRequest, progress: Progress, ask: Ask) -> Iterator[None]:
    """Doubt that an empty list is empty, and that a list without pages has none.

    Parameters
    ----------
    first
        The request that the list was first asked for with.

    Yields
    ------
    None
        Before each request.

    Raises
    ------
    ListingError
        It is not so.
    """
    if progress.first and not progress.lengths:
        yield from _doubt_emptiness(name, source, first, ask)
    is_alone = source.pagination.style is PaginationStyle.NONE and not progress.is_total_known
    if is_alone and progress.last and progress.came >= LEAST_DEFAULT:
        yield from _doubt_one_answer(name, source, first, progress.last[1], ask)
    if source.pagination.style in NUMBERED and progress.last and not progress.is_total_known:
        if progress.is_at_cap and progress.evidence == EMPTY_PAGE:
            yield from _doubt_depth(name, source, progress, progress.last, ask)
        elif source.pagination.style is PaginationStyle.OFFSET and _is_last_full(progress):
            yield from _doubt_offset(name, source, progress, progress.last, ask)


def _doubt_emptiness(name: str, source: Source, first: PageRequest, ask: Ask) -> Iterator[None]:
    """Ask by the filters alone: some APIs take a parameter they do not know for a filter, which nothing matches."""
    params = filters_alone(source)
    if params == first.params:
        return
    yield None
    if not _lists_something(_ask(ask, first._replace(params=params), "by the filters alone")):
        return
    yield None
    again = _ask(ask, first, "page 1, again")
    if isinstance(again, Content) and again.is_empty:  # else something failed meanwhile
        further = ", ".join(param for param, _ in first.params if param not in dict(params))
        raise ListingError(
            f"sources.{name}: the list is empty with {further} in the request and is not without; does the API take "
            f"one of them for a filter? See sources.{name}.pagination",
            f"sources.{name}.pagination = …",
        )


def _doubt_one_answer(name: str, source: Source, first: PageRequest, content: Content, ask: Ask) -> Iterator[None]:
    """Ask for what would come next, by the names most APIs give to it; one that does not page gives the same again."""
    for page in (2, 1):
        guesses = {"page": str(page), "offset": str(content.extent), "skip": str(content.extent)}
        words = " and ".join(f"{param}={value}" for param, value in guesses.items() if param not in source.filters)
        found = yield from _guess(name, source, first, content, ask, guesses, f"as page {page}", words)
        if found is None or not found.is_empty:
            break  # else its pages may be counted from 0
    for param, token in token_hints(content.body, content.answer.headers).items():
        yield from _guess(name, source, first, content, ask, {param: token}, f"by its {param}", f"its {param}")


def _doubt_depth(
    name: str, source: Source, progress: Progress, last: tuple[PageRequest, Content], ask: Ask
) -> Iterator[None]:
    """Ask for a page that begins before a cap and ends behind it: who serves nothing deeper refuses it as a whole."""
    pagination = source.pagination
    if pagination.style is PaginationStyle.OFFSET:
        request = _from_last_item(source, last)
    else:
        size = next((size for size in range(progress.lengths[0] - 1, 1, -1) if progress.came % size), 0)
        if not (pagination.size_param and size):
            return
        request = numbered_request(source, last[0].url, first_number(pagination) + progress.came // size, size)
    yield None
    if not _lists_something(_ask(ask, request, "a page across the cap")):
        raise beyond_depth(name, progress, "an empty page came, and nothing for a page that begins before it")


def _doubt_offset(
    name: str, source: Source, progress: Progress, last: tuple[PageRequest, Content], ask: Ask
) -> Iterator[None]:
    """Ask for what begins with the last item, behind which nothing came: an offset may be a page's number instead."""
    request, content = last
    if not progress.evidence.startswith((EMPTY_PAGE, HTTP)):
        return
    yield None
    found = _ask(ask, _from_last_item(source, last), "from the last item on")
    if isinstance(found, Unlisted):
        # Some APIs refuse an offset that is no multiple of the size.
        is_there = found.answer.status in REFUSED_PARAMS or progress.evidence != f"{HTTP}{found.answer.status}"
    else:
        is_there = found is None or _has_last(found, content)
    if is_there:
        return
    yield None
    again = _ask(ask, request, "the last page, again")
    if isinstance(again, Content) and again.key == content.key:  # else something left the list meanwhile
        pagination = source.pagination
        where, param = f"sources.{name}.pagination", pagination.offset_param
        raise ListingError(
            f"{where}.style: offset, yet asked from the last of {progress.came} items on, the API does not give it "
            f"again; is {param!r} a page's number?",
            pagination_line(
                where, pagination, PaginationStyle.PAGE, page_param=param, first_page=pagination.first_offset
            ),
        )


def _is_last_full(progress: Progress) -> bool:
    last, least = progress.lengths[-1], min(progress.source.pagination.size, LEAST_DEFAULT)
    return last >= max(least, *progress.lengths)


def _from_last_item(source: Source, last: tuple[PageRequest, Content]) -> PageRequest:
    request, content = last
    number = request.number + content.extent - 1
    param = source.pagination.offset_param
    params = tuple((key, str(number) if key == param else value) for key, value in request.params)
    return request._replace(params=params, number=number)


def _has_last(found: Content, content: Content) -> bool:
    """Tell whether an answer holds the last item of another one, whichever that is: ``items`` may sort them.

    As far as ids tell: it may leave that one out as well.
    """
    is_all = len(content.ids) == content.extent and all(content.ids)
    return not set(content.ids).isdisjoint(found.ids) if is_all else not found.is_empty


def _guess(
    name: str,
    source: Source,
    first: PageRequest,
    content: Content,
    ask: Ask,
    guesses: dict[str, str],
    why: str,
    words: str,
) -> Generator[None, None, Content | None]:
    """Ask with parameters that may lead to a next page; give what came, None where it was no list."""
    params = tuple((param, value) for param, value in guesses.items() if param not in source.filters)
    yield None
    found = _ask(ask, first._replace(params=(*first.params, *params)), f"what may come after it, {why}")
    if not isinstance(found, Content):
        return None
    ids = set(filter(None, found.ids))
    if ids and not ids.intersection(content.ids):
        raise ListingError(
            f"sources.{name}.pagination.style: none, yet the API pages its list: other items come for {words}",
            f"sources.{name}.pagination.style = …",
        )
    return found


def _ask(ask: Ask, request: PageRequest, why: str) -> Content | Unlisted | None:
    """Ask for what may not be there, and may be refused."""
    try:
        return ask(request, why)
    except RedriveError:
        return None


def _lists_something(found: Content | Unlisted | None) -> bool:
    """Tell whether an answer holds items, if only as a bare list: so some APIs answer who does not ask for a page."""
    if isinstance(found, Unlisted):
        return found.answer.status == HTTPStatus.OK and re.match(rb"\s*\[\s*[^\s\]]", found.answer.body) is not None
    return found is not None and not found.is_empty
