"""Whether a list has ended: the evidence for it, or an error in words that name the setting to change."""

from __future__ import annotations

from http import HTTPStatus

from redrive.answers import in_full
from redrive.errors import ListingError
from redrive.expressions import search
from redrive.hints import read_hints
from redrive.page import Content
from redrive.page_requests import NUMBERED, first_number, first_setting
from redrive.progress import MAX_EMPTY, Progress
from redrive.settings import PaginationStyle, Source

LEAST_DEFAULT = 10
"""No API gives fewer items than this on a page of its own accord: so short a page is a list's last."""

LEAST_DEPTH = 1000
"""Some APIs refuse what lies deeper in a list, or give the last page again; none does so before this many items."""

EMPTY_PAGE = "empty page"
NO_NEXT_PAGE = "no next page"
TOTAL_REACHED = "total reached"
PAGE_AGAIN = "the last page came again"
ONE_ANSWER = "one answer"
REFUSED_PARAMS = frozenset({400, 422})
"""Statuses with which an API refuses a parameter, or its value; so do some with 403, where a URL is signed."""

COUNTS_NOTHING = "`0`"
"""``total`` of an API that says nothing of how long its list is, whatever looks as if it did."""

HTTP = "HTTP "
"""Before the status of an answer that ends a list."""


def after_empty_page(progress: Progress, size: int) -> str:
    """Give the evidence where an empty page ends a numbered list; nothing where the page after it is to be asked for.

    Parameters
    ----------
    progress
        Counts this page already.
    size
        How many items were asked for on a page.
    """
    if progress.total and progress.is_total_known:
        enough = 1 if progress.came >= progress.total.number else MAX_EMPTY
    elif progress.has_gap:
        enough = MAX_EMPTY
    elif not progress.is_steady:
        enough = 3
    elif not progress.lengths or progress.lengths[-1] >= size:
        enough = 2  # a list whose length is a multiple of the size ends so; so does one with a gap begin
    else:
        enough = 1
    return EMPTY_PAGE if progress.empty >= enough else ""


def tells_nothing(source: Source, progress: Progress, *, is_explicit: bool) -> bool:
    """Tell whether that an answer names no next page says nothing: none was ever named, and the page may be full.

    Parameters
    ----------
    is_explicit
        Whether the answer says that there is none, rather than saying nothing.
    """
    size = source.pagination.size
    # A page may be full also where it has fewer items than were asked for: many APIs cap its size.
    least = min(size, LEAST_DEFAULT) if source.pagination.size_param else size
    is_full = len(progress.lengths) == 1 and progress.lengths[0] >= least
    return is_full and not is_explicit and not progress.is_total_known


def never_a_next(name: str, source: Source, progress: Progress) -> ListingError:
    """Give the error for an API that is not seen to name a next page where there must be one."""
    where, came = f"sources.{name}.pagination", progress.lengths[0]
    full = f"is full ({came} items)" if came >= source.pagination.size else f"may be full ({came} items)"
    place = f"{where}.next {source.pagination.next!r} is not in the answer"
    if source.pagination.style is PaginationStyle.LINK_HEADER:
        place = f"{where}.style is link_header, yet there is no header Link"
    return ListingError(
        f"sources.{name}: the first page {full} and {place}, so nothing shows whether more follow; {where}.total would",
        f"{where}.{'style' if source.pagination.style is PaginationStyle.LINK_HEADER else 'next'} = …",
    )


def must_lead_nowhere(name: str, source: Source, progress: Progress, content: Content) -> None:
    """Raise ``ListingError`` where an answer that should be the last says that more follow.

    A configured total that is reached goes before: what looks like a next page may be something else.
    """
    pagination = source.pagination
    is_none = progress.total is not None and progress.total.number == progress.listed == 0
    if pagination.total and (progress.is_reached or is_none):
        return
    hints = read_hints(content.body, content.answer.headers)
    where = f"sources.{name}.pagination"
    if pagination.style is PaginationStyle.NONE:
        place = hints.next_at or hints.pages_at or _part_of_a_range(progress, content)
        if place and pagination.total != COUNTS_NOTHING:
            raise ListingError(
                f"{where}.style: none, yet the API pages its list: there is {place} in the answer{_unless(where)}",
                hints.line(where, pagination),
            )
    elif hints.next_at and not _is_denied(where, source, content):
        setting = f"{where}.style" if pagination.style in NUMBERED else f"{where}.next"
        setting = f"{where}.style" if pagination.style is PaginationStyle.LINK_HEADER else setting
        raise ListingError(
            f"{setting}: the last answer says in {hints.next_at} that more follow", hints.line(where, pagination)
        )


def _unless(where: str) -> str:
    return f'; if it says something else there, set {where}.total to "{COUNTS_NOTHING}", for nothing'


def _is_denied(where: str, source: Source, content: Content) -> bool:
    """Tell whether what ``next`` names says no: ``has_more && next`` is for APIs that name a next page on each one."""
    pagination = source.pagination
    if pagination.next is None or pagination.style not in (PaginationStyle.CURSOR, PaginationStyle.NEXT_URL):
        return False
    try:
        return search(pagination.next, content.body, f"{where}.next") is False
    except ListingError:  # it looks into the list, which is not kept
        return False


def _part_of_a_range(progress: Progress, content: Content) -> str | None:
    """Give where an answer says that it is a part of the list, and of which length nobody knows (RFC 9110, 14.4)."""
    if progress.is_reached or content.is_empty:
        return None
    if content.answer.status == HTTPStatus.PARTIAL_CONTENT:
        return in_full(content.answer.status)
    is_open = content.answer.headers.get("Content-Range", "").strip().endswith("/*")
    return "the header Content-Range" if is_open else None


def pages_named(progress: Progress) -> int:
    """Give how many pages the list has, as its last page says; 0 where it says nothing of it."""
    if not progress.last or progress.source.pagination.style is PaginationStyle.NONE:
        return 0
    _, content = progress.last
    return read_hints(content.body, content.answer.headers).pages


def believed(name: str, source: Source, progress: Progress, came: int) -> str:
    """Give the evidence for the end, where neither the total nor the first page speaks against it.

    Parameters
    ----------
    came
        How many items came in all passes.
    """
    pagination = source.pagination
    where = f"sources.{name}.pagination"
    if progress.first and pagination.style in NUMBERED:
        hints = read_hints(progress.first.body, progress.first.answer.headers)
        if hints.previous_at:
            first = first_setting(pagination)
            raise ListingError(
                f"{where}.{first}: {first_number(pagination)} is not the beginning: the answer says in "
                f"{hints.previous_at} that a page comes before it",
                f"{where}.{first} = {first_number(pagination) - 1 if first == 'first_page' else 0}",
            )
    pages = pages_named(progress)
    if pages > len(progress.asked) and not (pagination.total and progress.is_reached):
        setting = f"{pagination.style}_param" if pagination.style in NUMBERED else "next"
        raise ListingError(
            f"sources.{name}: the API says that there are {pages} pages, and {len(progress.asked)} came",
            f"{where}.{setting} = …",
        )
    if progress.total is None:
        return progress.evidence
    total, place = progress.total.number, progress.total.place
    came = max(progress.came, came)
    if came >= total:
        return TOTAL_REACHED if progress.is_reached else progress.evidence
    if pagination.style is PaginationStyle.NONE:
        raise ListingError(
            f"{where}.style: none, yet the API pages its list: {came} of {total} came ({place}){_unless(where)}",
            f"{where}.style = …",
        )
    otherwise = f'; if that counts something else, set {where}.total, or to "{COUNTS_NOTHING}" for nothing'
    advice = "" if pagination.total else otherwise
    raise ListingError(f"sources.{name}: {came} of {total} items came, as {place} says{advice}", f"{where}.total = …")


def beyond_depth(name: str, progress: Progress, words: str) -> ListingError:
    """Give the error for a list that may go on deeper than the API lets anybody read."""
    if progress.is_at_cap:
        return ListingError(
            f"sources.{name}: after {progress.came} items {words}; {progress.came:,} is where APIs stop counting and "
            f"paging, so nothing shows whether the list ends there; let sources.{name}.filters narrow it",
            f"sources.{name}.filters = …",
        )
    return ListingError(
        f"sources.{name}: after {progress.came} items {words}; nothing shows whether the list ends there or only what "
        f"the API gives of it; sources.{name}.pagination.total would",
        f"sources.{name}.pagination.total = …",
    )


def same_request(name: str, source: Source) -> ListingError:
    """Give the error for a next page that was asked for before."""
    where = f"sources.{name}.pagination"
    setting = "style" if source.pagination.style is PaginationStyle.LINK_HEADER else "next"
    return ListingError(
        f"{where}.{setting}: the answer names a page that was read as the next one, it would never end, and nothing "
        f"says that the list ends there; {where}.total would",
        f"{where}.{setting} = …",
    )


def same_pages(name: str, source: Source) -> ListingError:
    """Give the error for an API that answers a second request as the first."""
    pagination = source.pagination
    if pagination.param is None:
        return ListingError(
            f"sources.{name}: two pages are the same, though the API names the second one as the next",
            f"sources.{name}.pagination.next = …" if pagination.style is PaginationStyle.NEXT_URL else "",
        )
    setting = f"{pagination.style}_param"
    from_0 = pagination.style is PaginationStyle.PAGE and pagination.first_page == 0
    more = ", or does it count pages from 1 (first_page)" if from_0 else ""
    return ListingError(
        f"sources.{name}: two pages are the same; does the API know {pagination.param!r}{more}?",
        f"sources.{name}.pagination.{setting} = …",
    )
